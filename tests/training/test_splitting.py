"""Data split by a trial's seed: a test share, a validation share, folds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.errors import SettingError
from harness.plugin.definitions import Data, Split, Task
from harness.training.splitting import cut_fold, cut_validation, hold_out

TASK = Task("classification", (2,), 3)
REGRESSION = Task("regression", (1,), 1)


def made(targets: list[int], **more: Any) -> Data:
    inputs = torch.arange(2.0 * len(targets)).reshape(-1, 2)
    return Data(Split((inputs,), torch.tensor(targets)), **more)


def rows(split: Split | None) -> set[float]:
    """Name samples by their first number."""
    assert split is not None
    return set(split.inputs[0][:, 0].tolist())


def test_holding_out_takes_from_each_class_its_share() -> None:
    data = made([0] * 50 + [1] * 30 + [2] * 20)

    found = hold_out(data, 0.25, TASK, seed=3)

    assert found.test is not None
    assert torch.bincount(found.test.targets).tolist() in ([13, 7, 5], [12, 8, 5])
    assert len(found.train) == 75
    rows = torch.cat([found.train.inputs[0], found.test.inputs[0]])
    assert torch.equal(rows.sort(0).values, data.train.inputs[0])


def test_holding_out_depends_on_the_seed_alone() -> None:
    data = made([0] * 50 + [1] * 50)
    once, again, other = (hold_out(data, 0.3, TASK, seed=seed) for seed in (1, 1, 2))

    assert once.test is not None
    assert again.test is not None
    assert other.test is not None
    assert torch.equal(once.test.inputs[0], again.test.inputs[0])
    assert not torch.equal(once.test.inputs[0], other.test.inputs[0])


def test_holding_out_of_a_regression_is_rounded_up() -> None:
    data = Data(Split((torch.arange(10.0)[:, None],), torch.arange(10.0)[:, None]))

    found = hold_out(data, 0.25, Task("regression", (1,), 1), seed=0)

    assert found.test is not None
    assert (len(found.train), len(found.test)) == (7, 3)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_split_that_would_leave_nothing_to_train_on_is_refused(kind: Any) -> None:
    task = Task(kind, (2,), 3)

    with pytest.raises(SettingError) as refused:
        hold_out(made([0]), 0.25, task, seed=0)

    assert str(refused.value) == (
        "holding 1 of 1 samples out for testing leaves none to train on: give more data"
    )
    assert len(hold_out(made([0, 1]), 0.25, task, seed=0).train) == 1


def test_the_folds_of_a_seed_have_no_sample_in_common_and_together_all() -> None:
    data = made([0] * 11 + [1] * 7 + [2] * 5)
    found = [cut_fold(data, 4, fold, TASK, seed=3) for fold in range(4)]

    kept = [rows(each.validation) for each in found]
    assert set.union(*kept) == rows(data.train)
    assert sum(map(len, kept)) == 23
    for each, own in zip(found, kept, strict=True):
        assert rows(each.train) == rows(data.train) - own


def test_folds_differ_by_at_most_one_sample_in_each_class() -> None:
    data = made([0] * 11 + [1] * 7 + [2] * 5)
    kept = [cut_fold(data, 4, fold, TASK, seed=3).validation for fold in range(4)]

    counts = torch.stack([torch.bincount(each.targets, minlength=3) for each in kept if each])
    assert counts.shape == (4, 3)
    assert (counts.max(0).values - counts.min(0).values).tolist() == [1, 1, 1]


@pytest.mark.parametrize("targets", [[0] * 6 + [1] * 3, [[0, 1]] * 9])
def test_folds_of_sequences_are_alike_in_classes_where_a_sequence_has_one(targets: Any) -> None:
    inputs = torch.arange(9.0)[:, None]
    data = Data(Split((inputs,), torch.tensor(targets)))
    task = Task("sequence", (4,), 3)

    kept = [cut_fold(data, 3, fold, task, seed=0).validation for fold in range(3)]

    assert [len(each) for each in kept if each] == [3, 3, 3]
    if data.train.targets.ndim == 1:
        assert [int(each.targets.sum()) for each in kept if each] == [1, 1, 1]


def test_folds_of_a_regression_are_drawn_from_all_samples() -> None:
    data = Data(Split((torch.arange(10.0)[:, None],), torch.arange(10.0)[:, None]))
    kept = [rows(cut_fold(data, 3, fold, REGRESSION, seed=0).validation) for fold in range(3)]

    assert sorted(map(len, kept)) == [3, 3, 4]
    assert set.union(*kept) == rows(data.train)
    assert kept != [
        rows(cut_fold(data, 3, fold, REGRESSION, seed=1).validation) for fold in range(3)
    ]


def test_folds_leave_the_test_split_alone() -> None:
    data = made([0, 1, 2] * 4, test=made([2, 1]).train)

    found = cut_fold(data, 3, 2, TASK, seed=0)

    assert found.test is data.test
    assert len(found.train) == 8


def test_there_must_be_a_sample_for_each_fold() -> None:
    with pytest.raises(SettingError) as refused:
        cut_fold(made([0, 1]), 3, 0, TASK, seed=0)

    assert str(refused.value) == "folds=3 of 2 samples: a fold needs at least one sample"
    assert len(cut_fold(made([0, 1]), 2, 1, TASK, seed=0).train) == 1


def test_a_validation_share_is_cut_off_the_training_split_by_the_seed() -> None:
    data = made([0] * 50 + [1] * 30 + [2] * 20, test=made([2, 1]).train)
    once, again, other = (cut_validation(data, 0.2, TASK, seed=seed) for seed in (1, 1, 2))

    assert once.validation is not None
    assert torch.bincount(once.validation.targets).tolist() == [10, 6, 4]
    assert rows(once.train) == rows(data.train) - rows(once.validation)
    assert rows(once.validation) == rows(again.validation) != rows(other.validation)
    assert once.test is data.test


@pytest.mark.parametrize(
    ("setting", "cut"),
    [
        ("validation", lambda data: cut_validation(data, 0.5, TASK, seed=0)),
        ("folds", lambda data: cut_fold(data, 2, 0, TASK, seed=0)),
    ],
)
def test_a_validation_split_of_the_dataset_s_own_is_not_split_again(
    setting: str, cut: Callable[[Data], Data]
) -> None:
    data = made([0, 1, 2], validation=made([0]).train)

    with pytest.raises(SettingError) as refused:
        cut(data)

    assert str(refused.value) == (
        f"the dataset has a validation split of its own: leave {setting} away"
    )

"""Data that is prepared once, mapped by trials, split by their seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from harness.definitions import Data, Split, Task
from harness.errors import SettingError
from harness.prepare import check_data, check_targets, fingerprint, hold_out, map_data, write_data

TASK = Task("classification", (2,), 3)


def made(targets: list[int], **more: Any) -> Data:
    inputs = torch.arange(2.0 * len(targets)).reshape(-1, 2)
    return Data(Split((inputs,), torch.tensor(targets)), **more)


def test_data_that_is_not_seeded_is_loaded_once_for_all_trials(varied: Any) -> None:
    loaded = varied.run.noted("loaded")

    assert loaded.count("few 64 0") == 1


def test_data_that_is_seeded_is_loaded_for_each_seed(varied: Any) -> None:
    loaded = varied.run.noted("loaded")
    first, second = varied.metrics("seeded")

    assert sorted(each for each in loaded if each.startswith("few_seeded")) == [
        "few_seeded 0",
        "few_seeded 1",
    ]
    assert first["held_digest"] != second["held_digest"]


def test_a_test_split_is_held_out_by_the_seed_and_stratified(varied: Any) -> None:
    first, second = varied.metrics("held")
    whole, _ = varied.metrics("look")

    assert first["held"] == second["held"] == 16
    assert first["held_digest"] != second["held_digest"]
    assert first["held_ones"] == second["held_ones"]
    assert whole["held"] == 64


def test_a_test_split_of_the_data_is_never_redrawn(varied: Any) -> None:
    first, second = varied.metrics("look")

    assert first["held_digest"] == second["held_digest"]


def test_data_that_cannot_be_loaded_is_told_by_every_trial_of_it(varied: Any) -> None:
    for record in varied.records("unloadable"):
        assert record["status"] == "error"
        assert record["reason"].startswith(
            "loading dataset unloadable: FileNotFoundError: the disk is elsewhere (tiny.py:"
        )


def test_data_is_mapped_as_it_was_written(tmp_path: Path) -> None:
    data = made([0, 1, 2], test=made([1]).train, truth={"weight": torch.ones(2)})

    write_data(data, tmp_path / "data.pt")
    found = map_data(tmp_path / "data.pt")

    assert torch.equal(found.train.inputs[0], data.train.inputs[0])
    assert torch.equal(found.train.targets, data.train.targets)
    assert found.validation is None
    assert found.test is not None
    assert torch.equal(found.truth["weight"], torch.ones(2))
    assert fingerprint(found) == fingerprint(data)
    assert [each.name for each in tmp_path.iterdir()] == ["data.pt"]


def test_a_collate_function_that_no_process_can_find_is_refused(tmp_path: Path) -> None:
    split = made([0]).train
    data = Data(Split(split.inputs, split.targets, lambda inputs, targets: (inputs, targets)))

    with pytest.raises(SettingError, match="must be a function of a module: trials look it up"):
        write_data(data, tmp_path / "data.pt")


def test_fingerprints_differ_by_content_shape_and_type() -> None:
    data = made([0, 1])
    split = data.train
    others = [
        made([0, 2]),
        Data(Split((split.inputs[0].double(),), split.targets)),
        Data(Split((split.inputs[0].reshape(2, 2, 1),), split.targets)),
        Data(split, test=split),
    ]

    assert len({fingerprint(each) for each in (data, *others)}) == 5


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


def test_a_loader_must_return_data() -> None:
    with pytest.raises(SettingError, match=r"^dataset odd loaded list, which is no Data$"):
        check_data([1], "dataset odd")


def test_inputs_and_targets_must_be_of_one_length() -> None:
    data = Data(Split((torch.zeros(3, 2),), torch.zeros(2)))

    with pytest.raises(
        SettingError,
        match=r"^dataset odd: train: inputs must be a tuple of tensors as long as the targets,"
        r" not \[2, 3\]$",
    ):
        check_data(data, "dataset odd")


def test_a_split_without_samples_is_refused() -> None:
    with pytest.raises(SettingError, match=r"^dataset odd: train has no samples$"):
        check_data(made([]), "dataset odd")


def test_classes_must_lie_in_the_range_of_the_task() -> None:
    with pytest.raises(
        SettingError,
        match=r"^dataset odd: train: targets go from 0 to 3, but the task has 3 classes$",
    ):
        check_targets(made([0, 3]), TASK, "dataset odd")


@pytest.mark.parametrize("wrong", [2.0, 0.5, -1.0, float("nan")])
def test_the_targets_of_a_binary_task_are_0_or_1(wrong: float) -> None:
    task = Task("binary", (2,), 1)
    whole, odd = made([0, 1]).train, made([0, 1, 1]).train
    data = Data(
        Split(whole.inputs, whole.targets[:, None].float()),
        test=Split(odd.inputs, torch.tensor([[0.0], [wrong], [1.0]])),
    )

    with pytest.raises(SettingError) as refused:
        check_targets(data, task, "dataset odd")

    assert str(refused.value) == (
        f"dataset odd: test: a target is {wrong:g}, but the targets of a binary task are 0 or 1"
    )
    check_targets(Data(data.train), task, "dataset odd")


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_split_that_would_leave_nothing_to_train_on_is_refused(kind: Any) -> None:
    task = Task(kind, (2,), 3)

    with pytest.raises(SettingError) as refused:
        hold_out(made([0]), 0.25, task, seed=0)

    assert str(refused.value) == (
        "holding 1 of 1 samples out for testing leaves none to train on: give more data"
    )
    assert len(hold_out(made([0, 1]), 0.25, task, seed=0).train) == 1

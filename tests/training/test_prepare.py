"""Data that is prepared once, mapped by trials, split by their seeds."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from harness.errors import SettingError
from harness.plugin.definitions import Data, Split, Task
from harness.running.messages import Function
from harness.training.prepare import check_data, check_targets, fingerprint, map_data, write_data

TASK = Task("classification", (2,), 3)


def made(targets: list[int], **more: Any) -> Data:
    inputs = torch.arange(2.0 * len(targets)).reshape(-1, 2)
    return Data(Split((inputs,), torch.tensor(targets)), **more)


def added(
    inputs: tuple[torch.Tensor, ...], _: torch.Generator, *, by: float = 1.0
) -> tuple[torch.Tensor, ...]:
    return tuple(each + by for each in inputs)


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


@pytest.mark.parametrize(
    ("transform", "said"),
    [
        (
            lambda inputs, generator: inputs,
            f"transform={__name__}:<lambda> must be a function of a module:"
            " trials look it up by its name",
        ),
        (
            functools.partial(added, by=torch.ones(1)),
            f"transform={__name__}:added has keywords that JSON cannot hold:"
            " Encoding objects of type Tensor is unsupported",
        ),
    ],
)
def test_a_transform_that_no_process_can_find_is_refused(
    tmp_path: Path, transform: Any, said: str
) -> None:
    split = made([0]).train
    data = Data(Split(split.inputs, split.targets, transform=transform))

    with pytest.raises(SettingError) as caught:
        write_data(data, tmp_path / "data.pt")

    assert str(caught.value) == said


@pytest.mark.parametrize("transform", [added, functools.partial(added, by=2.0)])
def test_a_transform_is_named_with_its_keywords_and_found_again(
    tmp_path: Path, transform: Any
) -> None:
    data = made([0, 1])
    data = Data(Split(data.train.inputs, data.train.targets, transform=transform), test=data.train)
    generator = torch.Generator()

    functions = write_data(data, tmp_path / "data.pt")
    sent = msgspec.json.decode(msgspec.json.encode(functions), type=dict[str, Function])
    found = map_data(tmp_path / "data.pt", sent)

    assert list(sent) == ["train.transform"]
    assert found.test is not None
    assert found.test.transform is None
    assert found.train.transform is not None
    [expected] = transform(data.train.inputs, generator)
    assert torch.equal(found.train.transform(found.train.inputs, generator)[0], expected)


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


@pytest.mark.parametrize("targets", [[0, 17], [[0, 1], [17, 0]]])
def test_the_classes_of_sequences_must_lie_in_the_range_of_the_task(targets: list[Any]) -> None:
    task = Task("sequence", (2,), 10)

    with pytest.raises(
        SettingError,
        match=r"^dataset odd: train: targets go from 0 to 17, but the task has 10 classes$",
    ):
        check_targets(made(targets), task, "dataset odd")
    check_targets(Data(Split(made([0, 1]).train.inputs, torch.tensor([0.5, 99.0]))), task, "odd")


@pytest.mark.parametrize(("symbol", "low", "high"), [(128, 0, 128), (-1, -1, 1)])
def test_symbols_must_be_those_of_the_task(symbol: int, low: int, high: int) -> None:
    task = Task("sequence", (2,), 2, symbols=128)
    inputs = torch.tensor([[0, 1], [symbol, 1]])

    with pytest.raises(SettingError) as refused:
        check_targets(Data(Split((inputs,), torch.tensor([0, 1]))), task, "dataset odd")

    assert str(refused.value) == (
        f"dataset odd: train: inputs go from {low} to {high}, but the task has 128 symbols"
    )

"""What plugins hand over and are given: fields, order, defaults; nothing of it imports torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import harness
from harness.errors import SettingError
from harness.plugin import definitions
from harness.plugin.definitions import (
    Activation,
    Batch,
    Data,
    Dataset,
    Findings,
    Initializer,
    Loss,
    Metric,
    Model,
    Optimizer,
    Place,
    Procedure,
    Protocol,
    Schedule,
    Split,
    StepResult,
    Task,
    Trained,
    Workload,
)
from harness.suites.settings import PROTOCOL_ROOTS

FIELDS = {
    Model: "name build accepts step",
    Dataset: "name load task seeded holdout",
    Optimizer: "name build",
    Schedule: "name factor",
    Activation: "name build",
    Loss: "name build predict accepts",
    Initializer: "name apply",
    Metric: "name unit direction margin measure when scale step",
    Procedure: "name run",
    Task: "kind input_shape outputs",
    Place: "root download seed",
    Data: "train validation test truth",
    Split: "inputs targets collate transform",
    Batch: "inputs targets size",
    StepResult: "loss samples",
    Findings: "metrics series",
    Workload: "model optimizer loss data device task",
}


@pytest.mark.parametrize("struct", FIELDS, ids=lambda each: each.__name__)
def test_fields_stand_in_the_order_of_the_design(struct: type[msgspec.Struct]) -> None:
    wanted = FIELDS[struct].split()

    assert list(struct.__struct_fields__[: len(wanted)]) == wanted


@pytest.mark.parametrize("struct", FIELDS, ids=lambda each: each.__name__)
def test_what_comes_after_the_fields_of_the_design_has_a_default(
    struct: type[msgspec.Struct],
) -> None:
    later = len(struct.__struct_fields__) - len(FIELDS[struct].split())

    assert len(struct.__struct_defaults__) >= later


@pytest.mark.parametrize("name", [*definitions.__all__, "hookimpl"])
def test_every_name_of_the_interface_comes_from_harness(name: str) -> None:
    if name in {"Definition", "Measure", "Protocol"}:
        pytest.skip("not part of the interface of plugins")

    assert getattr(harness, name) is not None


def test_defaults_of_the_design() -> None:
    data: Any = Dataset("few", lambda place: None, lambda: None)  # type: ignore[arg-type, return-value]
    metric = Metric("norm", "1", "lower", 0.1, lambda trained: 1.0)

    assert (data.seeded, data.holdout) == (False, None)
    assert (metric.when, metric.scale, metric.step) == ("end", "difference", None)
    assert Place(Path()) == Place(Path(), download=False, seed=0)


def test_a_definition_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Schedule("constant", lambda progress: 1.0).name = "other"  # type: ignore[misc]


def test_the_protocol_has_a_field_for_each_of_its_addresses() -> None:
    assert set(Protocol.__struct_fields__) == set(PROTOCOL_ROOTS)


def test_the_protocol_has_the_defaults_of_the_design() -> None:
    assert msgspec.structs.asdict(Protocol()) == {
        "epochs": 10,
        "batch_size": 32,
        "device": "cpu",
        "threads": 1,
        "precision": "float32",
        "validation": None,
        "folds": None,
        "loading": "memory",
        "timed_s": 0.0,
        "timeout_s": 600.0,
        "memory_limit": None,
        "metrics": (),
        "target": None,
        "target_metric": None,
    }


def test_a_task_knows_how_many_numbers_a_sample_has() -> None:
    assert Task("classification", (1, 8, 8), 10).features == 64
    assert Task("regression", (), 1).features == 1


def test_a_task_builds_the_activations_that_it_is_given() -> None:
    task: Any = Task("regression", (4,), 1, activations=lambda name: f"<{name}>")  # type: ignore[arg-type, return-value]

    assert task.activation("leaky_relu[negative_slope=0.1]") == ("<leaky_relu[negative_slope=0.1]>")


def test_a_task_that_is_made_by_hand_knows_no_activations() -> None:
    with pytest.raises(SettingError) as caught:
        Task("regression", (4,), 1).activation("relu")
    assert str(caught.value) == (
        "this task knows no activation 'relu': only tasks of a trial know those of plugins"
    )


def test_a_split_is_as_long_as_its_targets() -> None:
    inputs: Any = ([[1.0], [2.0]],)
    targets: Any = [0, 1]

    assert len(Split(inputs, targets)) == 2


def test_a_trained_is_a_workload_with_curves() -> None:
    device: Any = "cpu"
    trained = Trained(None, None, None, None, device, None, curves={"mse": [1.0]}, epoch=1)

    trained.mark()

    assert isinstance(trained, Workload)
    assert (trained.curves, trained.epoch) == ({"mse": [1.0]}, 1)
    assert trained.protocol == Protocol()


def test_the_interface_imports_no_torch() -> None:
    code = "import sys, harness; print(sorted({'torch', 'torchvision'} & set(sys.modules)))"

    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert answer.stdout == "[]\n"

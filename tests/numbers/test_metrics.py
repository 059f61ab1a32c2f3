"""The table of what each number means is whole and consistent."""

from __future__ import annotations

import pytest

from harness.numbers.metrics import MEANINGS, SPEED, base_name

DESIGN = (
    "test_accuracy",
    "test_loss",
    "train_accuracy",
    "train_loss",
    "running_train_loss",
    "running_train_accuracy",
    "validation_accuracy",
    "validation_loss",
    "mse",
    "cross_entropy",
    "time_to_target_s",
    "train_samples_per_s",
    "step_p50_s",
    "step_p95_s",
    "infer_samples_per_s",
    "data_wait_share",
    "wall_s",
    "host_peak_bytes",
    "load_peak_bytes",
    "device_peak_bytes",
    "device_reserved_bytes",
    "parameters",
    "parameter_bytes",
    "gradient_bytes",
    "optimizer_state_bytes",
    "activation_bytes",
)


@pytest.mark.parametrize("name", DESIGN)
def test_every_metric_of_the_design_has_a_meaning(name: str) -> None:
    assert MEANINGS[name].about


@pytest.mark.parametrize("name", MEANINGS)
def test_every_meaning_is_whole(name: str) -> None:
    meaning = MEANINGS[name]

    assert meaning.name == name
    assert meaning.unit
    assert meaning.margin > 0
    assert meaning.about.endswith(".")
    assert "  " not in meaning.about


@pytest.mark.parametrize(
    ("ending", "unit"), [("_bytes", "bytes"), ("_s", "s"), ("_per_s", "1/s"), ("_accuracy", "1")]
)
def test_the_unit_stands_in_the_name(ending: str, unit: str) -> None:
    named = [each for each in MEANINGS if each.endswith(ending)]
    named = [each for each in named if ending != "_s" or not each.endswith("_per_s")]

    assert named
    assert {MEANINGS[each].unit for each in named} == {unit}


def test_margins_are_those_of_the_design() -> None:
    accuracy, loss = MEANINGS["test_accuracy"], MEANINGS["test_loss"]
    speed, memory = MEANINGS["train_samples_per_s"], MEANINGS["host_peak_bytes"]

    assert (accuracy.margin, accuracy.scale, accuracy.direction) == (0.01, "difference", "higher")
    assert (loss.margin, loss.scale, loss.direction) == (0.05, "ratio", "lower")
    assert (speed.margin, speed.scale, speed.direction) == (0.03, "ratio", "higher")
    assert (memory.margin, memory.scale, memory.direction) == (0.01, "ratio", "lower")


def test_speed_is_what_a_shared_machine_spoils() -> None:
    assert {"train_samples_per_s", "step_p50_s", "wall_s", "data_wait_share"} <= SPEED
    assert not SPEED & {"test_accuracy", "host_peak_bytes", "parameters"}


def test_a_value_of_a_layer_belongs_to_its_metric() -> None:
    assert base_name("gradient_norm/0.weight") == "gradient_norm"
    assert base_name("mse") == "mse"

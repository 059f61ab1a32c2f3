from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn

from harness.plugin.definitions import (
    Batch,
    Data,
    Direction,
    Findings,
    Measure,
    Metric,
    Protocol,
    Split,
    StepResult,
    Task,
    Trained,
    Workload,
)
from harness.plugin.target import NO_TARGET, Target, usual_metric
from harness.training import infer, train

STEP_S = 0.25
CURVE = (0.2, 0.55, 0.8, 0.7, 0.9)


@pytest.mark.parametrize(
    ("kind", "metric"),
    [
        ("classification", "test_accuracy"),
        ("binary", "test_accuracy"),
        ("sequence", "test_accuracy"),
        ("regression", "test_loss"),
    ],
)
def test_the_usual_metric_is_by_the_kind_of_the_task(kind: str, metric: str) -> None:
    assert usual_metric(kind) == metric


def looked(
    curve: Sequence[float | None], wanted: float | None, direction: Direction = "higher"
) -> Target:
    """Look at a curve whose epochs take ten seconds each."""
    target = Target(metric="made", wanted=wanted, direction=direction)
    for epoch, figure in enumerate(curve, start=1):
        target.look(figure, 10.0 * epoch)
    return target


@pytest.mark.parametrize(("wanted", "reached_s"), [(0.1, 10), (0.55, 20), (0.8, 30), (0.81, 50)])
def test_the_first_epoch_that_reaches_it_counts_though_a_later_one_falls_back(
    wanted: float, reached_s: float
) -> None:
    assert looked(CURVE, wanted).reached_s == reached_s


@pytest.mark.parametrize(("wanted", "reached_s"), [(9.0, 10), (0.55, 20), (0.3, 30)])
def test_lower_is_reached_from_above(wanted: float, reached_s: float) -> None:
    assert looked((0.8, 0.55, 0.3, 0.4), wanted, "lower").reached_s == reached_s


@pytest.mark.parametrize(
    ("curve", "direction", "told"),
    [
        (
            CURVE,
            "higher",
            "made did not reach 0.95 in 5 epochs: the best was 0.9, after epoch 5",
        ),
        ((2.0,), "lower", "made did not reach 0.95 in 1 epoch: the best was 2, after epoch 1"),
        ((None, None), "higher", "target_metric=made has no figure: there is no test split"),
    ],
)
def test_what_was_not_reached_says_how_close_it_came(
    curve: Sequence[float | None], direction: Direction, told: str
) -> None:
    target = looked(curve, 0.95, direction)

    assert target.reached_s is None
    assert target.why_not({"made": "there is no test split"}) == told


def test_epochs_without_a_figure_are_passed_over() -> None:
    assert looked((None, 0.5, None, 0.9), 0.9).reached_s == 40


def test_without_a_target_nothing_is_reached() -> None:
    target = looked(CURVE, None)

    assert target.reached_s is None
    assert target.why_not({}) == NO_TARGET == "no target is set: give target=NUMBER"


class Clock:
    """A clock that goes by the steps and by what a metric takes."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def trained(wanted: float | None, *, metric: str | None = "made", **more: Any) -> Findings:
    """Train for five epochs of two steps on a made-up curve; each look at it takes a minute."""
    clock = Clock()

    def made(trained: Trained) -> float:
        clock.now_s += 60
        return CURVE[trained.epoch - 1]

    def step(workload: Workload, batch: Batch) -> StepResult:
        clock.now_s += STEP_S
        return StepResult(torch.ones(()), batch.size)

    split = Split((torch.zeros(8, 2),), torch.zeros(8, dtype=torch.int64))
    workload = Workload(
        nn.Linear(2, 2),
        None,
        None,
        Data(train=split),
        torch.device("cpu"),
        Task("classification", (2,), 2),
        protocol=Protocol(epochs=5, batch_size=4, target=wanted, target_metric=metric, **more),
        step=step,
        measures=(Measure(Metric("made", "1", "higher", 0.0, made, when="epoch"), made),),
    )
    return train(workload, now=clock)


@pytest.mark.parametrize(("wanted", "epoch"), [(0.2, 1), (0.5, 2), (0.75, 3), (0.9, 5)])
def test_the_time_to_a_target_is_that_of_the_steps_until_then(
    wanted: float, epoch: int, holds: Any
) -> None:
    found = trained(wanted)

    against = "a made-up curve and clock"
    holds("time_to_target_s", against, found.metrics["time_to_target_s"], 2 * epoch * STEP_S)


def test_a_target_that_no_epoch_reached_is_missing_with_the_best() -> None:
    found = trained(0.95)

    assert found.metrics["time_to_target_s"] is None
    assert found.missing["time_to_target_s"] == (
        "made did not reach 0.95 in 5 epochs: the best was 0.9, after epoch 5"
    )


def test_a_target_of_the_usual_metric_needs_its_split() -> None:
    found = trained(0.9, metric=None)

    assert found.missing["time_to_target_s"] == (
        "target_metric=test_accuracy has no figure: there is no test split"
    )


def test_steps_that_a_window_adds_count_towards_no_target() -> None:
    found = trained(0.9, timed_s=100)

    assert found.metrics["time_to_target_s"] == 10 * STEP_S


def test_without_a_target_the_reason_says_how_to_set_one() -> None:
    assert trained(None).missing["time_to_target_s"] == NO_TARGET


def test_inference_reaches_no_target() -> None:
    workload = Workload(
        nn.Linear(2, 2),
        None,
        None,
        Data(train=Split((torch.zeros(8, 2),), torch.zeros(8, dtype=torch.int64))),
        torch.device("cpu"),
        Task("classification", (2,), 2),
        protocol=Protocol(target=0.0),
    )

    assert infer(workload).missing["time_to_target_s"] == "procedure infer trains nothing"

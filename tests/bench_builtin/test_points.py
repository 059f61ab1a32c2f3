"""Data sets of a few points: what they hold, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bench_builtin import points

from harness import BenchError, Place, Task

PLACE = Place(Path("/nonexistent"))


def rows(data) -> list[tuple[object, object]]:
    (inputs,) = data.train.inputs
    return list(zip(inputs.tolist(), data.train.targets.tolist(), strict=True))


def test_three_points_lie_on_a_line_whose_weights_are_known():
    data = points.load_three_points(PLACE)

    assert points.three_points_task() == Task("regression", (1,), 1)
    assert rows(data) == [([1.0], [2.0]), ([2.0], [4.0]), ([3.0], [6.0])]
    (inputs,) = data.train.inputs
    assert torch.equal(inputs @ data.truth["weight"].T + data.truth["bias"], data.train.targets)


def test_three_labels_change_between_2_and_3():
    assert points.three_labels_task() == Task("binary", (1,), 1)
    assert rows(points.load_three_labels(PLACE)) == [([1.0], [0.0]), ([2.0], [0.0]), ([3.0], [1.0])]


def test_a_line_has_points_at_equal_distances_with_both_ends():
    (inputs,) = points.load_line(PLACE, lowest=-1.0, highest=1.0, points=5).train.inputs

    assert inputs.tolist() == [[-1.0], [-0.5], [0.0], [0.5], [1.0]]


def test_the_line_passes_through_0_unless_told_otherwise():
    (inputs,) = points.load_line(PLACE).train.inputs

    assert (len(inputs), inputs.abs().min().item()) == (161, 0.0)


def test_given_numbers_are_handed_over_as_they_are():
    assert rows(points.load_numbers(PLACE, outputs=(0.5, 3.0), targets=(0.0, 1.0))) == [
        ([0.5], [0.0]),
        ([3.0], [1.0]),
    ]


def test_given_probabilities_are_those_of_the_course_notes():
    (inputs,) = points.load_probabilities(PLACE).train.inputs

    torch.testing.assert_close(inputs, torch.tensor([[0.2], [0.8], [0.3], [0.7]]))
    assert points.load_probabilities(PLACE).train.targets.tolist() == [[1.0], [1.0], [0.0], [0.0]]


def test_given_logits_are_one_sample_of_as_many_classes():
    data = points.load_logits(PLACE, outputs=(0.0, 1.0), label=1)

    assert points.logits_task(outputs=(0.0, 1.0), label=1) == Task("classification", (2,), 2)
    assert rows(data) == [([0.0, 1.0], 1)]


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (
            points.line_task,
            {"lowest": 1.0, "highest": 1.0},
            "dataset line goes from 1.0 to 1.0: it must go upwards",
        ),
        (
            points.numbers_task,
            {"outputs": (1.0,), "targets": (1.0, 2.0)},
            "dataset given_numbers: 1 outputs and 2 targets: every output has a target",
        ),
        (
            points.probabilities_task,
            {"outputs": (0.5, 0.1), "targets": (1,)},
            "dataset given_probabilities: 2 outputs and 1 targets: every output has a target",
        ),
        (
            points.logits_task,
            {"label": 3},
            "dataset given_logits: label=3 is no class: 3 outputs are of classes 0 to 2",
        ),
    ],
)
def test_points_that_do_not_fit_together_are_refused_at_the_plan(task, options, message):
    with pytest.raises(BenchError) as refused:
        task(**options)

    assert str(refused.value) == message

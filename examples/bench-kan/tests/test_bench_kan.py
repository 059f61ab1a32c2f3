"""What bench-kan registers is sound, learns, and measures what it says."""

from __future__ import annotations

import pytest
import torch
from bench_kan.metrics import calibration_error
from bench_kan.optimizers import lion
from torch import nn

from harness import Data, Record, Split, Task
from harness.testing import Check, checks, trained, trial, workload


@pytest.mark.parametrize("check", checks("bench_kan"), ids=str)
def test_definition(check: Check) -> None:
    check()


@pytest.fixture(scope="module")
def learned() -> Record:
    return trial(
        "model=kan_net",
        "dataset=kan_spirals",
        "optimizer=kan_lion",
        "metrics=kan_calibration_error",
        "epochs=20",
        plugins=["bench_kan"],
        in_process=True,  # quick; without it the trial has a process of its own, as in every run
    )


def test_the_net_learns_two_spirals(learned: Record) -> None:
    assert learned.status == "ok", learned.reason
    assert learned.metrics["test_accuracy"] > 0.95
    assert 0 <= learned.metrics["kan_calibration_error"] < 0.05


def test_the_record_says_which_version_was_tried(learned: Record) -> None:
    assert "bench-kan 0.2.0" in learned.sources["model"]


def test_lion_moves_every_weight_by_its_rate_and_shrinks_no_bias() -> None:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.bias.fill_(1)
    layer(torch.ones(1, 2)).sum().backward()

    lion(layer, lr=0.1, weight_decay=0.5).step()

    assert layer.weight.tolist() == [[pytest.approx(0.95 - 0.1)] * 2]
    assert layer.bias.tolist() == [pytest.approx(1 - 0.1)]


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    """Ten samples of one bin: the model is sure by 0.85, and right on six of them."""
    logits = torch.tensor([0.85, 0.15]).log().repeat(10, 1)
    split = Split((logits,), torch.tensor([0] * 6 + [1] * 4))
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.copy_(torch.eye(2))
        model.bias.zero_()
    made = workload(Task("classification", (2,), 2), model, data=Data(split, test=split))

    found = calibration_error(trained(made, steps=0))

    assert found == pytest.approx(0.25)

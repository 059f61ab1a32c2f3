"""What the harness adds to a trial: its process, data, records, and the looks that it takes.

    OMP_NUM_THREADS=1 python -m pytest benchmarks/test_trials.py -s

A run of equal trials is timed from the end of one to the end of the next; in the same run a bare
loop in this process does what the trial trains and evaluates. The figure is the difference.
"""

from __future__ import annotations

import statistics
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from harness.records.planned import Case, Trial
from harness.records.record import Record
from harness.session import Asked, Manner, Places, load_all, plan_asked, run_plan
from harness.suites.suite import Suite

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

EPOCHS = 5
TRIALS = 20


class Times:
    """Takes the time at the end of every trial, and trains by hand beside it."""

    def __init__(self) -> None:
        self.trial_s: list[float] = []
        self.bare_s: list[float] = []
        self.began: float | None = None

    def begun(self, *_: object) -> None: ...

    def started(self, *_: object) -> None:
        self.began = time.perf_counter()

    def ended(self, _case: Case, _trial: Trial, record: Record) -> None:
        assert record.status == "ok", record.reason
        assert self.began is not None
        self.trial_s.append(time.perf_counter() - self.began)
        began = time.perf_counter()
        bare_trial()
        self.bare_s.append(time.perf_counter() - began)

    def note(self, text: str) -> None: ...


@pytest.mark.usefixtures("alone", "one_thread")
def test_the_harness_adds_less_than_015_s_to_a_trial(
    benchmark: BenchmarkFixture, tmp_path: Path
) -> None:
    suite = Suite(
        "equal",
        base={"model": "mlp[hidden=[64,32]]", "optimizer": "sgd[lr=0.05]", "epochs": EPOCHS},
        seeds=TRIALS,
    )
    places = Places(results=tmp_path)
    loaded = load_all(places)
    plan = plan_asked(Asked(suite=suite), loaded)
    times = Times()

    benchmark.pedantic(
        lambda: run_plan(plan, loaded, places, Manner(), times), rounds=1, iterations=1
    )

    added = [whole - bare for whole, bare in zip(times.trial_s, times.bare_s, strict=True)][1:]
    median, low, high = statistics.median(added), min(added), max(added)
    benchmark.extra_info |= {"added_s": median, "n": len(added)}
    print(
        f"\nadded to a trial: median {median:.3f} s, {low:.3f} to {high:.3f}, n = {len(added)};"
        f" the training itself {statistics.median(times.bare_s):.3f} s"
    )
    assert median < 0.15


def bare_trial() -> None:
    """Train and evaluate by hand what the trial does."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    loss_of = nn.CrossEntropyLoss()
    inputs, targets = digits()
    train, test = slice(0, 1347), slice(1347, None)
    for _ in range(EPOCHS):
        for index in torch.randperm(1347).split(32):
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(inputs[index]), targets[index]).backward()
            optimizer.step()
        with torch.inference_mode():
            for part in (train, test):
                evaluate(model, loss_of, inputs[part], targets[part])


def evaluate(model: nn.Module, loss_of: nn.Module, inputs: Any, targets: Any) -> None:
    for place in range(0, len(targets), 256):
        outputs = model(inputs[place : place + 256])
        loss_of(outputs, targets[place : place + 256]).item()
        (outputs.argmax(1) == targets[place : place + 256]).sum().item()


@cache
def digits() -> tuple[Tensor, Tensor]:
    loaded = load_digits()
    return torch.tensor(loaded.data, dtype=torch.float32) / 16, torch.tensor(loaded.target)

"""Metrics of time against a clock that stands outside: what it saw of the same run.

    OMP_NUM_THREADS=1 python -m pytest benchmarks/test_readings.py -s --held

Windows are long, because a short one is noise: 2 s are off by 7 % from one time to the next. What
is compared here is seen by two clocks at once, or by two loops in turns.
"""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from torch import Tensor, nn

from benchmarks.bare import digits, make_workload, ratio_of_a_pair
from harness.measuring.clock import warm_steps
from harness.plugin.definitions import Data, Measure, Metric, Protocol, Split, Workload
from harness.records.planned import Case, Trial
from harness.records.record import Record
from harness.session import Asked, Manner, Places, load_all, plan_asked, run_plan
from harness.suites.suite import Suite
from harness.training import infer, train

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.usefixtures("alone", "one_thread"),
    pytest.mark.timeout(900, func_only=True),  # the lock may be waited for
]

PAIRS = 8
EPOCHS = 100
BATCH = 180
"""Ten steps an epoch, so that the warm ones, 100, end with one."""
WIDE = partial(make_workload, batch_size=BATCH, hidden=(512, 512))
SLEEP_S = 0.02


def test_throughput_is_that_of_a_bare_loop_within_2_percent(
    benchmark: BenchmarkFixture, holds: Any
) -> None:
    """Steps of some milliseconds: what the harness adds to a small one is benchmarked beside."""
    ratios: list[float] = []
    benchmark.pedantic(
        lambda: ratios.append(ratio_of_a_pair(WIDE, EPOCHS)), rounds=PAIRS, warmup_rounds=1
    )
    ratios = ratios[1:]
    print(f"\ntrain / bare: {', '.join(f'{each:.4f}' for each in sorted(ratios))}")
    against = f"a bare loop in turns with it, median of {PAIRS} pairs of {EPOCHS} epochs each"
    holds("train_samples_per_s", against, statistics.median(ratios), 1, within=0.02)


def test_speed_of_steps_is_what_a_clock_outside_sees(holds: Any) -> None:
    workload = WIDE(200)
    clock = Outside(workload)

    found = train(workload).metrics

    steps = clock.steady_steps_s()
    rate = clock.steady_samples() / sum(steps)
    against = "a clock at the model and the optimizer, over the same steps"
    cuts = statistics.quantiles(steps, n=20, method="inclusive")
    holds("train_samples_per_s", against, found["train_samples_per_s"], rate, within=0.02)
    holds("step_p50_s", against, found["step_p50_s"], cuts[9], within=0.02)
    holds("step_p95_s", against, found["step_p95_s"], cuts[18], within=0.05)


def test_the_share_of_waiting_is_that_of_a_dataset_that_sleeps(holds: Any) -> None:
    workload = WIDE(100)
    clock = Outside(workload)

    def sleeping(inputs: tuple[Tensor, ...], targets: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        clock.began = time.perf_counter()
        time.sleep(SLEEP_S)
        clock.waited_s = time.perf_counter() - clock.began
        return inputs, targets

    plain = digits().train
    workload.data = Data(train=Split(plain.inputs, plain.targets, sleeping))

    found = train(workload).metrics["data_wait_share"]

    share = clock.steady_waits_s() / sum(clock.steady_steps_s())
    against = f"a dataset that sleeps {SLEEP_S * 1000:g} ms a batch, by its own clock"
    holds("data_wait_share", against, found, share, within=0.02)


def test_inference_is_what_a_clock_outside_sees(holds: Any) -> None:
    timed_s = 8.0
    workload = WIDE(1)
    workload.protocol = Protocol(batch_size=BATCH, timed_s=timed_s)
    begun: list[float] = []
    ended: list[tuple[float, int]] = []
    assert workload.model is not None
    workload.model.register_forward_pre_hook(lambda *_: begun.append(time.perf_counter()))
    workload.model.register_forward_hook(
        lambda _, inputs, __: ended.append((time.perf_counter(), len(inputs[0])))
    )
    evaluated: list[int] = []
    note = Metric("note", "1", "higher", 0.0, lambda _: evaluated.append(len(begun)))
    workload.measures = (Measure(note, note.measure),)

    found = infer(workload).metrics["infer_samples_per_s"]

    warm_until = begun[evaluated[0]] + timed_s / 5
    first = next(place for place, at in enumerate(begun) if at >= warm_until)
    rate = sum(size for _, size in ended[first:]) / (ended[-1][0] - begun[first])
    against = "a clock at the model, over the same window"
    holds("infer_samples_per_s", against, found, rate, within=0.02)


def test_the_time_of_a_trial_is_what_the_parent_waits(tmp_path: Path, holds: Any) -> None:
    suite = Suite(
        "long",
        base={"model": "mlp", "optimizer": "sgd[lr=0.05]", "epochs": 1, "timed_s": 5},
        seeds=3,
    )
    places = Places(results=tmp_path)
    loaded = load_all(places)
    watch = Watch()
    run_plan(plan_asked(Asked(suite=suite), loaded), loaded, places, Manner(), watch)

    assert len(watch.seen) == 3
    for found, waited_s in watch.seen[1:]:  # the first trial waits for the server to start
        holds("wall_s", "a clock of the parent's", found, waited_s, within=0.05)


class Step(NamedTuple):
    """When a step began and ended, and what it waited for its batch."""

    began: float
    ended: float
    waited_s: float


class Outside:
    """Notes when each step begins, at the model, and when it ends, at the optimizer.

    Attributes:
        began: When the step began that goes on; a dataset knows it better than the model.
        waited_s: What a dataset waited for its batch.
    """

    def __init__(self, workload: Workload) -> None:
        assert workload.model is not None
        assert workload.data is not None
        assert workload.optimizer is not None
        size = workload.protocol.batch_size
        assert isinstance(size, int)
        self.samples = len(workload.data.train)
        self.steps_per_epoch = -(-self.samples // size)
        self.warm = warm_steps(self.steps_per_epoch * workload.protocol.epochs)
        assert self.warm % self.steps_per_epoch == 0, "the steady steps begin within an epoch"
        self.began: float | None = None
        self.waited_s = 0.0
        self.steps: list[Step] = []
        workload.model.register_forward_pre_hook(self._begin)
        workload.optimizer.register_step_post_hook(self._end)

    def steady_steps_s(self) -> list[float]:
        """Tell the times of steady steps: each from the end of the one before in its epoch."""
        return [
            step.ended - began
            for steps in self._epochs()
            for began, step in zip(
                [steps[0].began, *(each.ended for each in steps)], steps, strict=False
            )
        ]

    def steady_samples(self) -> int:
        """Count the samples of the steady steps."""
        return self.samples * len(self._epochs())

    def steady_waits_s(self) -> float:
        """Tell what the steady steps waited."""
        return sum(each.waited_s for steps in self._epochs() for each in steps)

    def _begin(self, model: nn.Module, _: object) -> None:
        if model.training and self.began is None:
            self.began = time.perf_counter()

    def _end(self, *_: object) -> None:
        assert self.began is not None
        self.steps.append(Step(self.began, time.perf_counter(), self.waited_s))
        self.began = None

    def _epochs(self) -> list[list[Step]]:
        starts = range(self.warm, len(self.steps), self.steps_per_epoch)
        return [self.steps[start : start + self.steps_per_epoch] for start in starts]


class Watch:
    """Notes how long each trial took, as the parent sees it."""

    def __init__(self) -> None:
        self.seen: list[tuple[float | None, float]] = []
        self.began = 0.0

    def begun(self, *_: object) -> None: ...

    def started(self, *_: object) -> None:
        self.began = time.perf_counter()

    def ended(self, _case: Case, _trial: Trial, record: Record) -> None:
        assert record.status == "ok", record.reason
        self.seen.append((record.metrics["wall_s"], time.perf_counter() - self.began))

    def note(self, text: str) -> None: ...

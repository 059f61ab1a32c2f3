"""What the command costs before and after it trains.

    python -m pytest benchmarks/test_command.py -s

Whole processes are timed in turns (A B A B ...), so that what else the machine does meets both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.planning.overrides import overridden, parse_override
from harness.planning.plan import make_plan
from harness.plugin.registry import load
from harness.suites.draft import draft
from harness.suites.suite import Suite

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

BENCH = Path(sys.executable).with_name("bench")


@pytest.mark.usefixtures("alone")
def test_help_takes_at_most_8_times_as_long_as_an_empty_python(benchmark: BenchmarkFixture) -> None:
    ratios: list[float] = []

    def pair() -> None:
        empty_s = wall_s([sys.executable, "-c", "pass"])
        ratios.append(wall_s([str(BENCH), "--help"]) / empty_s)

    benchmark.pedantic(pair, rounds=20, warmup_rounds=2)

    report(benchmark, "bench --help / python -c pass", ratios[2:])
    assert statistics.median(ratios[2:]) <= 8


@pytest.mark.usefixtures("alone")
def test_a_plan_of_10_000_trials_takes_less_than_a_second_of_cpu(
    benchmark: BenchmarkFixture,
) -> None:
    registry = load()
    suite = Suite(
        "large",
        base={"model": "mlp", "optimizer": "sgd"},
        factors={
            "model.dropout": [place / 200 for place in range(100)],
            "optimizer.lr": [(place + 1) / 100 for place in range(100)],
        },
        seeds=1,
    )
    times: list[float] = []

    def plan() -> None:
        began = time.process_time()
        changed = overridden(draft(suite), [parse_override("epochs=3")], registry)
        assert len(make_plan(changed, registry).trials) == 10_000
        times.append(time.process_time() - began)

    benchmark.pedantic(plan, rounds=5, warmup_rounds=1)

    report(benchmark, "plan of 10,000 trials, CPU seconds", times[1:])
    assert statistics.median(times[1:]) < 1


def wall_s(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def report(benchmark: Any, what: str, figures: list[float]) -> None:
    low, *_, high = statistics.quantiles(figures, n=10)
    median = statistics.median(figures)
    benchmark.extra_info |= {"figure": what, "median": median, "n": len(figures)}
    print(f"\n{what}: median {median:.3f}, 10 to 90 % [{low:.3f}, {high:.3f}], n = {len(figures)}")

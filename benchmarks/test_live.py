"""What the table that fills on a terminal costs the trials that are measured meanwhile.

    OMP_NUM_THREADS=1 python -m pytest benchmarks/test_live.py -s

The same suite is run in turns with the table and without it; a pair's figure is the ratio of the
mean throughputs. The table is drawn when a trial starts and ends, so that trials are shorter here
than most are.
"""

from __future__ import annotations

import math
import os
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.numbers.statistics import summary
from harness.records.store import read_run
from harness.session import Asked, Manner, Places, load_all, plan_asked, run_plan
from harness.suites.suite import Suite
from harness.watching.board import Board
from harness.watching.live import Live
from harness.watching.progress import Progress

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

PAIRS = 8
SUITE = Suite(
    "watched",
    base={"dataset": "digits", "optimizer": "sgd[lr=0.05]", "epochs": 1, "timed_s": 0.5},
    factors={"model": ["mlp[hidden=[64]]", "mlp[hidden=[128]]", "mlp[hidden=[256]]"]},
    seeds=2,
)


@pytest.mark.timeout(900)  # others may hold the machine's timing lock
@pytest.mark.usefixtures("alone", "one_thread")
def test_trials_are_as_fast_while_their_table_is_drawn(
    benchmark: BenchmarkFixture, tmp_path: Path
) -> None:
    places = Places(results=tmp_path)
    loaded = load_all(places)
    plan = plan_asked(Asked(suite=SUITE), loaded)

    def throughput(*, live: bool) -> float:
        with Path(os.devnull).open("w", encoding="utf-8") as terminal:
            watcher: Live | Progress = (
                Live(terminal, lambda: (120, 40), Board(plan))
                if live
                else Progress(terminal, lambda: 120, quiet=True)
            )
            stored = read_run(run_plan(plan, loaded, places, Manner(), watcher))
            watcher.close()
        found = [each.metrics["train_samples_per_s"] for each in stored.records]
        assert len(found) == len(plan.trials)
        return statistics.fmean(math.log(each) for each in found if each is not None)

    def pairs() -> list[float]:
        throughput(live=True)  # torch is read from the disk once
        logs = []
        for pair in range(PAIRS):
            first = pair % 2 == 0
            one, other = throughput(live=first), throughput(live=not first)
            logs.append(one - other if first else other - one)
        return logs

    logs = benchmark.pedantic(pairs, rounds=1, iterations=1)
    found = summary(logs)
    assert found.mean is not None
    assert found.ci95 is not None
    ratio, low, high = (math.exp(each) for each in (found.mean, *found.ci95))
    benchmark.extra_info |= {"ratio": ratio, "n": PAIRS}
    print(f"\nwith the table / without: {ratio:.3f} [{low:.3f}, {high:.3f}], n = {PAIRS} pairs")
    assert high > 0.98

"""How late a trial that hangs is killed, and all that it left behind with it.

    OMP_NUM_THREADS=1 python -m pytest benchmarks/test_deadlines.py -s

The server takes both times, from the fork of a trial to its end; the lateness is what is over
`timeout_s`. It is taken alone, and beside two processes that compute without a pause.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.planning.overrides import parse_override
from harness.running.client import Server
from harness.running.messages import Request
from harness.session import Asked, Places, load_all, plan_asked

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

PLUGINS = tuple(
    str(Path(__file__).parents[1] / "tests/plugins" / each) for each in ("tiny.py", "faults.py")
)
HANGING = (
    "loops", "multiplies", "hides_daemons", "awaits_workers", "blocks_signals", "floods",
)  # fmt: skip
ROUNDS = 10
TIMEOUT_S = 0.7
MOST_S = 1.0


def compute() -> None:
    while True:
        pass


@contextmanager
def burners(count: int) -> Iterator[None]:
    """Keep so many processors busy."""
    with ExitStack() as stack:
        for _ in range(count):
            process = multiprocessing.get_context("spawn").Process(target=compute)
            process.start()
            stack.callback(process.join)
            stack.callback(process.kill)
        yield


def requested(number: int, procedure: str) -> Request:
    nothing = ("model=none", "dataset=none", "optimizer=none", "loss=none")
    overrides = [parse_override(each) for each in (*nothing, f"procedure={procedure}")]
    loaded = load_all(Places(plugins=PLUGINS))
    plan = plan_asked(Asked(overrides=overrides), loaded)
    return Request(number=number, settings=plan.cases[0].settings, timeout_s=TIMEOUT_S)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("beside", [0, 2])
def test_a_trial_that_hangs_is_gone_within_a_second_of_its_deadline(
    benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: int
) -> None:
    monkeypatch.setenv("BENCH_TESTS_FOLDER", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    late_s: dict[str, list[float]] = {each: [] for each in HANGING}
    requests = {each: requested(place, each) for place, each in enumerate(HANGING)}

    def measure() -> None:
        with closing(Server(PLUGINS)) as server, burners(beside):
            server.start()
            for _ in range(ROUNDS):
                for name, request in requests.items():
                    server.submit(request)
                    ended = server.wait()
                    assert ended.timed_out
                    late_s[name].append(ended.wall_s - TIMEOUT_S)

    benchmark.pedantic(measure, rounds=1, iterations=1)

    print(f"\n{os.cpu_count()} processors, {beside} busy ones beside; n = {ROUNDS} each")
    for name, found in late_s.items():
        print(f"{name:15} late by {statistics.median(found):.3f} s, at most {max(found):.3f} s")
    benchmark.extra_info |= {name: max(found) for name, found in late_s.items()}
    assert max(map(max, late_s.values())) < MOST_S
    assert min(map(min, late_s.values())) >= 0

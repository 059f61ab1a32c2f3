"""Processor time that is not this run's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.system.contention import Usage, foreign_cpus, read_usage


def test_what_others_used_is_all_less_our_own_by_the_time_that_passed() -> None:
    before, after = Usage(10.0, 100.0, 5.0), Usage(12.0, 104.0, 6.0)

    assert foreign_cpus(before, after) == pytest.approx(1.5)


def test_rounding_never_makes_less_than_nothing() -> None:
    assert foreign_cpus(Usage(0.0, 0.0, 0.0), Usage(1.0, 0.99, 1.0)) == 0.0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, Usage(1.0, 1.0, 1.0)),
        (Usage(1.0, 1.0, 1.0), None),
        (Usage(1.0, 1.0, 1.0), Usage(1.05, 1.1, 1.0)),
        (Usage(2.0, 1.0, 1.0), Usage(1.0, 2.0, 1.0)),
    ],
)
def test_what_cannot_be_told_is_none(before: Usage | None, after: Usage | None) -> None:
    assert foreign_cpus(before, after) is None


def test_a_host_without_proc_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise FileNotFoundError("/proc/stat")

    monkeypatch.setattr(psutil, "cpu_times", absent)

    assert read_usage() is None


def test_own_time_counts_this_process_and_those_that_it_names() -> None:
    """The child computes; named it is the run's own, not named it is not."""
    code = "while True: pass"
    with subprocess.Popen([sys.executable, "-c", code]) as child:
        try:
            named, unnamed = read_usage((child.pid,)), read_usage()
            assert named is not None
            assert unnamed is not None
            time.sleep(1.0)
            later_named, later = read_usage((child.pid,)), read_usage()
        finally:
            child.kill()
    assert later_named is not None
    assert later is not None

    computed = (later_named.own_s - named.own_s) - (later.own_s - unnamed.own_s)
    assert computed > 0.01
    assert later.all_s - unnamed.all_s >= computed


def test_a_process_that_has_ended_adds_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()

    found = read_usage((child.pid,))

    assert found is not None
    times = os.times()
    assert found.own_s <= times.user + times.system + times.children_user + times.children_system


TIMED = ("model=linear", "optimizer=sgd", "epochs=1", "timed_s=1")


def test_a_record_says_how_busy_others_kept_the_machine(
    bench: Callable[..., Any], only_run: Callable[[Path], Path], reading: Any, tmp_path: Path
) -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        try:
            ended = bench("run", *TIMED, "--seeds", "1")
        finally:
            child.kill()

    assert ended.code == 0
    [record] = reading(only_run(tmp_path))
    assert record["foreign_cpus"] > 0.1


def test_beside_trials_of_its_own_a_run_cannot_tell_who_was_busy(
    bench: Callable[..., Any], only_run: Callable[[Path], Path], reading: Any, tmp_path: Path
) -> None:
    ended = bench("run", *TIMED, "--seeds", "2", "--jobs", "2")

    assert ended.code == 0
    assert [each["foreign_cpus"] for each in reading(only_run(tmp_path))] == [None, None]

"""Whatever ends a gate of two sides, nothing is left running, and what has ended is kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from reporting import side_folder, suite_file

from harness.gating.duel import two_sides
from harness.gating.parley import Begin, Describe
from harness.gating.stand import Stand, interpreter

WAITING = ("procedure.kind=waiting",)


@pytest.fixture
def waiting(
    start: Callable[..., Any], tmp_path: Path, patiently: Callable[..., bool]
) -> Callable[[], Any]:
    """Start a gate, and wait until its first trial is at work."""

    def gate() -> Any:
        folder = side_folder(tmp_path / "old", is_head=False)
        started = start(
            "gate", "-p", "reporting", "--file", suite_file(tmp_path), "--suite", "sides",
            "--base-path", folder, "--head-path", folder, "--rounds", "5", *WAITING,
        )  # fmt: skip
        assert patiently((tmp_path / "waiting").exists)
        return started

    return gate


def sides_of(process: psutil.Process) -> list[psutil.Process]:
    return [
        each for each in process.children() if "harness.gating.side" in " ".join(each.cmdline())
    ]


def test_an_interrupted_gate_ends_with_130_and_leaves_nothing(waiting: Callable[[], Any]) -> None:
    started = waiting()

    started.send(signal.SIGINT)
    ended = started.end()

    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines()[-1] == "bench: interrupted: finished trials are kept"
    assert ended.left() == []


def test_a_killed_gate_leaves_nothing(waiting: Callable[[], Any]) -> None:
    started = waiting()

    started.send(signal.SIGKILL)

    assert started.end().left(within_s=20.0) == []


def test_a_gate_whose_side_is_killed_says_so_and_leaves_nothing(
    waiting: Callable[[], Any], tmp_path: Path
) -> None:
    started = waiting()
    trial = psutil.Process(int((tmp_path / "waiting").read_text()))
    [side] = [
        each for each in sides_of(psutil.Process(started.process.pid)) if each in trial.parents()
    ]

    os.kill(side.pid, signal.SIGKILL)
    ended = started.end()

    assert ended.code == 2
    told = ended.err.splitlines()[-1]
    assert told.startswith("bench: ")
    assert told.endswith(" ended with signal 9 (SIGKILL)")
    assert ended.left() == []


def test_a_trial_that_is_killed_is_a_crash_and_the_gate_goes_on(
    waiting: Callable[[], Any], tmp_path: Path, patiently: Callable[..., bool],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:  # fmt: skip
    started = waiting()
    place = tmp_path / "waiting"
    first = int(place.read_text())

    place.unlink()
    os.kill(first, signal.SIGKILL)
    assert patiently(place.exists)
    started.send(signal.SIGINT)
    started.end()

    found = [each for folder in (tmp_path / "results/sides").iterdir() for each in reading(folder)]
    assert [each["status"] for each in found] == ["crashed"]
    assert found[0]["reason"] == ("the process died with signal 9 (SIGKILL) before it had a result")


def test_sides_do_one_trial_at_a_time_and_only_when_they_may(tmp_path: Path) -> None:
    folder = side_folder(tmp_path / "old", is_head=False)
    notes: list[str] = []
    stands = [
        Stand(role=role, interpreter=interpreter(None, ""), path=folder)
        for role in ("base", "head")
    ]
    asked = Describe(
        suite="sides",
        settings=("procedure.kind=steady",),
        rounds=(0, 1),
        plan_seed=0,
        least_timed_s=0.0,
        file=str(suite_file(tmp_path)),
        plugins=("reporting",),
        path=str(folder),
        results=str(tmp_path / "results"),
        data_root=str(tmp_path),
    )
    with two_sides(stands, notes.append) as sides:
        for each in sides:
            each.describe(asked)
        plans = [each.described().plan for each in sides]
        keys = tuple(each.key for each in plans[0].trials)
        begin = Begin(cases=(0,), trials=keys[::-1], gate="g", options={}, command=("test",))
        folders = [each.begin(begin) for each in sides]
        for each in sides:
            each.ready()

        def kept() -> list[int]:
            lines = [(each / "trials.jsonl").read_text().splitlines() for each in folders]
            return [len(each) for each in lines]

        assert kept() == [0, 0]
        records = [sides[1].go(keys[1]), sides[1].go(keys[0])]
        assert kept() == [0, 2]
        records.append(sides[0].go(keys[1]))
        assert kept() == [1, 2]
        records.append(sides[0].go(keys[0]))
        for each in sides:
            each.finish()
        again = sides[0].begin(Begin(cases=(0,), trials=keys[:1], gate="g", options={}, command=()))
        records.append(sides[0].go(keys[0]))

    assert [each.status for each in records] == ["ok"] * 5
    assert [each.seed for each in records] == [1, 0, 1, 0, 0]
    assert again not in folders
    assert notes == []
    running = psutil.Process().children(recursive=True)
    assert [each for each in running if each.status() != psutil.STATUS_ZOMBIE] == []

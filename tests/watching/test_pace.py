"""How far a run is, when it will end, and how often that is drawn anew."""

from __future__ import annotations

import threading
import time

import pytest

from harness.watching.pace import Pace, Redraw


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_is_that_of_the_trials_that_were_tried() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.begin(5, 1)
    pace.end()  # refused before anything trains
    clock.now += 30  # the server starts
    pace.start()
    clock.now += 4
    pace.end()

    assert (pace.count(1), pace.left()) == ("[3/5, 1 not ok]", "  8.00 s left")


def test_before_a_trial_has_ended_and_after_the_last_no_time_is_left_to_tell() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.begin(1, 0)
    pace.start()
    clock.now += 4

    assert pace.left() == ""
    pace.end()
    assert (pace.count(0), pace.left()) == ("[1/1]", "")


def test_trials_that_another_process_starts_are_timed_from_the_first_that_ends() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.begin(4, 0)
    clock.now += 60
    pace.end()
    clock.now += 5
    pace.end()

    assert pace.left() == "  10.0 s left"


def test_what_was_drawn_less_than_a_second_ago_is_drawn_once_more_and_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.watching.pace._REDRAW_S", 0.05)
    drawn: list[float] = []
    redraw = Redraw(lambda: drawn.append(time.monotonic()), time.monotonic, threading.RLock())
    began = time.monotonic()
    for _ in range(20):
        redraw.soon()
    while not drawn:
        time.sleep(0.01)
    time.sleep(0.1)

    assert len(drawn) == 1
    assert drawn[0] - began > 0.04


def test_after_the_end_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.watching.pace._REDRAW_S", 0.05)
    drawn: list[None] = []
    redraw = Redraw(lambda: drawn.append(None), time.monotonic, threading.RLock())
    redraw.soon()
    redraw.close()
    time.sleep(0.15)

    assert drawn == []

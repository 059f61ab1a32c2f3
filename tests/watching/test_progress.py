"""What a run tells: a line that is redrawn on a terminal, a line a trial elsewhere."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest

from harness.records.planned import Case, Trial
from harness.records.record import Record, Status
from harness.watching.progress import Progress

CASE = Case(
    settings={},
    levels={
        "model": "mlp",
        "model.hidden": [8, "tanh"],
        "model.dropout": None,
        "init": "normal[std=1]",
    },
)
NAME = "model=mlp hidden=[8,tanh] init=normal[std=1]"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def trial(seed: int = 0, fold: int | None = None) -> Trial:
    return Trial(case=0, seed=seed, fold=fold, key=f"{seed}")


def record(status: Status = "ok", **fields: Any) -> Record:
    return Record(key="0", settings={}, levels={}, seed=0, status=status, **fields)


def lines(out: io.StringIO) -> list[str]:
    return out.getvalue().replace("\r\x1b[2K", "|").split("\n")


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_elsewhere_each_trial_is_a_line(out: io.StringIO, clock: Clock) -> None:
    progress = Progress(out, lambda: 80, clock)
    progress.begun(4, 0)

    progress.started(CASE, trial())
    progress.ended(CASE, trial(), record(metrics={"test_accuracy": 0.91234, "wall_s": 2}))
    progress.ended(CASE, trial(1), record(metrics={"test_accuracy": None, "test_loss": 1.5}))
    progress.ended(CASE, trial(2, fold=3), record("crashed", reason="signal 9"))
    progress.ended(CASE, trial(3), record("timeout"))
    progress.close()

    assert lines(out) == [
        f"[1/4]  {NAME} seed 0: ok, test_accuracy 0.9123, 2.00 s",
        f"[2/4]  {NAME} seed 1: ok, test_loss 1.5",
        f"[3/4, 1 not ok]  {NAME} seed 2 fold 3: crashed: signal 9",
        f"[4/4, 2 not ok]  {NAME} seed 3: timeout",
        "",
    ]


def test_a_reason_of_any_origin_is_told_in_a_line_that_is_escaped_and_cut(
    out: io.StringIO, clock: Clock
) -> None:
    progress = Progress(out, lambda: 80, clock)
    progress.begun(1, 0)

    progress.ended(CASE, trial(), record("crashed", reason="\x1b[31m\n\u202e" + "x" * 10_000))

    [line, _] = out.getvalue().split("\n")
    assert line.isprintable()
    assert "crashed: \\u001b[31m\\n\\u202exxx" in line
    assert len(line) < 800


def test_a_trial_without_a_figure_is_ok(out: io.StringIO, clock: Clock) -> None:
    progress = Progress(out, lambda: 80, clock)
    progress.begun(1, 0)

    progress.ended(CASE, trial(), record())

    assert lines(out) == [f"[1/1]  {NAME} seed 0: ok", ""]


def test_what_was_done_before_is_told_and_counted(out: io.StringIO, clock: Clock) -> None:
    progress = Progress(out, lambda: 80, clock)

    progress.begun(3, 2)
    progress.ended(CASE, trial(), record())

    assert lines(out) == [
        "note: 2 of 3 trials were done before",
        f"[3/3]  {NAME} seed 0: ok",
        "",
    ]


def test_a_terminal_is_redrawn_at_most_once_a_second(terminal: Terminal, clock: Clock) -> None:
    progress = Progress(terminal, lambda: 80, clock)
    progress.begun(10, 0)

    progress.started(CASE, trial(0))
    clock.now += 1
    progress.started(CASE, trial(1))
    clock.now += 0.9
    progress.started(CASE, trial(2))
    clock.now += 0.1
    progress.started(CASE, trial(3))
    progress.close()

    assert lines(terminal) == [f"|[0/10]  {NAME} seed 1|[0/10]  {NAME} seed 3|"]


def test_a_terminal_shows_the_time_that_is_left(terminal: Terminal, clock: Clock) -> None:
    progress = Progress(terminal, lambda: 80, clock)
    progress.begun(5, 1)
    clock.now += 1000  # the server starts: no trial has begun
    progress.started(CASE, trial())
    clock.now += 10
    progress.ended(CASE, trial(), record())

    progress.started(CASE, trial(1))

    assert lines(terminal)[-1].endswith(f"|[2/5]  30.0 s left  {NAME} seed 1")


def test_a_line_on_a_terminal_is_cut_to_its_width(terminal: Terminal, clock: Clock) -> None:
    progress = Progress(terminal, lambda: 30, clock)
    progress.begun(5, 0)
    clock.now += 1

    progress.started(CASE, trial())

    assert lines(terminal) == ["|[0/5]  model=mlp hidden=[8..."]


def test_a_terminal_keeps_a_line_of_what_did_not_end_ok(terminal: Terminal, clock: Clock) -> None:
    progress = Progress(terminal, lambda: 80, clock)
    progress.begun(2, 0)

    progress.ended(CASE, trial(0), record())
    progress.ended(CASE, trial(1), record("diverged", reason="nan at step 3"))

    assert lines(terminal) == [f"|{NAME} seed 1: diverged: nan at step 3", ""]


def test_notes_are_told_on_a_line_of_their_own(terminal: Terminal, clock: Clock) -> None:
    Progress(terminal, lambda: 80, clock).note("a\nb")

    assert lines(terminal) == ["|note: a\\nb", ""]


@pytest.mark.parametrize("made", [io.StringIO, Terminal])
def test_quiet_tells_notes_only(made: type[io.StringIO], clock: Clock) -> None:
    out = made()
    progress = Progress(out, lambda: 80, clock, quiet=True)
    progress.begun(2, 0)
    clock.now += 5

    progress.started(CASE, trial())
    progress.ended(CASE, trial(), record("crashed"))
    progress.note("here")

    assert lines(out)[0].endswith("note: here")
    assert "crashed" not in out.getvalue()


def test_a_long_trial_is_named_though_it_began_soon_after_another(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.watching.pace._REDRAW_S", 0.05)
    progress = Progress(terminal, lambda: 80)

    progress.started(CASE, trial(7))
    deadline = time.monotonic() + 10
    while not terminal.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    progress.close()

    assert f"{NAME} seed 7" in terminal.getvalue()

"""What a run tells on stderr: a line that is redrawn on a terminal, a line a trial elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TextIO

from harness.records.planned import Case, Trial
from harness.records.record import Record
from harness.suites.settings import Level, text
from harness.units import duration, one_line, quantity
from harness.watching.pace import Pace, Redraw

_SHOWN = ("test_accuracy", "test_loss", "train_loss", "running_train_loss")


class Progress:
    """Tells how a run goes.

    Args:
        out: Where to; a terminal gets one line that is redrawn at most once a second.
        width: Columns of the terminal.
        now: Seconds that only go forward.
        quiet: Whether only notes are told.
    """

    def __init__(
        self,
        out: TextIO,
        width: Callable[[], int],
        now: Callable[[], float] = time.monotonic,
        *,
        quiet: bool = False,
    ) -> None:
        self._out = out
        self._width = width
        self._quiet = quiet
        self._live = out.isatty()
        self._pace = Pace(now)
        self._failed = 0
        self._current = ""
        self._lock = threading.RLock()  # a timer draws, too
        self._redraw = Redraw(lambda: self._draw(self._current), now, self._lock)

    def begun(self, total: int, done: int) -> None:
        """Hear how many trials there are, and how many were done before."""
        self._pace.begin(total, done)
        if done:
            self.note(f"{done} of {total} trials were done before")

    def started(self, case: Case, trial: Trial) -> None:
        """Hear that a trial starts."""
        self._pace.start()
        if self._live and not self._quiet:
            self._current = (
                f"{self._pace.count(self._failed)}{self._pace.left()}  {trial_text(case, trial)}"
            )
            self._redraw.soon()

    def ended(self, case: Case, trial: Trial, record: Record) -> None:
        """Hear that a trial has ended, and that its record is kept."""
        self._pace.end()
        self._failed += record.status != "ok"
        if self._quiet:
            return
        if not self._live:
            found = one_line(found_text(record), 600)
            self._print(f"{self._pace.count(self._failed)}  {trial_text(case, trial)}: {found}")
        elif record.status != "ok":
            width = self._width() - 1
            self._tell(one_line(f"{trial_text(case, trial)}: {found_text(record)}", width))

    def note(self, text: str) -> None:
        """Tell what a user should know."""
        self._tell(f"note: {one_line(text, 400)}")

    def close(self) -> None:
        """Clear the line that is redrawn."""
        with self._lock:
            self._redraw.close()
            if self._live:
                self._draw("")

    def _tell(self, line: str) -> None:
        """Print a line where the line that is redrawn stood."""
        with self._lock:
            if self._live:
                self._draw("")
            self._print(line)

    def _draw(self, line: str) -> None:
        self._out.write("\r\x1b[2K" + one_line(line, max(20, self._width() - 1)))
        self._out.flush()

    def _print(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


def trial_text(case: Case, trial: Trial) -> str:
    """Name a trial by the levels of its case, its seed and its fold."""
    levels = [
        f"{address.rpartition('.')[2]}={_level(level)}"
        for address, level in case.levels.items()
        if level is not None
    ]
    fold = "" if trial.fold is None else f" fold {trial.fold}"
    return one_line(" ".join([*levels, f"seed {trial.seed}"]) + fold)


def found_text(record: Record) -> str:
    """Say how a trial ended: its status with the reason, or a figure and its time."""
    if record.status != "ok":
        return f"{record.status}" + (f": {record.reason}" if record.reason else "")
    shown = next((name for name in _SHOWN if record.metrics.get(name) is not None), None)
    value = f"ok, {shown} {quantity(record.metrics[shown], '1')}" if shown else "ok"
    wall_s = record.metrics.get("wall_s")
    return value if wall_s is None else f"{value}, {duration(wall_s)}"


def _level(level: object) -> str:
    return level if isinstance(level, str) else text(_plain(level))


def _plain(level: object) -> Level:
    return tuple(_plain(each) for each in level) if isinstance(level, list | tuple) else level  # type: ignore[return-value]  # what JSON holds

"""A run on a terminal while it goes: its table, filling, redrawn at most once a second.

Nothing ticks: it is drawn when a trial starts or ends, or once soon after, so that a trial that
takes long is measured in peace.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from harness.records.planned import Case, Trial
from harness.records.record import Record
from harness.showing.layout import Column
from harness.units import one_line
from harness.watching.board import Board
from harness.watching.pace import Pace, Redraw
from harness.watching.progress import found_text, trial_text

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live as Region
    from rich.table import Table

_FEWEST_COLUMNS = 20
_FEWEST_OF_FACTOR = 6
_AROUND = 5
"""Lines beside the cases: the count, a header, the rest, what runs, the cursor."""


class Live:
    """Tells how a run goes, as a table on a terminal; what failed stays above it, a line each.

    Args:
        out: The terminal.
        size: Its columns and lines.
        board: What is known of the run.
        now: Seconds that only go forward.
    """

    def __init__(
        self,
        out: TextIO,
        size: Callable[[], tuple[int, int]],
        board: Board,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out
        self._size = size
        self._board = board
        self._lock = threading.RLock()  # a timer draws, too
        self._pace = Pace(now)
        self._redraw = Redraw(self._draw, now, self._lock)
        self._current = ""
        self._region: Region | None = None

    def begun(self, total: int, done: int) -> None:
        """Hear how many trials there are, and how many were done before."""
        with self._lock:
            self._pace.begin(total, done)
        if done:
            self.note(f"{done} of {total} trials were done before")
        self._redraw.soon()

    def started(self, case: Case, trial: Trial) -> None:
        """Hear that a trial starts."""
        with self._lock:
            self._pace.start()
            self._board.start(trial)
            self._current = trial_text(case, trial)
            self._redraw.soon()

    def ended(self, case: Case, trial: Trial, record: Record) -> None:
        """Hear that a trial has ended, and that its record is kept."""
        with self._lock:
            self._pace.end()
            self._board.take(record)
            if record.status != "ok":
                width = max(_FEWEST_COLUMNS, self._size()[0] - 1)
                self._print(one_line(f"{trial_text(case, trial)}: {found_text(record)}", width))
            self._redraw.soon()

    def note(self, text: str) -> None:
        """Tell what a user should know."""
        with self._lock:
            self._print(f"note: {one_line(text, 400)}")

    def close(self) -> None:
        """Clear the table."""
        with self._lock:
            self._redraw.close()
            if self._region is not None:
                self._region.stop()
                self._region = None

    def _draw(self) -> None:
        region = self._opened()
        region.console.size = self._size()
        region.update(self._page(*self._size()), refresh=True)

    def _opened(self) -> Region:
        """Open the part of the terminal that is redrawn, when it is drawn for the first time."""
        if self._region is None:
            from rich.live import Live as Region  # imported where it is used: it costs 60 ms

            self._region = Region(
                console=_console(self._out, self._size()),
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            self._region.start()
            self._region.console.show_cursor(True)  # a kill would leave it hidden
        return self._region

    def _page(self, columns: int, lines: int) -> Group:
        from rich.console import Group
        from rich.text import Text

        shown = self._board.shown(lines - _AROUND)
        below = [each for each in (self._board.rest(shown), self._current) if each]
        return Group(
            Text(f"{self._pace.count(self._board.failed)}{self._pace.left()}"),
            _table(
                self._board.levels(shown),
                self._board.figures(shown),
                self._board.statuses(shown),
                columns,
            ),
            *(Text(each, no_wrap=True, overflow="ellipsis") for each in below),
        )

    def _print(self, line: str) -> None:
        """Print a line that stays, above the table."""
        if self._region is None:
            self._out.write(line + "\n")
            self._out.flush()
        else:
            from rich.text import Text

            self._region.console.print(Text(line), soft_wrap=True)


def _console(out: TextIO, size: tuple[int, int]) -> Console:
    from rich.console import Console

    return Console(
        file=out,
        width=size[0],
        height=size[1],
        force_terminal=True,
        color_system=None,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _table(levels: Sequence[Column], figures: list[Column], status: Column, width: int) -> Table:
    """Lay out a line a case: levels are cut where the terminal is narrow, figures are left out."""
    from rich.table import Table
    from rich.text import Text

    while len(figures) > 1 and width < _least(levels, [*figures, status]):
        figures.pop()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    columns = [*levels, *figures, status]
    for column in columns:
        table.add_column(
            Text(column.header, no_wrap=True, overflow="ellipsis"),
            no_wrap=column not in levels,
            overflow="ellipsis",
        )
    for row in zip(*(each.cells for each in columns), strict=True):
        table.add_row(*(Text(each, no_wrap=True, overflow="ellipsis") for each in row))
    return table


def _least(levels: Sequence[Column], others: Sequence[Column]) -> int:
    """Count the columns of a terminal that a table needs, its levels cut short."""
    sizes = [max(map(len, (each.header, *each.cells))) for each in others]
    return sum(each + 2 for each in sizes) + len(levels) * (_FEWEST_OF_FACTOR + 2)

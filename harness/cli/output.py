"""What a command prints: tables on stdout, notes on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import click

from harness.cli.asked import columns_of
from harness.system import console

if TYPE_CHECKING:
    from harness.judging.tables import CaseSummary
    from harness.records.store import StoredRun
    from harness.showing.layout import Style
    from harness.watching.board import Board
    from harness.watching.live import Live
    from harness.watching.progress import Progress

INTERRUPTED = 130
"""The exit code of a command that was interrupted."""

MOST = 1000
"""Characters of a line that is told; a foreign text is cut there."""


def show_ended(folder: Path, style: str, metrics: str | None) -> int:
    """Print the table of a run that has just ended, and give its exit code."""
    from harness.judging import expectations, tables
    from harness.records import store
    from harness.showing import closing
    from harness.units import one_line

    stored = store.read_run(folder)
    print_notes(stored)
    options, plan = stored.run.options, stored.plan
    rows = tables.summaries(plan, stored.records, stored.run.meanings)
    show_run(stored, rows, style, metrics)
    outcomes = expectations.expectations(plan, rows, stored.records)
    code = expectations.exit_code(
        plan,
        stored.records,
        strict=bool(options.get("strict")),
        check_failed=bool(options.get("check")) and not expectations.all_hold(outcomes),
    )
    below = [
        *closing.expectation_lines(outcomes),
        *closing.exit_lines(plan, stored.records, outcomes, code),
        f"kept in {one_line(str(folder), MOST)}",
    ]
    click.echo("\n" + "\n".join(below), err=style != "table")
    return code


def show_run(
    stored: StoredRun, rows: Sequence[CaseSummary], style: str, metrics: str | None
) -> None:
    """Print the tables of a run's cases, or its JSON."""
    from harness.showing import columns, document, page

    if style == "json":
        columns.shown_metrics(rows, columns_of(metrics))  # a wrong name is one in every format
        print_json(document.document(stored))
        return
    width = terminal_width() if style == "table" else None
    style, wanted = cast("Style", style), columns_of(metrics)
    print_text(page.cases_page(stored, rows, style=style, metrics=wanted, width=width))


def progress_on_stderr() -> Progress:
    """Tell of a run while it goes, on stderr."""
    from harness.watching.progress import Progress

    return Progress(sys.stderr, _width_of_stderr)


def live_on(stream: TextIO, board: Board) -> Progress | Live:
    """Tell of a run while it goes: as a table on a terminal, in lines elsewhere."""
    from harness.watching.live import Live
    from harness.watching.progress import Progress

    if not console.redraws(stream):
        return Progress(stream, lambda: console.columns(stream) or 80)
    return Live(stream, lambda: (console.columns(stream) or 80, console.lines(stream)), board)


def print_notes(stored: StoredRun) -> None:
    """Print what could not be read of a run, on stderr."""
    from harness.units import one_line

    for note in stored.notes:
        print(f"note: {one_line(note, MOST)}", file=sys.stderr)  # noqa: T201  # its voice


def print_text(text: str) -> None:
    """Print a table on stdout."""
    click.echo(text.rstrip("\n"))


def print_json(content: object) -> None:
    """Print JSON on stdout: indented for a terminal, compact for a pipe."""
    import msgspec

    encoded = msgspec.json.encode(content)
    shown = msgspec.json.format(encoded, indent=2) if sys.stdout.isatty() else encoded
    click.echo(shown.decode())


def terminal_width() -> int | None:
    """Count the columns that stdout has; None where it is no terminal."""
    return console.columns(sys.stdout)


def _width_of_stderr() -> int:
    return console.columns(sys.stderr) or 80


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let something write a file that was asked for.

    Raises:
        StoreError: the file cannot be written.
    """
    from harness.records.journal import cannot

    try:
        write(path)
    except OSError as error:
        raise cannot(path, "be written", error) from None

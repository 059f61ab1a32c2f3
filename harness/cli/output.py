"""What a command prints: tables on stdout, notes on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from harness.cli.asked import columns_of
from harness.console import columns

if TYPE_CHECKING:
    from harness.expectations import Outcome
    from harness.layout import Style
    from harness.progress import Progress
    from harness.store import StoredRun

MOST = 1000
"""Characters of a line that is told; a foreign text is cut there."""

_SEEN = {"fails": "fails", "undecided": "is undecided"}


def show_ended(folder: Path, style: str, metrics: str | None) -> int:
    """Print the table of a run that has just ended, and give its exit code."""
    from harness import expectations, store, tables
    from harness.units import one_line

    stored = store.read_run(folder)
    print_notes(stored)
    show_run(stored, style, metrics)
    options, plan = stored.run.options, stored.run.plan
    rows = tables.summaries(plan, stored.records, stored.run.meanings)
    outcomes = expectations.expectations(plan, rows, stored.records)
    below = [*_expectation_lines(outcomes), f"kept in {one_line(str(folder), MOST)}"]
    click.echo("\n" + "\n".join(below), err=style != "table")
    return expectations.exit_code(
        plan,
        stored.records,
        strict=bool(options.get("strict")),
        check_failed=bool(options.get("check")) and not expectations.all_hold(outcomes),
    )


def _expectation_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Count the expectations that hold, and tell those that do not."""
    from harness.units import one_line

    if not outcomes:
        return []
    wrong = [
        one_line(f"expected, but it {_SEEN[each.outcome]}: {each.text}", MOST)
        for each in outcomes
        if each.outcome != "holds"
    ]
    return [
        f"{len(outcomes) - len(wrong)} of {len(outcomes)} expectations of the suite hold",
        *wrong,
    ]


def show_run(stored: StoredRun, style: str, metrics: str | None, *, trials: bool = False) -> None:
    """Print the table of a run, its trials, or the JSON of either."""
    from harness import document, render, tables

    plan, meanings = stored.run.plan, stored.run.meanings
    if style == "json":
        print_json(document.trials_document(stored) if trials else document.document(stored))
        return
    wanted = columns_of(metrics)
    width = terminal_width() if style == "table" else None
    style = cast("Style", style)
    if trials:
        print_text(
            render.render_trials(
                plan, stored.records, style=style, metrics=wanted, width=width, meanings=meanings
            )
        )
        return
    rows = tables.summaries(plan, stored.records, meanings)
    print_text(render.render_cases(plan, rows, style=style, metrics=wanted, width=width))


def progress_on_stderr() -> Progress:
    """Tell of a run while it goes, on stderr."""
    from harness.progress import Progress

    return Progress(sys.stderr, _width_of_stderr)


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
    return columns(sys.stdout)


def _width_of_stderr() -> int:
    return columns(sys.stderr) or 80

"""The commands that read runs: show, merge."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import click

from harness.cli.asked import columns_of, places_of
from harness.cli.group import FORMAT, METRICS, RUN, bench, shared
from harness.cli.output import (
    INTERRUPTED,
    MOST,
    live_on,
    print_json,
    print_notes,
    print_text,
    progress_on_stderr,
    show_ended,
    terminal_width,
)

if TYPE_CHECKING:
    from harness.records.store import StoredRun
    from harness.showing.layout import Style


@bench.command()
@RUN
@FORMAT
@METRICS
@click.option("--trials", is_flag=True, help="A row a trial.")
@click.option("--effects", is_flag=True, help="Main effects and interactions of the factors.")
@click.option("--pivot", metavar="FACTOR", help="The levels of a factor side by side.")
@click.option("--follow", is_flag=True, help="Tell of a run that goes on, until it ends.")
@shared
@click.pass_context
def show(ctx: click.Context, /, **given: Any) -> int:
    """Print the table of a run: a path, an id, a suite's latest; without RUN, the latest of all."""
    from harness.records import runs, store

    _check_one(given)
    stored = store.read_run(runs.find_run(places_of(ctx).results, given["run_name"]))
    if given["follow"]:
        return _follow(stored, given)
    print_notes(stored)
    if given["style"] == "json":
        _show_json(stored, given)
    else:
        _show_page(stored, given)
    return 0


def _follow(stored: StoredRun, given: Mapping[str, Any]) -> int:
    """Tell of a run until it ends, print its table, and end as it did."""
    from harness import session
    from harness.records import store
    from harness.units import one_line
    from harness.watching.board import Board
    from harness.watching.follow import follow

    board = Board(stored.run.plan, stored.records, stored.run.meanings)
    watcher = live_on(sys.stdout, board)
    try:
        follow(stored, watcher)
    except KeyboardInterrupt:
        watcher.close()
        click.echo("followed no longer: the run goes on without", err=True)
        return INTERRUPTED
    finally:
        watcher.close()
    code = show_ended(stored.folder, given["style"], given["metrics"])
    waiting = len(session.waiting_trials(store.read_run(stored.folder)))
    if not waiting:
        return code
    trials = "1 trial has" if waiting == 1 else f"{waiting:,} trials have"
    name = one_line(str(stored.folder), MOST)
    click.echo(f"nobody works on it, and {trials} not run: bench resume {name} goes on", err=True)
    return code or 3


def _check_one(given: Mapping[str, Any]) -> None:
    """Refuse what cannot be shown together."""
    tables = [f"--{name}" for name in ("trials", "effects", "pivot") if given[name]]
    if given["follow"] and (tables or given["style"] != "table"):
        other = tables[0] if tables else f"--format {given['style']}"
        raise click.UsageError(f"--follow shows the table of cases: give it without {other}")
    asked = [f"--{name}" for name in ("trials", "effects", "pivot") if given[name]]
    if len(asked) > 1:
        raise click.UsageError(f"{' and '.join(asked)} are tables of their own: give one of them")
    if given["pivot"] and given["style"] == "json":
        raise click.UsageError("--pivot is for tables: --format json has every figure, by case")


def _show_json(stored: StoredRun, given: Mapping[str, Any]) -> None:
    from harness.judging import effects, tables
    from harness.records import store
    from harness.showing import columns, document

    plan, wanted = stored.plan, columns_of(given["metrics"])
    if given["trials"]:
        columns.picked(wanted, tables.metric_names(plan, store.last_attempts(stored.records)))
        print_json(document.trials_document(stored))
        return
    needed = wanted or given["effects"]
    rows = tables.summaries(plan, stored.records, stored.run.meanings) if needed else ()
    columns.shown_metrics(rows, wanted)
    more = {"effects": effects.effects(plan, rows)} if given["effects"] else {}
    print_json({**document.document(stored), **more})


def _show_page(stored: StoredRun, given: Mapping[str, Any]) -> None:
    from harness.judging import tables
    from harness.showing import page

    style = cast("Style", given["style"])
    width = terminal_width() if style == "table" else None
    manner: dict[str, Any] = {
        "style": style,
        "width": width,
        "metrics": columns_of(given["metrics"]),
    }
    if given["trials"]:
        shown = page.trials_page(stored, **manner)
    else:
        rows = tables.summaries(stored.plan, stored.records, stored.run.meanings)
        if given["effects"]:
            shown = page.effects_page(stored, rows, **manner)
        elif given["pivot"]:
            shown = page.pivot_page(stored, rows, given["pivot"], **manner)
        else:
            shown = page.cases_page(stored, rows, **manner)
    print_text(page.headed(stored, shown, style=style, width=width))


@bench.command()
@click.argument("run_names", metavar="RUN RUN...", nargs=-1, required=True)
@METRICS
@FORMAT
@shared
@click.pass_context
def merge(ctx: click.Context, /, **given: Any) -> int:
    """Merge runs into a new one: more seeds, more cases, or the same from another machine."""
    from harness import session
    from harness.records import runs

    places = places_of(ctx)
    names = given["run_names"]
    if len(names) < 2:
        raise click.UsageError(f"merge needs two runs or more, and was given {names[0]!r} alone")
    folders = [runs.find_run(places.results, each) for each in names]
    folder = session.merge_runs(folders, places, progress_on_stderr().note, sys.argv[1:])
    show_ended(folder, given["style"], given["metrics"])
    return 0

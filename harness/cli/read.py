"""The commands that read runs: show, merge."""

from __future__ import annotations

import sys
from typing import Any

import click

from harness.cli.asked import places_of
from harness.cli.group import FORMAT, METRICS, RUN, bench, shared
from harness.cli.output import print_notes, progress_on_stderr, show_ended, show_run


@bench.command()
@RUN
@FORMAT
@METRICS
@click.option("--trials", is_flag=True, help="A row a trial.")
@shared
@click.pass_context
def show(ctx: click.Context, /, **given: Any) -> int:
    """Print the table of a run: a path, an id, a suite's latest; without RUN, the latest of all."""
    from harness import store

    stored = store.read_run(store.find_run(places_of(ctx).results, given["run_name"]))
    print_notes(stored)
    show_run(stored, given["style"], given["metrics"], trials=given["trials"])
    return 0


@bench.command()
@click.argument("run_names", metavar="RUN RUN...", nargs=-1, required=True)
@METRICS
@FORMAT
@shared
@click.pass_context
def merge(ctx: click.Context, /, **given: Any) -> int:
    """Merge runs into a new one: more seeds, more cases, or the same from another machine."""
    from harness import session, store

    places = places_of(ctx)
    names = given["run_names"]
    if len(names) < 2:
        raise click.UsageError(f"merge needs two runs or more, and was given {names[0]!r} alone")
    folders = [store.find_run(places.results, each) for each in names]
    folder = session.merge_runs(folders, places, progress_on_stderr().note, sys.argv[1:])
    show_ended(folder, given["style"], given["metrics"])
    return 0

"""The commands that train, or would: run, plan, resume."""

from __future__ import annotations

import sys
from typing import Any

import click

from harness.cli.asked import (
    asks_for_a_plan,
    check_columns,
    columns_of,
    places_of,
    planned,
    shared_option,
)
from harness.cli.group import FORMAT, METRICS, RUN, TEXT_OR_JSON, bench, shared
from harness.cli.output import (
    live_on,
    print_json,
    print_text,
    progress_on_stderr,
    show_ended,
    terminal_width,
)
from harness.cli.picture import tell_page, write_page


@bench.command()
@asks_for_a_plan
@click.option("--keep-weights", is_flag=True, help="Keep the weights of every trial.")
@click.option("--report", is_flag=True, help="Write a page with pictures (bench report).")
@FORMAT
@shared
@click.pass_context
def run(ctx: click.Context, /, **given: Any) -> int:
    """Plan, run, print the table and where it is kept.

    bench run --suite init --seeds 3 dataset=breast_cancer epochs=5,20
    """
    from harness import calibrate, session
    from harness.records import store
    from harness.report.draw import check_drawing
    from harness.watching.board import Board

    if given["report"]:
        check_drawing()
    places = places_of(ctx, given["file"])
    loaded, plan = planned(places, given)
    check_columns(plan, columns_of(given["metrics"]))
    board = Board(plan, meanings=session.meanings(loaded.registry, plan))
    progress = progress_on_stderr() if given["in_process"] else live_on(sys.stderr, board)
    manner = session.Manner(
        jobs=given["jobs"],
        in_process=given["in_process"],
        keep_weights=given["keep_weights"],
        strict=given["strict"],
        check=given["check"],
        command=sys.argv[1:],
    )
    unchecked = ["--check has nothing to check: the suite expects nothing"]
    notes = unchecked if given["check"] and not plan.expectations else []
    for note in (*plan.notes, *notes, *calibrate.advice(places.results)):
        progress.note(note)
    try:
        folder = session.run_plan(plan, loaded, places, manner, progress)
    finally:
        progress.close()
    code = show_ended(folder, given["style"], given["metrics"])
    if given["report"]:
        tell_page(write_page([store.read_run(folder)]), err=given["style"] != "table")
    return code


@bench.command("plan")
@asks_for_a_plan
@click.option("--trials", is_flag=True, help="List the trials in their order.")
@TEXT_OR_JSON
@shared
@click.pass_context
def plan_command(ctx: click.Context, /, **given: Any) -> int:
    """Check a plan; tell its size, what is refused or skipped, the expected time; run nothing."""
    from harness import session
    from harness.listing import preview

    places = places_of(ctx, given["file"])
    _, plan = planned(places, given)
    check_columns(plan, columns_of(given["metrics"]))
    if given["style"] == "json":
        print_json(plan)
        return 0
    expected_s = session.expected_s(plan, places.results)
    print_text(preview.plan_text(plan, expected_s, width=terminal_width(), trials=given["trials"]))
    return 0


@bench.command()
@RUN
@click.option("--retry", type=click.Choice(("failed",)), help="Try trials that broke again.")
@click.option("--force", is_flag=True, help="Go on though versions, sources or data differ.")
@METRICS
@FORMAT
@shared
@click.pass_context
def resume(ctx: click.Context, /, **given: Any) -> int:
    """Go on with an unfinished run; a finished one trains nothing and prints its table."""
    from harness import session
    from harness.records import runs, store
    from harness.watching.board import Board

    places = places_of(ctx)
    folder = runs.find_run(places.results, given["run_name"])
    stored = store.read_run(folder)
    check_columns(stored.run.plan, columns_of(given["metrics"]))
    progress = live_on(sys.stderr, Board(stored.run.plan, stored.records, stored.run.meanings))
    try:
        session.resume_run(
            folder,
            progress,
            retry=given["retry"] == "failed",
            force=given["force"],
            plugins=places.plugins,
            data_root=shared_option(ctx, "data_root"),
            command=sys.argv[1:],
        )
    finally:
        progress.close()
    return show_ended(folder, given["style"], given["metrics"])

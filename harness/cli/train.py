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
    print_json,
    print_text,
    progress_on_stderr,
    show_ended,
    terminal_width,
)


@bench.command()
@asks_for_a_plan
@click.option("--keep-weights", is_flag=True, help="Keep the weights of every trial.")
@FORMAT
@shared
@click.pass_context
def run(ctx: click.Context, /, **given: Any) -> int:
    """Plan, run, print the table and where it is kept.

    bench run --suite init --seeds 3 dataset=breast_cancer epochs=5,20
    """
    from harness import calibrate, session

    places, progress = places_of(ctx, given["file"]), progress_on_stderr()
    loaded, plan = planned(places, given)
    check_columns(plan, columns_of(given["metrics"]))
    manner = session.Manner(
        jobs=given["jobs"],
        in_process=given["in_process"],
        keep_weights=given["keep_weights"],
        strict=given["strict"],
        check=given["check"],
        command=sys.argv[1:],
    )
    for note in (*plan.notes, *calibrate.advice(places.results)):
        progress.note(note)
    try:
        folder = session.run_plan(plan, loaded, places, manner, progress)
    finally:
        progress.close()
    return show_ended(folder, given["style"], given["metrics"])


@bench.command("plan")
@asks_for_a_plan
@click.option("--trials", is_flag=True, help="List the trials in their order.")
@TEXT_OR_JSON
@shared
@click.pass_context
def plan_command(ctx: click.Context, /, **given: Any) -> int:
    """Check a plan; tell its size, what is refused or skipped, the expected time; run nothing."""
    from harness import preview, session

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
    from harness import runs, session, store

    places = places_of(ctx)
    folder = runs.find_run(places.results, given["run_name"])
    check_columns(store.read_run(folder).run.plan, columns_of(given["metrics"]))
    progress = progress_on_stderr()
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

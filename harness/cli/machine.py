"""The commands about this machine: doctor, calibrate."""

from __future__ import annotations

import sys
from typing import Any

import click

from harness.cli.asked import places_of
from harness.cli.group import FILE, TEXT_OR_JSON, bench, shared
from harness.cli.output import print_json, print_text, progress_on_stderr, terminal_width


@bench.command()
@TEXT_OR_JSON
@shared
@click.pass_context
def doctor(ctx: click.Context, /, **given: Any) -> int:
    """Tell what would spoil a measurement on this machine, and what to do about it."""
    from harness.doctor import examine, findings_table

    places = places_of(ctx)
    findings = examine(places.results, places.data_root)
    if given["style"] == "json":
        print_json({"schema": 1, "findings": findings})
    else:
        print_text(findings_table(findings, terminal_width()))
    return 0


def _windows(_: click.Context, __: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Read `--windows 0.5,2`."""
    if value is None:
        return None
    try:
        found = tuple(dict.fromkeys(float(each) for each in value.split(",")))
    except ValueError:
        found = ()
    if not found or not all(0 < each <= _LONGEST_S for each in found):
        raise click.BadParameter(f"{value!r} is no list of seconds above 0, as in 0.5,2")
    return found


_LONGEST_S = 600.0


@bench.command()
@click.argument("settings", nargs=-1, metavar="[ADDRESS=VALUE]...")
@click.option("--windows", callback=_windows, metavar="S,S", help="Lengths of the measured window.")
@click.option("--rounds", type=click.IntRange(min=2), help="Pairs of trials a window (10).")
@click.option(
    "--resolution",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Slowdown to be seen, as a share (0.05).",
)
@FILE
@TEXT_OR_JSON
@shared
@click.pass_context
def calibrate(ctx: click.Context, /, **given: Any) -> int:
    """Measure this machine's noise by window; propose timed_s and rounds; change nothing else.

    A case is measured against itself, about 4 minutes long: bench calibrate model=mlp device=cpu
    """
    from harness import calibrate, session
    from harness.planning.overrides import parse_override
    from harness.records import calibration, store

    overrides = [parse_override(each) for each in given["settings"]]
    places, progress = places_of(ctx, given["file"]), progress_on_stderr()
    loaded = session.load_all(places)
    plan = calibrate.calibration_plan(
        loaded,
        overrides,
        given["windows"] or calibrate.WINDOWS_S,
        given["rounds"] or calibrate.ROUNDS,
    )
    manner = session.Manner(command=sys.argv[1:])
    try:
        folder = session.run_plan(plan, loaded, places, manner, progress)
    finally:
        progress.close()
    found = calibrate.calibrated(store.read_run(folder))
    path = calibration.keep(found, places.results)
    resolution = given["resolution"] or calibrate.RESOLUTION
    proposal = calibration.propose(found.windows, resolution)
    if given["style"] == "json":
        print_json({"calibration": found, "resolution": resolution, "proposal": proposal})
    else:
        told = [calibrate.proposal_text(proposal, resolution), calibrate.file_text(path)]
        print_text("\n".join([calibrate.calibration_table(found, terminal_width()), "", *told]))
    return 0

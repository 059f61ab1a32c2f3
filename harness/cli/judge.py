"""The commands that set two runs against each other: compare, gate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from harness.cli.asked import columns_of, places_of
from harness.cli.group import FILE, FORMAT, METRICS, bench, shared
from harness.cli.output import MOST, print_json, print_text, progress_on_stderr, terminal_width
from harness.errors import BenchError, StoreError

if TYPE_CHECKING:
    from harness.comparing.against import Against
    from harness.gating.decision import Decision
    from harness.session import Places
    from harness.showing.layout import Style

_SIDES = ("base_env", "head_env", "base_path", "head_path", "rounds", "plan_seed", "file")


@bench.command()
@click.argument("base", metavar="A")
@click.argument("head", metavar="B")
@click.option("--force", is_flag=True, help="Give words on figures of unlike environments too.")
@METRICS
@FORMAT
@shared
@click.pass_context
def compare(ctx: click.Context, /, **given: Any) -> int:
    """Compare run B with run A, case by case; say what differs between their environments."""
    from harness.comparing import against, sheet
    from harness.gating import stored
    from harness.records import runs

    places = places_of(ctx)
    base, head = (runs.find_run(places.results, given[each]) for each in ("base", "head"))
    found = stored.matched(base, head, places, progress_on_stderr().note)
    style, force = given["style"], given["force"]
    if style == "json":
        print_json(against.document(found, force=force))
        return 0
    width = terminal_width() if style == "table" else None
    wanted = columns_of(given["metrics"])
    print_text(
        sheet.render_against(
            found, style=cast("Style", style), metrics=wanted, width=width, force=force
        )
    )
    return 0


@bench.command()
@click.argument("named", metavar="BASE HEAD | [ADDRESS=VALUE]...", nargs=-1)
@click.option("--suite", metavar="NAME", help="Measure two environments, trial by trial.")
@click.option("--base-env", metavar="PYTHON", help="The base's interpreter; this one if not given.")
@click.option("--head-env", metavar="PYTHON", help="The head's.")
@click.option(
    "--base-path",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Goes first on the base's import path.",
)
@click.option(
    "--head-path",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Goes first on the head's.",
)
@click.option("--rounds", metavar="N", type=click.IntRange(min=5), help="10 if not given.")
@click.option("--plan-seed", type=int, help="Shuffles the order of cases and sides.")
@click.option("--allow-missing-base", is_flag=True, help="Pass where BASE is not there.")
@FILE
@click.option(
    "--format",
    "style",
    type=click.Choice(("table", "markdown", "json")),
    default="table",
    help="Of the table; markdown for the page of a job.",
)
@shared
@click.pass_context
def gate(ctx: click.Context, /, **given: Any) -> int:
    """Tell whether HEAD is worse than BASE: exit 1 where it is, beyond noise and margin.

    bench gate BASE HEAD compares two runs: accuracy and memory.

    bench gate --suite NAME --base-env PYTHON --head-env PYTHON measures both: throughput too.
    """
    places = places_of(ctx, given["file"])
    if given["suite"] is not None:
        if given["allow_missing_base"]:
            raise click.UsageError("--allow-missing-base is about a stored BASE: leave it out")
        return _interleaved(places, given)
    wrong = [each for each in _SIDES if given[each] is not None]
    if wrong:
        option = wrong[0].replace("_", "-")
        raise click.UsageError(f"--{option} is for measuring two sides: give --suite NAME")
    names = given["named"]
    if len(names) != 2:
        raise click.UsageError(
            f"it needs two runs, BASE HEAD, or --suite NAME, and was given {len(names)}"
        )
    return _stored(places, names[0], names[1], given)


def _stored(places: Places, base_name: str, head_name: str, given: dict[str, Any]) -> int:
    from harness.gating import decide, stored
    from harness.records import runs

    head = runs.find_run(places.results, head_name)
    base = stored.find_base(places.results, base_name)
    if base is None:
        return _without_base(base_name, head, given)
    found = stored.matched(base, head, places, progress_on_stderr().note)
    return _told(found, decide.decide(found, form="stored"), given["style"])


def _without_base(name: str, head: Path, given: dict[str, Any]) -> int:
    from harness.units import one_line

    keep = (
        f"keep one by committing or caching the folder of a run, {one_line(str(head), 300)} say,"
        " and give its path as BASE"
    )
    told = f"there is no run {one_line(name)!r} to compare with: {keep}"
    if not given["allow_missing_base"]:
        raise StoreError(f"{told}; --allow-missing-base passes without one")
    if given["style"] == "json":
        document = {"schema": 1, "form": "stored", "base": None, "passed": True, "notes": [told]}
        print_json(document)
    else:
        heading = "### " if given["style"] == "markdown" else ""
        print_text(f"{heading}gate: passed without a base\n\n{told}")
    return 0


def _interleaved(places: Places, given: dict[str, Any]) -> int:
    from harness.gating import interleave, stand
    from harness.numbers.gate import ROUNDS
    from harness.planning.overrides import parse_override

    for each in given["named"]:
        parse_override(each)
    question = interleave.Question(
        suite=given["suite"],
        settings=given["named"],
        rounds=given["rounds"] or ROUNDS,
        plan_seed=given["plan_seed"] or 0,
        file=places.file,
        plugins=tuple(places.plugins),
        results=places.results,
        data_root=places.data_root,
        command=tuple(sys.argv[1:]),
    )
    stands = [
        stand.Stand(
            role=role,
            interpreter=stand.interpreter(given[f"{role}_env"], f"--{role}-env"),
            path=given[f"{role}_path"] and given[f"{role}_path"].absolute(),
        )
        for role in stand.ROLES
    ]
    progress = progress_on_stderr()
    try:
        answered = interleave.interleave(question, stands, progress)
    finally:
        progress.close()
    return _told(answered.found, answered.decision, given["style"], answered.folders)


def _here(folder: Path) -> str:
    """Name a folder by its path from here, where it lies below."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _told(found: Against, decision: Decision, style: str, folders: tuple[Path, ...] = ()) -> int:
    """Print what a gate has found, and give its exit code."""
    from harness.gating import decision as decisions
    from harness.gating import notice
    from harness.units import one_line

    if style == "json":
        kept = {"kept": [str(each) for each in folders]} if folders else {}
        print_json({**decisions.document(found, decision), **kept})
    else:
        width = terminal_width() if style == "table" else None
        print_text(notice.render_gate(found, decision, style=cast("Style", style), width=width))
    for place, folder in enumerate(folders):
        fresh = ", fresh rounds" if place > 1 else ""
        told = f"{('base', 'head')[place % 2]}{fresh} kept in {one_line(_here(folder), MOST)}"
        click.echo(told, err=style != "table")
    if decision.is_blind:
        raise BenchError(
            "nothing could be gated: no case has figures enough on both sides (accuracy and memory"
            " need 3 seeds of both, throughput 5 rounds)"
        )
    return 1 if decision.regressions else 0

"""What a command was asked: places, a plan, columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.group import FILE, METRICS, F
from harness.errors import UnknownName, same_name

if TYPE_CHECKING:
    from harness.records.planned import Plan
    from harness.session import Loaded, Places


def asks_for_a_plan(command: F) -> F:
    """Add the arguments of `run` and `plan`."""
    options = (
        click.argument("settings", nargs=-1, metavar="[ADDRESS=VALUE,...]..."),
        click.option(
            "--suite", "suite", metavar="NAME", help="The suite; without it, a sweep of your own."
        ),
        FILE,
        click.option(
            "--seeds", metavar="N|FIRST:END", help="5 plans seeds 0 to 4, 5:10 five more."
        ),
        click.option(
            "--adaptive",
            is_flag=True,
            help="Look after 5, 10 and 20 seeds; stop when all is decided.",
        ),
        click.option("--plan-seed", type=int, default=0, help="Shuffles the order of cases."),
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            default=1,
            help="Trials side by side: no verdict on speed.",
        ),
        click.option("--in-process", is_flag=True, help="Train in this process, for debugging."),
        click.option(
            "--check", is_flag=True, help="Exit 1 where an expectation of the suite does not hold."
        ),
        click.option(
            "--strict",
            is_flag=True,
            help="Count diverged, skipped and unsupported trials as failed.",
        ),
        METRICS,
    )
    for option in reversed(options):
        command = option(command)
    return command


def places_of(ctx: click.Context, file: Path | None = None) -> Places:
    """Join the shared options of the group and of the subcommand."""
    from harness.session import Places

    outer = ctx.find_root().params
    chosen = {name: shared_option(ctx, name) for name in ("results", "data_root")}
    named = (*outer.get("plugins", ()), *ctx.params.get("plugins", ()))
    given = {name: each for name, each in chosen.items() if each is not None}
    return Places(file=file, plugins=named, **given)


def shared_option(ctx: click.Context, name: str) -> Path | None:
    """Give a folder that was given before or after the subcommand; None: it was not."""
    outer = ctx.find_root().params
    found: Path | None = ctx.params.get(name) or outer.get(name)
    return found


def planned(places: Places, given: dict[str, Any]) -> tuple[Loaded, Plan]:
    """Parse the form of what was asked before any plugin is loaded, then plan."""
    from harness import session
    from harness.planning.overrides import parse_override
    from harness.suites.draft import seed_range

    overrides = [parse_override(each) for each in given["settings"]]
    seeds = None if given["seeds"] is None else seed_range(given["seeds"])
    if given["adaptive"] and seeds is not None:
        raise click.UsageError("--adaptive looks after 5, 10 and 20 seeds: leave --seeds out")
    loaded = session.load_all(places)
    asked = session.Asked(
        suite=given["suite"],
        overrides=overrides,
        seeds=seeds,
        seed=given["plan_seed"],
        adaptive=given["adaptive"],
        until=columns_of(given["metrics"]),
    )
    return loaded, session.plan_asked(asked, loaded)


def columns_of(metrics: str | None) -> list[str]:
    """Read `--metrics A,B`."""
    return [each.strip() for each in (metrics or "").split(",") if each.strip()]


def check_columns(plan: Plan, wanted: Sequence[str]) -> None:
    """Refuse, before anything is trained, a column that no trial will have.

    Of the procedures only `train` is known to find nothing but what is planned.
    """
    from harness.numbers.metrics import MEANINGS, base_name
    from harness.records.naming import MEMORY

    if any(case.settings.get("procedure") != "train" for case in plan.cases):
        return
    taken = [metric for case in plan.cases for metric in case.settings.get("metrics", ())]
    known = [MEMORY, *MEANINGS, *(metric.partition("[")[0] for metric in taken)]
    folded = {same_name(each) for each in known}
    for each in wanted:
        if same_name(base_name(each)) not in folded:
            raise UnknownName("metric", each, known)

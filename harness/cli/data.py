"""The commands about data: list, fetch."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.asked import places_of
from harness.cli.group import FILE, TEXT_OR_JSON, Commands, bench, shared
from harness.cli.output import print_json, print_text, terminal_width


@bench.group(cls=Commands)
def data() -> None:
    """Tell which data is here, and fetch what is not."""


@data.command("list")
@FILE
@TEXT_OR_JSON
@shared
@click.pass_context
def list_data(ctx: click.Context, /, **given: Any) -> int:
    """List the data sets: here or not, where, how large; which need no download."""
    from harness import session
    from harness.listing import holdings

    places = places_of(ctx, given["file"])
    found = holdings.holdings(session.load_all(places).registry, places.data_root)
    if given["style"] == "json":
        print_json({"schema": 1, "data_root": str(places.data_root), "datasets": found})
    else:
        print_text(holdings.holdings_table(found, places.data_root, terminal_width()))
    return 0


@data.command()
@click.argument("name")
@FILE
@TEXT_OR_JSON
@shared
@click.pass_context
def fetch(ctx: click.Context, /, name: str, **given: Any) -> int:
    """Fetch a data set into the data root; what is here and right stays.

    bench data fetch mnist --data-root ~/data
    """
    from harness import session
    from harness.listing import holdings

    places = places_of(ctx, given["file"])
    found = holdings.fetch(session.load_all(places).registry, name, places.data_root)
    if given["style"] == "json":
        print_json({"schema": 1, "data_root": str(places.data_root), "datasets": [found]})
    else:
        print_text(holdings.sentence(found))
    return 0

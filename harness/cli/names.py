"""The commands that tell what is there: plugins, list, describe."""

from __future__ import annotations

import sys
from typing import Any

import click

from harness.cli.asked import places_of
from harness.cli.group import FILE, TEXT_OR_JSON, bench, shared
from harness.cli.output import MOST, print_json, print_text, terminal_width


@bench.command()
@TEXT_OR_JSON
@shared
@click.pass_context
def plugins(ctx: click.Context, /, **given: Any) -> int:
    """List the plugins, loaded or broken, with package and version."""
    from harness import session
    from harness.listing import catalog
    from harness.units import one_line

    registry = session.load_all(places_of(ctx)).registry
    if given["style"] == "json":
        print_json({"schema": 1, "plugins": catalog.plugin_rows(registry)})
    else:
        print_text(catalog.plugin_table(registry, terminal_width()))
        for note in registry.notes():
            print(f"note: {one_line(note, MOST)}", file=sys.stderr)  # noqa: T201  # its voice
    return 0


@bench.command("list")
@click.argument("kind", required=False)
@FILE
@TEXT_OR_JSON
@shared
@click.pass_context
def list_command(ctx: click.Context, /, kind: str | None, **given: Any) -> int:
    """List definitions (all, or of one KIND), or with `runs` what lies in the results folder."""
    from harness import session
    from harness.listing import catalog

    places = places_of(ctx, given["file"])
    if kind is not None and catalog.kind_of(kind) == "runs":
        rows = catalog.run_rows(places.results)
        if given["style"] == "json":
            print_json({"schema": 1, "runs": rows})
        else:
            print_text(catalog.run_table(places.results, terminal_width()))
        return 0
    registry = session.load_all(places).registry
    kinds = catalog.KINDS if kind is None else (catalog.kind_of(kind),)
    if given["style"] == "json":
        print_json({"schema": 1, "definitions": catalog.rows(registry, kinds)})
    else:
        print_text(catalog.table(registry, kinds, terminal_width()))
    return 0


@bench.command()
@click.argument("name")
@FILE
@TEXT_OR_JSON
@shared
@click.pass_context
def describe(ctx: click.Context, /, name: str, **given: Any) -> int:
    """Tell a definition's options, types, defaults and docstring; `NAME` or `KIND:NAME`."""
    from harness import session
    from harness.listing import catalog

    registry = session.load_all(places_of(ctx, given["file"])).registry
    if given["style"] == "json":
        print_json(catalog.description(registry, name))
    else:
        print_text(catalog.description_text(registry, name, terminal_width()))
    return 0

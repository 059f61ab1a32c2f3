"""The commands about this machine: doctor."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.asked import places_of
from harness.cli.group import TEXT_OR_JSON, bench, shared
from harness.cli.output import print_json, print_text, terminal_width


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

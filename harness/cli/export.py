"""The command that writes a run in the shape of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.asked import places_of
from harness.cli.group import RUN, bench, shared
from harness.cli.output import print_json, progress_on_stderr


@bench.command()
@RUN
@click.option(
    "--format",
    "style",
    type=click.Choice(("pytest-benchmark",)),
    default="pytest-benchmark",
    help="Whose shape.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Not to stdout.")
@shared
@click.pass_context
def export(ctx: click.Context, /, run_name: str | None, **given: Any) -> int:
    """Write a run in the shape of another program, which goes on from there.

    bench export init --out init.json && pytest-benchmark compare init.json
    """
    from harness import export, runs, store

    folder = runs.find_run(places_of(ctx).results, run_name)
    document = export.pytest_benchmark_document(store.read_run(folder))
    left = len(document["not_measured"])
    if left:
        cases = "1 case has" if left == 1 else f"{left} cases have"
        progress_on_stderr().note(f"{cases} no time, and stand under not_measured")
    if given["out"] is None:
        print_json(document)
    else:
        _write(given["out"], document)
    return 0


def _write(path: Path, document: object) -> None:
    import msgspec

    from harness.journal import cannot

    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    except OSError as error:
        raise cannot(path, "be written", error) from None

"""The command that begins a plugin package: new-plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.asked import places_of
from harness.cli.group import bench, shared
from harness.cli.output import print_text


@bench.command("new-plugin")
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The folder that gets the package's own; the working directory without it.",
)
@shared
@click.pass_context
def new_plugin(ctx: click.Context, /, name: str, into: Path, **_: Any) -> int:
    """Write a package with a model, a data set, an optimizer, a suite and tests of them.

    bench new-plugin rings
    """
    from harness import session
    from harness.plugin import package
    from harness.units import one_line

    names = package.names_of(name, session.load_all(places_of(ctx)).registry)
    folder = package.write_package(names, into)
    print_text(
        f"{one_line(str(folder), 1000)} has a model, a data set, an optimizer, a suite and tests\n"
        f"  cd {one_line(str(folder), 1000)}\n"
        "  pip install -e .\n"
        "  pytest\n"
        f"  bench run --suite {names.suite}"
    )
    return 0

"""The group `bench`, and the options that its commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.errors import what_would_work

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "markdown", "latex", "csv", "json")

FORMAT = click.option(
    "--format", "style", type=click.Choice(FORMATS), default="table", help="Of the table."
)
TEXT_OR_JSON = click.option(
    "--format", "style", type=click.Choice(("table", "json")), default="table"
)
METRICS = click.option("--metrics", metavar="A,B", help="Columns of the table.")
FILE = click.option(
    "--file", "file", type=click.Path(path_type=Path), help="TOML file with suites."
)
RUN = click.argument("run_name", metavar="[RUN]", required=False)


class Commands(click.Group):
    """Commands by name; an unknown one is told with the nearest."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is named first."""
        name = args[0].replace("_", "-")
        if name not in self.commands:
            told = what_would_work(name, self.commands)
            raise click.UsageError(f"unknown command {args[0]!r}{told}")
        return super().resolve_command(ctx, [name, *args[1:]])


def shared(command: F) -> F:
    """Add the options that stand before or after the subcommand."""
    options = (
        click.option(
            "-p", "plugins", multiple=True, metavar="PLUGIN", help="MODULE, FILE.py or no:NAME."
        ),
        click.option(
            "--results", type=click.Path(path_type=Path), help="Folder of runs (BENCH_RESULTS)."
        ),
        click.option(
            "--data-root", type=click.Path(path_type=Path), help="Folder of data (BENCH_DATA)."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    package_name="bench-harness", prog_name="bench-harness", message="%(prog)s %(version)s"
)
@shared
def bench(plugins: Sequence[str], results: Path | None, data_root: Path | None) -> None:
    """What did changing this do?

    Accuracy, throughput and memory of every combination, in one table.
    """

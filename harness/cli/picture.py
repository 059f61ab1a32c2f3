"""The commands that make pictures: report, plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.asked import places_of
from harness.cli.group import RUN, bench, shared
from harness.cli.output import MOST, print_notes, write_file

if TYPE_CHECKING:
    from harness.records.store import StoredRun
    from harness.report.panels import Picture
    from harness.report.shown import Shown

PAGE = "report.html"
"""What the page of a run is called, in its folder."""

_OUT = click.Path(path_type=Path, dir_okay=False)


@bench.command()
@click.argument("run_names", metavar="[RUN...]", nargs=-1)
@click.option("--out", type=_OUT, help="Not into the folder of the first run.")
@shared
@click.pass_context
def report(ctx: click.Context, /, run_names: Sequence[str], out: Path | None, **_: Any) -> int:
    """Write a page that opens in a browser: answer, table, pictures; a section a run.

    bench report init && xdg-open results/init/*/report.html
    """
    from harness.records import runs, store

    results = places_of(ctx).results
    folders = [runs.find_run(results, each) for each in run_names or (None,)]
    found = [store.read_run(each) for each in folders]
    for each in found:
        print_notes(each)
    tell_page(write_page(found, out))
    return 0


@bench.command()
@RUN
@click.option("--kind", required=True, metavar="KIND", help="What it shows, curves for one.")
@click.option("--out", type=_OUT, required=True, metavar="FILE", help="An svg, pdf or png.")
@shared
@click.pass_context
def plot(ctx: click.Context, /, run_name: str | None, **given: Any) -> int:
    """Draw one kind of picture of a run into a file, for a paper.

    bench plot init --kind curves --out curves.pdf
    """
    from harness.records import runs, store
    from harness.report import draw, kinds, shown

    draw.check_drawing()
    out = given["out"]
    suffix = draw.checked_suffix(out)
    stored = store.read_run(runs.find_run(places_of(ctx).results, run_name))
    print_notes(stored)
    found = shown.shown_of(stored)
    made = kinds.pictures(found, given["kind"])
    for place, each in enumerate(made):
        path = out if len(made) == 1 else out.with_stem(f"{out.stem}-{place + 1}")
        _draw(each, found, path, suffix)
        click.echo(_shown(path))
    return 0


def write_page(found: Sequence[StoredRun], out: Path | None = None) -> Path:
    """Write the page of some runs, beside the first or where it is asked for.

    Raises:
        BenchError: matplotlib is not installed, or the file cannot be written.
    """
    from harness.report.document import report_page

    page = report_page(found).encode("utf-8", "replace")
    path = out or found[0].folder / PAGE
    write_file(path, lambda to: to.write_bytes(page))
    return path


def tell_page(path: Path, *, err: bool = False) -> None:
    """Print where a page lies."""
    click.echo(f"report in {_shown(path)}", err=err)


def _draw(picture: Picture, found: Shown, path: Path, suffix: str) -> None:
    from harness.report import draw

    figure = draw.picture_figure(picture, found.label)
    write_file(path, lambda to: draw.save(figure, to, suffix))


def _shown(path: Path) -> str:
    from harness.units import one_line

    return one_line(str(path), MOST)

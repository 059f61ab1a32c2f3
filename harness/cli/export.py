"""The command that writes a run in the shape of another program."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.asked import places_of, shared_option
from harness.cli.group import RUN, bench, shared
from harness.cli.output import MOST, print_json, print_notes, progress_on_stderr, write_file
from harness.errors import BenchError
from harness.units import one_line

if TYPE_CHECKING:
    from harness.plugin.registry import Registry
    from harness.records.record import Record
    from harness.records.store import StoredRun
    from harness.session import Places


@bench.command()
@RUN
@click.option(
    "--format",
    "style",
    type=click.Choice(("pytest-benchmark", "tensorboard")),
    default="pytest-benchmark",
    help="Whose shape.",
)
@click.option(
    "--out",
    metavar="FILE|DIR",
    type=click.Path(path_type=Path),
    help="Not to stdout; of tensorboard the folder for a folder of the run.",
)
@shared
@click.pass_context
def export(ctx: click.Context, /, run_name: str | None, **given: Any) -> int:
    """Write a run in the shape of another program, which goes on from there.

    bench export init --out init.json && pytest-benchmark compare init.json

    bench export init --format tensorboard --out logs && tensorboard --logdir logs
    """
    from harness.records import runs, store

    places = places_of(ctx)
    if given["style"] == "tensorboard" and given["out"] is None:
        raise click.UsageError("--format tensorboard writes files: give their folder, --out DIR")
    stored = store.read_run(runs.find_run(places.results, run_name))
    print_notes(stored)
    if given["style"] == "tensorboard":
        root = shared_option(ctx, "data_root")
        _export_events(stored, places, given["out"], root)
    else:
        _export_rounds(stored, given["out"])
    return 0


def _export_rounds(stored: StoredRun, out: Path | None) -> None:
    import msgspec

    from harness.showing.export import pytest_benchmark_document

    document = pytest_benchmark_document(stored)
    left = len(document["not_measured"])
    if left:
        cases = "1 case has" if left == 1 else f"{left} cases have"
        progress_on_stderr().note(f"{cases} no time, and stand under not_measured")
    if out is None:
        print_json(document)
        return
    content = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    write_file(out, lambda path: path.write_bytes(content))


def _export_events(stored: StoredRun, places: Places, out: Path, root: Path | None) -> None:
    """Write the events of every trial, and the graph of every case into its first trial's."""
    from harness import session
    from harness.plugin.loading import import_named
    from harness.records.journal import cannot

    registry = session.load_all(places).registry
    plugin = import_named("bench_tensorboard", Path())
    written: dict[str, tuple[Record, Path]] = {}
    try:
        for record in stored.records:
            folder = plugin.write(record, out / stored.folder.name)
            written.setdefault(plugin.case_name(record), (record, folder))
    except OSError as error:
        raise cannot(out, "hold events", error) from None
    data_root = root or session.data_root_of(stored.run)
    for record, folder in written.values():
        _write_graph(registry, record, folder, data_root)
    trials = f"{len(stored.records)} trials" if len(stored.records) != 1 else "1 trial"
    click.echo(f"{trials} in {one_line(str(out / stored.folder.name), MOST)}")


def _write_graph(registry: Registry, record: Record, folder: Path, data_root: Path) -> None:
    if record.settings.get("model") is None:
        return
    try:
        graph = importlib.import_module("harness.trial.graph")
        graph.write_graph(registry, record, folder, data_root)
    except BenchError as error:
        progress_on_stderr().note(f"{folder.parent.name} has no graph: {error}")

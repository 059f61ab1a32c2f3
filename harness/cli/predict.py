"""The command that uses kept weights: predict."""

from __future__ import annotations

import csv
import importlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.asked import places_of, shared_option
from harness.cli.group import FILE, TEXT_OR_JSON, bench, shared
from harness.cli.output import MOST, print_json, print_notes, print_text, terminal_width, write_file
from harness.errors import BenchError, UnknownName

if TYPE_CHECKING:
    from harness.plugin.registry import Registry
    from harness.records.record import Record
    from harness.records.store import StoredRun
    from harness.session import Loaded

_SPLITS = ("train", "validation", "test")


@bench.command()
@click.argument("run_name", metavar="RUN")
@click.argument("case", metavar="[CASE]...", nargs=-1)
@click.option("--seed", type=click.IntRange(min=0), help="The first if not given.")
@click.option("--fold", type=click.IntRange(min=0), help="The first if not given.")
@click.option("--split", type=click.Choice(_SPLITS), default="test")
@click.option(
    "--weights", type=click.Path(path_type=Path), help="Another file of weights for this model."
)
@click.option(
    "--out", metavar="FILE.csv", type=click.Path(path_type=Path), help="For the predictions."
)
@FILE
@TEXT_OR_JSON
@shared
@click.pass_context
def predict(ctx: click.Context, /, **given: Any) -> int:
    """Predict with the weights that `bench run --keep-weights` kept of a trial.

    bench predict init init=xavier_uniform,model.activation=relu --seed 1 --out said.csv
    """
    from harness import pick, session
    from harness.records import runs, store
    from harness.running import kept

    places = places_of(ctx, given["file"])
    levels = pick.parse_case(given["case"])
    stored = store.read_run(runs.find_run(places.results, given["run_name"]))
    print_notes(stored)
    loaded = session.load_all(places)
    registry = loaded.registry
    try:
        record = pick.picked(stored, registry, levels, given["seed"], given["fold"])
        _tell_changed(registry, record)
    except UnknownName as error:
        raise BenchError(f"{error}{_left_out(stored, loaded)}") from None
    if given["weights"] is None:
        path, written = kept.weights_of(record, stored.folder)
    else:
        path, written = given["weights"], None
    found = importlib.import_module("harness.trial.predict").predict(
        registry,
        record,
        path,
        written,
        split=given["split"],
        data_root=shared_option(ctx, "data_root") or session.data_root_of(stored.run),
    )
    if given["out"] is not None:
        _write(given["out"], found.rows)
    _print(stored, record, path, found, given)
    return 0


def _left_out(stored: StoredRun, loaded: Loaded) -> str:
    """Name the plugins that a run names and nobody gave: reading a run runs no code of its own."""
    left_out = [each for each in stored.run.plugins if each not in loaded.plugins]
    given = " ".join(f"-p {each}" for each in left_out)
    return f"; the run was made with {given}: give it, if you trust it" if left_out else ""


def _tell_changed(registry: Registry, record: Record) -> None:
    """Note which definitions of a trial are no longer what they were."""
    from harness.planning.resolve import definitions_of

    for address, entry in definitions_of(registry, record.settings).items():
        if record.sources.get(address, entry.source) != entry.source:
            told = f"note: the source of {entry.kind} {entry.name} has changed since the run"
            click.echo(told, err=True)


def _write(path: Path, rows: tuple[tuple[str, str], ...]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("sample", "target", "prediction"))
    writer.writerows((place, *row) for place, row in enumerate(rows))
    write_file(path, lambda to: to.write_text(text.getvalue(), encoding="utf-8"))


def _print(stored: StoredRun, record: Record, path: Path, found: Any, given: Any) -> None:
    from harness.showing.layout import Column, printed
    from harness.units import one_line

    split = given["split"]
    now = {"accuracy": found.accuracy, "loss": found.loss}
    then = {name: record.metrics.get(f"{split}_{name}") for name in now}
    unchanged = record.data is None or record.data == found.data
    if not unchanged:
        told = f"note: the data has changed: its digest was {record.data} and is {found.data}"
        click.echo(told, err=True)
    if given["style"] == "json":
        print_json(
            {
                "schema": 1,
                "run": stored.run.id,
                "key": record.key,
                "levels": record.levels,
                "seed": record.seed,
                "fold": record.fold,
                "attempt": record.attempt,
                "weights": str(path),
                "split": split,
                "samples": found.samples,
                "metrics": {f"{split}_{name}": value for name, value in now.items()},
                "recorded": {f"{split}_{name}": value for name, value in then.items()},
                "data_unchanged": unchanged,
                "out": None if given["out"] is None else str(given["out"]),
            }
        )
        return
    columns = [
        Column(header="metric", cells=[f"{split}_{name}" for name in now]),
        Column(header="predicted", cells=[_figure(each) for each in now.values()]),
        Column(header="recorded", cells=[_figure(each) for each in then.values()]),
    ]
    below = [
        f"{found.samples:,} samples; weights of seed {record.seed}"
        + ("" if record.fold is None else f", fold {record.fold}")
        + f", attempt {record.attempt}: {one_line(str(path), MOST)}"
    ]
    if given["out"] is not None:
        below.append(f"predictions in {one_line(str(given['out']), MOST)}")
    print_text(printed(columns, width=terminal_width(), below=below))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"

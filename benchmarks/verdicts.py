"""Show how often a verdict is wrong, and how often it is found: by simulation, and end to end.

    python -m benchmarks.verdicts --families 10000 --seed 1
    python -m benchmarks.verdicts --end-to-end 20 --results DIR

The first draws families of comparisons from real trials (`BENCH_TRIALS` or `--trials` names their
folder) and from Gaussian ones, judges each with the code that judges runs, and prints tables in
Markdown: those of docs/verdicts.md. It exits with 1 where a bound does not hold. The second runs
`bench run` with arms that differ in nothing.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from benchmarks import end_to_end, finding, wrong
from benchmarks.pools import Pool, read_pool, trials_folder
from benchmarks.trying import Table

TABLES = (
    wrong.alike,
    wrong.on_one_mean,
    wrong.pair_by_pair,
    wrong.same_at_the_margin,
    wrong.looking,
    finding.power,
    finding.collapsing,
    finding.left_unflagged,
    finding.seeds,
)


@click.command()
@click.option("--families", default=5000, help="How many are drawn for each figure.")
@click.option("--seed", default=1, help="What is drawn.")
@click.option("--trials", type=click.Path(path_type=Path), help="Folder of the real trials.")
@click.option("--end-to-end", "runs", type=int, help="Run arms that do not differ so many times.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path(tempfile.gettempdir(), "bench-end-to-end"),
    help="Where these runs are kept; those that are there already are read.",
)
def main(families: int, seed: int, trials: Path | None, runs: int | None, results: Path) -> None:
    """Print how often verdicts are wrong."""
    if runs is not None:
        _end_to_end(runs, results)
        return
    folder = trials or trials_folder()
    if not (folder / "calm.jsonl.gz").exists():
        raise click.UsageError(f"no real trials in {folder}: name their folder with --trials")
    pools = {name: read_pool(folder, name) for name in ("calm", "storm")}
    broken = [each for table in tables(pools, families, seed) for each in _printed(table)]
    for each in broken:
        print(f"out of bounds: {each}", file=sys.stderr)
    sys.exit(1 if broken else 0)


def tables(pools: dict[str, Pool], families: int, seed: int) -> list[Table]:
    """Make every table; each draws for itself."""
    made = []
    for index, make in enumerate(TABLES):
        began = time.monotonic()
        made.append(make(pools, families, np.random.default_rng([seed, index])))
        print(f"{make.__name__}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return made


def _printed(table: Table) -> list[str]:
    print(f"{table}\n")
    return table.broken


def _end_to_end(runs: int, results: Path) -> None:
    count = end_to_end.counted(end_to_end.repeat(runs, results))
    print(count.table())
    if count.too_often:
        print(f"wrong too often: {', '.join(count.too_often)}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

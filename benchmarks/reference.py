"""Write the reference tables of `results/`: run suites with the real command, keep what it prints.

    python -m benchmarks.reference init dropout ...  # these suites
    python -m benchmarks.reference --all             # all that need no download
    python -m benchmarks.reference --index           # the index alone, from the tables there are

Each table has the command, its exit code, the date, the machine, the versions, and the load before
and after. A suite is run while the lock on timing is held, so that nobody measures beside it.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from harness.system.machine import environment
from harness.units import duration

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
SUITES = ROOT / "plugins" / "bench_builtin"
LOCK = Path(tempfile.gettempdir()) / "bench-timing.lock"
WIDTH = 110
FEWEST_SEEDS = 3
_AWAY = ("mnist-",)
"""How the names of suites begin whose data must be fetched; `DATA` names others."""

DATA = ("diabetes", "names", "names-packing", "cifar", "cifar-heads", "device")

HEAD = """# Reference tables

Each file has the table of one suite as this project's machine printed it, with machine, versions,
command, date, load: `python -m benchmarks.reference SUITE` writes one. Accuracy and memory do not
depend on the load, throughput does. Runs of your own land beside them and are ignored by git.
`cifar` and `cifar-heads` need CIFAR-10, which this machine cannot fetch: `cifar-reduced` and
`heads` ask the same of digits, scaled.

| suite | what it asks | what was seen |
|---|---|---|
"""


@click.command()
@click.argument("names", metavar="SUITE...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All suites that need no download.")
@click.option("--index", is_flag=True, help="Write the index alone.")
@click.option("--seeds", metavar="N", help="In place of the suite's; else three at least.")
@click.option("--data-root", type=click.Path(path_type=Path), help="Where fetched data lies.")
def main(
    names: Sequence[str],
    everything: bool,
    index: bool,
    seeds: str | None,
    data_root: Path | None,
) -> None:
    """Write the reference tables of suites, and the index."""
    known = suites()
    wanted = [each for each in known if not needs_data(each)] if everything else list(names)
    unknown = [each for each in wanted if each not in known]
    if unknown or not (wanted or index):
        raise click.UsageError(
            f"name suites: {', '.join(known)}" if not unknown else f"no suite {unknown[0]!r}"
        )
    for name in wanted:
        few = known[name]["seeds"] < FEWEST_SEEDS
        asked = seeds or (str(FEWEST_SEEDS) if few else None)
        code, elapsed_s = write_table(name, known[name], asked, data_root)
        click.echo(f"{name}: exit {code}, {duration(elapsed_s)}")
    (RESULTS / "README.md").write_text(HEAD + "\n".join(rows(known)) + "\n")


def suites() -> dict[str, Mapping[str, Any]]:
    """Read the suites that come with bench, by name."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in [SUITES / "suites.toml", *sorted((SUITES / "suites").glob("*.toml"))]:
        found |= tomllib.loads(path.read_text())["suites"]
    return found


def needs_data(name: str) -> bool:
    """Tell whether a suite needs data that is fetched, or a GPU."""
    return name.startswith(_AWAY) or name in DATA


def write_table(
    name: str, suite: Mapping[str, Any], seeds: str | None, data_root: Path | None
) -> tuple[int, float]:
    """Run a suite and write what it printed.

    Returns:
        Its exit code, and how long it took.
    """
    shown = ["bench", "run", "--suite", name, "--check"]
    shown += ["--seeds", seeds] if seeds else []
    with tempfile.TemporaryDirectory() as folder, LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before, began = os.getloadavg()[0], time.monotonic()
        command = Path(sys.executable).with_name("bench")
        places = ["--results", folder, *(["--data-root", str(data_root)] if data_root else [])]
        ended = subprocess.run(
            [str(command), *shown[1:], *places],
            env={**os.environ, "COLUMNS": str(WIDTH), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        elapsed_s, after = time.monotonic() - began, os.getloadavg()[0]
    printed = re.sub(r"\n(kept in|a page is in) .*", "", ended.stdout).strip()
    load = f"Load average {before:.1f} before, {after:.1f} after."
    lines = [
        f"# {name}\n\n{suite['summary']}\n",
        f"`COLUMNS={WIDTH} {' '.join(shown)}`, {datetime.now(UTC):%Y-%m-%d},"
        f" exit {ended.returncode}, {duration(elapsed_s)}; trials one at a time, one thread each.",
        f"{machine_line()}\n{load}\n",
        f"```\n{printed or ended.stderr.strip()}\n```\n",
    ]
    (RESULTS / f"{name}.md").write_text("\n".join(lines))
    return ended.returncode, elapsed_s


def machine_line() -> str:
    """Say on what machine, with what versions a table was made."""
    about = environment()
    system = about["platform"].partition("-with")[0]
    memory = f"{about['memory_bytes'] / 2**30:.0f} GiB"
    return (
        f"{about['cores']} cores of an {about['cpu']}, {memory}, no GPU; {system},"
        f" Python {about['python']}, torch {about['torch']}, bench-harness {about['harness']}."
    )


def rows(known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Make a row of the index for each table that is there, in the order of the suites."""
    for name, suite in known.items():
        path = RESULTS / f"{name}.md"
        if path.exists():
            yield f"| [{name}]({name}.md) | {suite['summary']} | {seen(path.read_text())} |"


def seen(text: str) -> str:
    """Find in a table how many expectations hold, and how many seeds a figure has."""
    held = re.search(r"^(\d+ of \d+) expectations? of the suite holds?", text, re.MULTILINE)
    counts = [int(each) for each in re.findall(r"\bok +(\d+)", text)]
    n = f"n = {max(counts)}" if counts else "no figures"
    return f"{held[1]} expectations hold; {n}" if held else n


if __name__ == "__main__":
    main()

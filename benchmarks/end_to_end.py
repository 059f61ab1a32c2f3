"""Run eight arms that differ in nothing, again and again, and count the runs with a false verdict.

Each run is the real command, in a folder of its own and with five seeds of its own.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tabulate import tabulate

Comparisons: TypeAlias = Sequence[Mapping[str, Any]]

ARMS, SEEDS = 8, 5
MOST_WRONG = 4
"""Of 20 runs, at 5 % a run: 5 or more have a probability of 0.3 %."""

LOCK = Path(tempfile.gettempdir()) / "bench-timing.lock"
_PLUGIN = Path(__file__).with_name("idle.py")
_LEVELS = ",".join(f"idle[skipped={1000 * each}]" for each in range(ARMS))
_SETTINGS = (
    f"model={_LEVELS}",
    "dataset=digits",
    "optimizer=sgd[lr=0.3]",
    "schedule=linear",
    "epochs=5",
)


@dataclass(slots=True)
class Count:
    """What the runs have shown of each metric.

    Args:
        runs: How many there were.
        words: By metric, how many comparisons got which word (None: none).
        wrong: By metric, how many runs had at least one false *better* or *worse*.
    """

    runs: int = 0
    words: dict[str, Counter[str | None]] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)

    def add(self, comparisons: Comparisons) -> None:
        """Count one run."""
        self.runs += 1
        wrong = set()
        for each in comparisons:
            metric, word = each["metric"], each["verdict"]
            self.words.setdefault(metric, Counter())[word] += 1
            if word in {"better", "worse"}:
                wrong.add(metric)
        self.wrong.update(wrong)

    @property
    def too_often(self) -> list[str]:
        """Name the metrics that were wrong in more runs than chance allows."""
        return [metric for metric, runs in self.wrong.items() if runs > self.runs * MOST_WRONG / 20]

    def table(self) -> str:
        """Print it, a metric a line."""
        headers = ["metric", "runs", "runs with a false word", "same", "undecided", "no word"]
        rows = [
            [
                f"`{name}`",
                self.runs,
                self.wrong[name],
                words["same"],
                words["undecided"],
                words[None],
            ]
            for name, words in self.words.items()
        ]
        return tabulate(rows, headers, tablefmt="github")


def repeat(runs: int, results: Path) -> Iterator[Comparisons]:
    """Run the eight arms so many times, each time with other seeds; give the comparisons of each.

    Args:
        runs: How many times.
        results: Where the runs are kept; one that is there already is read, not run again.
    """
    for index in range(runs):
        kept = results / f"{index:03}"
        if not (kept / "shown.json").exists():
            _run(index, kept)
        yield json.loads((kept / "shown.json").read_text())["comparisons"]


def counted(found: Iterable[Comparisons]) -> Count:
    """Count the runs with a false word."""
    count = Count()
    for each in found:
        count.add(each)
    return count


def _run(index: int, kept: Path) -> None:
    seeds = f"{SEEDS * index}:{SEEDS * (index + 1)}"
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _bench("run", "-p", str(_PLUGIN), "--results", str(kept), *_SETTINGS, "--seeds", seeds)
    shown = _bench("show", "--results", str(kept), "--format", "json")
    (kept / "shown.json").write_text(shown)


def _bench(*arguments: str) -> str:
    """Run the command of this interpreter."""
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("bench")), *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        raise SystemExit(f"bench {arguments[0]} ended with {ended.returncode}:\n{ended.stderr}")
    return ended.stdout

"""Show what gates see: nothing where nothing is planted, and what share of what is.

    python -m benchmarks.gate --rounds 25 --gates 10 --results DIR

It records real rounds of a base and of a head that is worse in known ways, both sides in turns, and
draws gates of ten rounds (and ten fresh ones) from them; then it runs real gates of A against A.
The code that decides is that of `bench gate`. What is recorded already is not recorded again.
"""

from __future__ import annotations

import fcntl
import math
import random
import statistics
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
import msgspec
from tabulate import tabulate

from benchmarks import planted
from harness.comparing.against import Against, against, compared
from harness.comparing.environments import INTERLEAVED
from harness.comparing.matching import part_of
from harness.errors import SettingError
from harness.gating.decide import decide, throughput_stages
from harness.gating.decision import Decision
from harness.gating.interleave import Question, duel, interleave
from harness.gating.stand import Stand, interpreter
from harness.judging.compare import Comparison
from harness.numbers.gate import WINDOW_S
from harness.numbers.statistics import t_quantile
from harness.records.record import Record
from harness.records.store import StoredRun, read_run
from harness.watching.progress import Progress

LOCK = Path(tempfile.gettempdir()) / "bench-timing.lock"
ROUNDS = 10
"""Of a gate that is drawn, and as many fresh ones: the default of `bench gate`."""

AT_ONCE = 5
"""Rounds that are recorded while the lock is held: others want to measure too."""


METRICS: Mapping[str, str | None] = MappingProxyType(
    {
        "nothing": None,
        "slower10": "train_samples_per_s",
        "slower20": "train_samples_per_s",
        "slower40": "train_samples_per_s",
        "hungrier": "host_peak_bytes",
        "wronger": "test_accuracy",
    }
)
"""Which figure a planted head is worse in; None: any would be a false alarm."""

HEADERS = ("planted", "figure", "truly", "sd of a pair", "could see", "gates that alarmed")


@dataclass(frozen=True, slots=True)
class Recorded:
    """Rounds of both sides, of one kind."""

    kind: str
    base: StoredRun
    head: StoredRun

    @property
    def seeds(self) -> tuple[int, ...]:
        """Name the rounds."""
        return self.base.plan.seeds

    def rounds(self, seeds: Collection[int]) -> Against:
        """Match both sides over some of the rounds."""
        return against(_part(self.base, seeds), _part(self.head, seeds), _no_default)


@click.command()
@click.option("--rounds", default=25, help="How many are recorded, of each kind.")
@click.option("--drawn", default=400, help="How many gates are drawn from them, of each kind.")
@click.option("--gates", default=10, help="How many real gates of A against A are run.")
@click.option("--gate-rounds", default=5, help="How many rounds a real gate has.")
@click.option("--window", default=WINDOW_S, help="Seconds over which steps are timed.")
@click.option("--seed", default=1, help="What is drawn.")
@click.option("--results", type=click.Path(path_type=Path), default=Path("results/gate"))
def main(
    *,
    rounds: int,
    drawn: int,
    gates: int,
    gate_rounds: int,
    window: float,
    seed: int,
    results: Path,
) -> None:
    """Print what gates have seen, as a table in Markdown."""
    if rounds < 2 * ROUNDS:
        raise click.UsageError(f"a gate is drawn from {2 * ROUNDS} rounds at least")
    base, head, file = planted.write(results / "plugins", window)
    python = interpreter(None, "")
    stands = (
        Stand(role="base", interpreter=python, path=base.absolute()),
        Stand(role="head", interpreter=python, path=head.absolute()),
    )
    question = Question(
        suite=planted.SUITE,
        rounds=rounds,
        least_timed_s=0.0,
        file=file,
        plugins=(planted.MODULE,),
        results=results / "runs",
        data_root=results,
    )
    draw = random.Random(seed)
    recorded = {each.kind: each for each in record(question, stands, results / "recorded.json")}
    rows = [
        drawn_row(recorded["nothing"], 100, draw),
        *(drawn_row(each, drawn, draw) for each in recorded.values()),
        real_row(question, stands[0], gates, gate_rounds, results / "real.json"),
    ]
    print(tabulate(rows, HEADERS, tablefmt="github"))
    false = sum(int(str(rows[place][-1]).split()[0]) for place in (0, -1))
    sys.exit(1 if false else 0)


def record(question: Question, stands: Sequence[Stand], kept: Path) -> Iterator[Recorded]:
    """Record rounds of both sides, unless that was done before; give them kind by kind."""
    folders: list[tuple[str, str]] = msgspec.json.decode(kept.read_bytes()) if kept.exists() else []
    for first in range(AT_ONCE * len(folders), question.rounds, AT_ONCE):
        told = Progress(sys.stderr, lambda: 100)
        with _alone(), duel(question, stands, told) as both:
            seeds = range(first, min(first + AT_ONCE, question.rounds))
            base, head = both.rounds(range(len(both.pairs)), seeds)
        folders.append((str(base), str(head)))
        kept.write_bytes(msgspec.json.encode(folders))
    whole = [_joined([read_run(Path(each[side])) for each in folders]) for side in (0, 1)]
    for place, case in enumerate(whole[0].plan.cases):
        base_part, head_part = (_part(each, each.plan.seeds, place) for each in whole)
        yield Recorded(case.settings["model.kind"], base_part, head_part)


def _joined(runs: Sequence[StoredRun]) -> StoredRun:
    """Make one run of several whose seeds differ."""
    plan = msgspec.structs.replace(
        runs[0].plan,
        seeds=tuple(seed for each in runs for seed in each.plan.seeds),
        trials=tuple(trial for each in runs for trial in each.plan.trials),
    )
    records = tuple(_of_one_gate(record) for each in runs for record in each.records)
    return replace(runs[0], run=msgspec.structs.replace(runs[0].run, plan=plan), records=records)


def _of_one_gate(record: Record) -> Record:
    """Let records of several sets of rounds count as of one: each set took turns."""
    return msgspec.structs.replace(record, environment={**record.environment, INTERLEAVED: "all"})


def drawn_row(recorded: Recorded, gates: int, draw: random.Random) -> list[object]:
    """Draw gates from recorded rounds, each stage with rounds of its own."""
    metric = METRICS[recorded.kind]
    alarms, could = 0, []
    for _ in range(gates):
        decision = _decided(recorded, draw.sample(recorded.seeds, 2 * ROUNDS))
        rows = [each for each in decision.gated if metric in {None, each.comparison.metric}]
        alarms += any(each.regression for each in rows)
        shown = metric or "train_samples_per_s"
        could += [each.detectable for each in rows if each.comparison.metric == shown]
    name = metric or "train_samples_per_s"
    [told] = compared(recorded.rounds(recorded.seeds), {name}, force=True)[name]
    assert told.difference is not None
    factor, unit = (100, " points") if name == "test_accuracy" else (100, " %")
    return [
        planted.KINDS[recorded.kind],
        metric or "any",
        f"{factor * told.difference:+.1f}{unit}",
        f"{factor * _spread(told):.2g}{unit}",
        f"{factor * statistics.mean(each for each in could if each is not None):.2g}{unit}",
        f"{alarms} of {gates}",
    ]


def real_row(question: Question, stand: Stand, gates: int, rounds: int, kept: Path) -> list[object]:
    """Run whole gates of A against A, one after the other; those run before are read."""
    found: list[int] = msgspec.json.decode(kept.read_bytes()) if kept.exists() else []
    asked = replace(
        question,
        settings=("model.kind=nothing", f"timed_s={WINDOW_S:g}"),
        rounds=rounds,
        least_timed_s=WINDOW_S,
    )
    stands = (stand, replace(stand, role="head"))
    while len(found) < gates:
        told = Progress(sys.stderr, lambda: 100, quiet=True)
        with _alone():
            answered = interleave(asked, stands, told)
        found.append(answered.decision.regressions)
        kept.write_bytes(msgspec.json.encode(found))
    alarms = sum(each > 0 for each in found)
    told_as = f"nothing, real gates of {rounds} rounds"
    return [told_as, "any", "-", "-", "-", f"{alarms} of {len(found)}"]


def _decided(recorded: Recorded, seeds: Sequence[int]) -> Decision:
    """Decide a gate of these rounds: the second half are the fresh ones, where they are needed."""
    found = recorded.rounds(seeds[:ROUNDS])
    fires = any(each.fires for each in throughput_stages(found, 1).values())
    fresh = recorded.rounds(seeds[ROUNDS:]) if fires else None
    return decide(found, fresh, form="interleaved")


def _spread(told: Comparison) -> float:
    """Give the standard deviation of the paired differences, from their interval."""
    assert told.ci95 is not None
    low, high = told.ci95
    if told.metric != "test_accuracy":
        low, high = math.log1p(low), math.log1p(high)
    return (high - low) / 2 / t_quantile(0.975, told.n - 1) * math.sqrt(told.n)


def _part(run: StoredRun, seeds: Collection[int], case: int | None = None) -> StoredRun:
    """Take some rounds of a run, or of one of its cases."""
    cases = range(len(run.plan.cases)) if case is None else [case]
    kept = [each for each in run.plan.trials if each.seed in seeds and each.case in cases]
    plan = part_of(run.plan, cases, {each.key for each in kept})
    keys = {each.key for each in plan.trials}
    records = tuple(each for each in run.records if each.key in keys)
    return replace(run, run=msgspec.structs.replace(run.run, plan=plan), records=records)


def _no_default(settings: Mapping[str, Any], address: str) -> Any:
    raise SettingError(f"both sides know {address} of {settings['model']}")


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the machine's timing lock, so that no other benchmark computes meanwhile."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main()

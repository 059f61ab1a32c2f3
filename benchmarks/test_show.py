"""What it takes to show a large run: read, summarise and print 10,000 records.

    OMP_NUM_THREADS=1 python -m pytest benchmarks/test_show.py -s

Each show is a process of its own, as the command is, and its whole CPU time counts, start and
imports included; what else runs on the machine counts little. A record has 40 settings, 30 metrics
and 8 curves of 10 epochs: 44 MB in all.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from harness.numbers.metrics import MEANINGS
from harness.records.planned import Case, Plan, Trial
from harness.records.record import Record, trial_key
from harness.records.store import RunFile, create_run

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

BENCH = Path(sys.executable).with_name("bench")
CASES, SEEDS = 2000, 5
ROUNDS = 5


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay down a run of 10,000 records."""
    results = tmp_path_factory.mktemp("results")
    drawn = random.Random(0)
    cases = tuple(_case(index, drawn) for index in range(CASES))
    trials = tuple(
        Trial(case=index, seed=seed, key=trial_key(case.settings, seed))
        for seed in range(SEEDS)
        for index, case in enumerate(cases)
    )
    factors = ("init", "model.activation")
    plan = Plan(
        suite="large", seeds=tuple(range(SEEDS)), factors=factors, cases=cases, trials=trials
    )
    run = create_run(results, RunFile(suite="large", plan=plan))
    lines = (msgspec.json.encode(_record(cases[each.case], each, drawn)) for each in trials)
    (run.folder / "trials.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return results


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("arguments", "limit_s"),
    [((), 2.0), (("--trials",), 2.0), (("--format", "csv"), 2.0), (("--format", "json"), 3.0)],
    ids=["table", "trials", "csv", "json"],  # json: 30 metrics and comparisons a case, 54 MB
)
def test_showing_10_000_records_takes_less_than_two_seconds_and_as_json_three(
    benchmark: BenchmarkFixture, results: Path, arguments: tuple[str, ...], limit_s: float
) -> None:
    took: list[float] = []

    benchmark.pedantic(lambda: took.append(_shown(results, arguments)), rounds=ROUNDS)

    benchmark.extra_info |= {"cpu_s": took}
    print(
        f"\n{' '.join(arguments)}: {min(took):.2f} to {max(took):.2f} s of CPU time, n = {ROUNDS}"
    )
    assert min(took) < limit_s


def _shown(results: Path, arguments: tuple[str, ...]) -> float:
    """Run `bench show` and give the CPU time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(
        [str(BENCH), "show", *arguments, "--results", str(results)],
        check=True,
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.stdout.count("normal[std=") >= CASES
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _case(index: int, drawn: random.Random) -> Case:
    levels = {
        "init": f"normal[std={0.001 * (1 + index)}]",
        "model.activation": drawn.choice(["relu", "tanh", "sigmoid"]),
    }
    others = {
        f"model.option_{each}": drawn.choice([drawn.random(), "word", [128, 64], True, None])
        for each in range(35)
    }
    base = {"model": "mlp", "device": "cpu", "loss": "cross_entropy"}
    return Case(settings={**base, **others, **levels}, levels=levels, baseline=0)


def _record(case: Case, trial: Trial, drawn: random.Random) -> Record:
    names = list(MEANINGS)[:30]
    return Record(
        key=trial.key,
        settings=case.settings,
        levels=case.levels,
        seed=trial.seed,
        status="ok",
        metrics={each: drawn.random() for each in names},  # shares are at most 1
        curves={each: [drawn.random() for _ in range(10)] for each in names[:8]},
        environment={f"version_{each}": "2.15.0" for each in range(12)},
        started="2026-11-21T10:15:00+00:00",
    )

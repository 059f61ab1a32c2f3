"""What it takes to make the page of a large run: 1,000 trials with 50 epochs each.

    OMP_NUM_THREADS=1 python -m pytest benchmarks/test_report.py -s

Each report is a process of its own, as the command is, and its whole CPU time and its largest
resident size count, start and imports included; what else runs on the machine counts little.
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

from harness.records.planned import Case, Plan, Trial
from harness.records.record import Record, trial_key
from harness.records.store import RunFile, create_run

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

BENCH = Path(sys.executable).with_name("bench")
STDS, ACTIVATIONS, SEEDS, EPOCHS = 50, ("relu", "tanh", "sigmoid", "gelu"), 5, 50
LIMIT_S, LIMIT_BYTES = 15.0, 1 << 30
ROUNDS = 3


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay down a run of 200 cases with five seeds."""
    results = tmp_path_factory.mktemp("results")
    drawn = random.Random(0)
    cases = tuple(_case(std, activation) for std in range(STDS) for activation in ACTIVATIONS)
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
def test_a_page_of_1000_trials_of_50_epochs_takes_less_than_15_seconds_and_1_gib(
    benchmark: BenchmarkFixture, results: Path, tmp_path: Path
) -> None:
    took: list[tuple[float, int]] = []

    benchmark.pedantic(lambda: took.append(_made(results, tmp_path / "page.html")), rounds=ROUNDS)

    size = (tmp_path / "page.html").stat().st_size
    seconds, most = min(took)[0], max(bytes_ for _, bytes_ in took)
    benchmark.extra_info |= {"cpu_s": [each for each, _ in took], "page_bytes": size}
    print(
        f"\n{min(took)[0]:.1f} to {max(took)[0]:.1f} s of CPU time, n = {ROUNDS};"
        f" at most {most / 2**20:.0f} MiB; a page of {size / 1e6:.1f} MB"
    )
    assert seconds < LIMIT_S
    assert most < LIMIT_BYTES


def _made(results: Path, out: Path) -> tuple[float, int]:
    """Run `bench report`; give the CPU time that it took, and the largest child so far."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [str(BENCH), "report", "large", "--results", str(results), "--out", str(out)],
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, after.ru_maxrss * 1024


def _case(std: int, activation: str) -> Case:
    levels = {"init": f"normal[std={0.01 * (1 + std):g}]", "model.activation": activation}
    base = {"model": "mlp", "device": "cpu", "loss": "cross_entropy", "epochs": EPOCHS}
    return Case(settings={**base, **levels}, levels=levels, baseline=0)


def _record(case: Case, trial: Trial, drawn: random.Random) -> Record:
    ends = {"train_loss": 0.3, "train_accuracy": 0.9, "test_loss": 0.4, "test_accuracy": 0.85}
    curves = {
        name: [
            end + (drawn.random() + 2 * ("loss" in name)) / (epoch + 10) for epoch in range(EPOCHS)
        ]
        for name, end in ends.items()
    }
    return Record(
        key=trial.key,
        settings=case.settings,
        levels=case.levels,
        seed=trial.seed,
        status="ok",
        metrics={
            **{name: values[-1] for name, values in curves.items()},
            "train_samples_per_s": drawn.uniform(2e4, 4e4),
            "data_wait_share": drawn.uniform(0.01, 0.1),
            "wall_s": drawn.uniform(3, 4),
            "host_peak_bytes": drawn.randrange(10**6, 10**7),
            "parameter_bytes": 100_000,
            "gradient_bytes": 100_000,
            "optimizer_state_bytes": 200_000,
            "activation_bytes": 50_000,
        },
        curves=curves,
        sizes={"train": 1347, "test": 450},
        started="2026-11-21T10:15:00+00:00",
    )

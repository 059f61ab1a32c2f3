"""The fixtures in a session of pytest of its own, and what they leave for pytest-benchmark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TESTS = """
import pytest

RATES = "optimizer=sgd[lr=0.1],sgd[lr=1e30]"

@pytest.mark.bench_suite(None, "model=mlp", RATES, "device=cpu,cuda:7", "epochs=1", seeds=2)
def test_rates(bench_case):
    bench_case.expect("test_accuracy", min=0.1)

def test_one(bench_run):
    settings = ["model=linear", "optimizer=sgd[lr=0.1]", "epochs=2", "metrics=norm_of_weights"]
    case = bench_run(*settings, seeds=[3, 5])
    assert list(case.values("norm_of_weights")) == ["3", "5"]
    case.expect("test_accuracy", min=0.99)

def test_typo(bench_run):
    bench_run("modle=linear")

def test_two_cases(bench_run):
    bench_run("model=linear,mlp", "optimizer=sgd")

def test_unmarked_is_left_alone():
    pass
"""
MISTAKES = """
import pytest

def test_without_a_suite(bench_case):
    pass

@pytest.mark.bench_suite("smok")
def test_of_no_suite(bench_case):
    pass
"""
UNUSED = """
def test_nothing():
    pass
"""
TELLS = """
import sys

def pytest_sessionfinish(session):
    with open("modules", "w") as file:
        file.write("\\n".join(sys.modules))
"""


@dataclass(frozen=True)
class Session:
    """A session of pytest that has ended."""

    folder: Path
    output: str
    code: int

    def benchmarks(self) -> dict[str, Any]:
        """Read what pytest-benchmark wrote, by name."""
        content = json.loads((self.folder / "out.json").read_text())
        return {each["name"]: each for each in content["benchmarks"]}


def session(folder: Path, *arguments: str, **files: str) -> Session:
    for name, content in files.items():
        (folder / f"{name}.py").write_text(content)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={name: each for name, each in os.environ.items() if "PYTEST" not in name},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    return Session(folder, ended.stdout + ended.stderr, ended.returncode)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("session")
    return session(folder, "-v", "--benchmark-json=out.json", "--benchmark-autosave", test_it=TESTS)


@pytest.mark.parametrize(
    ("test", "outcome"),
    [
        ("test_rates[optimizer=sgd[lr=0.1]-device=cpu]", "PASSED"),
        ("test_rates[optimizer=sgd[lr=1e+30]-device=cpu]", "FAILED"),
        ("test_rates[optimizer=sgd[lr=0.1]-device=cuda:7]", "SKIPPED"),
        ("test_one", "FAILED"),
        ("test_typo", "FAILED"),
        ("test_two_cases", "FAILED"),
        ("test_unmarked_is_left_alone", "PASSED"),
    ],
)
def test_a_test_ends_as_its_trials_and_bounds_say(ended: Session, test: str, outcome: str) -> None:
    assert f"test_it.py::{test} {outcome}" in ended.output


@pytest.mark.parametrize(
    "told",
    [
        " on seed 3 (and 1 more), not at least 0.99 (one case)",
        "2 of 2 trials of optimizer=sgd[lr=1e+30] device=cpu failed:\n  seed 0: diverged: ",
        "unknown address 'modle': did you mean 'model'?",
        "the fixture bench_run runs one case, and these are 2: mark the test with"
        " @pytest.mark.bench_suite(...) and take bench_case",
    ],
)
def test_what_is_wrong_is_told(ended: Session, told: str) -> None:
    assert told in ended.output


def test_a_round_is_a_seed_and_its_time_the_step_s(ended: Session) -> None:
    found = ended.benchmarks()["test_rates[optimizer=sgd[lr=0.1]-device=cpu]"]

    assert found["group"] == "sweep"
    assert found["stats"]["rounds"] == 2
    steps = found["stats"]["data"]
    assert all(0 < each < 1 for each in steps)
    assert found["params"] == {"optimizer": "sgd[lr=0.1]", "device": "cpu"}
    beside = found["extra_info"]
    assert beside["statuses"] == {"ok": 2}
    assert 0.1 <= beside["test_accuracy"] <= 1
    assert beside["timed"] == "step"
    assert {"host_peak_bytes", "wall_s", "train_samples_per_s"} <= set(beside["values"])


def test_seeds_are_those_that_were_asked_for(ended: Session) -> None:
    assert ended.benchmarks()["test_one"]["extra_info"]["seeds"] == [3, 5]


def test_what_pytest_benchmark_keeps_by_itself_is_kept(ended: Session) -> None:
    [kept] = (ended.folder / ".benchmarks").glob("*/*.json")

    assert {each["name"] for each in json.loads(kept.read_text())["benchmarks"]} == set(
        ended.benchmarks()
    )


def test_a_suite_that_cannot_be_planned_is_an_error_of_collection(tmp_path: Path) -> None:
    found = session(tmp_path, test_it=MISTAKES)

    assert found.code == pytest.ExitCode.INTERRUPTED
    told = "test_without_a_suite takes bench_case and names no suite: mark it with"
    assert told + ' @pytest.mark.bench_suite("NAME")' in found.output


def test_an_unknown_suite_is_told_with_the_nearest(tmp_path: Path) -> None:
    found = session(
        tmp_path, test_it=MISTAKES.replace("def test_without_a_suite(bench_case)", "def f()")
    )

    assert "test_of_no_suite: unknown suite 'smok': did you mean 'smoke'?" in found.output


def test_a_session_that_does_not_use_it_imports_no_more_than_the_package(tmp_path: Path) -> None:
    code = "import sys, harness; print(chr(10).join(sys.modules))"
    light = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    found = session(tmp_path, conftest=TELLS, test_it=UNUSED)
    modules = (tmp_path / "modules").read_text().split()

    assert found.code == 0, found.output
    assert "harness.pytest_plugin" in modules
    assert not {"torch", "scipy", "sklearn"} & set(modules)
    ours = {each for each in modules if each.split(".")[0] == "harness"}
    assert ours - set(light) == {"harness.pytest_plugin"}


def test_benchmarks_that_are_skipped_are_not_run(tmp_path: Path) -> None:
    found = session(tmp_path, "--benchmark-skip", "-rs", test_it=TESTS)

    assert "1 passed" in found.output
    assert "7 skipped" in found.output

"""`harness.run`: the path of notebooks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import harness

BENCH = Path(sys.executable).with_name("bench")
SUITE = harness.Suite(
    "two",
    base={"dataset": "digits", "optimizer": "sgd[lr=0.1]", "epochs": 1},
    factors={"model": ["linear", "mlp[hidden=[8]]"]},
    seeds=1,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> harness.Run:
    return harness.run(SUITE, results=tmp_path_factory.mktemp("results"), quiet=True)


def test_a_suite_object_runs_and_prints_as_its_table(finished: harness.Run) -> None:
    cases, title, *_ = repr(finished).split("\n\n")
    lines = cases.splitlines()

    assert title == "against model=linear; paired by seed, n = 1"
    assert [line.split()[0] for line in lines] == [
        "model",
        lines[1].split()[0],
        "linear",
        "mlp[hidden=[8]]",
    ]
    assert {record.status for record in finished.records} == {"ok"}


def test_the_document_is_what_the_command_prints(finished: harness.Run) -> None:
    printed = subprocess.run(
        [str(BENCH), "show", str(finished.folder), "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert json.loads(printed) == json.loads(json.dumps(finished.document()))


def test_the_parent_of_a_run_does_not_import_torch(tmp_path: Path) -> None:
    code = (
        "import sys, harness\n"
        "if __name__ == '__main__':\n"
        "    harness.run('smoke', 'epochs=1', seeds=1, results='r', quiet=True)\n"
        "    print('torch' in sys.modules)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert ended.stdout == "False\n"


def test_folds_validate_on_parts_that_differ_and_a_seed_s_figure_is_their_mean(
    tmp_path: Path,
) -> None:
    run = harness.run(SUITE, "model=linear", "folds=2", results=tmp_path, quiet=True)
    [case] = run.document()["cases"]
    found = [each.metrics["validation_accuracy"] for each in run.records]

    assert [each.fold for each in run.records] == [0, 1]
    assert [each.sizes for each in run.records] == [
        {"train": 673, "validation": 674, "test": 450},
        {"train": 674, "validation": 673, "test": 450},
    ]
    assert case["planned"] == 2
    assert case["metrics"]["validation_accuracy"]["n"] == 1
    assert case["metrics"]["validation_accuracy"]["values"] == {"0": pytest.approx(sum(found) / 2)}


def test_a_wrong_setting_is_an_error_of_its_own_kind(tmp_path: Path) -> None:
    with pytest.raises(harness.BenchError, match="did you mean 'epochs'"):
        harness.run("smoke", "epoch=1", results=tmp_path)

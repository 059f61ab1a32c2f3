"""A run in the shape of pytest-benchmark's JSON, read back by its own command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made import made_case, made_plan, made_record, made_records, made_run

from harness.records.record import Record
from harness.records.store import StoredRun
from harness.showing.export import pytest_benchmark_document

PLAN = made_plan(*(made_case({"model.dropout": each}) for each in (0, 0.5, 0.9)))
STEPS = [0.002, 0.001, 0.003]
ENVIRONMENT = {
    "host": "here",
    "cpu": "A 1",
    "cores": 2,
    "machine": "x86_64",
    "platform": "Linux-6.1-x86_64",
    "python": "3.11.7",
    "torch": "2.15.0",
    "commit": "c0ffee",
}


def stored(records: list[Record]) -> StoredRun:
    run = made_run(PLAN, id="20261121T101500Z-3f2a", environment=ENVIRONMENT, created="2026-11-21")
    return StoredRun(folder=Path("r"), run=run, records=tuple(records))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """A case with all seeds, one of which a seed crashed, and one that always timed out."""
    figures = {"step_p50_s": STEPS, "test_accuracy": [0.9, 0.8, 0.7], "host_peak_bytes": [5e6] * 3}
    first = made_records(PLAN, 0, **figures)
    second = made_records(PLAN, 1, **{name: [*each[:2], None] for name, each in figures.items()})
    crashed = made_record(PLAN, 1, 2, "crashed", reason="signal 11 (SIGSEGV)")
    late = [made_record(PLAN, 2, seed, "timeout", reason="10 s are over") for seed in range(3)]
    return pytest_benchmark_document(stored([*first, *second, crashed, *late]))


def test_a_case_is_a_benchmark_and_a_seed_a_round(document: dict[str, Any]) -> None:
    first, second = document["benchmarks"]

    assert first["name"] == "init[model.dropout=0]"
    assert first["fullname"] == "bench::init[model.dropout=0]"
    assert (first["group"], first["params"]) == ("init", {"model.dropout": 0})
    assert first["stats"]["data"] == STEPS
    assert first["stats"]["rounds"] == 3
    assert first["stats"]["mean"] == pytest.approx(0.002)
    assert first["stats"]["ops"] == pytest.approx(500)
    assert second["stats"]["data"] == STEPS[:2]


def test_accuracy_memory_and_statuses_stand_beside_the_times(document: dict[str, Any]) -> None:
    first, second = (each["extra_info"] for each in document["benchmarks"])

    assert first["test_accuracy"] == pytest.approx(0.8)
    assert first["values"]["test_accuracy"] == {"0": 0.9, "1": 0.8, "2": 0.7}
    assert (first["host_peak_bytes"], first["units"]["host_peak_bytes"]) == (5e6, "bytes")
    assert (first["timed"], first["run"]) == ("step", "20261121T101500Z-3f2a")
    assert second["statuses"] == {"ok": 2, "crashed": 1}
    assert second["values"]["test_accuracy"]["2"] is None


def test_a_case_without_a_time_is_told_with_its_reasons(document: dict[str, Any]) -> None:
    assert document["not_measured"] == [
        {
            "name": "model.dropout=0.9",
            "statuses": {"timeout": 3},
            "reasons": ["timeout: 10 s are over"],
        }
    ]


def test_the_machine_and_the_commit_are_those_of_the_run(document: dict[str, Any]) -> None:
    assert document["machine_info"]["node"] == "here"
    assert document["machine_info"]["system"] == "Linux"
    assert document["machine_info"]["cpu"] == {"brand_raw": "A 1", "count": 2}
    assert document["machine_info"]["versions"] == {"torch": "2.15.0"}
    assert document["commit_info"] == {"id": "c0ffee"}
    assert document["datetime"] == "2026-11-21"


@pytest.mark.parametrize(
    ("metrics", "timed", "seconds"),
    [
        (
            {"infer_samples_per_s": [100.0, 200.0, 400.0]},
            "sample of inference",
            [0.01, 0.005, 0.0025],
        ),
        ({"wall_s": [1.0, 2.0, 3.0]}, "trial", [1.0, 2.0, 3.0]),
    ],
)
def test_where_no_steps_were_timed_it_is_said_what_was(
    metrics: dict[str, Any], timed: str, seconds: list[float]
) -> None:
    found = pytest_benchmark_document(stored(made_records(PLAN, 0, **metrics)))["benchmarks"][0]

    assert found["extra_info"]["timed"] == timed
    assert found["stats"]["data"] == seconds


def test_pytest_benchmark_s_own_command_compares_it(
    document: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_text(json.dumps(document))
    command = Path(sys.executable).with_name("pytest-benchmark")

    ended = subprocess.run(
        [str(command), "compare", "run.json", "--csv=run.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert ended.returncode == 0, ended.stderr
    header, *rows = (tmp_path / "run.csv").read_text().splitlines()
    assert header.split(",")[0] == "name"
    assert {each.split(",")[0] for each in rows} == {
        "bench::init[model.dropout=0]",
        "bench::init[model.dropout=0.5]",
    }


def test_the_command_writes_a_run_to_stdout_or_into_a_file_without_torch(
    bench: Any, smoke: Any, tmp_path: Path
) -> None:
    printed = bench("export", smoke.folder)
    written = bench("export", smoke.folder, "--out", "smoke.json")

    assert (printed.code, printed.torch) == (0, False)
    assert [each["param"] for each in printed.json["benchmarks"]] == [
        "model=linear",
        "model=mlp[hidden=[32]]",
    ]
    assert (written.code, written.out) == (0, "")
    assert json.loads((tmp_path / "smoke.json").read_text()) == printed.json


def test_a_place_that_cannot_be_written_is_told_in_a_line(bench: Any, smoke: Any) -> None:
    ended = bench("export", smoke.folder, "--out", "absent/smoke.json")

    assert ended.code == 2
    assert ended.err == "bench: absent/smoke.json cannot be written: No such file or directory\n"

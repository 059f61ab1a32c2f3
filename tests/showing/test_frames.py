"""A run as data frames: no row left out, units told, what is missing NA."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pandas
import pytest
from made import made_case, made_plan, made_record, made_records, made_run

import harness
from harness.errors import BenchError
from harness.numbers.metrics import Meaning
from harness.records.planned import Plan
from harness.records.record import Record
from harness.records.store import Journal, RunFile, StoredRun, create_run
from harness.showing.frames import cases_frame, curves_frame, trials_frame

PLAN = made_plan(
    *(made_case({"model.hidden": each, "dropout": drop}) for each, drop in (([8], 0.5), (None, 0))),
    seeds=(0, 1),
)
SLOWNESS = Meaning("slowness", "s/m", "lower", 0.1, "ratio", "")
CURVES = {"test_accuracy": [0.5, None, 0.9], "train_loss": [2.0, 1.0]}


def stored(*records: Record, plan: Plan = PLAN) -> StoredRun:
    run = made_run(plan, meanings={"slowness": SLOWNESS})
    return StoredRun(folder=Path("r"), run=run, records=records)


@pytest.fixture
def run() -> StoredRun:
    figures = made_records(PLAN, 0, test_accuracy=[0.8, 0.9], host_peak_bytes=[1e6, 3e6])
    crashed = made_record(PLAN, 1, 0, "crashed", reason="signal 9", metrics={"slowness": 3})
    return stored(*figures, crashed)


def test_a_case_is_a_row_with_levels_counts_and_figures(run: StoredRun) -> None:
    first, second = cases_frame(run).to_dict("records")

    assert (first["model.hidden"], first["dropout"]) == ("[8]", 0.5)
    assert (first["planned"], first["ok"], first["crashed"]) == (2, 2, 0)
    assert first["test_accuracy"] == pytest.approx(0.85)
    assert first["test_accuracy.std"] == pytest.approx(0.0707, abs=1e-4)
    assert first["test_accuracy.ci95_low"] == pytest.approx(0.85 - 12.706 * 0.05, abs=1e-3)
    assert first["test_accuracy.ci95_high"] == pytest.approx(0.85 + 12.706 * 0.05, abs=1e-3)
    assert first["test_accuracy.n"] == 2
    assert pandas.isna(second["model.hidden"])
    assert (second["planned"], second["ok"], second["crashed"]) == (2, 0, 1)
    assert pandas.isna(second["test_accuracy"])
    assert pandas.isna(second["slowness"])  # of a trial that crashed
    assert second["test_accuracy.n"] == 0


def test_the_units_of_columns_are_told(run: StoredRun) -> None:
    cases, trials = cases_frame(run), trials_frame(run)

    assert cases.attrs["units"]["host_peak_bytes.std"] == "bytes"
    assert cases.attrs["units"]["slowness"] == "s/m"
    assert "test_accuracy.n" not in cases.attrs["units"]
    assert trials.attrs["units"] == {
        "test_accuracy": "1",
        "host_peak_bytes": "bytes",
        "slowness": "s/m",
    }


def test_a_planned_trial_is_a_row_though_it_was_not_run(run: StoredRun) -> None:
    frame = trials_frame(run, ("test_accuracy",))

    assert list(frame.columns) == [
        "model.hidden", "dropout", "seed", "fold", "attempt", "status", "reason", "key", "started",
        "shared", "test_accuracy",
    ]  # fmt: skip
    assert list(frame["status"]) == ["ok", "ok", "crashed", "not run"]
    assert list(frame["seed"]) == [0, 1, 0, 1]
    assert list(frame["reason"].dropna()) == ["signal 9"]
    assert list(frame["attempt"].isna()) == [False, False, False, True]
    assert list(frame["test_accuracy"][:2]) == [0.8, 0.9]
    assert frame["fold"].isna().all()


def test_the_last_attempt_counts() -> None:
    again = made_record(PLAN, 0, 0, attempt=2, metrics={"test_accuracy": 0.7})
    frame = trials_frame(stored(again, made_record(PLAN, 0, 0, "timeout")))

    assert (frame["status"][0], frame["attempt"][0], frame["test_accuracy"][0]) == ("ok", 2, 0.7)


def test_memory_stands_for_the_metrics_of_memory(run: StoredRun) -> None:
    record = made_record(PLAN, 0, 0, metrics={"host_peak_bytes": 1, "device_peak_bytes": None})

    assert list(trials_frame(stored(record), ("memory",)).columns)[-2:] == [
        "host_peak_bytes",
        "device_peak_bytes",
    ]


def test_an_unknown_metric_is_refused_with_the_nearest(run: StoredRun) -> None:
    with pytest.raises(BenchError, match="unknown metric 'test_acuracy': did you mean 'test_acc"):
        cases_frame(run, ("test_acuracy",))


def test_a_metric_that_is_called_as_a_factor_has_a_column_of_its_own() -> None:
    run = stored(made_record(PLAN, 0, 0, metrics={"dropout": 3.0}))

    assert cases_frame(run)["metric dropout"][0] == 3
    assert trials_frame(run)["metric dropout"][0] == 3
    assert list(cases_frame(run)["dropout"]) == [0.5, 0]


def test_a_curve_is_a_row_an_epoch() -> None:
    plan = made_plan(made_case({"dropout": 0}), seeds=(3,), folds=(0, 1))
    frame = curves_frame(
        stored(
            made_record(plan, 0, 3, fold=1, curves=CURVES),
            made_record(plan, 0, 3, "diverged", fold=0, curves={"train_loss": [9.0]}),
            plan=plan,
        )
    )

    assert list(frame.columns) == ["dropout", "seed", "fold", "epoch", "metric", "value"]
    rows = [tuple(row) for row in frame[["fold", "epoch", "metric", "value"]].fillna(-1).values]
    assert rows == [
        (0, 1, "train_loss", 9.0),
        (1, 1, "test_accuracy", 0.5),
        (1, 2, "test_accuracy", -1),
        (1, 3, "test_accuracy", 0.9),
        (1, 1, "train_loss", 2.0),
        (1, 2, "train_loss", 1.0),
    ]
    assert frame.attrs["units"] == {"train_loss": "1", "test_accuracy": "1"}


def test_a_run_without_records_has_all_its_rows() -> None:
    assert (len(cases_frame(stored())), len(trials_frame(stored()))) == (2, 4)
    assert curves_frame(stored()).empty


def test_without_pandas_it_is_said_how_to_get_it(
    run: StoredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(BenchError) as error:
        cases_frame(run)

    assert str(error.value) == (
        "data frames need pandas, which is not installed: pip install 'bench-harness[pandas]'"
    )


def test_what_pandas_itself_lacks_is_no_absence_of_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(name: str) -> None:
        raise ModuleNotFoundError("No module named 'dateutil'", name="dateutil")

    monkeypatch.setattr(importlib, "import_module", lacks)

    with pytest.raises(ModuleNotFoundError, match="dateutil"):
        curves_frame(stored())


@pytest.fixture
def kept(tmp_path: Path, run: StoredRun) -> Path:
    """A run on the disk that goes on, and names a plugin that must not be loaded."""
    (tmp_path / "evil.py").write_text("raise SystemExit('loaded')")
    file = RunFile(suite="init", plan=PLAN, plugins=[str(tmp_path / "evil.py")])
    folder = create_run(tmp_path, file).folder
    with Journal(folder) as journal:
        for record in run.records:
            journal.append(record)
    return folder


@pytest.mark.parametrize("named", ["init", None, "path"])
def test_a_stored_run_is_loaded_without_the_plugins_that_it_names(
    kept: Path, named: str | None
) -> None:
    run = harness.load(kept if named == "path" else named, results=kept.parents[1])

    assert run.folder == kept
    assert list(run.trials()["status"]) == ["ok", "ok", "crashed", "not run"]
    assert list(run.cases("test_accuracy")["test_accuracy.n"]) == [2, 0]
    assert run.curves().empty


def test_what_cannot_be_read_of_a_run_is_warned_of(kept: Path) -> None:
    with (kept / "trials.jsonl").open("a") as file:
        file.write('{"sch')

    with pytest.warns(UserWarning, match=r"trials.jsonl: line 4 is torn and was left out"):
        harness.load(kept)


def test_an_unknown_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(harness.BenchError) as error:
        harness.load("init", results=tmp_path)

    assert str(error.value) == (
        f"there are no runs in {tmp_path}: `bench run --suite smoke` makes one"
    )

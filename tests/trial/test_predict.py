"""Weights that a run kept predict what its records say."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

import harness
from harness import session
from harness.errors import BenchError, StoreError
from harness.numbers.metrics import MEANINGS
from harness.plugin.registry import load
from harness.records.journal import TRIALS
from harness.records.record import Record
from harness.records.store import StoredRun, read_run
from harness.running.kept import weights_of, weights_path
from harness.trial.predict import Predicted, predict

TRAINED = {"procedure": "train", "optimizer": "sgd[lr=0.1]", "timed_s": 0, "folds": "none"}
SUITE = harness.Suite(
    "kept",
    base={"dataset": "digits", "epochs": 1, "batch_size": 64},
    together=[
        {**TRAINED, "model": "linear", "timed_s": 0.05},
        {**TRAINED, "model": "mlp[hidden=[8],dropout=0.5]"},
        {**TRAINED, "model": "linear", "folds": 2},
        {**TRAINED, "model": "mlp[hidden=[8]]", "optimizer": "sgd[lr=1e38]"},
        {**TRAINED, "model": "none", "optimizer": "none", "procedure": "matrix_product"},
    ],
    seeds=1,
)
TIMED, DROPPED, FOLDED, DIVERGED, WITHOUT = range(5)


class Quiet:
    """Hears a run and says nothing."""

    def begun(self, total: int, done: int) -> None:
        """Hear nothing."""

    def started(self, *_: object) -> None:
        """Hear nothing."""

    def ended(self, *_: object) -> None:
        """Hear nothing."""

    def note(self, text: str) -> None:
        """Hear nothing."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    """A run whose weights were kept."""
    results = tmp_path_factory.mktemp("results")
    made = harness.run(SUITE, results=results, in_process=True, keep_weights=True, quiet=True)
    return read_run(made.folder)


def record_of(run: StoredRun, case: int, fold: int | None = None) -> Record:
    keys = [each.key for each in run.plan.trials if (each.case, each.fold) == (case, fold)]
    (found,) = (each for each in run.records if each.key in keys)
    return found


def predicted(run: StoredRun, record: Record, split: str = "test") -> Predicted:
    path, kept = weights_of(record, run.folder)
    return predict(load(), record, path, kept, split=split, data_root=run.folder)


@pytest.mark.parametrize(
    ("case", "fold", "splits"),
    [
        (TIMED, None, ("train", "test")),
        (DROPPED, None, ("train", "test")),
        (FOLDED, 0, ("train", "validation", "test")),
        (FOLDED, 1, ("validation",)),
    ],
    ids=["before the steps that are timed", "dropout", "fold 0", "fold 1"],
)
def test_kept_weights_give_the_metrics_of_the_record(
    run: StoredRun, case: int, fold: int | None, splits: tuple[str, ...]
) -> None:
    record = record_of(run, case, fold)

    for split in splits:
        found = predicted(run, record, split)
        assert found.accuracy == record.metrics[f"{split}_accuracy"]
        assert found.loss == pytest.approx(record.metrics[f"{split}_loss"], abs=1e-6)
        assert found.samples == record.sizes[split]
        assert found.data == record.data


def test_the_predictions_have_the_accuracy_that_is_told(run: StoredRun) -> None:
    found = predicted(run, record_of(run, DROPPED))

    assert len(found.rows) == found.samples
    right = sum(target == said for target, said in found.rows)
    assert right / found.samples == found.accuracy


def test_weights_are_kept_of_trials_that_end_ok_and_have_a_model_alone(run: StoredRun) -> None:
    ok = [each for each in run.records if each.status == "ok" and each.settings["model"]]
    names = {f"{each.key}-1.pt" for each in ok}

    assert record_of(run, DIVERGED).status == "diverged"
    assert len(names) == 4
    assert {each.name for each in (run.folder / "weights").iterdir()} == names
    assert [each.weights is not None for each in run.records] == [
        each in ok for each in run.records
    ]


def test_weights_that_were_not_kept_are_told_with_the_reason(run: StoredRun) -> None:
    for case, why in (
        (DIVERGED, f"it ended as diverged: {record_of(run, DIVERGED).reason}"),
        (WITHOUT, "it has no model"),
    ):
        record = record_of(run, case)
        with pytest.raises(StoreError) as told:
            weights_of(record, run.folder)
        assert str(told.value) == (
            f"the weights of trial {record.key} of {run.folder} were not kept: {why}"
        )


def test_a_run_that_did_not_keep_them_says_how_they_are_kept(run: StoredRun) -> None:
    record = msgspec.structs.replace(record_of(run, TIMED), weights=None)

    with pytest.raises(StoreError) as told:
        weights_of(record, run.folder)

    assert str(told.value) == (
        f"the weights of trial {record.key} of {run.folder} were not kept:"
        " `bench run --keep-weights` keeps them"
    )


def test_a_file_that_is_gone_is_named(run: StoredRun, tmp_path: Path) -> None:
    record = record_of(run, TIMED)

    with pytest.raises(StoreError) as told:
        weights_of(record, tmp_path)

    path = tmp_path / f"weights/{record.key}-1.pt"
    assert str(told.value) == f"{path} is missing: it was there when its trial ended"


def test_a_key_that_leads_out_of_the_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as told:
        weights_path(tmp_path, "../../x", 1)

    assert str(told.value) == (f"'../../x' is no key of a trial: {tmp_path} was changed by hand")


def test_a_split_that_is_not_there_is_told_with_those_that_are(run: StoredRun) -> None:
    with pytest.raises(BenchError) as told:
        predicted(run, record_of(run, TIMED), "validation")

    assert str(told.value) == ("there is no validation split: give --split (there: train, test)")


def test_weights_of_another_case_do_not_fit(run: StoredRun) -> None:
    path, _ = weights_of(record_of(run, DROPPED), run.folder)

    with pytest.raises(BenchError) as told:
        predict(load(), record_of(run, TIMED), path, None, split="test", data_root=run.folder)

    assert str(told.value).startswith(f"{path} has the weights of another model: it lacks ")


def test_a_device_that_is_not_here_is_told(run: StoredRun) -> None:
    record = record_of(run, TIMED)
    elsewhere = msgspec.structs.replace(record, settings={**record.settings, "device": "mps"})

    with pytest.raises(BenchError, match="no MPS device here"):
        predicted(run, elsewhere)


def test_what_a_plugin_raises_is_told_in_a_line(run: StoredRun) -> None:
    record = record_of(run, TIMED)
    odd = msgspec.structs.replace(
        record,
        settings={**record.settings, "dataset": "csv", "dataset.file": "\0"}
        | {"dataset.features": 3, "dataset.kind": "regression", "dataset.outputs": 1}
        | {"dataset.header": False, "dataset.standardise": False},
    )

    with pytest.raises(BenchError) as told:
        predicted(run, odd)

    assert "\n" not in str(told.value)


def test_keeping_weights_changes_no_figure_of_learning(run: StoredRun, tmp_path: Path) -> None:
    without = harness.run(SUITE, results=tmp_path, in_process=True, quiet=True)

    learning = [name for name in MEANINGS if name.endswith(("accuracy", "loss"))]
    for each in without.records:
        (other,) = (record for record in run.records if record.key == each.key)
        assert [each.metrics[name] for name in learning] == [
            other.metrics[name] for name in learning
        ]
        assert each.curves == other.curves
        assert each.weights is None
    assert not (without.folder / "weights").exists()


def test_a_resumed_run_goes_on_keeping_weights(run: StoredRun, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / "run.json").write_bytes((run.folder / "run.json").read_bytes())
    first, *_ = (run.folder / TRIALS).read_bytes().splitlines(keepends=True)
    (folder / TRIALS).write_bytes(first)

    session.resume_run(folder, Quiet())

    resumed = read_run(folder)
    assert len(resumed.records) == len(run.records)
    for record in resumed.records[1:]:
        if record.weights is not None:
            found = predicted(resumed, record)
            assert found.accuracy == record.metrics["test_accuracy"]


def test_weights_that_cannot_be_written_end_the_run_and_it_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    suite = harness.Suite(
        "small", base={"model": "linear", "optimizer": "sgd", "epochs": 1}, seeds=1
    )
    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", _saving_until_data(full))
        with pytest.raises(StoreError) as told:
            harness.run(suite, results=tmp_path, in_process=True, keep_weights=True, quiet=True)
    (folder,) = tmp_path.glob("small/*")
    path = weights_path(folder, read_run(folder).plan.trials[0].key, 1)
    assert str(told.value) == f"{path} cannot be written: No space left on device"
    assert (list(path.parent.iterdir()), read_run(folder).records) == ([], ())

    session.resume_run(folder, Quiet())

    (record,) = read_run(folder).records
    assert (record.status, record.attempt) == ("ok", 1)
    assert path.is_file()


def _saving_until_data(instead: Callable[..., None]) -> Callable[..., None]:
    """Let torch save what a loader prepares, and not the weights."""
    save = torch.save
    return lambda content, file: (
        save(content, file) if "format" in content else instead(content, file)
    )


def test_a_folder_of_weights_that_cannot_be_made_ends_the_run(
    tmp_path: Path, run: StoredRun
) -> None:
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / "run.json").write_bytes((run.folder / "run.json").read_bytes())
    (folder / "weights").write_text("in the way")

    with pytest.raises(StoreError) as told:
        session.resume_run(folder, Quiet())

    assert str(told.value) == f"{folder}/weights cannot be made: File exists"


def test_what_a_broken_trial_had_written_is_removed(tmp_path: Path, tiny: Path) -> None:
    suite = harness.Suite(
        "broken",
        base={"model": "two_layers", "optimizer": "sgd", "dataset": "few", "epochs": 1},
        seeds=1,
    )
    plugin = tmp_path / "late.py"
    plugin.write_text(
        "from harness import Findings, Procedure, hookimpl\n"
        "def late(workload):\n"
        "    '''Break after the weights were kept.'''\n"
        "    workload.keep()\n"
        "    raise ValueError('too late')\n"
        "@hookimpl\n"
        "def bench_register_procedures():\n"
        "    return [Procedure('late', late)]\n"
    )

    made = harness.run(
        suite,
        "procedure=late",
        plugins=[str(tiny), str(plugin)],
        results=tmp_path,
        in_process=True,
        keep_weights=True,
        quiet=True,
    )

    (record,) = made.records
    assert (record.status, record.weights) == ("error", None)
    assert list((made.folder / "weights").iterdir()) == []


def test_weights_of_a_procedure_that_keeps_none_itself_are_those_at_its_end(
    tmp_path: Path, run: StoredRun
) -> None:
    suite = harness.Suite(
        "untrained", base={"model": "linear", "optimizer": "none", "procedure": "infer"}, seeds=1
    )

    made = harness.run(suite, results=tmp_path, in_process=True, keep_weights=True, quiet=True)

    stored = read_run(made.folder)
    (record,) = stored.records
    assert predicted(stored, record).accuracy == record.metrics["test_accuracy"]


def test_a_merged_run_leaves_weights_where_they_are(run: StoredRun, tmp_path: Path) -> None:
    heard: list[str] = []
    places = session.Places(results=tmp_path)

    folder = session.merge_runs([run.folder, run.folder], places, heard.append)

    assert heard == ["kept weights stay with the runs that they came from"]
    assert {each.weights for each in read_run(folder).records} == {None}


def test_the_command_predicts_and_writes_what_it_said(
    bench: Callable[..., Any], run: StoredRun, tmp_path: Path
) -> None:
    ended = bench(
        *("predict", run.folder, "model=mlp[dropout=0.5]", "--seed", "0"),
        *("--out", "said.csv", "--format", "json"),
    )

    record = record_of(run, DROPPED)
    with (tmp_path / "said.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (ended.code, ended.err) == (0, "")
    assert ended.json["metrics"] == pytest.approx(ended.json["recorded"], abs=1e-6)
    assert ended.json["recorded"]["test_accuracy"] == record.metrics["test_accuracy"]
    assert (ended.json["key"], ended.json["samples"]) == (record.key, 450)
    assert (ended.json["data_unchanged"], ended.json["split"]) == (True, "test")
    right = sum(each["target"] == each["prediction"] for each in rows)
    assert right / len(rows) == record.metrics["test_accuracy"]


def test_a_run_with_processes_of_its_own_keeps_weights_too(
    bench: Callable[..., Any], tmp_path: Path, only_run: Callable[[Path], Path]
) -> None:
    given = ("model=linear", "optimizer=sgd", "epochs=1", "--seeds", "1", "--keep-weights")

    ended = bench("run", *given)
    folder = only_run(tmp_path)
    table = bench("predict", "sweep")

    stored = read_run(folder)
    (record,) = stored.records
    assert (ended.code, table.code, table.err) == (0, 0, "")
    shown = {line.split()[0]: line.split()[1:] for line in table.out.splitlines()[2:4]}
    for name in ("test_accuracy", "test_loss"):
        assert shown[name] == [f"{record.metrics[name]:.6g}"] * 2
    path = weights_path(folder.relative_to(tmp_path), record.key, 1)
    assert table.out.splitlines()[-1] == f"450 samples; weights of seed 0, attempt 1: {path}"


def test_predicting_runs_no_plugin_that_a_run_names_unless_it_is_given(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "import pathlib\n"
        "from harness import Model, hookimpl\n"
        "pathlib.Path(__file__).with_name('ran').touch()\n"
        "def mine(task):\n"
        "    from torch import nn\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
        "@hookimpl\n"
        "def bench_register_models():\n"
        "    return [Model('mine', mine)]\n"
    )
    suite = harness.Suite("own", base={"model": "mine", "optimizer": "sgd", "epochs": 1}, seeds=1)
    harness.run(
        suite,
        plugins=[str(plugin)],
        results=tmp_path / "results",
        in_process=True,
        keep_weights=True,
        quiet=True,
    )
    (tmp_path / "ran").unlink()
    plugin.write_text(plugin.read_text() + "# edited since\n")

    without = bench("predict", "own")
    ran = (tmp_path / "ran").exists()
    given = bench("predict", "own", "-p", plugin, "--format", "json")

    assert (without.code, ran) == (2, False)
    assert without.err.startswith("bench: unknown model 'mine'")
    assert without.err.endswith(f"; the run was made with -p {plugin}: give it, if you trust it\n")
    assert given.err == "note: the source of model mine has changed since the run\n"
    assert given.json["metrics"] == pytest.approx(given.json["recorded"], abs=1e-6)


def test_a_record_of_an_earlier_version_has_no_weights(run: StoredRun, tmp_path: Path) -> None:
    line = json.loads((run.folder / TRIALS).read_bytes().splitlines()[0])
    del line["weights"]
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "run.json").write_bytes((run.folder / "run.json").read_bytes())
    (folder / TRIALS).write_text(json.dumps(line) + "\n")

    assert [each.weights for each in read_run(folder).records] == [None]

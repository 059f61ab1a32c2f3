"""Events of trials, read back with TensorBoard's own reader."""

from __future__ import annotations

import importlib
import importlib.util
import struct
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import bench_tensorboard
import msgspec
import pytest
from bench_tensorboard import case_name, trial_name, write
from made import made_case, made_plan, made_record
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata

from harness.errors import BenchError
from harness.plugin.loading import import_named
from harness.plugin.registry import load, registry_of
from harness.records.record import Record
from harness.records.store import read_run

LEVELS = {"init": "normal[std=1]", "model.hidden": [8, 4], "bias": True, "lr": 0.1, "decay": None}
PLAN = made_plan(made_case(LEVELS))
STARTED = "2026-11-21T10:00:00.500+00:00"


def single(value: float) -> float:
    """Round as TensorBoard keeps scalars."""
    [found] = struct.unpack("f", struct.pack("f", value))
    return float(found)


def record(**more: Any) -> Record:
    given: dict[str, Any] = {
        "started": STARTED,
        "curves": {"test_accuracy": [0.5, None, 0.9], "gradient_norm/0.weight": [1.5]},
        "metrics": {"test_accuracy": 0.9, "wall_s": 2.5, "mse": None},
    }
    return made_record(PLAN, 0, 3, **{**given, **more})


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder))
    found.Reload()
    return found


@pytest.fixture
def events(tmp_path: Path) -> EventAccumulator:
    return read(write(record(), tmp_path))


def scalars(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(each.step, each.value) for each in events.Scalars(tag)]


def test_curves_are_scalars_by_epoch_without_what_is_missing(events: EventAccumulator) -> None:
    assert scalars(events, "epoch/test_accuracy") == [(1, 0.5), (3, single(0.9))]
    assert scalars(events, "epoch/gradient_norm/0.weight") == [(1, 1.5)]


def test_final_metrics_are_scalars_after_the_last_epoch(events: EventAccumulator) -> None:
    assert scalars(events, "final/test_accuracy") == [(3, single(0.9))]
    assert scalars(events, "final/wall_s") == [(3, 2.5)]
    assert "final/mse" not in events.Tags()["scalars"]


def test_epochs_have_the_time_of_the_start_and_final_metrics_that_of_the_end(
    events: EventAccumulator,
) -> None:
    started_s = datetime.fromisoformat(STARTED).timestamp()

    assert events.Scalars("epoch/test_accuracy")[0].wall_time == started_s
    assert events.Scalars("final/test_accuracy")[0].wall_time == started_s + 2.5


def hparams(events: EventAccumulator, tag: str) -> Any:
    return events.summary_metadata[tag].plugin_data.content


def test_hparams_are_levels_seed_and_fold(events: EventAccumulator) -> None:
    start = metadata.parse_session_start_info_plugin_data(
        hparams(events, metadata.SESSION_START_INFO_TAG)
    )
    end = metadata.parse_session_end_info_plugin_data(
        hparams(events, metadata.SESSION_END_INFO_TAG)
    )

    found = {name: getattr(each, each.WhichOneof("kind")) for name, each in start.hparams.items()}
    assert found == {
        "init": "normal[std=1]",
        "model.hidden": "[8,4]",
        "bias": True,
        "lr": 0.1,
        "seed": 3.0,
    }
    assert end.status == api_pb2.STATUS_SUCCESS
    assert end.end_time_secs - start.start_time_secs == 2.5


def test_a_trial_that_failed_is_told_as_such(tmp_path: Path) -> None:
    failed = record(status="crashed", curves={}, metrics={}, started="")
    found = read(write(failed, tmp_path))
    end = metadata.parse_session_end_info_plugin_data(hparams(found, metadata.SESSION_END_INFO_TAG))

    assert end.status == api_pb2.STATUS_FAILURE
    assert found.Tags()["scalars"] == []


def test_a_trial_has_a_folder_named_by_its_levels_and_its_seed(tmp_path: Path) -> None:
    folder = write(record(fold=2, attempt=3), tmp_path)

    assert folder.relative_to(tmp_path).as_posix() == (
        "init=normal[std=1],hidden=[8,4],bias=true,lr=0.1/seed3-fold2-attempt3"
    )


def test_a_trial_that_is_written_again_replaces_what_stood_there(tmp_path: Path) -> None:
    write(record(), tmp_path)
    folder = write(record(), tmp_path)

    assert len(list(folder.iterdir())) == 1
    assert len(read(folder).Scalars("final/wall_s")) == 1


@pytest.mark.parametrize(
    "levels",
    [
        {"init": "../../x"},
        {"init": "a\x1b/b"},
        {"init": "x" * 500},
        {"model.bias": 1, "loss.bias": 2},
    ],
)
def test_a_name_that_is_unsafe_or_not_unique_is_safe_and_has_a_digest(
    levels: dict[str, Any], tmp_path: Path
) -> None:
    plan = made_plan(made_case(levels))
    name = case_name(made_record(plan, 0, 0))

    folder = write(made_record(plan, 0, 0), tmp_path)

    assert folder == tmp_path / name / "seed0"
    assert folder.resolve().is_relative_to(tmp_path.resolve())
    assert (name.isprintable(), "/" in name, len(name) < 120) == (True, False, True)
    assert name[-9] == "-"


def test_a_run_without_factors_has_one_case() -> None:
    lone = made_record(made_plan(made_case({})), 0, 0)

    assert (case_name(lone), trial_name(lone)) == ("case", "seed0")


@pytest.mark.parametrize("place", ["logs", None])
def test_the_observer_writes_beside_the_run_or_where_it_is_told_to(
    place: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "results" / "init" / "20261121T101500Z-3f2a"
    monkeypatch.delenv("BENCH_TENSORBOARD", raising=False)
    if place is not None:
        monkeypatch.setenv("BENCH_TENSORBOARD", str(tmp_path / place))
    registry = registry_of(tensorboard=bench_tensorboard)

    assert registry.finished(record(), folder) == []

    logs = folder / "tensorboard" if place is None else tmp_path / place / folder.name
    assert len(list(logs.glob("*/seed3/events.out.tfevents.1795255200.bench"))) == 1


def test_writing_imports_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, bench_tensorboard\n"
        "assert 'tensorboard' not in sys.modules\n"
        "from harness import Record\n"
        "record = Record(key='1', settings={}, levels={}, seed=0, status='ok', curves={'a': [1]})\n"
        "bench_tensorboard.write(record, __import__('pathlib').Path('logs'))\n"
        "print({'torch', 'tensorflow'} & set(sys.modules))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (ended.stdout, ended.stderr) == ("set()\n", "")


def test_without_tensorboard_the_plugin_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "bench_tensorboard")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(Exception, match="plugin") as error:
        import_named("bench_tensorboard", Path())

    assert str(error.value) == (
        "plugin bench_tensorboard: cannot be imported: ImportError: tensorboard is not installed:"
        " pip install 'bench-harness[tensorboard]'"
    )


@pytest.fixture(scope="module")
def exported(smoke: Any, command: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The suite `smoke`, exported."""
    cwd = tmp_path_factory.mktemp("exported")
    arguments = ("export", smoke.folder, "--format", "tensorboard", "--out", "logs")
    return cwd, command(*arguments, cwd=cwd)


def test_a_stored_run_is_exported_with_a_folder_for_each_trial(exported: Any, smoke: Any) -> None:
    cwd, ended = exported
    logs = cwd / "logs" / smoke.folder.name

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"4 trials in logs/{smoke.folder.name}\n"
    assert {each.relative_to(logs).as_posix() for each in logs.glob("*/*")} == {
        f"{case}/seed{seed}"
        for case in ("model=linear", "model=mlp[hidden=[32]]")
        for seed in (0, 1)
    }
    for each in smoke.records:
        [folder] = logs.glob(f"*{each['levels']['model'].partition('[')[0]}*/seed{each['seed']}")
        found = scalars(read(folder), "epoch/test_accuracy")
        assert [value for _, value in found] == pytest.approx(each["curves"]["test_accuracy"])


def test_the_graph_of_a_case_is_that_of_its_model_built_anew(exported: Any) -> None:
    cwd, _ = exported
    [folder] = (cwd / "logs").glob("*/model=mlp*/seed0")
    graph = read(folder).Graph()

    operations = [each.op for each in graph.node]
    assert operations.count("aten::linear") == 2
    assert operations.count("aten::relu") == 1
    assert not read(folder.with_name("seed1")).Tags()["graph"]


def test_an_export_of_events_needs_a_folder(bench: Callable[..., Any], smoke: Any) -> None:
    ended = bench("export", smoke.folder, "--format", "tensorboard")

    assert (ended.code, ended.err) == (
        2,
        "bench: export: --format tensorboard writes files: give their folder, --out DIR\n",
    )


def test_a_graph_of_what_is_not_registered_is_refused_and_leaves_nothing(
    smoke: Any, tmp_path: Path
) -> None:
    from harness.trial.graph import write_graph  # it imports torch

    first = read_run(smoke.folder).records[0]

    with pytest.raises(BenchError) as error:
        write_graph(load(("no:builtin",)), first, tmp_path, tmp_path)

    assert str(error.value) == "unknown model 'linear' (there are none)"
    assert list(tmp_path.iterdir()) == []


def test_an_option_that_came_after_the_trial_has_its_default(smoke: Any, tmp_path: Path) -> None:
    from harness.trial.graph import write_graph

    first = read_run(smoke.folder).records[0]
    settings = {name: each for name, each in first.settings.items() if name != "loss.reduction"}
    assert len(settings) < len(first.settings)

    older = msgspec.structs.replace(first, settings=settings)
    write_graph(load(), older, tmp_path, tmp_path)

    assert read(tmp_path).Tags()["graph"]

"""Following a run from another terminal, and the trackers that docs/observe.md shows."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made import made_case, made_plan, made_record

from harness.plugin.registry import load
from harness.records.journal import Journal
from harness.records.store import read_run

ROOT = Path(__file__).parents[1]
RECORD = made_record(
    made_plan(made_case({"init": "ones"})),
    0,
    3,
    curves={"test_accuracy": [0.5, 0.75], "train_loss": [2.0]},
    metrics={"test_accuracy": 0.75, "mse": None},
)
FOLDER = Path("results/init/20261121T101500Z-3f2a")


@pytest.fixture
def copied(smoke: Any, tmp_path: Path) -> Path:
    """The run of the suite `smoke`, without its last three trials."""
    folder = tmp_path / "results" / "smoke" / str(smoke.folder.name)
    shutil.copytree(smoke.folder, folder)
    lines = (folder / "trials.jsonl").read_text().splitlines(keepends=True)
    (folder / "trials.jsonl").write_text(lines[0])
    return folder


def test_a_run_is_followed_in_lines_until_it_ends_with_its_table(
    copied: Path, smoke: Any, start: Callable[..., Any]
) -> None:
    _, *rest = read_run(smoke.folder).records
    with Journal(copied) as journal:
        following = start("show", "--follow", "smoke")
        told = [following.process.stdout.readline()]
        for record in rest:
            journal.append(record)
            told.append(following.process.stdout.readline())
    ended = following.end()

    names = [f"model={each.levels['model']} seed {each.seed}" for each in rest]
    assert [each.partition(": ok")[0].strip() for each in told] == [
        "note: 1 of 4 trials were done before",
        *(f"[{place}/4]  {name}" for place, name in enumerate(names, start=2)),
    ]
    assert (ended.code, ended.err, ended.torch) == (0, "", False)
    assert ended.out.count(" ok 2") == 2
    assert ended.out.endswith(f"kept in results/smoke/{copied.name}\n")


def test_of_a_run_that_was_killed_it_is_said_that_nobody_works_on_it(
    copied: Path, bench: Callable[..., Any]
) -> None:
    ended = bench("show", "--follow", "smoke")

    assert ended.code == 3
    assert ended.err == (
        "nobody works on it, and 3 trials have not run:"
        f" bench resume results/smoke/{copied.name} goes on\n"
    )
    assert "not run 2" in ended.out


def test_ctrl_c_ends_the_following_on_a_terminal_and_clears_its_table(
    copied: Path, start: Callable[..., Any], patiently: Callable[..., bool]
) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    seen: list[str] = []

    def shows(text: str) -> bool:
        seen.append(os.read(ours, 1 << 16).decode())
        return text in "".join(seen)

    with Journal(copied):
        following = start("show", "--follow", "smoke", stdout=theirs, env={"TERM": "xterm"})
        os.close(theirs)
        assert patiently(lambda: shows("linear"))
        following.send(signal.SIGINT)
        ended = following.end()
    assert patiently(lambda: shows("\x1b[2K"))
    os.close(ours)

    assert (ended.code, ended.err) == (130, "followed no longer: the run goes on without\n")
    assert "[1/4]" in "".join(seen)
    assert "".join(seen).endswith("\x1b[2K")


@pytest.mark.parametrize("other", ["--trials", "--format json"])
def test_following_is_for_the_table_of_cases(
    other: str, copied: Path, bench: Callable[..., Any]
) -> None:
    ended = bench("show", "--follow", *other.split())

    assert (ended.code, ended.err) == (
        2,
        f"bench: show: --follow shows the table of cases: give it without {other}\n",
    )


class Fake:
    """A module of a tracker that notes what it is told; what a call gives can be entered."""

    def __init__(self, name: str, told: list[tuple[str, Any]]) -> None:
        self._name, self._told = name, told

    def __getattr__(self, name: str) -> Fake:
        return Fake(f"{self._name}.{name}", self._told)

    def __call__(self, *given: Any, **named: Any) -> Fake:
        self._told.append((self._name, (*given, *named.items())))
        return self

    def __enter__(self) -> Fake:
        return self

    def __exit__(self, *_: object) -> None:
        self._told.append((f"{self._name} ends", ()))


def observed(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, tuple[Any, ...]]]:
    """Let the tracker of the docs, as a file, observe a record with a fake of its module."""
    text = (ROOT / "docs/observe.md").read_text()
    blocks: list[str] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [code] = [each for each in blocks if f"import {name}" in each]
    (folder / f"my_{name}.py").write_text(code)
    told: list[tuple[str, Any]] = []
    module = types.ModuleType(name)
    module.__getattr__ = Fake(name, told).__getattr__  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, name, module)

    assert load((f"my_{name}.py",), folder).finished(RECORD, FOLDER) == []
    return told


def test_the_tracker_for_weights_and_biases_gets_settings_curves_and_final_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = observed("wandb", tmp_path, monkeypatch)

    assert told[0][0] == "wandb.init"
    given = dict(told[0][1])
    assert (given["group"], given["name"]) == (FOLDER.name, RECORD.key)
    assert given["config"]["init"] == "ones"
    assert given["config"]["seed"] == 3
    assert [each for name, [*each] in told if name == "wandb.init.log"] == [
        [{"test_accuracy": 0.5, "epoch": 1}],
        [{"test_accuracy": 0.75, "epoch": 2}],
        [{"train_loss": 2.0, "epoch": 1}],
    ]
    assert told[-2:] == [
        ("wandb.init.summary.update", (RECORD.metrics,)),
        ("wandb.init ends", ()),
    ]


def test_the_tracker_for_mlflow_gets_settings_curves_and_final_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = observed("mlflow", tmp_path, monkeypatch)

    names = [name for name, _ in told]
    assert names == [
        "mlflow.start_run",
        "mlflow.log_params",
        *["mlflow.log_metric"] * 3,
        "mlflow.log_metrics",
        "mlflow.start_run ends",
    ]
    assert told[0][1] == (("run_name", f"{FOLDER.name}/{RECORD.key}"),)
    assert told[1][1][0]["init"] == "ones"
    assert told[3][1] == ("test_accuracy", 0.75, ("step", 2))
    assert told[5][1] == ({"final/test_accuracy": 0.75},)


def test_every_frame_of_the_docs_is_made(smoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs/observe.md").read_text()
    [code, *_] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.setenv("BENCH_RESULTS", str(smoke.folder.parents[1]))
    found: dict[str, Any] = {}

    exec(code.replace('"init"', '"smoke"'), found)

    assert (len(found["cases"]), len(found["trials"])) == (2, 4)
    assert {"epoch", "metric", "value"} <= set(found["curves"].columns)

"""What a plugin changes while it is loaded or asked is put back, and told with its name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from made import made_case, made_plan, made_record

from harness import Task, hookimpl
from harness.plugin.definitions import Model
from harness.plugin.manners import quiet, watched
from harness.plugin.registry import load, registry_of

PLUGIN = """
import os, threading
from harness import Suite, hookimpl

{act}

@hookimpl
def bench_register_suites():
    return [Suite({name!r}, "Which?")]
"""


def notes_of(folder: Path, name: str, act: str) -> list[str]:
    (folder / f"{name}.py").write_text(PLUGIN.format(act=act, name=name))
    return load([f"{name}.py"], folder).notes()


def test_a_plugin_that_prints_while_it_is_loaded_is_told_and_prints_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = notes_of(tmp_path, "prints", "print('hello,\\nworld')")

    assert notes == ["plugin 'prints', while it was loaded, printed 'hello,\\nworld'"]
    assert capsys.readouterr().out == ""


def test_a_plugin_that_leaves_the_working_directory_is_put_back_and_told(tmp_path: Path) -> None:
    here = Path.cwd()

    notes = notes_of(tmp_path, "leaves", "os.chdir('/')")

    assert notes == [
        "plugin 'leaves', while it was loaded, left the working directory for /: it is put back"
    ]
    assert Path.cwd() == here


def test_a_plugin_that_starts_a_thread_is_told(tmp_path: Path) -> None:
    act = "threading.Thread(target=threading.Event().wait, args=(1,), name='busy', daemon=True)"

    notes = notes_of(tmp_path, "starts", f"{act}.start()")

    assert notes == [
        "plugin 'starts', while it was loaded, started a thread (busy): no trial has it"
    ]


@pytest.mark.parametrize(
    ("act", "told", "usual"),
    [
        (
            "torch.set_default_dtype(torch.float64)",
            "default dtype from torch.float32 to torch.float64",
            lambda: torch.get_default_dtype() == torch.float32,
        ),
        ("torch.set_grad_enabled(False)", "gradients from True to False", torch.is_grad_enabled),
        (
            "torch.use_deterministic_algorithms(True)",
            "deterministic algorithms from False to True",
            lambda: not torch.are_deterministic_algorithms_enabled(),
        ),
    ],
)
def test_a_plugin_that_changes_torch_is_put_right_and_told(
    tmp_path: Path, act: str, told: str, usual: Callable[[], bool]
) -> None:
    notes = notes_of(tmp_path, "changes", f"import torch; {act}")

    assert notes == [
        f"plugin 'changes', while it was loaded, changed torch's {told}: it is put back"
    ]
    assert usual()


def test_a_plugin_that_behaves_is_not_told_of(tmp_path: Path) -> None:
    assert notes_of(tmp_path, "behaves", "") == []


def test_a_definition_that_leaves_the_working_directory_while_it_is_planned_is_told() -> None:
    def accepts(task: Task) -> str | None:
        os.chdir("/")
        return None

    def net(task: Task) -> Any:
        """Build nothing."""

    plugin = ModuleType("mine")
    plugin.models = hookimpl(  # type: ignore[attr-defined]
        lambda: [Model("net", net, accepts)], specname="bench_register_models"
    )
    registry, here = registry_of(mine=plugin), Path.cwd()

    registry.find("model", "net").call(accepts, Task("regression", (1,), 1))

    name = "test_a_definition_that_leaves_the_working_directory_while_it_is_planned_is_told"
    assert registry.notes() == [
        f"plugin 'mine': model 'net': {name}.<locals>.accepts left the working directory for /:"
        " it is put back"
    ]
    assert Path.cwd() == here


def test_an_observer_that_leaves_the_working_directory_and_raises_is_told_of_both() -> None:
    def observe(record: object) -> None:
        os.chdir("/")
        raise ValueError("no more")

    plugin = ModuleType("mine")
    plugin.observe = hookimpl(observe, specname="bench_trial_finished")  # type: ignore[attr-defined]
    record = made_record(made_plan(made_case({"model": "mlp"}), seeds=(0,)), 0, 0)
    registry, here = registry_of(mine=plugin), Path.cwd()

    assert registry.finished(record, Path()) == [
        "plugin 'mine': bench_trial_finished left the working directory for /: it is put back",
        "plugin 'mine': bench_trial_finished: ValueError: no more",
    ]
    assert Path.cwd() == here


def test_a_working_directory_that_was_removed_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    told: list[str] = []

    with watched(told, "it"), quiet(told, "it"):
        pass

    assert told == []

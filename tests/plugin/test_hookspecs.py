"""The hooks are those of the design: registration takes nothing, observers take a record."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
import pytest

from harness.plugin import hookspecs
from harness.plugin.registry import KINDS, PLURALS

KIND_WORDS = (
    "models datasets optimizers schedules activations initializers losses metrics procedures"
)
HOOKS = {name: function for name, function in vars(hookspecs).items() if name.startswith("bench_")}


def test_there_is_a_registration_hook_for_each_kind_and_one_observer() -> None:
    registering = {f"bench_register_{each}" for each in [*KIND_WORDS.split(), "suites"]}

    assert set(HOOKS) == registering | {"bench_trial_finished"}
    assert {each.hook for each in KINDS.values()} == registering - {"bench_register_suites"}
    assert list(PLURALS.values()) == [*KIND_WORDS.split(), "suites"]


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_every_hook_is_specified_and_documented(hook: Callable[..., Any]) -> None:
    assert vars(hook)["bench_spec"]
    assert inspect.getdoc(hook)


@pytest.mark.parametrize("name", HOOKS)
def test_registration_takes_nothing_and_observers_take_a_record_and_a_folder(name: str) -> None:
    wanted = [] if name.startswith("bench_register_") else ["record", "folder"]

    assert list(inspect.signature(HOOKS[name]).parameters) == wanted


def test_a_marked_function_implements_the_hook_of_its_name() -> None:
    @hookspecs.hookimpl
    def bench_trial_finished(record: int) -> int:
        return record + 1

    module = ModuleType("observer")
    module.bench_trial_finished = bench_trial_finished  # type: ignore[attr-defined]
    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(hookspecs)
    manager.register(module)

    assert manager.hook.bench_trial_finished(record=1, folder=Path()) == [2]

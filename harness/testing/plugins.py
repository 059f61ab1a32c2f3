"""All checks of a plugin: of the module itself, then of each definition that it registers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import PluginError, same_name, what_would_work
from harness.plugin.registry import Entry, Registry
from harness.testing.check import Check, fail
from harness.testing.datasets import check_dataset
from harness.testing.findings import check_metric, check_procedure
from harness.testing.models import check_model
from harness.testing.parts import (
    check_activation,
    check_initializer,
    check_loss,
    check_optimizer,
    check_schedule,
)
from harness.testing.subject import NONE, Options, module_of, name_of, registry_with
from harness.testing.suites import check_suite

_CHECKS: Mapping[str, Callable[..., list[Check]]] = {
    "model": check_model,
    "dataset": check_dataset,
    "optimizer": check_optimizer,
    "schedule": check_schedule,
    "activation": check_activation,
    "initializer": check_initializer,
    "loss": check_loss,
    "metric": check_metric,
    "procedure": check_procedure,
}
_LOOK = """
import sys
sys.path[:] = {path!r}
from harness.plugin.registry import load
load([{named!r}])
print("torch" in sys.modules)
"""
_PATIENCE_S = 100


def checks(
    plugin: ModuleType | str,
    *,
    options: Mapping[str, Options] = NONE,
    without: tuple[str, ...] = (),
) -> list[Check]:
    """Make all checks of a plugin.

        @pytest.mark.parametrize("check", checks("bench_mine"), ids=str)
        def test_definition(check):
            check()

    Args:
        plugin: A module with hooks, or its name.
        options: By the name of a definition (`NAME` or `KIND:NAME`), options in place of its
            defaults: `{"two_layers": {"width": 4}}`.
        without: Definitions, named so, that are left out, because more must be said to their own
            `check_...`.

    Raises:
        PluginError: a name in `options` or `without` is none of the plugin's.
    """
    module = module_of(plugin)
    found = check_plugin(module)
    try:
        registry = registry_with((module,))
    except PluginError:
        return found  # of which the first says why
    entries, suites = _own(registry, module)
    known = [
        *(f"{each.kind}:{each.name}" for each in entries),
        *(f"suite:{each}" for each in suites),
    ]
    _check_names([*options, *without], known, module)
    for entry in entries:
        if not _named_in(without, entry.kind, entry.name):
            [chosen] = _named_in(options, entry.kind, entry.name) or [NONE]
            found += _CHECKS[entry.kind](entry.definition, options=chosen, plugins=(module,))
    for name in suites:
        if not _named_in(without, "suite", name):
            found += check_suite(registry.suite(name), plugins=(module,))
    return found


def check_plugin(plugin: ModuleType | str) -> list[Check]:
    """Make the checks of the module itself."""
    module = module_of(plugin)
    of = f"plugin {name_of(module)}"
    return [
        Check(of, "registers what it has", lambda: _registers(module)),
        Check(of, "is loaded without torch", partial(_is_loaded_without_torch, module)),
    ]


def _registers(module: ModuleType) -> None:
    entries, suites = _own(registry_with((module,)), module)
    if not entries and not suites:
        fail("it registers nothing: return definitions from its hooks")


def _own(registry: Registry, module: ModuleType) -> tuple[list[Entry], list[str]]:
    entries = [each for each in registry.entries.values() if each.plugin.module is module]
    names = {each.name for each in registry.plugins if each.module is module}
    suites = [
        registry.suites[name].name
        for name, owner in registry.suite_plugins.items()
        if owner in names
    ]
    return entries, suites


def _named_in(
    given: Mapping[str, Options] | tuple[str, ...], kind: str, name: str
) -> list[Options]:
    """Find what is given under `NAME` or `KIND:NAME`; the longer one counts."""
    wanted = (same_name(f"{kind}:{name}"), same_name(name))
    found = {same_name(each): given[each] if isinstance(given, Mapping) else NONE for each in given}
    return [found[each] for each in wanted if each in found][:1]


def _check_names(given: list[str], known: list[str], module: ModuleType) -> None:
    names = [each.partition(":")[2] for each in known]
    for name in given:
        if same_name(name) not in map(same_name, [*known, *names]):
            raise PluginError(
                f"plugin {name_of(module)!r} registers no {name!r}{what_would_work(name, names)}"
            )


def _is_loaded_without_torch(module: ModuleType) -> None:
    """Load the plugin in a fresh interpreter, as every command does."""
    code = _LOOK.format(path=sys.path, named=_named(module))
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    told: list[Any] = ended.stdout.split()
    if ended.returncode != 0:
        last = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
        fail(f"a fresh interpreter cannot load it: {last}")
    if told[-1] == "True":
        fail(
            "loading it imports torch: import torch inside the functions that use it, so that"
            " `bench plan` and `bench list` stay quick"
        )


def _named(module: ModuleType) -> str:
    """Name a module as a fresh interpreter finds it: by its file, where it was loaded from one."""
    file = getattr(module, "__file__", None)
    by_file = module.__name__.startswith("bench_file_") and file is not None
    return str(Path(str(file)).resolve()) if by_file else module.__name__

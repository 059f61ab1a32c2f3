"""Importing plugins and calling their hooks, each by itself: what goes wrong is a `PluginError`.

Every plugin gets a plugin manager of its own, so that one that raises stops no other.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from harness.errors import LevelError, PluginError, nearest, same_name, what_would_work
from harness.plugin import hookspecs
from harness.suites.settings import AS_BUILT, parse_level
from harness.units import one_line

GROUP = "bench"


def entry_points() -> list[importlib.metadata.EntryPoint]:
    """List the entry points of plugins in order of their names, each once."""
    found = importlib.metadata.entry_points(group=GROUP)
    points = {(each.name, each.value): each for each in found}
    return [points[key] for key in sorted(points)]


def imported(importer: Callable[[], Any]) -> Any:
    """Import by calling.

    Raises:
        PluginError: it raises, whatever it raises.
    """
    try:
        return importer()
    except (Exception, SystemExit) as error:  # the border to a plugin: it may raise anything
        raise PluginError(f"cannot be imported: {_told(error)}") from error


def import_named(named: str, base: Path) -> ModuleType:
    """Import `MODULE`, or `FILE.py` relative to a folder.

    Raises:
        PluginError: it is absent, or raises.
    """
    try:
        if named.endswith(".py"):
            return _import_file(base / named)
        module: ModuleType = imported(lambda: importlib.import_module(named))
    except PluginError as error:
        file = f"{named}.py"
        beside = f"; a file is named with its ending: -p {file}" if (base / file).exists() else ""
        raise PluginError(one_line(f"plugin {named}: {error}", 400) + beside) from error.__cause__
    return module


def manager_of(plugin: str, module: object) -> pluggy.PluginManager:
    """Make the manager that calls the hooks of one plugin.

    Raises:
        PluginError: it implements no hook, an unknown one, or one with other arguments.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=plugin)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"plugin {plugin!r}: {' '.join(str(error).split())}") from None
    known = [each for each in dir(hookspecs) if each.startswith("bench_")]
    callers = manager.get_hookcallers(manager.get_plugin(plugin)) or []
    for caller in callers:
        if caller.name not in known:
            raise PluginError(
                f"plugin {plugin!r}: unknown hook {caller.name!r}"
                f"{what_would_work(caller.name, known)}"
            )
    if not callers:
        raise PluginError(
            f"plugin {plugin!r} implements no hook: mark functions with @harness.hookimpl"
        )
    return manager


def registered(
    plugin: str, manager: pluggy.PluginManager, hook: str, types: type | tuple[type, ...]
) -> list[Any]:
    """Call a registration hook of one plugin.

    Raises:
        PluginError: it raises, or returns what is no list of these types.
    """
    where = f"plugin {plugin!r}: {hook}"
    caller: pluggy.HookCaller = getattr(manager.hook, hook)
    try:
        answers = caller()
        found = [each for answer in answers for each in _elements(answer, where)]
    except PluginError:
        raise
    except (Exception, SystemExit) as error:  # the border to a plugin: its hook may raise
        raise PluginError(f"{where} raised {_told(error)}") from error
    asked = [each for each in caller.get_hookimpls() if not (each.wrapper or each.hookwrapper)]
    if len(answers) < len(asked):  # pluggy leaves out answers that are None
        raise PluginError(f"{where} returned None, which is no list")
    for each in found:
        if not isinstance(each, types):
            names = " or ".join(
                t.__name__ for t in (types if isinstance(types, tuple) else [types])
            )
            raise PluginError(f"{where} returned {one_line(repr(each), 80)}, which is no {names}")
    return found


def checked_name(plugin: str, kind: str, name: object) -> str:
    """Check the name of a definition, and fold it as names are compared.

    Raises:
        PluginError: it is no name, or is a value, so that no level could name it.
    """
    told = f"plugin {plugin!r}: {'an' if kind[0] in 'aeiou' else 'a'} {kind} is called"
    if not isinstance(name, str) or not name.replace("-", "_").replace(".", "_").isidentifier():
        raise PluginError(
            f"{told} {one_line(repr(name), 80)}:"
            " a name has letters, digits, '_', '-' and '.', and starts with a letter"
        )
    if not _names_itself(name) or (kind == "initializer" and same_name(name) == AS_BUILT):
        raise PluginError(f"{told} {name!r}: that is a value of its setting, and no name")
    return same_name(name)


def _names_itself(name: str) -> bool:
    try:
        return parse_level(name) == name
    except LevelError:
        return False


def _import_file(path: Path) -> ModuleType:
    path = path.resolve()
    name = f"bench_file_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_file():
        near = nearest(path.name, [each.name for each in path.parent.glob("*.py")])
        hint = f": did you mean {near!r}?" if near else ""
        raise PluginError(f"there is no such file ({path}){hint}")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.parent)
    added = folder not in sys.path
    if added:
        sys.path.append(folder)
    loader = spec.loader
    try:
        imported(lambda: loader.exec_module(module))
    except PluginError:
        del sys.modules[name]
        if added:
            sys.path.remove(folder)
        raise
    return module


def _elements(answer: Any, where: str) -> list[Any]:
    if isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable):
        raise PluginError(f"{where} returned {one_line(repr(answer), 80)}, which is no list")
    return list(answer)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"

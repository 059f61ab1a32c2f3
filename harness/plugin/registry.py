"""What plugins register, and looking names up. Nothing here imports torch."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pluggy

from harness.errors import BenchError, PluginError, UnknownName, same_name, what_would_work
from harness.numbers.metrics import MEANINGS
from harness.plugin.checking import checked_schema
from harness.plugin.definitions import (
    Activation,
    Dataset,
    Definition,
    Initializer,
    Loss,
    Metric,
    Model,
    Optimizer,
    Procedure,
    Schedule,
)
from harness.plugin.interface import OLDEST, interface_of, outdated
from harness.plugin.loading import (
    checked_name,
    entry_points,
    import_named,
    imported,
    manager_of,
    registered,
)
from harness.plugin.manners import quiet, watched
from harness.plugin.options import Schema, function_inside
from harness.records.record import Record
from harness.suites.draft import draft, read_file
from harness.suites.suite import Suite
from harness.units import one_line


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a kind is registered: its hook, class, and functions with how many positionals."""

    hook: str
    type: type
    functions: tuple[tuple[str, int], ...]


KINDS: Mapping[str, _Kind] = {
    "model": _Kind("bench_register_models", Model, (("build", 1), ("accepts", 1))),
    "dataset": _Kind(
        "bench_register_datasets", Dataset, (("load", 1), ("task", 0), ("absent", 1), ("files", 1))
    ),
    "optimizer": _Kind("bench_register_optimizers", Optimizer, (("build", 1),)),
    "schedule": _Kind("bench_register_schedules", Schedule, (("factor", 1),)),
    "activation": _Kind("bench_register_activations", Activation, (("build", 0),)),
    "initializer": _Kind("bench_register_initializers", Initializer, (("apply", 2),)),
    "loss": _Kind("bench_register_losses", Loss, (("build", 0), ("accepts", 1))),
    "metric": _Kind("bench_register_metrics", Metric, (("measure", 1),)),
    "procedure": _Kind("bench_register_procedures", Procedure, (("run", 1),)),
}
PLURALS: Mapping[str, str] = {
    kind: each.hook.removeprefix("bench_register_") for kind, each in KINDS.items()
} | {"suite": "suites"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A plugin, loaded or broken.

    Attributes:
        name: Of the entry point, the module, or the file without its ending.
        named: How it was named: the entry point's value, or what `-p` gave.
        package: The distribution that it came with; None for a module or file.
        version: Of the distribution, or the module's `__version__`.
        manager: Calls its hooks; None where it is broken.
        error: Why it is broken.
        interface: The version of the interface that it was written for.
        told: What it did not leave as it was, in sentences; more may come while it is asked.
    """

    name: str
    named: str
    package: str | None = None
    version: str | None = None
    module: ModuleType | None = None
    manager: pluggy.PluginManager | None = None
    error: str | None = None
    interface: int = OLDEST
    told: list[str] = field(default_factory=list, compare=False)

    @property
    def origin(self) -> str:
        """Name and version as messages and records show them."""
        package = f"{self.package} {self.version}" if self.package else self.version
        return f"{self.name} ({package})" if package else self.name


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered definition with its options and the plugin that it came from."""

    kind: str
    definition: Definition
    schema: Schema
    plugin: Plugin

    @property
    def name(self) -> str:
        """The name as the plugin wrote it."""
        return self.definition.name

    @property
    def source(self) -> str:
        """Plugin, version and a digest of the module that the definition's function stands in."""
        function = getattr(self.definition, KINDS[self.kind].functions[0][0])
        return f"{self.plugin.origin} {_digest(_module_file(function))}"

    def call(self, function: Callable[..., Any], *arguments: object, **options: object) -> Any:
        """Call a function of the definition with those of the options that it names.

        Raises:
            PluginError: it raises; the message names plugin, definition and error.
        """
        wanted = inspect.signature(function).parameters
        what = f"plugin {self.plugin.name!r}: {self.kind} {self.name!r}: {_named(function)}"
        try:
            with watched(self.plugin.told, what):
                return function(
                    *arguments, **{key: value for key, value in options.items() if key in wanted}
                )
        except BenchError:
            raise
        except (Exception, SystemExit) as error:  # the border to a plugin: its error is told
            told = one_line(f"{type(error).__name__}: {error}")
            raise PluginError(f"{what} raised {told}") from error


@dataclass(frozen=True, slots=True)
class Registry:
    """What the loaded plugins registered."""

    plugins: tuple[Plugin, ...]
    entries: Mapping[tuple[str, str], Entry] = field(default_factory=dict)
    suites: Mapping[str, Suite] = field(default_factory=dict)
    suite_plugins: Mapping[str, str] = field(default_factory=dict)

    def find(self, kind: str, name: str) -> Entry:
        """Find a definition.

        Raises:
            UnknownName: nothing is registered under it; the message offers the nearest.
        """
        entry = self.entries.get((kind, same_name(name)))
        if entry is None:
            raise UnknownName(kind, name, self.names(kind), self.broken())
        return entry

    def names(self, kind: str) -> tuple[str, ...]:
        """Name what is registered of a kind, sorted."""
        if kind == "suite":
            return tuple(sorted(each.name for each in self.suites.values()))
        return tuple(
            sorted(entry.name for (each, _), entry in self.entries.items() if each == kind)
        )

    def suite(self, name: str) -> Suite:
        """Find a suite.

        Raises:
            UnknownName: no plugin or file has it.
        """
        suite = self.suites.get(same_name(name))
        if suite is None:
            raise UnknownName("suite", name, self.names("suite"), self.broken())
        return suite

    def with_suites(self, suites: Iterable[Suite]) -> Registry:
        """Add the suites of a file; they stand before those of plugins."""
        added = {same_name(each.name): each for each in suites}
        plugins = {name: each for name, each in self.suite_plugins.items() if name not in added}
        return replace(self, suites={**self.suites, **added}, suite_plugins=plugins)

    def with_plugin(self, plugin: Plugin, module: object) -> Registry:
        """Add what a module registers.

        Raises:
            PluginError: it breaks the interface, or shares a name with another.
        """
        builder = _Builder()
        builder.plugins, builder.entries = list(self.plugins), dict(self.entries)
        builder.suites, builder.suite_plugins = dict(self.suites), dict(self.suite_plugins)
        builder.add(plugin, module)
        return builder.registry()

    def finished(self, record: Record, folder: Path) -> list[str]:
        """Show a record, and the folder of its run, to every observer.

        Returns:
            What observers raised, or did not leave as it was, a sentence each.
        """
        return [told for each in self.plugins for told in _observe(each, record, folder)]

    def check_sources(self, planned: Mapping[str, str]) -> None:
        """Refuse code that is not what was planned: records would name the one and show the other.

        Args:
            planned: By kind and name (`model mlp`), where each definition came from.

        Raises:
            PluginError: one comes from elsewhere now.
        """
        found = {f"{each.kind} {each.name}": each.source for each in self.entries.values()}
        for name, source in planned.items():
            now = found.get(name, "it is gone")
            if now != source:
                raise PluginError(
                    f"{name} has changed since the run was planned ({source} -> {now}): what has"
                    " finished is kept; run it again"
                )

    def notes(self) -> list[str]:
        """Say what changed since older plugins were written, and what any did not leave alone."""
        old = (outdated(each.name, each.interface) for each in self.plugins)
        told = [each for plugin in self.plugins for each in plugin.told]
        return list(dict.fromkeys([*(each for each in old if each is not None), *told]))

    def broken(self) -> str:
        """Name the plugins that could not be loaded, with their errors; empty where all could."""
        broken = [f"{each.name} ({each.error})" for each in self.plugins if each.error]
        return f"broken plugins: {'; '.join(broken)}" if broken else ""


def load(named: Sequence[str] = (), base: Path | None = None) -> Registry:
    """Load the plugins of entry points, then those that are named.

    Args:
        named: `MODULE`, `FILE.py`, or `no:NAME` to leave the plugin of that name out.
        base: What the paths of files are relative to; None: the working directory.

    Raises:
        PluginError: a named plugin is absent, fails to load, or shares a name with another.
    """
    builder = _Builder()
    left_out = {same_name(each[3:]): each[3:] for each in named if each.startswith("no:")}
    points = entry_points()
    for point in points:
        if same_name(point.name) not in left_out:
            builder.add_point(point)
    wanted = [each for each in named if not each.startswith("no:")]
    for each in wanted:
        if same_name(_plugin_name(each)) not in left_out:
            builder.add_named(each, base or Path.cwd())
    known = [*(each.name for each in points), *map(_plugin_name, wanted)]
    for folded, name in left_out.items():
        if folded not in {same_name(each) for each in known}:
            raise PluginError(
                f"-p no:{name}: unknown plugin {name!r}{what_would_work(name, known)}"
            )
    return builder.registry()


def registry_of(**modules: ModuleType | object) -> Registry:
    """Make a registry of plain modules by plugin name, for tests and notebooks.

    Raises:
        PluginError: a module breaks the interface.
    """
    builder = _Builder()
    for name, module in modules.items():
        builder.add(Plugin(name=name, named=name), module)
    return builder.registry()


def _observe(plugin: Plugin, record: Record, folder: Path) -> list[str]:
    if plugin.manager is None:
        return []
    what, told = f"plugin {plugin.name!r}: bench_trial_finished", list[str]()
    try:
        with watched(told, what):
            plugin.manager.hook.bench_trial_finished(record=record, folder=folder)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the border to a plugin
        told.append(one_line(f"{what}: {type(error).__name__}: {error}"))
    return told


class _Builder:
    """Collects what plugins register; a plugin that breaks the interface leaves nothing behind."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.entries: dict[tuple[str, str], Entry] = {}
        self.suites: dict[str, Suite] = {}
        self.suite_plugins: dict[str, str] = {}

    def registry(self) -> Registry:
        return Registry(tuple(self.plugins), self.entries, self.suites, self.suite_plugins)

    def add_point(self, point: importlib.metadata.EntryPoint) -> None:
        package = point.dist.name if point.dist else None
        version = point.dist.version if point.dist else None
        plugin = Plugin(name=point.name, named=point.value, package=package, version=version)
        try:
            with _loading(plugin):
                self.add(plugin, imported(point.load))
        except PluginError as error:
            self.plugins.append(replace(plugin, error=one_line(str(error))))

    def add_named(self, named: str, base: Path) -> None:
        plugin = Plugin(name=_plugin_name(named), named=named)
        with _loading(plugin):
            module = import_named(named, base)
            if any(each.module is module for each in self.plugins):
                return
            version = getattr(module, "__version__", None)
            self.add(replace(plugin, version=str(version) if version else None), module)

    def add(self, plugin: Plugin, module: object) -> None:
        for each in self.plugins:
            if same_name(each.name) == same_name(plugin.name):
                raise PluginError(
                    f"two plugins are called {plugin.name!r}: {each.named} and {plugin.named};"
                    f" leave one out with -p no:NAME, or rename it"
                )
        interface = interface_of(plugin.name, module)
        manager = manager_of(plugin.name, module)
        inner = module if isinstance(module, ModuleType) else None
        loaded = replace(plugin, module=inner, manager=manager, interface=interface)
        entries = self._entries(loaded, manager)
        suites = self._suites(loaded, manager)
        self.entries |= entries
        self.suites |= suites
        self.suite_plugins |= dict.fromkeys(suites, plugin.name)
        self.plugins.append(loaded)

    def _entries(
        self, plugin: Plugin, manager: pluggy.PluginManager
    ) -> dict[tuple[str, str], Entry]:
        found: dict[tuple[str, str], Entry] = {}
        for kind, spec in KINDS.items():
            for definition in registered(plugin.name, manager, spec.hook, spec.type):
                key = (kind, checked_name(plugin.name, kind, definition.name))
                self._check_new(
                    plugin, kind, definition.name, self.entries.get(key) or found.get(key)
                )
                owner = f"plugin {plugin.name!r}: {kind} {definition.name}"
                if kind == "metric" and definition.name in MEANINGS:
                    raise PluginError(f"{owner}: a metric of that name is always taken: rename it")
                found[key] = Entry(
                    kind,
                    definition,
                    checked_schema(owner, kind, spec.functions, definition),
                    plugin,
                )
        return found

    def _suites(self, plugin: Plugin, manager: pluggy.PluginManager) -> dict[str, Suite]:
        found: dict[str, Suite] = {}
        for given in registered(plugin.name, manager, "bench_register_suites", (Suite, str, Path)):
            for suite in _suites_of(plugin, given):
                name = same_name(suite.name)
                other = self.suites.get(name) or found.get(name)
                if other:
                    raise PluginError(
                        f"two suites are called {suite.name!r}: "
                        f"of {other.origin} and of {suite.origin}"
                    )
                found[name] = suite
        return found

    @staticmethod
    def _check_new(plugin: Plugin, kind: str, name: str, other: Entry | None) -> None:
        if other is not None:
            raise PluginError(
                f"two {PLURALS[kind]} are called {name!r}: of plugin {other.plugin.name!r}"
                f" and of plugin {plugin.name!r}"
            )


@contextlib.contextmanager
def _loading(plugin: Plugin) -> Iterator[None]:
    """Watch a plugin while it is imported and its hooks are called."""
    what = f"plugin {plugin.name!r}, while it was loaded,"
    with quiet(plugin.told, what), watched(plugin.told, what):
        yield


def _plugin_name(named: str) -> str:
    return Path(named).stem if named.endswith(".py") else named


def _suites_of(plugin: Plugin, given: Suite | str | Path) -> tuple[Suite, ...]:
    try:
        if isinstance(given, Suite):
            suite = msgspec.structs.replace(given, origin=given.origin or f"plugin {plugin.name}")
            draft(suite)
            return (suite,)
        file = getattr(plugin.module, "__file__", None)
        return read_file(Path(file).parent / given if file else Path(given)).suites
    except BenchError as error:
        raise PluginError(f"plugin {plugin.name!r}: {error}") from None


def _named(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))


def _module_file(function: Callable[..., Any]) -> str | None:
    try:
        return inspect.getsourcefile(function_inside(function))
    except TypeError:
        return None


@functools.cache
def _digest(path: str | None) -> str:
    if path is None or not Path(path).is_file():
        return "-"
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]

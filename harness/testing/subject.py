"""A definition that is checked: its options, and the plugins whose names they may use."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType, ModuleType
from typing import Any

import msgspec
from torch import nn

from harness.errors import LevelError
from harness.plugin.checking import checked_schema
from harness.plugin.definitions import Definition, Task
from harness.plugin.options import Schema, function_inside
from harness.plugin.registry import KINDS, Plugin, Registry, load
from harness.suites.settings import level_of
from harness.testing.check import Check, called, fail
from harness.trial.workload import Parts

Options = Mapping[str, Any]
NONE: Options = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Subject:
    """A definition under check.

    Attributes:
        kind: `model`, `dataset`, ...
        definition: What the plugin hands over.
        options: In place of its defaults.
        plugins: Whose activations its options may name, besides those that are installed.
    """

    kind: str
    definition: Definition
    options: Options = field(default_factory=dict)
    plugins: tuple[ModuleType, ...] = ()

    @property
    def name(self) -> str:
        """Kind and name, as checks print it."""
        return f"{self.kind} {self.definition.name}"

    def check(self, claim: str, look: Callable[[Subject], None]) -> Check:
        """Make a check of this definition."""
        return Check(self.name, claim, functools.partial(look, self))

    def usual(self) -> list[Check]:
        """Make the checks of every kind."""
        return [
            self.check("has options that can be read", _has_options),
            self.check("says what it is", _says_what_it_is),
        ]

    @property
    def schema(self) -> Schema:
        """Read its options.

        Raises:
            PluginError: a signature is no schema.
        """
        return checked_schema(self.name, self.kind, KINDS[self.kind].functions, self.definition)

    def values(self) -> dict[str, Any]:
        """Make the options: those given, defaults for the rest."""
        schema, name = self.schema, f"{self.kind}:{self.definition.name}"
        for option in schema.options.values():
            if option.required and option.name not in self.options:
                fail(
                    f"its option {option.name!r} has no default: give one for the checks,"
                    f" options={{{name!r}: {{{option.name!r}: VALUE}}}}"
                )
        try:
            given = {option: level_of(value) for option, value in self.options.items()}
        except LevelError as error:
            fail(f"options of the checks: {error}")
        return schema.typed(schema.resolve(given, self.kind))

    def call(self, field_: str, *arguments: Any, on: str = "") -> Any:
        """Call a function of the definition with those options that it names.

        Args:
            field_: `build`, `load`, `accepts`, ...
            arguments: By position.
            on: What on, for messages: ` on numbers`.
        """
        function = getattr(self.definition, field_)
        wanted = inspect.signature(function).parameters
        options = {name: value for name, value in self.values().items() if name in wanted}
        return called(f"{field_}{on}", function, *arguments, **options)

    def bound(self, task: Task) -> Task:
        """Let a task know the activations that are registered."""
        return msgspec.structs.replace(task, activations=self._activation)

    def _activation(self, level: str) -> nn.Module:
        return Parts(registry_with(self.plugins), {}).activation(level)


def registry_with(plugins: Iterable[ModuleType]) -> Registry:
    """Load what is installed, and plugins that are given.

    Raises:
        PluginError: one breaks the interface, or shares a name with another.
    """
    return _registry(tuple(plugins))


def module_of(plugin: ModuleType | str) -> ModuleType:
    """Import a plugin that is named."""
    return importlib.import_module(plugin) if isinstance(plugin, str) else plugin


def name_of(module: ModuleType) -> str:
    """Name a plugin as it is installed; else as its module, without `bench_`."""
    for each in _installed().plugins:
        if each.module is module:
            return each.name
    return module.__name__.rpartition(".")[2].removeprefix("bench_")


@functools.cache
def _installed() -> Registry:
    return load()


@functools.cache
def _registry(plugins: tuple[ModuleType, ...]) -> Registry:
    registry = _installed()
    for module in plugins:
        if all(each.module is not module for each in registry.plugins):
            name = name_of(module)
            version = getattr(module, "__version__", None)
            plugin = Plugin(name=name, named=module.__name__, version=version)
            sound = tuple(each for each in registry.plugins if each.error is None)
            registry = replace(registry, plugins=sound).with_plugin(plugin, module)
    return registry


def _has_options(subject: Subject) -> None:
    schema = subject.schema
    unknown = [name for name in subject.options if name not in schema.options]
    if unknown:
        known = ", ".join(schema.options) or "it has none"
        fail(f"options of the checks name {unknown[0]!r}, which it has not (known: {known})")


def _says_what_it_is(subject: Subject) -> None:
    function = getattr(subject.definition, KINDS[subject.kind].functions[0][0])
    inner = function_inside(function)
    if not (inspect.getdoc(inner) or "").strip():
        name = getattr(inner, "__qualname__", repr(inner))
        fail(f"{name} has no docstring: its first line is what `bench list` says of it")

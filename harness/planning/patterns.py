"""Patterns: tables of levels that pick cases, in baselines, excludes and expectations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import SettingError
from harness.planning.resolve import PROTOCOL, Resolver, is_as_built
from harness.plugin.options import Option
from harness.plugin.ways import loading_text
from harness.suites.settings import (
    AS_BUILT,
    DEFINITION_ROOTS,
    Globs,
    Level,
    Value,
    parse_level,
    split_name,
    text,
)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Matches patterns against the settings of cases; options that are not named are free."""

    resolver: Resolver

    def check(self, pattern: Mapping[str, Level]) -> None:
        """Check that the names in a pattern are known.

        Raises:
            UnknownName: one is not.
        """
        for address, level in pattern.items():
            split = split_name(level) if address in DEFINITION_ROOTS else None
            if split and split[0] is not None and not is_as_built(address, split[0]):
                self.resolver.registry.find(DEFINITION_ROOTS[address], split[0])

    def match(self, pattern: Mapping[str, Level], settings: Mapping[str, Value]) -> bool:
        """Tell whether settings have the levels of a pattern."""
        return all(self._matches(address, level, settings) for address, level in pattern.items())

    def _matches(self, address: str, level: Level, settings: Mapping[str, Value]) -> bool:
        if address not in DEFINITION_ROOTS:
            return address in settings and self._equal(address, level, settings)
        split = split_name(level)
        if split is None:
            known = self.resolver.globs(address, level) if isinstance(level, Globs) else level
            return text(known) == settings[address]
        name, options = split
        if name is None or settings[address] is None:
            return settings[address] == name
        if is_as_built(address, name):
            return settings[address] == AS_BUILT
        entry = self.resolver.registry.find(DEFINITION_ROOTS[address], name)
        return settings[address] == entry.name and all(
            f"{address}.{option}" in settings and self._equal(f"{address}.{option}", each, settings)
            for option, each in options.items()
        )

    def _equal(self, address: str, level: Level, settings: Mapping[str, Value]) -> bool:
        root, _, option = address.partition(".")
        if address == "metrics":
            return settings[address] == self.resolver.metrics(level)
        schema = PROTOCOL
        if option:
            kind, name = DEFINITION_ROOTS[root], str(settings[root])
            schema = self.resolver.registry.find(kind, name).schema
        try:
            if address == "loading":
                level = loading_text(level)
            value = schema.convert(option or address, level, address)
        except SettingError:
            return False
        if schema.options[option or address].names is not None and isinstance(value, str):
            return self._names_same(schema.options[option], value, str(settings[address]))
        return value == settings[address] and type(value) is type(settings[address])

    def _names_same(self, option: Option, wanted: str, setting: str) -> bool:
        """Tell whether a setting names what a pattern names."""
        sought, found = split_name(parse_level(wanted)), split_name(parse_level(setting))
        if sought is None or sought[0] is None or found is None:
            return False
        entry = self.resolver.registry.find(str(option.names), sought[0])
        full = entry.schema.resolve(sought[1], option.name)
        return entry.name == found[0] and all(full[each] == found[1][each] for each in sought[1])

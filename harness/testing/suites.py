"""Checks of suites: they can be planned here, and every case of them can be trained."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType

from harness.planning.plan import make_plan
from harness.records.planned import Plan
from harness.suites.draft import draft
from harness.suites.suite import Suite
from harness.testing.check import Check, fail
from harness.testing.subject import registry_with


def check_suite(suite: Suite, *, plugins: Sequence[ModuleType] = ()) -> list[Check]:
    """Make the checks of a suite.

    Args:
        suite: What the plugin registers; one of a TOML file is in `checks(plugin)`.
        plugins: Whose definitions it names, besides those that are installed.
    """
    given = tuple(plugins)
    looks = {
        "says what it asks": _says_what_it_asks,
        "can be planned": _is_planned,
        "has cases that can all be trained": _can_be_trained,
    }
    return [
        Check(f"suite {suite.name}", claim, functools.partial(look, suite, given))
        for claim, look in looks.items()
    ]


def _plan(suite: Suite, plugins: tuple[ModuleType, ...]) -> Plan:
    return make_plan(draft(suite), registry_with(plugins))


def _says_what_it_asks(suite: Suite, _: tuple[ModuleType, ...]) -> None:
    if not suite.summary.strip():
        fail("it has no summary: say in a sentence which question it answers")


def _is_planned(suite: Suite, plugins: tuple[ModuleType, ...]) -> None:
    _plan(suite, plugins)


def _can_be_trained(suite: Suite, plugins: tuple[ModuleType, ...]) -> None:
    refused = [each for each in _plan(suite, plugins).cases if each.expected == "unsupported"]
    if refused:
        levels = ", ".join(f"{name}={value}" for name, value in refused[0].levels.items())
        fail(
            f"{len(refused)} of its cases cannot be trained: {levels or 'its only case'}"
            f" ({refused[0].reason}); exclude them"
        )

"""What plugins are promised: old ones go on, and are told by name what has changed."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pluggy
import pytest
from made import made_case, made_plan, made_record

import harness
from harness import session
from harness.comparing.environments import environments
from harness.errors import PluginError
from harness.plugin import hookspecs, registry
from harness.plugin.definitions import Schedule
from harness.plugin.hookspecs import hookimpl
from harness.plugin.interface import CHANGES, INTERFACE, interface_of, outdated
from harness.plugin.registry import Plugin, registry_of

MADE_UP = {2: "factor() gets the step too", 4: "bench_trial_finished() gets the run"}


def half(progress: float) -> float:
    """Halve."""
    return 0.5


def module(**attributes: Any) -> ModuleType:
    made = ModuleType("bench_old")
    made.schedules = hookimpl(  # type: ignore[attr-defined]
        lambda: [Schedule("half", half)], specname="bench_register_schedules"
    )
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def test_there_is_one_version_and_a_change_for_no_later_one() -> None:
    assert harness.INTERFACE == INTERFACE == 1
    assert all(1 < version <= INTERFACE for version in CHANGES)


def test_a_plugin_says_what_it_was_written_for_and_without_a_word_it_is_the_first() -> None:
    assert interface_of("old", module()) == 1
    assert interface_of("old", module(bench_interface=2), current=3) == 2
    assert registry_of(old=module(bench_interface=1)).plugins[0].interface == 1


@pytest.mark.parametrize("version", ["1", 1.0, 0, True, None])
def test_what_is_no_version_is_refused(version: object) -> None:
    with pytest.raises(PluginError) as caught:
        interface_of("old", module(bench_interface=version))
    assert str(caught.value) == (
        f"plugin 'old': bench_interface={version!r} is no version of the interface:"
        " bench_interface = 1 is this one's"
    )


def test_a_plugin_of_a_later_interface_is_refused() -> None:
    with pytest.raises(PluginError) as caught:
        registry_of(new=module(bench_interface=2))
    assert str(caught.value) == (
        "plugin 'new' was written for interface 2, and this bench-harness has 1: a newer"
        " bench-harness has it"
    )


@pytest.mark.parametrize(
    ("version", "told"),
    [
        (1, "factor() gets the step too; bench_trial_finished() gets the run"),
        (2, "bench_trial_finished() gets the run"),
        (3, "bench_trial_finished() gets the run"),
    ],
)
def test_an_older_plugin_is_told_each_change_since(version: int, told: str) -> None:
    assert outdated("old", version, 4, MADE_UP) == (
        f"plugin 'old' was written for interface {version} of plugins, which is deprecated: {told}"
        " (bench_interface = 4 says that it heeds this)"
    )


@pytest.mark.parametrize("version", [4, 5])
def test_a_plugin_that_heeds_all_changes_is_told_nothing(version: int) -> None:
    assert outdated("new", version, 5, MADE_UP) is None


def test_what_an_older_plugin_is_told_is_a_note_of_every_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        registry, "outdated", lambda name, version: outdated(name, version, 2, MADE_UP)
    )
    monkeypatch.setattr("harness.session.ask.load", lambda plugins: registry_of(old=module()))

    loaded = session.load_all(session.Places())

    assert loaded.notes == (
        "plugin 'old' was written for interface 1 of plugins, which is deprecated: factor() gets"
        " the step too (bench_interface = 2 says that it heeds this)",
    )


def test_a_hook_that_gains_a_parameter_breaks_no_plugin_that_does_not_take_it() -> None:
    seen: list[object] = []

    def bench_trial_finished(record: object, folder: object) -> None:
        """Be what the hook might become."""

    later = ModuleType("later")
    later.bench_trial_finished = hookspecs.hookspec(bench_trial_finished)  # type: ignore[attr-defined]
    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(later)
    observers = [lambda record: seen.append(record), lambda: seen.append("all")]  # noqa: PLW0108  # pluggy reads the parameter's name
    for place, each in enumerate(observers):
        old = ModuleType(f"old{place}")
        old.observer = hookimpl(each, specname="bench_trial_finished")  # type: ignore[attr-defined]
        manager.register(old)

    manager.hook.bench_trial_finished(record="a record", folder="a folder")

    assert seen == ["all", "a record"]


def test_two_versions_of_a_plugin_are_told_where_runs_are_compared() -> None:
    plan = made_plan(made_case({"model": "mlp"}, dataset="digits"), seeds=(0,))
    sources = [
        registry_of()
        .with_plugin(
            Plugin(name="old", named="bench_old", package="bench-old", version=version), module()
        )
        .find("schedule", "half")
        .source
        for version in ("1.0", "1.1")
    ]

    base, head = (made_record(plan, 0, 0, sources={"schedule": each}) for each in sources)
    [found] = environments([(base, head)]).differs

    digest = sources[0].rpartition(" ")[2]
    assert str(found) == (
        f"source of schedule: old (bench-old 1.0) {digest} -> old (bench-old 1.1) {digest}"
    )

"""Defaults of addresses that a run does not know."""

from __future__ import annotations

import bench_builtin
import pytest

from harness.errors import SettingError, StoreError
from harness.planning.defaults import defaults_of
from harness.plugin.registry import Registry, registry_of


def test_a_default_is_asked_of_plugins_that_are_loaded_once_and_not_before() -> None:
    loaded: list[Registry] = []

    def load() -> Registry:
        loaded.append(registry_of(builtin=bench_builtin))
        return loaded[-1]

    default = defaults_of(load)
    assert loaded == []

    assert default({"optimizer": "sgd"}, "optimizer.momentum") == 0.0
    assert default({}, "threads") == 1
    assert len(loaded) == 1


def test_a_definition_that_is_not_registered_is_told_with_what_would_help() -> None:
    default = defaults_of(registry_of)

    with pytest.raises(StoreError) as caught:
        default({"model": "mine"}, "model.width")
    assert str(caught.value) == (
        "not all runs have model.width, and its default is not known: unknown model 'mine'"
        " (there are none); plugins that a run names are not loaded to read it: name them with -p"
    )


@pytest.mark.parametrize("address", ["nothing.of_it", "nothing", "model.hidden.deep"])
def test_an_address_that_nothing_has_is_told(address: str) -> None:
    default = defaults_of(lambda: registry_of(builtin=bench_builtin))

    with pytest.raises(SettingError, match=r"has no default: runs that give it cannot be matched"):
        default({"model": "mlp"}, address)

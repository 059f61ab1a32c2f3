"""What a file says of settings and options is checked before anything trusts it."""

from __future__ import annotations

from typing import Any

import pytest
from made import made_case

from harness.records.shape import missing_address, too_deep, wrong_options, wrong_settings
from harness.suites.settings import DEEPEST

WHOLE: dict[str, Any] = {
    "model": "mlp",
    "model.hidden": [64, [8]],
    "dataset": "digits",
    "optimizer": None,
    "schedule": "constant",
    "init": "as_built",
    "bias_init": "as_built",
    "loss": None,
    "procedure": "train",
    "metrics": ["start"],
    "device": "cpu",
    "threads": 1,
    "timeout_s": 600.0,
    "memory_limit": None,
}


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth - 1):
        found = [found]
    return found


def test_settings_that_were_planned_are_right_and_whole() -> None:
    assert wrong_settings(WHOLE) is None
    assert missing_address(WHOLE) is None


def test_settings_of_an_older_version_may_lack_an_address_and_those_of_a_newer_have_more() -> None:
    assert wrong_settings(made_case({}).settings) is None
    assert wrong_settings({**WHOLE, "newer": {"than": "this"}}) is None
    assert missing_address({**WHOLE, "newer": 1}) is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"metrics": 5}, "expected `array`, got `int` - at `$.metrics`"),
        ({"metrics": [None]}, "expected `str`, got `null` - at `$.metrics[0]`"),
        ({"init": None}, "expected `str`, got `null` - at `$.init`"),
        ({"model": ["mlp"]}, "expected `str | null`, got `array` - at `$.model`"),
        ({"threads": 0}, "expected `int` >= 1 - at `$.threads`"),
        ({"timeout_s": "soon"}, "expected `float`, got `str` - at `$.timeout_s`"),
        ({"memory_limit": -1}, "expected `int` >= 1 - at `$.memory_limit`"),
        ({"model.hidden": nested(DEEPEST + 1)}, f"model.hidden is nested deeper than {DEEPEST}"),
    ],
)
def test_settings_of_another_type_are_told(changed: dict[str, Any], told: str) -> None:
    assert wrong_settings({**WHOLE, **changed}) == told


@pytest.mark.parametrize("address", ["dataset", "init", "metrics", "device", "timeout_s"])
def test_an_address_without_which_nothing_runs_is_named(address: str) -> None:
    assert missing_address({key: each for key, each in WHOLE.items() if key != address}) == address


def test_options_of_a_run_are_checked() -> None:
    right = {"jobs": 2, "in_process": False, "strict": True, "data_root": "/data", "newer": 1}

    assert wrong_options(right) is None
    assert wrong_options({"jobs": 0}) == "expected `int` >= 1 - at `$.jobs`"
    assert wrong_options({"data_root": 5}) == "expected `str | null`, got `int` - at `$.data_root`"


def test_levels_may_be_nested_as_deep_as_they_can_be_planned() -> None:
    assert too_deep({"a": nested(DEEPEST), "b": {"c": "d"}}) is None
    assert too_deep({"a": 1, "b": nested(900)}) == f"b is nested deeper than {DEEPEST}"

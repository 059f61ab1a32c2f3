"""What levels, factors and metrics are called."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from made import made_case, made_plan

from harness.records.naming import (
    assignment_text,
    headers,
    level_text,
    short_names,
    telling_factors,
)
from harness.suites.settings import plain, text
from tests.suites.test_settings import LEVELS

PLAN = made_plan(
    made_case({"init": "zeros", "model.hidden": [128, 64]}),
    made_case({"init": "ones", "model.hidden": None}),
)


@given(LEVELS.filter(lambda level: level is not None))
def test_a_level_of_json_prints_as_its_text(level: Any) -> None:
    """A text that reads as a name with options is the one thing that JSON cannot tell apart."""
    kept = msgspec.json.decode(msgspec.json.encode(plain(level)))
    shown_level = level_text(kept)

    if isinstance(level, str | tuple):
        assert shown_level
    else:
        assert shown_level == text(level)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, "-"),
        ("relu", "relu"),
        ("normal[std=0.01]", "normal[std=0.01]"),
        ('{"*.weight"=normal}', '"{\\"*.weight\\"=normal}"'),
        ("{*.weight=normal}", "{*.weight=normal}"),
        ("true", '"true"'),
        (True, "true"),
        ([128, 64], "[128,64]"),
        ([["a", None]], "[[a,-]]"),
        (0.1, "0.1"),
        ("a b", '"a b"'),
        ("", '""'),
    ],
)
def test_levels_print_as_they_are_written(value: Any, cell: str) -> None:
    assert level_text(value) == cell


@pytest.mark.parametrize(
    ("factors", "names"),
    [
        (("init", "model.activation"), ("init", "activation")),
        (("model.dropout", "loss.dropout"), ("model.dropout", "loss.dropout")),
        (("model.status",), ("model.status",)),
        (("optimizer", "optimizer.lr"), ("optimizer", "lr")),
    ],
)
def test_a_header_is_the_shortest_address_that_is_clear(
    factors: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert headers(factors, ["status"]) == names


def test_levels_are_told_as_a_command_line_has_them_and_what_does_not_apply_is_left_out() -> None:
    names = short_names(PLAN)

    assert [assignment_text(each.levels, names) for each in PLAN.cases] == [
        "init=zeros hidden=[128,64]",
        "init=ones",
    ]
    assert assignment_text({"a\n": "b\n"}, {}) == 'a\\n="b\\n"'


def test_a_factor_that_is_called_as_a_column_keeps_its_address() -> None:
    plan = made_plan(made_case({"model.memory": 1, "model.wall_s": 2, "model.x": 3}))

    assert list(short_names(plan).values()) == ["model.memory", "model.wall_s", "x"]


def test_cases_are_told_apart_by_one_factor_where_it_is_enough() -> None:
    together = [{"lr": 1, "model": "mlp"}, {"lr": 1, "model": "cnn"}, {"lr": 2, "model": "rnn"}]
    product = [{"lr": lr, "model": model} for lr in (1, 2) for model in ("mlp", "cnn")]
    absent = [{"lr": 1, "model": None}, {"lr": 1, "model": "cnn"}]

    assert telling_factors(made_plan(*map(made_case, together))) == ("model",)
    assert telling_factors(made_plan(*map(made_case, product))) == ("lr", "model")
    assert telling_factors(made_plan(*map(made_case, absent))) == ("lr", "model")

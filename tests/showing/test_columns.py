"""The columns of a table: names of factors, levels, metrics."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from made import made_case, made_plan, made_records

from harness.errors import UnknownName
from harness.judging.tables import summaries
from harness.records.naming import assignment_text, headers, level_text, short_names
from harness.showing.columns import (
    factor_columns,
    figured,
    metrics_of,
    resolved,
    shown_metrics,
    status_text,
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


def test_a_factor_is_a_column_of_its_levels() -> None:
    init, hidden = factor_columns(PLAN, PLAN.cases)

    assert (init.header, init.cells) == ("init", ["zeros", "ones"])
    assert (hidden.header, hidden.cells) == ("hidden", ["[128,64]", "-"])
    assert [each.header for each in factor_columns(PLAN, PLAN.cases, ["model.hidden"])] == [
        "hidden"
    ]


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


def test_memory_stands_for_two_metrics_of_which_a_case_has_one() -> None:
    device = made_case({"device": "cuda"})

    assert metrics_of(["a", "memory"]) == {"a", "host_peak_bytes", "device_peak_bytes"}
    assert resolved("memory", device) == "device_peak_bytes"
    assert resolved("memory", PLAN.cases[0]) == "host_peak_bytes"
    assert resolved("a", device) == "a"


def test_figures_of_a_column_are_found_by_its_name() -> None:
    row, _ = summaries(PLAN, made_records(PLAN, 0, host_peak_bytes=[1, 2, 3]))

    found = figured("memory", row)
    assert found is not None
    assert (found.mean, found.meaning.name) == (2, "host_peak_bytes")
    assert figured("nothing", row) is None


def test_shown_metrics_are_those_that_were_asked_for_or_a_choice() -> None:
    rows = summaries(PLAN, made_records(PLAN, 0, test_loss=[1, 2, 3], own=[1, 2, 3]))

    assert shown_metrics(rows, ["own", "Test-Loss"]) == ["own", "test_loss"]
    assert shown_metrics(rows, []) == ["test_loss", "memory"]
    with pytest.raises(UnknownName, match=r"^unknown metric 'nonsense' "):
        shown_metrics(rows, ["nonsense"])
    with pytest.raises(UnknownName, match=r"^unknown metric 'nonsense' "):
        shown_metrics((), ["nonsense"])


def test_a_status_counts_what_was_not_run() -> None:
    first, second = summaries(PLAN, made_records(PLAN, 0, wall_s=[1, 2, None]))
    skipped = msgspec.structs.replace(PLAN.cases[0], expected="skipped")
    [row] = summaries(made_plan(skipped), [])

    assert (status_text(first), status_text(second)) == ("ok 2, not run 1", "not run 3")
    assert status_text(row) == "skipped"

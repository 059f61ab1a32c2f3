"""The levels of a factor side by side."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from made import made_case, made_plan, made_record, made_records

from harness.errors import UnknownName
from harness.judging.tables import summaries
from harness.showing.pivot import render_pivot

LEVELS = [
    {"init": "zeros", "model.activation": "relu"},
    {"init": "zeros", "model.activation": "tanh"},
    {"init": "ones", "model.activation": "relu"},
]
PLAN = made_plan(*(made_case(each) for each in LEVELS))
RECORDS = [
    record
    for case in range(3)
    for record in made_records(
        PLAN, case, test_accuracy=[0.5, 0.6, 0.7 + case / 10], wall_s=[1.0, 1.5, 2.0]
    )
]


def shown(factor: str, found: Any = RECORDS, plan: Any = PLAN, **more: Any) -> list[str]:
    return render_pivot(plan, summaries(plan, found), factor, records=found, **more).splitlines()


def test_levels_are_columns_and_the_other_factors_rows_a_table_a_metric() -> None:
    assert shown("model.activation", metrics=["test_accuracy", "wall_s"]) == [
        "test_accuracy",
        "",
        "init   activation=relu   activation=tanh",
        "-----  ----------------  ----------------",
        "zeros  0.600 ±0.100 (3)  0.633 ±0.153 (3)",
        "ones   0.667 ±0.208 (3)  -",
        "",
        "wall_s",
        "",
        "init   activation=relu   activation=tanh",
        "-----  ----------------  ----------------",
        "zeros  1.50 s ±33 % (3)  1.50 s ±33 % (3)",
        "ones   1.50 s ±33 % (3)  -",
    ]


def test_metrics_are_chosen_as_for_cases() -> None:
    assert [each for each in shown("init") if each.isidentifier()] == ["test_accuracy", "memory"]
    with pytest.raises(UnknownName, match=r"^unknown metric 'nonsense' "):
        shown("init", metrics=["nonsense"])


@pytest.mark.parametrize("factor", ["activation", "Model.Activation", "model.activation"])
def test_a_factor_is_found_by_address_or_short_name(factor: str) -> None:
    assert shown(factor) == shown("model.activation")


def test_an_unknown_factor_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        shown("activatoin")

    assert str(caught.value) == (
        "unknown factor 'activatoin': did you mean 'activation'? (known: activation, init)"
    )


def test_the_other_styles_have_the_same_columns() -> None:
    latex = shown("init", metrics=["test_accuracy"], style="latex")
    markdown = shown("init", metrics=["test_accuracy"], style="markdown")

    assert latex[0] == r"test\_accuracy"
    assert latex[4] == r"activation & init=zeros & init=ones \\"
    assert latex[7] == r"tanh & 0.633 \ensuremath{\pm}0.153 (3) & - \\"
    assert markdown[2] == "| activation   | init=zeros       | init=ones        |"


def test_csv_is_one_table_of_raw_means() -> None:
    rows = list(csv.reader(io.StringIO("\n".join(shown("init", style="csv")))))

    assert rows == [
        ["metric", "model.activation", "init=zeros", "init=ones"],
        ["test_accuracy", "relu", "0.6", str(2 / 3)],
        ["test_accuracy", "tanh", str(1.9 / 3), ""],
        ["memory", "relu", "", ""],
        ["memory", "tanh", "", ""],
    ]


def test_a_factor_that_does_not_apply_is_a_column_and_cases_of_equal_levels_share_a_cell() -> None:
    plan = made_plan(
        made_case({"model.hidden": None}), made_case({"model.hidden": 8}),
        made_case({"model.hidden": 8}, epochs=2),
    )  # fmt: skip
    found = [
        record
        for case in range(3)
        for record in made_records(plan, case, test_accuracy=[0.5 + case / 10] * 3)
    ]

    lines = shown("hidden", found, plan, metrics=["test_accuracy"])
    table = shown("hidden", found, plan, metrics=["test_accuracy"], style="csv")

    assert lines[2:] == [
        "hidden=-          hidden=8",
        "----------------  ----------------------------------",
        "0.500 ±0.000 (3)  0.600 ±0.000 (3), 0.700 ±0.000 (3)",
    ]
    assert table == ["metric,model.hidden=-,model.hidden=8", "test_accuracy,0.5,0.6; 0.7"]


def test_reasons_for_what_is_missing_stand_below() -> None:
    failed = made_record(PLAN, 2, 0, "timeout", reason="60 s have passed")
    quick = made_record(PLAN, 0, 0, missing={"wall_s": "no clock"})

    assert shown("init", [failed, quick], metrics=["wall_s"])[-3:] == [
        "",
        "timeout: 60 s have passed (1 trial)",
        "wall_s: no clock (1 trial)",
    ]


@pytest.mark.parametrize("width", [60, 80])
def test_a_terminal_is_kept_to(width: int) -> None:
    assert max(map(len, shown("activation", width=width))) <= width


def test_hostile_levels_are_escaped() -> None:
    plan = made_plan(made_case({"a\x1b": "\x1b[31m|\n" + "x" * 1000}))
    found = made_records(plan, 0, test_accuracy=[1, 1, 1])

    for style in ("table", "markdown", "latex"):
        lines = shown("a\x1b", found, plan, style=style)
        assert all(each.isprintable() for each in lines)
        assert max(map(len, lines)) < 200

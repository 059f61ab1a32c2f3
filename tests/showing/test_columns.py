"""The columns of a table: names of factors, levels, metrics."""

from __future__ import annotations

import msgspec
import pytest
from made import made_case, made_plan, made_records

from harness.errors import UnknownName
from harness.judging.tables import summaries
from harness.showing.columns import (
    factor_columns,
    figured,
    metrics_of,
    resolved,
    shown_metrics,
    status_text,
)

PLAN = made_plan(
    made_case({"init": "zeros", "model.hidden": [128, 64]}),
    made_case({"init": "ones", "model.hidden": None}),
)


def test_a_factor_is_a_column_of_its_levels() -> None:
    init, hidden = factor_columns(PLAN, PLAN.cases)

    assert (init.header, init.cells) == ("init", ["zeros", "ones"])
    assert (hidden.header, hidden.cells) == ("hidden", ["[128,64]", "-"])
    assert [each.header for each in factor_columns(PLAN, PLAN.cases, ["model.hidden"])] == [
        "hidden"
    ]


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

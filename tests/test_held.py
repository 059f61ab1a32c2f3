from __future__ import annotations

from typing import Any

import pytest
from held import Check, rows


def check(**more: Any) -> Check:
    usual = {"metric": "mse", "against": "by hand", "within": 0.05, "off": 0.01}
    return Check(**{**usual, "absolute": False, **more})


def test_checks_of_a_metric_against_one_thing_are_a_row_with_the_worst() -> None:
    checks = [check(), check(off=0.034), check(against="NumPy", within=0, off=0)]

    assert list(rows(checks)) == [
        "| `mse` | by hand | 2 | 5 % | 3.4 % |",
        "| `mse` | NumPy | 1 | 0 | 0 |",
    ]


def test_rows_stand_in_the_order_of_the_metrics() -> None:
    checks = [check(metric="wall_s"), check(metric="test_accuracy"), check()]

    assert [row.split("`")[1] for row in rows(checks)] == ["test_accuracy", "mse", "wall_s"]


def test_small_shares_and_units_are_written_as_they_are() -> None:
    checks = [check(within=1e-6, off=2.5e-8), check(within=0.02, off=0.013, absolute=True)]

    assert list(rows(checks)) == [
        "| `mse` | by hand | 1 | 1e-06 of it | 2.5e-08 of it |",
        "| `mse` | by hand | 1 | 0.02 | 0.013 |",
    ]


def test_a_metric_that_is_too_far_off_fails_and_says_how_far(holds: Any) -> None:
    with pytest.raises(AssertionError) as caught:
        holds("mse", "a figure by hand", 1.2, 1.0, within=0.1)

    assert str(caught.value).splitlines()[0] == "mse is 1.2, and a figure by hand 1.0: off by 0.2"


def test_a_metric_that_is_missing_fails(holds: Any) -> None:
    with pytest.raises(AssertionError) as caught:
        holds("mse", "a figure by hand", None, 1.0)

    assert str(caught.value).splitlines()[0] == "mse is missing"

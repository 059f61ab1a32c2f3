"""Figures that nobody can have measured are read as missing, with the reason."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_case, made_plan, made_record

from harness.numbers.metrics import MEANINGS, Meaning
from harness.records.impossible import sound, unlike, without_gaps, without_unlike
from harness.records.record import Record

PLAN = made_plan(made_case({"init": "zeros"}))
OWN = Meaning("length", "m", "higher", 0.1, "difference", "How long it is.")


def recorded(**metrics: Any) -> Record:
    return made_record(PLAN, 0, 0, metrics=metrics)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("host_peak_bytes", -5.0, "-5 bytes, and it is never below 0"),
        ("parameters", -1, "-1, and it is never below 0"),
        ("wall_s", 0.0, "0 s, and it is always above 0"),
        ("train_samples_per_s", 0.0, "0 1/s, and it is always above 0"),
        ("test_accuracy", 1.01, "1.01, and a share lies between 0 and 1"),
        ("data_wait_share", -0.1, "-0.1, and a share lies between 0 and 1"),
        ("test_loss", math.inf, "more than a number can be"),
        ("mse", math.nan, "more than a number can be"),
        ("parameters", 10**400, "more than a number can be"),
    ],
)
def test_a_figure_that_cannot_be_is_missing_and_told(name: str, value: float, told: str) -> None:
    record, notes = sound(recorded(**{name: value, "epochs_seen": 3.0}))

    assert record.metrics == {name: None, "epochs_seen": 3.0}
    assert record.missing == {name: f"it was recorded as {told}"}
    assert notes == [f"{name} is {told}; it counts as missing"]


def test_figures_that_can_be_stay() -> None:
    record = recorded(
        test_accuracy=1.0, test_loss=-3.5, wall_s=1e-9, host_peak_bytes=0, own=-1e300, gap=None
    )

    assert sound(record) == (record, [])


def test_the_curve_of_a_figure_that_cannot_be_goes_with_it() -> None:
    curves = {"test_accuracy": [0.5, 2.0], "test_loss": [1.0, 0.5]}
    record = msgspec.structs.replace(recorded(test_accuracy=2.0, test_loss=0.5), curves=curves)

    assert sound(record)[0].curves == {"test_loss": [1.0, 0.5]}


@given(st.sampled_from(sorted(MEANINGS)), st.floats())
def test_what_is_left_of_a_metric_is_finite_or_none(name: str, value: float) -> None:
    found = sound(recorded(**{name: value}))[0].metrics[name]

    assert found is None or math.isfinite(found)


def test_numbers_that_json_has_no_word_for_are_gaps() -> None:
    line = (
        b'{"metrics": {"test_loss": NaN, "wall_s": 2.0}, "missing": {"mse": "x"},'
        b' "curves": {"test_loss": [1.0, Infinity], "mse": [1.0]}}'
    )

    found, notes = without_gaps(line) or ({}, [])

    assert found == {
        "metrics": {"test_loss": None, "wall_s": 2.0},
        "missing": {"mse": "x", "test_loss": "it was recorded as nan"},
        "curves": {"test_loss": [1.0, None], "mse": [1.0]},
    }
    assert notes == [
        "test_loss is nan, no number; it counts as missing",
        "points of the curve of test_loss are no numbers; they count as missing",
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"[1]",
        b"NaN",
        b'{"metrics": 3}',
        b'{"metrics": {"a": 1}}',
        b"{",
        b"\xff",
        b"[" * 9999,
    ],
)
def test_a_line_without_such_numbers_is_none_of_its_business(line: bytes) -> None:
    assert without_gaps(line) is None


def test_metrics_that_mean_another_thing_in_two_runs_are_told_and_taken_out() -> None:
    other = replace(OWN, unit="km", scale="ratio")

    told = unlike({"length": OWN, "same": OWN}, {"length": other, "same": OWN, "more": OWN})
    record = without_unlike(recorded(**{"length/first": 2.0, "same": 1.0}), told)

    reason = (
        "its unit is km there and m elsewhere, its scale is ratio there and difference elsewhere"
    )
    assert told == {"length": reason}
    assert record.metrics == {"length/first": None, "same": 1.0}
    assert record.missing == {"length/first": reason}
    assert without_unlike(recorded(same=1.0), told) == recorded(same=1.0)

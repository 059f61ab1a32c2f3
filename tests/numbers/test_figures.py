"""Figures as they are printed: means, differences, intervals, margins."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.numbers.figures import (
    difference_text,
    difference_unit,
    margin_text,
    mean_text,
    size_text,
    sizes_text,
)
from harness.numbers.metrics import MEANINGS, Meaning
from harness.numbers.statistics import Interval

ACCURACY = MEANINGS["test_accuracy"]
SPEED = MEANINGS["train_samples_per_s"]
MEMORY = MEANINGS["host_peak_bytes"]
NORM = Meaning("norm", "1", "lower", 0.5, "difference", "A norm.")
POWER = Meaning("power", "W", "lower", 2.0, "difference", "Of the fan.")
HOSTILE = Meaning("odd", "\x1b[31m\n", "lower", 2.0, "difference", "Odd.")


@pytest.mark.parametrize(
    ("mean", "std", "meaning", "shown"),
    [
        (0.9532, 0.0042, ACCURACY, "0.953 ±0.004 (3)"),
        (0.9532, None, ACCURACY, "0.953 (3)"),
        (12_300.0, 123.0, SPEED, "12.3 k/s ±1.0 % (3)"),
        (2.5, 0.25, NORM, "2.50 ±0.25 (3)"),
        (None, None, ACCURACY, "-"),
    ],
)
def test_a_mean_has_its_spread_and_n(
    mean: float | None, std: float | None, meaning: Meaning, shown: str
) -> None:
    assert mean_text(mean, std, 3, meaning) == shown


@pytest.mark.parametrize(
    ("meaning", "unit"),
    [
        (ACCURACY, "points"),
        (MEANINGS["data_wait_share"], "points"),
        (MEANINGS["gpu_utilisation"], "points"),
        (Meaning("top5_accuracy/a", "1", "higher", 0.1, "difference", "Of a plugin."), "points"),
        (SPEED, "%"),
        (MEMORY, "%"),
        (NORM, ""),
        (POWER, ""),
        (MEANINGS["gpu_other_processes"], ""),
    ],
    ids=lambda each: each.name if isinstance(each, Meaning) else each,
)
def test_shares_differ_by_points_and_ratios_by_per_cent(meaning: Meaning, unit: str) -> None:
    assert difference_unit(meaning) == unit


@pytest.mark.parametrize(
    ("difference", "ci95", "meaning", "shown"),
    [
        (0.79, (0.72, 0.86), ACCURACY, "+79 [72, 86]"),
        (0.8747, (0.868, 0.8813), ACCURACY, "+87.5 [86.8, 88.1]"),
        (-0.0022, (-0.0041, -0.0003), ACCURACY, "-0.22 [-0.41, -0.03]"),
        (0.12, (0.03, 0.22), SPEED, "+12 [3, 22]"),
        (0.006, (-0.0118, 0.0246), SPEED, "+0.6 [-1.2, 2.5]"),
        (-0.0004, (-0.012, 0.012), SPEED, "-0.0 [-1.2, 1.2]"),
        (1.5e9, (1e9, 2e9), SPEED, "+1.5e+11 [1e+11, 2e+11]"),
        (12.5, (9.0, 16.0), SPEED, "+1,250 [900, 1,600]"),
        (0.0, (0.0, 0.0), ACCURACY, "0"),
        (0.25, (0.25, 0.25), ACCURACY, "+25"),
        (0.021, None, ACCURACY, "+2.1"),
        (1.25, (1.125, 1.375), NORM, "+1.25 [1.12, 1.38]"),
        (3.0, (-1.0, 7.0), POWER, "+3 W [-1 W, 7 W]"),
        (-3.0, None, POWER, "-3 W"),
        (1.0, (0.0, 2.0), HOSTILE, "+1 \\u001b[31m\\n [0 \\u001b[31m\\n, 2 \\u001b[31m\\n]"),
    ],
)
def test_a_difference_shows_as_many_decimals_as_its_interval_bears(
    difference: float, ci95: Interval | None, meaning: Meaning, shown: str
) -> None:
    assert difference_text(difference, ci95, meaning) == shown


@pytest.mark.parametrize(
    ("difference", "ci95", "meaning", "shown"),
    [
        (0.79, (0.72, 0.86), ACCURACY, "79 points [72, 86]"),
        (0.01, None, ACCURACY, "1.00 point"),
        (-0.35, (-0.4, -0.3), MEMORY, "35 % [30, 40]"),
        (-3.0, (-7.0, 1.0), POWER, "3 W [-1 W, 7 W]"),
        (1.25, (1.125, 1.375), NORM, "1.25 [1.12, 1.38]"),
    ],
)
def test_a_size_has_no_sign_and_its_interval_is_turned_with_it(
    difference: float, ci95: Interval | None, meaning: Meaning, shown: str
) -> None:
    assert size_text(difference, ci95, meaning) == shown


@pytest.mark.parametrize(
    ("differences", "meaning", "shown"),
    [
        ([0.36, 0.88], ACCURACY, "36 to 88 points"),
        ([-0.36, -0.12], MEMORY, "12 to 36 %"),
        ([0.36], ACCURACY, "36 points"),
        ([1.0, 2.5], NORM, "1.0 to 2.5"),
    ],
)
def test_sizes_are_told_from_the_smallest_to_the_largest(
    differences: list[float], meaning: Meaning, shown: str
) -> None:
    assert sizes_text(differences, meaning) == shown


@pytest.mark.parametrize(
    ("margin", "meaning", "shown"),
    [
        (0.01, ACCURACY, "1 point"),
        (0.005, ACCURACY, "0.5 points"),
        (0.03, SPEED, "3 %"),
        (0.5, NORM, "0.5"),
        (2.0, POWER, "2 W"),
    ],
)
def test_a_margin_has_the_unit_of_differences(margin: float, meaning: Meaning, shown: str) -> None:
    assert margin_text(margin, meaning) == shown


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(
    FINITE, st.none() | st.tuples(FINITE, FINITE), st.sampled_from([ACCURACY, SPEED, NORM, POWER])
)
def test_any_finite_difference_is_printed(
    difference: float, ci95: Interval | None, meaning: Meaning
) -> None:
    shown = difference_text(difference, ci95, meaning)

    sign = "" if difference == 0 and meaning is not POWER else "-" if difference < 0 else "+"
    assert re.match(re.escape(sign) + r"(\d|inf)", shown)

"""Means, spreads and intervals: against scipy and numpy, and where there is no figure."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics import (
    NOTHING,
    Summary,
    difference,
    mean_of,
    median_of,
    paired_differences,
    summary,
    t_quantile,
)

FLOATS = st.floats(-1e6, 1e6)
POSITIVE = st.floats(1e-6, 1e6)
MODERATE = st.floats(1e-3, 1e3)
"""Their ratios lie so far from 0 that 1 + (ratio - 1) keeps nine digits."""

LARGEST = sys.float_info.max


@given(st.lists(FLOATS, min_size=2, max_size=30))
def test_a_summary_agrees_with_numpy_and_scipy(values: list[float]) -> None:
    found = summary(values)

    assert found.n == len(values)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-6)
    assert found.std == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    assert found.ci95 == pytest.approx((np.mean(values) - half, np.mean(values) + half), abs=1e-5)


def test_no_values_have_no_figure() -> None:
    assert summary([]) == NOTHING == Summary(0, None, None, None)


def test_one_value_has_no_spread() -> None:
    assert summary([0.5]) == Summary(1, 0.5, None, None)


def test_equal_values_have_exactly_their_value_and_no_spread() -> None:
    assert summary([0.1, 0.1, 0.1]) == Summary(3, 0.1, 0.0, (0.1, 0.1))


def test_values_whose_sum_or_squares_overflow_have_a_mean() -> None:
    found = summary([LARGEST, LARGEST / 2])

    assert found.mean == pytest.approx(0.75 * LARGEST)
    assert found.std == pytest.approx(LARGEST / 2 / math.sqrt(2))
    assert found.ci95 is None


def test_a_spread_past_the_largest_float_is_none() -> None:
    assert summary([LARGEST, -LARGEST]) == Summary(2, 0.0, None, None)


def test_small_values_keep_their_spread() -> None:
    assert summary([1e-200, 3e-200]).std == pytest.approx(math.sqrt(2) * 1e-200)


@given(st.dictionaries(st.integers(0, 20), FLOATS, min_size=1))
def test_a_case_does_not_differ_from_itself(values: dict[int, float]) -> None:
    found = difference(values, values, "difference")

    assert found is not None
    assert (found.n, found.mean) == (len(values), 0.0)
    assert found.ci95 == (None if len(values) == 1 else (0.0, 0.0))


@given(st.dictionaries(st.integers(0, 20), POSITIVE, min_size=1))
def test_the_ratio_of_a_case_to_itself_is_one(values: dict[int, float]) -> None:
    found = difference(values, values, "ratio")

    assert found is not None
    assert found.mean == 0.0


@given(MODERATE, MODERATE, MODERATE, MODERATE)
def test_swapping_case_and_baseline_turns_a_ratio_over(
    a: float, b: float, c: float, d: float
) -> None:
    there = difference({0: a, 1: b}, {0: c, 1: d}, "ratio")
    back = difference({0: c, 1: d}, {0: a, 1: b}, "ratio")

    assert there is not None
    assert back is not None
    assert (1 + there.mean) * (1 + back.mean) == pytest.approx(1)


def test_a_difference_is_case_minus_baseline_over_common_seeds() -> None:
    found = difference({0: 0.5, 1: 0.75, 7: 9.0}, {1: 0.25, 0: 0.25, 8: 1.0}, "difference")

    assert found is not None
    assert (found.n, found.mean) == (2, 0.375)
    half = stats.t.ppf(0.975, 1) * 0.125
    assert found.ci95 == pytest.approx((0.375 - half, 0.375 + half))


def test_a_ratio_is_case_by_baseline_less_one_with_its_interval_likewise() -> None:
    case, base = {0: 110.0, 1: 130.0, 2: 100.0}, {0: 100.0, 1: 100.0, 2: 100.0}
    found = difference(case, base, "ratio")

    logs = np.log([1.1, 1.3, 1.0])
    half = stats.t.ppf(0.975, 2) * logs.std(ddof=1) / math.sqrt(3)
    assert found is not None
    assert found.mean == pytest.approx(np.exp(logs.mean()) - 1)
    ends = (np.exp(logs.mean() - half) - 1, np.exp(logs.mean() + half) - 1)
    assert found.ci95 == pytest.approx(ends)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_ratio_of_what_is_not_positive_is_none(value: float) -> None:
    assert difference({0: value}, {0: 1.0}, "ratio") is None
    assert difference({0: 1.0}, {0: value}, "ratio") is None


def test_without_a_common_seed_there_is_no_difference() -> None:
    assert difference({0: 1.0}, {1: 1.0}, "difference") is None
    assert paired_differences({0: 1.0}, {1: 1.0}, "ratio") == ()


def test_a_difference_past_the_largest_float_is_none() -> None:
    assert difference({0: LARGEST}, {0: -LARGEST}, "difference") is None
    assert difference({0: LARGEST}, {0: 5e-324}, "ratio") is None


def test_an_interval_past_the_largest_float_is_none() -> None:
    found = difference({0: 1e150, 1: 1e-150}, {0: 1e-100, 1: 1e100}, "ratio")

    assert found is not None
    assert found.mean == pytest.approx(0.0, abs=1e-9)
    assert found.ci95 is None


@given(st.lists(FLOATS, min_size=1))
def test_the_median_is_numpys(values: list[float]) -> None:
    assert median_of(values) == pytest.approx(float(np.median(values)))


def test_the_mean_of_the_largest_floats_is_there() -> None:
    assert mean_of([LARGEST, LARGEST]) == LARGEST


@given(st.sampled_from([0.95, 0.975, 0.995]), st.integers(1, 200))
def test_quantiles_are_those_of_scipy(probability: float, freedom: int) -> None:
    assert t_quantile(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom))


def test_scipy_is_imported_where_an_interval_is_asked_for_only() -> None:
    code = (
        "import sys; from harness.statistics import summary; summary([1.0]);"
        " assert 'scipy' not in sys.modules; summary([1.0, 2.0]);"
        " assert 'scipy.special' in sys.modules; assert 'scipy.stats' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

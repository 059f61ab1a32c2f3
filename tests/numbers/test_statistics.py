"""Means, spreads and intervals: against scipy and numpy, and where there is no figure."""

from __future__ import annotations

import math
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from harness.numbers.statistics import (
    NOTHING,
    Scale,
    Spread,
    Summary,
    holm,
    mean_of,
    median_of,
    paired_differences,
    ratio_of,
    spread_of,
    summary,
    t_quantile,
    t_tail,
)

FLOATS = st.floats(-1e6, 1e6)
MODERATE = st.floats(1e-3, 1e3)
SCALES: tuple[Scale, ...] = ("difference", "ratio")

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


@given(st.dictionaries(st.integers(0, 20), FLOATS, min_size=1), st.sampled_from(SCALES))
def test_a_case_does_not_differ_from_itself(values: dict[int, float], scale: Scale) -> None:
    assert paired_differences(values, values, scale) == (0.0,) * len(values)


@given(MODERATE, MODERATE)
def test_swapping_case_and_baseline_turns_a_difference_over(a: float, b: float) -> None:
    for scale in SCALES:
        there = paired_differences({0: a}, {0: b}, scale)
        back = paired_differences({0: b}, {0: a}, scale)

        assert there is not None
        assert back == (-there[0],)


def test_differences_are_case_minus_baseline_over_common_seeds() -> None:
    case, base = {0: 0.5, 1: 0.75, 7: 9.0}, {1: 0.25, 0: 0.25, 8: 1.0}

    assert paired_differences(case, base, "difference") == (0.25, 0.5)


def test_on_scale_ratio_logarithms_are_subtracted() -> None:
    found = paired_differences({0: 110.0, 1: 50.0}, {0: 100.0, 1: 100.0}, "ratio")

    assert found == pytest.approx((math.log(1.1), math.log(0.5)))


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_what_is_not_positive_has_no_ratio(value: float) -> None:
    assert paired_differences({0: value, 1: 2.0}, {0: 1.0, 1: 1.0}, "ratio") is None
    assert paired_differences({0: 1.0, 1: 2.0}, {0: value, 1: 1.0}, "ratio") is None


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_what_is_equal_has_the_ratio_1_though_it_is_not_positive(value: float) -> None:
    assert paired_differences({0: value, 1: 2.0}, {0: value, 1: 2.0}, "ratio") == (0.0, 0.0)


def test_without_a_common_seed_there_is_no_difference() -> None:
    assert paired_differences({0: 1.0}, {1: 1.0}, "difference") == ()
    assert paired_differences({0: 1.0}, {1: 1.0}, "ratio") == ()
    assert paired_differences({0: 0.0}, {1: 1.0}, "ratio") == ()


@given(st.lists(FLOATS, min_size=2, max_size=20))
def test_the_t_test_of_a_spread_is_scipys(paired: list[float]) -> None:
    found = spread_of(paired)

    assume(found.std > max(1e-6, 1e-3 * max(map(abs, paired))))  # else scipy's loses digits
    expected = stats.ttest_1samp(paired, 0)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-300)
    for confidence in (0.9, 0.95):
        low, high = expected.confidence_interval(confidence)
        assert found.half_width(confidence) == pytest.approx((high - low) / 2, rel=1e-6)


@pytest.mark.parametrize("step", [1 / 450, 0.5])
def test_a_step_bounds_the_spread_from_below(step: float) -> None:
    tied, varied = spread_of([step] * 4, step), spread_of([0.0, 10.0], step)

    assert tied.std == pytest.approx(step / math.sqrt(6))
    assert varied.std == np.std([0.0, 10.0], ddof=1)
    assert tied.half_width(0.95) == pytest.approx(stats.t.ppf(0.975, 3) * tied.std / 2)
    assert tied.p == pytest.approx(2 * stats.t.sf(math.sqrt(6) * 2, 3))


def test_differences_below_rounding_are_none() -> None:
    noise = [1e-16, -3e-17, 2e-16]

    assert spread_of(noise, rounding=1e-9) == Spread(3, 0.0, 0.0, equal=True)
    assert spread_of([2e-16, 1.0], rounding=1e-9) == spread_of([0.0, 1.0])
    assert spread_of(noise, rounding=1e-9).p is None
    assert spread_of(noise, rounding=1e-9).half_width(0.95) == 0.0


def test_a_spread_that_is_rounding_is_none() -> None:
    found = spread_of([math.log(2) - math.log(1), math.log(6) - math.log(3)], rounding=1e-9)

    assert (found.std, found.p, found.equal, found.identical) == (0.0, None, True, False)
    assert found.mean == pytest.approx(math.log(2))


def test_one_difference_has_no_spread_but_that_of_its_step() -> None:
    assert spread_of([0.5]) == Spread(1, 0.5, 0.0, equal=True)
    assert spread_of([0.5], 1.0).std == pytest.approx(1 / math.sqrt(6))


def test_differences_that_cancel_are_not_identical() -> None:
    assert spread_of([0.0, 0.0]).identical
    assert not spread_of([1.0, -1.0]).identical
    assert not spread_of([1.0, 1.0]).identical


def holm_as_its_paper_says(ps: list[float]) -> list[float]:
    """Adjust the naive way: p_(i) becomes the largest of (m - j) p_(j) for j up to i."""
    ordered = sorted(ps)
    steps = [min(1.0, (len(ps) - place) * each) for place, each in enumerate(ordered)]
    return [max(steps[: ordered.index(each) + ps.count(each)]) for each in ps]


@given(st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.05, 1.0]), max_size=12))
def test_holm_agrees_with_the_naive_way(ps: list[float]) -> None:
    assert list(holm(ps)) == pytest.approx(holm_as_its_paper_says(ps))


def test_holm_adjusts_step_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([0.04]) == (0.04,)
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_bare_p_and_bonferronis(ps: list[float]) -> None:
    for bare, adjusted in zip(ps, holm(ps), strict=True):
        assert bare <= adjusted <= min(1.0, len(ps) * bare)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.randoms())
def test_holm_does_not_care_for_the_order(ps: list[float], shuffler: random.Random) -> None:
    order = list(range(len(ps)))
    shuffler.shuffle(order)

    assert holm([ps[each] for each in order]) == tuple(holm(ps)[each] for each in order)


@pytest.mark.parametrize("logarithm", [0.0, 0.1, -0.5, -1000.0])
def test_a_ratio_of_a_logarithm_is_the_ratio_less_1(logarithm: float) -> None:
    assert ratio_of(logarithm) == pytest.approx(math.exp(logarithm) - 1)


def test_a_ratio_past_the_largest_float_is_none() -> None:
    assert ratio_of(710.0) is None


@given(st.lists(FLOATS, min_size=1))
def test_the_median_is_numpys(values: list[float]) -> None:
    assert median_of(values) == pytest.approx(float(np.median(values)))


def test_the_mean_of_the_largest_floats_is_there() -> None:
    assert mean_of([LARGEST, LARGEST]) == LARGEST


@given(st.sampled_from([0.95, 0.975, 0.995]), st.integers(1, 200))
def test_quantiles_are_those_of_scipy(probability: float, freedom: int) -> None:
    assert t_quantile(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom))


@given(st.floats(0, 1e6), st.integers(1, 200))
def test_tails_are_those_of_scipy(t: float, freedom: int) -> None:
    assert t_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-9, abs=1e-300)


def test_scipy_is_imported_where_an_interval_is_asked_for_only() -> None:
    code = (
        "import sys; from harness.numbers.statistics import summary; summary([1.0]);"
        " assert 'scipy' not in sys.modules; summary([1.0, 2.0]);"
        " assert 'scipy.special' in sys.modules; assert 'scipy.stats' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""Verdicts: every step of the procedure (docs/verdicts.md), against scipy and by hand."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy import stats

from harness.numbers.statistics import Spread
from harness.numbers.verdicts import (
    ALPHA,
    LOOKS,
    Pair,
    Scope,
    Side,
    Verdict,
    collapses,
    judge,
    seeds_needed,
)

ACCURACY = Scope(scale="difference", direction="higher", margin=0.01)
SPEED = Scope(scale="ratio", direction="higher", margin=0.03)
LOSS = Scope(scale="ratio", direction="lower", margin=0.05)
MEMORY = Scope(scale="ratio", direction="lower", margin=0.01)
NO_MARGIN = replace(ACCURACY, margin=0.0)

LARGEST = sys.float_info.max
DOCUMENT = Path(__file__).parents[2] / "docs" / "verdicts.md"
ACCURACIES = st.floats(0.01, 1)
SERIES = st.integers(3, 12).flatmap(
    lambda n: st.tuples(*[st.lists(ACCURACIES, min_size=n, max_size=n)] * 2)
)


@pytest.fixture(autouse=True)
def _numpy_is_silent() -> Iterator[None]:
    """Let a division by zero, an overflow or an invalid number inside of numpy be an error."""
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def side(values: Sequence[float | None], **more: int) -> Side:
    known = {str(seed): each for seed, each in enumerate(values) if each is not None}
    return Side(**{"values": known, "planned": len(values), **more})  # type: ignore[arg-type]


def pair(case: Sequence[float | None], baseline: Sequence[float | None], step: float = 0.0) -> Pair:
    return Pair(side(case), side(baseline), step)


def judged(
    case: Sequence[float | None],
    baseline: Sequence[float | None],
    scope: Scope = ACCURACY,
    step: float = 0.0,
) -> Verdict:
    [found] = judge([pair(case, baseline, step)], scope)
    return found


def shifted(differences: Sequence[float], scope: Scope = ACCURACY, step: float = 0.0) -> Verdict:
    """Judge a case that lies by these differences above its baseline."""
    return judged([0.5 + each for each in differences], [0.5] * len(differences), scope, step)


# Step 1: seeds are paired, and fewer than 3 pairs get no word.


def test_seeds_are_paired_by_name_whatever_their_order() -> None:
    case = Side(values={"0": 0.9, "2": 0.7, "9": 0.1, "1": 0.8}, planned=4)
    base = Side(values={"1": 0.7, "5": 0.0, "0": 0.7, "2": 0.7}, planned=4)

    [found] = judge([Pair(case, base)], ACCURACY)

    assert found.n == 3
    assert found.difference == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("case", "base", "n", "difference", "note"),
    [
        ([0.9], [0.5], 1, 0.4, "1 pair: a word needs 3"),
        ([0.9, 0.9], [0.5, 0.7], 2, 0.3, "2 pairs: a word needs 3"),
        ([0.9, 0.9], [0.5, 0.5], 2, 0.4, "2 pairs: a word needs 3"),
        ([0.5, 0.5], [0.5, 0.5], 2, 0.0, "2 pairs: a word needs 3"),
        ([0.9, 0.9, None, 0.9], [0.5, None, 0.7, 0.7], 2, 0.3, "2 pairs: a word needs 3"),
    ],
)
def test_one_or_two_pairs_have_a_difference_and_no_word(
    case: list[float | None], base: list[float | None], n: int, difference: float, note: str
) -> None:
    found = judged(case, base, step=1 / 450)

    assert (found.n, found.word, found.note) == (n, None, note)
    assert found.difference == pytest.approx(difference)
    assert found.p is found.p_adjusted is found.seeds_needed is None
    assert (found.ci95 is None) == (n == 1)


def test_the_interval_of_two_pairs_is_students() -> None:
    low, high = stats.ttest_rel([0.9, 0.9], [0.5, 0.7]).confidence_interval()

    assert judged([0.9, 0.9], [0.5, 0.7]).ci95 == pytest.approx((low, high))


def test_without_a_common_seed_there_is_nothing() -> None:
    assert judged([0.9, None], [None, 0.5]) == Verdict(n=0, note="no seed that both have")


def test_without_a_figure_on_one_side_there_is_no_result() -> None:
    assert judged([0.9] * 3, [None] * 3) == Verdict(n=0, note="no result")
    assert judged([None] * 3, [None] * 3) == Verdict(n=0, note="no result")


# Steps 2 and 3: scales and signs, the spread and its floor.


@given(SERIES)
def test_p_and_interval_are_those_of_a_paired_t_test(series: tuple[list[float], ...]) -> None:
    case, base = series
    assume(np.std(np.subtract(case, base)) > 1e-3)

    found = judged(case, base)
    expected = stats.ttest_rel(case, base)

    assert found.p == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.p_adjusted == found.p
    assert found.difference == pytest.approx(np.mean(case) - np.mean(base))
    assert found.ci95 == pytest.approx(expected.confidence_interval(), abs=1e-9)


@given(SERIES)
def test_on_scale_ratio_they_are_those_of_the_logarithms(series: tuple[list[float], ...]) -> None:
    case, base = series
    assume(np.std(np.log(case) - np.log(base)) > 1e-3)

    found = judged(case, base, SPEED)
    expected = stats.ttest_rel(np.log(case), np.log(base))

    assert found.p == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.difference == pytest.approx(
        stats.gmean(case) / stats.gmean(base) - 1, rel=1e-6, abs=1e-9
    )
    low, high = expected.confidence_interval()
    assert found.ci95 == pytest.approx((math.exp(low) - 1, math.exp(high) - 1), rel=1e-6)


@pytest.mark.parametrize(
    ("scope", "more"),
    [(ACCURACY, "better"), (SPEED, "better"), (LOSS, "worse"), (MEMORY, "worse")],
)
def test_more_is_better_or_worse_as_the_metric_has_it(scope: Scope, more: str) -> None:
    less = {"better": "worse", "worse": "better"}[more]

    assert judged([0.9, 0.8, 0.85], [0.3, 0.31, 0.32], scope).word == more
    assert judged([0.3, 0.31, 0.32], [0.9, 0.8, 0.85], scope).word == less


def test_the_difference_is_case_minus_baseline_or_their_ratio_less_1_never_flipped() -> None:
    assert judged([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], LOSS).difference == pytest.approx(-0.5)
    assert judged([2.0, 4.0, 6.0], [1.0, 2.0, 3.0], LOSS).difference == pytest.approx(1.0)
    lower = replace(ACCURACY, direction="lower")
    assert judged([0.5] * 3, [0.4] * 3, lower).difference == pytest.approx(0.1)


@given(SERIES, st.sampled_from([ACCURACY, SPEED, LOSS, NO_MARGIN]))
def test_swapping_the_sides_turns_better_into_worse(
    series: tuple[list[float], ...], scope: Scope
) -> None:
    case, base = series
    over = {"better": "worse", "worse": "better", "same": "same", "undecided": "undecided"}

    there, back = judged(case, base, scope), judged(base, case, scope)

    assert there.word is not None
    assert back.word == over[there.word]
    assert back.seeds_needed == there.seeds_needed
    assert back.p == there.p


@given(SERIES)
def test_turning_the_direction_turns_better_into_worse(series: tuple[list[float], ...]) -> None:
    case, base = series
    over = {"better": "worse", "worse": "better", "same": "same", "undecided": "undecided"}

    up = judged(case, base, ACCURACY)
    down = judged(case, base, replace(ACCURACY, direction="lower"))

    assert down == replace(up, word=over[up.word or ""])


@given(SERIES, st.sampled_from([0.125, 4.0, 1024.0]))
def test_a_ratio_does_not_care_for_the_unit(series: tuple[list[float], ...], factor: float) -> None:
    case, base = series
    before = judged(case, base, SPEED)

    after = judged([each * factor for each in case], [each * factor for each in base], SPEED)

    assert (after.word, after.note) == (before.word, before.note)
    assert after.difference == pytest.approx(before.difference, abs=1e-9)


@given(SERIES, st.sampled_from([2.0**-40, 0.125, 4.0, 1024.0]))
def test_a_difference_does_not_care_for_the_unit_if_its_margin_has_it_too(
    series: tuple[list[float], ...], factor: float
) -> None:
    case, base = (np.round(each, 6) for each in series)
    before = judged(case, base, ACCURACY, 1 / 1024)

    scope = replace(ACCURACY, margin=ACCURACY.margin * factor)
    after = judged(case * factor, base * factor, scope, factor / 1024)

    assert after.difference == pytest.approx((before.difference or 0.0) * factor)
    assert replace(after, difference=None, ci95=None) == replace(before, difference=None, ci95=None)


def test_the_order_of_the_seeds_does_not_matter() -> None:
    case, base = {"0": 0.5, "1": 0.75, "2": 0.625}, {"0": 0.25, "1": 0.25, "2": 0.5}
    other = dict(reversed(case.items()))

    [there] = judge([Pair(Side(values=case, planned=3), Side(values=base, planned=3))], ACCURACY)
    [back] = judge([Pair(Side(values=other, planned=3), Side(values=base, planned=3))], ACCURACY)

    assert there == back


def test_the_spread_of_an_accuracy_is_at_least_that_of_its_step() -> None:
    step = 1 / 450
    found = shifted([step] * 5, NO_MARGIN, step)

    error = step / math.sqrt(6) / math.sqrt(5)
    half = stats.t.ppf(0.975, 4) * error
    assert found.p == pytest.approx(2 * stats.t.sf(step / error, 4))
    assert found.ci95 == pytest.approx((step - half, step + half))
    assert found.note is None


def test_the_floor_keeps_tied_differences_of_three_seeds_from_being_found() -> None:
    """They were a false verdict of weight decay one time in nine (STATISTICS.md, section 2)."""
    tied = [1 / 450, 1 / 450, 1 / 450 + 1e-6]

    assert shifted(tied, NO_MARGIN).word == "better"
    assert shifted(tied, NO_MARGIN, 1 / 450).word == "undecided"


def test_a_larger_spread_than_the_floor_is_taken_as_it_is() -> None:
    differences = [0.02, 0.1, 0.06]

    assert shifted(differences, step=1 / 450) == shifted(differences)


# Step 4: Holm over all comparisons of a metric.


def test_the_comparisons_of_a_metric_are_adjusted_together() -> None:
    base = [0.5, 0.52, 0.54, 0.56, 0.5]
    cases = [
        [0.6, 0.63, 0.62, 0.69, 0.6],
        [0.54, 0.53, 0.56, 0.57, 0.53],
        [0.51, 0.5, 0.57, 0.55, 0.54],
    ]
    found = judge([pair(each, base) for each in cases], ACCURACY)

    bare = [stats.ttest_rel(each, base).pvalue for each in cases]
    assert bare[0] < bare[1] < 0.05 < bare[2]
    assert [each.p for each in found] == pytest.approx(bare)
    assert [each.p_adjusted for each in found] == pytest.approx(
        [3 * bare[0], 2 * bare[1], max(2 * bare[1], bare[2])]
    )


def test_what_is_found_alone_may_be_lost_in_a_family() -> None:
    base = [0.5, 0.52, 0.54, 0.56, 0.5]
    one, noise = [0.57, 0.53, 0.6, 0.58, 0.54], [0.51, 0.5, 0.57, 0.55, 0.54]

    alone = judge([pair(one, base)], ACCURACY)[0]
    among = judge([pair(one, base), *[pair(noise, base)] * 6], ACCURACY)[0]

    assert alone.word == "better"
    assert among.word == "undecided"
    assert among.p == alone.p
    assert among.ci95 == alone.ci95  # the printed interval is unadjusted


@pytest.mark.parametrize(
    "other",
    [
        pair([0.9, 0.8], [0.5, 0.7]),
        pair([None] * 3, [0.5] * 3),
        Pair(side([0.1, 0.2, 0.3]), side([0.3, 0.1, 0.2]), withheld="both below 16 MiB"),
    ],
    ids=["two pairs", "no result", "withheld"],
)
def test_what_gets_no_word_is_no_member_of_the_family(other: Pair) -> None:
    one = pair([0.57, 0.53, 0.6], [0.5, 0.52, 0.54])

    assert judge([one, other, other], ACCURACY)[0] == judge([one], ACCURACY)[0]


@given(st.lists(SERIES, min_size=1, max_size=6))
def test_a_family_never_gives_more_words_of_difference_than_its_members_alone(
    family: list[tuple[list[float], ...]],
) -> None:
    pairs = [pair(case, base) for case, base in family]

    for alone, among in zip(
        [judge([each], ACCURACY)[0] for each in pairs], judge(pairs, ACCURACY), strict=True
    ):
        assert among.word in {alone.word, "undecided"}
        assert (among.word == "same") == (alone.word == "same")


def test_no_pairs_have_no_verdicts() -> None:
    assert judge([], ACCURACY) == ()


# Step 5: the words and the margin.


def test_same_is_said_where_the_90_percent_interval_lies_within_the_margin() -> None:
    differences = np.array([0.001, -0.002, 0.003, 0.0, 0.001])
    half = stats.t.ppf(0.95, 4) * differences.std(ddof=1) / math.sqrt(5)
    reach = differences.mean() + half

    def word(margin: float) -> str | None:
        return shifted(differences, replace(ACCURACY, margin=margin)).word

    assert word(reach * 1.0001) == "same"
    assert word(reach * 0.9999) == "undecided"


def test_better_needs_a_mean_past_the_margin_and_a_small_p() -> None:
    differences = [0.020, 0.022, 0.018]

    assert shifted(differences, replace(ACCURACY, margin=0.0199)).word == "better"
    assert shifted(differences, replace(ACCURACY, margin=0.0201)).word == "undecided"
    assert shifted([0.06, 0.001, -0.001]).word == "undecided"


def test_the_margin_of_a_ratio_is_a_share_in_both_directions() -> None:
    base = [100.0, 100.0, 100.0]

    assert judged([103.1, 103.11, 103.12], base, SPEED).word == "better"
    assert judged([102.9, 102.91, 102.92], base, SPEED).word == "same"
    assert judged([100 / 1.031, 100 / 1.0311, 100 / 1.0312], base, SPEED).word == "worse"
    assert judged([100 / 1.029, 100 / 1.0291, 100 / 1.0292], base, SPEED).word == "same"


def test_a_verdict_that_has_a_word_has_no_seeds_needed() -> None:
    for word in ("better", "worse", "same"):
        found = shifted(
            {"better": [0.1, 0.11, 0.12], "worse": [-0.1, -0.11, -0.12]}.get(word, [0.0] * 3)
        )
        assert (found.word, found.seeds_needed) == (word, None)


# Step 6: about how many seeds.


def smallest(mean: float, std: float, n: int, family: int, margin: float) -> int | None:
    """Search the number of step 6 one by one, with scipy."""
    for number in range(n + 1, 200):
        root = math.sqrt(number)
        near = abs(mean) + stats.t.ppf(0.95, number - 1) * std / root < margin
        far = stats.t.ppf(1 - 0.05 / (2 * family), number - 1) * std / root <= abs(mean)
        if (abs(mean) < margin and near) or (abs(mean) >= margin and far):
            return next((each for each in (5, 7, 10, 15, 20, 30, 50) if each >= number), None)
    return None


@given(st.floats(-0.1, 0.1), st.floats(1e-4, 0.2), st.integers(3, 30), st.sampled_from([1, 6, 12]))
def test_the_seeds_needed_are_the_smallest_number_that_would_decide_rounded_up(
    mean: float, std: float, n: int, family: int
) -> None:
    found = seeds_needed(Spread(n, mean, std), ACCURACY, family)

    assert found == smallest(mean, std, n, family, 0.01)


def test_seeds_needed_stand_beside_undecided() -> None:
    found = shifted([0.06, 0.001, 0.03])

    assert (found.word, found.seeds_needed, found.note) == ("undecided", 7, None)


def test_above_50_seeds_there_is_a_note_in_place_of_a_number() -> None:
    found = shifted([0.2, -0.2, 0.01])

    assert (found.word, found.seeds_needed) == ("undecided", None)
    assert found.note == "more than 50 seeds would decide"


def test_no_fewer_seeds_are_named_than_did_not_do() -> None:
    spread = Spread(20, 0.0, 0.001)

    assert seeds_needed(spread, ACCURACY, 1) == 30
    assert seeds_needed(spread, ACCURACY, 1, fewest=3) == 5
    assert seeds_needed(Spread(50, 0.0, 0.001), ACCURACY, 1) is None


def test_a_larger_family_needs_more_seeds() -> None:
    spread = Spread(3, 0.05, 0.05)

    assert seeds_needed(spread, ACCURACY, 1) == 7
    assert seeds_needed(spread, ACCURACY, 12) == 15


def test_without_spread_any_further_seed_would_do() -> None:
    assert seeds_needed(Spread(3, 0.0, 0.0), ACCURACY, 1) == 5


# Step 7: what is degenerate, where scipy has traps.


@pytest.mark.parametrize("scope", [ACCURACY, SPEED, NO_MARGIN, replace(LOSS, margin=0.0)])
@pytest.mark.parametrize("step", [0.0, 1 / 450])
def test_identical_sides_are_the_same(scope: Scope, step: float) -> None:
    found = judged([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], scope, step)

    assert (found.word, found.note) == ("same", "identical on all 3 seeds")
    assert (found.difference, found.seeds_needed) == (0.0, None)
    assert found.p == (1.0 if step else None)


def test_identical_sides_have_no_p_where_ttest_rel_has_nan_and_dunnett_1() -> None:
    found = judged([0.5] * 3, [0.5] * 3)

    assert found.p is found.p_adjusted is None
    assert found.ci95 == (0.0, 0.0)  # where the BCa bootstrap has nan


def test_without_spread_there_is_no_p_where_ttest_rel_and_dunnett_have_0() -> None:
    found = judged([0.75] * 3, [0.5] * 3)

    assert found.p is found.p_adjusted is None
    assert (found.word, found.note, found.ci95) == ("better", "no spread", (0.25, 0.25))


@pytest.mark.parametrize(
    ("difference", "word"), [(0.0099, "same"), (0.011, "better"), (-0.011, "worse")]
)
def test_without_spread_the_mean_alone_decides(difference: float, word: str) -> None:
    found = shifted([difference] * 3)

    assert (found.word, found.note, found.p) == (word, "no spread", None)


def test_rounding_noise_is_no_difference_where_ttest_rel_finds_p_1e_63() -> None:
    base = [0.1, 0.2, 0.3, 0.7, 0.9]
    case = [each + 1e-15 for each in base]

    assert 0 < max(np.subtract(case, base)) < 1e-14
    assert judged(case, base).note == "identical on all 5 seeds"
    assert judged(case, base, SPEED).note == "identical on all 5 seeds"


def test_rounding_noise_is_no_spread() -> None:
    case, base = [1.3, 0.4, 0.8], [1.2, 0.3, 0.7]  # a tenth apart, give or take the rounding

    found = judged(case, base)

    assert 0 < np.std(np.subtract(case, base)) < 1e-15
    assert (found.word, found.p, found.note) == ("better", None, "no spread")


def test_small_figures_are_no_rounding_noise_where_the_margin_is_as_small() -> None:
    tiny = replace(ACCURACY, margin=1e-12)
    case, base = [5e-10, 6e-10, 7e-10], [1e-10, 1.1e-10, 1.2e-10]

    assert judged(case, base, tiny).word == "better"
    assert judged(case, base, ACCURACY).note == "identical on all 3 seeds"


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("scope", [ACCURACY, SPEED])
def test_what_is_no_number_gets_no_word_where_dunnett_gives_p_1(odd: float, scope: Scope) -> None:
    found = judged([0.5, odd, 0.7], [0.5, 0.6, 0.7], scope)

    assert (found.word, found.difference, found.ci95, found.p) == (None, None, None, None)
    assert found.note in {"the difference is no finite number", "no ratio: a value is not positive"}


def test_one_arm_without_variance_is_compared_by_the_spread_of_the_other() -> None:
    case, base = [0.9, 0.8, 0.85, 0.84], [0.5] * 4

    found = judged(case, base)

    assert found.word == "better"
    assert found.p == pytest.approx(stats.ttest_1samp(np.array(case) - 0.5, 0).pvalue)


def test_without_spread_a_comparison_is_the_surest_of_its_family() -> None:
    base = [0.5, 0.52, 0.54]
    constant, other = [0.75, 0.77, 0.79], [0.57, 0.53, 0.6]

    found = judge([pair(constant, base), pair(other, base)], ACCURACY)

    assert found[0].p_adjusted is None
    assert found[1].p_adjusted == found[1].p


def test_identical_sides_are_the_least_sure_of_their_family() -> None:
    base = [0.5, 0.52, 0.54]
    found = judge([pair(base, base), pair([0.57, 0.53, 0.6], base)], ACCURACY)

    assert found[0].word == "same"
    assert found[1].p_adjusted == pytest.approx(2 * (found[1].p or 0))


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_zero_time_and_negative_memory_have_no_ratio(value: float) -> None:
    for found in (
        judged([value, 1.0, 1.0, 1.0], [1.0, 1.1, 1.2, 1.3], MEMORY),
        judged([1.0, 1.1, 1.2, 1.3], [value, 1.0, 1.0, 1.0], MEMORY),
    ):
        assert found == Verdict(n=4, note="no ratio: a value is not positive")


def test_zeros_on_both_sides_are_identical() -> None:
    found = judged([0.0] * 3, [0.0] * 3, MEMORY)

    assert (found.word, found.note) == ("same", "identical on all 3 seeds")


def test_differences_past_the_largest_float_are_told() -> None:
    found = judged([LARGEST] * 3, [-LARGEST] * 3)

    assert found == Verdict(n=3, note="the difference is no finite number")


def test_an_interval_past_the_largest_float_is_none() -> None:
    found = judged([LARGEST, 0.0, LARGEST], [0.0, 0.0, 0.0])

    assert found.difference == pytest.approx(LARGEST / 3 * 2)
    assert (found.ci95, found.word) == (None, "undecided")


def test_a_ratio_past_the_largest_float_is_told() -> None:
    found = judged([1e300] * 3, [1e-300] * 3, SPEED)

    assert (found.difference, found.ci95, found.word) == (None, None, "better")
    assert found.note == "no spread; the ratio is past the largest number"


# Step 8: failed seeds.


def failing(case: Side, baseline: Side, step: float = 0.0) -> Verdict:
    [found] = judge([Pair(case, baseline, step)], ACCURACY)
    return found


HIGH = (0.9, 0.91, 0.93, 0.92)
LOW = (0.5, 0.51, 0.52, 0.53)


def test_a_case_that_failed_is_never_better() -> None:
    found = failing(side([*HIGH, None], failed=1), side([*LOW, 0.5]))

    assert (found.n, found.word, found.seeds_needed) == (4, "undecided", None)
    assert found.note == "failed 1 of 5"
    assert found.difference == pytest.approx(0.4)


def test_a_case_that_failed_is_never_the_same() -> None:
    found = failing(side([*LOW, None], failed=1), side([*LOW, 0.5]))

    assert (found.word, found.note) == ("undecided", "failed 1 of 5; identical on all 4 seeds")


def test_a_case_that_failed_may_be_worse_on_the_seeds_that_finished() -> None:
    found = failing(side([*LOW, None], failed=1), side([*HIGH, 0.9]))

    assert (found.word, found.note) == ("worse", "failed 1 of 5; worse on the seeds that finished")


def test_a_case_that_failed_and_is_undecided_gets_no_number_of_seeds() -> None:
    found = failing(side([0.5, 0.9, 0.4, 0.8, None], failed=1), side([*LOW, 0.5]))

    assert (found.word, found.seeds_needed, found.note) == ("undecided", None, "failed 1 of 5")


def test_a_case_that_failed_as_often_as_its_baseline_is_never_better() -> None:
    found = failing(side([None, *HIGH], failed=1), side([None, *LOW], failed=1))

    assert found.word == "undecided"
    assert found.note == "failed 1 of 5, the baseline failed 1 of 5"


def test_a_case_that_failed_less_often_than_its_baseline_may_be_better() -> None:
    found = failing(side([*HIGH, None], failed=1), side([*LOW[:3], None, None], failed=2))

    assert (found.n, found.word) == (3, "better")
    assert found.note == "failed 1 of 5, the baseline failed 2 of 5"


def test_a_case_that_did_not_fail_may_be_anything_beside_a_baseline_that_did() -> None:
    base = side([*LOW, None], failed=1)

    assert failing(side([*HIGH, 0.9]), base).word == "better"
    assert failing(side([*LOW, 0.9]), base).word == "same"
    assert failing(side([*HIGH, 0.9]), base).note == "the baseline failed 1 of 5"


@pytest.mark.parametrize(
    ("case", "base", "note"),
    [
        (side([None] * 3, failed=3), side(LOW[:3]), "failed 3 of 3; no result"),
        (side(LOW[:3]), side([None] * 3, failed=3), "the baseline failed 3 of 3; no result"),
        (
            side([None] * 3, failed=3),
            side([None] * 3, failed=3),
            "failed 3 of 3, the baseline failed 3 of 3; no result",
        ),
        (
            side([0.5, None], failed=1),
            side([None, 0.5], failed=1),
            "failed 1 of 2, the baseline failed 1 of 2; no seed that both have",
        ),
    ],
)
def test_where_all_failed_there_is_no_word(case: Side, base: Side, note: str) -> None:
    assert failing(case, base) == Verdict(n=0, note=note)


def test_failures_are_told_where_too_few_pairs_are_left() -> None:
    found = failing(side([*LOW[:2], None], failed=1), side(HIGH[:3]))

    assert (found.word, found.note) == (None, "failed 1 of 3; 2 pairs: a word needs 3")


def test_seeds_that_are_missing_without_a_failure_are_left_out() -> None:
    found = failing(side([*HIGH, None, None]), side([None, *LOW, 0.5]))

    assert (found.n, found.word, found.note) == (3, "better", None)


# Step 9: heavy tails.


def test_a_collapsed_seed_takes_the_word() -> None:
    usual = side(LOW)

    for pair, note in [
        (Pair(side(HIGH, collapsed=1), usual), "1 of 4 seeds collapsed"),
        (Pair(side(HIGH), side(LOW, collapsed=2)), "2 of 4 seeds of the baseline collapsed"),
        (
            Pair(side(HIGH, collapsed=1), side(LOW, collapsed=2)),
            "1 of 4 seeds collapsed, 2 of 4 seeds of the baseline collapsed",
        ),
        (Pair(usual, side(LOW, collapsed=1)), "1 of 4 seeds of the baseline collapsed"),
    ]:
        [found] = judge([pair], ACCURACY)
        assert (found.word, found.seeds_needed, found.note) == ("undecided", None, note)
        assert found.p == judge([Pair(side(HIGH), usual)], ACCURACY)[0].p or found.difference == 0


def test_a_case_that_failed_and_collapsed_is_not_even_worse() -> None:
    [found] = judge([Pair(side([*LOW, None], failed=1, collapsed=1), side([*HIGH, 0.9]))], ACCURACY)

    assert (found.word, found.note) == ("undecided", "failed 1 of 5; 1 of 4 seeds collapsed")


CALM = [0.90, 0.91, 0.92, 0.93, 0.94]
"""Its residuals have a median absolute value of 0.01: an outlier is more than 0.1186 below 0.92."""


def test_an_outlier_on_the_bad_side_collapsed() -> None:
    arms = [CALM, CALM, CALM, [0.70, 0.91, 0.92, 0.93, 0.94]]

    assert collapses(arms, [1 / 450] * 4, "higher") == (0, 0, 0, 1)
    assert collapses(arms, [1 / 450] * 4, "lower") == (0, 0, 0, 0)
    over = [[1.14, 0.91, 0.92, 0.93, 0.94], *arms[:3]]
    assert collapses(over, [1 / 450] * 4, "higher") == (0, 0, 0, 0)
    assert collapses(over, [1 / 450] * 4, "lower") == (1, 0, 0, 0)


@pytest.mark.parametrize(("lowest", "collapsed"), [(0.8015, 0), (0.8013, 1)])
def test_an_outlier_lies_more_than_8_robust_deviations_away(lowest: float, collapsed: int) -> None:
    arms = [CALM, CALM, CALM, [lowest, 0.91, 0.92, 0.93, 0.94]]

    assert collapses(arms, [0.0] * 4, "higher") == (0, 0, 0, collapsed)


def test_below_four_arms_that_vary_nothing_is_told_of_collapses() -> None:
    odd = [0.1, 0.91, 0.92, 0.93, 0.94]
    stuck = [0.1, 0.1, 0.1, 0.1, 0.1]

    assert collapses([CALM, CALM, odd], [1 / 450] * 3, "higher") == (0, 0, 0)
    assert collapses([CALM, CALM, odd, stuck], [1 / 450] * 4, "higher") == (0, 0, 0, 0)
    assert collapses([CALM, CALM, odd, CALM[:4]], [1 / 450] * 4, "higher") == (0, 0, 0, 0)
    assert collapses([], [], "higher") == ()


def test_arms_that_are_stuck_do_not_shrink_the_scale() -> None:
    stuck = [0.100, 0.101, 0.100, 0.099, 0.100]
    arms = [[0.82, 0.91, 0.92, 0.93, 0.94], *[CALM] * 4, *[stuck] * 10]

    assert collapses(arms, [1 / 450] * 15, "higher") == (0,) * 15


def test_a_stuck_arm_may_have_a_seed_that_collapsed() -> None:
    stuck = [0.9, 0.9, 0.9, 0.9, 0.1]

    assert collapses([*[CALM] * 4, stuck], [1 / 450] * 5, "higher") == (0, 0, 0, 0, 1)


def test_arms_with_fewer_than_five_seeds_have_no_collapses() -> None:
    short = [0.1, 0.91, 0.92, 0.93]

    assert collapses([*[CALM] * 4, short, []], [1 / 450] * 6, "higher") == (0,) * 6


# Step 10: looks.


def test_three_looks_share_the_error() -> None:
    looking = replace(ACCURACY, looks=len(LOOKS))

    assert (ALPHA, LOOKS) == (0.05, (5, 10, 20))
    assert looking.alpha == pytest.approx(0.05 / 3)


def test_a_look_finds_what_has_a_third_of_the_p() -> None:
    looking = replace(ACCURACY, looks=3)
    weak, strong = [0.02, 0.06, 0.05, 0.01, 0.03], [0.03, 0.05, 0.05, 0.02, 0.03]

    assert 0.05 / 3 < (shifted(weak).p or 0) < 0.05
    assert (shifted(weak).word, shifted(weak, looking).word) == ("better", "undecided")
    assert (shifted(strong).p or 1) < 0.05 / 3
    assert shifted(strong, looking).word == "better"
    assert shifted(weak, looking).p_adjusted == shifted(weak).p_adjusted


def test_a_look_says_same_by_the_interval_of_a_third_of_the_error() -> None:
    differences = np.array([0.001, -0.002, 0.003, 0.0, 0.001])
    half = stats.t.ppf(1 - 0.05 / 3, 4) * differences.std(ddof=1) / math.sqrt(5)
    reach = differences.mean() + half

    def word(margin: float) -> str | None:
        return shifted(differences, replace(ACCURACY, margin=margin, looks=3)).word

    assert word(reach * 1.0001) == "same"
    assert word(reach * 0.9999) == "undecided"


def test_the_printed_interval_is_of_95_percent_at_every_look() -> None:
    differences = [0.02, 0.06, 0.05, 0.01, 0.03]

    assert shifted(differences).ci95 == shifted(differences, replace(ACCURACY, looks=3)).ci95


# Withheld words.


def test_a_word_that_is_withheld_leaves_the_figures_and_says_why() -> None:
    [found] = judge([Pair(side(HIGH), side(LOW), withheld="both below 16 MiB")], MEMORY)

    assert (found.word, found.p, found.p_adjusted, found.seeds_needed) == (None,) * 4
    assert found.note == "both below 16 MiB"
    assert found.difference is not None
    assert found.ci95 is not None


def test_a_word_that_is_withheld_tells_of_failures_too() -> None:
    case = side([*HIGH, None], failed=1)
    [found] = judge([Pair(case, side([*LOW, 0.5]), withheld="both below 16 MiB")], MEMORY)
    [nothing] = judge([Pair(side([None], failed=1), side([0.5]), withheld="why")], MEMORY)

    assert found.note == "failed 1 of 5; both below 16 MiB"
    assert nothing == Verdict(n=0, note="failed 1 of 1; why")


@given(
    st.lists(
        st.tuples(
            st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=8),
            st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=8),
            st.integers(0, 2),
            st.integers(0, 2),
            st.integers(0, 1),
        ),
        max_size=4,
    ),
    st.sampled_from([ACCURACY, SPEED, LOSS, NO_MARGIN]),
    st.sampled_from([0.0, 1 / 450]),
)
def test_whatever_comes_in_a_verdict_keeps_its_promises(
    rows: list[tuple[list[float | None], list[float | None], int, int, int]],
    scope: Scope,
    step: float,
) -> None:
    pairs = [
        Pair(side(case, failed=bad, collapsed=fallen), side(base, failed=other), step)
        for case, base, bad, other, fallen in rows
    ]

    for each, found in zip(pairs, judge(pairs, scope), strict=True):
        figures = [found.difference, *(found.ci95 or ()), found.p, found.p_adjusted]
        assert all(math.isfinite(figure) for figure in figures if figure is not None)
        assert found.word is not None or found.note
        assert found.word is None or found.n >= 3
        assert (found.seeds_needed is None) or found.word == "undecided"
        if found.word in {"better", "same"}:
            assert not each.case.failed or each.case.failed < each.baseline.failed
        if each.case.collapsed or each.baseline.collapsed:
            assert found.word in {None, "undecided"}
        if found.ci95 is not None and found.difference is not None:
            assert found.ci95[0] <= found.difference <= found.ci95[1]


# What docs/verdicts.md tells.


def rows_below(heading: str) -> list[list[str]]:
    """Read the cells of the table of docs/verdicts.md that has these column heads."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    start = lines.index(heading) + 2
    end = next(place for place in range(start, len(lines)) if not lines[place].startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]


def test_the_example_of_the_document_is_judged_as_it_says() -> None:
    values = rows_below("| seed | relu | tanh | dropout 0.3 | weight decay |")
    base, *cases = (side([float(row[place]) for row in values]) for place in range(1, 5))

    found = judge([Pair(each, base, 1 / 450) for each in cases], ACCURACY)

    told = rows_below("| case | difference | 95 % interval | p | p adjusted | word |")
    assert [
        [
            f"{each.difference:.4f}",
            "{:.4f} to {:.4f}".format(*each.ci95 or ()),
            f"{each.p:.4f}",
            f"{each.p_adjusted:.4f}",
            f"*{each.word}*",
        ]
        for each in found
    ] == [row[1:] for row in told]

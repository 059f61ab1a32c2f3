"""Cases against their baselines: what is judged, what is withheld, and what bad input becomes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_case, made_plan, made_record, made_records
from msgspec.structs import replace
from scipy import stats

from harness.judging.compare import Comparison, comparisons
from harness.judging.compare import compared as judged
from harness.judging.tables import summaries
from harness.numbers.metrics import GPU, MEANINGS, MEMORY, SPEED, Meaning
from harness.records.planned import Plan
from harness.records.record import Record, Status

BASE = {"init": "normal[std=0.01]", "model.activation": "relu"}
XAVIER = {"init": "xavier_uniform", "model.activation": "relu"}
PLAN = made_plan(made_case(BASE, baseline=0), made_case(XAVIER, baseline=0), seeds=range(5))
MIB = float(1 << 20)

LOW = [0.50, 0.52, 0.51, 0.53, 0.55]
HIGH = [0.90, 0.93, 0.92, 0.91, 0.95]
NOISE = [0.55, 0.46, 0.57, 0.52, 0.51]


@pytest.fixture(autouse=True)
def _numpy_is_silent() -> Iterator[None]:
    with np.errstate(all="raise"):
        yield


def compared(
    found: Sequence[Record], plan: Plan = PLAN, meanings: Mapping[str, Meaning] | None = None
) -> dict[str, Comparison]:
    """Compare the one case that has a baseline, by metric."""
    return {each.metric: each for each in comparisons(plan, summaries(plan, found, meanings or {}))}


def both(
    base: Sequence[float | None],
    case: Sequence[float | None],
    metric: str = "test_accuracy",
    plan: Plan = PLAN,
) -> Comparison:
    """Compare two lists of values."""
    found = made_records(plan, 0, **{metric: base}) + made_records(plan, 1, **{metric: case})
    return compared(found, plan)[metric]


def ended(case: int, statuses: Sequence[Status], values: Sequence[float]) -> list[Record]:
    """Make records that ended so; only those that are ok have a value."""
    return [
        made_record(
            PLAN,
            case,
            seed,
            status,
            metrics={"test_accuracy": value} if status == "ok" else {},
        )
        for seed, (status, value) in enumerate(zip(statuses, values, strict=True))
    ]


def test_a_case_is_compared_with_its_baseline_as_the_contract_says() -> None:
    test = stats.ttest_rel(HIGH, LOW)

    assert both(LOW, HIGH) == Comparison(
        levels=XAVIER,
        baseline=BASE,
        metric="test_accuracy",
        difference=pytest.approx(0.4),
        ci95=pytest.approx(test.confidence_interval()),
        p_adjusted=pytest.approx(test.pvalue),
        verdict="better",
        seeds_needed=None,
        note=None,
        n=5,
        margin=0.01,
        case=1,
        against=0,
    )


def test_what_is_undecided_says_about_how_many_seeds_would_decide() -> None:
    found = both(LOW, NOISE)

    assert (found.verdict, found.seeds_needed) == ("undecided", None)
    assert found.note == "more than 50 seeds would decide"
    some = both(
        LOW, [each + gain for each, gain in zip(LOW, [0.06, 0, 0.01, 0.05, 0], strict=True)]
    )
    assert (some.verdict, some.seeds_needed, some.note) == ("undecided", 10, None)


@pytest.mark.parametrize("metric", ["test_loss", "wall_s", "host_peak_bytes", "parameters"])
def test_more_of_a_cost_is_worse_and_its_difference_is_a_ratio(metric: str) -> None:
    found = both(
        [2.0**30, 2.1**30, 2.2**30, 1e9, 1e9], [2.0**31, 2.1**30 * 2, 2.2**30 * 2, 2e9, 2e9], metric
    )

    assert (found.verdict, found.note) == ("worse", "no spread")
    assert found.difference == pytest.approx(1.0)


def test_the_comparisons_of_a_metric_are_one_family() -> None:
    plan = made_plan(
        made_case({"x": 0}, baseline=0), *[made_case({"x": n}, baseline=0) for n in (1, 2, 3)]
    )
    values = [[0.5, 0.52, 0.54], [0.6, 0.64, 0.62], [0.55, 0.5, 0.6], [0.54, 0.53, 0.5]]
    found = [
        record
        for case, each in enumerate(values)
        for record in made_records(plan, case, test_accuracy=each, wall_s=[1.0, 2.0, 3.0])
    ]

    shown = comparisons(plan, summaries(plan, found))
    accuracy = [each for each in shown if each.metric == "test_accuracy"]

    bare = [stats.ttest_rel(each, values[0]).pvalue for each in values[1:]]
    assert accuracy[0].p_adjusted == pytest.approx(min(1, 3 * bare[0]))
    assert [(each.case, each.against) for each in accuracy] == [(1, 0), (2, 0), (3, 0)]
    assert {each.verdict for each in shown if each.metric == "wall_s"} == {"same"}


def test_a_suite_may_set_another_margin() -> None:
    wide = replace(PLAN, margins={"test_accuracy": 0.5})

    assert both(LOW, HIGH).verdict == "better"
    assert both(LOW, HIGH, plan=wide).verdict == "same"
    assert both(LOW, HIGH, plan=wide).margin == 0.5


def test_a_plugins_metric_is_judged_as_it_says() -> None:
    told = {"depth": Meaning("depth", "m", "lower", 0.5, "difference", "", step=1.0)}
    found = made_records(PLAN, 0, depth=[3, 3, 3, 3, 3]) + made_records(PLAN, 1, depth=[2] * 5)

    shown = compared(found, meanings=told)["depth"]

    assert (shown.verdict, shown.margin, shown.difference) == ("better", 0.5, -1.0)
    assert shown.p_adjusted == pytest.approx(2 * stats.t.sf(math.sqrt(6 * 5), 4))


def test_looks_share_the_error() -> None:
    gains = [0.02, 0.06, 0.05, 0.01, 0.03]
    case = [each + gain for each, gain in zip(LOW, gains, strict=True)]

    assert 0.05 / 3 < (both(LOW, case).p_adjusted or 0) < 0.05
    assert both(LOW, case).verdict == "better"
    assert both(LOW, case, plan=replace(PLAN, looks=(5, 10, 20))).verdict == "undecided"


def test_the_step_of_an_accuracy_is_one_over_the_samples_of_its_split() -> None:
    gain = 1 / 450
    records = [
        made_record(
            PLAN,
            case,
            seed,
            metrics={"test_accuracy": 0.5 + case * gain, "train_accuracy": 0.5 + case * gain},
            sizes={"train": 1347, "test": 450 + seed},
        )
        for seed in range(5)
        for case in (0, 1)
    ]

    found = compared(records)

    for metric, size in [("test_accuracy", 450), ("train_accuracy", 1347)]:
        half = stats.t.ppf(0.975, 4) / size / math.sqrt(6) / math.sqrt(5)
        assert found[metric].ci95 == pytest.approx((gain - half, gain + half))


def test_losses_are_compared_between_cases_with_the_same_loss_only() -> None:
    plan = made_plan(made_case({"loss": "mse"}), made_case({"loss": "l1"}, baseline=0))
    found = [
        made_record(plan, case, seed, metrics={"test_loss": 1.0, "mse": 1.0})
        for case in (0, 1)
        for seed in range(3)
    ]

    shown = compared(found, plan)

    assert (shown["test_loss"].difference, shown["test_loss"].verdict) == (None, None)
    assert shown["test_loss"].note == "another loss: the two figures do not mean the same"
    assert (shown["mse"].difference, shown["mse"].verdict) == (0.0, "same")


def test_an_option_of_the_loss_makes_it_another() -> None:
    plan = made_plan(
        made_case({"x": 1}, loss__reduction="sum"),
        made_case({"x": 2}, baseline=0, loss__reduction="mean"),
    )
    found = [
        made_record(plan, case, seed, metrics={"train_loss": 1.0})
        for case in (0, 1)
        for seed in range(3)
    ]

    assert compared(found, plan)["train_loss"].verdict is None


@pytest.mark.parametrize("metric", sorted(MEANINGS))
def test_trials_that_ran_side_by_side_get_no_word_on_speed_and_memory(metric: str) -> None:
    records = [
        made_record(PLAN, case, seed, metrics={metric: 100.0 * MIB}, shared=case == 1)
        for seed in range(5)
        for case in (0, 1)
    ]

    found = compared(records)[metric]

    assert found.difference == 0.0
    if metric in SPEED | MEMORY | GPU:
        assert found.verdict is None
        assert found.note == "trials ran side by side: speed and memory were shared"
    else:
        assert found.verdict == "same"


@pytest.mark.parametrize("metric", ["host_peak_bytes", "test_accuracy", "wall_s"])
def test_memory_gets_no_word_between_devices(metric: str) -> None:
    plan = made_plan(
        made_case({"device": "cpu"}), made_case({"device": "cuda"}, baseline=0), seeds=range(5)
    )
    found = both([90 * MIB] * 5, [90 * MIB] * 5, metric, plan)

    if metric == "host_peak_bytes":
        assert found.verdict is None
        assert found.note == "another device: the two figures do not mean the same"
    else:
        assert found.verdict == "same"


def test_host_memory_gets_no_word_where_both_sides_are_below_16_mib() -> None:
    small, large = [15.9 * MIB] * 5, [16.1 * MIB] * 5

    assert both(small, small, "host_peak_bytes").verdict is None
    assert both(small, small, "host_peak_bytes").note == "both below 16 MiB"
    assert both(small, small, "load_peak_bytes").verdict == "same"
    assert both(small, large, "host_peak_bytes").verdict == "worse"
    assert both(large, small, "host_peak_bytes").verdict == "better"


def test_cases_without_a_baseline_and_baselines_are_not_compared() -> None:
    plan = made_plan(made_case(BASE, baseline=0), made_case(XAVIER), seeds=(0,))
    found = [made_record(plan, case, 0, metrics={"wall_s": 1.0}) for case in (0, 1)]

    assert compared(found, plan) == {}


def test_a_metric_that_neither_side_has_is_not_compared() -> None:
    found = made_records(PLAN, 0, wall_s=[1.0] * 5) + made_records(PLAN, 1, wall_s=[1.0] * 5)

    assert list(compared(found)) == ["wall_s"]
    assert compared([]) == {}


def test_a_metric_that_one_side_lacks_has_no_result() -> None:
    found = made_records(PLAN, 0, test_accuracy=LOW) + made_records(PLAN, 1, wall_s=[1.0] * 5)

    shown = compared(found)

    assert {each: (found.verdict, found.note) for each, found in shown.items()} == {
        "test_accuracy": (None, "no result"),
        "wall_s": (None, "no result"),
    }


def test_pairs_may_be_named() -> None:
    rows = summaries(PLAN, made_records(PLAN, 0, wall_s=[1.0] * 5))

    found = judged(PLAN, rows, [(0, 1), (1, 1)], {"wall_s", "test_loss"})

    assert {pair: [each.metric for each in made] for pair, made in found.items()} == {
        (0, 1): ["wall_s"],
        (1, 1): [],
    }


# Bad input.


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_seeds_have_a_difference_and_no_word(n: int) -> None:
    found = both([*LOW[:n], *[None] * (5 - n)], HIGH)

    assert found.difference == pytest.approx(np.mean(HIGH[:n]) - np.mean(LOW[:n]))
    assert (found.n, found.verdict, found.p_adjusted, found.seeds_needed) == (n, None, None, None)
    assert found.note == f"{n} pair{'s' if n > 1 else ''}: a word needs 3"
    assert (found.ci95 is None) == (n == 1)


def test_equal_values_are_the_same_and_identical() -> None:
    found = both(LOW, LOW)

    assert (found.difference, found.ci95) == (0.0, (0.0, 0.0))
    assert (found.verdict, found.note) == ("same", "identical on all 5 seeds")


def test_one_arm_without_variance_is_compared_by_the_spread_of_the_other() -> None:
    found = both([0.1] * 5, HIGH)

    assert found.p_adjusted == pytest.approx(stats.ttest_1samp(np.array(HIGH) - 0.1, 0).pvalue)
    assert found.verdict == "better"


def test_seeds_that_one_arm_lacks_are_left_out() -> None:
    found = both([0.5, 0.9, None, 0.4, 0.4], [0.6, None, 0.1, 0.6, 0.4])

    assert found.n == 3
    assert found.difference == pytest.approx((0.1 + 0.2 + 0.0) / 3)


def test_without_a_common_seed_there_is_no_difference() -> None:
    found = both([0.5, 0.5, None, None, None], [None, None, 0.5, 0.5, 0.5])

    assert (found.difference, found.ci95, found.n, found.verdict) == (None, None, 0, None)
    assert found.note == "no seed that both have"


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("metric", ["test_accuracy", "wall_s", "host_peak_bytes"])
def test_nan_and_infinity_in_a_record_are_missing_values(odd: float, metric: str) -> None:
    base, case = [2.0**30] * 5, [2.0**30 + each for each in range(5)]

    found = both(base, [odd, *case[1:]], metric)

    assert found == both(base, [None, *case[1:]], metric)
    assert found.n == 4


@pytest.mark.parametrize(
    ("metric", "odd"), [("wall_s", 0.0), ("host_peak_bytes", -5.0), ("train_samples_per_s", 0.0)]
)
def test_zero_time_and_negative_memory_have_no_ratio(metric: str, odd: float) -> None:
    for found in (
        both([1e9] * 5, [odd, 1e9, 1e9, 1e9, 1e9], metric),
        both([odd, 1e9, 1e9, 1e9, 1e9], [1e9] * 5, metric),
    ):
        assert (found.difference, found.ci95, found.verdict) == (None, None, None)
        assert (found.n, found.note) == (5, "no ratio: a value is not positive")


def test_a_baseline_that_failed_is_told() -> None:
    found = compared(ended(0, ["timeout"] * 5, LOW) + ended(1, ["ok"] * 5, HIGH))["test_accuracy"]

    assert (found.difference, found.verdict, found.n) == (None, None, 0)
    assert found.note == "the baseline failed 5 of 5; no result"


def test_a_case_that_failed_once_is_never_better() -> None:
    statuses: list[Status] = ["ok", "ok", "diverged", "ok", "ok"]
    found = compared(ended(0, ["ok"] * 5, LOW) + ended(1, statuses, HIGH))["test_accuracy"]

    assert (found.verdict, found.note, found.n) == ("undecided", "failed 1 of 5", 4)
    assert found.difference == pytest.approx(0.4, abs=0.01)


def test_a_case_that_failed_once_may_be_worse_on_the_seeds_that_finished() -> None:
    statuses: list[Status] = ["ok", "oom-host", "ok", "ok", "ok"]
    found = compared(ended(0, ["ok"] * 5, HIGH) + ended(1, statuses, LOW))["test_accuracy"]

    assert found.verdict == "worse"
    assert found.note == "failed 1 of 5; worse on the seeds that finished"


@pytest.mark.parametrize("status", ["skipped", "unsupported"])
def test_what_was_not_tried_did_not_fail(status: Status) -> None:
    statuses: list[Status] = ["ok", "ok", "ok", "ok", status]
    found = compared(ended(0, ["ok"] * 5, LOW) + ended(1, statuses, HIGH))["test_accuracy"]

    assert (found.verdict, found.note, found.n) == ("better", None, 4)


def swept(collapsed: Mapping[int, int], arms: int = 5, n: int = 5) -> tuple[Plan, list[Record]]:
    """Make a sweep in which some arms (by index) have seeds (so many) that collapsed."""
    plan = made_plan(*[made_case({"x": each}, baseline=0) for each in range(arms)], seeds=range(n))
    found = [
        made_record(
            plan,
            case,
            seed,
            metrics={
                "test_accuracy": 0.1 if seed < collapsed.get(case, 0) else 0.9 + (case + seed) / 99,
                "train_accuracy": 0.1
                if seed < collapsed.get(case, 0)
                else 0.9 + (case + seed) / 99,
            },
            sizes={"test": 450},
        )
        for case in range(arms)
        for seed in range(n)
    ]
    return plan, found


def notes(plan: Plan, found: Sequence[Record], metric: str = "test_accuracy") -> list[Any]:
    shown = comparisons(plan, summaries(plan, found))
    return [(each.case, each.verdict, each.note) for each in shown if each.metric == metric]


def test_a_comparison_in_which_seeds_collapsed_loses_its_word_and_no_other_does() -> None:
    plan, found = swept({2: 1})

    assert notes(plan, found) == [
        (1, "better", None),
        (2, "undecided", "1 of 5 seeds collapsed"),
        (3, "better", None),
        (4, "better", None),
    ]


def test_a_baseline_in_which_seeds_collapsed_takes_every_word() -> None:
    plan, found = swept({0: 2})

    assert notes(plan, found) == [
        (case, "undecided", "2 of 5 seeds of the baseline collapsed") for case in (1, 2, 3, 4)
    ]


def test_collapses_are_looked_for_in_test_accuracy_of_at_least_5_seeds_and_4_arms() -> None:
    told = [
        any("collapsed" in (note or "") for _, _, note in notes(*sweep, metric))
        for sweep, metric in [
            (swept({2: 1}), "test_accuracy"),
            (swept({2: 1}), "train_accuracy"),
            (swept({2: 1}, n=4), "test_accuracy"),
            (swept({2: 1}, arms=3), "test_accuracy"),
        ]
    ]

    assert told == [True, False, False, False]


def test_all_arms_of_the_run_tell_what_is_usual_also_those_that_are_not_compared() -> None:
    plan, found = swept({2: 1})
    rows = summaries(plan, found)

    [alone] = judged(plan, rows, [(2, 1)], {"test_accuracy"})[2, 1]

    assert alone.note == "1 of 5 seeds collapsed"


@given(
    st.lists(
        st.tuples(*[st.none() | st.floats() | st.sampled_from([0.0, -1.0, 1e9])] * 2),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["test_accuracy", "wall_s", "host_peak_bytes", "test_loss"]),
)
def test_whatever_a_record_holds_no_comparison_makes_a_number_up(
    values: list[tuple[float | None, float | None]], metric: str
) -> None:
    plan = made_plan(
        made_case(BASE, baseline=0), made_case(XAVIER, baseline=0), seeds=range(len(values))
    )
    base, case = ([each[side] for each in values] for side in (0, 1))
    records = made_records(plan, 0, **{metric: base}) + made_records(plan, 1, **{metric: case})

    for found in compared(records, plan).values():
        numbers = [found.difference, *(found.ci95 or ()), found.p_adjusted]
        assert all(math.isfinite(each) for each in numbers if each is not None)
        assert found.verdict is not None or found.note

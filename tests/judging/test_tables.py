"""Summaries of cases over their seeds, those without a figure too."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_case, made_plan, made_record

from harness.judging.tables import finite, meaning_of, metric_names, summaries, trials_by_case
from harness.numbers.metrics import MEANINGS, Meaning
from harness.records.planned import Plan
from harness.records.record import Record

CASES = (made_case({"init": "normal"}), made_case({"init": "zeros"}, baseline=0))
PLAN = made_plan(*CASES, seeds=(0, 1, 2))


def accuracies(case: int, *values: Any, plan: Plan = PLAN, **more: Any) -> list[Record]:
    """Make a record for each seed that has a value."""
    return [
        made_record(plan, case, seed, metrics={"test_accuracy": value}, **more)
        for seed, value in zip(plan.seeds, values, strict=False)
        if value is not None
    ]


def test_a_case_is_summarised_over_its_seeds() -> None:
    first, _ = summaries(PLAN, accuracies(0, 0.5, 0.75, 1.0))

    found = first.metrics["test_accuracy"]
    assert (found.n, found.mean, found.std) == (3, 0.75, 0.25)
    assert found.values == {"0": 0.5, "1": 0.75, "2": 1.0}
    assert found.meaning == MEANINGS["test_accuracy"]
    assert (first.planned, first.statuses, first.reasons) == (3, {"ok": 3}, {})


def test_every_planned_case_has_a_row_in_the_order_of_the_plan() -> None:
    rows = summaries(PLAN, [])

    assert [row.case for row in rows] == list(CASES)
    assert [(row.planned, row.statuses) for row in rows] == [(3, {}), (3, {})]


def test_every_metric_is_there_with_every_planned_seed() -> None:
    rows = summaries(PLAN, accuracies(0, 0.5))

    assert all(list(row.metrics) == list(MEANINGS) for row in rows)
    assert rows[0].metrics["test_accuracy"].values == {"0": 0.5, "1": None, "2": None}
    missing = rows[1].metrics["wall_s"]
    assert (missing.n, missing.mean, missing.std, missing.ci95) == (0, None, None, None)
    assert missing.values == {"0": None, "1": None, "2": None}


def test_only_trials_that_ended_ok_have_figures() -> None:
    records = [
        *accuracies(0, 0.5),
        made_record(PLAN, 0, 1, "diverged", reason="nan in epoch 2", metrics={"test_accuracy": 1}),
        made_record(PLAN, 0, 2, "timeout", reason="60 s have passed"),
    ]
    first, _ = summaries(PLAN, records)

    assert first.metrics["test_accuracy"].values == {"0": 0.5, "1": None, "2": None}
    assert first.statuses == {"ok": 1, "diverged": 1, "timeout": 1}
    assert first.reasons == {"diverged: nan in epoch 2": 1, "timeout: 60 s have passed": 1}


def test_the_last_attempt_counts() -> None:
    failed = made_record(PLAN, 0, 0, "error", attempt=1)
    [again] = accuracies(0, 0.5, attempt=2)
    first, _ = summaries(PLAN, [again, failed])

    assert first.statuses == {"ok": 1}
    assert first.metrics["test_accuracy"].mean == 0.5


def test_with_folds_a_seeds_value_is_the_mean_of_its_folds_if_all_are_there() -> None:
    plan = made_plan(CASES[0], seeds=(0, 1), folds=(0, 1))
    records = [
        made_record(plan, 0, seed, fold=fold, metrics={"test_accuracy": value})
        for seed, fold, value in [(0, 0, 0.5), (0, 1, 1.0), (1, 0, 0.25)]
    ]
    [row] = summaries(plan, records)

    found = row.metrics["test_accuracy"]
    assert found.values == {"0": 0.75, "1": None}
    assert (found.n, row.planned, row.statuses) == (1, 4, {"ok": 3})


def test_records_of_no_planned_trial_are_left_out() -> None:
    other = made_plan(CASES[0], seeds=(9,))
    record = made_record(other, 0, 9, metrics={"test_accuracy": 1.0, "odd": 1.0})
    first, _ = summaries(PLAN, [record])

    assert first.statuses == {}
    assert "odd" not in first.metrics


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, 10**400])
def test_what_is_no_figure_is_missing(value: Any) -> None:
    odd = made_record(PLAN, 0, 2, metrics={"test_accuracy": value})
    first, _ = summaries(PLAN, [*accuracies(0, 0.5, 0.7), odd])

    assert first.metrics["test_accuracy"].values == {"0": 0.5, "1": 0.7, "2": None}
    assert finite(value) is None


def test_a_case_that_is_expected_to_be_refused_says_why() -> None:
    case = msgspec.structs.replace(CASES[0], expected="skipped", reason="there is no GPU")
    [row] = summaries(made_plan(case), [])

    assert row.reasons == {"skipped: there is no GPU": 0}


def test_a_case_without_trials_has_the_seeds_of_the_plan() -> None:
    plan = msgspec.structs.replace(PLAN, trials=())
    first, _ = summaries(plan, [])

    assert first.planned == 0
    assert first.metrics["test_accuracy"].values == {"0": None, "1": None, "2": None}


def test_metrics_of_plugins_stand_behind_those_always_taken() -> None:
    metrics = {"norm/1.weight": 1.0, "norm/0.weight": 2.0}
    record = made_record(PLAN, 0, 0, metrics=metrics, missing={"angle": "one layer"})

    assert metric_names(PLAN, {record.key: record}) == (
        *MEANINGS,
        "angle",
        "norm/0.weight",
        "norm/1.weight",
    )


def test_a_metric_by_layer_means_what_its_plugin_says() -> None:
    told = Meaning("norm", "m", "lower", 0.1, "ratio", "Of the weights.")
    record = made_record(PLAN, 0, 0, metrics={"norm/0.weight": 2})
    first, second = summaries(PLAN, [record], {"norm": told})

    assert first.metrics["norm/0.weight"].meaning == Meaning(
        "norm/0.weight", "m", "lower", 0.1, "ratio", "Of the weights."
    )
    assert first.metrics["norm/0.weight"].mean == 2.0
    assert second.metrics["norm/0.weight"].n == 0


def test_a_metric_that_nobody_tells_of_has_a_unit() -> None:
    assert meaning_of("odd").unit == "1"
    assert meaning_of("odd").name == "odd"


@given(st.permutations(range(12)))
def test_trials_are_sorted_by_case_seed_and_fold(order: list[int]) -> None:
    plan = made_plan(*CASES, seeds=(5, 1, 3), folds=(0, 1))
    shuffled = msgspec.structs.replace(plan, trials=tuple(plan.trials[each] for each in order))

    found = trials_by_case(shuffled)

    assert list(found) == [0, 1]
    for trials in found.values():
        expected = [(5, 0), (5, 1), (1, 0), (1, 1), (3, 0), (3, 1)]
        assert [(each.seed, each.fold) for each in trials] == expected


def test_an_empty_plan_has_no_rows() -> None:
    assert summaries(made_plan(), []) == ()

"""Cases of two runs, matched by their settings; trials paired by seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from made import made_case, made_plan
from msgspec.structs import replace
from pairs import made_stored, no_default, records_of

from harness.comparing.matching import Half, halves, matches, name_of, part_of
from harness.errors import StoreError
from harness.records.planned import Plan

NAMES = ("A", "B")


def plan_of(*levels: Mapping[str, Any], seeds: tuple[int, ...] = (0, 1), **settings: Any) -> Plan:
    return made_plan(*(made_case(each, **settings) for each in levels), seeds=seeds)


def matched(base: Plan, head: Plan, default: Any = no_default) -> list[tuple[int, int]]:
    return matches(base, head, default, NAMES)


def both(base: Plan, head: Plan) -> tuple[Half, Half]:
    return halves(made_stored(base, ()), made_stored(head, ()), no_default)


def test_cases_are_matched_by_their_settings_in_whatever_order() -> None:
    base = plan_of({"model": "mlp"}, {"model": "linear"}, {"model": "lenet"})
    head = plan_of({"model": "lenet"}, {"model": "mlp"})

    assert matched(base, head) == [(0, 1), (2, 0)]


def test_what_varies_in_one_run_may_be_fixed_in_the_other() -> None:
    base = plan_of({"epochs": 5}, {"epochs": 10}, model="mlp")
    head = plan_of({"model": "mlp"}, epochs=10)

    assert matched(base, head) == [(1, 0)]


def test_an_address_that_one_run_lacks_must_be_at_its_default() -> None:
    base = plan_of({"model": "mlp"})
    head = plan_of({"model.dropout": 0.0}, {"model.dropout": 0.5}, model="mlp")

    def default(settings: Mapping[str, Any], address: str) -> float:
        assert (settings["model"], address) == ("mlp", "model.dropout")
        return 0.0

    assert matched(base, head, default) == [(0, 0)]
    assert matched(head, base, default) == [(0, 0)]


def test_an_address_without_a_known_default_matches_nothing() -> None:
    base = plan_of({"model": "mlp"})
    head = plan_of({"model": "mlp"}, model__width=3)

    with pytest.raises(StoreError) as caught:
        matched(base, head)

    assert str(caught.value) == (
        "A and B have no case in common: model.width is not known in A and 3 in B;"
        " model.width has no default (mlp)"
    )


def test_no_default_is_asked_for_where_both_runs_know_every_address() -> None:
    plan = plan_of({"model": "mlp"}, {"model": "linear"})

    assert matched(plan, plan) == [(0, 0), (1, 1)]


def test_an_option_of_another_definition_is_no_option_of_this_one() -> None:
    base = made_plan(made_case({"model": "mlp"}, model__width=3), made_case({"model": "linear"}))
    head = made_plan(made_case({"model": "linear"}))

    assert matched(base, head) == [(1, 0)]


def test_deadlines_and_limits_tell_no_cases_apart() -> None:
    base = plan_of({"model": "mlp"}, timeout_s=600.0, memory_limit=None)
    head = plan_of({"model": "mlp"}, timeout_s=5.0, memory_limit=1 << 30)

    assert matched(base, head) == [(0, 0)]


def test_lists_and_tuples_are_the_same_level() -> None:
    base = plan_of({"model": "mlp"}, model__hidden=[64, 32])
    head = plan_of({"model": "mlp"}, model__hidden=(64, 32))

    assert matched(base, head) == [(0, 0)]


def test_runs_without_a_common_case_are_told_what_differs_in_the_nearest_two() -> None:
    base = plan_of({"epochs": 5}, {"epochs": 10}, dataset="digits", model__hidden=[64])
    head = plan_of({"epochs": 10}, dataset="wine", model__hidden=[64], timed_s=2.0)

    with pytest.raises(StoreError) as caught:
        matched(base, head)

    assert str(caught.value) == (
        "A and B have no case in common: dataset is digits in A and wine in B,"
        " timed_s is not known in A and 2.0 in B; timed_s has no default (mlp)"
    )


def test_of_another_definition_the_options_are_not_told() -> None:
    base = plan_of({"model": "mlp"}, model__hidden=[64])
    head = plan_of({"model": "lenet"}, model__width=3)

    with pytest.raises(StoreError) as caught:
        matched(base, head)

    assert str(caught.value) == ("A and B have no case in common: model is mlp in A and lenet in B")


def test_of_very_unlike_cases_the_first_differences_are_told() -> None:
    names = [f"option{place}" for place in range(6)]
    base = plan_of({"model": "mlp"}, **{f"model__{name}": 1 for name in names})
    head = plan_of({"model": "mlp"}, **{f"model__{name}": None for name in names})

    with pytest.raises(StoreError) as caught:
        matched(base, head)

    assert str(caught.value).endswith("model.option3 is 1 in A and none in B, and 2 more differ")


def test_a_half_has_what_both_runs_have_and_says_what_it_has_alone() -> None:
    base = plan_of({"model": "mlp"}, {"model": "linear"}, seeds=(0, 1, 2))
    head = plan_of({"model": "lenet"}, {"model": "mlp"}, seeds=(1, 2, 3, 4))

    ours, theirs = both(base, head)

    for half in (ours, theirs):
        assert [case.settings["model"] for case in half.plan.cases] == ["mlp"]
        assert half.plan.seeds == (1, 2)
        assert {each.case for each in half.plan.trials} == {0}
        assert len(half.plan.trials) == 2
    assert [case.settings["model"] for case in ours.only] == ["linear"]
    assert [case.settings["model"] for case in theirs.only] == ["lenet"]
    assert (ours.seeds, theirs.seeds) == ((0,), (3, 4))


def test_runs_without_a_common_seed_have_cases_without_trials() -> None:
    ours, theirs = both(plan_of({"model": "mlp"}), plan_of({"model": "mlp"}, seeds=(5, 6)))

    assert (ours.plan.seeds, ours.plan.trials, len(ours.rows)) == ((), (), 1)
    assert theirs.seeds == (5, 6)


def test_only_the_seeds_of_both_are_summed_up() -> None:
    plan = plan_of({"model": "mlp"}, seeds=(0, 1, 2))
    other = plan_of({"model": "mlp"}, seeds=(1, 2))
    found = records_of(plan, test_accuracy=[0.1, 0.8, "crashed"])

    half, _ = halves(made_stored(plan, found), made_stored(other, ()), no_default)

    [row] = half.rows
    assert dict(row.metrics["test_accuracy"].values) == {"1": 0.8, "2": None}
    assert (row.failed, row.statuses) == (1, {"ok": 1, "crashed": 1})
    assert list(half.records) == [(0, 1, None), (0, 2, None)]


def test_folds_are_paired_too() -> None:
    base = made_plan(made_case({"model": "mlp"}), seeds=(0,), folds=(0, 1))
    head = made_plan(made_case({"model": "mlp"}), seeds=(0,), folds=(1, 2))

    ours, _ = both(base, head)

    assert [(each.seed, each.fold) for each in ours.plan.trials] == [(0, 1)]


def test_of_a_part_the_baselines_move_and_expectations_go() -> None:
    cases = [made_case({"epochs": each}, baseline=1) for each in (1, 2, 3)]
    plan = made_plan(*cases, seeds=(0, 1))
    keys = [each.key for each in plan.trials if each.seed == 1]

    part = part_of(replace(plan, looks=(5, 10)), [2, 1], keys)

    assert [case.levels["epochs"] for case in part.cases] == [3, 2]
    assert [case.baseline for case in part.cases] == [1, 1]
    assert [(each.case, each.seed) for each in part.trials] == [(1, 1), (0, 1)]
    assert (part.seeds, part.looks, part.expectations) == ((1,), (), ())
    assert part_of(plan, [0], keys).cases[0].baseline is None


def test_a_run_is_named_by_suite_and_id_or_folder() -> None:
    plan = plan_of({"model": "mlp"})

    assert name_of(made_stored(plan, (), "r1")) == "init/r1"
    assert name_of(made_stored(replace(plan, suite="a\x1b"), (), "")) == "a\\u001b/a\\u001b"

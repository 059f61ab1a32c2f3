"""A plan has every case with its levels and baseline, its trials in order, and its expectations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bench_builtin
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import BenchError
from harness.planning.overrides import overridden, parse_override
from harness.planning.plan import make_plan
from harness.plugin.registry import registry_of
from harness.records.planned import Plan
from harness.records.record import trial_key
from harness.suites.draft import draft
from harness.suites.suite import Suite

REGISTRY = registry_of(builtin=bench_builtin)
BASE = {"model": "mlp", "optimizer": "sgd"}


def planned(
    *overrides: str,
    seed: int = 0,
    absent: Callable[[str], str | None] = lambda _: None,
    **fields: Any,
) -> Plan:
    suite = Suite("s", **{"base": BASE, "seeds": 3, **fields})
    changed = overridden(draft(suite), [parse_override(each) for each in overrides], REGISTRY)
    return make_plan(changed, REGISTRY, overridden=bool(overrides), seed=seed, absent=absent)


def refused(*overrides: str, **fields: Any) -> str:
    with pytest.raises(BenchError) as caught:
        planned(*overrides, **fields)
    return str(caught.value)


def levels(plan: Plan) -> list[dict[str, Any]]:
    return [each.levels for each in plan.cases]


def baselines(plan: Plan) -> list[int | None]:
    return [each.baseline for each in plan.cases]


INIT: dict[str, Any] = {
    "base": {"model": "mlp[hidden=[8]]", "dataset": "digits", "optimizer": "sgd[lr=0.1]"},
    "baseline": {"init": "normal[std=0.01]"},
    "factors": {
        "init": ["normal[std=0.01]", "xavier_uniform"],
        "model.activation": ["sigmoid", "relu"],
    },
}


def test_a_plan_keeps_what_a_suite_says_of_itself() -> None:
    plan = planned(summary="Does it?", seeds="5:7", margins={"wall_s": 0.5})

    assert (plan.suite, plan.summary, plan.seeds) == ("s", "Does it?", (5, 6))
    assert plan.margins == {"wall_s": 0.5}
    assert plan.notes == ()


def test_a_case_with_folds_has_a_trial_for_each_fold_of_each_seed() -> None:
    plan = planned("folds=3", "model=linear", seeds=2)

    assert [(each.seed, each.fold) for each in plan.trials] == [
        (seed, fold) for seed in range(2) for fold in range(3)
    ]
    assert len({each.key for each in plan.trials}) == 6
    assert plan.trials[1].key == trial_key(plan.cases[0].settings, 0, 1)


def test_folds_may_be_a_factor_beside_none() -> None:
    plan = planned("folds=none,2", "model=linear", seeds=1)

    assert sorted((each.case, each.fold) for each in plan.trials if each.case == 1) == [
        (1, 0),
        (1, 1),
    ]
    assert [each.fold for each in plan.trials if each.case == 0] == [None]


def test_folds_and_a_validation_share_exclude_each_other() -> None:
    assert refused("folds=3", "validation=0.25") == (
        "validation=0.25 and folds=3 exclude each other: each fold is validated on once"
    )


def test_the_columns_of_a_suite_are_kept_and_must_be_metrics() -> None:
    columns = ["parameters", "memory", "gradient_norm"]

    assert planned(columns=columns).columns == tuple(columns)
    assert refused(columns=["parametres"]).startswith(
        "suite 's': columns: unknown metric 'parametres': did you mean 'parameters'? (known: "
    )
    assert refused(columns=[""]) == (
        "suite 's': columns: '' names no metric: give a list of their names"
    )
    assert refused(columns="parameters") == "suite 's': columns must be a list, not 'parameters'"


def test_levels_have_every_factor_as_it_was_given() -> None:
    plan = planned(**INIT)

    assert plan.factors == ("init", "model.activation")
    assert levels(plan) == [
        {"init": "normal[std=0.01]", "model.activation": "sigmoid"},
        {"init": "normal[std=0.01]", "model.activation": "relu"},
        {"init": "xavier_uniform", "model.activation": "sigmoid"},
        {"init": "xavier_uniform", "model.activation": "relu"},
    ]


def test_a_level_is_null_where_the_option_does_not_apply() -> None:
    plan = planned(factors={"model": ["lenet", "mlp"], "model.dropout": [0, 0.5]})

    assert levels(plan) == [
        {"model": "lenet", "model.dropout": None},
        {"model": "mlp", "model.dropout": 0},
        {"model": "mlp", "model.dropout": 0.5},
    ]


def test_none_is_a_level_and_not_null() -> None:
    plan = planned(
        base={"model": "mlp", "procedure": "infer"},
        factors={"optimizer": ["none", "sgd"], "memory_limit": [None, 10**9]},
        exclude=[
            {"optimizer": "none", "memory_limit": 10**9},
            {"optimizer": "sgd", "memory_limit": "none"},
        ],
    )

    assert levels(plan) == [
        {"optimizer": "none", "memory_limit": "none"},
        {"optimizer": "sgd", "memory_limit": 10**9},
    ]


def test_the_base_of_an_ablation_has_the_levels_of_the_base_or_the_defaults() -> None:
    plan = planned(
        base={**BASE, "epochs": 4, "model.hidden": [64], "optimizer": "none", "procedure": "infer"},
        design="ablate",
        factors={
            "epochs": [5],
            "init": ["zeros"],
            "model": ["mlp[hidden=[8]]"],
            "model.hidden": [[16]],
            "optimizer": ["sgd"],
        },
    )

    usual = {
        "epochs": 4,
        "init": "as_built",
        "model": "mlp",
        "model.hidden": (64,),
        "optimizer": "none",
    }
    assert levels(plan) == [
        usual,
        {**usual, "epochs": 5},
        {**usual, "init": "zeros"},
        {**usual, "model": "mlp[hidden=[8]]", "model.hidden": (8,)},
        {**usual, "model.hidden": (16,)},
        {**usual, "optimizer": "sgd"},
    ]
    assert baselines(plan) == [0] * 6


def test_a_default_of_none_shows_as_none() -> None:
    plan = planned(design="ablate", together=[{"epochs": 2, "memory_limit": 10**9}])

    assert [each["memory_limit"] for each in levels(plan)] == ["none", 10**9]


def test_a_baseline_is_the_case_with_its_levels_in_place_of_the_cases_own() -> None:
    assert baselines(planned(**INIT)) == [0, 1, 0, 1]


def test_without_a_baseline_all_cases_are_compared_with_the_first_of_every_factor() -> None:
    assert baselines(planned(**{**INIT, "baseline": None})) == [0, 0, 0, 0]
    assert baselines(planned(design="zip", factors={"epochs": [2, 1], "threads": [1, 2]})) == [0, 0]


def test_where_the_first_levels_are_excluded_no_case_is_compared() -> None:
    plan = planned(factors={"epochs": [1, 2, 3]}, exclude=[{"epochs": 1}])

    assert baselines(plan) == [None, None]
    assert plan.notes == ("the first level of every factor is excluded: no case is compared",)
    assert planned(factors={"epochs": [1, 2]}, exclude=[{"epochs": 1}]).notes == ()


@pytest.mark.parametrize(
    ("baseline", "told"),
    [
        ({"init": "zeros"}, "baseline init=zeros is in no case"),
        ({"model.nonsense": 3}, "baseline model.nonsense=3 is in no case"),
        ({"init": "normal[std=0.1]"}, "baseline init=normal[std=0.1] is in no case"),
    ],
)
def test_a_baseline_that_no_case_has_is_an_error(baseline: dict[str, Any], told: str) -> None:
    assert refused(**{**INIT, "baseline": baseline}) == f"suite 's': {told}"


def test_a_baseline_that_names_nothing_known_is_an_error() -> None:
    assert refused(**{**INIT, "baseline": {"init": "nrmal"}}).startswith(
        "unknown initializer 'nrmal': did you mean 'normal'?"
    )


def test_what_an_override_leaves_without_meaning_is_dropped_with_a_note() -> None:
    expect = [
        {"where": {"init": "normal[std=0.01]"}, "metric": "test_accuracy", "max": 0.3},
        {"where": {"model.activation": "relu"}, "metric": "test_accuracy", "min": 0.9},
        {"metric": "mse", "better_than": {"init": "normal"}},
    ]
    exclude = [{"init": "normal", "model.activation": "sigmoid"}]

    plan = planned("init=zeros", **INIT, expect=expect, exclude=exclude)

    assert levels(plan) == [{"model.activation": "sigmoid"}, {"model.activation": "relu"}]
    assert baselines(plan) == [0, 0]
    assert [each.text for each in plan.expectations] == [
        "test_accuracy of model.activation=relu is at least 0.9"
    ]
    assert plan.notes == (
        "dropped, 4 parts of the suite that match nothing now:"
        " exclude init=normal model.activation=sigmoid matches no case;"
        " baseline init=normal[std=0.01] is in no case;"
        " expect: test_accuracy of init=normal[std=0.01] is at most 0.3 matches no case;"
        " expect: mse of every case is better than init=normal matches no case",
    )


def test_one_or_two_parts_that_are_dropped_are_a_note_each() -> None:
    expect = [{"where": {"init": "normal[std=0.01]"}, "metric": "test_accuracy", "max": 0.3}]

    assert planned("init=zeros", **INIT, expect=expect).notes == (
        "baseline init=normal[std=0.01] is in no case: dropped",
        "expect: test_accuracy of init=normal[std=0.01] is at most 0.3 matches no case: dropped",
    )


def test_a_plan_keeps_what_the_suite_sets_in_all_cases() -> None:
    assert planned(**INIT).base == {
        "model": "mlp[hidden=[8]]",
        "dataset": "digits",
        "optimizer": "sgd[lr=0.1]",
    }
    assert planned("epochs=2", "model=linear,mlp", **INIT).base == {
        "dataset": "digits",
        "optimizer": "sgd[lr=0.1]",
        "epochs": "2",
    }
    assert planned("memory_limit=none", base=BASE).base == {**BASE, "memory_limit": "none"}
    assert planned("model=linear", base={**BASE, "model.hidden": [8]}).base == {
        "optimizer": "sgd",
        "model": "linear",
    }


def test_a_factor_over_an_option_of_the_old_model_goes_with_it() -> None:
    plan = planned("model=linear", **INIT)

    assert plan.factors == ("init",)
    assert levels(plan) == [{"init": "normal[std=0.01]"}, {"init": "xavier_uniform"}]
    assert plan.notes == (
        "2 of 4 combinations are equal to others: each is run once",
        "model.activation applies to no case: model linear has no such option: dropped",
    )


def test_brackets_and_options_by_themselves_make_the_same_trials() -> None:
    brackets = planned("init=normal[std=0.01]")
    themselves = planned("init=normal", "init.std=0.01")

    assert [each.key for each in brackets.trials] == [each.key for each in themselves.trials]


def test_a_combination_that_a_model_refuses_is_expected_to_be_unsupported() -> None:
    plan = planned("model=mlp,lenet", "dataset=breast_cancer")

    assert [each.expected for each in plan.cases] == [None, "unsupported"]
    assert plan.cases[1].reason == (
        "lenet takes images (channels, height, width), not samples of shape (30,)"
    )


def test_a_device_that_is_absent_is_expected_to_be_skipped() -> None:
    def absent(device: str) -> str | None:
        return "no GPU" if device == "cuda" else None

    plan = planned("device=cpu,cuda", absent=absent)

    assert [(each.expected, each.reason) for each in plan.cases] == [
        (None, None),
        ("skipped", "no GPU"),
    ]


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ({"metric": "test_accuracy", "min": 0.9}, "test_accuracy of every case is at least 0.9"),
        (
            {"where": {"epochs": 1}, "metric": "mse", "min": 0.1, "max": 2},
            "mse of epochs=1 is at least 0.1 and at most 2",
        ),
        (
            {"metric": "mse", "max": 2, "of": "median", "epoch": 1},
            "median mse of every case is at most 2 after epoch 1",
        ),
        (
            {"metric": "mse", "max": 2, "by_epoch": 3, "share": 0.8},
            "mse of every case is at most 2 at some epoch up to 3 on 80% of the seeds",
        ),
        (
            {"where": {"epochs": 2}, "metric": "mse", "better_than": {"epochs": 1}},
            "mse of epochs=2 is better than epochs=1",
        ),
        (
            {"where": {"epochs": 2}, "metric": "mse", "same_as": {"epochs": 1}},
            "mse of epochs=2 is the same as epochs=1",
        ),
        ({"status": "diverged"}, "status of every case is diverged"),
        (
            {"status": "ok", "share": 0.5, "where": {"epochs": 1}},
            "status of epochs=1 is ok on 50% of the seeds",
        ),
        (
            {"status": "ok", "metric": "mse", "max": 1},
            "mse of every case is at most 1, and status of every case is ok",
        ),
    ],
)
def test_an_expectation_is_a_sentence(expect: dict[str, Any], told: str) -> None:
    plan = planned(factors={"epochs": [1, 2]}, expect=[expect])

    [expectation] = plan.expectations
    assert expectation.text == told
    for name in ("metric", "min", "max", "status", "epoch", "by_epoch"):
        assert getattr(expectation, name) == expect.get(name)


FAR = {"metric": "mse", "max": 2, "epoch": 3}


def test_an_expectation_behind_the_last_epoch_is_refused_and_under_an_override_dropped() -> None:
    told = "expect: mse of every case is at most 2 after epoch 3: training ends after epoch 2"

    assert refused(factors={"epochs": [2, 5]}, expect=[FAR]) == f"suite 's': {told}"
    dropped = planned("epochs=2,5", expect=[FAR])
    assert (dropped.expectations, dropped.notes) == ((), (f"{told}: dropped",))


def test_an_expectation_up_to_the_last_epoch_is_kept() -> None:
    whole = {**BASE, "epochs": 3}

    assert len(planned(base=whole, expect=[FAR]).expectations) == 1
    far = {**FAR, "where": {"epochs": 5}}
    assert len(planned(factors={"epochs": [2, 5]}, expect=[far]).expectations) == 1
    counting = {**whole, "procedure": "infer", "epochs": 1}  # other procedures count what they like
    assert len(planned(base=counting, expect=[FAR]).expectations) == 1


def test_an_expectation_names_its_cases_and_those_that_they_are_compared_with() -> None:
    expect = [
        {"where": {"init": "xavier_uniform"}, "metric": "mse", "better_than": {"init": "normal"}}
    ]

    [expectation] = planned(**INIT, expect=expect).expectations

    assert expectation.cases == (2, 3)
    assert expectation.better_than == (0, 1)
    assert expectation.same_as is None


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        (
            {"metric": "mse", "min": 1, "where": {"epochs": 3}},
            "suite 's': expect: mse of epochs=3 is at least 1 matches no case",
        ),
        (
            {"metric": "mse", "better_than": {"epochs": 3}},
            "suite 's': expect: mse of every case is better than epochs=3 matches no case",
        ),
        (
            {"status": "exploded"},
            "suite 's': expect: status 'exploded' is none of ok, diverged, oom-device, oom-host,"
            " timeout, crashed, error, skipped, unsupported",
        ),
    ],
)
def test_an_expectation_that_matches_nothing_is_an_error(expect: dict[str, Any], told: str) -> None:
    assert refused(factors={"epochs": [1, 2]}, expect=[expect]) == told


def test_unknown_metrics_are_errors() -> None:
    assert refused(expect=[{"metric": "accuracy", "min": 1}]).startswith(
        "suite 's': expect: unknown metric 'accuracy': did you mean 'test_accuracy'? (known: "
    )
    assert refused(margins={"accuracy": 1}).startswith(
        "suite 's': margins: unknown metric 'accuracy': did you mean 'test_accuracy'? (known: "
    )


@settings(deadline=None, max_examples=30)
@given(
    st.sets(st.integers(1, 9), min_size=1, max_size=5),
    st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True),
    st.integers(0, 5),
)
def test_trials_go_seed_by_seed_each_a_permutation_of_the_cases(
    epochs: set[int], seeds: list[int], seed: int
) -> None:
    plan = planned(factors={"epochs": sorted(epochs)}, seeds=seeds, seed=seed)

    size = len(plan.cases)
    blocks = [plan.trials[start : start + size] for start in range(0, len(plan.trials), size)]
    assert [{each.seed for each in block} for block in blocks] == [{each} for each in seeds]
    assert all(sorted(each.case for each in block) == list(range(size)) for block in blocks)
    assert len({each.key for each in plan.trials}) == len(plan.trials)
    assert all(
        each.key == trial_key(plan.cases[each.case].settings, each.seed) for each in plan.trials
    )


@settings(deadline=None, max_examples=30)
@given(st.permutations([1, 2, 3, 4, 5]))
def test_the_order_of_trials_does_not_depend_on_the_order_of_levels(epochs: list[int]) -> None:
    plan = planned(factors={"epochs": epochs})
    usual = planned(factors={"epochs": [1, 2, 3, 4, 5]})

    assert [each.key for each in plan.trials] == [each.key for each in usual.trials]


def test_the_order_depends_on_the_seed_of_the_plan_and_of_the_trials() -> None:
    factors = {"epochs": list(range(1, 21))}

    def orders(seed: int) -> list[list[int]]:
        plan = planned(factors=factors, seed=seed)
        return [[t.case for t in plan.trials if t.seed == each] for each in plan.seeds]

    assert orders(0) == orders(0)
    assert orders(0) != orders(1)
    assert len({tuple(each) for each in orders(0)}) == 3


def test_limits_are_not_part_of_what_names_a_trial() -> None:
    short, usual = planned("timeout_s=5"), planned()

    assert [each.key for each in short.trials] == [each.key for each in usual.trials]


def test_a_plan_survives_json() -> None:
    plan = planned(**INIT, expect=[{"metric": "mse", "min": 1}])

    read = msgspec.json.decode(msgspec.json.encode(plan), type=Plan)

    assert read.trials == plan.trials
    assert read.expectations == plan.expectations
    assert msgspec.json.encode(read) == msgspec.json.encode(plan)
    assert all(
        each.key == trial_key(read.cases[each.case].settings, each.seed) for each in read.trials
    )


def test_every_built_in_suite_can_be_planned_as_it_is_written() -> None:
    for name in REGISTRY.names("suite"):
        plan = make_plan(draft(REGISTRY.suite(name)), REGISTRY)

        assert plan.trials
        assert not any("dropped" in each for each in plan.notes)

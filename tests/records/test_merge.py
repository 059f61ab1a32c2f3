"""Runs as one: nothing doubled, nothing lost, nothing that contradicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from made import made_case, made_plan, made_record, made_run

from harness.errors import StoreError
from harness.numbers.metrics import Meaning
from harness.records.merge import merged
from harness.records.planned import Expectation, Plan
from harness.records.record import Record
from harness.records.store import StoredRun

SIGMOID = made_case({"model.activation": "sigmoid"}, baseline=0)
RELU = made_case({"model.activation": "relu"}, baseline=0)
TANH = made_case({"model.activation": "tanh"}, baseline=1)


def no_default(settings: Mapping[str, Any], address: str) -> Any:
    raise AssertionError(f"{address} needs no default in {settings}")


def stored(plan: Plan, records: Sequence[Record], name: str = "a", **more: Any) -> StoredRun:
    return StoredRun(folder=Path(name), run=made_run(plan, **more), records=tuple(records))


def all_records(plan: Plan, **more: Any) -> list[Record]:
    return [made_record(plan, trial.case, trial.seed, **more) for trial in plan.trials]


def test_seeds_of_two_runs_add_up() -> None:
    first, second = made_plan(SIGMOID, RELU, seeds=(0, 1)), made_plan(SIGMOID, RELU, seeds=(2,))

    run, records = merged(
        [stored(first, all_records(first)), stored(second, all_records(second))], no_default
    )

    assert run.plan.seeds == (0, 1, 2)
    assert [case.levels["model.activation"] for case in run.plan.cases] == ["sigmoid", "relu"]
    assert {each.key for each in records} == {each.key for each in run.plan.trials}
    assert len(records) == 6


def test_cases_of_two_runs_add_up_and_keep_their_baselines() -> None:
    first, second = made_plan(SIGMOID, RELU), made_plan(RELU, TANH)

    run, _ = merged([stored(first, []), stored(second, [])], no_default)

    assert [case.levels["model.activation"] for case in run.plan.cases] == [
        "sigmoid",
        "relu",
        "tanh",
    ]
    assert [case.baseline for case in run.plan.cases] == [0, 0, 2]


def test_a_run_merged_with_itself_is_itself() -> None:
    plan = made_plan(SIGMOID, RELU)
    records = all_records(plan, metrics={"test_accuracy": 0.5})

    run, kept = merged([stored(plan, records), stored(plan, records)], no_default)

    assert run.plan.trials == plan.trials
    assert kept == records


def test_another_environment_is_another_attempt() -> None:
    plan = made_plan(RELU, seeds=(0,))
    here = made_record(plan, 0, 0, environment={"host": "a"}, metrics={"test_accuracy": 0.5})
    there = made_record(plan, 0, 0, environment={"host": "b"}, metrics={"test_accuracy": 0.6})

    run, kept = merged(
        [
            stored(plan, [here], environment={"host": "a", "torch": "2.15.0"}),
            stored(plan, [there], environment={"host": "b", "torch": "2.15.0"}),
        ],
        no_default,
    )

    assert [(each.attempt, each.environment["host"]) for each in kept] == [(1, "a"), (2, "b")]
    assert run.environment == {"host": "a; b", "torch": "2.15.0"}


def test_records_that_contradict_are_refused() -> None:
    plan = made_plan(RELU, seeds=(3,))
    first = made_record(plan, 0, 3, metrics={"test_accuracy": 0.5})
    other = made_record(plan, 0, 3, metrics={"test_accuracy": 0.6})

    with pytest.raises(StoreError) as refused:
        merged([stored(plan, [first]), stored(plan, [other], "b")], no_default)

    assert str(refused.value) == (
        f"b contradicts a run before it: trial {first.key} (seed 3, attempt 1) was recorded in the"
        " same environment with other content"
    )


def test_an_option_that_only_a_newer_run_knows_is_at_its_default_in_the_older() -> None:
    old = made_plan(RELU, seeds=(0,))
    new = made_plan(made_case({"model.activation": "relu"}, model__bias=True), seeds=(1,))

    run, records = merged(
        [stored(old, all_records(old)), stored(new, all_records(new))],
        lambda settings, address: {"model.bias": True}[address],
    )

    assert len(run.plan.cases) == 1
    assert [each.settings["model.bias"] for each in records] == [True, True]
    assert {each.key for each in records} == {each.key for each in run.plan.trials}


def test_an_option_that_is_not_at_its_default_is_another_case() -> None:
    old = made_plan(RELU, seeds=(0,))
    new = made_plan(made_case({"model.activation": "relu"}, model__bias=False), seeds=(0,))

    run, _ = merged([stored(old, []), stored(new, [])], lambda settings, address: True)

    assert [case.settings["model.bias"] for case in run.plan.cases] == [True, False]


def test_what_tells_cases_of_equal_levels_apart_becomes_a_factor() -> None:
    short = made_plan(made_case({"model.activation": "relu"}, epochs=1))
    long = made_plan(made_case({"model.activation": "relu"}, epochs=9))

    run, _ = merged([stored(short, []), stored(long, [])], no_default)

    assert run.plan.factors == ("model.activation", "epochs")
    assert [case.levels["epochs"] for case in run.plan.cases] == [1, 9]


def test_expectations_speak_of_the_cases_of_all_runs() -> None:
    def plan(case: Any) -> Plan:
        expectation = Expectation(
            text="it trains", cases=(0,), metric="test_accuracy", min=0.5, better_than=(0,)
        )
        return made_plan(case, expectations=[expectation])

    run, _ = merged([stored(plan(SIGMOID), []), stored(plan(RELU), [])], no_default)

    (expectation,) = run.plan.expectations
    assert (expectation.cases, expectation.better_than) == ((0, 1), (0, 1))


def test_a_failed_attempt_and_its_retry_stay_in_order() -> None:
    plan = made_plan(RELU, seeds=(0,))
    broken = made_record(plan, 0, 0, "timeout")
    retried = msgspec.structs.replace(made_record(plan, 0, 0), attempt=2)

    _, kept = merged([stored(plan, [broken, retried])], no_default)

    assert [(each.attempt, each.status) for each in kept] == [(1, "timeout"), (2, "ok")]


def test_a_merged_run_merged_again_with_one_of_its_parts_has_nothing_twice() -> None:
    plan = made_plan(RELU, seeds=(0,))
    here = made_record(plan, 0, 0, environment={"host": "a"}, metrics={"test_accuracy": 0.5})
    there = made_record(plan, 0, 0, environment={"host": "b"}, metrics={"test_accuracy": 0.6})
    _, first = merged([stored(plan, [here]), stored(plan, [there])], no_default)

    _, again = merged(
        [stored(plan, first), stored(plan, [there]), stored(plan, [here])], no_default
    )

    assert again == first


def test_a_metric_of_another_unit_is_missing_with_the_reason_and_noted() -> None:
    first, second = made_plan(SIGMOID, seeds=(0,)), made_plan(SIGMOID, seeds=(1,))
    took = Meaning("took", "s", "lower", 0.1, "ratio", "Time of something.")
    runs = [
        stored(
            first,
            all_records(first, metrics={"took/a": 2.0, "mse": 0.5}, curves={"took/a": [2.0]}),
            "a",
            meanings={"took": took},
        ),
        stored(
            second,
            all_records(second, metrics={"took/a": 2000.0, "mse": 0.5}, curves={"took/a": [2e3]}),
            "b",
            meanings={"took": replace(took, unit="ms", direction="higher")},
        ),
    ]

    run, (one, other) = merged(runs, no_default)

    told = "its unit is ms there and s elsewhere, its direction is higher there and lower elsewhere"
    assert run.plan.notes == (f"took of b is left out: {told}",)
    assert run.meanings == {"took": took}
    assert (one.metrics, one.missing) == ({"took/a": 2.0, "mse": 0.5}, {})
    assert (other.metrics, other.missing) == ({"took/a": None, "mse": 0.5}, {"took/a": told})
    assert (one.curves, other.curves) == ({"took/a": [2.0]}, {})


def test_what_all_runs_set_in_all_cases_stays_so() -> None:
    first = msgspec.structs.replace(
        made_plan(made_case({"lr": 1}, init="zeros")),
        base={"epochs": "2", "dataset": "digits", "init": "zeros"},
    )
    second = msgspec.structs.replace(
        made_plan(made_case({"lr": 1}, init="ones")),
        base={"dataset": "digits", "epochs": "3", "init": "ones"},
    )

    run, _ = merged([stored(first, []), stored(second, [])], no_default)

    assert run.plan.base == {"dataset": "digits"}

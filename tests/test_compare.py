"""Cases against their baselines, expectations, exit codes, and the JSON contract."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_case, made_plan, made_record, made_run

from harness.compare import (
    Comparison,
    Outcome,
    all_hold,
    comparisons,
    document,
    exit_code,
    expectations,
    trials_document,
)
from harness.metrics import MEANINGS, Meaning
from harness.planned import Expectation, Plan
from harness.record import BROKEN, STATUSES, Record, Status
from harness.store import StoredRun
from harness.tables import summaries

BASE = {"init": "normal[std=0.01]", "model.activation": "relu"}
XAVIER = {"init": "xavier_uniform", "model.activation": "relu"}
PLAN = made_plan(made_case(BASE, baseline=0), made_case(XAVIER, baseline=0), seeds=(0, 1, 2))


def records(case: int, plan: Plan = PLAN, **metrics: Any) -> list[Record]:
    """Make a record for each seed from lists of values; None leaves that seed without a record."""
    found = []
    for place, seed in enumerate(plan.seeds):
        values = {name: each[place] for name, each in metrics.items()}
        if None not in values.values():
            found.append(made_record(plan, case, seed, metrics=values))
    return found


def compared(found: list[Record], plan: Plan = PLAN) -> dict[str, Comparison]:
    return {each.metric: each for each in comparisons(plan, summaries(plan, found))}


def test_a_case_is_compared_with_its_baseline_as_the_contract_says() -> None:
    found = records(0, test_accuracy=[0.25, 0.5, 0.5]) + records(1, test_accuracy=[0.5, 0.75, 0.75])

    assert list(comparisons(PLAN, summaries(PLAN, found))) == [
        Comparison(
            levels=XAVIER,
            baseline=BASE,
            metric="test_accuracy",
            difference=0.25,
            ci95=(0.25, 0.25),
            p_adjusted=None,
            verdict=None,
            seeds_needed=None,
            note="not yet",
            n=3,
        )
    ]


def test_a_ratio_is_case_by_baseline_less_one_and_never_flipped() -> None:
    found = records(0, wall_s=[1.0, 2.0, 3.0]) + records(1, wall_s=[2.0, 4.0, 6.0])

    assert compared(found)["wall_s"].difference == pytest.approx(1.0)


def test_seeds_are_paired() -> None:
    found = records(0, test_accuracy=[0.5, 0.9, None]) + records(1, test_accuracy=[0.6, None, 0.1])

    assert compared(found)["test_accuracy"].difference == pytest.approx(0.1)
    assert (compared(found)["test_accuracy"].n, compared(found)["test_accuracy"].ci95) == (1, None)


def test_cases_without_a_common_seed_are_told_so() -> None:
    found = records(0, test_accuracy=[0.5, None, None]) + records(
        1, test_accuracy=[None, 0.5, None]
    )

    [found_one] = compared(found).values()
    assert (found_one.difference, found_one.ci95, found_one.n) == (None, None, 0)
    assert found_one.note == "no seed that both have"


def test_a_ratio_of_what_is_not_positive_is_told_so() -> None:
    found = records(0, wall_s=[0.0, 1.0, 1.0]) + records(1, wall_s=[1.0, 1.0, 1.0])

    assert compared(found)["wall_s"].difference is None
    assert compared(found)["wall_s"].note == "no ratio: a value is not positive"


def test_metrics_that_one_side_lacks_are_not_compared() -> None:
    found = records(0, test_accuracy=[0.5] * 3) + records(1, wall_s=[1.0] * 3)

    assert compared(found) == {}


def test_losses_are_compared_between_cases_with_the_same_loss_only() -> None:
    plan = made_plan(made_case({"loss": "mse"}), made_case({"loss": "l1"}, baseline=0), seeds=(0,))
    found = [made_record(plan, case, 0, metrics={"test_loss": 1.0, "mse": 1.0}) for case in (0, 1)]

    both = compared(found, plan)
    assert both["test_loss"].difference is None
    assert both["test_loss"].note == "another loss: the two figures do not mean the same"
    assert both["mse"].difference == 0.0


def test_cases_without_a_baseline_and_baselines_are_not_compared() -> None:
    plan = made_plan(made_case(BASE, baseline=0), made_case(XAVIER), seeds=(0,))
    found = [made_record(plan, case, 0, metrics={"wall_s": 1.0}) for case in (0, 1)]

    assert compared(found, plan) == {}


def outcome(expected: Expectation, found: list[Record], plan: Plan = PLAN) -> str:
    plan = msgspec.structs.replace(plan, expectations=(expected,))
    [only] = expectations(plan, summaries(plan, found), found)
    assert only.text == expected.text
    return only.outcome


def expect(**fields: Any) -> Expectation:
    return Expectation(**{"text": "t", "cases": (1,), "metric": "test_accuracy", **fields})


@pytest.mark.parametrize(
    ("fields", "values", "expected"),
    [
        ({"min": 0.9}, [0.9, 0.95, 1.0], "holds"),
        ({"min": 0.9}, [0.9, 0.95, 0.8], "fails"),
        ({"min": 0.9}, [0.9, 0.95, None], "undecided"),
        ({"min": 0.9}, [0.8, 0.95, None], "fails"),
        ({"max": 0.9}, [0.9, 0.8, 0.1], "holds"),
        ({"max": 0.9}, [0.9, 0.8, 0.95], "fails"),
        ({"min": 0.5, "max": 0.9}, [0.5, 0.9, 0.7], "holds"),
        ({"min": 0.5, "max": 0.9}, [0.5, 0.9, 0.95], "fails"),
        ({"min": 0.9, "of": "median"}, [0.1, 0.9, 0.95], "holds"),
        ({"min": 0.9, "of": "median"}, [0.1, 0.2, 0.95], "fails"),
        ({"min": 0.9, "of": "median"}, [0.95, 0.95, None], "undecided"),
        ({"min": 0.9, "share": 0.6}, [0.1, 0.9, 0.95], "holds"),
        ({"min": 0.9, "share": 0.7}, [0.1, 0.9, 0.95], "fails"),
        ({"min": 0.9, "share": 0.6}, [None, 0.9, 0.95], "holds"),
        ({"min": 0.9, "share": 0.6}, [None, 0.1, 0.95], "undecided"),
        ({"min": 0.9, "share": 0.6}, [None, 0.1, 0.1], "fails"),
        ({"metric": "odd", "min": 0.9}, [1.0, 1.0, 1.0], "undecided"),
        ({"better_than": (0,)}, [1.0, 1.0, 1.0], "undecided"),
        ({"same_as": (0,)}, [1.0, 1.0, 1.0], "undecided"),
        ({"better_than": (0,), "min": 0.9}, [0.1, 1.0, 1.0], "fails"),
        ({}, [1.0, 1.0, 1.0], "undecided"),
    ],
)
def test_an_expectation_holds_when_the_final_values_do(
    fields: dict[str, Any], values: list[Any], expected: str
) -> None:
    assert outcome(expect(**fields), records(1, test_accuracy=values)) == expected


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["diverged"] * 3, "holds"),
        (["diverged", "diverged", "ok"], "fails"),
        (["diverged", "diverged"], "undecided"),
        (["diverged", "ok"], "fails"),
        ([], "undecided"),
    ],
)
def test_an_expected_status_is_that_of_every_seed(statuses: list[Status], expected: str) -> None:
    found = [made_record(PLAN, 1, seed, status) for seed, status in enumerate(statuses)]

    assert outcome(expect(metric=None, status="diverged"), found) == expected


def test_a_failed_seed_is_a_missing_one() -> None:
    found = [*records(1, test_accuracy=[1.0, 1.0, None]), made_record(PLAN, 1, 2, "timeout")]

    assert outcome(expect(min=0.9), found) == "undecided"


def curves(*values: Any, status: Status = "ok") -> list[Record]:
    return [
        made_record(PLAN, 1, seed, status, curves={"test_accuracy": list(each)})
        for seed, each in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("fields", "curve", "expected"),
    [
        ({"min": 0.5, "epoch": 2}, [0.1, 0.5, 0.2], "holds"),
        ({"min": 0.5, "epoch": 1}, [0.1, 0.5, 0.2], "fails"),
        ({"min": 0.5, "epoch": 4}, [0.9, 0.9, 0.9], "undecided"),
        ({"min": 0.5, "epoch": 1}, [None, 0.9, 0.9], "undecided"),
        ({"min": 0.5, "epoch": 0}, [0.9, 0.9, 0.9], "undecided"),
        ({"min": 0.5, "by_epoch": 2}, [0.1, 0.5, 0.2], "holds"),
        ({"min": 0.5, "by_epoch": 1}, [0.1, 0.5, 0.2], "fails"),
        ({"min": 0.5, "by_epoch": 9}, [None, 0.5], "holds"),
        ({"min": 0.5, "by_epoch": 1}, [None, 0.5], "undecided"),
        ({"max": 0.5, "by_epoch": 3}, [0.9, 0.5, 0.9], "holds"),
        ({"max": 0.5, "by_epoch": 1}, [0.9, 0.5, 0.9], "fails"),
        ({"min": 0.4, "max": 0.6, "by_epoch": 3}, [0.1, 0.5, 0.2], "holds"),
        ({"min": 0.5, "by_epoch": 2}, [math.nan, 0.5], "holds"),
    ],
)
def test_an_expectation_at_or_by_an_epoch_looks_at_the_curves(
    fields: dict[str, Any], curve: list[Any], expected: str
) -> None:
    assert outcome(expect(**fields), curves(curve, curve, curve)) == expected


def test_curves_of_a_trial_that_did_not_end_ok_do_not_count() -> None:
    found = curves([0.9], [0.9], [0.9], status="diverged")

    assert outcome(expect(min=0.5, epoch=1), found) == "undecided"


def test_with_folds_an_epochs_value_is_the_mean_of_its_folds() -> None:
    plan = made_plan(made_case(BASE), made_case(XAVIER), seeds=(0,), folds=(0, 1))
    first, second = (
        made_record(plan, 1, 0, fold=fold, curves={"test_accuracy": [value]})
        for fold, value in [(0, 0.2), (1, 0.6)]
    )

    assert outcome(expect(min=0.4, epoch=1), [first, second], plan) == "holds"
    assert outcome(expect(min=0.5, epoch=1), [first, second], plan) == "fails"
    assert outcome(expect(min=0.1, epoch=1), [first], plan) == "undecided"


def test_an_expectation_of_several_cases_is_that_of_the_worst() -> None:
    both = expect(cases=(0, 1), min=0.5)
    good, bad = [0.9] * 3, [0.1] * 3

    assert outcome(both, records(0, test_accuracy=good)) == "undecided"
    found = records(0, test_accuracy=good) + records(1, test_accuracy=good)
    assert outcome(both, found) == "holds"
    assert outcome(both, records(1, test_accuracy=bad)) == "fails"
    assert outcome(expect(cases=(), min=0.5), []) == "undecided"


@given(
    st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=10),
    st.floats(0.05, 1),
    st.lists(st.floats(0, 1), min_size=10, max_size=10),
)
def test_what_is_decided_stays_so_when_the_missing_seeds_come(
    values: list[float | None], share: float, later: list[float]
) -> None:
    plan = made_plan(made_case(BASE), made_case(XAVIER), seeds=range(len(values)))
    expected = expect(min=0.5, share=share)
    filled = [late if each is None else each for each, late in zip(values, later, strict=False)]

    before = outcome(expected, records(1, plan, test_accuracy=values), plan)
    after = outcome(expected, records(1, plan, test_accuracy=filled), plan)

    assert after in {"holds", "fails"}
    assert before in {after, "undecided"}


def test_undecided_does_not_pass_a_check() -> None:
    assert all_hold([])
    assert all_hold([Outcome(text="", outcome="holds")])
    assert not all_hold([Outcome(text="", outcome="undecided")])
    assert not all_hold([Outcome(text="", outcome="holds"), Outcome(text="", outcome="fails")])


def code(*statuses: Status, **more: Any) -> int:
    plan = made_plan(made_case(BASE), seeds=range(len(statuses)))
    found = [made_record(plan, 0, seed, status) for seed, status in enumerate(statuses)]
    return exit_code(plan, found, **more)


@pytest.mark.parametrize("status", sorted(BROKEN))
def test_a_broken_trial_exits_3_and_only_such_exit_4(status: Status) -> None:
    assert code("ok", status) == 3
    assert code("diverged", status, check_failed=True) == 3
    assert code(status) == 4


@pytest.mark.parametrize("status", ["diverged", "skipped", "unsupported"])
def test_results_that_are_not_ok_exit_0_unless_strict(status: Status) -> None:
    assert code("ok", status) == 0
    assert code("ok", status, check_failed=True) == 1
    assert code("ok", status, strict=True) == 3
    assert code("ok", status, strict=True, check_failed=True) == 3


def test_a_run_in_which_nothing_ended_exits_4() -> None:
    assert code("skipped", "unsupported") == 4
    assert code("diverged") == 0
    assert exit_code(PLAN, []) == 4
    assert code("skipped", check_failed=True) == 4


def test_the_last_attempt_of_planned_trials_decides_the_exit() -> None:
    plan = made_plan(made_case(BASE), seeds=(0,))
    other = made_plan(made_case(XAVIER), seeds=(0,))
    found = [
        made_record(plan, 0, 0, "ok", attempt=2),
        made_record(plan, 0, 0, "crashed", attempt=1),
        made_record(other, 0, 0, "crashed"),
    ]

    assert exit_code(plan, found) == 0


@given(st.lists(st.sampled_from(STATUSES), min_size=1, max_size=6), st.booleans())
def test_strict_is_never_milder(statuses: list[Status], check_failed: bool) -> None:
    mild = code(*statuses, check_failed=check_failed)

    assert code(*statuses, strict=True, check_failed=check_failed) >= mild


def stored(found: list[Record], plan: Plan = PLAN, **more: Any) -> StoredRun:
    run = msgspec.structs.replace(
        made_run(plan, environment={"torch": "2.15.0"}, **more), id="20261121T101500Z-3f2a"
    )
    return StoredRun(folder=Path("r"), run=run, records=tuple(found), notes=("a note",))


def printed(value: object) -> Any:
    """Read back what the command would print."""
    return msgspec.json.decode(msgspec.json.encode(value))


def test_the_document_is_the_contract_of_the_design() -> None:
    plan = msgspec.structs.replace(PLAN, expectations=(expect(min=0.7),), notes=("dropped",))
    found = records(0, test_accuracy=[0.25, 0.5, 0.5]) + records(1, test_accuracy=[0.5, 0.75, 0.75])

    shown = printed(document(stored(found, plan)))

    assert shown["schema"] == 1
    assert (shown["suite"], shown["run"]) == ("init", "20261121T101500Z-3f2a")
    assert shown["environment"] == {"torch": "2.15.0"}
    assert shown["notes"] == ["dropped", "a note"]
    assert shown["expectations"] == [{"text": "t", "outcome": "fails"}]
    [compared_one] = shown["comparisons"]
    assert compared_one == {
        "levels": XAVIER,
        "baseline": BASE,
        "metric": "test_accuracy",
        "difference": 0.25,
        "ci95": [0.25, 0.25],
        "p_adjusted": None,
        "verdict": None,
        "seeds_needed": None,
        "note": "not yet",
        "n": 3,
    }
    first, second = shown["cases"]
    assert first["settings"] == {
        "model": "mlp",
        "device": "cpu",
        "loss": "cross_entropy",
        **BASE,
    }
    assert (first["levels"], first["planned"], first["statuses"]) == (BASE, 3, {"ok": 3})
    figures = second["metrics"]["test_accuracy"]
    low, high = figures.pop("ci95")
    assert low < figures["mean"] < high
    assert figures == {
        "unit": "1",
        "direction": "higher",
        "scale": "difference",
        "n": 3,
        "mean": pytest.approx(2 / 3),
        "std": pytest.approx(0.25 / math.sqrt(3)),
        "values": {"0": 0.5, "1": 0.75, "2": 0.75},
    }


def test_the_document_has_every_metric_of_every_case() -> None:
    found = [made_record(PLAN, 0, 0, metrics={"norm/0.weight": 1.0})]
    told = {"norm": Meaning("norm", "m", "lower", 0.1, "ratio", "")}

    first, second = printed(document(stored(found, meanings=told)))["cases"]

    for case in (first, second):
        assert list(case["metrics"]) == [*MEANINGS, "norm/0.weight"]
        assert all(each["unit"] for each in case["metrics"].values())
        assert all(set(each["values"]) == {"0", "1", "2"} for each in case["metrics"].values())
    assert first["metrics"]["norm/0.weight"]["unit"] == "m"
    assert second["metrics"]["wall_s"]["mean"] is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_and_infinity_never_reach_json(value: float) -> None:
    found = [
        made_record(PLAN, case, 0, metrics={"test_accuracy": value, "wall_s": value})
        for case in (0, 1)
    ]

    encoded = msgspec.json.encode(document(stored(found)))

    assert b"nan" not in encoded.lower()
    assert b"Infinity" not in encoded
    assert printed(document(stored(found)))["cases"][0]["metrics"]["wall_s"]["n"] == 0


def test_the_trials_document_has_the_last_attempt_of_each_planned_trial() -> None:
    other = made_plan(made_case({"init": "other"}), seeds=(0,))
    again = made_record(PLAN, 1, 0, attempt=2, metrics={"wall_s": None}, missing={"wall_s": "why"})
    found = [
        made_record(other, 0, 0),
        again,
        made_record(PLAN, 1, 0, "error", attempt=1, reason="no"),
        made_record(PLAN, 0, 0, curves={"test_accuracy": [0.5, None]}),
    ]

    shown = printed(trials_document(stored(found)))

    assert shown["schema"] == 1
    first, second = shown["trials"]
    assert first["curves"] == {"test_accuracy": [0.5, None]}
    assert (second["attempt"], second["status"], second["reason"]) == (2, "ok", None)
    assert (second["metrics"], second["missing"]) == ({"wall_s": None}, {"wall_s": "why"})
    wanted = {
        "settings",
        "levels",
        "seed",
        "fold",
        "attempt",
        "status",
        "reason",
        "metrics",
        "missing",
        "curves",
    }
    assert wanted <= set(first)


def test_a_run_without_a_record_has_a_document() -> None:
    shown = printed(document(stored([])))

    assert [each["statuses"] for each in shown["cases"]] == [{}, {}]
    assert shown["comparisons"] == []

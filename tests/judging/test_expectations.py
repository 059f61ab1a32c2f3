"""What suites expect: what holds, fails and cannot be decided; and how the command ends."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_case, made_plan, made_record, made_records
from msgspec.structs import replace

from harness.judging.expectations import Outcome, all_hold, exit_code, expectations
from harness.judging.tables import summaries
from harness.records.planned import Expectation, Plan
from harness.records.record import BROKEN, STATUSES, Record, Status

BASE = {"init": "normal[std=0.01]", "model.activation": "relu"}
XAVIER = {"init": "xavier_uniform", "model.activation": "relu"}
PLAN = made_plan(made_case(BASE, baseline=0), made_case(XAVIER, baseline=0), seeds=(0, 1, 2))


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
        ({"better_than": (0,)}, [1.0, 1.0, 1.0], "undecided"),  # of the other there is nothing
        ({"same_as": (0,)}, [1.0, 1.0, 1.0], "undecided"),
        ({"better_than": (0,), "min": 0.9}, [0.1, 1.0, 1.0], "fails"),
        ({}, [1.0, 1.0, 1.0], "undecided"),
    ],
)
def test_an_expectation_holds_when_the_final_values_do(
    fields: dict[str, Any], values: list[Any], expected: str
) -> None:
    assert outcome(expect(**fields), made_records(PLAN, 1, test_accuracy=values)) == expected


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
    found = [
        *made_records(PLAN, 1, test_accuracy=[1.0, 1.0, None]),
        made_record(PLAN, 1, 2, "timeout"),
    ]

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

    assert outcome(both, made_records(PLAN, 0, test_accuracy=good)) == "undecided"
    found = made_records(PLAN, 0, test_accuracy=good) + made_records(PLAN, 1, test_accuracy=good)
    assert outcome(both, found) == "holds"
    assert outcome(both, made_records(PLAN, 1, test_accuracy=bad)) == "fails"
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

    before = outcome(expected, made_records(plan, 1, test_accuracy=values), plan)
    after = outcome(expected, made_records(plan, 1, test_accuracy=filled), plan)

    assert after in {"holds", "fails"}
    assert before in {after, "undecided"}


LOW, MIDDLE, HIGH = [0.50, 0.52, 0.51], [0.70, 0.74, 0.71], [0.90, 0.93, 0.92]


@pytest.mark.parametrize(
    ("fields", "base", "case", "expected"),
    [
        ({"better_than": (0,)}, LOW, HIGH, "holds"),
        ({"better_than": (0,)}, HIGH, LOW, "fails"),
        ({"better_than": (0,)}, LOW, LOW, "fails"),
        ({"better_than": (0,)}, LOW, [0.4, 0.9, 0.6], "undecided"),
        ({"better_than": (0,)}, LOW[:2], HIGH[:2], "undecided"),
        ({"same_as": (0,)}, LOW, LOW, "holds"),
        ({"same_as": (0,)}, LOW, HIGH, "fails"),
        ({"same_as": (0,)}, HIGH, LOW, "fails"),
        ({"same_as": (0,)}, LOW, [0.4, 0.9, 0.6], "undecided"),
        ({"better_than": (0,), "min": 0.9}, LOW, HIGH, "holds"),
        ({"better_than": (0,), "min": 0.91}, LOW, HIGH, "fails"),
        ({"same_as": (0,), "max": 0.6}, LOW, LOW, "holds"),
        ({"better_than": (0,), "metric": "test_loss"}, HIGH, LOW, "holds"),
        ({"better_than": (0,), "metric": "odd"}, LOW, HIGH, "undecided"),
    ],
)
def test_better_than_and_same_as_use_the_verdict(
    fields: dict[str, Any], base: list[Any], case: list[Any], expected: str
) -> None:
    plan = made_plan(made_case(BASE), made_case(XAVIER), seeds=range(len(base)))
    metric = {"odd": "test_accuracy"}.get(fields.get("metric", ""), fields.get("metric"))
    metric = metric or "test_accuracy"
    found = made_records(plan, 0, **{metric: base}) + made_records(plan, 1, **{metric: case})

    assert outcome(expect(**fields), found, plan) == expected


@pytest.mark.parametrize("claim", ["better_than", "same_as"])
@pytest.mark.parametrize("case", [LOW, MIDDLE, HIGH])
def test_a_missing_seed_on_either_side_makes_a_claim_undecided(claim: str, case: list[Any]) -> None:
    plan = made_plan(made_case(BASE), made_case(XAVIER), seeds=range(4))
    for base_last, case_last in [(None, 0.8), (0.8, None)]:
        found = made_records(plan, 0, test_accuracy=[*MIDDLE, base_last])
        found += made_records(plan, 1, test_accuracy=[*case, case_last])

        assert outcome(expect(**{claim: (0,)}), found, plan) == "undecided"


def test_a_claim_about_several_cases_is_that_of_the_worst() -> None:
    plan = made_plan(made_case({"x": 0}), made_case({"x": 1}), made_case({"x": 2}))
    values = [LOW, HIGH, MIDDLE]
    found = [
        record
        for case, each in enumerate(values)
        for record in made_records(plan, case, test_accuracy=each)
    ]

    assert outcome(expect(cases=(1, 2), better_than=(0, 0)), found, plan) == "holds"
    assert outcome(expect(cases=(1, 2), better_than=(0, 1)), found, plan) == "fails"
    assert outcome(expect(cases=(1,), better_than=(2,)), found, plan) == "holds"


BASIS = [0.50, 0.52, 0.51, 0.53, 0.55]
WEAKLY_MORE = [0.57, 0.53, 0.57, 0.58, 0.56]
"""More than BASIS with p = 0.034: a word alone, none between two."""


def alike(plan: Plan, case: int, values: list[float]) -> list[Record]:
    return made_records(plan, case, test_accuracy=values, train_accuracy=values)


@pytest.mark.parametrize(("baseline", "expected"), [(None, "holds"), (0, "undecided")])
def test_a_claim_about_a_pair_of_the_table_has_the_word_of_the_table(
    baseline: int | None, expected: str
) -> None:
    cases = [made_case({"x": each}, baseline=baseline) for each in range(3)]
    plan = made_plan(*cases, seeds=range(5))
    found = alike(plan, 0, BASIS) + alike(plan, 1, WEAKLY_MORE) + alike(plan, 2, BASIS[::-1])

    assert outcome(expect(better_than=(0,)), found, plan) == expected


@pytest.mark.parametrize(
    ("metric", "expected"), [("train_accuracy", "holds"), ("test_accuracy", "undecided")]
)
def test_other_claims_of_a_metric_are_a_family_of_their_own(metric: str, expected: str) -> None:
    plan = made_plan(*[made_case({"x": each}) for each in range(3)], seeds=range(5))
    found = alike(plan, 0, BASIS) + alike(plan, 1, WEAKLY_MORE) + alike(plan, 2, BASIS[::-1])
    claims = (expect(better_than=(0,)), expect(cases=(2,), better_than=(0,), metric=metric))

    asked = replace(plan, expectations=claims)

    assert expectations(asked, summaries(asked, found), found)[0].outcome == expected


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


@pytest.mark.parametrize(
    ("fields", "values", "why"),
    [
        ({"min": 0.9}, [0.9, 0.95, 1.0], None),
        ({"min": 0.9}, [0.9, 0.31, 1.0], "seed 1 has 0.31"),
        ({"max": 0.9}, [0.95, 0.31, 1.0], "seed 0 has 0.95, and 1 more"),
        ({"min": 0.9}, [0.9, None, 1.0], "seed 1 has no figure"),
        ({"min": 0.9, "of": "median"}, [0.1, 0.25, 0.95], "it is 0.25"),
        ({"min": 0.9, "share": 0.7}, [0.1, 0.9, 0.95], "seed 0 has 0.1"),
        ({"metric": None, "status": "diverged"}, [0.1, 0.1, 0.1], "seed 0 ended ok, and 2 more"),
        ({"metric": None, "status": "ok"}, [0.1, 0.1, None], "seed 2 was not run"),
        (
            {"cases": (0, 1), "min": 0.9},
            [0.9, 0.9, 0.5],
            "init=xavier_uniform activation=relu: seed 2 has 0.5",
        ),
    ],
)
def test_what_does_not_hold_says_case_seed_and_figure(
    fields: dict[str, Any], values: list[float | None], why: str | None
) -> None:
    found = made_records(PLAN, 0, test_accuracy=[1.0, 1.0, 1.0])
    found += made_records(PLAN, 1, test_accuracy=values)
    plan = replace(PLAN, expectations=(expect(**fields),))

    [only] = expectations(plan, summaries(plan, found), found)

    assert (only.why, only.outcome == "holds") == (why, why is None)


def test_a_claim_that_does_not_hold_says_the_word_with_its_figures() -> None:
    found = made_records(PLAN, 0, test_accuracy=[0.5, 0.5, 0.5])
    found += made_records(PLAN, 1, test_accuracy=[0.25, 0.25, 0.25])
    plan = replace(PLAN, expectations=(expect(better_than=(0,)), expect(same_as=(0,))))
    missing = [each for each in found if each.seed != 2 or each.levels == XAVIER]

    fails = expectations(plan, summaries(plan, found), found)
    lacks = expectations(plan, summaries(plan, missing), missing)

    assert [each.why for each in fails] == ["it is worse, -25 points (no spread)"] * 2
    assert [each.outcome for each in lacks] == ["undecided"] * 2
    assert [each.why for each in lacks] == [
        "it is without a word, -25 points (2 pairs: a word needs 3)"
    ] * 2


def test_a_claim_that_is_decided_but_for_a_missing_seed_says_which() -> None:
    plan = made_plan(made_case(BASE, baseline=0), made_case(XAVIER, baseline=0), seeds=range(4))
    plan = replace(plan, expectations=(expect(better_than=(0,)),))
    found = made_records(plan, 0, test_accuracy=[0.5, 0.5, 0.5, None])
    found += made_records(plan, 1, test_accuracy=[0.75, 0.75, 0.75, 0.75])

    [only] = expectations(plan, summaries(plan, found), found)

    assert (only.outcome, only.why) == ("undecided", "seed 3 has no figure")


def test_what_holds_has_no_why_in_the_json() -> None:
    assert msgspec.to_builtins(Outcome(text="t", outcome="holds")) == {
        "text": "t",
        "outcome": "holds",
    }

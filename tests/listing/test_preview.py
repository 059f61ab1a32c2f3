"""What `bench plan` prints of a plan."""

from __future__ import annotations

from typing import Any

from harness.listing.preview import plan_text
from harness.records.planned import Case, Plan, Trial


def case(epochs: int, **fields: Any) -> Case:
    return Case(settings={"epochs": epochs}, levels={"epochs": epochs}, **fields)


def plan(*cases: Case, seeds: tuple[int, ...] = (0, 1), **fields: Any) -> Plan:
    trials = tuple(
        Trial(case=place, seed=seed, key=f"{place}/{seed}")
        for seed in seeds
        for place in reversed(range(len(cases)))
    )
    factors = ("epochs",)
    return Plan(suite="s", seeds=seeds, factors=factors, cases=cases, trials=trials, **fields)


def test_a_plan_is_told_by_its_size_its_time_and_its_cases() -> None:
    told = plan_text(plan(case(1), case(2), summary="Does it?"), (90.0, 0))

    assert told == (
        "s: Does it?\n"
        "4 trials: 2 cases x 2 seeds (0 to 1)\n"
        "expected time: about 90.0 s, as earlier records say\n"
        "\n"
        "epochs\n"
        "------\n"
        "1\n"
        "2"
    )


def test_one_is_told_as_one() -> None:
    told = plan_text(plan(case(1), seeds=(7,)), (0.0, 1)).split("\n")

    assert told[:3] == [
        "s",
        "1 trial: 1 case x 1 seed (7)",
        "expected time: unknown, there are no earlier records of these cases",
    ]


def test_seeds_that_do_not_follow_one_another_are_listed() -> None:
    assert "(3, 1, 2)" in plan_text(plan(case(1), seeds=(3, 1, 2)), (0.0, 3))


def test_what_is_refused_or_skipped_is_told_with_its_reason() -> None:
    told = plan_text(
        plan(
            case(1),
            case(2, expected="unsupported", reason="too many"),
            case(3, expected="unsupported", reason="too many"),
            case(4, expected="skipped", reason="no GPU\nhere"),
            notes=("one is dropped",),
        ),
        (8.0, 2),
    )

    assert told.split("\n")[2:6] == [
        "expected time: about 8.00 s, as earlier records say,"
        " and 2 trials of cases that were never run",
        "2 of 4 cases refused: too many",
        "1 of 4 cases expected to be skipped: no GPU\\nhere",
        "note: one is dropped",
    ]
    assert told.split("\n")[-4:] == [
        "1       ok",
        "2       unsupported",
        "3       unsupported",
        "4       skipped",
    ]


def test_trials_are_listed_in_the_order_of_running() -> None:
    told = plan_text(plan(case(1), case(2)), (0.0, 4), trials=True)

    assert [each.split() for each in told.split("\n")[-4:]] == [
        ["2", "0"],
        ["1", "0"],
        ["2", "1"],
        ["1", "1"],
    ]


def test_a_long_list_of_cases_is_cut_with_a_word() -> None:
    cases = [case(each) for each in range(1, 44)]

    assert plan_text(plan(*cases), (0.0, 86)).endswith("\n\n... and 3 more cases")
    assert plan_text(plan(*cases), (0.0, 86), trials=True).count("\n") > 80

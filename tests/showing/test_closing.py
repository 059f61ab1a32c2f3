"""What is said below a run's tables: expectations, and why the command ends as it does."""

from __future__ import annotations

from typing import Any

import pytest
from made import made_case, made_plan, made_record

from harness.judging.expectations import Outcome
from harness.showing.closing import exit_lines, expectation_lines

PLAN = made_plan(made_case({"init": "zeros"}), made_case({"init": "ones"}), seeds=(0, 1))
HOLDS = Outcome(text="a is at least 0.9", outcome="holds")
FAILS = Outcome(text="b is at most 0.1", outcome="fails", why="seed 3 has 0.31")
OPEN = Outcome(text="c is at least 0.9", outcome="undecided")


def test_expectations_that_hold_are_counted_and_others_told_with_the_figure() -> None:
    assert expectation_lines([HOLDS, FAILS, OPEN]) == [
        "1 of 3 expectations of the suite hold",
        "expected, but it fails: b is at most 0.1: seed 3 has 0.31",
        "expected, but it is undecided: c is at least 0.9",
    ]
    assert expectation_lines([HOLDS]) == ["1 of 1 expectations of the suite hold"]
    assert expectation_lines([]) == []


def test_hostile_texts_are_escaped_and_cut() -> None:
    evil = "\x1b[31m\n" + "x" * 5000
    [_, line] = expectation_lines([Outcome(text=evil, outcome="fails", why=evil)])

    assert line.isprintable()
    assert len(line) < 2100


@pytest.mark.parametrize(
    ("statuses", "code", "told"),
    [
        (["ok", "ok", "ok", "ok"], 0, []),
        (["ok", "ok", "diverged", "skipped"], 0, []),
        (
            ["ok", "error", "timeout", "diverged"],
            3,
            ["exit 3: of 4 trials, timeout 1, error 1"],
        ),
        (
            ["ok", "ok", "diverged", "skipped"],
            3,
            ["exit 3, under --strict: of 4 trials, diverged 1, skipped 1"],
        ),
        (
            ["error", "error", "skipped"],
            4,
            ["exit 4: no trial ended ok or diverged (error 2, skipped 1)"],
        ),
        ([], 4, ["exit 4: no trial ended ok or diverged (none was run)"]),
        (["ok"], 1, ["exit 1, under --check: 2 of 3 expectations do not hold"]),
    ],
)
def test_a_code_that_is_not_0_is_explained(statuses: list[Any], code: int, told: list[str]) -> None:
    places = [(case, seed) for case in (0, 1) for seed in (0, 1)]
    found = [
        made_record(PLAN, case, seed, status)
        for (case, seed), status in zip(places, statuses, strict=False)
    ]

    assert exit_lines(PLAN, found, [HOLDS, FAILS, OPEN], code) == told


def test_the_last_attempt_is_what_is_told() -> None:
    found = [made_record(PLAN, 0, 0, "error"), made_record(PLAN, 0, 0, "timeout", attempt=2)]

    assert exit_lines(PLAN, found, [], 4) == ["exit 4: no trial ended ok or diverged (timeout 1)"]

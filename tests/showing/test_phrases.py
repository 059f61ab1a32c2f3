"""What was judged of a metric, in a few words."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judging.compare import Comparison
from harness.numbers.metrics import MEANINGS
from harness.numbers.verdicts import MORE_THAN_MOST, NO_SPREAD
from harness.showing.phrases import phrase_of_one, phrase_of_several

ACCURACY = MEANINGS["test_accuracy"]
MEMORY = MEANINGS["host_peak_bytes"]
FAILED = "failed 3 of 5"


def made(verdict: Any, difference: float | None = 0.79, **more: Any) -> Comparison:
    usual: dict[str, Any] = {"ci95": (0.72, 0.86), "n": 5, "margin": 0.01}
    return Comparison(
        levels={},
        baseline={},
        metric="test_accuracy",
        verdict=verdict,
        difference=difference,
        **{**usual, **more},
    )


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (made("better"), "accuracy better by 79 points [72, 86], 5 of 5 seeds"),
        (
            made("worse", -0.2, ci95=(-0.3, -0.1), note=f"{FAILED}; worse on those that finished"),
            "accuracy worse by 20 points [10, 30]"
            " (failed 3 of 5; worse on those that finished), 5 of 5 seeds",
        ),
        (
            made("better", 0.25, ci95=(0.25, 0.25), note=NO_SPREAD),
            "accuracy better by 25 points (no spread: the mean alone decides), 5 of 5 seeds",
        ),
        (made("same", 0.001), "accuracy the same within 1 point, 5 of 5 seeds"),
        (
            made("same", 0.0, note="identical on all 5 seeds"),
            "accuracy the same within 1 point (identical on all 5 seeds:"
            " the factor may have had no effect), 5 of 5 seeds",
        ),
        (
            made("undecided", seeds_needed=20),
            "accuracy undecided, a fresh run of about 20 seeds would decide",
        ),
        (
            made("undecided", note=MORE_THAN_MOST),
            "accuracy undecided, more than 50 seeds would decide",
        ),
        (
            made("undecided", note=f"{FAILED}; {MORE_THAN_MOST}"),
            "accuracy undecided, failed 3 of 5; more than 50 seeds would decide",
        ),
        (
            made("undecided", note="1 of 5 seeds collapsed"),
            "accuracy undecided, 1 of 5 seeds collapsed",
        ),
        (made("undecided"), "accuracy undecided"),
        (
            made("better", None, ci95=None, note="the ratio is past the largest number"),
            "accuracy better (the ratio is past the largest number), 5 of 5 seeds",
        ),
        (made(None, note="2 pairs: a word needs 3"), None),
    ],
)  # fmt: skip
def test_one_case_has_its_word_figures_and_what_must_be_known(
    found: Comparison, told: str | None
) -> None:
    assert phrase_of_one("accuracy", ACCURACY, found, ", 5 of 5 seeds") == told


def test_less_memory_is_better_by_its_size() -> None:
    found = made("better", -0.35, ci95=(-0.4, -0.3))

    assert phrase_of_one("memory", MEMORY, found) == "memory better by 35 % [30, 40]"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([made("better", 0.36), made("better", 0.88)], "better in both cases (by 36 to 88 points)"),
        ([made("same")] * 3, "the same in all 3 cases"),
        (
            [made("same"), made("better"), made("undecided", seeds_needed=20), made("worse", -0.1)],
            "better in 1 of 4 cases (by 79 points), worse in 1 (by 10.0 points), the same in 1,"
            " undecided in 1 (about 20 seeds would decide)",
        ),
        (
            [made("undecided", seeds_needed=20), made("undecided", seeds_needed=50)],
            "undecided in both cases (about 50 seeds would decide)",
        ),
        (
            [made("undecided", seeds_needed=20), made("undecided", note=MORE_THAN_MOST)],
            "undecided in both cases (more than 50 seeds would decide)",
        ),
        (
            [made("undecided", note=f"{each} of 5 seeds collapsed") for each in (1, 2)],
            "undecided in both cases (1 of 5 seeds collapsed; 2 of 5 seeds collapsed)",
        ),
        (
            [made("undecided", note=f"{each} of 5 seeds collapsed") for each in (1, 2, 3)],
            "undecided in all 3 cases (the table says why)",
        ),
        (
            [made("better"), made(None, None, note="failed 5 of 5; no result")],
            "better in 1 of 2 cases (by 79 points), no word in 1 (failed 5 of 5; no result)",
        ),
        ([made(None, note="2 pairs: a word needs 3")] * 2, None),
    ],
)  # fmt: skip
def test_several_cases_are_counted_by_their_words(
    found: list[Comparison], told: str | None
) -> None:
    shown = phrase_of_several("accuracy", ACCURACY, found)

    assert shown == (f"accuracy {told}" if told else None)

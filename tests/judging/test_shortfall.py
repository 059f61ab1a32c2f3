"""What an expectation fell short of."""

from __future__ import annotations

import pytest

from harness.judging.compare import Comparison
from harness.judging.shortfall import of_median, of_statuses, of_values, of_word
from harness.numbers.metrics import MEANINGS
from harness.numbers.verdicts import Word

ACCURACY = MEANINGS["test_accuracy"]


def test_the_first_seed_out_of_bounds_is_told_with_its_figure() -> None:
    values = {"0": 0.95, "3": 0.31, "4": 0.2}

    assert of_values(values, {"0": True, "3": False, "4": True}, "1") == "seed 3 has 0.31"
    assert of_values(values, {"0": True, "3": False, "4": False}, "1") == (
        "seed 3 has 0.31, and 1 more"
    )
    assert of_values({"0": 2048.0}, {"0": False}, "bytes") == "seed 0 has 2.00 KiB"


def test_a_seed_without_a_figure_is_told_where_none_is_out_of_bounds() -> None:
    values = {"0": 0.95, "1": None, "2": 0.2}

    assert of_values(values, {"0": True, "1": None, "2": True}, "1") == "seed 1 has no figure"
    assert of_values(values, {"0": True, "1": None, "2": False}, "1") == "seed 2 has 0.2"
    assert of_values({}, {}, "1") == "no seed was planned"


def test_a_median_is_told_unless_a_seed_has_no_figure() -> None:
    assert of_median({"0": 0.25, "1": 0.5, "2": 0.75}, "1") == "it is 0.5"
    assert of_median({"0": 0.25, "1": None, "2": None}, "1") == "seed 1 has no figure, and 1 more"
    assert of_median({}, "1") == "no seed was planned"


def test_the_first_trial_that_ended_otherwise_is_told() -> None:
    ended = [("0", "diverged"), ("1", "ok"), ("2", None)]

    assert of_statuses("diverged", ended) == "seed 1 ended ok, and 1 more"
    assert of_statuses("diverged", ended[2:]) == "seed 2 was not run"


@pytest.mark.parametrize(
    ("verdict", "note", "told"),
    [
        ("undecided", "1 of 5 seeds collapsed", "it is undecided, +3 [-1, 7] points"),
        ("same", None, "it is same, +3 [-1, 7] points"),
        (None, "2 pairs: a word needs 3", "it is without a word, +3 [-1, 7] points"),
    ],
)
def test_a_claim_is_told_by_the_word_that_it_got(
    verdict: Word | None, note: str | None, told: str
) -> None:
    found = Comparison(
        levels={}, baseline={}, metric="test_accuracy", verdict=verdict, note=note,
        difference=0.03, ci95=(-0.01, 0.07), n=5,
    )  # fmt: skip

    assert of_word(found, ACCURACY) == told + (f" ({note})" if note else "")


def test_a_claim_without_figures_is_told_so() -> None:
    found = Comparison(
        levels={}, baseline={}, metric="test_accuracy", difference=None, ci95=None, note="no result"
    )

    assert of_word(found, ACCURACY) == "there is nothing to compare (no result)"
    assert of_word(None, ACCURACY) == "there is nothing to compare"

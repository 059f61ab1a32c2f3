"""Say what an expectation fell short of: which seed has which figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.judging.compare import Comparison
from harness.numbers.figures import difference_text, difference_unit
from harness.numbers.metrics import Meaning
from harness.numbers.statistics import median_of
from harness.units import quantity


def of_statuses(expected: str, ended: Iterable[tuple[str, str | None]]) -> str:
    """Say how trials ended that should have ended otherwise, by seed; None: not at all."""
    wrong = {seed: status for seed, status in ended if status != expected}
    return _seeds(
        {seed: f"ended {each}" if each else "was not run" for seed, each in wrong.items()}
    )


def of_values(
    values: Mapping[str, float | None], within: Mapping[str, bool | None], unit: str
) -> str:
    """Say which seeds have a figure out of bounds; where none has, which have no figure.

    Args:
        values: By seed.
        within: Whether each is within bounds; None: it has no figure.
        unit: Of the figures.
    """
    beyond = {
        seed: f"has {quantity(values[seed], unit)}" for seed, ok in within.items() if ok is False
    }
    return _seeds(beyond or {seed: "has no figure" for seed, ok in within.items() if ok is None})


def of_median(values: Mapping[str, float | None], unit: str) -> str:
    """Say what the median is, or which seeds have no figure."""
    missing = {seed: "has no figure" for seed, each in values.items() if each is None}
    known = [each for each in values.values() if each is not None]
    return _seeds(missing) if missing or not known else f"it is {quantity(median_of(known), unit)}"


def of_word(found: Comparison | None, meaning: Meaning) -> str:
    """Say which word a claimed pair got, with its figures."""
    if found is None or found.difference is None:
        told = "there is nothing to compare"
    else:
        difference = difference_text(found.difference, found.ci95, meaning)
        unit = difference_unit(meaning)
        told = f"it is {found.verdict or 'without a word'}, {difference}{unit and ' '}{unit}"
    return f"{told} ({found.note})" if found and found.note else told


def _seeds(told: Mapping[str, str]) -> str:
    """Tell of the first seed, and how many more there are."""
    if not told:
        return "no seed was planned"
    seed, what = next(iter(told.items()))
    more = f", and {len(told) - 1} more" if len(told) > 1 else ""
    return f"seed {seed} {what}{more}"

"""What is planned, as `run.json` keeps it: cases, trials in their order, expectations."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class Case(Struct, frozen=True, kw_only=True):
    """One combination of all settings, without the seed.

    Attributes:
        settings: Every address with its value, defaults too.
        levels: The level of every factor; None where it does not apply to this case.
        baseline: Index of the case that this one is compared with; None: with none. A baseline
            names itself.
        expected: A status that is known before the trial: `unsupported` or `skipped`.
        reason: Why that status is expected.
    """

    settings: dict[str, Any]
    levels: dict[str, Any]
    baseline: int | None = None
    expected: Literal["skipped", "unsupported"] | None = None
    reason: str | None = None


class Trial(Struct, frozen=True, kw_only=True):
    """A case (by index) with a seed and a fold."""

    case: int
    seed: int
    fold: int | None = None
    key: str


class Expectation(Struct, frozen=True, kw_only=True):
    """What a suite says will be seen of some cases.

    Attributes:
        text: The sentence that a table prints.
        cases: Indices of the cases that it speaks of.
        metric: None where it is about a status.
        min: Lowest value that every seed (or the median, or a share of the seeds) reaches.
        max: Highest value, likewise.
        better_than: For each of `cases`, the index of the case that it is better than; None: not
            asked.
        same_as: For each of `cases`, the index of the case that it is the same as; None: not asked.
        status: The status that every seed ends with.
        of: Whether `min` and `max` speak of every seed or of the median.
        share: The share of the seeds that suffices.
        epoch: Counted from 1: the value after that epoch, not the final one.
        by_epoch: The best value up to that epoch.
    """

    text: str
    cases: tuple[int, ...]
    metric: str | None = None
    min: float | None = None
    max: float | None = None
    better_than: tuple[int, ...] | None = None
    same_as: tuple[int, ...] | None = None
    status: str | None = None
    of: Literal["seeds", "median"] = "seeds"
    share: float = 1.0
    epoch: int | None = None
    by_epoch: int | None = None


class Plan(Struct, frozen=True, kw_only=True):
    """The checked, ordered list of trials.

    Attributes:
        suite: Its name; `sweep` for a sweep of one's own.
        summary: The suite's question.
        seed: The plan's own: it shuffles the cases of each seed.
        seeds: The seeds, ascending as given.
        factors: Addresses that vary.
        cases: In the order of the design: rows of a table.
        trials: In the order of running: seed by seed, the cases of each shuffled.
        expectations: What the suite says will be seen.
        margins: Margins that the suite sets, by metric.
        columns: Metrics that the suite's tables show; empty: a choice by what there is.
        notes: What the user should know: what was dropped, merged or is expected to be skipped.
        looks: After how many seeds an adaptive run stops if all is decided; empty: it runs all.
        until: The metrics whose comparisons decide that; empty: the first that tells of learning.
        base: What the suite sets in all cases, by address, as text; not what it leaves at defaults.
    """

    suite: str
    summary: str = ""
    seed: int = 0
    seeds: tuple[int, ...]
    factors: tuple[str, ...]
    cases: tuple[Case, ...]
    trials: tuple[Trial, ...]
    expectations: tuple[Expectation, ...] = ()
    margins: dict[str, float] = {}
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    looks: tuple[int, ...] = ()
    until: tuple[str, ...] = ()
    base: dict[str, str] = {}

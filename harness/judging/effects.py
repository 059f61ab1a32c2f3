"""Make the effects of a factorial design: of a level on the whole, and of two levels together.

A main effect is the mean over the other factors' cells at a level, less that at the reference, seed
by seed; an interaction is a difference of two such differences (STATISTICS.md, section 7, step 12).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness.judging.compare import (
    ANOTHER_LOSS,
    HEAVY_TAILED,
    loss_of,
    present,
    scope_of,
    step_of,
    withheld,
)
from harness.judging.contrasts import (
    Cells,
    Contrast,
    Kind,
    interactions,
    main_contrasts,
    simple_contrasts,
)
from harness.judging.grid import Grid, grid_of
from harness.judging.tables import CaseSummary
from harness.numbers.metrics import LOSSES
from harness.numbers.statistics import Interval, Scale, mean_of
from harness.numbers.verdicts import MORE_THAN_MOST, Pair, Side, Verdict, Word, collapses, judge
from harness.records.planned import Plan

_LARGEST = 1400.0
"""A logarithm of a ratio that two floats can still have between them."""


class Effect(Struct, frozen=True, kw_only=True, gc=False):
    """What a level changes, or two levels together beyond what each changes alone.

    Attributes:
        kind: `main` over all levels of the other factors, `interaction` of two levels, or `simple`
            at one combination of the others' levels, where a main effect cannot be given.
        levels: The level, or the two, by factor.
        baseline: The reference level of the same factors.
        at: The levels of the others, of a simple effect.
        metric: Its name.
        difference: As a comparison has it; of an interaction, the difference of two differences.
        ci95: Of the difference; not adjusted for the number of effects.
        p_adjusted: After Holm, over all effects on the metric in the run.
        verdict: The word; of an interaction, `better` is better together than the sum of the two.
        seeds_needed: Seeds of a fresh run that would decide.
        note: What a reader has to know beside the word.
        n: How many seeds have a figure in every cell.
        margin: The smallest difference that matters.
    """

    kind: Kind
    levels: dict[str, Any]
    baseline: dict[str, Any]
    at: dict[str, Any] = {}
    metric: str
    difference: float | None = None
    ci95: Interval | None = None
    p_adjusted: float | None = None
    verdict: Word | None = None
    seeds_needed: int | None = None
    note: str | None = None
    n: int = 0
    margin: float = 0.0


def effects(
    plan: Plan, rows: Sequence[CaseSummary], names: Collection[str] | None = None
) -> tuple[Effect, ...]:
    """Make the main effects and interactions of two factors, those on one metric as one family.

    Args:
        plan: What was planned.
        rows: The summaries of its cases, in its order.
        names: The metrics; None: all of which the run has a figure.

    Raises:
        BenchError: the cases form no full product.
    """
    grid = grid_of(plan)
    contrasts = [*main_contrasts(grid), *interactions(grid)]
    return tuple(
        effect
        for name in rows[0].metrics
        if (names is None or name in names) and any(row.metrics[name].n for row in rows)
        for effect in _Family(plan, rows, grid, name).judged(contrasts)
    )


class _Family:
    """All effects on one metric.

    Args:
        plan: What was planned.
        rows: The summaries of its cases.
        grid: The product that they form.
        name: The metric.
    """

    def __init__(self, plan: Plan, rows: Sequence[CaseSummary], grid: Grid, name: str) -> None:
        self._rows, self._grid, self._name = rows, grid, name
        self._scope = scope_of(plan, rows[0].metrics[name].meaning)
        self._values = [present(row, name) for row in rows]
        self._steps = [step_of(row.metrics[name].meaning, row) for row in rows]
        self._collapsed: Sequence[int] = [0] * len(rows)
        if name == HEAVY_TAILED:
            arms = [list(each.values()) for each in self._values]
            self._collapsed = collapses(arms, self._steps, self._scope.direction)

    def judged(self, contrasts: Sequence[Contrast]) -> Iterator[Effect]:
        """Judge contrasts; main effects over a cell without a result are taken apart behind it."""
        empty = {index for index, values in enumerate(self._values) if not values}
        absent: dict[int, Verdict] = {}
        listed: list[Contrast] = []
        for each in contrasts:
            listed.append(each)
            if not empty.isdisjoint((*each.plus, *each.minus)):
                apart = simple_contrasts(self._grid, each, empty) if each.kind == "main" else ()
                simple = list(apart)
                absent[len(listed) - 1] = _absent(each, empty, bool(simple))
                listed += simple
        given = [each for place, each in enumerate(listed) if place not in absent]
        found = zip(given, judge([self._pair(each) for each in given], self._scope), strict=True)
        noted = (self._noted(each, verdict) for each, verdict in found)
        for place, each in enumerate(listed):
            yield self._effect(each, absent[place] if place in absent else next(noted))

    def _pair(self, contrast: Contrast) -> Pair:
        """Make a contrast ready to be judged: by seed, what is for it above what is against it.

        Its step is that of a comparison, which is of two cells, for as many as it has.
        """
        cells = (*contrast.plus, *contrast.minus)
        pairs = [
            (self._rows[case], self._rows[base])
            for case, base in zip(contrast.plus, contrast.minus, strict=True)
        ]
        doubled = 2 if contrast.kind == "interaction" else 1
        share = doubled / math.sqrt(len(pairs))
        reasons = (self._withheld(*each) for each in pairs)
        above, below = _sides(self._contrasts(contrast, doubled), self._scope.scale)
        return Pair(
            self._side(contrast.plus, above),
            self._side(contrast.minus, below),
            share * max(self._steps[each] for each in cells),
            next((each for each in reasons if each), None),
        )

    def _contrasts(self, contrast: Contrast, doubled: int) -> dict[str, float]:
        """Give the contrast of every seed that has a figure in all cells."""
        chosen = [self._values[each] for each in (*contrast.plus, *contrast.minus)]
        found = {}
        for seed in chosen[0]:
            values = [each[seed] for each in chosen if seed in each]
            if len(values) == len(chosen):
                half = len(values) // 2
                scaled = [_scaled(each, self._scope.scale) for each in values]
                found[seed] = doubled * (mean_of(scaled[:half]) - mean_of(scaled[half:]))
        return found

    def _side(self, cells: Cells, values: Mapping[str, float]) -> Side:
        return Side(
            values=values,
            planned=sum(len(self._rows[each].metrics[self._name].values) for each in cells),
            failed=sum(self._rows[each].failed for each in cells),
        )

    def _withheld(self, case: CaseSummary, base: CaseSummary) -> str | None:
        if self._name in LOSSES and loss_of(case) != loss_of(base):
            return ANOTHER_LOSS
        return withheld(self._name, case, base)

    def _noted(self, contrast: Contrast, verdict: Verdict) -> Verdict:
        """Say which seeds were left out, and take the word where trials collapsed."""
        cells = (*contrast.plus, *contrast.minus)
        known = {seed for each in cells for seed in self._values[each]}
        left = len(known) - verdict.n
        notes = [*(verdict.note or "").split("; ")]
        if left:
            notes.append(f"{left} of {len(known)} seeds lack a cell")
        collapsed = sum(self._collapsed[each] for each in cells)
        if collapsed and verdict.word is not None:
            trials = sum(len(self._values[each]) for each in cells)
            notes = [each for each in notes if each != MORE_THAN_MOST]
            notes.append(f"{collapsed} of {trials} seeds of its cells collapsed")
            verdict = replace(verdict, word="undecided", seeds_needed=None)
        return replace(verdict, note="; ".join(each for each in notes if each) or None)

    def _effect(self, contrast: Contrast, found: Verdict) -> Effect:
        return Effect(
            kind=contrast.kind,
            levels=self._grid.assignment(contrast.places),
            baseline=self._grid.assignment(dict.fromkeys(contrast.places, 0)),
            at=self._grid.assignment(contrast.at),
            metric=self._name,
            difference=found.difference,
            ci95=found.ci95,
            p_adjusted=found.p_adjusted,
            verdict=found.word,
            seeds_needed=found.seeds_needed,
            note=found.note,
            n=found.n,
            margin=self._scope.margin,
        )


def _absent(contrast: Contrast, empty: Collection[int], instead: bool) -> Verdict:
    """Say why an effect cannot be given."""
    cells = (*contrast.plus, *contrast.minus)
    told = f"no result in {sum(each in empty for each in cells)} of {len(cells)} cells"
    return Verdict(note=f"{told}: simple effects instead" if instead else told)


def _scaled(value: float, scale: Scale) -> float:
    """Put a value on the scale of differences; what has no logarithm is no number there."""
    if scale == "difference":
        return value
    return math.log(value) if value > 0 else math.nan


def _sides(
    contrasts: Mapping[str, float], scale: Scale
) -> tuple[dict[str, float], dict[str, float]]:
    """Write contrasts as values of two sides whose paired differences they are."""
    if scale == "difference":
        return dict(contrasts), dict.fromkeys(contrasts, 0.0)
    halves = {seed: _halves(each) for seed, each in contrasts.items()}
    above = {seed: high for seed, (high, _) in halves.items()}
    return above, {seed: low for seed, (_, low) in halves.items()}


def _halves(contrast: float) -> tuple[float, float]:
    """Give two values whose logarithms differ by a contrast; if none do, one without logarithm."""
    if not abs(contrast) < _LARGEST:
        return 0.0, 1.0
    return math.exp(contrast / 2), math.exp(-contrast / 2)

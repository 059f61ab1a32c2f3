"""Compare each case of a run with its baseline, metric by metric.

What may be judged is decided here; how is decided in `verdicts.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from msgspec import Struct

from harness.judging.tables import CaseSummary
from harness.numbers.metrics import GPU, LEARNING, LOSSES, MEMORY, SPEED, Meaning
from harness.numbers.statistics import Interval
from harness.numbers.verdicts import Pair, Scope, Side, Verdict, Word, collapses, judge
from harness.records.planned import Plan

SMALL_BYTES = 16 << 20
"""Host memory below which pages that happen to be touched are most of the difference."""

ANOTHER_LOSS = "another loss: the two figures do not mean the same"

HEAVY_TAILED = "test_accuracy"
"""The metric in which seeds that collapse are looked for; elsewhere that was not tried out."""


class Comparison(Struct, frozen=True, kw_only=True, gc=False):
    """A case against its baseline on one metric, as the JSON contract has it.

    Attributes:
        levels: Of the case.
        baseline: The levels of the case that it is compared with.
        metric: Its name.
        difference: Case minus baseline, or case / baseline - 1 on scale ratio; never flipped.
        ci95: Of the difference; not adjusted for the number of comparisons.
        p_adjusted: After Holm, over all comparisons of the metric in the run.
        verdict: The word; None where there is none, and the note says why.
        seeds_needed: Seeds of a fresh run that would decide.
        note: What a reader has to know beside the word.
        n: How many seeds both have.
        margin: The smallest difference that matters.
        case: Which case of the plan it is.
        against: Which case of the plan the baseline is.
    """

    levels: dict[str, Any]
    baseline: dict[str, Any]
    metric: str
    difference: float | None
    ci95: Interval | None
    p_adjusted: float | None = None
    verdict: Word | None = None
    seeds_needed: int | None = None
    note: str | None = None
    n: int = 0
    margin: float = 0.0
    case: int = 0
    against: int = 0


def comparisons(plan: Plan, rows: Sequence[CaseSummary]) -> tuple[Comparison, ...]:
    """Compare each case with its baseline on every metric of which either has a figure.

    Args:
        plan: What was planned.
        rows: The summaries of its cases, in its order.

    Returns:
        Case by case, in the order of the plan; the comparisons of one metric are one family.
    """
    return tuple(itertools.chain.from_iterable(compared(plan, rows, baseline_pairs(plan)).values()))


def baseline_pairs(plan: Plan) -> list[tuple[int, int]]:
    """Name the cases that have a baseline, each with it, by their indices."""
    return [
        (index, case.baseline)
        for index, case in enumerate(plan.cases)
        if case.baseline is not None and case.baseline != index
    ]


def decided(plan: Plan, rows: Sequence[CaseSummary]) -> bool:
    """Tell whether more seeds would change nothing: every comparison of `plan.until` has its word.

    A case with failed seeds can be decided by no number of them.
    """
    names = plan.until or learning_metric(rows)
    found = compared(plan, rows, baseline_pairs(plan), names)
    return not any(
        each.verdict == "undecided" and not _hopeless(rows[each.case], rows[each.against])
        for family in found.values()
        for each in family
    )


def learning_metric(rows: Sequence[CaseSummary]) -> tuple[str, ...]:
    """Name the first metric that tells of learning and has a figure; none where none has."""
    present = {name for row in rows for name, each in row.metrics.items() if each.n}
    return tuple(each for each in LEARNING if each in present)[:1]


def compared(
    plan: Plan,
    rows: Sequence[CaseSummary],
    pairs: Sequence[tuple[int, int]],
    names: Collection[str] | None = None,
) -> dict[tuple[int, int], list[Comparison]]:
    """Compare pairs of cases, those of one metric as one family.

    Args:
        plan: What was planned.
        rows: The summaries of its cases, in its order.
        pairs: The case that gets the word, and the one that it is compared with.
        names: The metrics; None: all of the run.
    """
    found: dict[tuple[int, int], list[Comparison]] = {pair: [] for pair in pairs}
    for name in rows[0].metrics if rows else ():
        if names is not None and name not in names:
            continue
        family = [
            (case, base)
            for case, base in pairs
            if rows[case].metrics[name].n or rows[base].metrics[name].n
        ]
        scope = scope_of(plan, rows[0].metrics[name].meaning)
        matched = list(_matched(name, scope, rows, family))
        for pair, verdict in zip(family, judge(matched, scope), strict=True):
            found[pair].append(_comparison(plan, pair, name, scope, verdict))
    return found


def scope_of(plan: Plan, meaning: Meaning) -> Scope:
    """Say how a metric is judged in a run: its suite may set another margin."""
    return Scope(
        scale=meaning.scale,
        direction=meaning.direction,
        margin=plan.margins.get(meaning.name, meaning.margin),
        looks=max(1, len(plan.looks)),
    )


def step_of(meaning: Meaning, row: CaseSummary) -> float:
    """Say what the smallest change is that a metric can show in a case; 0 where there is none."""
    if meaning.step is not None:
        return meaning.step
    size = row.sizes.get(meaning.split or "")
    return 1 / size if size else 0.0


def _matched(
    name: str, scope: Scope, rows: Sequence[CaseSummary], family: Sequence[tuple[int, int]]
) -> Iterator[Pair]:
    """Make the pairs of one metric ready to be judged."""
    meaning = rows[0].metrics[name].meaning
    concerned = {each for pair in family for each in pair}
    steps = [step_of(meaning, row) for row in rows]
    collapsed: Sequence[int] = [0] * len(rows)
    if name == HEAVY_TAILED:  # all arms of the run tell what is usual, compared or not
        arms = [list(present(row, name).values()) for row in rows]
        collapsed = collapses(arms, steps, scope.direction)
    sides = {each: side_of(rows[each], name, collapsed[each]) for each in concerned}
    losses = {each: loss_of(rows[each]) for each in concerned} if name in LOSSES else {}
    for case, base in family:
        if losses.get(case) != losses.get(base):
            nothing = Side(values={}, planned=0)
            yield Pair(nothing, nothing, withheld=ANOTHER_LOSS)
            continue
        step = max(steps[case], steps[base])
        yield Pair(sides[case], sides[base], step, withheld(name, rows[case], rows[base]))


def side_of(row: CaseSummary, name: str, collapsed: int = 0) -> Side:
    """Make a case's values of a metric ready to be judged."""
    metric = row.metrics[name]
    return Side(
        values=present(row, name),
        planned=len(metric.values),
        failed=row.failed,
        collapsed=collapsed,
    )


def present(row: CaseSummary, name: str) -> Mapping[str, float]:
    """Give the values that there are of a metric, by seed: none where it is not in the run."""
    metric = row.metrics.get(name)
    if metric is None:
        return {}
    if metric.n == len(metric.values):
        return cast(Mapping[str, float], metric.values)
    return {seed: value for seed, value in metric.values.items() if value is not None}


def withheld(name: str, case: CaseSummary, baseline: CaseSummary) -> str | None:
    """Say why two figures of a metric are not judged."""
    if (case.shared or baseline.shared) and name in SPEED | MEMORY | GPU:
        return "trials ran side by side: speed and memory were shared"
    if name in MEMORY and _device_of(case) != _device_of(baseline):
        return "another device: the two figures do not mean the same"
    if name == "host_peak_bytes":
        most = max((*present(case, name).values(), *present(baseline, name).values()), default=0)
        if 0 < most < SMALL_BYTES:
            return "both below 16 MiB"
    return None


def _hopeless(case: CaseSummary, baseline: CaseSummary) -> bool:
    """Tell whether a case has failed so often that no word but *worse* is left."""
    return 0 < case.failed >= baseline.failed


def _comparison(
    plan: Plan, pair: tuple[int, int], metric: str, scope: Scope, found: Verdict
) -> Comparison:
    case, base = pair
    return Comparison(
        levels=plan.cases[case].levels,
        baseline=plan.cases[base].levels,
        metric=metric,
        difference=found.difference,
        ci95=found.ci95,
        p_adjusted=found.p_adjusted,
        verdict=found.word,
        seeds_needed=found.seeds_needed,
        note=found.note,
        n=found.n,
        margin=scope.margin,
        case=case,
        against=base,
    )


def loss_of(row: CaseSummary) -> dict[str, Any]:
    """Give the settings that say what a case's losses mean."""
    settings = row.case.settings
    return {each: settings[each] for each in settings if each == "loss" or each.startswith("loss.")}


def _device_of(row: CaseSummary) -> object:
    return row.case.settings.get("device", "cpu")

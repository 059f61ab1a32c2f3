"""Print cases and trials as CSV: raw numbers, in SI base units and bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from harness.judging.compare import Comparison
from harness.judging.effects import Effect
from harness.judging.tables import CaseSummary, MetricSummary, finite
from harness.records.naming import level_text
from harness.records.planned import Case, Plan, Trial
from harness.records.record import Record
from harness.showing.columns import figured, resolved, status_text
from harness.showing.layout import csv_text

JUDGED = (
    "difference",
    "low",
    "high",
    "p_adjusted",
    "verdict",
    "pairs",
    "margin",
    "seeds_needed",
    "note",
)
"""What is known of a comparison: the ends of its columns, behind `METRIC_`."""

ByCase: TypeAlias = Mapping[tuple[int, str], Comparison]
"""Comparisons by the index of the case and the metric."""

TrialPair: TypeAlias = tuple[Trial, Record | None]


def cases_csv(plan: Plan, rows: Sequence[CaseSummary], names: Sequence[str], judged: ByCase) -> str:
    """Print a row a case; where cases are compared, with what is known of each comparison.

    Args:
        plan: What was planned.
        rows: The summaries of its cases.
        names: The metrics to show.
        judged: The comparisons; none: no columns for them.
    """
    header = [*plan.factors, "planned", "status"]
    for name in names:
        header += [name, f"{name}_std", f"{name}_n"]
        header += [f"{name}_{each}" for each in JUDGED if judged]
    lines = [
        [
            *levels(row.case, plan.factors),
            row.planned,
            status_text(row),
            *_figures(index, row, names, judged),
            "; ".join(row.reasons),
        ]
        for index, row in enumerate(rows)
    ]
    return csv_text([*header, "reason"], lines)


def trials_csv(plan: Plan, pairs: Sequence[TrialPair], names: Sequence[str]) -> str:
    """Print a row a trial."""
    header = [*plan.factors, "seed", "fold", "attempt", "status", *names, "reason"]
    return csv_text(header, [_trial_line(plan, names, *each) for each in pairs])


def levels(case: Case, factors: Sequence[str]) -> list[str | None]:
    """Give the levels of a case as texts; None where a factor does not apply."""
    found = [case.levels.get(address) for address in factors]
    return [None if value is None else level_text(value) for value in found]


def judged_values(found: Comparison | Effect | None) -> list[object]:
    """Give what is known of a comparison or an effect, in the order of `JUDGED`."""
    if found is None:
        return [None] * len(JUDGED)
    low, high = found.ci95 or (None, None)
    return [
        found.difference,
        low,
        high,
        found.p_adjusted,
        found.verdict,
        found.n,
        found.margin,
        found.seeds_needed,
        found.note,
    ]


def _figures(
    index: int, row: CaseSummary, names: Sequence[str], judged: ByCase
) -> Iterator[object]:
    for name in names:
        yield from _mean(figured(name, row))
        if judged:
            yield from judged_values(judged.get((index, resolved(name, row.case))))


def _mean(found: MetricSummary | None) -> tuple[object, ...]:
    return (found.mean, found.std, found.n) if found else (None, None, 0)


def _trial_line(
    plan: Plan, names: Sequence[str], trial: Trial, record: Record | None
) -> list[object]:
    case = plan.cases[trial.case]
    line: list[object] = [*levels(case, plan.factors), trial.seed, trial.fold]
    if record is None:
        return [*line, None, "not run", *(None for _ in names), None]
    found = record.metrics if record.status == "ok" else {}
    values = [finite(found.get(resolved(each, case))) for each in names]
    return [*line, record.attempt, record.status, *values, record.reason]

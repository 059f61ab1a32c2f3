"""Say why a trial has no figures, or a figure is missing: a line a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from harness.judging.tables import CaseSummary
from harness.records.planned import Case, Plan
from harness.records.record import Record
from harness.records.store import last_attempts
from harness.showing.columns import metrics_of, resolved
from harness.units import one_line

_MOST = 8


def reasons_of_trials(rows: Sequence[CaseSummary]) -> list[str]:
    """Say why trials did not end ok, with the number of trials: the first reasons."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row.reasons)
    return _lines(counts, "reasons: --trials shows them")


def reasons_of_figures(plan: Plan, records: Iterable[Record], names: Sequence[str]) -> list[str]:
    """Say why trials that ended ok lack a figure that a table shows: the first reasons.

    Args:
        plan: What was planned.
        records: In the order of the file; the last attempt of each trial counts.
        names: The columns of the table.
    """
    latest = last_attempts(records)
    wanted = metrics_of(names)
    counts: Counter[str] = Counter()
    for trial in plan.trials:
        record = latest.get(trial.key)
        if record is not None and record.status == "ok" and not wanted.isdisjoint(record.missing):
            counts.update(_missing(names, plan.cases[trial.case], record.missing))
    return _lines(counts, "reasons for a missing figure: --format json --trials has them")


def _missing(names: Sequence[str], case: Case, missing: Mapping[str, str]) -> list[str]:
    return [
        f"{name}: {missing[metric]}"
        for name in names
        if (metric := resolved(name, case)) in missing
    ]


def _lines(counts: Mapping[str, int], others: str) -> list[str]:
    lines = [
        one_line(reason) + (f" ({_trials(count)})" if count else "")
        for reason, count in list(counts.items())[:_MOST]
    ]
    if len(counts) > _MOST:
        lines.append(f"... and {len(counts) - _MOST} other {others}")
    return lines


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"

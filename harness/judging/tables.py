"""Summaries of a plan's cases over their seeds: what every table, comparison and page is made of.

A case without a figure is there too, with its statuses and reasons. Printing is `render.py`'s.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from msgspec import Struct

from harness.numbers.metrics import MEANINGS, Meaning, base_name
from harness.numbers.statistics import Interval, mean_of, summary
from harness.records.planned import Case, Plan, Trial
from harness.records.record import FAILED, STATUSES, Record
from harness.records.store import last_attempts, no_collection

NO_MEANINGS: Mapping[str, Meaning] = {}


class MetricSummary(Struct, frozen=True, kw_only=True, gc=False):
    """A case's figures of one metric over its seeds; n counts seeds.

    Args:
        meaning: What the number means.
        n: How many planned seeds have a value.
        mean: None where none has.
        std: None for fewer than two.
        ci95: Of the mean; None for fewer than two.
        values: By every planned seed, None where there is none; with folds the mean of its folds.
    """

    meaning: Meaning
    n: int
    mean: float | None
    std: float | None
    ci95: Interval | None
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSummary:
    """A case over its seeds.

    Args:
        case: Its settings and levels.
        planned: How many trials were planned.
        failed: How many of its seeds failed: a trial ended neither ok nor skipped nor unsupported.
        shared: Whether a trial shared the machine with another of the run.
        sizes: The fewest samples that a trial had, by split.
        statuses: How many of them ended how; only those that occur.
        reasons: Why trials did not end ok, `STATUS: REASON`, and how many of them.
        metrics: Every metric of the run, by name.
    """

    case: Case
    planned: int
    failed: int = 0
    shared: bool = False
    sizes: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[str, int]
    reasons: Mapping[str, int]
    metrics: Mapping[str, MetricSummary]


@no_collection()
def summaries(
    plan: Plan, records: Iterable[Record], meanings: Mapping[str, Meaning] = NO_MEANINGS
) -> tuple[CaseSummary, ...]:
    """Summarise every planned case, in the order of the plan.

    Args:
        plan: What was planned.
        records: In the order of the file; the last attempt of each trial counts.
        meanings: Of metrics that are not always taken, as plugins register them.
    """
    latest = last_attempts(records)
    known = {name: meaning_of(name, meanings) for name in metric_names(plan, latest)}
    trials = trials_by_case(plan)
    return tuple(
        _case_summary(
            case,
            plan.seeds if not trials[index] else (),
            [(each, latest.get(each.key)) for each in trials[index]],
            known,
        )
        for index, case in enumerate(plan.cases)
    )


def trials_by_case(plan: Plan) -> dict[int, list[Trial]]:
    """Sort a plan's trials by case, seed and fold."""
    order = {seed: place for place, seed in enumerate(plan.seeds)}
    trials: dict[int, list[Trial]] = {index: [] for index in range(len(plan.cases))}
    for each in plan.trials:
        trials[each.case].append(each)
    for found in trials.values():
        found.sort(key=lambda each: (order.get(each.seed, len(order)), each.seed, each.fold or 0))
    return trials


def metric_names(plan: Plan, latest: Mapping[str, Record]) -> tuple[str, ...]:
    """Name every metric of a run: those that are always taken, then the others, sorted."""
    found: set[str] = set()
    for trial in plan.trials:
        record = latest.get(trial.key)
        if record is not None:
            found.update(record.metrics, record.missing)
    taken = {base_name(name) for name in found}
    for case in plan.cases:  # those that were asked for, though no trial came so far
        asked = [metric.partition("[")[0] for metric in case.settings.get("metrics", ())]
        found.update(name for name in asked if name not in taken)
    return (*MEANINGS, *sorted(found.difference(MEANINGS)))


def meaning_of(name: str, meanings: Mapping[str, Meaning] = NO_MEANINGS) -> Meaning:
    """Say what a metric's number means; one that nobody tells of has no unit."""
    base = base_name(name)
    found = MEANINGS.get(name) or meanings.get(name) or meanings.get(base) or MEANINGS.get(base)
    if found is None:
        return Meaning(name, "1", "higher", 0.0, "difference", "Its plugin did not say.")
    return found if found.name == name else replace(found, name=name)


def finite(value: float | None) -> float | None:
    """Drop what is no figure: NaN and infinity, as a stored or foreign record may hold them."""
    return value if value is not None and -_MOST <= value <= _MOST else None


_MOST = sys.float_info.max
_Figures: TypeAlias = Mapping[str, float | None]


def _case_summary(
    case: Case,
    seeds: Sequence[int],
    found: Sequence[tuple[Trial, Record | None]],
    known: Mapping[str, Meaning],
) -> CaseSummary:
    folds: dict[str, list[_Figures]] = {str(seed): [] for seed in seeds}
    for trial, record in found:
        ok = record is not None and record.status == "ok"
        folds.setdefault(str(trial.seed), []).append(record.metrics if record and ok else {})
    figures = {seed: _over_folds(each, known) for seed, each in folds.items()}
    records = [record for _, record in found if record is not None]
    counts = Counter(each.status for each in records)
    return CaseSummary(
        case=case,
        planned=len(found),
        failed=len({trial.seed for trial, each in found if each and each.status in FAILED}),
        shared=any(each.shared for each in records),
        sizes=_fewest(records),
        statuses={each: counts[each] for each in STATUSES if counts[each]},
        reasons=_reasons(case, records),
        metrics={name: _metric_summary(meaning, figures) for name, meaning in known.items()},
    )


def _fewest(records: Sequence[Record]) -> dict[str, int]:
    found: dict[str, int] = {}
    for record in records:
        for split, size in record.sizes.items():
            found[split] = min(size, found.get(split, size))
    return found


def _over_folds(folds: Sequence[_Figures], known: Iterable[str]) -> _Figures:
    """Give a seed's figures: those of its one trial, or the mean of its folds if all have one."""
    if len(folds) == 1:
        return folds[0]
    found = {name: [finite(each.get(name)) for each in folds] for name in known}
    return {
        name: mean_of([each for each in values if each is not None])
        for name, values in found.items()
        if values and None not in values
    }


def _metric_summary(meaning: Meaning, figures: Mapping[str, _Figures]) -> MetricSummary:
    values = {seed: finite(each.get(meaning.name)) for seed, each in figures.items()}
    found = summary([each for each in values.values() if each is not None])
    return MetricSummary(
        meaning=meaning,
        n=found.n,
        mean=found.mean,
        std=found.std,
        ci95=found.ci95,
        values=values,
    )


def _reasons(case: Case, records: Sequence[Record]) -> dict[str, int]:
    if not records and case.expected:
        return {_reason(case.expected, case.reason): 0}
    return dict(
        Counter(_reason(each.status, each.reason) for each in records if each.status != "ok")
    )


def _reason(status: str, reason: str | None) -> str:
    return f"{status}: {reason}" if reason else status

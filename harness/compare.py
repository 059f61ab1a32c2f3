"""Judge a run: each case against its baseline, what its suite expects, and how the command ends.

Verdicts come with the issue on numbers (STATISTICS.md, section 7); until then every word is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from harness.planned import Case, Expectation, Plan, Trial
from harness.record import BROKEN, RESULTS, Record
from harness.settings import root_of
from harness.statistics import Interval, difference, mean_of, median_of
from harness.store import StoredRun, last_attempts, no_collection
from harness.tables import (
    CaseSummary,
    MetricSummary,
    finite,
    meaning_of,
    summaries,
    trials_by_case,
)

SCHEMA = 1
"""Of the documents that `bench show --format json` prints. 1: 2026-11, first."""

NOT_YET = "not yet"
Word: TypeAlias = Literal["better", "worse", "same", "undecided"]
Holds: TypeAlias = Literal["holds", "fails", "undecided"]

_LOSSES = frozenset({"test_loss", "train_loss", "validation_loss", "running_train_loss"})
"""Metrics whose meaning is the setting `loss`."""


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
    """

    levels: dict[str, Any]
    baseline: dict[str, Any]
    metric: str
    difference: float | None
    ci95: Interval | None
    p_adjusted: float | None = None
    verdict: Word | None = None
    seeds_needed: int | None = None
    note: str | None = NOT_YET
    n: int = 0


class Outcome(Struct, frozen=True, kw_only=True):
    """Whether what a suite expects was seen."""

    text: str
    outcome: Holds


def comparisons(plan: Plan, rows: Sequence[CaseSummary]) -> tuple[Comparison, ...]:
    """Compare each case with its baseline on every metric that both have.

    Args:
        plan: What was planned.
        rows: The summaries of its cases, in its order.
    """
    return tuple(
        each
        for index, case in enumerate(plan.cases)
        if case.baseline is not None and case.baseline != index
        for each in _against(rows[index], rows[case.baseline])
    )


def expectations(
    plan: Plan, rows: Sequence[CaseSummary], records: Iterable[Record]
) -> tuple[Outcome, ...]:
    """Say of each expectation whether it holds, fails, or cannot be decided."""
    latest = last_attempts(records)
    trials = trials_by_case(plan)
    return tuple(
        Outcome(
            text=each.text,
            outcome=_worst(_of_case(each, rows[case], trials[case], latest) for case in each.cases),
        )
        for each in plan.expectations
    )


def all_hold(outcomes: Iterable[Outcome]) -> bool:
    """Tell whether `--check` passes: an expectation that is undecided does not."""
    return all(each.outcome == "holds" for each in outcomes)


def exit_code(
    plan: Plan, records: Iterable[Record], strict: bool = False, check_failed: bool = False
) -> int:
    """Choose the exit code of a command that trained: 4, 3, 1 or 0, the first that applies.

    Args:
        plan: What was planned.
        records: In the order of the file; the last attempt of each trial counts.
        strict: Whether `diverged`, `skipped` and `unsupported` count as failures too.
        check_failed: Whether an expectation failed, or could not be decided, under `--check`.
    """
    latest = last_attempts(records)
    statuses = {latest[each.key].status for each in plan.trials if each.key in latest}
    if not statuses & RESULTS:
        return 4
    if statuses & BROKEN or (strict and statuses - {"ok"}):
        return 3
    return int(check_failed)


@no_collection()
def document(stored: StoredRun) -> dict[str, Any]:
    """Make what `bench show --format json` prints (the contract of DESIGN.md, section 8)."""
    plan = stored.run.plan
    rows = summaries(plan, stored.records, stored.run.meanings)
    return {
        "schema": SCHEMA,
        "suite": stored.run.suite,
        "run": stored.run.id,
        "created": stored.run.created,
        "command": stored.run.command,
        "environment": stored.run.environment,
        "factors": plan.factors,
        "seeds": plan.seeds,
        "cases": [_case_document(each) for each in rows],
        "comparisons": comparisons(plan, rows),
        "expectations": expectations(plan, rows, stored.records),
        "notes": (*plan.notes, *stored.notes),
    }


def trials_document(stored: StoredRun) -> dict[str, Any]:
    """Make what `--format json --trials` prints: the last attempt of each planned trial."""
    latest = last_attempts(stored.records)
    trials = [latest[each.key] for each in stored.run.plan.trials if each.key in latest]
    return {"schema": SCHEMA, "trials": trials}


def _against(row: CaseSummary, baseline: CaseSummary) -> Iterable[Comparison]:
    same_loss = _loss_of(row.case) == _loss_of(baseline.case)
    for name, ours in row.metrics.items():
        theirs = baseline.metrics[name]
        if ours.n and theirs.n:
            alike = same_loss or name not in _LOSSES
            yield _comparison(row.case, baseline.case, ours, theirs, alike)


def _comparison(
    case: Case, baseline: Case, ours: MetricSummary, theirs: MetricSummary, alike: bool
) -> Comparison:
    values, base = _present(ours), _present(theirs)
    found = difference(values, base, ours.meaning.scale) if alike else None
    pairs = found.n if found else len(values.keys() & base.keys())
    return Comparison(
        levels=case.levels,
        baseline=baseline.levels,
        metric=ours.meaning.name,
        difference=found.mean if found else None,
        ci95=found.ci95 if found else None,
        note=NOT_YET if found else _why_not(alike, pairs),
        n=pairs,
    )


def _present(found: MetricSummary) -> Mapping[str, float]:
    return {seed: value for seed, value in found.values.items() if value is not None}


def _loss_of(case: Case) -> dict[str, Any]:
    return {each: value for each, value in case.settings.items() if root_of(each) == "loss"}


def _why_not(alike: bool, pairs: int) -> str:
    if not alike:
        return "another loss: the two figures do not mean the same"
    return "no ratio: a value is not positive" if pairs else "no seed that both have"


def _case_document(row: CaseSummary) -> dict[str, Any]:
    return {
        "settings": row.case.settings,
        "levels": row.case.levels,
        "planned": row.planned,
        "statuses": row.statuses,
        "reasons": row.reasons,
        "metrics": {name: _metric_document(each) for name, each in row.metrics.items()},
    }


def _metric_document(found: MetricSummary) -> dict[str, Any]:
    return {
        "unit": found.meaning.unit,
        "direction": found.meaning.direction,
        "scale": found.meaning.scale,
        "n": found.n,
        "mean": found.mean,
        "std": found.std,
        "ci95": found.ci95,
        "values": found.values,
    }


def _of_case(
    expected: Expectation, row: CaseSummary, trials: Sequence[Trial], latest: Mapping[str, Record]
) -> Holds:
    parts: list[Holds] = []
    if expected.status is not None:
        ended = [latest[each.key].status if each.key in latest else None for each in trials]
        parts.append(_share([each and each == expected.status for each in ended], expected.share))
    if expected.min is not None or expected.max is not None:
        values = _seed_values(expected, row, trials, latest)
        parts.append(_bounds(expected, values))
    if expected.better_than is not None or expected.same_as is not None:
        parts.append("undecided")  # until verdicts come
    return _worst(parts)


def _bounds(expected: Expectation, values: Sequence[float | None]) -> Holds:
    if expected.of == "median":
        known = [each for each in values if each is not None]
        if len(known) < len(values) or not known:
            return "undecided"
        return "holds" if _within(expected, median_of(known)) else "fails"
    return _share(
        [None if each is None else _within(expected, each) for each in values], expected.share
    )


def _within(expected: Expectation, value: float) -> bool:
    above = expected.min is None or value >= expected.min
    return above and (expected.max is None or value <= expected.max)


def _share(seeds: Sequence[bool | None], share: float) -> Holds:
    """Decide by how many seeds do, and by how many might (None)."""
    wanted = share * len(seeds) - 1e-9  # 0.7 * 10 is a little more than 7
    do, might = seeds.count(True), seeds.count(None)
    if not seeds or do < wanted <= do + might:
        return "undecided"
    return "holds" if do >= wanted else "fails"


def _worst(parts: Iterable[Holds]) -> Holds:
    found = set(parts)
    if "fails" in found:
        return "fails"
    return "holds" if found == {"holds"} else "undecided"


def _seed_values(
    expected: Expectation, row: CaseSummary, trials: Sequence[Trial], latest: Mapping[str, Record]
) -> list[float | None]:
    name = expected.metric or ""
    if expected.epoch is None and expected.by_epoch is None:
        found = row.metrics.get(name)
        return list(found.values.values()) if found else [None for _ in trials]
    curves: dict[int, list[Sequence[float | None]]] = {}
    for trial in trials:
        record = latest.get(trial.key)
        ok = record is not None and record.status == "ok"
        curves.setdefault(trial.seed, []).append(
            record.curves.get(name, ()) if record and ok else ()
        )
    return [_at(expected, folds) for folds in curves.values()]


def _at(expected: Expectation, folds: Sequence[Sequence[float | None]]) -> float | None:
    if expected.epoch is not None:
        return _mean_at(folds, expected.epoch)
    epochs = range(1, (expected.by_epoch or 0) + 1)
    known = [value for each in epochs if (value := _mean_at(folds, each)) is not None]
    return _best(expected)(known) if known else None


def _best(expected: Expectation) -> Callable[[Sequence[float]], float]:
    if expected.min is None or expected.max is None:
        return min if expected.min is None else max
    higher = meaning_of(expected.metric or "").direction == "higher"
    return max if higher else min


def _mean_at(folds: Sequence[Sequence[float | None]], epoch: int) -> float | None:
    """Give the mean over the folds after an epoch, counted from 1; None where one fold has none."""
    found = [finite(each[epoch - 1]) if 1 <= epoch <= len(each) else None for each in folds]
    known = [each for each in found if each is not None]
    return mean_of(known) if known and len(known) == len(found) else None

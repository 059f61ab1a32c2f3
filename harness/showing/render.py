"""Print summaries and trials: as a table, in Markdown, in LaTeX, or as CSV.

Every foreign text (levels, reasons, names) is escaped and cut on its way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.judging.tables import (
    NO_MEANINGS,
    CaseSummary,
    MetricSummary,
    finite,
    meaning_of,
    metric_names,
    trials_by_case,
)
from harness.numbers.figures import mean_text
from harness.numbers.metrics import LEARNING, Meaning
from harness.records.naming import MOST_IN_HEADER
from harness.records.planned import Case, Plan
from harness.records.record import Record
from harness.records.store import last_attempts
from harness.showing.columns import (
    chosen,
    default_metrics,
    factor_columns,
    figured,
    picked,
    resolved,
    shown_metrics,
    status_text,
)
from harness.showing.layout import Column, Style, printed
from harness.showing.raw import ByCase, TrialPair, cases_csv, trials_csv
from harness.showing.reasons import reasons_of_figures, reasons_of_trials
from harness.units import one_line, quantity

NOT_JUDGED: ByCase = {}


def render_cases(
    plan: Plan,
    rows: Sequence[CaseSummary],
    *,
    style: Style = "table",
    metrics: Sequence[str] = (),
    width: int | None = None,
    records: Iterable[Record] = (),
    judged: ByCase = NOT_JUDGED,
) -> str:
    """Print a row a case, in the order of the plan, those without a figure too.

    Args:
        plan: What was planned.
        rows: The summaries of its cases.
        style: For people (table, markdown, latex), or with raw numbers in SI base units and bytes
            (csv).
        metrics: Which to show, by name (`memory` is the device's or the host's, `NAME` stands for
            all `NAME/LAYER`); empty: a choice by what there is.
        width: Columns of the terminal; None: as wide as need be.
        records: Which tell why a figure is missing.
        judged: The comparisons of the cases, for the columns of a CSV.

    Raises:
        UnknownName: the run has no such metric.
    """
    names = shown_metrics(rows, metrics)
    if style == "csv":
        return cases_csv(plan, rows, names, judged)
    columns = case_columns(plan, rows, names, spread=bool(metrics))
    below = [*reasons_of_trials(rows), *reasons_of_figures(plan, records, names)]
    return printed(columns, style, width, below)


def case_columns(
    plan: Plan, rows: Sequence[CaseSummary], names: Sequence[str], *, spread: bool = False
) -> list[Column]:
    """Make the columns of a table of cases: levels, metrics, status.

    Args:
        plan: What was planned.
        rows: The summaries of its cases, or of some of them.
        names: The metrics, as `shown_metrics` chooses them.
        spread: Whether every metric shows its spread; else those that tell of learning do.
    """
    return [
        *factor_columns(plan, [row.case for row in rows]),
        *(_metric_column(name, rows, spread=spread or name in LEARNING) for name in names),
        Column(header="status", cells=[status_text(row) for row in rows], wraps=True),
    ]


def render_trials(
    plan: Plan,
    records: Iterable[Record],
    *,
    style: Style = "table",
    metrics: Sequence[str] = (),
    width: int | None = None,
    meanings: Mapping[str, Meaning] = NO_MEANINGS,
) -> str:
    """Print a row a planned trial with its last attempt, by case and seed; those not run too.

    Args and errors are those of `render_cases`; the reason stands in the last column. `meanings`
    are those of plugins' metrics, for their units.
    """
    latest = last_attempts(records)
    pairs = [
        (each, latest.get(each.key)) for found in trials_by_case(plan).values() for each in found
    ]
    ok = [record for _, record in pairs if record is not None and record.status == "ok"]
    present = {name for each in ok for name, value in each.metrics.items() if value is not None}
    known = metric_names(plan, latest)
    wanted = chosen(plan, metrics, known)
    names = picked(wanted, known) if wanted else default_metrics(present, bool(ok))
    if style == "csv":
        return trials_csv(plan, pairs, names)
    below = reasons_of_figures(plan, ok, names)
    return printed(_trial_columns(plan, pairs, names, meanings), style, width, below)


def figure_text(found: MetricSummary | None, *, spread: bool) -> str:
    """Print what a table shows of a metric in a case, with or without its spread."""
    if found is None or found.mean is None:
        return "-"
    if not spread:
        return quantity(found.mean, found.meaning.unit)
    return mean_text(found.mean, found.std, found.n, found.meaning)


def _metric_column(name: str, rows: Sequence[CaseSummary], *, spread: bool) -> Column:
    cells = [figure_text(figured(name, row), spread=spread) for row in rows]
    return Column(header=one_line(name, MOST_IN_HEADER), cells=cells)


def _trial_columns(
    plan: Plan, pairs: Sequence[TrialPair], names: Sequence[str], meanings: Mapping[str, Meaning]
) -> list[Column]:
    cases = [plan.cases[trial.case] for trial, _ in pairs]
    records = [record for _, record in pairs]
    columns = [
        *factor_columns(plan, cases),
        Column(header="seed", cells=[str(trial.seed) for trial, _ in pairs]),
    ]
    if any(trial.fold is not None for trial, _ in pairs):
        columns.append(Column(header="fold", cells=[_or_dash(each.fold) for each, _ in pairs]))
    if any(each and each.attempt != 1 for each in records):
        attempts = [_or_dash(each and each.attempt) for each in records]
        columns.append(Column(header="attempt", cells=attempts))
    columns.append(
        Column(header="status", cells=[each.status if each else "not run" for each in records])
    )
    for name in names:
        cells = [
            _trial_figure(name, case, record, meanings)
            for case, record in zip(cases, records, strict=True)
        ]
        columns.append(Column(header=one_line(name, MOST_IN_HEADER), cells=cells))
    reasons = [one_line((each and each.reason) or "-") for each in records]
    return [*columns, Column(header="reason", cells=reasons, wraps=True)]


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _trial_figure(
    name: str, case: Case, record: Record | None, meanings: Mapping[str, Meaning]
) -> str:
    if record is None or record.status != "ok":
        return "-"
    metric = resolved(name, case)
    return quantity(finite(record.metrics.get(metric)), meaning_of(metric, meanings).unit)

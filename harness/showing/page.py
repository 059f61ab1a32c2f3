"""Put together what `bench show` prints of a run: header, cases, comparisons, sentences."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.judging.compare import baseline_pairs, compared
from harness.judging.tables import CaseSummary
from harness.records.planned import Plan
from harness.records.store import StoredRun, no_collection
from harness.showing.columns import chosen_of, metrics_of, shown_metrics
from harness.showing.explained import explanations
from harness.showing.factorial import render_effects
from harness.showing.header import header_lines
from harness.showing.layout import Style, listed
from harness.showing.pivot import render_pivot
from harness.showing.raw import ByCase
from harness.showing.render import render_cases, render_trials
from harness.showing.sentences import sentences
from harness.showing.versus import render_comparisons


@no_collection()
def cases_page(
    stored: StoredRun,
    rows: Sequence[CaseSummary],
    *,
    style: Style = "table",
    metrics: Sequence[str] = (),
    width: int | None = None,
) -> str:
    """Print the cases of a run, their comparisons with their baselines, and what that says.

    Args:
        stored: The run.
        rows: The summaries of its cases.
        style: Any; CSV is one table.
        metrics: Which to show; empty: what the suite chooses, else a choice by what there is.
        width: Columns of the terminal; None: as wide as need be.

    Raises:
        UnknownName: the run has no such metric.
    """
    plan = stored.plan
    metrics = chosen_of(plan, rows, metrics)
    names = shown_metrics(rows, metrics)
    judged = judged_by_case(plan, rows, metrics_of(names))
    table = render_cases(
        plan,
        rows,
        style=style,
        metrics=metrics,
        width=width,
        records=stored.records,
        judged=judged,
    )
    if style == "csv":
        return table
    versus = render_comparisons(
        plan, rows, judged, names, style=style, width=width, chosen=bool(metrics)
    )
    said = listed(sentences(plan, rows, judged, names), style, width)
    why = listed(explanations(plan, rows), style, width)
    return _joined(table, versus, said, why)


@no_collection()
def trials_page(
    stored: StoredRun,
    *,
    style: Style = "table",
    metrics: Sequence[str] = (),
    width: int | None = None,
) -> str:
    """Print the trials of a run. Args and errors are those of `cases_page`."""
    return render_trials(
        stored.plan,
        stored.records,
        style=style,
        metrics=metrics,
        width=width,
        meanings=stored.run.meanings,
    )


@no_collection()
def effects_page(
    stored: StoredRun,
    rows: Sequence[CaseSummary],
    *,
    style: Style = "table",
    metrics: Sequence[str] = (),
    width: int | None = None,
) -> str:
    """Print the effects of a run. Args are those of `cases_page`.

    Raises:
        BenchError: its cases form no full product, or it has no such metric.
    """
    metrics = chosen_of(stored.plan, rows, metrics)
    names = shown_metrics(rows, metrics)
    return render_effects(stored.plan, rows, names, style=style, width=width, chosen=bool(metrics))


@no_collection()
def pivot_page(
    stored: StoredRun,
    rows: Sequence[CaseSummary],
    factor: str,
    *,
    style: Style = "table",
    metrics: Sequence[str] = (),
    width: int | None = None,
) -> str:
    """Print the levels of a factor side by side. Args are those of `cases_page`.

    Raises:
        UnknownName: the run has no such factor, or no such metric.
    """
    return render_pivot(
        stored.plan,
        rows,
        factor,
        style=style,
        metrics=chosen_of(stored.plan, rows, metrics),
        width=width,
        records=stored.records,
    )


def headed(
    stored: StoredRun, page: str, *, style: Style = "table", width: int | None = None
) -> str:
    """Put above a page which run it is of; a CSV is left as it is."""
    if style == "csv":
        return page
    return _joined(listed(header_lines(stored), style, width), page)


def judged_by_case(plan: Plan, rows: Sequence[CaseSummary], names: Collection[str]) -> ByCase:
    """Compare the cases of a plan with their baselines, found again by case and metric."""
    families = compared(plan, rows, baseline_pairs(plan), names).values()
    return {(each.case, each.metric): each for family in families for each in family}


def _joined(*parts: str) -> str:
    return "\n\n".join(each for each in parts if each)

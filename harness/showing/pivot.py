"""Print tables with the levels of one factor side by side: one table a metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from harness.errors import UnknownName, same_name
from harness.judging.tables import CaseSummary
from harness.records.naming import MOST_IN_HEADER, level_text, short_names
from harness.records.planned import Plan
from harness.records.record import Record
from harness.showing.columns import factor_columns, figured, shown_metrics
from harness.showing.layout import Column, Style, csv_text, listed, printed, titled
from harness.showing.raw import levels as raw_levels
from harness.showing.reasons import reasons_of_figures, reasons_of_trials
from harness.showing.render import figure_text
from harness.units import one_line

_Cells: TypeAlias = dict[str, list[CaseSummary]]
"""The cases in the cells of a row, by the text of the level."""


def render_pivot(
    plan: Plan,
    rows: Sequence[CaseSummary],
    factor: str,
    *,
    style: Style = "table",
    metrics: Sequence[str] = (),
    width: int | None = None,
    records: Iterable[Record] = (),
) -> str:
    """Print a table a metric: a column a level of the factor, a row for the levels of the others.

    Args:
        plan: What was planned.
        rows: The summaries of its cases.
        factor: Its address, or its name in tables.
        style: Any; CSV is one table, with the metric in the first column and raw means.
        metrics: Which to show; empty: a choice by what there is.
        width: Columns of the terminal; None: as wide as need be.
        records: Which tell why a figure is missing.

    Raises:
        UnknownName: the run has no such factor, or no such metric.
    """
    address = _address(plan, factor)
    others = [each for each in plan.factors if each != address]
    lines = _lines(rows, address, others)
    columns = list(dict.fromkeys(level_text(row.case.levels.get(address)) for row in rows))
    names = shown_metrics(rows, metrics)
    if style == "csv":
        return _csv(lines, names, address, others, columns)
    firsts = [next(iter(cells.values()))[0].case for cells in lines]
    lead = factor_columns(plan, firsts, others)
    shown = short_names(plan)[address]
    tables = [
        titled(
            one_line(name, MOST_IN_HEADER),
            printed([*lead, *_level_columns(lines, name, shown, columns)], style, width),
            style,
            width,
        )
        for name in names
    ]
    below = [*reasons_of_trials(rows), *reasons_of_figures(plan, records, names)]
    return "\n\n".join(filter(None, [*tables, listed(below, style, width)]))


def _address(plan: Plan, factor: str) -> str:
    """Find a factor by its address or its short name."""
    names = short_names(plan)
    known = {same_name(name): address for address, name in names.items()}
    known |= {same_name(address): address for address in names}
    if same_name(factor) not in known:
        raise UnknownName("factor", one_line(factor), names.values())
    return known[same_name(factor)]


def _lines(rows: Sequence[CaseSummary], address: str, others: Sequence[str]) -> list[_Cells]:
    """Sort cases into rows by the levels of the other factors, and there by the factor's level."""
    lines: dict[tuple[str, ...], _Cells] = {}
    for row in rows:
        key = tuple(level_text(row.case.levels.get(each)) for each in others)
        level = level_text(row.case.levels.get(address))
        lines.setdefault(key, {}).setdefault(level, []).append(row)
    return list(lines.values())


def _level_columns(
    lines: Sequence[_Cells], name: str, factor: str, columns: Sequence[str]
) -> list[Column]:
    return [
        Column(
            header=one_line(f"{factor}={level}", MOST_IN_HEADER),
            cells=[_cell(cells.get(level, []), name) for cells in lines],
        )
        for level in columns
    ]


def _cell(rows: Sequence[CaseSummary], name: str) -> str:
    """Print the figure of a cell; several cases differ in what is no factor."""
    return ", ".join(figure_text(figured(name, row), spread=True) for row in rows) or "-"


def _csv(
    lines: Sequence[_Cells],
    names: Sequence[str],
    address: str,
    others: Sequence[str],
    columns: Sequence[str],
) -> str:
    content: list[list[object]] = []
    for name in names:
        for cells in lines:
            first = next(iter(cells.values()))[0].case
            means = [_mean(cells.get(level, []), name) for level in columns]
            content.append([name, *raw_levels(first, others), *means])
    return csv_text(["metric", *others, *(f"{address}={each}" for each in columns)], content)


def _mean(rows: Sequence[CaseSummary], name: str) -> object:
    means = [found.mean for row in rows if (found := figured(name, row))]
    return means[0] if len(means) == 1 else "; ".join(map(str, means)) or None

"""A run as HTML for a notebook: its cases as a table, and what that says. All texts are escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from harness.judging.tables import summaries
from harness.records.store import StoredRun, no_collection
from harness.showing.columns import chosen_of, metrics_of, shown_metrics
from harness.showing.explained import explanations
from harness.showing.header import header_lines
from harness.showing.layout import Column
from harness.showing.page import judged_by_case
from harness.showing.reasons import reasons_of_trials
from harness.showing.render import case_columns
from harness.showing.sentences import sentences


@no_collection()
def html_table(stored: StoredRun) -> str:
    """Write a run: a heading, a row a case with those that failed, and the sentences below."""
    plan = stored.plan
    rows = summaries(plan, stored.records, stored.run.meanings)
    metrics = chosen_of(plan, rows)
    names = shown_metrics(rows, metrics)
    judged = judged_by_case(plan, rows, metrics_of(names))
    said = [
        *sentences(plan, rows, judged, names),
        *explanations(plan, rows),
        *reasons_of_trials(rows),
    ]
    table = _table(case_columns(plan, rows, names, spread=bool(metrics)), header_lines(stored))
    return f"<div>{table}{_paragraphs(said)}</div>"


def _table(columns: Sequence[Column], caption: Sequence[str]) -> str:
    rows = zip(*(each.cells for each in columns), strict=True)
    head = "".join(f'<th scope="col">{escape(each.header)}</th>' for each in columns)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    told = "<br>".join(map(escape, caption))
    return (
        f"<table><caption>{told}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _cells(cells: Iterable[str]) -> str:
    return "".join(f"<td>{escape(each)}</td>" for each in cells)


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(f"<p>{escape(each)}</p>" for each in lines)

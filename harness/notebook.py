"""A run as HTML for a notebook: its cases as a table, and what that says. All texts are escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from harness.columns import chosen, metrics_of, shown_metrics
from harness.explained import explanations
from harness.header import header_lines
from harness.layout import Column
from harness.page import judged_by_case
from harness.reasons import reasons_of_trials
from harness.render import case_columns
from harness.sentences import sentences
from harness.store import StoredRun, no_collection
from harness.tables import summaries


@no_collection()
def html_table(stored: StoredRun) -> str:
    """Write a run: a heading, a row a case with those that failed, and the sentences below."""
    plan = stored.plan
    rows = summaries(plan, stored.records, stored.run.meanings)
    metrics = chosen(plan, (), tuple(rows[0].metrics) if rows else ())
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

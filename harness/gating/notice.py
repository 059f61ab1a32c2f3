"""Tell what a gate has found: a table, the regressions in words, and what could have been seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.comparing.against import Against
from harness.comparing.matching import name_of
from harness.comparing.sheet import case_columns, figure_columns, note_column, plan_of, what_differs
from harness.gating.decide import THROUGHPUT
from harness.gating.decision import Decision, Failure, Gated
from harness.numbers.figures import margin_text, size_text
from harness.records.naming import assignment_text, short_names
from harness.showing.layout import Column, Style, printed, titled
from harness.units import one_line


def render_gate(
    found: Against, decision: Decision, *, style: Style = "table", width: int | None = None
) -> str:
    """Print the outcome of a gate.

    Args:
        found: Base and head, matched.
        decision: What was decided.
        style: `table`, or `markdown` for the page of a job.
        width: Columns of the terminal; None: as wide as need be.
    """
    rows = [each.comparison for each in decision.gated]
    columns = [
        *case_columns(found, rows),
        *figure_columns(found, rows),
        Column(header="n", cells=[str(each.n) for each in rows]),
        Column(header="could see", cells=[_seen(found, each) for each in decision.gated]),
        Column(header="verdict", cells=[_word(each) for each in decision.gated]),
        note_column([each.note for each in rows]),
    ]
    below = [
        *regressions(found, decision),
        *_failures(found, decision),
        *what_differs(found),
        *_legend(decision),
    ]
    table = printed(columns, style, width, below)
    heading = _heading(found, decision)
    return titled(f"### {heading}" if style == "markdown" else heading, table, style, width)


def regressions(found: Against, decision: Decision) -> Iterator[str]:
    """Tell every regression in a sentence: case, metric, size, interval, what differs."""
    differs = [each.name for each in found.environments.differs]
    because = f"; differs: {one_line(', '.join(differs), 200)}" if differs else ""
    for row in decision.gated:
        if row.regression:
            yield f"regression: {_case(found, row.comparison.levels)}{_size(found, row)}{because}"
    for failure in decision.failures:
        if failure.regression:
            yield f"regression: {_failed(found, failure)}{because}"


def _heading(found: Against, decision: Decision) -> str:
    count = decision.regressions
    told = (
        "no regression" if not count else "1 regression" if count == 1 else f"{count} regressions"
    )
    base, head = name_of(found.base.run), name_of(found.head.run)
    return f"gate: {told}; head {head} against base {base}"


def _size(found: Against, row: Gated) -> str:
    comparison = row.comparison
    meaning = found.metrics[comparison.metric]
    name = one_line(comparison.metric, 60)
    if comparison.difference is None:
        return f"{name} is worse"
    size = size_text(comparison.difference, comparison.ci95, meaning)
    way = "lower" if comparison.difference < 0 else "higher"
    note = f" ({comparison.note})" if comparison.note else ""
    return f"{name} is {way} by {size}, n = {comparison.n}{note}"


def _failures(found: Against, decision: Decision) -> Iterator[str]:
    for each in decision.failures:
        if not each.regression:
            yield _failed(found, each)


def _failed(found: Against, failure: Failure) -> str:
    return (
        f"{_case(found, failure.levels)}{failure.head} of {failure.seeds} seeds failed in the head,"
        f" {failure.base} in the base: {one_line(failure.reason, 300)}"
    )


def _case(found: Against, levels: Mapping[str, Any]) -> str:
    told = assignment_text(levels, short_names(plan_of(found)))
    return f"{told}: " if told else ""


def _seen(found: Against, row: Gated) -> str:
    if row.detectable is None or not math.isfinite(row.detectable):
        return "-"
    meaning = found.metrics[row.comparison.metric]
    return margin_text(float(f"{row.detectable:.2g}"), meaning)


def _word(row: Gated) -> str:
    return row.comparison.verdict or "-"


def _legend(decision: Decision) -> Iterator[str]:
    seen = [each for each in decision.gated if each.detectable is not None]
    if seen:
        yield "could see: the loss that this noise lets four of five gates see"
    if decision.form == "interleaved" and _timed(decision.gated):
        yield "throughput is worse where two sets of rounds, the second fresh, both say so"


def _timed(rows: Sequence[Gated]) -> bool:
    return any(each.stages for each in rows) and any(
        each.comparison.metric in THROUGHPUT for each in rows
    )

"""Show the seeds one by one: a row a case, a dot a seed, in each column of the table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from harness.errors import BenchError
from harness.judging.tables import MetricSummary
from harness.numbers.metrics import MEMORY, SPEED
from harness.report.panels import Axis, Mark, Panel, Picture, Strip, Told, measure_of, value_axis
from harness.report.shown import Shown, seeds_text
from harness.showing.columns import figured

ROWS_AT_MOST = 40
"""Rows of a panel; more begin another picture."""


def strips(shown: Shown) -> list[Picture]:
    """Draw the figures of all seeds.

    Raises:
        BenchError: no case has a figure.
    """
    names = [
        name
        for name in shown.names
        if any((found := figured(name, row)) and found.n for row in shown.rows)
    ]
    if not names:
        raise BenchError("no case has a figure")
    return [_picture(shown, names, cases) for cases in in_parts(len(shown.rows))]


def in_parts(count: int, most: int = ROWS_AT_MOST) -> list[range]:
    """Cut so many rows into parts of about the same length."""
    parts = -(-count // most)
    ends = [count * place // parts for place in range(parts + 1)] if parts else [0]
    return [range(low, high) for low, high in itertools.pairwise(ends)]


def which(cases: Sequence[int], count: int) -> str:
    """Say which part of the cases a picture shows, if it is not all."""
    return "" if len(cases) == count else f": cases {cases[0] + 1} to {cases[-1] + 1} of {count}"


def _picture(shown: Shown, names: Sequence[str], cases: Sequence[int]) -> Picture:
    panels = tuple(_panel(shown, name, cases) for name in names)
    found = [figured(name, shown.rows[case]) for name in names for case in cases]
    return Picture(
        kind="strips",
        title="The seeds one by one" + which(cases, len(shown.rows)),
        panels=panels,
        said=(
            f"dot: a seed ({seeds_text(each.n for each in found if each)}), line: their mean",
            *_failed(shown, cases),
        ),
        alt=f"A dot for each seed of each case: {', '.join(names)}."
        + "".join(f" {each}." for each in _means(shown, names[0], cases)),
    )


def _panel(shown: Shown, name: str, cases: Sequence[int]) -> Panel:
    known = [each for row in shown.rows if (each := figured(name, row)) and each.n]
    values = [value for each in known for value in _values(each)]
    meaning = known[0].meaning
    measure = measure_of(meaning, values, name)
    scaled = [measure.of(each) for each in values]
    axis = value_axis(measure, scaled, zero=meaning.name in SPEED | MEMORY)
    if axis.scale == "linear":
        low, high = min(scaled), max(scaled)
        room = 0.05 * ((high - low) or abs(high) or 1.0)
        low_end = axis.low if axis.low is not None else low - room
        axis = Axis(label=axis.label, low=low_end, high=high + room)
    marks: list[Mark] = []
    for row, case in enumerate(cases):
        found = figured(name, shown.rows[case])
        if found is not None and found.mean is not None:
            own = tuple(measure.of(each) for each in _values(found))
            marks.append(Strip(arm=case, row=row, values=own, mean=measure.of(found.mean)))
        else:
            marks.append(Told(row=row, text=shown.failures(case) or "no figure"))
    return Panel(
        title=name,
        x=axis,
        y=Axis(label=""),
        marks=tuple(marks),
        rows=tuple(shown.label(case) for case in cases),
    )


def _values(found: MetricSummary) -> list[float]:
    return [each for each in found.values.values() if each is not None]


def _failed(shown: Shown, cases: Sequence[int]) -> Iterator[str]:
    for case in cases:
        if told := shown.failures(case):
            yield f"no dot: {shown.label(case)}: {told}"


def _means(shown: Shown, name: str, cases: Sequence[int]) -> Iterator[str]:
    for case in cases:
        found = figured(name, shown.rows[case])
        if found is not None and found.mean is not None:
            yield f"{shown.label(case)}: mean {found.mean:.4g}"

"""Set what a case reaches against its throughput and its memory, and mark the frontier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from harness.errors import BenchError
from harness.judging.tables import MetricSummary
from harness.records.naming import MEMORY
from harness.report.panels import (
    Axis,
    Dot,
    Measure,
    Panel,
    Picture,
    measure_of,
    share_axis,
    value_axis,
)
from harness.report.shown import Shown, seeds_text
from harness.showing.columns import figured

_SPEEDS = ("train_samples_per_s", "infer_samples_per_s")

_Figures: TypeAlias = Mapping[int, Sequence[MetricSummary]]
"""Of each case with all three: what it reaches, its throughput, its memory."""


def frontier(shown: Shown) -> list[Picture]:
    """Draw accuracy (or loss) against throughput and against memory.

    Raises:
        BenchError: no case has all three.
    """
    learning = shown.learning
    speed = next((each for each in _SPEEDS if any(r.metrics[each].n for r in shown.rows)), None)
    if learning is None or speed is None:
        lacking = "a figure of learning" if learning is None else "throughput"
        raise BenchError(f"no case has {lacking}")
    figures = _figures(shown, (learning, speed, MEMORY))
    if not figures:
        raise BenchError(f"no case has {learning}, {speed} and memory")
    best = on_frontier(figures)
    panels = tuple(_panel(figures, best, place, name) for place, name in ((1, speed), (2, MEMORY)))
    on = ", ".join(shown.label(case) for case in sorted(best))
    return [
        Picture(
            kind="frontier",
            title=f"{learning} against throughput against memory",
            panels=panels,
            said=_said(shown, figures),
            alt=f"{learning} against {speed}, and against memory, a point a case. On the frontier"
            f" (ringed): {on}.",
            arms=tuple(figures),
        )
    ]


def on_frontier(figures: _Figures) -> set[int]:
    """Name the cases that no other is as good as in everything and better than in something."""
    points = {case: tuple(_oriented(each) for each in found) for case, found in figures.items()}
    return {
        case
        for case, ours in points.items()
        if not any(_dominates(theirs, ours) for theirs in points.values())
    }


def _oriented(found: MetricSummary) -> float:
    assert found.mean is not None
    return found.mean if found.meaning.direction == "higher" else -found.mean


def _dominates(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    as_good = all(one >= other for one, other in zip(ours, theirs, strict=True))
    return as_good and any(one > other for one, other in zip(ours, theirs, strict=True))


def _figures(shown: Shown, names: Sequence[str]) -> dict[int, list[MetricSummary]]:
    found = {}
    for case, row in enumerate(shown.rows):
        figures = [each for name in names if (each := figured(name, row)) and each.n]
        if len(figures) == len(names):
            found[case] = figures
    return found


def _panel(figures: _Figures, best: set[int], place: int, name: str) -> Panel:
    across = [each[place] for each in figures.values()]
    up = [each[0] for each in figures.values()]
    measure = measure_of(across[0].meaning, _ends(across), name)
    high = measure_of(up[0].meaning, _ends(up))
    share = up[0].meaning.name.endswith("_accuracy")
    return Panel(
        title=f"against {name}",
        x=value_axis(measure, [measure.of(each) for each in _ends(across)], zero=True),
        y=share_axis(up[0].meaning.name) if share else _y_axis(high, _ends(up)),
        marks=tuple(
            Dot(
                arm=case,
                x=measure.of(found[place].mean or 0.0),
                y=high.of(found[0].mean or 0.0),
                x_range=_range(found[place], measure.divisor),
                y_range=_range(found[0], high.divisor),
                ringed=case in best,
            )
            for case, found in figures.items()
        ),
    )


def _y_axis(measure: Measure, ends: Sequence[float]) -> Axis:
    return value_axis(measure, [measure.of(each) for each in ends], zero=False)


def _ends(found: Sequence[MetricSummary]) -> list[float]:
    return [value for each in found for value in each.values.values() if value is not None]


def _range(found: MetricSummary, divisor: float) -> tuple[float, float]:
    values = _ends([found])
    return min(values) / divisor, max(values) / divisor


def _said(shown: Shown, figures: _Figures) -> tuple[str, ...]:
    n = seeds_text(min(each.n for each in found) for found in figures.values())
    lines = [
        f"point: mean of {n}, bars: lowest to highest of them",
        "ring: on the frontier, no other case is as good in all three and better in one (by the"
        " means: noise may move a case on or off it)",
    ]
    if any(row.shared for row in shown.rows):
        lines.append("trials ran side by side: throughput and memory were shared")
    lines += [
        f"not shown, no figure: {shown.label(case)} ({shown.failures(case) or 'none was measured'})"
        for case in range(len(shown.rows))
        if case not in figures
    ]
    return tuple(lines)

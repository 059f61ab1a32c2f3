"""Print the effects of a factorial design: a row a level, or two levels together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from harness.judging.effects import Effect, effects
from harness.judging.tables import CaseSummary
from harness.records.naming import MEMORIES, assignment_text, short_names
from harness.records.planned import Plan
from harness.showing.columns import metrics_of, resolved
from harness.showing.judged import judged_table, usual_n
from harness.showing.layout import Column, Style, csv_text, titled
from harness.showing.raw import JUDGED, judged_values

_WHAT = (
    "main: the mean over the other factors' cells at a level, less that at the reference",
    "x: what two levels change together, beyond the sum of what each changes alone",
    "at: the level alone, where the others have these levels",
)

_Row: TypeAlias = dict[str, Effect]
"""The same effect on each metric."""


def render_effects(
    plan: Plan,
    rows: Sequence[CaseSummary],
    names: Sequence[str],
    *,
    style: Style = "table",
    width: int | None = None,
    chosen: bool = False,
) -> str:
    """Print a row an effect: main effects, interactions, simple effects where no main one is.

    Args:
        plan: What was planned.
        rows: The summaries of its cases.
        names: The metrics to show.
        style: Any; CSV has a row an effect and metric, with raw numbers.
        width: Columns of the terminal; None: as wide as need be.
        chosen: Whether the columns were asked for; if not, memory without a word is but a line.

    Raises:
        BenchError: the cases form no full product.
    """
    metrics = [
        metric
        for name in names
        for metric in dict.fromkeys(resolved(name, row.case) for row in rows)
    ]
    found = effects(plan, rows, metrics_of(metrics))
    if style == "csv":
        return _csv(plan, found)
    labels = short_names(plan)
    by_effect: dict[str, _Row] = {}
    for each in found:
        by_effect.setdefault(effect_name(each, labels), {})[each.metric] = each
    cells = {
        metric: [row.get(metric) for row in by_effect.values()]
        for metric in metrics
        if any(metric in row for row in by_effect.values())
    }
    kinds = {each.kind for each in found}
    shown = zip(("main", "interaction", "simple"), _WHAT, strict=True)
    table = judged_table(
        [Column(header="effect", cells=list(by_effect), wraps=True)],
        cells,
        {metric: rows[0].metrics[metric].meaning for metric in cells},
        kind="effect",
        looks=len(plan.looks),
        brief=() if chosen else MEMORIES,
        below=[what for kind, what in shown if kind in kinds],
        style=style,
        width=width,
    )
    title = f"effects against {reference_text(found, labels)}; paired by seed, n = {usual_n(cells)}"
    return titled(title, table, style, width)


def effect_name(effect: Effect, labels: Mapping[str, str]) -> str:
    """Call an effect `main init=zeros`, `init=zeros x activation=relu`, `init=zeros at lr=1`."""
    parts = [assignment_text({factor: level}, labels) for factor, level in effect.levels.items()]
    if effect.kind == "interaction":
        return " x ".join(parts)
    if effect.kind == "simple":
        return f"{parts[0]} at {assignment_text(effect.at, labels)}"
    return f"main {parts[0]}"


def reference_text(found: Sequence[Effect], labels: Mapping[str, str]) -> str:
    """Say against which levels effects are told."""
    levels = {factor: level for each in found for factor, level in each.baseline.items()}
    return assignment_text(levels, labels)


def _csv(plan: Plan, found: Sequence[Effect]) -> str:
    labels = {address: address for address in plan.factors}
    lines = [
        [
            each.kind,
            assignment_text(each.levels, labels),
            assignment_text(each.baseline, labels),
            assignment_text(each.at, labels),
            each.metric,
            *judged_values(each),
        ]
        for each in found
    ]
    return csv_text(["effect", "levels", "baseline", "at", "metric", *JUDGED], lines)

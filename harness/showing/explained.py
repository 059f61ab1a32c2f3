"""Say under a table why a case has not learned, where a metric that was switched on tells it.

The metrics are those of `plugins/bench_builtin/diagnostics.py`, or any of the same name: what they
mean is told there. Nothing is said of a case that learned about as well as the best one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.judging.tables import CaseSummary
from harness.numbers.metrics import LEARNING
from harness.records.naming import assignment_text, short_names
from harness.records.planned import Plan

_FAR = 0.05
"""How far below the best accuracy of the run a case is that has something to be explained."""

_NEAR = 0.01
"""How near an accuracy is to the base rate that never left it."""

_VANISHED, _EXPLODED = 1e-2, 1e2
_MOST_UNITS = 0.5
_MOST_LINES = 10


def explanations(plan: Plan, rows: Sequence[CaseSummary]) -> list[str]:
    """Explain the cases that learned far less than the best one: a sentence a case, at most ten.

    Args:
        plan: What was planned.
        rows: The summaries of its cases, in its order.
    """
    metric = next((each for each in LEARNING if _best(rows, each) is not None), None)
    best = None if metric is None else _best(rows, metric)
    if metric is None or best is None or not metric.endswith("_accuracy"):
        return []
    names = short_names(plan)
    lines = []
    for row in rows:
        found = row.metrics[metric].mean
        causes = list(_causes(row, metric)) if found is not None else []
        if causes and found is not None and found < best - _FAR:
            what = assignment_text(row.case.levels, names) or "the one case"
            lines.append(f"{what}: {', and '.join(causes)}")
    if len(lines) > _MOST_LINES:
        return [*lines[:_MOST_LINES], f"... and {len(lines) - _MOST_LINES} more cases"]
    return lines


def _best(rows: Sequence[CaseSummary], metric: str) -> float | None:
    means = [row.metrics[metric].mean for row in rows if metric in row.metrics]
    return max((each for each in means if each is not None), default=None)


def _causes(row: CaseSummary, metric: str) -> Iterator[str]:
    """Say what the metrics of a case tell of why it learned little."""
    values, base = _values(row, metric), _values(row, "base_rate")
    known = [seed for seed, value in values.items() if value is not None]
    if known and all(_at_base(values[seed], base.get(seed)) for seed in known):
        yield f"it never leaves the base rate ({metric} {_mean(row, metric):.3g})"
    ratio = _mean(row, "gradient_ratio")
    if ratio is not None and not _VANISHED < ratio < _EXPLODED:
        told = f"the gradient of its first layer is {ratio:.1e} times that of its last"
        yield told if ratio else "no gradient reaches its first layer"
    for name, units in (
        ("dead_relu_share", "of its ReLU units are 0 for every sample"),
        ("saturated_share", "of what its sigmoid and tanh units give is saturated"),
    ):
        share = _mean(row, name)
        if share is not None and share >= _MOST_UNITS:
            yield f"{share:.0%} {units}"


def _at_base(value: float | None, base: float | None) -> bool:
    return value is not None and base is not None and value <= base + _NEAR


def _values(row: CaseSummary, name: str) -> Mapping[str, float | None]:
    found = row.metrics.get(name)
    return {} if found is None else found.values


def _mean(row: CaseSummary, name: str) -> float | None:
    found = row.metrics.get(name)
    return None if found is None else found.mean

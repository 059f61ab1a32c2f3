"""Choose the columns of a table: which factors and metrics, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.errors import UnknownName, same_name
from harness.judging.tables import CaseSummary, MetricSummary
from harness.numbers.metrics import LEARNING, MEANINGS, base_name
from harness.records.naming import MEMORIES, MEMORY, level_text, short_names
from harness.records.planned import Case, Plan
from harness.showing.layout import Column
from harness.units import one_line

_SPEED = ("train_samples_per_s", "infer_samples_per_s")


def factor_columns(
    plan: Plan, cases: Sequence[Case], factors: Sequence[str] | None = None
) -> list[Column]:
    """Make a column of levels for each factor of a plan, or for some of them."""
    names = short_names(plan)
    return [
        Column(
            header=names[address],
            cells=[one_line(level_text(each.levels.get(address))) for each in cases],
            wraps=True,
        )
        for address in (plan.factors if factors is None else factors)
    ]


def shown_metrics(rows: Sequence[CaseSummary], wanted: Sequence[str]) -> list[str]:
    """Choose the metrics that a table of cases shows.

    Args:
        rows: The summaries of the cases.
        wanted: By name (`memory` is the device's or the host's, `NAME` stands for all
            `NAME/LAYER`); empty: a choice by what there is.

    Raises:
        UnknownName: the run has no such metric.
    """
    if wanted:
        return picked(wanted, tuple(rows[0].metrics) if rows else tuple(MEANINGS))
    present = {name for row in rows for name, each in row.metrics.items() if each.n}
    return default_metrics(present, any("ok" in row.statuses for row in rows))


def default_metrics(present: set[str], ok: bool) -> list[str]:
    """Choose columns by what there is; where no trial ended ok, those that a suite mostly has."""
    learning = next((each for each in LEARNING if each in present), None)
    speed = next((each for each in _SPEED if each in present), None)
    own = sorted(present.difference(MEANINGS))[:3] if learning is None else []
    if not ok:
        learning, speed = learning or LEARNING[0], speed or _SPEED[0]
    return [*(each for each in (learning, *own, speed) if each), MEMORY]


def chosen(plan: Plan, asked: Sequence[str], known: Sequence[str]) -> list[str]:
    """Name the metrics that were asked for or, where none was, those that the suite chooses.

    What the suite chooses and the run has not is left out: an override may have dropped it.
    """
    if asked:
        return list(asked)
    there = {MEMORY, *known, *map(base_name, known)}
    return [each for each in plan.columns if each in there]


def chosen_of(plan: Plan, rows: Sequence[CaseSummary], asked: Sequence[str] = ()) -> list[str]:
    """Name the metrics of a table of these cases, as `chosen` does."""
    return chosen(plan, asked, tuple(rows[0].metrics) if rows else ())


def picked(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """Find the metrics that were asked for by name.

    Raises:
        UnknownName: there is none of that name.
    """
    names: dict[str, None] = {}
    for each in wanted:
        folded = same_name(each.strip())
        found = [name for name in (MEMORY, *known) if same_name(name) == folded]
        found = found or [name for name in known if same_name(base_name(name)) == folded]
        if not found:
            raise UnknownName("metric", one_line(each), (MEMORY, *known))
        names.update(dict.fromkeys(found))
    return list(names)


def resolved(name: str, case: Case) -> str:
    """Say which metric a column shows of a case."""
    if name != MEMORY:
        return name
    on_device = case.settings.get("device", "cpu") != "cpu"
    return MEMORIES[on_device]


def metrics_of(names: Iterable[str]) -> set[str]:
    """Name the metrics that columns stand for."""
    return {metric for name in names for metric in (MEMORIES if name == MEMORY else (name,))}


def figured(name: str, row: CaseSummary) -> MetricSummary | None:
    """Give the figures that a column shows of a case; None where the run has no such metric."""
    return row.metrics.get(resolved(name, row.case))


def status_text(row: CaseSummary) -> str:
    """Count how the trials of a case ended: `ok 3, timeout 2`, and those that were not run."""
    parts = [f"{status} {count}" for status, count in row.statuses.items()]
    rest = row.planned - sum(row.statuses.values())
    if not parts and row.case.expected:
        return row.case.expected
    return ", ".join([*parts, *([f"not run {rest}"] if rest else [])]) or "-"

"""A run as data frames of pandas: cases, trials, curves. `attrs["units"]` says what is in a column.

Figures are in SI base units and bytes; what is missing is NA, and no row is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from harness.errors import BenchError
from harness.judging.tables import (
    MetricSummary,
    finite,
    meaning_of,
    metric_names,
    summaries,
    trials_by_case,
)
from harness.records.naming import level_text
from harness.records.planned import Case, Plan, Trial
from harness.records.record import STATUSES, Record
from harness.records.store import StoredRun, last_attempts, no_collection
from harness.showing.columns import metrics_of, picked

if TYPE_CHECKING:
    from pandas import DataFrame

_STATISTICS: Mapping[str, Callable[[MetricSummary], float | None]] = {
    "": lambda found: found.mean,
    ".std": lambda found: found.std,
    ".ci95_low": lambda found: None if found.ci95 is None else found.ci95[0],
    ".ci95_high": lambda found: None if found.ci95 is None else found.ci95[1],
}
"""Columns of a metric, by what follows its name, which have its unit; `NAME.n` counts seeds."""


@no_collection()
def cases_frame(stored: StoredRun, wanted: Sequence[str] = ()) -> DataFrame:
    """Make a row a case, in the order of the plan.

    Columns: the factors, `planned`, the number of trials for each status that occurs, and for each
    metric `NAME` (the mean over seeds), `NAME.std`, `NAME.ci95_low`, `NAME.ci95_high`, `NAME.n`.

    Args:
        stored: The run.
        wanted: Metrics; none: all that the run knows.

    Raises:
        BenchError: pandas is absent, or the run has no such metric.
    """
    pandas = imported()
    plan = stored.plan
    rows = summaries(plan, stored.records, stored.run.meanings)
    names = _names(stored, wanted)
    content = _levels(plan, [row.case for row in rows])
    content["planned"] = [row.planned for row in rows]
    for status in ("ok", *(each for each in STATUSES[1:] if any(each in r.statuses for r in rows))):
        content[status] = [row.statuses.get(status, 0) for row in rows]
    units = {}
    for name in names:
        column = _free(name, content)
        found = [row.metrics[name] for row in rows]
        for end, statistic in _STATISTICS.items():
            content[f"{column}{end}"] = _floats(pandas, map(statistic, found))
            units[f"{column}{end}"] = _unit(stored, name)
        content[f"{column}.n"] = [each.n for each in found]
    return _framed(pandas, content, units)


@no_collection()
def trials_frame(stored: StoredRun, wanted: Sequence[str] = ()) -> DataFrame:
    """Make a row a planned trial with its last attempt, by case and seed; those not run too.

    Columns: the factors, `seed`, `fold`, `attempt`, `status` (`not run`: it has no record),
    `reason`, `key`, `started`, `shared`, and each metric. Args and errors are those of
    `cases_frame`.
    """
    pandas = imported()
    plan = stored.plan
    pairs = _pairs(stored)
    content = _levels(plan, [plan.cases[trial.case] for trial, _ in pairs])
    content |= _trial_columns(pandas, pairs)
    units = {}
    for name in _names(stored, wanted):
        column = _free(name, content)
        values = [None if each is None else finite(each.metrics.get(name)) for _, each in pairs]
        content[column] = _floats(pandas, values)
        units[column] = _unit(stored, name)
    return _framed(pandas, content, units)


@no_collection()
def curves_frame(stored: StoredRun) -> DataFrame:
    """Make a row a value of a curve: the factors, `seed`, `fold`, `epoch`, `metric`, `value`.

    Epochs count from 1; a diverged trial has those before it diverged. `attrs["units"]` is by
    metric.

    Raises:
        BenchError: pandas is absent.
    """
    pandas = imported()
    plan = stored.plan
    found = [
        (trial, epoch, name, finite(value))
        for trial, record in _pairs(stored)
        if record is not None
        for name, values in record.curves.items()
        for epoch, value in enumerate(values, start=1)
    ]
    content = _levels(plan, [plan.cases[trial.case] for trial, *_ in found])
    content["seed"] = [trial.seed for trial, *_ in found]
    content["fold"] = pandas.array([trial.fold for trial, *_ in found], dtype="Int64")
    content["epoch"] = [epoch for _, epoch, *_ in found]
    content["metric"] = [name for *_, name, _ in found]
    content["value"] = _floats(pandas, [value for *_, value in found])
    units = {name: _unit(stored, name) for name in dict.fromkeys(content["metric"])}
    return _framed(pandas, content, units)


def imported(name: str = "pandas") -> ModuleType:
    """Import pandas, which is an extra.

    Raises:
        BenchError: it is absent; the message says how to get it.
    """
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise BenchError(
            f"data frames need {name}, which is not installed: pip install 'bench-harness[{name}]'"
        ) from None


def _pairs(stored: StoredRun) -> list[tuple[Trial, Record | None]]:
    latest = last_attempts(stored.records)
    by_case = trials_by_case(stored.plan).values()
    return [(trial, latest.get(trial.key)) for trials in by_case for trial in trials]


def _levels(plan: Plan, cases: Sequence[Case]) -> dict[str, Any]:
    """Make a column a factor: numbers stay numbers, and a list is its text."""
    return {
        address: [_level(case.levels.get(address)) for case in cases] for address in plan.factors
    }


def _level(level: Any) -> Any:
    return (
        level if level is None or isinstance(level, bool | int | float | str) else level_text(level)
    )


def _trial_columns(
    pandas: ModuleType, pairs: Sequence[tuple[Trial, Record | None]]
) -> dict[str, Any]:
    records = [record for _, record in pairs]
    return {
        "seed": [trial.seed for trial, _ in pairs],
        "fold": pandas.array([trial.fold for trial, _ in pairs], dtype="Int64"),
        "attempt": pandas.array([each and each.attempt for each in records], dtype="Int64"),
        "status": [each.status if each else "not run" for each in records],
        "reason": [each and each.reason for each in records],
        "key": [trial.key for trial, _ in pairs],
        "started": [each and (each.started or None) for each in records],
        "shared": pandas.array([each and each.shared for each in records], dtype="boolean"),
    }


def _names(stored: StoredRun, wanted: Sequence[str]) -> list[str]:
    """Name the metrics of a run that a record names, or those that are asked for."""
    latest = last_attempts(stored.records)
    known = metric_names(stored.plan, latest)
    if wanted:
        chosen = metrics_of(picked(wanted, known))
        return [name for name in known if name in chosen]
    told = {name for each in latest.values() for name in (*each.metrics, *each.missing)}
    return [name for name in known if name in told]


def _free(name: str, content: Mapping[str, Any]) -> str:
    """Call a metric's column by its name, unless a factor or another column is called so."""
    return f"metric {name}" if name in content else name


def _unit(stored: StoredRun, name: str) -> str:
    return meaning_of(name, stored.run.meanings).unit


def _floats(pandas: ModuleType, values: Any) -> Any:
    return pandas.Series(list(values), dtype="float64")


def _framed(pandas: ModuleType, content: Mapping[str, Any], units: Mapping[str, str]) -> Any:
    frame = pandas.DataFrame(content)
    frame.attrs["units"] = dict(units)
    return frame

"""Print summaries and trials: as a table, in Markdown, or as CSV (raw numbers).

Every foreign text (levels, reasons, names) is escaped and cut on its way out.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from harness import settings
from harness.errors import LevelError, UnknownName, same_name
from harness.layout import Column, Style, csv_text, printed
from harness.metrics import MEANINGS, Meaning, base_name
from harness.planned import Case, Plan, Trial
from harness.record import Record
from harness.store import last_attempts
from harness.tables import (
    NO_MEANINGS,
    CaseSummary,
    MetricSummary,
    finite,
    meaning_of,
    metric_names,
    trials_by_case,
)
from harness.units import one_line, quantity

MEMORY = "memory"
"""The column of memory: the device's peak on a device, the host's on the CPU."""

_LEARNING = ("test_accuracy", "test_loss", "train_accuracy", "train_loss", "running_train_loss")
_SPEED = ("train_samples_per_s", "infer_samples_per_s")
_MOST_REASONS = 8


def render_cases(
    plan: Plan,
    rows: Sequence[CaseSummary],
    *,
    style: Style = "table",
    metrics: Sequence[str] = (),
    width: int | None = None,
) -> str:
    """Print a row a case, in the order of the plan, those without a figure too.

    Args:
        plan: What was planned.
        rows: The summaries of its cases.
        style: For people (table, markdown) or with raw numbers in SI base units and bytes (csv).
        metrics: Which to show, by name (`memory` is the device's or the host's, `NAME` stands for
            all `NAME/LAYER`); empty: a choice by what there is.
        width: Columns of the terminal; None: as wide as need be.

    Raises:
        UnknownName: the run has no such metric.
    """
    known = tuple(rows[0].metrics) if rows else tuple(MEANINGS)
    present = {name for row in rows for name, each in row.metrics.items() if each.n}
    ok = any("ok" in row.statuses for row in rows)
    names = _picked(metrics, known) if metrics else _default_names(present, ok)
    if style == "csv":
        return csv_text(*_cases_csv(plan, rows, names))
    columns = [
        *_factor_columns(plan, plan.cases),
        *(_metric_column(name, rows, spread=bool(metrics) or name in _LEARNING) for name in names),
        Column(header="status", cells=[_status(row) for row in rows], wraps=True),
    ]
    return printed(columns, style, width, _reasons(rows))


def render_trials(
    plan: Plan,
    records: Iterable[Record],
    *,
    style: Style = "table",
    metrics: Sequence[str] = (),
    width: int | None = None,
    meanings: Mapping[str, Meaning] = NO_MEANINGS,
) -> str:
    """Print a row a planned trial with its last attempt, by case and seed; those not run too.

    Args and errors are those of `render_cases`; the reason stands in the last column. `meanings`
    are those of plugins' metrics, for their units.
    """
    latest = last_attempts(records)
    pairs = [
        (each, latest.get(each.key)) for found in trials_by_case(plan).values() for each in found
    ]
    ok = [record for _, record in pairs if record is not None and record.status == "ok"]
    present = {name for each in ok for name, value in each.metrics.items() if value is not None}
    known = metric_names(plan, latest)
    names = _picked(metrics, known) if metrics else _default_names(present, bool(ok))
    if style == "csv":
        return csv_text(*_trials_csv(plan, pairs, names))
    return printed(_trial_columns(plan, pairs, names, meanings), style, width)


@functools.lru_cache(maxsize=4096)
def _text_of_word(word: str) -> str:
    """Print a text: the canonical form of a level with options as it is, others as levels."""
    try:
        level = settings.parse_level(word)
    except LevelError:
        return settings.text(word)
    compound = isinstance(level, settings.Named | settings.Globs)
    kept = level is None or (compound and settings.text(level) == word)
    return word if kept else settings.text(word)


def level_text(value: Any) -> str:
    """Print a level as records keep it; `-` where the factor does not apply."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return _text_of_word(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(level_text(each) for each in value) + "]"
    return settings.text(value)


def headers(factors: Sequence[str], taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Shorten addresses to their last part where no other factor or column is called so."""
    short = [each.rpartition(".")[2] for each in factors]
    count = Counter([*short, *taken])
    return tuple(
        word if count[word] == 1 else full for word, full in zip(short, factors, strict=True)
    )


def _default_names(present: set[str], ok: bool) -> list[str]:
    """Choose columns by what there is; where no trial ended ok, those that a suite mostly has."""
    learning = next((each for each in _LEARNING if each in present), None)
    speed = next((each for each in _SPEED if each in present), None)
    own = sorted(present.difference(MEANINGS))[:3] if learning is None else []
    if not ok:
        learning, speed = learning or _LEARNING[0], speed or _SPEED[0]
    return [*(each for each in (learning, *own, speed) if each), MEMORY]


def _picked(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    names: dict[str, None] = {}
    for each in wanted:
        folded = same_name(each.strip())
        found = [name for name in (MEMORY, *known) if same_name(name) == folded]
        found = found or [name for name in known if same_name(base_name(name)) == folded]
        if not found:
            raise UnknownName("metric", one_line(each), (MEMORY, *known))
        names.update(dict.fromkeys(found))
    return list(names)


def _resolved(name: str, case: Case) -> str:
    if name != MEMORY:
        return name
    on_device = case.settings.get("device", "cpu") != "cpu"
    return "device_peak_bytes" if on_device else "host_peak_bytes"


def _factor_columns(plan: Plan, cases: Iterable[Case]) -> list[Column]:
    taken = (*MEANINGS, MEMORY, "status", "seed", "fold", "attempt", "reason")
    return [
        Column(
            header=one_line(header, 60),
            cells=[_shown_level(each, address) for each in cases],
            wraps=True,
        )
        for address, header in zip(plan.factors, headers(plan.factors, taken), strict=True)
    ]


def _shown_level(case: Case, address: str) -> str:
    return one_line(level_text(case.levels.get(address)))


def _metric_column(name: str, rows: Sequence[CaseSummary], *, spread: bool) -> Column:
    found = [row.metrics.get(_resolved(name, row.case)) for row in rows]
    cells = [_figure(each, spread=spread) if each else "-" for each in found]
    return Column(header=one_line(name, 60), cells=cells)


def _figure(found: MetricSummary, *, spread: bool) -> str:
    if found.mean is None:
        return "-"
    if not spread:
        return quantity(found.mean, found.meaning.unit)
    return f"{_with_std(found.mean, found.std, found)} ({found.n})"


def _with_std(mean: float, std: float | None, found: MetricSummary) -> str:
    unit = found.meaning.unit
    share = unit == "1" and found.meaning.direction == "higher" and abs(mean) <= 1
    if std is None or (std == 0 and not share):
        return f"{mean:.3f}" if share else quantity(mean, unit)
    if unit != "1" and mean:
        percent = 100 * std / abs(mean)
        return f"{quantity(mean, unit)} ±{percent:.{1 if percent < 9.95 else 0}f} %"
    decimals = max(_decimals(mean, 3), _decimals(std, 1), 3 if share else 0)
    if unit != "1" or decimals > 6 or max(abs(mean), std) >= 1e6:
        return f"{quantity(mean, unit)} ±{quantity(std, unit)}"
    return f"{mean:.{decimals}f} ±{std:.{decimals}f}"


def _decimals(value: float, significant: int) -> int:
    """Count the decimals that show so many significant figures of a value."""
    return max(0, significant - 1 - math.floor(math.log10(abs(value)))) if value else 0


def _status(row: CaseSummary) -> str:
    parts = [f"{status} {count}" for status, count in row.statuses.items()]
    rest = row.planned - sum(row.statuses.values())
    if not parts and row.case.expected:
        return row.case.expected
    return ", ".join([*parts, *([f"not run {rest}"] if rest else [])]) or "-"


def _reasons(rows: Sequence[CaseSummary]) -> list[str]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row.reasons)
    lines = [
        one_line(reason) + (f" ({_trials(count)})" if count else "")
        for reason, count in list(counts.items())[:_MOST_REASONS]
    ]
    if len(counts) > _MOST_REASONS:
        lines.append(f"... and {len(counts) - _MOST_REASONS} other reasons: --trials shows them")
    return lines


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"


_Pair: TypeAlias = tuple[Trial, Record | None]


def _trial_columns(
    plan: Plan, pairs: Sequence[_Pair], names: Sequence[str], meanings: Mapping[str, Meaning]
) -> list[Column]:
    cases = [plan.cases[trial.case] for trial, _ in pairs]
    records = [record for _, record in pairs]
    columns = [
        *_factor_columns(plan, cases),
        Column(header="seed", cells=[str(trial.seed) for trial, _ in pairs]),
    ]
    if any(trial.fold is not None for trial, _ in pairs):
        columns.append(Column(header="fold", cells=[_or_dash(each.fold) for each, _ in pairs]))
    if any(each and each.attempt != 1 for each in records):
        attempts = [_or_dash(each and each.attempt) for each in records]
        columns.append(Column(header="attempt", cells=attempts))
    columns.append(
        Column(header="status", cells=[each.status if each else "not run" for each in records])
    )
    for name in names:
        cells = [
            _trial_figure(name, case, record, meanings)
            for case, record in zip(cases, records, strict=True)
        ]
        columns.append(Column(header=one_line(name, 60), cells=cells))
    reasons = [one_line((each and each.reason) or "-") for each in records]
    return [*columns, Column(header="reason", cells=reasons, wraps=True)]


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _trial_figure(
    name: str, case: Case, record: Record | None, meanings: Mapping[str, Meaning]
) -> str:
    if record is None or record.status != "ok":
        return "-"
    resolved = _resolved(name, case)
    return quantity(finite(record.metrics.get(resolved)), meaning_of(resolved, meanings).unit)


def _cases_csv(
    plan: Plan, rows: Sequence[CaseSummary], names: Sequence[str]
) -> tuple[list[str], list[list[object]]]:
    header = [*plan.factors, "planned", "status"]
    for name in names:
        header += [name, f"{name}_std", f"{name}_n"]
    lines = []
    for row in rows:
        line: list[object] = [_raw_level(row.case, each) for each in plan.factors]
        line += [row.planned, _status(row)]
        for name in names:
            found = row.metrics.get(_resolved(name, row.case))
            line += [found.mean, found.std, found.n] if found else [None, None, 0]
        lines.append([*line, "; ".join(row.reasons)])
    return [*header, "reason"], lines


def _trials_csv(
    plan: Plan, pairs: Sequence[_Pair], names: Sequence[str]
) -> tuple[list[str], list[list[object]]]:
    header = [*plan.factors, "seed", "fold", "attempt", "status", *names, "reason"]
    return header, [_trial_line(plan, names, *each) for each in pairs]


def _trial_line(
    plan: Plan, names: Sequence[str], trial: Trial, record: Record | None
) -> list[object]:
    case = plan.cases[trial.case]
    line: list[object] = [_raw_level(case, each) for each in plan.factors]
    if record is None:
        return [*line, trial.seed, trial.fold, None, "not run", *(None for _ in names), None]
    figured = record.metrics if record.status == "ok" else {}
    values = [finite(figured.get(_resolved(each, case))) for each in names]
    return [*line, trial.seed, trial.fold, record.attempt, record.status, *values, record.reason]


def _raw_level(case: Case, address: str) -> str | None:
    value = case.levels.get(address)
    return None if value is None else level_text(value)

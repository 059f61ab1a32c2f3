"""Pairs of stored runs that tests make in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from made import made_case, made_plan, made_record, made_run
from msgspec.structs import replace

from harness.comparing.against import Against, against
from harness.comparing.environments import INTERLEAVED
from harness.errors import SettingError
from harness.records.planned import Case, Plan
from harness.records.record import Record
from harness.records.store import StoredRun

MIB = 1 << 20
HERE = {"torch": "2.15.0", "cpu": "x", "host": "a"}


def no_default(settings: Mapping[str, Any], address: str) -> Any:
    """Know no default."""
    raise SettingError(f"{address} has no default ({settings.get('model')})")


def made_stored(plan: Plan, records: Sequence[Record], name: str = "r", **run: Any) -> StoredRun:
    """Make a run as it lies on the disk."""
    file = replace(made_run(plan, **run), id=name)
    return StoredRun(folder=Path("results", plan.suite, name), run=file, records=tuple(records))


def records_of(
    plan: Plan,
    case: int = 0,
    *,
    environment: Mapping[str, Any] = HERE,
    sizes: Mapping[str, int] | None = None,
    fields: Mapping[str, Any] | None = None,
    **metrics: Sequence[Any],
) -> list[Record]:
    """Make a record for each seed from lists of values; a text in a list is a status."""
    found = []
    for place, seed in enumerate(plan.seeds):
        values = {name: each[place] for name, each in metrics.items()}
        statuses = [each for each in values.values() if isinstance(each, str)]
        kept: dict[str, Any] = {"environment": dict(environment), "sizes": dict(sizes or {})}
        kept |= {"reason": "no luck"} if statuses else {"metrics": values}
        found.append(made_record(plan, case, seed, *statuses[:1], **{**kept, **(fields or {})}))
    return found


def made_pair(
    base: Mapping[str, Sequence[Any]],
    head: Mapping[str, Sequence[Any]],
    *,
    case: Case | None = None,
    interleaved: bool = False,
    there: Mapping[str, Any] | None = None,
    margins: Mapping[str, float] | None = None,
) -> Against:
    """Match two runs of one case from lists of values by metric.

    Args:
        base: Values of the base, by metric.
        head: Those of the head.
        case: Another one than an MLP.
        interleaved: Whether both took turns.
        there: What differs in the head's environment.
        margins: Of the base's suite.
    """
    seeds = range(len(next(iter(base.values()))))
    plan = made_plan(case or made_case({"model": "mlp"}), seeds=tuple(seeds))
    plan = replace(plan, margins=dict(margins or {}))
    here = HERE | ({INTERLEAVED: "g"} if interleaved else {})
    old = records_of(plan, environment=here, **base)
    new = records_of(plan, environment={**here, **(there or {})}, **head)
    return against(made_stored(plan, old, "base"), made_stored(plan, new, "head"), no_default)

"""The record of a trial, from all that is known of it when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.numbers.metrics import MEANINGS
from harness.records.planned import Case, Trial
from harness.records.record import Record
from harness.running.endings import lines_of
from harness.running.loads import Prepared
from harness.running.messages import Ended, Outcome


def record_of(
    trial: Trial,
    case: Case,
    outcome: Outcome,
    ended: Ended | None,
    loaded: Prepared | None,
    *,
    attempt: int,
    started: str,
    environment: Mapping[str, Any],
    sources: dict[str, str],
    loading: str,
    shared: bool,
    foreign_cpus: float | None,
) -> Record:
    """Make a record.

    Args:
        trial: What was planned.
        case: Of the trial.
        outcome: What became of it.
        ended: How its process ended; None where it had none.
        loaded: Its data, where it was loaded for several trials.
        attempt: As the record has it, like `started`, `sources`, `shared` and `foreign_cpus`.
        environment: Versions and machine.
        loading: What the loader of its data printed.
    """
    metrics, missing = _metrics(outcome, ended, loaded)
    printed = "" if ended is None else lines_of(ended)
    return Record(
        key=trial.key,
        settings=case.settings,
        levels=case.levels,
        seed=trial.seed,
        fold=trial.fold,
        attempt=attempt,
        status=outcome.status,
        reason=outcome.reason,
        metrics=metrics,
        missing=missing,
        curves=outcome.curves,
        started=started,
        environment={**environment, "threads": case.settings["threads"], **outcome.environment},
        sources=sources,
        data=outcome.data or (loaded.outcome.data if loaded else None),
        sizes=outcome.sizes,
        output="\n".join(filter(None, (loading, printed))),
        shared=shared,
        foreign_cpus=foreign_cpus,
        weights=outcome.weights,
    )


def _metrics(
    outcome: Outcome, ended: Ended | None, loaded: Prepared | None
) -> tuple[dict[str, int | float | None], dict[str, str]]:
    """Add what the parent takes; a trial that is not ok has no figure, and a reason for each."""
    if outcome.status != "ok":
        reason = f"the trial ended as {outcome.status}"
        return dict.fromkeys(MEANINGS), dict.fromkeys(MEANINGS, reason)
    metrics, missing = dict(outcome.metrics), dict(outcome.missing)
    taken: dict[str, int | float | None] = {"wall_s": ended.wall_s if ended else None}
    if loaded is not None:
        taken["load_peak_bytes"] = loaded.outcome.metrics.get("load_peak_bytes")
    else:
        missing["load_peak_bytes"] = "the data was not prepared in a process of its own"
    for name, value in taken.items():
        metrics[name] = value
        if value is not None:
            missing.pop(name, None)
    return metrics, missing

"""Which trials of a run have no record yet."""

from __future__ import annotations

from harness.judging.compare import decided
from harness.judging.tables import summaries
from harness.records.looks import up_to
from harness.records.planned import Plan, Trial
from harness.records.record import BROKEN
from harness.records.store import StoredRun, last_attempts


def waiting_trials(stored: StoredRun, retry: bool = False) -> list[tuple[Trial, int]]:
    """List the trials without a record (with `retry`: or a broken one), with their attempts.

    Of an adaptive run, those up to the next look; none where all is decided.
    """
    found = _waiting(stored.plan, stored, retry)
    if found or stored.plan == stored.run.plan:
        return found
    if decided(stored.plan, summaries(stored.plan, stored.records, stored.run.meanings)):
        return []
    following = stored.run.plan.seeds[len(stored.plan.seeds)]
    return _waiting(up_to(stored.run.plan, {following}), stored, retry)


def _waiting(plan: Plan, stored: StoredRun, retry: bool) -> list[tuple[Trial, int]]:
    last = last_attempts(stored.records)
    waiting = []
    for trial in plan.trials:
        record = last.get(trial.key)
        if record is None:
            waiting.append((trial, 1))
        elif retry and record.status in BROKEN:
            waiting.append((trial, record.attempt + 1))
    return waiting

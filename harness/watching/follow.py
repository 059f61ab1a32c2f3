"""Follow a run that another process makes: tell each record as the journal grows."""

from __future__ import annotations

import time
from collections.abc import Callable

from harness.records.journal import Tail, is_held
from harness.records.looks import due
from harness.records.store import StoredRun, last_attempts
from harness.running.execute import Watcher

_LOOK_S = 0.5


def follow(
    stored: StoredRun,
    watcher: Watcher,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Tell of a run until nobody works on it; where locks are not kept, until all trials ended.

    Args:
        stored: The run as it is now.
        watcher: Told of every record that comes.
        sleep: Waits for seconds.
    """
    records = list(stored.records)
    tail = Tail(stored.folder)
    known = {(each.key, each.attempt) for each in records}
    trials = {each.key: each for each in stored.run.plan.trials}
    total, free = len(stored.plan.trials), False
    watcher.begun(total, len(last_attempts(records)))
    while True:
        was_free, held = free, is_held(stored.folder)  # before what it wrote is read
        free = held is False
        for record in tail.read():
            trial = trials.get(record.key)
            if trial is None or (record.key, record.attempt) in known:
                continue
            records.append(record)
            if (now := len(due(stored.run.plan, records).trials)) != total:
                total = now  # an adaptive run has begun its next look
                watcher.begun(total, len(last_attempts(records[:-1])))
            watcher.ended(stored.run.plan.cases[trial.case], trial, record)
        whole = len({each.key for each in records}) >= total
        if not held and (whole or (free and was_free)):  # a run that begins has no lock yet
            return
        sleep(_LOOK_S)

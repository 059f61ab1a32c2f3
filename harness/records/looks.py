"""Look at an adaptive run after 5, 10 and 20 seeds: what of its plan is due by now.

Adding seeds until it pleases is a false verdict one time in five (STATISTICS.md, section 5). Looks
that were fixed beforehand, each at a third of the error, are not (section 7, step 10).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from harness.records.planned import Plan
from harness.records.record import Record


def due(plan: Plan, records: Iterable[Record]) -> Plan:
    """Give the part of a plan that has been begun: up to the look that its last seed waits for.

    A plan without looks is due as a whole.
    """
    if not plan.looks:
        return plan
    begun = {each.seed for each in records}
    return up_to(plan, begun)


def up_to(plan: Plan, seeds: Collection[int]) -> Plan:
    """Give the part of a plan up to the look that holds these seeds."""
    last = max((place for place, seed in enumerate(plan.seeds) if seed in seeds), default=0)
    look = next((each for each in plan.looks if each > last), len(plan.seeds))
    kept = plan.seeds[:look]
    trials = tuple(each for each in plan.trials if each.seed in set(kept))
    return replace(plan, seeds=kept, trials=trials)

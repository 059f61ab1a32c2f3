"""Say below a run's tables what of the expected was seen, and why the command ends as it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from harness.judging.expectations import Outcome
from harness.records.planned import Plan
from harness.records.record import BROKEN, STATUSES, Record
from harness.records.store import last_attempts
from harness.units import one_line

_MOST = 1000
_SEEN = {"fails": "fails", "undecided": "is undecided"}


def expectation_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Count the expectations that hold, and tell those that do not with what tells it."""
    if not outcomes:
        return []
    wrong = [each for each in outcomes if each.outcome != "holds"]
    return [
        f"{len(outcomes) - len(wrong)} of {len(outcomes)} expectations of the suite hold",
        *(
            one_line(f"expected, but it {_SEEN[each.outcome]}: {each.text}", _MOST)
            + (f": {one_line(each.why, _MOST)}" if each.why else "")
            for each in wrong
        ),
    ]


def exit_lines(
    plan: Plan, records: Iterable[Record], outcomes: Sequence[Outcome], code: int
) -> list[str]:
    """Say why the command ends with a code that is not 0; nothing where it is.

    Args:
        plan: What was planned.
        records: In the order of the file; the last attempt of each trial counts.
        outcomes: What became of the expectations.
        code: The exit code.
    """
    latest = last_attempts(records)
    counts = Counter(latest[each.key].status for each in plan.trials if each.key in latest)
    broken = {each: count for each, count in counts.items() if each in BROKEN}
    ended = [f"{each} {counts[each]}" for each in STATUSES if counts[each] and each != "ok"]
    if code == 4:
        return [f"exit 4: no trial ended ok or diverged ({', '.join(ended) or 'none was run'})"]
    if code == 3:
        strictly = "" if broken else ", under --strict"
        told = [each for each in ended if not broken or each.partition(" ")[0] in BROKEN]
        return [f"exit 3{strictly}: of {len(plan.trials)} trials, {', '.join(told)}"]
    if code == 1:
        wrong = sum(each.outcome != "holds" for each in outcomes)
        return [f"exit 1, under --check: {wrong} of {len(outcomes)} expectations do not hold"]
    return []

"""What the end of a process makes of its trial: a status, a reason, the lines that are kept."""

from __future__ import annotations

import msgspec

from harness.running.messages import Ended, Outcome
from harness.units import byte_count, duration, one_line

_LINES = 12
"""How many lines are kept of what a process printed, and as many of how it failed."""

_FAULT = "Fatal Python error: "
"""How faulthandler begins, which prints where a process was when a signal killed it."""

_NO_MEMORY = "std::bad_alloc"
"""What native code says that got no memory, before it aborts."""


def outcome_of(ended: Ended, timeout_s: float) -> Outcome:
    """Say what became of a request."""
    outcome = _outcome(ended, timeout_s)
    if outcome.status == "oom-host" and ended.memory_limit is not None:
        limit = f"memory_limit is {byte_count(ended.memory_limit)}"
        told = f"{outcome.reason}; {limit}: memory_limit=BYTES sets another"
        return msgspec.structs.replace(outcome, reason=told)
    return outcome


def lines_of(ended: Ended) -> str:
    """Keep the last lines that a process printed, then those that say where it failed."""
    printed, fault = _parted(ended.output)
    trace = "" if ended.outcome is None else ended.outcome.trace
    kept = [
        *printed.splitlines()[-_LINES:],
        *fault.splitlines()[:_LINES],
        *trace.splitlines()[-_LINES:],
    ]
    return "\n".join(map(one_line, kept))


def _outcome(ended: Ended, timeout_s: float) -> Outcome:
    if ended.timed_out:
        return Outcome(
            status="timeout", reason=f"killed at its deadline, after {duration(timeout_s)}"
        )
    if ended.over_bytes is not None:
        taken = byte_count(ended.over_bytes)
        return Outcome(status="oom-host", reason=f"killed: it took {taken} of host memory")
    if ended.outcome is not None:
        return ended.outcome
    if _NO_MEMORY in ended.output:
        return Outcome(status="oom-host", reason=f"{_NO_MEMORY}, and died with {ended.ending}")
    return Outcome(
        status="crashed", reason=f"the process died with {ended.ending} before it had a result"
    )


def _parted(output: str) -> tuple[str, str]:
    """Part what was printed from what faulthandler printed at the end."""
    place = output.rfind(_FAULT)
    return (output, "") if place < 0 else (output[:place], output[place:])

"""Say in words what a suite expects."""

from __future__ import annotations

from harness.planning.cases import words
from harness.suites.draft import Expected


def claim_text(expected: Expected) -> str:
    """Say it: `median test_accuracy of init=zeros is at most 0.12 after epoch 3`."""
    expect = expected.expect
    subject = words(expected.where) if expected.where else "every case"
    share = f" on {expect.share:.0%} of the seeds" if expect.share < 1 else ""
    status = "" if expect.status is None else f"status of {subject} is {expect.status}"
    parts = _parts(expected)
    if not parts:
        return status + share
    of = "median " if expect.of == "median" else ""
    when = f" after epoch {expect.epoch}" if expect.epoch else ""
    when += f" at some epoch up to {expect.by_epoch}" if expect.by_epoch else ""
    told = f"{of}{expect.metric} of {subject} is {' and '.join(parts)}{when}{share}"
    return f"{told}, and {status}" if status else told


def _parts(expected: Expected) -> list[str]:
    expect = expected.expect
    parts = []
    if expect.min is not None:
        parts.append(f"at least {expect.min:g}")
    if expect.max is not None:
        parts.append(f"at most {expect.max:g}")
    if expected.better_than is not None:
        parts.append(f"better than {words(expected.better_than)}")
    if expected.same_as is not None:
        parts.append(f"the same as {words(expected.same_as)}")
    return parts

"""See how much of the machine others use: processor time that is not this run's.

Read between trials, never while one measures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import NamedTuple

BUSY_CPUS = 0.25
"""Processors that others keep busy, above which a trial is marked: a quarter of a core."""


class Usage(NamedTuple):
    """Processor time in seconds since some moment.

    Args:
        wall_s: Of the clock.
        all_s: Of every process of the machine, summed over its processors.
        own_s: Of this process and of all that it started.
    """

    wall_s: float
    all_s: float
    own_s: float


def read_usage(
    pids: tuple[int, ...] = (), clock: Callable[[], float] = time.monotonic
) -> Usage | None:
    """Read the processor time of the machine and of this run; None where it is not told.

    Args:
        pids: Processes of the run that live still, besides this one; they and the children that
            they have waited for count.
        clock: Seconds.
    """
    import psutil

    try:
        every = psutil.cpu_times()
    except (OSError, ValueError, RuntimeError, psutil.Error):  # a host without /proc
        return None
    idle = ("idle", "iowait", "guest", "guest_nice")  # a guest's time stands in user's too
    all_s = sum(value for name, value in every._asdict().items() if name not in idle)
    own = os.times()
    own_s = own.user + own.system + own.children_user + own.children_system
    for pid in pids:
        own_s += _tree_s(pid)
    return Usage(clock(), all_s, own_s)


def foreign_cpus(before: Usage | None, after: Usage | None) -> float | None:
    """Give the processors that others kept busy on average; None where it cannot be told.

    The kernel counts in ticks of 10 ms: what is shorter than a fifth of a second tells nothing.
    """
    if before is None or after is None or after.wall_s - before.wall_s < _SHORTEST_S:
        return None
    others_s = (after.all_s - before.all_s) - (after.own_s - before.own_s)
    return max(0.0, others_s / (after.wall_s - before.wall_s))


_SHORTEST_S = 0.2


def _tree_s(pid: int) -> float:
    import psutil

    try:
        found = psutil.Process(pid).cpu_times()
    except (OSError, ValueError, psutil.Error):  # it has just ended
        return 0.0
    return float(sum(getattr(found, name, 0.0) for name in _COUNTED))


_COUNTED = ("user", "system", "children_user", "children_system")

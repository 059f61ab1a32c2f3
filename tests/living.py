"""Whether a process runs: one that is dead, and that nobody has waited for yet, does not."""

from __future__ import annotations

import psutil


def lives(pid: int) -> bool:
    """Tell whether a process runs; tests before may have left zombies to their own process."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

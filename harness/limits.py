"""How much of the host's memory a trial may take, and how much its processes take now (Linux).

A limit of the kernel's (RLIMIT_DATA, getrlimit(2)) stops private memory at the allocation that is
too much: that process sees an error, and the machine stays usable. It says nothing of shared memory
and counts each process by itself, so the server also looks at the whole tree now and then.
RLIMIT_AS would break CUDA, which reserves more addresses than there is memory.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import psutil

PROC = Path("/proc")

_FIELD = re.compile(r"^(VmData|RssAnon|RssShmem|VmSwap):\s+(\d+) kB$", re.MULTILINE)


def limit_private_memory(limit_bytes: int, proc: Path = PROC) -> bool:
    """Let this process, and each that it forks, take so much more private memory than it has now.

    Returns:
        Whether the kernel took the limit.
    """
    if sys.platform != "linux":
        return False
    import resource

    inherited = _status(proc / "self").get("VmData")
    if inherited is None:
        return False
    wanted = inherited + limit_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    return True


def tree_bytes(pid: int, proc: Path = PROC) -> int:
    """Add up the memory of a process and of all that descends from it, swapped pages too.

    Shared memory is taken from the process that has most of it: the same pages stand in each that
    maps them. Processes that are gone count nothing.
    """
    seen = [_status(proc / str(each)) for each in _tree(pid)]
    private = sum(each.get("RssAnon", 0) + each.get("VmSwap", 0) for each in seen)
    return private + max((each.get("RssShmem", 0) for each in seen), default=0)


def _tree(pid: int) -> list[int]:
    try:
        return [pid, *(each.pid for each in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return [pid]


def _status(folder: Path) -> dict[str, int]:
    return {name: 1024 * int(kib) for name, kib in _FIELD.findall(_text(folder / "status"))}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""

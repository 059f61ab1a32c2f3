"""How much of the host's memory a trial may take, and how much its processes take now (Linux).

A limit of the kernel's (RLIMIT_DATA, getrlimit(2)) stops private memory at the allocation that is
too much: that process sees an error, and the machine stays usable. It says nothing of shared memory
and counts each process by itself, so the server also looks at the whole tree now and then.
Huge pages of hugetlbfs and System V segments that nobody has attached are not seen.
RLIMIT_AS would break CUDA, which reserves more addresses than there is memory.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from harness.system.tmpfs import WrittenFiles

PROC = Path("/proc")

_FIELD = re.compile(r"^(VmData|RssAnon|RssShmem|VmSwap):\s+(\d+) kB$", re.MULTILINE)
_SHARE = re.compile(r"^(Pss_Anon|Pss_Shmem|SwapPss):\s+(\d+) kB$", re.MULTILINE)
_MOST = (1 << 63) - 1
"""The highest limit that can be asked for."""

_FEW = 1 << 20
"""Shared bytes that are not worth a look at what is mapped."""


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
    wanted = min(inherited + limit_bytes, _MOST)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    return True


def own_bytes(proc: Path = PROC) -> int:
    """Read the private memory of this process: what a process that it forks inherits."""
    return _status(proc / "self").get("RssAnon", 0)


def tree_bytes(
    pid: int, inherited: int, files: WrittenFiles | None = None, proc: Path = PROC
) -> int:
    """Add up the memory of a process and of all that descends from it, over what it inherited.

    Where there are several processes, each page counts by its share among those that map it
    (smaps_rollup, proc(5)); a walk over all pages is too slow to be made where there is one. Where
    the kernel tells no shares, pages that several map count for each, shared memory once.

    Args:
        pid: The root of the tree; processes that are gone count nothing.
        inherited: Bytes that it shared with its parent from the start.
        files: Those in memory that the tree has written: they count in full, mapped or not.
        proc: The folder of processes.
    """
    tree = _tree(pid)
    own, shared = _mapped(tree, inherited, proc)
    held = {} if files is None else files.held(tree)
    if files is not None and shared >= _FEW:
        shared = max(0, shared - files.mapped(tree, held))
    return own + shared + sum(held.values())


def _tree(pid: int) -> list[int]:
    try:
        return [pid, *(each.pid for each in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return [pid]


def _mapped(tree: Sequence[int], inherited: int, proc: Path) -> tuple[int, int]:
    """Add up what processes map: their own bytes over what they inherited, and shared ones."""
    if len(tree) > 1:
        shares = [_share(proc / str(each)) for each in tree]
        if any(shares):
            shared = sum(each.get("Pss_Shmem", 0) for each in shares)
            own = sum(each.get("Pss_Anon", 0) + each.get("SwapPss", 0) for each in shares)
            return max(0, own - inherited * len(tree) // (len(tree) + 1)), shared
    seen = [_status(proc / str(each)) for each in tree]
    own = sum(max(0, each.get("RssAnon", 0) + each.get("VmSwap", 0) - inherited) for each in seen)
    return own, max(each.get("RssShmem", 0) for each in seen)


def _share(folder: Path) -> dict[str, int]:
    text = _text(folder / "smaps_rollup")
    return {name: 1024 * int(kib) for name, kib in _SHARE.findall(text)}


def _status(folder: Path) -> dict[str, int]:
    return {name: 1024 * int(kib) for name, kib in _FIELD.findall(_text(folder / "status"))}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""

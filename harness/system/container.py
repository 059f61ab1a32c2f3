"""What a container (a control group of Linux) allows: memory and processors below the machine's.

Files and their meanings: kernel.org, admin-guide/cgroup-v2.rst ("memory.max", "memory.current",
"cpu.max") and cgroup-v1/memory.rst, sched-bwc.rst. The tightest limit up to the root counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")

_UNLIMITED = 1 << 60
"""Version 1 writes a number above this where there is no limit."""


def memory_limit(root: Path = ROOT, own: Path = OWN) -> int | None:
    """Read the bytes that the container may take; None: there is no limit, or no container."""
    files = (
        *_files(root, own, "memory.max"),
        *_files(root, own, "memory.limit_in_bytes", "memory"),
    )
    found = [each for path in files if (each := _number(path)) is not None and each < _UNLIMITED]
    return min(found, default=None)


def memory_left(root: Path = ROOT, own: Path = OWN) -> int | None:
    """Read the bytes that the container may still take; None: there is no limit.

    Pages of files that nobody has looked at lately count as free: the kernel drops them when
    memory is wanted.
    """
    versions = (
        ("memory.max", "memory.current", "inactive_file", ""),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "memory"),
    )
    left = []
    for limit_name, used_name, droppable, controller in versions:
        for path in _files(root, own, limit_name, controller):
            limit, used = _number(path), _number(path.with_name(used_name)) or 0
            if limit is not None and limit < _UNLIMITED:
                used = max(0, used - _counted(path.with_name("memory.stat"), droppable))
                left.append(max(0, limit - used))
    return min(left, default=None)


def processors(root: Path = ROOT, own: Path = OWN) -> int | None:
    """Count the processors whose time the container may take, rounded up; None: no limit."""
    shares = [
        share
        for path in _files(root, own, "cpu.max")
        if (share := _share(_words(path))) is not None
    ]
    for path in _files(root, own, "cpu.cfs_quota_us", "cpu"):
        share = _share([*_words(path), *_words(path.with_name("cpu.cfs_period_us"))])
        if share is not None:
            shares.append(share)
    return max(1, math.ceil(min(shares))) if shares else None


def _files(root: Path, own: Path, name: str, controller: str = "") -> Iterator[Path]:
    """Find a control file in the own group and in each above it, where it is."""
    base = root / controller
    for group in {*_groups(own, controller), "/"}:
        folder = base / group.lstrip("/")
        for each in (folder, *folder.parents):
            if each == base or base in each.parents:
                path = each / name
                if path.is_file():
                    yield path


def _groups(own: Path, controller: str) -> list[str]:
    """Read the own group from lines `ID:CONTROLLERS:PATH`; version 2 names no controllers."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []
    fields = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    return [path for _, names, path in fields if controller in names.split(",")]


def _number(path: Path) -> int | None:
    words = _words(path)
    return int(words[0]) if words and words[0].isdecimal() else None


def _counted(path: Path, name: str) -> int:
    """Read a count from lines `NAME NUMBER`; 0 where it is not told."""
    words = _words(path)
    counts = dict(zip(words[::2], words[1::2], strict=False))
    return int(counts[name]) if counts.get(name, "").isdecimal() else 0


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _share(words: list[str]) -> float | None:
    """Divide a quota by its period; `max` and -1 are no quota."""
    if len(words) < 2 or not words[0].isdecimal() or not words[1].isdecimal() or int(words[1]) == 0:
        return None
    return int(words[0]) / int(words[1])

"""Files that lie in memory: what a tree of processes has written of them and holds (Linux).

A memfd (memfd_create(2)) and a file on a tmpfs (tmpfs(5): /dev/shm, often /tmp) take memory though
no process maps them, so that no process's own figures show them.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

Inode: TypeAlias = tuple[int, int]
"""A file by its device and its number there."""

SHARED = Path("/dev/shm")  # noqa: S108  # no file of ours: where shm_open(3) gives names
_BLOCK = 512
"""What `st_blocks` counts in, whatever the file system (stat(2))."""

_MEMFD = "/memfd:"


class WrittenFiles:
    """The files in memory that a tree of processes has written since a moment.

    One counts that a process of the tree was seen to hold open for writing, in full: as long as one
    of them has it open, and after that while it has its name. One that was last changed before that
    moment is not theirs.

    Args:
        since_ns: The moment, on the clock of files (`now_ns`).
        proc: The folder of processes.
    """

    def __init__(self, since_ns: int, proc: Path = Path("/proc")) -> None:
        self.since_ns = since_ns
        self._proc = proc
        self._mounts = tuple(f"{each}/" for each in _mount_points(proc))
        self._names: dict[Inode, str] = {}

    def held(self, tree: Iterable[int]) -> dict[Inode, int]:
        """Look at the processes of the tree: bytes by file, each file once."""
        found: dict[Inode, int] = {}
        for pid in tree:
            for name, about in self._open(pid):
                inode = about.st_dev, about.st_ino
                found[inode] = about.st_blocks * _BLOCK
                self._names[inode] = name
        for inode, name in self._names.items():
            if inode not in found and (left := _at(name)) and (left.st_dev, left.st_ino) == inode:
                found[inode] = left.st_blocks * _BLOCK
        return found

    def mapped(self, tree: Iterable[int], held: Mapping[Inode, int]) -> int:
        """Add up what the tree maps of `held`, and of files with a name that are not the tree's."""
        seen = dict(named for pid in tree for named in _maps(self._proc / str(pid)))
        total = sum(held[each] for each in seen if each in held)
        for inode, name in seen.items():
            if inode not in held and name.startswith(self._mounts) and (about := _at(name)):
                same = (about.st_dev, about.st_ino) == inode
                total += about.st_blocks * _BLOCK * (same and about.st_ctime_ns < self.since_ns)
        return total

    def _open(self, pid: int) -> Iterator[tuple[str, os.stat_result]]:
        """List the files in memory that a process has open for writing.

        Only what has the name of one is looked at: a dead network disk would never answer.
        """
        folder = self._proc / str(pid)
        with suppress(OSError):
            for each in (folder / "fd").iterdir():
                with suppress(OSError):
                    name = str(each.readlink())
                    if not name.startswith((_MEMFD, *self._mounts)):
                        continue
                    about = each.stat()
                    ours = stat.S_ISREG(about.st_mode) and about.st_ctime_ns >= self.since_ns
                    if ours and _is_writing(folder / "fdinfo" / each.name):
                        yield name, about


def remove_shared(pids: Iterable[int], since_ns: int, folder: Path = SHARED) -> None:
    """Remove what torch shared between processes that are dead now, and left its name behind.

    A worker of a DataLoader takes the name of a tensor's memory away as soon as it is mapped; one
    that is killed right before it leaves `torch_PID_...`, and the memory stays taken.

    Args:
        pids: Of the dead.
        since_ns: When the first of them was started, on the clock of files.
        folder: Where shared memory has its names.
    """
    dead = {str(each) for each in pids}
    with suppress(OSError):
        for each in folder.iterdir():
            maker = each.name.removeprefix("torch_").partition("_")[0]
            if each.name.startswith("torch_") and maker in dead:
                with suppress(OSError):
                    if each.lstat().st_ctime_ns >= since_ns:
                        each.unlink()


def now_ns() -> int:
    """Read the clock that the times of files are taken from."""
    with suppress(AttributeError, OSError):
        file = os.memfd_create("bench-now")
        try:
            return os.fstat(file).st_ctime_ns
        finally:
            os.close(file)
    return time.time_ns()


def _mount_points(proc: Path) -> list[str]:
    """List where a tmpfs is mounted; a space is three octal digits there (proc(5), mountinfo)."""
    points = []
    for line in _text(proc / "self" / "mountinfo").splitlines():
        place, _, kind = line.partition(" - ")
        if kind.startswith("tmpfs ") and len(place.split()) > 4:
            points.append(re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), place.split()[4]))
    return points


def _maps(folder: Path) -> Iterator[tuple[Inode, str]]:
    """List the files that a process maps, by lines `RANGE MODE OFFSET MAJOR:MINOR INODE NAME`."""
    for line in _text(folder / "maps").splitlines():
        _, _, _, device, number, *name = line.split(None, 5)
        if number != "0":
            major, minor = (int(each, 16) for each in device.split(":"))
            yield (os.makedev(major, minor), int(number)), "".join(name)


def _is_writing(path: Path) -> bool:
    """Read whether a file is open for writing, by the line `flags: OCTAL` (proc(5), fdinfo)."""
    flags = re.search(r"^flags:\s+([0-7]+)$", _text(path), re.MULTILINE)
    return flags is not None and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY


def _at(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116  # a name may be no path at all
    except (OSError, ValueError):
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="surrogateescape")
    except OSError:
        return ""

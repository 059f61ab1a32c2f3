"""Processes: dying with the parent, adopting orphans, killing whole trees.

Linux only where it says so; elsewhere these do nothing, and `kill_tree` follows what psutil sees.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator

import psutil

if sys.platform == "linux":
    import resource

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37

MARK = "BENCH_RUN_MARK"
"""Environment variable by which a parent knows the processes of its own run."""

_LEAST = 1 << 62
"""The lowest limit that is a mark: 146,000 years."""


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Ask the kernel for a signal to this process when its parent dies (Linux); 0: for none.

    Exits at once where the parent has died already.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, number)
        if number and os.getppid() != parent:
            os._exit(128 + number)


def adopt_orphans(adopt: bool = True) -> bool:
    """Make orphaned descendants children of this process (Linux), so that none escapes.

    Returns:
        Whether this process did so before.
    """
    if sys.platform != "linux":
        return False
    before = ctypes.c_int(0)
    _prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before))
    _prctl(_PR_SET_CHILD_SUBREAPER, int(adopt))
    return bool(before.value)


@contextlib.contextmanager
def orphans_adopted(adopt: bool) -> Iterator[None]:
    """Adopt orphans inside the block, and leave things as they were behind it."""
    before = adopt_orphans() if adopt else True
    try:
        yield
    finally:
        if not before:
            adopt_orphans(False)


def kill_tree(pid: int, *, root: bool = True, patience_s: float = 2.0) -> None:
    """Kill a process and all that descends from it, and wait until they are gone or zombies.

    Args:
        pid: The root of the tree; nothing happens where it is gone.
        root: Whether the root itself is killed; otherwise only its descendants.
        patience_s: Seconds after which the rest is left to the kernel.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        if root:
            with contextlib.suppress(psutil.NoSuchProcess):
                top.suspend()
        kill_all(lambda: top.children(recursive=True), patience_s)
        if root:
            top.kill()


def kill_all(find: Callable[[], Iterable[psutil.Process]], patience_s: float = 2.0) -> None:
    """Kill what `find` finds until it finds nothing that lives."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        living = [each for each in _found(find) if _lives(each)]
        if not living:
            return
        for each in living:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                each.kill()
        time.sleep(0.002)


def new_mark() -> str:
    """Draw the mark of a run: 15 hexadecimal digits."""
    return secrets.token_hex(8)[1:]


def carry(mark: str) -> None:
    """Mark this process, and all that will descend from it, as those of a run (Linux).

    The mark is a limit that limits nothing (RLIMIT_RTTIME: microseconds that a process of real-time
    priority may compute without a pause): other than the environment it outlives `env={}`, and like
    it a session of one's own and exec (setrlimit(2)).
    """
    if sys.platform == "linux":
        with contextlib.suppress(ValueError, OSError):  # a lower limit stands here already
            resource.setrlimit(resource.RLIMIT_RTTIME, (_limit(mark), resource.RLIM_INFINITY))


def strays(mark: str) -> list[psutil.Process]:
    """Find descendants of this process, dead ones too, that carry the mark of a run."""
    return [each for each in psutil.Process().children(recursive=True) if _carries(each, mark)]


def reap() -> None:
    """Reap children of this process that have ended and that nobody waits for."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def ending(status: int) -> str:
    """Say how a process ended, from its wait status: `exit code 3`, `signal 11 (SIGSEGV)`."""
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else signal_name(-code)


def signal_name(number: int) -> str:
    """Name a signal: `signal 11 (SIGSEGV)`."""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _found(find: Callable[[], Iterable[psutil.Process]]) -> list[psutil.Process]:
    try:
        return list(find())
    except psutil.NoSuchProcess:
        return []


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _carries(process: psutil.Process, mark: str) -> bool:
    return _is_limited(process.pid, mark) or _names(process, mark)


def _is_limited(pid: int, mark: str) -> bool:
    if sys.platform != "linux":
        return False
    try:
        return resource.prlimit(pid, resource.RLIMIT_RTTIME)[0] == _limit(mark)
    except OSError:  # it is gone, or another user's
        return False


def _limit(mark: str) -> int:
    return _LEAST | int(mark, 16)


def _names(process: psutil.Process, mark: str) -> bool:
    try:
        return bool(process.environ().get(MARK) == mark)
    except (psutil.Error, OSError):
        return False


def _prctl(option: int, argument: object) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0)

"""A `bench` that runs, what can be seen of it from outside, and how one of its processes is killed.

Linux only: processes are found under /proc.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Any

import psutil

from benchmarks.sweeps import Aim, Victim
from benchmarks.trouble import FOLDER, MARK, NOTES
from harness.system.processes import kill_all

BENCH = Path(sys.executable).with_name("bench")
_POLL_S = 0.001
_SETTLED_S = 30.0
_AT_WORK_S = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """A kill that was done.

    Args:
        pid: Of the victim.
        at: When, UTC, ISO 8601.
        kept: The records that were there before, by key and attempt; of a parent's not known.
        locked: Whether the command had come so far as to lock its folder.
    """

    aim: Aim
    pid: int
    at: str
    kept: frozenset[tuple[str, int]]
    locked: bool


@dataclass(slots=True)
class Command:
    """A `bench` that has been started in a folder of a round, and its processes."""

    process: subprocess.Popen[bytes]
    folder: Path
    mark: str
    expected_s: float
    began_s: float = field(default_factory=time.monotonic)

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    @property
    def rest_s(self) -> float:
        """Expect how long it goes on."""
        return max(0.3, self.began_s + self.expected_s - time.monotonic())

    def server(self) -> int | None:
        """Find the living server."""
        return next(
            (pid for pid in _children(self.process.pid) if "harness.trial.server" in _command(pid)),
            None,
        )

    def forked(self) -> frozenset[int]:
        """Find the living processes that the server has forked: trials, loaders."""
        server = self.server()
        if server is None:
            return frozenset()
        own = _command(server)
        return frozenset(pid for pid in _children(server) if _command(pid) == own)

    def loader(self) -> int | None:
        """Find a process that loads data at this moment."""
        told = {each["pid"]: each["what"] for each in notes(self.folder)}
        living = self.forked()
        return next((pid for pid in told if told[pid] == "loads" and pid in living), None)

    def end(self, within_s: float) -> int | None:
        """Wait for its end, and give its exit code; None where it had to be killed."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            kill_all(lambda: marked(self.mark))
            self.process.wait()
            return None


def start(
    arguments: Sequence[object], folder: Path, mark: str, *, expected_s: float = 0.0
) -> Command:
    """Start `bench` in a folder; what it prints goes to `out` and `err` there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BENCH_")}
    fixed = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", FOLDER: str(folder), MARK: mark}
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [str(BENCH), *map(str, arguments)],
            cwd=folder,
            env={**kept, **fixed},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    return Command(process, folder, mark, expected_s)


def strike(command: Command, aim: Aim, before: Sequence[Strike]) -> Strike | None:
    """Wait for the moment and kill; None where the command has ended before.

    A parent that has yet to clean up after its killed server is not killed too: that two kinds of
    process die at the same instant is not promised to leave nothing.
    """
    killed = [each.pid for each in before if each.aim.victim == "server"]
    if killed and aim.victim == "parent" and SIGKILL in aim.numbers:
        _until(command, lambda: command.server() not in {None, killed[-1]}, _SETTLED_S)
    if not _moment_comes(command, aim):
        return None
    target = _target(command, aim)
    if target is None:
        return None
    locked = _has_locked(command)
    kept = frozenset() if target == command.process.pid else _kept(command)
    if not _sent(target, aim.numbers):
        return None
    if aim.victim == "server and parent":
        _sent(command.process.pid, aim.numbers)
    found = Strike(aim=aim, pid=target, at=_now(), kept=kept, locked=locked)
    if aim.numbers[-1] == SIGKILL:
        _until(command, lambda: not _lives(target), _SETTLED_S)
    return found


def _has_locked(command: Command) -> bool:
    """Tell whether this command has locked its folder: a killed one before it leaves its lock file.

    Found so in round 240: a `resume` that SIGTERM ended while its interpreter started was judged as
    one at work.
    """
    pid = str(command.process.pid)
    found = command.folder.glob("results/*/*/lock")
    return any(each.read_text(errors="replace").partition(" ")[0] == pid for each in found)


def journal(folder: Path) -> bytes:
    """Read the records under a folder, but for a line that is torn."""
    content = b"".join(each.read_bytes() for each in folder.glob("results/*/*/trials.jsonl"))
    whole, _, rest = content.rpartition(b"\n")
    with suppress(ValueError):
        json.loads(rest)
        return content
    return whole + b"\n" if whole else b""


def records(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def notes(folder: Path) -> list[dict[str, Any]]:
    """Read what trials have noted."""
    path = folder / NOTES
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def marked(mark: str) -> list[psutil.Process]:
    """Find the living processes that a round has started."""
    return [each for each in psutil.process_iter() if _is_marked(each, mark)]


def _kept(command: Command) -> frozenset[tuple[str, int]]:
    return frozenset((each["key"], each["attempt"]) for each in records(journal(command.folder)))


def _moment_comes(command: Command, aim: Aim) -> bool:
    """Wait for the moment of an aim; tell whether the command still runs."""
    if aim.moment == "any":
        return not _until(command, lambda: False, aim.delay * command.rest_s) and command.runs
    if aim.moment == "kill":
        time.sleep(aim.delay)
        return command.runs
    look: Mapping[str, Callable[[], object]] = {
        "fork": command.forked,
        "append": lambda: _size(command.folder, "results/*/*/trials.jsonl"),
        "note": lambda: _size(command.folder, NOTES),
    }
    seen = look[aim.moment]
    first = seen()
    if aim.victim == "loader":
        return True  # its own note is the moment
    if not _until(command, lambda: _news(first, seen()), command.rest_s + _SETTLED_S):
        return False
    time.sleep(aim.delay)
    return True


def _news(before: object, now: object) -> bool:
    """Tell whether something has come, and not only gone."""
    if isinstance(before, frozenset) and isinstance(now, frozenset):
        return bool(now - before)
    return now != before


def _target(command: Command, aim: Aim) -> int | None:
    """Wait until the victim is there; None where the command ends without one.

    One that had to be waited for is given some time, or it would always be hit as it begins.
    """
    found = _awaited(command, aim.victim)
    if aim.moment == "any" and len(found) > 1 and found[-1] is not None:
        time.sleep(aim.delay * _AT_WORK_S)
    return found[-1]


def _awaited(command: Command, victim: Victim) -> list[int | None]:
    """Look for the victim until it is there, or the command ends."""
    find: Mapping[Victim, Callable[[], int | None]] = {
        "parent": lambda: command.process.pid,
        "server": command.server,
        "server and parent": command.server,
        "trial": lambda: max(command.forked(), default=None),
        "loader": command.loader,
    }
    found: list[int | None] = []

    def is_there() -> bool:
        found.append(find[victim]())
        return found[-1] is not None

    _until(command, is_there, command.rest_s + _SETTLED_S)
    return found


def _sent(pid: int, numbers: Sequence[Signals]) -> bool:
    """Send signals to a process; tell whether it still lived to get the first one."""
    if not _lives(pid):
        return False
    for place, number in enumerate(numbers):
        if place:
            time.sleep(0.02)
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return place > 0
    return True


def _until(command: Command, seen: Callable[[], bool], within_s: float) -> bool:
    """Wait until something is seen; False where the command ends, or the time, before it is."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if seen():
            return True
        if not command.runs:
            return False
        time.sleep(_POLL_S)
    return False


def _size(folder: Path, pattern: str) -> int:
    return sum(each.stat().st_size for each in folder.glob(pattern))


def _children(pid: int) -> Iterator[int]:
    with suppress(psutil.NoSuchProcess):
        for each in psutil.Process(pid).children():
            if _lives(each.pid):
                yield each.pid


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        ours = process.environ().get(MARK) == mark or f"600.{mark}" in process.cmdline()
        return ours and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

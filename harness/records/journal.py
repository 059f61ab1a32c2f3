"""Append records to a run's `trials.jsonl`: each lies whole on the disk before it counts as kept.

It never rewrites a line that is whole, and never lets two processes write into one run.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from harness.errors import StoreError
from harness.records.record import Record
from harness.units import one_line

TRIALS = "trials.jsonl"
LOCK = "lock"
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises: malformed, of another type, not UTF-8, nested too deep."""


class Journal:
    """The writer of a run's records; the folder is locked until `close`, or until the process dies.

    A torn last line, left by a kill, is cut off at the start; `notes` says so.

    Args:
        folder: The run's.
        command: What this process does, for the message to the next one that wants the folder.

    Raises:
        StoreError: another process writes there, or the folder cannot be written.
    """

    def __init__(self, folder: Path, command: Sequence[str] = ()) -> None:
        self.path = folder / TRIALS
        self.notes: tuple[str, ...] = ()
        self._torn = False
        self._end = 0
        self._file: int | None = None
        self._lock: int | None = None
        try:
            self._lock = _lock(folder, " ".join(command))
            self._file = os.open(self.path, _APPENDING, 0o644)
            self._mend()
            sync_folder(folder)
        except OSError as error:
            self.close()
            raise cannot(self.path, "be written", error) from None
        except BaseException:
            self.close()
            raise

    def append(self, record: Record) -> None:
        """Keep a record: when this returns, it is on the disk.

        Raises:
            StoreError: it is not, and the file is as before.
        """
        if self._file is None:
            raise StoreError(f"{self.path} cannot be written: it is closed")
        try:
            self._check_place(self._file)
            self._cut_rest()
            self._write(self._file, encoded(record) + b"\n")
            self._check_place(self._file)
        except OSError as error:
            raise cannot(self.path, "be written", error) from None

    def close(self) -> None:
        """Let go of the file and of the folder."""
        for each in (self._file, self._lock):
            if each is not None:
                os.close(each)
        self._file = self._lock = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check_place(self, file: int) -> None:
        """Refuse to write where nobody will look: trials of a folder that is gone fail by it."""
        here = os.fstat(file)
        with suppress(FileNotFoundError, NotADirectoryError):
            if os.path.samestat(here, self.path.stat()):
                return
        what = "moved" if here.st_nlink else "removed"
        raise StoreError(f"{self.path} cannot be written: it was {what} while the run went on")

    def _write(self, file: int, line: bytes) -> None:
        self._end = os.fstat(file).st_size
        self._torn = True
        written = 0
        try:
            while written < len(line):
                written += os.write(file, line[written:])
            os.fsync(file)
            self._torn = False
        except BaseException as error:
            # A whole line that only an interrupt followed is a finished trial: it stays.
            self._torn = isinstance(error, OSError) or written < len(line)
            with suppress(OSError):
                self._cut_rest()
            raise

    def _cut_rest(self) -> None:
        if self._torn and self._file is not None:
            os.ftruncate(self._file, self._end)
            self._torn = False

    def _mend(self) -> None:
        assert self._file is not None
        content = self.path.read_bytes()
        start = content.rfind(b"\n") + 1
        if start == len(content):
            return
        number = content.count(b"\n") + 1
        if is_record(content[start:]):
            os.write(self._file, b"\n")
        else:
            os.ftruncate(self._file, start)
            self.notes = (f"{self.path}: line {number} was torn and has been cut off",)
        os.fsync(self._file)


class Tail:
    """The reader of records that another process appends: each once, when its line is whole.

    Lines that are no records are left to `harness.records.store.read_run`, which tells them.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / TRIALS
        self._read = 0

    def read(self) -> list[Record]:
        """Read the records that have come since the last time."""
        try:
            with self._path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                self._read = min(self._read, size)  # a torn line was cut off
                file.seek(self._read)
                content = file.read(size - self._read)
        except OSError:
            return []  # it has not begun, or is gone
        whole = content[: content.rfind(b"\n") + 1]
        self._read += len(whole)
        found = []
        for line in whole.splitlines():
            with suppress(*UNREADABLE):
                found.append(msgspec.json.decode(line, type=Record))
        return found


def is_held(folder: Path) -> bool | None:
    """Tell whether a process writes records of a run; None where locks are not kept."""
    if sys.platform == "win32":
        return None
    import fcntl  # absent on Windows

    try:
        place = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(place, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in {errno.EWOULDBLOCK, errno.EACCES} else None
    finally:
        os.close(place)
    return False


_APPENDING = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)


def encoded(value: object) -> bytes:
    """Write JSON; what UTF-8 cannot hold (lone surrogates, as in odd arguments) is escaped."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_clean(msgspec.to_builtins(value)))


def is_record(line: bytes) -> bool:
    """Tell whether a line is a record of a schema that is known here."""
    try:
        return bool(msgspec.json.decode(line, type=Record))
    except UNREADABLE:
        return False


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a loss of power."""
    if sys.platform != "win32":  # Windows opens no folders, and needs none of this
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def cannot(path: Path, what: str, error: OSError) -> StoreError:
    """Tell a user what the system refused."""
    return StoreError(f"{path} cannot {what}: {error.strerror or error}")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value


def _lock(folder: Path, command: str) -> int | None:
    if sys.platform == "win32":
        return None
    import fcntl  # absent on Windows

    place = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(place, 400).decode(errors="replace")
        os.close(place)
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            raise StoreError(_held(folder, holder)) from None
        return None  # a network file system that keeps no locks; refusing would shut its users out
    os.ftruncate(place, 0)
    os.write(place, f"{os.getpid()} {command}".encode(errors="backslashreplace"))
    return place


def _held(folder: Path, holder: str) -> str:
    pid, _, command = one_line(holder).partition(" ")
    who = (f"process {pid}" if pid else "another process") + (f" ({command})" if command else "")
    return f"{folder} is being written by {who}: wait until it ends"

"""Let two sides take turns, trial by trial, each in an interpreter of its own.

One trial is measured at a time. Whatever ends this, nothing of either side is left running.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

import msgspec
import psutil

from harness.errors import BenchError
from harness.gating.parley import (
    VERSION,
    Answer,
    Begin,
    Describe,
    Described,
    Go,
    Greeting,
    Kept,
    Note,
    Opened,
    Order,
    Over,
    Refused,
    Waits,
    said,
)
from harness.gating.stand import Stand
from harness.records.record import Record
from harness.system.processes import kill_all, kill_tree, orphans_adopted, signal_name
from harness.units import one_line

_CODE = (
    "import sys; sys.path[:0] = {path!r}; from harness.gating.side import main; main({descriptor})"
)
_MARK = "BENCH_GATE_MARK"
"""Environment variable by which a duel knows the processes of its sides."""

_PATIENCE_S = 15.0
_Heard = TypeVar("_Heard")


class Side:
    """A side's process, and the connection to it.

    Args:
        stand: Where it stands.
        tell: Hears what a user should know.
        mark: By which its processes are known.
    """

    def __init__(self, stand: Stand, tell: Callable[[str], None], mark: str) -> None:
        self.stand = stand
        self._tell = tell
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `close`
        ours, theirs = socket.socketpair()
        path = [] if stand.path is None else [str(stand.path)]
        code = _CODE.format(path=path, descriptor=theirs.fileno())
        try:
            self._process = subprocess.Popen(
                # neither the working directory nor a script's folder comes before the path
                [stand.interpreter, "-P", "-c", code],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,
                env={**os.environ, _MARK: mark},
            )
        except OSError as error:
            for each in (ours, self._errors):
                each.close()
            raise BenchError(f"{stand} cannot be started: {error.strerror or error}") from None
        finally:
            theirs.close()
        self._connection, self._reader = ours, ours.makefile("rb")
        self._waits: str | None = None
        self._over = False
        self._kept: dict[str, Record] = {}

    def describe(self, asked: Describe) -> None:
        """Ask what it would run; `described` waits for the answer.

        Raises:
            BenchError: it is no side, or one that speaks another version.
        """
        greeting = self._hear(Greeting)
        if greeting.version != VERSION:
            raise BenchError(
                f"{self.stand} speaks version {greeting.version} of what the sides of a gate say to"
                f" each other, and this bench-harness version {VERSION}: install the same"
                " bench-harness in both"
            )
        self._say(asked)

    def described(self) -> Described:
        """Wait until it has planned.

        Raises:
            BenchError: a name is unknown there, or a plugin cannot be loaded.
        """
        return self._hear(Described)

    def begin(self, begin: Begin) -> Path:
        """Open a run; `ready` waits until it is warm.

        Returns:
            The folder of the run.
        """
        self._waits, self._over = None, False
        self._say(begin)
        return Path(self._hear(Opened).folder)

    def ready(self) -> None:
        """Wait until it is warm: until it waits for its first turn, or all is over."""
        while self._waits is None and not self._over:
            self._take(self._turn())

    def go(self, key: str) -> Record:
        """Let it do a trial, and wait until its record is kept."""
        while key not in self._kept:
            if self._waits == key:
                self._waits = None
                self._say(Go())
            elif self._waits is not None or self._over:
                raise BenchError(f"{self.stand} lost its place: {key} was its turn")
            else:
                self._take(self._turn())
        return self._kept.pop(key)

    def finish(self) -> None:
        """Wait until its run is over."""
        while not self._over:
            self._take(self._turn())

    def part(self) -> None:
        """Close the connection: the side ends, whatever it is doing."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def close(self) -> None:
        """Wait until it has ended, and see that it does."""
        self.part()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            kill_tree(self._process.pid)
            self._process.wait()
        self._reader.close()
        self._errors.close()

    def _say(self, message: Order) -> None:
        try:
            self._connection.sendall(said(message))
        except (BrokenPipeError, ConnectionResetError):
            raise self._epitaph() from None

    def _hear(self, wanted: type[_Heard]) -> _Heard:
        heard = self._heard(wanted)
        assert isinstance(heard, wanted)
        return heard

    def _take(self, heard: Waits | Kept | Over) -> None:
        if isinstance(heard, Kept):
            self._kept[heard.record.key] = heard.record
        elif isinstance(heard, Waits):  # once more, where its server was killed before it began
            self._waits = heard.key
        else:
            self._over = True

    def _turn(self) -> Waits | Kept | Over:
        heard = self._heard(Waits, Kept, Over)
        assert isinstance(heard, Waits | Kept | Over)
        return heard

    def _heard(self, *wanted: type) -> Answer:
        """Wait for one of some messages; notes that come before it are told."""
        while True:
            try:
                received = self._reader.readline()
            except ConnectionResetError:
                received = b""
            if not received.endswith(b"\n"):
                raise self._epitaph()
            heard = self._decoded(received)
            if isinstance(heard, Note):
                self._tell(f"{self.stand.role}: {heard.text}")
            elif isinstance(heard, Refused):
                raise BenchError(f"{self.stand}: {heard.reason}")
            elif isinstance(heard, wanted):
                return heard
            else:
                raise BenchError(f"{self.stand} said {type(heard).__name__} out of turn")

    def _decoded(self, received: bytes) -> Answer:
        try:
            heard: Answer = msgspec.json.decode(received, type=Answer)
        except msgspec.MsgspecError as error:
            told = one_line(str(error))
            raise BenchError(f"{self.stand} said what cannot be read: {told}") from None
        return heard

    def _epitaph(self) -> BenchError:
        """Say how the side ended, with the last line that it printed."""
        code = self._process.wait()
        how = signal_name(-code) if code < 0 else f"exit code {code}"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "backslashreplace").strip().splitlines()
        last = one_line(lines[-1], 300) if lines else ""
        if any("unknown option: -p" in each.lower() for each in lines):
            return BenchError(f"{self.stand} is older than Python 3.11")
        if last.endswith("No module named 'harness'"):
            return BenchError(f"{self.stand} has no bench-harness: install it there")
        if "No module named 'harness.gating" in last:
            return BenchError(f"{self.stand} has a bench-harness without this gate: upgrade it")
        return BenchError(f"{self.stand} ended with {how}" + (f": {last}" if last else ""))


@contextmanager
def two_sides(stands: Sequence[Stand], tell: Callable[[str], None]) -> Iterator[list[Side]]:
    """Start both sides; when the block ends, by whatever, nothing of them is left running.

    Raises:
        BenchError: an interpreter cannot be started.
    """
    if sys.platform == "win32":
        raise BenchError("measuring two sides in turns needs Linux or macOS")
    mark = secrets.token_hex(8)
    with contextlib.ExitStack() as stack:
        stack.enter_context(orphans_adopted(adopt=True))
        stack.callback(_bury, mark)
        sides: list[Side] = []
        for each in stands:
            sides.append(Side(each, tell, mark))
            stack.callback(sides[-1].close)
        stack.callback(_part, sides)
        yield sides


def _part(sides: Sequence[Side]) -> None:
    """Let both end at once, before each is waited for."""
    for each in sides:
        each.part()


def _bury(mark: str) -> None:
    """Give the servers of sides that were killed the time to clean up, then kill what is left."""

    def left() -> list[psutil.Process]:
        return [each for each in psutil.Process().children(recursive=True) if _is_of(each, mark)]

    _, living = psutil.wait_procs(left(), _PATIENCE_S)
    if living:
        kill_all(left)


def _is_of(process: psutil.Process, mark: str) -> bool:
    try:
        return bool(process.environ().get(_MARK) == mark)
    except (psutil.Error, OSError):
        return False

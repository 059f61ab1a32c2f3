"""The parent's side of the server: starts it, sends requests, waits, leaves nothing running."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import IO

import msgspec
import psutil

from harness.errors import PluginError
from harness.running.messages import Begun, Ended, Hello, Ready, Refused, Request, line
from harness.system.processes import MARK, kill_all, new_mark, orphans_adopted, signal_name, strays
from harness.system.tmpfs import now_ns, remove_shared

_SERVER = (
    "import sys; sys.path[:] = {path!r}; "
    "from harness.system.processes import carry, die_with_parent; "
    "die_with_parent({parent}); carry({mark!r}); "
    "from harness.trial.server import main; main({descriptor}, {parent})"
)
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_PATIENCE_S = 2.0
_STARTS = 3
"""How often in a row a server is started that is killed while it imports."""


class ServerGone(Exception):
    """The server has ended, and every process that it had started with it; the text says how.

    Attributes:
        killed: Whether a signal ended it.
    """

    def __init__(self, how: str, *, killed: bool = False) -> None:
        super().__init__(how)
        self.killed = killed


class Server:
    """A server process, and the connection to it.

    One that is killed while it imports is started again, and hears again what was asked of it.

    Args:
        plugins: As `harness.plugin.registry.load` takes them.
        preload: Modules to import once, each with the definition that asks for it.
        tell: Hears what a user should know.
        sources: By kind and name, where each definition came from when the run was planned.
    """

    def __init__(
        self,
        plugins: Sequence[str],
        preload: Mapping[str, str] = MappingProxyType({}),
        tell: Callable[[str], None] = lambda _: None,
        sources: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._hello = Hello(
            path=tuple(sys.path),
            plugins=tuple(plugins),
            preload=dict(preload),
            sources=dict(sources),
        )
        self._tell = tell
        self._mark = new_mark()
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._connection: socket.socket | None = None
        self._reader: IO[bytes] | None = None
        self._ready = False
        self._starts = 0
        self._waiting: dict[int, Request] = {}
        self._begun: set[int] = set()
        self._began_ns = 0

    def start(self) -> None:
        """Start the server; it imports while the parent goes on.

        Raises:
            psutil.Error: no processes can be seen here, so that none could be killed.
        """
        psutil.Process()
        self._ready = False
        self._began_ns = now_ns()
        self._starts += 1
        self._stack.enter_context(orphans_adopted(adopt=True))
        ours, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `close`
        code = _SERVER.format(
            path=list(sys.path), descriptor=theirs.fileno(), parent=os.getpid(), mark=self._mark
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
            env={**os.environ, **_ONE_THREAD, MARK: self._mark},
        )
        theirs.close()
        self._connection, self._reader = ours, ours.makefile("rb")
        self._ask(self._hello)

    def submit(self, request: Request) -> None:
        """Send a request; the server begins it at once.

        Raises:
            ServerGone: the server has died, and not while it imported.
        """
        self._waiting[request.number] = request
        self._ask(request)

    def wait(self) -> Ended:
        """Wait for the next request to end.

        Raises:
            ServerGone: the server has died.
            PluginError: it could not even start: a plugin cannot be loaded there, say.
        """
        while True:
            try:
                answer = self._answer()
            except ServerGone as gone:
                if self._ready:
                    raise
                self._start_again(gone)
                continue
            if isinstance(answer, Ended):
                return answer
            if isinstance(answer, Refused):
                raise PluginError(answer.reason)
            if isinstance(answer, Begun):
                self._begun.add(answer.number)
                self._waiting.pop(answer.number, None)
            self._ready, self._starts = True, 0

    def has_begun(self, number: int) -> bool:
        """Tell whether the process of a request was ever there."""
        return number in self._begun

    def pids(self) -> tuple[int, ...]:
        """Name the server's process, while there is one."""
        return () if self._process is None else (self._process.pid,)

    def close(self) -> None:
        """Close the connection: the server kills all it has started; see that nothing is left."""
        self._waiting.clear()
        self._end()

    def _start_again(self, gone: ServerGone) -> None:
        """Start another server in place of one that was killed while it imported."""
        told = "the process that starts trials"
        if not gone.killed:
            raise PluginError(f"{told} could not start: {gone}") from None
        if self._starts >= _STARTS:
            raise PluginError(f"{told} could not start in {_STARTS} attempts: {gone}") from None
        self._tell(f"{told} was killed while it imported ({gone}): another one is started")
        self._end()
        try:
            self.start()
        except OSError as error:
            raise PluginError(f"{told} could not start: {error}") from None
        for each in self._waiting.values():
            self._ask(each)

    def _end(self) -> None:
        for each in (self._reader, self._connection):
            if each is not None:
                each.close()
        self._reader = self._connection = None
        if self._process is not None:
            try:
                # While it imports torch it hears nothing.
                self._process.wait(_PATIENCE_S if self._ready else 0)
            except subprocess.TimeoutExpired:
                self._process.kill()  # not stopped first: if this process died then, it would stay
                self._process.wait()
            self._kill_orphans()
            self._process = None  # last: an interrupted close is done again
        if self._errors is not None:
            self._errors.close()
            self._errors = None
        self._stack.close()

    def _kill_orphans(self) -> None:
        """Kill and reap what the server left behind; one that died could not do so itself."""
        left = strays(self._mark)
        kill_all(lambda: strays(self._mark))
        remove_shared([each.pid for each in left], self._began_ns)
        deadline = time.monotonic() + _PATIENCE_S
        while (dead := strays(self._mark)) and time.monotonic() < deadline:
            for each in dead:  # some become children of this process when their parent is gone
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(each.pid, os.WNOHANG)
            time.sleep(0.002)

    def _answer(self) -> Begun | Ended | Ready | Refused:
        try:
            received = self._reader.readline() if self._reader is not None else b""
        except ConnectionResetError:
            received = b""
        if not received.endswith(b"\n"):
            raise self._epitaph()
        return msgspec.json.decode(received, type=Begun | Ended | Ready | Refused)

    def _ask(self, message: Hello | Request) -> None:
        """Send a message; a server that died while it imported is `wait`'s to see to."""
        if self._connection is None:
            raise self._epitaph()
        try:
            self._connection.sendall(line(message))
        except (BrokenPipeError, ConnectionResetError):
            if self._ready:
                raise self._epitaph() from None

    def _epitaph(self) -> ServerGone:
        """Say how the server ended, with the last line that it printed."""
        if self._process is None or self._errors is None:
            return ServerGone("it was not started")
        code = self._process.wait()
        how = signal_name(-code) if code < 0 else f"exit code {code}"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "backslashreplace").strip().splitlines()
        told = f"it ended with {how}" + (f": {lines[-1]}" if lines else "")
        return ServerGone(told, killed=code < 0)

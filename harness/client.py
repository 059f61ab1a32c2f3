"""The parent's side of the server: starts it, sends requests, waits, leaves nothing running.

Without a server of our own (other systems than Linux) a fresh interpreter does each request:
slower, not wrong. With `--in-process` the parent does it itself, for debugging.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, Protocol

import msgspec
import psutil

from harness.errors import PluginError
from harness.messages import (
    KEPT_OUTPUT,
    Begun,
    Ended,
    Hello,
    Outcome,
    Ready,
    Refused,
    Request,
    line,
)
from harness.processes import (
    MARK,
    adopted,
    kill_all,
    kill_tree,
    orphans_adopted,
    signal_name,
    strays,
)
from harness.registry import Registry

_SERVER = (
    "import sys; sys.path[:] = {path!r}; "
    "from harness.processes import die_with_parent; die_with_parent({parent}); "
    "from harness.server import main; main({descriptor}, {parent})"
)
_WORKER = (
    "import sys; sys.path[:] = {path!r}; "
    "from harness.alone import main; main({request!r}, {outcome!r}, {plugins!r})"
)
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_PATIENCE_S = 2.0


class ServerGone(Exception):
    """The server has ended, and every process that it had started with it; the text says how."""


class Runner(Protocol):
    """What does requests: a server, fresh interpreters, or this process."""

    def start(self) -> None:
        """Make ready."""

    def submit(self, request: Request) -> None:
        """Begin a request."""

    def wait(self) -> Ended:
        """Wait for the next request to end."""

    def has_begun(self, number: int) -> bool:
        """Tell whether the process of a request was ever there."""

    def close(self) -> None:
        """Kill what runs."""


class Server:
    """A server process, and the connection to it.

    Args:
        plugins: As `harness.registry.load` takes them.
        preload: Modules to import once, each with the definition that asks for it.
    """

    def __init__(
        self, plugins: Sequence[str], preload: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._hello = Hello(path=tuple(sys.path), plugins=tuple(plugins), preload=dict(preload))
        self._mark = secrets.token_hex(8)
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._connection: socket.socket | None = None
        self._reader: IO[bytes] | None = None
        self._ready = False
        self._before: set[int] = set()
        self._begun: set[int] = set()

    def start(self) -> None:
        """Start the server; it imports while the parent goes on.

        Raises:
            ServerGone: it died at once.
        """
        self._ready = False
        self._before = {each.pid for each in psutil.Process().children()}
        self._stack.enter_context(orphans_adopted(adopt=True))
        ours, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `close`
        code = _SERVER.format(path=list(sys.path), descriptor=theirs.fileno(), parent=os.getpid())
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
        self._send(self._hello)

    def submit(self, request: Request) -> None:
        """Send a request; the server begins it at once."""
        self._send(request)

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
                raise PluginError(
                    f"the process that starts trials could not start: {gone}"
                ) from None
            if isinstance(answer, Ended):
                return answer
            if isinstance(answer, Refused):
                raise PluginError(answer.reason)
            if isinstance(answer, Begun):
                self._begun.add(answer.number)
            self._ready = True

    def has_begun(self, number: int) -> bool:
        """Tell whether the process of a request was ever there."""
        return number in self._begun

    def close(self) -> None:
        """Close the connection: the server kills all it has started; see that nothing is left."""
        for each in (self._reader, self._connection):
            if each is not None:
                each.close()
        self._reader = self._connection = None
        if self._process is not None:
            killed = False
            try:
                # While it imports torch it hears nothing.
                self._process.wait(_PATIENCE_S if self._ready else 0)
            except subprocess.TimeoutExpired:
                killed = True
                kill_tree(self._process.pid)
                self._process.wait()
            died = killed or self._process.returncode != 0
            self._process = None
            self._kill_orphans(died)
        if self._errors is not None:
            self._errors.close()
            self._errors = None
        self._stack.close()

    def _kill_orphans(self, died: bool) -> None:
        """Kill and reap what the server left behind; one that died could not do so itself."""
        found: dict[int, None] = {}

        def orphans() -> list[psutil.Process]:
            living = strays(self._mark) + (adopted(self._before) if died else [])
            found.update(dict.fromkeys(each.pid for each in living))
            return living

        kill_all(orphans)
        for pid in found:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)

    def _answer(self) -> Begun | Ended | Ready | Refused:
        try:
            received = self._reader.readline() if self._reader is not None else b""
        except ConnectionResetError:
            received = b""
        if not received.endswith(b"\n"):
            raise ServerGone(self._epitaph())
        return msgspec.json.decode(received, type=Begun | Ended | Ready | Refused)

    def _send(self, message: Hello | Request) -> None:
        if self._connection is None:
            raise ServerGone("it was not started")
        try:
            self._connection.sendall(line(message))
        except (BrokenPipeError, ConnectionResetError):
            raise ServerGone(self._epitaph()) from None

    def _epitaph(self) -> str:
        """Say how the server ended, with the last line that it printed."""
        if self._process is None or self._errors is None:
            return "it was not started"
        code = self._process.wait()
        how = signal_name(-code) if code < 0 else f"exit code {code}"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "backslashreplace").strip().splitlines()
        return f"it ended with {how}" + (f": {lines[-1]}" if lines else "")


class Interpreters:
    """A fresh interpreter for every request, one at a time, where the system cannot fork safely."""

    def __init__(self, plugins: Sequence[str]) -> None:
        self._plugins = tuple(plugins)
        self._waiting: list[Request] = []

    def start(self) -> None:
        """Do nothing: each request starts its own process."""

    def submit(self, request: Request) -> None:
        """Keep a request until `wait` does it."""
        self._waiting.append(request)

    def wait(self) -> Ended:
        """Do the oldest request in a process of its own."""
        request = self._waiting.pop(0)
        with tempfile.TemporaryDirectory() as folder:
            asked, answered = Path(folder, "request.json"), Path(folder, "outcome.json")
            asked.write_bytes(line(request))
            with Path(folder, "output").open("w+b") as output:
                return self._run(request, asked, answered, output)

    def has_begun(self, number: int) -> bool:  # noqa: ARG002  # nothing here dies before it begins
        """Say that it has: what dies here dies at work."""
        return True

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def _run(self, request: Request, asked: Path, answered: Path, output: IO[bytes]) -> Ended:
        code = _WORKER.format(
            path=list(sys.path), request=str(asked), outcome=str(answered), plugins=self._plugins
        )
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        timed_out = False
        try:
            process.wait(request.timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            kill_tree(process.pid)
            code_ended = process.wait()
        output.seek(0)
        return Ended(
            number=request.number,
            ending=signal_name(-code_ended) if code_ended < 0 else f"exit code {code_ended}",
            timed_out=timed_out,
            wall_s=time.monotonic() - started,
            outcome=_outcome(answered),
            output=output.read().decode("utf-8", "backslashreplace")[-KEPT_OUTPUT:],
        )


class InProcess:
    """This process does the requests itself: no deadline, no isolation, but a debugger works."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._waiting: list[Request] = []

    def start(self) -> None:
        """Do nothing: torch is imported with the first request."""

    def submit(self, request: Request) -> None:
        """Keep a request until `wait` does it."""
        self._waiting.append(request)

    def wait(self) -> Ended:
        """Do the oldest request."""
        request = self._waiting.pop(0)
        worker = importlib.import_module("harness.worker")
        started = time.monotonic()
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for the table
            outcome = worker.run_request(request, self._registry, interruptible=True)
        return Ended(
            number=request.number,
            ending="exit code 0",
            timed_out=False,
            wall_s=time.monotonic() - started,
            outcome=outcome,
            output="",
        )

    def has_begun(self, number: int) -> bool:  # noqa: ARG002  # nothing here dies before it begins
        """Say that it has: what dies here dies at work."""
        return True

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()


def open_runner(
    registry: Registry,
    plugins: Sequence[str],
    preload: Mapping[str, str],
    *,
    in_process: bool,
    platform: str = sys.platform,
) -> Runner:
    """Choose what does the requests here; `preload` names modules, and who asks for each."""
    if in_process:
        return InProcess(registry)
    if platform != "linux":
        return Interpreters(plugins)
    return Server(plugins, preload)


def _outcome(path: Path) -> Outcome | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Outcome)
    except (OSError, msgspec.MsgspecError):
        return None

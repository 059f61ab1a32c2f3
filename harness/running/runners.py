"""What does requests: a server, a fresh interpreter for each, or this process.

Without a server of our own (other systems than Linux) a fresh interpreter does each request:
slower, not wrong. With `--in-process` the parent does it itself, for debugging.
"""

from __future__ import annotations

import contextlib
import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, Protocol

import msgspec

from harness.plugin.registry import Registry
from harness.running.client import Server
from harness.running.messages import KEPT_OUTPUT, Ended, Outcome, Request, line
from harness.system.processes import kill_tree, signal_name

_WORKER = (
    "import sys; sys.path[:] = {path!r}; "
    "from harness.trial.alone import main; main({request!r}, {outcome!r}, {plugins!r}, {sources!r})"
)


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

    def pids(self) -> tuple[int, ...]:
        """Name the processes that live beside this one; those of trials not among them."""

    def close(self) -> None:
        """Kill what runs."""


def open_runner(
    registry: Registry,
    plugins: Sequence[str],
    preload: Mapping[str, str],
    *,
    in_process: bool,
    platform: str = sys.platform,
    tell: Callable[[str], None] = lambda _: None,
    sources: Mapping[str, str] = MappingProxyType({}),
) -> Runner:
    """Choose what does the requests here.

    Args:
        registry: Where this process looks names up.
        plugins: As `harness.plugin.registry.load` takes them.
        preload: Modules to import once, each with the definition that asks for it.
        in_process: Whether this process does them itself.
        platform: As `sys.platform`.
        tell: Hears what a user should know.
        sources: By kind and name, where each definition came from when the run was planned.
    """
    if in_process:
        return InProcess(registry)
    if platform != "linux":
        return Interpreters(plugins, sources)
    return Server(plugins, preload, tell, sources)


class Interpreters:
    """A fresh interpreter for every request, one at a time, where the system cannot fork safely."""

    def __init__(
        self, plugins: Sequence[str], sources: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._plugins = tuple(plugins)
        self._sources = dict(sources)
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

    def pids(self) -> tuple[int, ...]:
        """Name none: each process ends with its request."""
        return ()

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def _run(self, request: Request, asked: Path, answered: Path, output: IO[bytes]) -> Ended:
        code = _WORKER.format(
            path=list(sys.path),
            request=str(asked),
            outcome=str(answered),
            plugins=self._plugins,
            sources=self._sources,
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
        worker = importlib.import_module("harness.trial.worker")
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

    def pids(self) -> tuple[int, ...]:
        """Name none: this process does it all."""
        return ()

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()


def _outcome(path: Path) -> Outcome | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Outcome)
    except (OSError, msgspec.MsgspecError):
        return None

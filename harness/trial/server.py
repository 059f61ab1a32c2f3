"""The server: a process that has imported torch, and forks one fresh process for every trial.

It runs no tensor operation and touches no accelerator. It reads `Hello` and then `Request`s from a
socket, and answers with `Ready` or `Refused`, then with an `Ended` for every request. When the
socket closes it kills all it has started.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import msgspec
import psutil

from harness.errors import BenchError
from harness.measuring.memory import trim_heap
from harness.plugin.registry import Registry, load
from harness.running.messages import (
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
from harness.system.limits import limit_private_memory, own_bytes, tree_bytes
from harness.system.processes import (
    adopt_orphans,
    die_with_parent,
    ending,
    kill_all,
    kill_tree,
    reap,
)
from harness.system.tmpfs import WrittenFiles, now_ns, remove_shared
from harness.trial.worker import run_request, written
from harness.units import one_line

_CHUNK = 1 << 16
_POLL_S = 0.02
_LOOK_S = 0.5
_LONGEST_S = 3600.0
"""What every selector can sleep."""


def main(descriptor: int, parent: int) -> None:
    """Serve the parent at the other end of the socket until it closes.

    Until the server is ready the kernel kills it when its parent dies (the client asks for that
    before torch is imported); from then on it must clean up itself.
    """
    die_with_parent(parent)
    connection = socket.socket(fileno=descriptor)
    hello = msgspec.json.decode(connection.makefile("rb", buffering=0).readline(), type=Hello)
    try:
        registry = _imported(hello)
    except BenchError as error:
        connection.sendall(line(Refused(reason=str(error))))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    die_with_parent(parent, 0)
    gc.collect()
    gc.freeze()
    connection.sendall(line(Ready(pid=os.getpid())))
    _Server(connection, registry).serve()
    os._exit(0)  # the interpreter's own end takes 0.2 s with torch in it, more on a busy machine


def _imported(hello: Hello) -> Registry:
    """Import once what every trial needs: `torch._dynamo`, else the first optimizer takes 1.7 s."""
    registry = load(hello.plugins)
    registry.check_sources(hello.sources)
    importlib.import_module("torch._dynamo")
    for name, owner in hello.preload.items():
        try:
            importlib.import_module(name)
        except Exception as error:  # the border to a plugin: it may raise anything
            told = one_line(f"{type(error).__name__}: {error}")
            raise BenchError(f"{owner} cannot preload {name!r}: {told}") from error
    return registry


@dataclass(slots=True)
class _Child:
    """A process that does a request, and what has been read of it."""

    request: Request
    pid: int
    started: float
    outcome_pipe: int
    output_pipe: int
    pid_file: int | None
    written: WrittenFiles
    outcome: bytearray = field(default_factory=bytearray)
    output: bytearray = field(default_factory=bytearray)
    timed_out: bool = False
    over_bytes: int | None = None

    @property
    def condemned(self) -> bool:
        return self.timed_out or self.over_bytes is not None

    @property
    def deadline(self) -> float:
        return self.started + self.request.timeout_s

    @property
    def files(self) -> Iterator[int]:
        yield from (self.outcome_pipe, self.output_pipe)
        if self.pid_file is not None:
            yield self.pid_file


class _Server:
    """The loop: it sleeps until a request, an end, some output or a deadline."""

    def __init__(self, connection: socket.socket, registry: Registry) -> None:
        self.connection = connection
        self.registry = registry
        self.children: dict[int, _Child] = {}
        self.unread = bytearray()
        self.looked = 0.0
        self.inherited = own_bytes()
        self.began_ns = now_ns()
        self.selector = selectors.DefaultSelector()
        self.selector.register(connection, selectors.EVENT_READ)

    def serve(self) -> None:
        try:
            while self._step():
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass  # the parent is gone
        finally:
            left = psutil.Process().children(recursive=True)
            kill_all(lambda: psutil.Process().children(recursive=True))
            remove_shared([each.pid for each in left], self.began_ns)
            reap()

    def _step(self) -> bool:
        """Sleep until something happens, and see to it.

        Returns:
            Whether the parent is still there.
        """
        for key, _ in self.selector.select(self._patience_s()):
            if key.fileobj is self.connection:
                received = self.connection.recv(_CHUNK)
                if not received:
                    return False
                self._receive(received)
            elif isinstance(key.data, _Child):
                self._read(key.data, key.fd)
        for child in list(self.children.values()):
            self._end(child)
        self._judge()  # only what still lives: one that has ended in time is not late
        return True

    def _judge(self) -> None:
        """Kill the trees that are past their deadline, or take more memory than they may."""
        now = time.monotonic()
        looks = now - self.looked >= _LOOK_S
        if looks:
            self.looked = now
        for child in self.children.values():
            if child.condemned:
                continue
            if now >= child.deadline:
                child.timed_out = True
            elif looks and (limit := child.request.memory_limit) is not None:
                taken = tree_bytes(child.pid, self.inherited, child.written)
                child.over_bytes = taken if taken > limit else None
            if child.condemned:
                kill_tree(child.pid)

    def _patience_s(self) -> float | None:
        waiting = [
            each.deadline - time.monotonic()
            for each in self.children.values()
            if not each.condemned
        ]
        if any(each.request.memory_limit is not None for each in self.children.values()):
            waiting.append(self.looked + _LOOK_S - time.monotonic())
        if any(each.pid_file is None or each.condemned for each in self.children.values()):
            waiting.append(_POLL_S)
        return min(_LONGEST_S, max(0.0, min(waiting))) if waiting else None

    def _receive(self, received: bytes) -> None:
        self.unread += received
        *lines, rest = self.unread.split(b"\n")
        self.unread = bytearray(rest)
        for each in lines:
            self._start(msgspec.json.decode(each, type=Request))

    def _start(self, request: Request) -> None:
        trim_heap()
        outcome_read, outcome_write = os.pipe()
        output_read, output_write = os.pipe()
        started, server, written = time.monotonic(), os.getpid(), WrittenFiles(now_ns())
        pid = os.fork()
        if pid == 0:
            os.close(outcome_read)
            os.close(output_read)
            self._become_child(request, server, outcome_write, output_write)
        os.close(outcome_write)
        os.close(output_write)
        child = _Child(request, pid, started, outcome_read, output_read, _pid_file(pid), written)
        self.children[pid] = child
        self.connection.sendall(line(Begun(number=request.number)))
        for file in child.files:
            os.set_blocking(file, False)
            self.selector.register(file, selectors.EVENT_READ, child)

    def _become_child(self, request: Request, server: int, outcome: int, output: int) -> NoReturn:
        """Do the request in this forked process; leave without cleaning up what the server owns."""
        try:
            die_with_parent(server)
            self.selector.close()
            self.connection.close()
            for child in self.children.values():
                for file in child.files:
                    os.close(file)
            os.setsid()
            adopt_orphans()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            sys.stdout = open(1, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
            faulthandler.enable(all_threads=False)  # the one that was struck
            if request.memory_limit is not None:
                limit_private_memory(request.memory_limit)
            own = os.getpid()
            found = run_request(request, self.registry)
            if os.getpid() != own:
                os._exit(1)  # a process that the trial forked has come back here: it has no say
            _write_all(outcome, written(found))
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            os._exit(0)
        finally:
            os._exit(70)  # EX_SOFTWARE: a bug of ours, or of the interpreter

    def _read(self, child: _Child, file: int) -> None:
        if file == child.pid_file:
            return
        received = _received(file)
        if received is None:
            return
        if not received:
            self.selector.unregister(file)
        if file == child.outcome_pipe:
            child.outcome += received
        else:
            child.output += received
            del child.output[: -2 * KEPT_OUTPUT]

    def _end(self, child: _Child) -> None:
        """Answer for a child that has ended, after killing what it left behind."""
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if pid == 0:
            return
        ended = time.monotonic()
        del self.children[child.pid]
        dead = self._kill_strays()  # first: they may write for ever into what is read now
        remove_shared([pid, *dead], child.written.since_ns)
        for file in (child.outcome_pipe, child.output_pipe):
            while file in self.selector.get_map() and _ready(file):
                self._read(child, file)
        for file in child.files:
            with contextlib.suppress(KeyError):
                self.selector.unregister(file)
            os.close(file)
        answer = Ended(
            number=child.request.number,
            ending=ending(status),
            timed_out=child.timed_out,
            over_bytes=child.over_bytes,
            memory_limit=child.request.memory_limit,
            wall_s=ended - child.started,
            outcome=_decoded(child),
            output=bytes(child.output[-KEPT_OUTPUT:]).decode("utf-8", "backslashreplace"),
        )
        self.connection.sendall(line(answer))

    def _kill_strays(self) -> set[int]:
        """Kill what ended children left behind: every child that is no trial's process."""
        dead: set[int] = set()

        def strays() -> list[psutil.Process]:
            found = [each for each in psutil.Process().children() if each.pid not in self.children]
            dead.update(each.pid for each in found)
            return found

        for each in strays():
            kill_tree(each.pid)
        kill_all(strays)
        for each in strays():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(each.pid, os.WNOHANG)
        return dead


def _pid_file(pid: int) -> int | None:
    """Open a file that becomes readable when the process ends; None where the kernel has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _ready(file: int) -> bool:
    with selectors.SelectSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        return bool(selector.select(0))


def _received(file: int) -> bytes | None:
    try:
        return os.read(file, _CHUNK)
    except BlockingIOError:
        return None


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _decoded(child: _Child) -> Outcome | None:
    if child.condemned:
        return None
    try:
        return msgspec.json.decode(bytes(child.outcome), type=Outcome)
    except msgspec.MsgspecError:
        return None

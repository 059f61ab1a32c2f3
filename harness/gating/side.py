"""One side of a duel: a process of that side's own interpreter, which keeps an ordinary run.

It plans with its own plugins, opens a run, and waits before every trial until the duel lets it go.
When the duel's end of the socket closes it ends, whatever it is doing, and leaves nothing running.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from harness.comparing.environments import INTERLEAVED
from harness.comparing.matching import part_of
from harness.errors import BenchError
from harness.gating.parley import (
    VERSION,
    Begin,
    Describe,
    Described,
    Go,
    Greeting,
    Kept,
    Note,
    Opened,
    Over,
    Refused,
    Waits,
    said,
)
from harness.planning.overrides import parse_override
from harness.planning.resolve import default_of
from harness.plugin.registry import Registry
from harness.records.planned import Case, Plan, Trial
from harness.records.record import Record
from harness.records.store import Journal, RunFile, create_run
from harness.running.execute import Conditions, execute
from harness.session import (
    Asked,
    Loaded,
    Places,
    load_all,
    meanings,
    plan_asked,
    plan_sources,
    usual_memory_limit,
)
from harness.suites.settings import DEFINITION_ROOTS, root_of
from harness.system.machine import commit, environment, package_version

_Heard = TypeVar("_Heard", bound=msgspec.Struct)


def main(descriptor: int) -> None:
    """Serve the duel at the other end of the socket until it closes."""
    line = _Line(socket.socket(fileno=descriptor))
    with contextlib.suppress(KeyboardInterrupt):  # the duel has ended
        line.tell(Greeting(version=VERSION, harness=package_version("bench-harness")))
        try:
            _Side(line, line.hear(Describe)).serve()
        except BenchError as error:
            line.tell(Refused(reason=str(error)))


class _Line:
    """The socket: a thread listens, so that its closing interrupts whatever this process does."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        for number in _ENDING:
            signal.signal(number, _interrupt)
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, message: msgspec.Struct) -> None:
        try:
            self._connection.sendall(said(message))
        except (BrokenPipeError, ConnectionResetError):
            raise KeyboardInterrupt from None

    def hear(self, wanted: type[_Heard]) -> _Heard:
        return msgspec.json.decode(self._heard.get(), type=wanted)

    def _listen(self) -> None:
        with self._connection.makefile("rb") as reader, contextlib.suppress(OSError):
            for each in reader:
                self._heard.put(each)
        os.kill(os.getpid(), signal.SIGINT)


_ENDING = (signal.SIGINT, signal.SIGTERM)


def _interrupt(*_: object) -> None:
    """Interrupt once: what follows cannot end the cleaning up."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


class _Side:
    """A side that has been asked, and all that it needs to run."""

    def __init__(self, line: _Line, asked: Describe) -> None:
        self._line = line
        self._path = None if asked.path is None else Path(asked.path)
        self._places = Places(
            results=Path(asked.results),
            data_root=Path(asked.data_root),
            file=None if asked.file is None else Path(asked.file),
            plugins=[_placed(each, self._path) for each in asked.plugins],
        )
        self._loaded = load_all(self._places)
        self._plan, raised_from = _planned(asked, self._loaded)
        defaults = tuple(_defaults(self._plan, self._loaded.registry))
        line.tell(Described(plan=self._plan, defaults=defaults, raised_from=raised_from))

    def serve(self) -> None:
        """Do one run after the other."""
        while True:
            self._run(self._line.hear(Begin))
            self._line.tell(Over())

    def _run(self, begin: Begin) -> None:
        plan = _in_order(part_of(self._plan, begin.cases, begin.trials), begin.trials)
        here = self._environment(begin.gate)
        registry, data_root = self._loaded.registry, self._places.data_root.absolute()
        run = RunFile(
            suite=plan.suite,
            command=list(begin.command),
            environment=here,
            plugins=list(self._loaded.plugins),
            sources=plan_sources(registry, plan),
            options={"jobs": 1, "in_process": False, "data_root": str(data_root), **begin.options},
            meanings=meanings(registry, plan),
            plan=plan,
        )
        folder = create_run(self._places.results, run).folder
        self._line.tell(Opened(folder=str(folder)))
        conditions = Conditions(
            registry=registry,
            plugins=self._loaded.plugins,
            folder=folder,
            data_root=data_root,
            environment=here,
            memory_limit=usual_memory_limit(1),
        )
        with Journal(folder, begin.command) as journal:
            waiting = [(each, 1) for each in plan.trials]
            execute(plan, waiting, conditions, journal, _Turns(self._line))

    def _environment(self, gate: str) -> dict[str, Any]:
        return {
            **environment(),
            "commit": commit(self._path),
            "interpreter": sys.executable,
            "path": None if self._path is None else str(self._path),
            INTERLEAVED: gate,
        }


class _Turns:
    """A watcher that waits for its turn before every trial."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def begun(self, total: int, done: int) -> None:
        """Wait for nothing: the data is not loaded yet, nor the server warm."""

    def started(self, case: Case, trial: Trial) -> None:  # noqa: ARG002  # what watchers are told
        self._line.tell(Waits(key=trial.key))
        self._line.hear(Go)

    def ended(self, case: Case, trial: Trial, record: Record) -> None:  # noqa: ARG002  # likewise
        self._line.tell(Kept(record=record))

    def note(self, text: str) -> None:
        self._line.tell(Note(text=text))


def _placed(plugin: str, path: Path | None) -> str:
    """Name a file of the side's own folder, where it has one of that name."""
    if path is None or not plugin.endswith(".py") or not (path / plugin).is_file():
        return plugin
    return str(path / plugin)


def _planned(asked: Describe, loaded: Loaded) -> tuple[Plan, float | None]:
    """Plan what was asked, with windows that are long enough."""
    overrides = [parse_override(each) for each in asked.settings]

    def plan(*more: str) -> Plan:
        kept = [each for each in overrides if not more or each.address != "timed_s"]
        return plan_asked(
            Asked(
                suite=asked.suite,
                overrides=[*kept, *map(parse_override, more)],
                seeds=asked.rounds,
                seed=asked.plan_seed,
            ),
            loaded,
        )

    found = plan()
    shortest = min(each.settings["timed_s"] for each in found.cases)
    if shortest >= asked.least_timed_s:
        return found, None
    return plan(f"timed_s={asked.least_timed_s:g}"), shortest


def _defaults(plan: Plan, registry: Registry) -> Iterator[tuple[str, str, Any]]:
    """List the defaults of all addresses of a plan, each behind what chooses it."""
    seen = set()
    for case in plan.cases:
        for address in case.settings:
            root = root_of(address)
            is_option = address != root and root in DEFINITION_ROOTS
            name = (str(case.settings[root]) if is_option else "", address)
            if name not in seen:
                seen.add(name)
                with contextlib.suppress(BenchError):  # it has none
                    yield (*name, default_of(registry, case.settings, address))


def _in_order(plan: Plan, keys: Sequence[str]) -> Plan:
    places = {key: place for place, key in enumerate(keys)}
    trials = sorted(plan.trials, key=lambda each: places[each.key])
    return msgspec.structs.replace(plan, trials=tuple(trials))

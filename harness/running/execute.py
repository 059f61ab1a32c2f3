"""The parent's work: trials in order, each in its own process, each record kept as it ends.

It never imports torch: what trains is named by a string.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psutil

from harness.errors import BenchError, StoreError
from harness.planning.resolve import definitions_of
from harness.plugin.definitions import Dataset
from harness.plugin.registry import Registry
from harness.records.journal import Journal
from harness.records.planned import Case, Plan, Trial
from harness.records.record import Record
from harness.running.client import ServerGone
from harness.running.endings import outcome_of
from harness.running.kept import discard, prepared_path, weights_path
from harness.running.loads import FOLDER, Loads, gone_with
from harness.running.messages import Ended, Outcome, Request
from harness.running.recording import record_of
from harness.running.runners import Runner, open_runner
from harness.system.contention import Usage, foreign_cpus, read_usage
from harness.units import duration

_WARM_UP_S = 60.0
"""After this a trial that is discarded is killed, whatever its `timeout_s` is."""


class Watcher(Protocol):
    """What a run tells while it goes."""

    def begun(self, total: int, done: int) -> None:
        """Hear how many trials there are, and how many were done before."""

    def started(self, case: Case, trial: Trial) -> None:
        """Hear that a trial starts."""

    def ended(self, case: Case, trial: Trial, record: Record) -> None:
        """Hear that a trial has ended, and that its record is kept."""

    def note(self, text: str) -> None:
        """Hear what a user should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a run is executed.

    Args:
        registry: Where names are looked up.
        plugins: As `harness.plugin.registry.load` takes them, for the processes that train.
        folder: The run's.
        data_root: Where fetched files lie.
        environment: Versions and machine, for every record.
        jobs: Trials side by side.
        memory_limit: Bytes of host memory that a trial may take where its setting is none.
        in_process: Whether this process trains itself.
        keep_weights: Whether trials write their weights, into the run's folder.
        before: Records that are kept already: the data must be what it was for them.
        now: The clock of records.
    """

    registry: Registry
    plugins: Sequence[str]
    folder: Path
    data_root: Path
    environment: Mapping[str, Any]
    jobs: int = 1
    memory_limit: int | None = None
    in_process: bool = False
    keep_weights: bool = False
    before: Sequence[Record] = ()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(slots=True)
class _Running:
    """A trial that has been sent, when, and how much processor time had been used by then."""

    trial: Trial
    attempt: int
    started: str
    usage: Usage | None = None


@dataclass(slots=True)
class _Execution:
    """A run that goes on: what waits, what runs, what is known of the data."""

    plan: Plan
    conditions: Conditions
    journal: Journal
    watcher: Watcher
    runner: Runner
    queue: deque[tuple[Trial, int]]
    loads: Loads = field(init=False)
    again: set[str] = field(default_factory=set)
    running: dict[int, _Running] = field(default_factory=dict)
    numbers: int = 0

    def __post_init__(self) -> None:
        conditions = self.conditions
        self.loads = Loads(
            conditions.folder / FOLDER,
            conditions.data_root,
            self.plan.cases,
            conditions.memory_limit,
            conditions.before,
            do=lambda request: _done_alone(self, request),
            tell=self.watcher.note,
        )

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers


def execute(
    plan: Plan,
    waiting: Iterable[tuple[Trial, int]],
    conditions: Conditions,
    journal: Journal,
    watcher: Watcher,
) -> None:
    """Run the trials that wait, each with its attempt, and keep a record of each.

    Whatever ends this (Ctrl-C too) leaves nothing running and keeps every finished trial.

    Raises:
        StoreError: a record cannot be kept, or the data is not what it was.
        PluginError: a plugin cannot be loaded where trials run.
    """
    runner = open_runner(
        conditions.registry,
        conditions.plugins,
        _preload(plan, conditions.registry),
        in_process=conditions.in_process,
        tell=watcher.note,
        sources=_sources(plan, conditions.registry),
    )
    queue = deque(waiting)
    execution = _Execution(plan, conditions, journal, watcher, runner, queue)
    watcher.begun(len(plan.trials), len(plan.trials) - len(queue))
    try:
        _keep_unsupported(execution, queue)
        if queue:
            _begin(runner)
            _warm_up(execution, queue)
            _run_all(execution, queue)
    finally:
        runner.close()
        shutil.rmtree(conditions.folder / FOLDER, ignore_errors=True)


def _preload(plan: Plan, registry: Registry) -> dict[str, str]:
    """Name the modules that the definitions of this plan want imported, each with who wants it."""
    return {
        module: f"{entry.kind} {entry.name}"
        for case in plan.cases
        for entry in definitions_of(registry, case.settings).values()
        for module in getattr(entry.definition, "preload", ())
    }


def _sources(plan: Plan, registry: Registry) -> dict[str, str]:
    """Say where the definitions of a plan came from: a server that starts later must have them."""
    return {
        f"{entry.kind} {entry.name}": entry.source
        for case in plan.cases
        for entry in definitions_of(registry, case.settings).values()
    }


def _keep_unsupported(execution: _Execution, queue: deque[tuple[Trial, int]]) -> None:
    """Keep the records of combinations that cannot be: no process is needed for them."""
    rest = []
    for trial, attempt in queue:
        case = execution.plan.cases[trial.case]
        if case.expected == "unsupported":
            running = _Running(trial, attempt, _time(execution))
            _keep(execution, running, Outcome(status="unsupported", reason=case.reason))
        else:
            rest.append((trial, attempt))
    queue.clear()
    queue.extend(rest)


def _warm_up(execution: _Execution, queue: Sequence[tuple[Trial, int]]) -> None:
    """Discard a short trial on each device: the first one of a server is slower than the rest."""
    seen: set[str] = set()
    for trial, _ in list(queue):
        case = execution.plan.cases[trial.case]
        device = str(case.settings["device"])
        if device in seen or case.expected is not None:
            continue
        seen.add(device)
        request = _request(execution, trial, discarded=True)
        if request is not None:
            with contextlib.suppress(ServerGone):
                _tell_late(execution, device, _done_alone(execution, request), request)


def _tell_late(execution: _Execution, device: str, ended: Ended, request: Request) -> None:
    if ended.timed_out:
        execution.watcher.note(
            f"the trial that is discarded before others on {device} was killed after"
            f" {duration(request.timeout_s)}"
        )


def _run_all(execution: _Execution, queue: deque[tuple[Trial, int]]) -> None:
    while queue or execution.running:
        while queue and len(execution.running) < execution.conditions.jobs:
            _start(execution, *queue.popleft())
        if execution.running:
            _finish_one(execution)


def _start(execution: _Execution, trial: Trial, attempt: int) -> None:
    execution.watcher.started(execution.plan.cases[trial.case], trial)
    running = _Running(trial, attempt, _time(execution))
    request = _request(execution, trial)
    if request is not None and execution.conditions.keep_weights:
        path = prepared_path(execution.conditions.folder, trial.key, attempt)
        request = msgspec.structs.replace(request, weights=str(path.absolute()))
    if request is None:
        settings = execution.plan.cases[trial.case].settings
        _keep(execution, running, execution.loads.prepared(settings).outcome)
        return
    running.usage = read_usage(execution.runner.pids())
    execution.running[request.number] = running
    try:
        execution.runner.submit(request)
    except ServerGone as gone:
        _bury(execution, gone)


def _finish_one(execution: _Execution) -> None:
    try:
        ended = execution.runner.wait()
    except ServerGone as gone:
        _bury(execution, gone)
        return
    if ended.number in execution.running:
        _keep_ended(execution, ended)


def _bury(execution: _Execution, gone: ServerGone) -> None:
    """Record the trials that went down with the server, and start another one.

    A trial whose process was never there waits again, once.
    """
    execution.runner.close()
    lost, execution.running = execution.running, {}
    for number, running in lost.items():
        if not execution.runner.has_begun(number) and running.trial.key not in execution.again:
            execution.again.add(running.trial.key)
            execution.queue.appendleft((running.trial, running.attempt))
            continue
        _keep(execution, running, gone_with(gone))
    _begin(execution.runner)


def _begin(runner: Runner) -> None:
    """Start what does requests.

    Raises:
        BenchError: the machine lets it not: no disk has room for a temporary file, say.
    """
    try:
        runner.start()
    except OSError as error:
        raise BenchError(f"the process that starts trials could not start: {error}") from None
    except psutil.Error as error:  # Linux without /proc
        raise BenchError(
            f"no processes can be seen here ({error}): mount /proc, or train with --in-process"
        ) from None


def _request(execution: _Execution, trial: Trial, *, discarded: bool = False) -> Request | None:
    """Make the request of a trial, its data prepared; None where the data cannot be."""
    case = execution.plan.cases[trial.case]
    prepared = None
    if _is_loaded_once(execution, case):
        prepared = execution.loads.prepared(case.settings)
        if prepared.outcome.status != "ok":
            return None
    timeout_s = case.settings["timeout_s"]
    return Request(
        number=execution.next_number(),
        settings=case.settings,
        seed=trial.seed,
        fold=trial.fold,
        timeout_s=min(timeout_s, _WARM_UP_S) if discarded else timeout_s,
        memory_limit=_memory_limit(execution, case),
        data=None if prepared is None else str(prepared.path),
        functions={} if prepared is None else prepared.outcome.functions,
        data_root=str(execution.conditions.data_root),
        discarded=discarded,
    )


def _done_alone(execution: _Execution, request: Request) -> Ended:
    """Do a request now, under the next number; trials that end meanwhile are kept.

    Raises:
        ServerGone: the server died; another one is started.
    """
    request = msgspec.structs.replace(request, number=execution.next_number())
    try:
        execution.runner.submit(request)
        while True:
            ended = execution.runner.wait()
            if ended.number == request.number:
                return ended
            _keep_ended(execution, ended)
    except ServerGone as gone:
        _bury(execution, gone)
        raise


def _memory_limit(execution: _Execution, case: Case) -> int | None:
    limit: int | None = case.settings["memory_limit"]
    return execution.conditions.memory_limit if limit is None else limit


def _keep_ended(execution: _Execution, ended: Ended) -> None:
    running = execution.running.pop(ended.number)
    case = execution.plan.cases[running.trial.case]
    outcome = outcome_of(ended, case.settings["timeout_s"])
    if outcome.unkept:
        raise StoreError(outcome.reason)
    execution.loads.check(case.settings, running.trial.seed, outcome.data)
    _keep(execution, running, outcome, ended)


def _keep(
    execution: _Execution, running: _Running, outcome: Outcome, ended: Ended | None = None
) -> None:
    trial = running.trial
    if outcome.status != "ok" and execution.conditions.keep_weights:
        discard(weights_path(execution.conditions.folder, trial.key, running.attempt))
    record = _record(execution, running, outcome, ended)
    execution.journal.append(record)
    with contextlib.redirect_stdout(sys.stderr):  # stdout is for the table
        found = execution.conditions.registry.finished(record, execution.conditions.folder)
    for told in found:
        execution.watcher.note(told)
    execution.watcher.ended(execution.plan.cases[trial.case], trial, record)


def _record(
    execution: _Execution, running: _Running, outcome: Outcome, ended: Ended | None
) -> Record:
    conditions, loads = execution.conditions, execution.loads
    case = execution.plan.cases[running.trial.case]
    return record_of(
        running.trial,
        case,
        outcome,
        ended,
        loads.known(case.settings),
        attempt=running.attempt,
        started=running.started,
        environment=conditions.environment,
        sources={
            address: each.source
            for address, each in definitions_of(conditions.registry, case.settings).items()
        },
        loading=loads.printed(case.settings),
        shared=conditions.jobs > 1,
        foreign_cpus=_foreign_cpus(execution, running),
    )


def _foreign_cpus(execution: _Execution, running: _Running) -> float | None:
    """Say how busy others kept the machine; beside trials of one's own that cannot be told."""
    if execution.conditions.jobs > 1 or running.usage is None:
        return None
    return foreign_cpus(running.usage, read_usage(execution.runner.pids()))


def _is_loaded_once(execution: _Execution, case: Case) -> bool:
    name = case.settings["dataset"]
    if name is None:
        return False
    definition = execution.conditions.registry.find("dataset", name).definition
    assert isinstance(definition, Dataset)
    return not definition.seeded


def _time(execution: _Execution) -> str:
    return execution.conditions.now().isoformat(timespec="milliseconds")

"""The parent's work: trials in order, each in its own process, each record kept as it ends.

It never imports torch: what trains is named by a string.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import psutil

from harness.client import Runner, ServerGone, open_runner
from harness.definitions import Dataset
from harness.errors import BenchError
from harness.journal import Journal, cannot
from harness.messages import Ended, Outcome, Request
from harness.metrics import MEANINGS
from harness.planned import Case, Plan, Trial
from harness.record import Record
from harness.registry import Registry
from harness.resolve import definitions_of
from harness.settings import root_of
from harness.units import byte_count, duration, one_line

DATA_FOLDER = "data"
_NO_MEMORY = "std::bad_alloc"
"""What native code says that got no memory, before it aborts."""

_OUTPUT_LINES = 12
_LOADS = 3
"""How often a dataset is loaded whose loader dies, as it does where somebody kills it."""


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
        plugins: As `harness.registry.load` takes them, for the processes that train.
        folder: The run's.
        data_root: Where fetched files lie.
        environment: Versions and machine, for every record.
        jobs: Trials side by side.
        memory_limit: Bytes of host memory that a trial may take where its setting is none.
        in_process: Whether this process trains itself.
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
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A dataset that was loaded once: its file, or how that failed; and how often it was tried."""

    path: Path
    outcome: Outcome
    loads: int = 1

    @property
    def settled(self) -> bool:
        return self.outcome.status != "crashed" or self.loads >= _LOADS


@dataclass(slots=True)
class _Running:
    """A trial that has been sent, and when."""

    trial: Trial
    attempt: int
    started: str


@dataclass(slots=True)
class _Execution:
    """A run that goes on: what waits, what runs, what is known of the data."""

    plan: Plan
    conditions: Conditions
    journal: Journal
    watcher: Watcher
    runner: Runner
    queue: deque[tuple[Trial, int]]
    again: set[str] = field(default_factory=set)
    prepared: dict[str, _Prepared] = field(default_factory=dict)
    running: dict[int, _Running] = field(default_factory=dict)
    numbers: int = 0

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
        StoreError: a record cannot be kept.
        PluginError: a plugin cannot be loaded where trials run.
    """
    runner = open_runner(
        conditions.registry,
        conditions.plugins,
        _preload(plan, conditions.registry),
        in_process=conditions.in_process,
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
        shutil.rmtree(conditions.folder / DATA_FOLDER, ignore_errors=True)


def _preload(plan: Plan, registry: Registry) -> dict[str, str]:
    """Name the modules that the definitions of this plan want imported, each with who wants it."""
    return {
        module: f"{entry.kind} {entry.name}"
        for case in plan.cases
        for entry in definitions_of(registry, case.settings).values()
        for module in getattr(entry.definition, "preload", ())
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
                _done_alone(execution, request)


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
    if request is None:
        _keep(execution, running, execution.prepared[_data_key(execution, trial)].outcome)
        return
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
        _keep(execution, running, _gone_with(gone))
    _begin(execution.runner)


def _gone_with(gone: ServerGone) -> Outcome:
    return Outcome(status="crashed", reason=f"the process that starts trials was killed: {gone}")


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
    data = None
    if case.settings["dataset"] is not None and not _dataset(execution, case).seeded:
        prepared = _prepare(execution, trial)
        if prepared.outcome.status != "ok":
            return None
        data = str(prepared.path)
    return Request(
        number=execution.next_number(),
        settings=case.settings,
        seed=trial.seed,
        fold=trial.fold,
        timeout_s=case.settings["timeout_s"],
        memory_limit=_memory_limit(execution, case),
        data=data,
        data_root=str(execution.conditions.data_root),
        discarded=discarded,
    )


def _prepare(execution: _Execution, trial: Trial) -> _Prepared:
    """Load a dataset once, in a process of its own, into a file that trials map."""
    key = _data_key(execution, trial)
    known = execution.prepared.get(key)
    if known is None or not known.settled:
        case = execution.plan.cases[trial.case]
        folder = execution.conditions.folder / DATA_FOLDER
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot(folder, "be made", error) from None
        path = folder / f"{key}.pt"
        request = Request(
            number=execution.next_number(),
            settings=case.settings,
            timeout_s=case.settings["timeout_s"],
            memory_limit=execution.conditions.memory_limit,
            data_root=str(execution.conditions.data_root),
            prepare=str(path),
        )
        try:
            outcome = _outcome(_done_alone(execution, request), request.timeout_s)
        except ServerGone as gone:
            outcome = _gone_with(gone)
        if outcome.status != "ok":
            for each in folder.glob(f"{key}.*"):
                each.unlink()  # half a file on a full disk would leave no room for records
            told = f"loading dataset {case.settings['dataset']}: {outcome.reason}"
            outcome = Outcome(status=outcome.status, reason=told)
        execution.prepared[key] = _Prepared(path, outcome, 1 if known is None else known.loads + 1)
    return execution.prepared[key]


def _done_alone(execution: _Execution, request: Request) -> Ended:
    """Do a request now; trials that end meanwhile are kept.

    Raises:
        ServerGone: the server died; another one is started.
    """
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


def _outcome(ended: Ended, timeout_s: float) -> Outcome:
    if ended.timed_out:
        return Outcome(
            status="timeout", reason=f"killed at its deadline, after {duration(timeout_s)}"
        )
    if ended.over_bytes is not None:
        taken = byte_count(ended.over_bytes)
        return Outcome(
            status="oom-host", reason=f"killed: it took {taken} of host memory, more than it may"
        )
    if ended.outcome is not None:
        return ended.outcome
    if _NO_MEMORY in ended.output:
        return Outcome(status="oom-host", reason=f"{_NO_MEMORY}, and died with {ended.ending}")
    return Outcome(
        status="crashed", reason=f"the process died with {ended.ending} before it had a result"
    )


def _memory_limit(execution: _Execution, case: Case) -> int | None:
    limit: int | None = case.settings["memory_limit"]
    return execution.conditions.memory_limit if limit is None else limit


def _keep_ended(execution: _Execution, ended: Ended) -> None:
    running = execution.running.pop(ended.number)
    timeout_s = execution.plan.cases[running.trial.case].settings["timeout_s"]
    _keep(execution, running, _outcome(ended, timeout_s), ended)


def _keep(
    execution: _Execution, running: _Running, outcome: Outcome, ended: Ended | None = None
) -> None:
    trial = running.trial
    record = _record(execution, running, outcome, ended)
    execution.journal.append(record)
    with contextlib.redirect_stdout(sys.stderr):  # stdout is for the table
        found = execution.conditions.registry.finished(record)
    for told in found:
        execution.watcher.note(told)
    execution.watcher.ended(execution.plan.cases[trial.case], trial, record)


def _record(
    execution: _Execution, running: _Running, outcome: Outcome, ended: Ended | None
) -> Record:
    trial, conditions = running.trial, execution.conditions
    case = execution.plan.cases[trial.case]
    loaded = (
        execution.prepared.get(_data_key(execution, trial)) if case.settings["dataset"] else None
    )
    metrics, missing = _metrics(outcome, ended, loaded)
    return Record(
        key=trial.key,
        settings=case.settings,
        levels=case.levels,
        seed=trial.seed,
        fold=trial.fold,
        attempt=running.attempt,
        status=outcome.status,
        reason=outcome.reason,
        metrics=metrics,
        missing=missing,
        curves=outcome.curves,
        started=running.started,
        environment={
            **conditions.environment,
            "threads": case.settings["threads"],
            **outcome.environment,
        },
        sources={
            address: each.source
            for address, each in definitions_of(conditions.registry, case.settings).items()
        },
        data=outcome.data or (loaded.outcome.data if loaded else None),
        sizes=outcome.sizes,
        output="" if ended is None else _last_lines(ended.output),
        shared=conditions.jobs > 1,
    )


def _metrics(
    outcome: Outcome, ended: Ended | None, loaded: _Prepared | None
) -> tuple[dict[str, int | float | None], dict[str, str]]:
    if outcome.status != "ok":
        return dict.fromkeys(MEANINGS), dict.fromkeys(
            MEANINGS, f"the trial ended as {outcome.status}"
        )
    metrics, missing = dict(outcome.metrics), dict(outcome.missing)
    taken: dict[str, int | float | None] = {"wall_s": ended.wall_s if ended else None}
    if loaded is not None:
        taken["load_peak_bytes"] = loaded.outcome.metrics.get("load_peak_bytes")
    else:
        missing["load_peak_bytes"] = "the data was not prepared in a process of its own"
    for name, value in taken.items():
        metrics[name] = value
        if value is not None:
            missing.pop(name, None)
    return metrics, missing


def _dataset(execution: _Execution, case: Case) -> Dataset:
    definition = execution.conditions.registry.find("dataset", case.settings["dataset"]).definition
    assert isinstance(definition, Dataset)
    return definition


def _data_key(execution: _Execution, trial: Trial) -> str:
    settings = execution.plan.cases[trial.case].settings
    chosen = {
        address: value for address, value in settings.items() if root_of(address) == "dataset"
    }
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]


def _last_lines(output: str) -> str:
    return "\n".join(one_line(line) for line in output.splitlines()[-_OUTPUT_LINES:])


def _time(execution: _Execution) -> str:
    return execution.conditions.now().isoformat(timespec="milliseconds")

"""From what was asked to a run on disk: the one path of the command, tests and notebooks."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import BenchError, StoreError, SuiteError, UnknownName, what_would_work
from harness.judging.compare import decided
from harness.judging.tables import summaries
from harness.numbers.metrics import Meaning
from harness.numbers.statistics import median_of
from harness.numbers.verdicts import LOOKS
from harness.planning.absence import absences
from harness.planning.defaults import defaults_of
from harness.planning.overrides import SWEEP, Override, overridden
from harness.planning.plan import make_plan
from harness.planning.resolve import definitions_of
from harness.plugin.definitions import Metric
from harness.plugin.registry import Registry, load
from harness.records.looks import up_to
from harness.records.merge import merged
from harness.records.planned import Plan, Trial
from harness.records.record import BROKEN
from harness.records.runs import list_runs
from harness.records.shape import missing_address
from harness.records.store import (
    Journal,
    RunFile,
    StoredRun,
    create_run,
    last_attempts,
    read_run,
)
from harness.running.execute import Conditions, Watcher, execute
from harness.running.loads import FOLDER as DATA
from harness.suites.draft import SuiteFile, draft, read_file, seed_range
from harness.suites.suite import Suite
from harness.system.machine import absence, environment, free_memory_bytes

CONFIG = "bench.toml"
_ADAPTIVE = "adaptive: looks after 5, 10 and 20 seeds, and stops when all is decided"
_VERSIONS = ("harness", "python", "torch", "torchvision", "numpy", "scikit-learn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things lie, and which plugins there are besides those of entry points.

    Args:
        results: The folder of runs.
        data_root: Where fetched data lies.
        file: A TOML file with suites and plugins; None: `bench.toml` of the working directory, if
            it is there.
        plugins: `MODULE`, `FILE.py` or `no:NAME`.
    """

    results: Path = field(
        default_factory=lambda: Path(os.environ.get("BENCH_RESULTS") or "results")
    )
    data_root: Path = field(default_factory=lambda: default_data_root(os.environ))
    file: Path | None = None
    plugins: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be run.

    Args:
        suite: A name, a suite, or None for a sweep of one's own.
        overrides: What the command line changes.
        seeds: In place of the suite's; as `harness.suites.suite.seed_range` reads them.
        seed: The plan's own: it shuffles.
        adaptive: Whether to stop after 5, 10 or 20 seeds, when all is decided.
        until: The metrics that decide that; none: the first that tells of learning.
    """

    suite: str | Suite | None = None
    overrides: Sequence[Override] = ()
    seeds: object = None
    seed: int = 0
    adaptive: bool = False
    until: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a run is executed, and what its exit code counts."""

    jobs: int = 1
    in_process: bool = False
    keep_weights: bool = False
    strict: bool = False
    check: bool = False
    command: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """The registry with the suites of the file, and the plugins as other processes load them.

    Args:
        registry: Where names are looked up.
        plugins: As `harness.plugin.registry.load` takes them.
        notes: What the user should know.
        data_root: Where plans look for data; None: they do not.
    """

    registry: Registry
    plugins: tuple[str, ...]
    notes: tuple[str, ...] = ()
    data_root: Path | None = None


def default_data_root(variables: Mapping[str, str]) -> Path:
    """Say where fetched data lies: `BENCH_DATA`, else a folder in the user's cache."""
    if variables.get("BENCH_DATA"):
        return Path(variables["BENCH_DATA"])
    cache = variables.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "bench-harness"


def load_all(places: Places) -> Loaded:
    """Load plugins and the file with suites.

    Raises:
        PluginError: a named plugin cannot be loaded.
        SuiteError: the file is absent or cannot be read.
    """
    file = _config(places.file)
    named = [*_absolute(file[1].plugins, file[0].parent), *_absolute(places.plugins, Path.cwd())]
    plugins = tuple(dict.fromkeys(named))
    for each in plugins:
        _check_path(each, "rename the folder, or the file")
    with redirect_stdout(sys.stderr):  # what plugins print is no table
        registry = load(plugins)
    shadowed = [each.name for each in file[1].suites if each.name in registry.names("suite")]
    notes = [f"suite {name!r} of {file[0]} stands before the one of a plugin" for name in shadowed]
    found = registry.with_suites(file[1].suites)
    return Loaded(found, plugins, (*registry.notes(), *notes), places.data_root)


def plan_asked(asked: Asked, loaded: Loaded) -> Plan:
    """Plan what was asked; torch is not imported.

    Raises:
        BenchError: a name is unknown, or a value does not fit.
    """
    if asked.suite is None and not asked.overrides:
        known = what_would_work("", loaded.registry.names("suite"))
        raise SuiteError(f"nothing to run: give --suite NAME{known} or settings, ADDRESS=VALUE")
    suite = asked.suite
    if suite is None:
        suite = Suite(SWEEP, seeds=3)
    if isinstance(suite, str):
        suite = loaded.registry.suite(suite)
    written = draft(suite)
    if asked.adaptive:
        written = replace(written, seeds=seed_range(LOOKS[-1]))
    elif asked.seeds is not None:
        written = replace(written, seeds=seed_range(asked.seeds))
    registry, root = loaded.registry, loaded.data_root
    lacking = absences(registry, root) if root is not None else lambda _: None
    with redirect_stdout(sys.stderr):  # what plugins print is no table
        changed = overridden(written, asked.overrides, loaded.registry)
        plan = make_plan(
            changed,
            loaded.registry,
            overridden=bool(asked.overrides),
            seed=asked.seed,
            absent=absence,
            lacking=lacking,
        )
    if asked.adaptive:
        plan = msgspec.structs.replace(
            plan,
            looks=LOOKS,
            until=tuple(asked.until),
            notes=(
                *plan.notes,
                "adaptive: looks after 5, 10 and 20 seeds, and stops when all is decided",
            ),
        )
    return _with_notes(plan, loaded)


def run_plan(plan: Plan, loaded: Loaded, places: Places, manner: Manner, watcher: Watcher) -> Path:
    """Run a plan in a folder of its own.

    Returns:
        The folder.

    Raises:
        StoreError: the results cannot be written.
    """
    _check_path(places.results, "give another folder: --results DIR")
    _check_path(places.data_root.absolute(), "give another folder: --data-root DIR")
    here = environment()
    run = RunFile(
        suite=plan.suite,
        command=list(manner.command),
        environment=here,
        plugins=list(loaded.plugins),
        sources=plan_sources(loaded.registry, plan),
        options={
            "jobs": manner.jobs,
            "in_process": manner.in_process,
            "keep_weights": manner.keep_weights,
            "strict": manner.strict,
            "check": manner.check,
            "data_root": str(places.data_root.absolute()),
        },
        meanings=meanings(loaded.registry, plan),
        plan=plan,
    )
    folder = create_run(places.results, run).folder
    with Journal(folder, manner.command) as journal:
        conditions = _conditions(run, loaded, folder)
        with _named_if_interrupted(folder):
            _train(folder, waiting_trials(read_run(folder)), conditions, journal, watcher)
    return folder


def resume_run(
    folder: Path,
    watcher: Watcher,
    *,
    retry: bool = False,
    force: bool = False,
    plugins: Sequence[str] = (),
    data_root: Path | None = None,
    command: Sequence[str] = (),
) -> None:
    """Go on with an unfinished run; a finished one trains nothing.

    Args:
        folder: The run's.
        watcher: Told as the run goes.
        retry: Whether trials that broke are tried again.
        force: Whether to go on though versions, sources or data differ from those that the run
            began with.
        plugins: In place of those that the run began with; none: those.
        data_root: In place of that of the run.
        command: What was typed, for the lock.

    Raises:
        StoreError: versions, sources or data differ, or another process is at it.
    """
    stored = read_run(folder)
    if not waiting_trials(stored, retry):
        _tidy(folder, command)
        broken = 0 if retry else len(waiting_trials(stored, retry=True))
        trials = "trial" if broken == 1 else "trials"
        more = f"; --retry failed tries {broken} broken {trials} again" if broken else ""
        watcher.note(f"nothing is left to do in {folder}{more}")
        return
    _check_path(folder, "rename the folder")
    with Journal(folder, command) as journal:
        stored = read_run(folder)
        waiting = waiting_trials(stored, retry)
        _check_whole(stored)
        named = tuple(_absolute(plugins, Path.cwd())) or tuple(stored.run.plugins)
        loaded = Loaded(load(named), named)
        differences = _differences(stored.run, environment(), loaded.registry)
        if differences and not force:
            raise StoreError(
                f"{folder} began with other versions ({'; '.join(differences)}): "
                "its trials would not"
                " be comparable; --force goes on all the same"
            )
        for each in (*stored.notes, *journal.notes):
            watcher.note(each)
        conditions = _conditions(stored.run, loaded, folder)
        conditions = replace(
            conditions,
            before=() if force else stored.records,
            data_root=conditions.data_root if data_root is None else data_root.absolute(),
        )
        for told in _replaced(stored.run, conditions):
            watcher.note(told)
        watcher.note(f"going on with {folder}")
        with _named_if_interrupted(folder):
            _train(folder, waiting, conditions, journal, watcher)


def merge_runs(
    folders: Sequence[Path],
    places: Places,
    tell: Callable[[str], None],
    command: Sequence[str] = (),
) -> Path:
    """Merge runs into a new one; `tell` hears what of them cannot be read.

    Returns:
        Its folder.

    Raises:
        StoreError: two records contradict each other, or a run cannot be read or written.
    """
    runs = [read_run(folder) for folder in folders]
    for each in runs:
        for note in each.notes:
            tell(note)
    run, records = merged(runs, defaults_of(lambda: load_all(places).registry))
    run = msgspec.structs.replace(run, command=list(command))
    if any(each.weights is not None for each in records):
        tell("kept weights stay with the runs that they came from")
        records = [msgspec.structs.replace(each, weights=None) for each in records]
    folder = create_run(places.results, run).folder
    try:
        with Journal(folder, command) as journal:
            for record in records:
                journal.append(record)
    except BaseException:  # half of it would look like a run that waits for its rest
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _train(
    folder: Path,
    waiting: Sequence[tuple[Trial, int]],
    conditions: Conditions,
    journal: Journal,
    watcher: Watcher,
) -> None:
    """Run what waits; of an adaptive run then what its next look asks for."""
    while waiting:
        whole = read_run(folder).run.plan
        plan = up_to(whole, {trial.seed for trial, _ in waiting}) if whole.looks else whole
        execute(plan, waiting, conditions, journal, watcher)
        waiting = ()
        if whole.looks:
            waiting = waiting_trials(read_run(folder))
            watcher.note(_looked(plan, whole, bool(waiting)))


def _looked(plan: Plan, whole: Plan, undecided: bool) -> str:
    """Tell what a look has shown."""
    told = f"looked after {len(plan.seeds)} seeds:"
    if undecided:
        return f"{told} not all is decided, going on"
    last = len(plan.seeds) == len(whole.seeds)
    return f"{told} the last look" if last else f"{told} all is decided"


def waiting_trials(stored: StoredRun, retry: bool = False) -> list[tuple[Trial, int]]:
    """List the trials without a record (with `retry`: or a broken one), with their attempts.

    Of an adaptive run, those up to the next look; none where all is decided.
    """
    found = _waiting(stored.plan, stored, retry)
    if found or stored.plan == stored.run.plan:
        return found
    if decided(stored.plan, summaries(stored.plan, stored.records, stored.run.meanings)):
        return []
    following = stored.run.plan.seeds[len(stored.plan.seeds)]
    return _waiting(up_to(stored.run.plan, {following}), stored, retry)


def _waiting(plan: Plan, stored: StoredRun, retry: bool) -> list[tuple[Trial, int]]:
    last = last_attempts(stored.records)
    waiting = []
    for trial in plan.trials:
        record = last.get(trial.key)
        if record is None:
            waiting.append((trial, 1))
        elif retry and record.status in BROKEN:
            waiting.append((trial, record.attempt + 1))
    return waiting


def expected_s(plan: Plan, results: Path) -> tuple[float, int]:
    """Expect the time of a plan from earlier records of the same cases, whatever their suite.

    Returns:
        Seconds of the trials whose case has been run, and the number of the others.
    """
    by_settings: dict[str, list[float]] = {}
    for line in list_runs(results):
        if line.reason is None:
            for record in read_run(line.path).records:
                wall_s = record.metrics.get("wall_s")
                if wall_s is not None:
                    by_settings.setdefault(_settings_key(record.settings), []).append(wall_s)
    known = [by_settings.get(_settings_key(case.settings)) for case in plan.cases]
    usual_s = [None if times is None else median_of(times) for times in known]
    runs = [trial.case for trial in plan.trials if not plan.cases[trial.case].expected]
    unknown = sum(usual_s[case] is None for case in runs)
    return sum(usual_s[case] or 0.0 for case in runs), unknown


def plan_sources(registry: Registry, plan: Plan) -> dict[str, str]:
    """Say by `KIND:NAME` where every definition of a plan came from."""
    found = {}
    for case in plan.cases:
        for entry in definitions_of(registry, case.settings).values():
            found[f"{entry.kind}:{entry.name}"] = entry.source
    return dict(sorted(found.items()))


def meanings(registry: Registry, plan: Plan) -> dict[str, Meaning]:
    """Tell what the metrics of plugins mean that a plan takes."""
    found = {}
    for case in plan.cases:
        for entry in definitions_of(registry, case.settings).values():
            metric = entry.definition
            if isinstance(metric, Metric):
                about = (metric.measure.__doc__ or "").strip().partition("\n")[0]
                found[metric.name] = Meaning(
                    metric.name,
                    metric.unit or "1",
                    metric.direction,
                    metric.margin,
                    metric.scale,
                    about,
                )
    return found


def _tidy(folder: Path, command: Sequence[str]) -> None:
    """Remove the data of a run that was killed behind its last trial; one that still runs does."""
    data = folder / DATA
    if data.exists():
        with suppress(StoreError), Journal(folder, command):
            shutil.rmtree(data, ignore_errors=True)


def _check_path(path: str | Path, hint: str) -> None:
    """Refuse a path that no JSON can hold, before the processes that train are told of it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise BenchError(f"{path} has a name that is no UTF-8: {hint}") from None


@contextmanager
def _named_if_interrupted(folder: Path) -> Iterator[None]:
    """Let an interruption say which run it ended."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(str(folder)) from None


def _config(given: Path | None) -> tuple[Path, SuiteFile]:
    path = (given or Path(CONFIG)).absolute()
    if given is None and not path.exists():
        return path, SuiteFile()
    return path, read_file(path)


def data_root_of(run: RunFile) -> Path:
    """Say where the data of a run lies."""
    return Path(run.options.get("data_root") or default_data_root(os.environ))


def _absolute(plugins: Sequence[str], base: Path) -> Iterator[str]:
    for each in plugins:
        yield (
            str((base / each).absolute())
            if each.endswith(".py") and not each.startswith("no:")
            else each
        )


def _with_notes(plan: Plan, loaded: Loaded) -> Plan:
    told = dict.fromkeys([*loaded.notes, *loaded.registry.notes()])  # planning asks plugins, too
    notes = [*told, *plan.notes, *_device_notes(plan)]
    return msgspec.structs.replace(plan, notes=tuple(notes))


def _device_notes(plan: Plan) -> list[str]:
    notes = []
    skipped = {case.reason for case in plan.cases if case.expected == "skipped"}
    notes += [f"expected to be skipped: {reason}" for reason in sorted(map(str, skipped))]
    devices = {case.settings["device"] for case in plan.cases}
    if devices == {"cpu"} and absence("cuda") is None:
        notes.append("a GPU is here, but device=cpu is the default: device=cuda trains on it")
    return notes


def _conditions(run: RunFile, loaded: Loaded, folder: Path) -> Conditions:
    return Conditions(
        registry=loaded.registry,
        plugins=loaded.plugins,
        folder=folder,
        data_root=data_root_of(run),
        environment=environment(),
        jobs=run.options.get("jobs", 1),
        memory_limit=usual_memory_limit(run.options.get("jobs", 1)),
        in_process=run.options.get("in_process", False),
        keep_weights=run.options.get("keep_weights", False),
    )


def usual_memory_limit(jobs: int) -> int | None:
    """Take three quarters of what is free now, divided by the trials side by side."""
    free = free_memory_bytes()
    return None if free is None else free * 3 // 4 // jobs


def _check_whole(stored: StoredRun) -> None:
    for place, case in enumerate(stored.run.plan.cases):
        if (absent := missing_address(case.settings)) is not None:
            raise StoreError(f"{stored.folder} cannot be resumed: case {place} has no {absent}")


def _replaced(run: RunFile, conditions: Conditions) -> Iterator[str]:
    """Tell what is used in place of what a run began with."""
    given = ", ".join(conditions.plugins)
    if conditions.plugins != tuple(run.plugins):
        yield f"plugins {given} in place of {', '.join(run.plugins) or 'none'}"
    before = run.options.get("data_root")
    if before is not None and Path(before) != conditions.data_root:
        yield f"data root {conditions.data_root} in place of {before}"


def _differences(run: RunFile, here: Mapping[str, Any], registry: Registry) -> list[str]:
    """Say how versions and sources differ from those that a run began with."""
    found = [
        f"{name} {run.environment.get(name)} then, {here.get(name)} now"
        for name in _VERSIONS
        if run.environment.get(name) != here.get(name)
    ]
    try:
        now = plan_sources(registry, run.plan)
    except UnknownName as error:
        return [*found, str(error)]
    changed = [name for name, source in run.sources.items() if now.get(name) != source]
    return found + [f"the source of {name} has changed" for name in changed]


def _settings_key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)

"""From a plan to a run on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.numbers.metrics import Meaning
from harness.planning.resolve import definitions_of
from harness.plugin.definitions import Metric
from harness.plugin.registry import Registry
from harness.records.looks import up_to
from harness.records.planned import Plan, Trial
from harness.records.store import Journal, RunFile, create_run, read_run
from harness.running.execute import Conditions, Watcher, execute
from harness.session.ask import Loaded, Places, check_path, default_data_root
from harness.session.waiting import waiting_trials
from harness.system.machine import environment, free_memory_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a run is executed, and what its exit code counts."""

    jobs: int = 1
    in_process: bool = False
    keep_weights: bool = False
    strict: bool = False
    check: bool = False
    command: Sequence[str] = ()


def run_plan(plan: Plan, loaded: Loaded, places: Places, manner: Manner, watcher: Watcher) -> Path:
    """Run a plan in a folder of its own.

    Returns:
        The folder.

    Raises:
        StoreError: the results cannot be written.
    """
    check_path(places.results, "give another folder: --results DIR")
    check_path(places.data_root.absolute(), "give another folder: --data-root DIR")
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
        conditions = conditions_of(run, loaded, folder)
        with naming_if_interrupted(folder):
            run_waiting(folder, waiting_trials(read_run(folder)), conditions, journal, watcher)
    return folder


def run_waiting(
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


def data_root_of(run: RunFile) -> Path:
    """Say where the data of a run lies."""
    return Path(run.options.get("data_root") or default_data_root(os.environ))


def usual_memory_limit(jobs: int) -> int | None:
    """Take three quarters of what is free now, divided by the trials side by side."""
    free = free_memory_bytes()
    return None if free is None else free * 3 // 4 // jobs


def conditions_of(run: RunFile, loaded: Loaded, folder: Path) -> Conditions:
    """Say under what conditions the trials of a run are executed."""
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


@contextmanager
def naming_if_interrupted(folder: Path) -> Iterator[None]:
    """Let an interruption say which run it ended."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(str(folder)) from None


def _looked(plan: Plan, whole: Plan, undecided: bool) -> str:
    """Tell what a look has shown."""
    told = f"looked after {len(plan.seeds)} seeds:"
    if undecided:
        return f"{told} not all is decided, going on"
    last = len(plan.seeds) == len(whole.seeds)
    return f"{told} the last look" if last else f"{told} all is decided"

"""Go on with a run that was interrupted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import StoreError, UnknownName
from harness.plugin.registry import Registry, load
from harness.records.shape import missing_address
from harness.records.store import Journal, RunFile, StoredRun, read_run
from harness.running.execute import Conditions, Watcher
from harness.running.loads import FOLDER as DATA
from harness.session.ask import Loaded, absolute_plugins, check_path
from harness.session.run import conditions_of, naming_if_interrupted, plan_sources, run_waiting
from harness.session.waiting import waiting_trials
from harness.system.machine import environment

_VERSIONS = ("harness", "python", "torch", "torchvision", "numpy", "scikit-learn")


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
    check_path(folder, "rename the folder")
    with Journal(folder, command) as journal:
        stored = read_run(folder)
        waiting = waiting_trials(stored, retry)
        _check_whole(stored)
        named = tuple(absolute_plugins(plugins, Path.cwd())) or tuple(stored.run.plugins)
        loaded = Loaded(load(named), named)
        differences = _differences(stored.run, environment(), loaded.registry)
        if differences and not force:
            raise StoreError(
                f"{folder} began with other versions ({'; '.join(differences)}): its trials"
                " would not be comparable; --force goes on all the same"
            )
        for each in (*stored.notes, *journal.notes):
            watcher.note(each)
        conditions = conditions_of(stored.run, loaded, folder)
        conditions = replace(
            conditions,
            before=() if force else stored.records,
            data_root=conditions.data_root if data_root is None else data_root.absolute(),
        )
        for told in _replaced(stored.run, conditions):
            watcher.note(told)
        watcher.note(f"going on with {folder}")
        with naming_if_interrupted(folder):
            run_waiting(folder, waiting, conditions, journal, watcher)


def _tidy(folder: Path, command: Sequence[str]) -> None:
    """Remove the data of a run that was killed behind its last trial; one that still runs does."""
    data = folder / DATA
    if data.exists():
        with suppress(StoreError), Journal(folder, command):
            shutil.rmtree(data, ignore_errors=True)


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

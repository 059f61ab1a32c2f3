"""What is asked for, and the plan that it makes; torch is not imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from harness.errors import BenchError, SuiteError, what_would_work
from harness.numbers.verdicts import LOOKS
from harness.planning.absence import absences
from harness.planning.overrides import SWEEP, Override, overridden
from harness.planning.plan import make_plan
from harness.plugin.registry import Registry, load
from harness.records.planned import Plan
from harness.suites.draft import SuiteFile, draft, read_file, seed_range
from harness.suites.suite import Suite
from harness.system import machine

CONFIG = "bench.toml"
_ADAPTIVE = "adaptive: looks after 5, 10 and 20 seeds, and stops when all is decided"


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
        seeds: In place of the suite's; as `harness.suites.draft.seed_range` reads them.
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
    named = [
        *absolute_plugins(file[1].plugins, file[0].parent),
        *absolute_plugins(places.plugins, Path.cwd()),
    ]
    plugins = tuple(dict.fromkeys(named))
    for each in plugins:
        check_path(each, "rename the folder, or the file")
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
            absent=machine.absence,
            lacking=lacking,
        )
    if asked.adaptive:
        plan = msgspec.structs.replace(
            plan,
            looks=LOOKS,
            until=tuple(asked.until),
            notes=(
                *plan.notes,
                _ADAPTIVE,
            ),
        )
    return _with_notes(plan, loaded)


def _config(given: Path | None) -> tuple[Path, SuiteFile]:
    path = (given or Path(CONFIG)).absolute()
    if given is None and not path.exists():
        return path, SuiteFile()
    return path, read_file(path)


def absolute_plugins(plugins: Sequence[str], base: Path) -> Iterator[str]:
    """Make paths of files whole, so that a run can be resumed from anywhere."""
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
    if devices == {"cpu"} and machine.absence("cuda") is None:
        notes.append("a GPU is here, but device=cpu is the default: device=cuda trains on it")
    return notes


def check_path(path: str | Path, hint: str) -> None:
    """Refuse a path that no JSON can hold, before the processes that train are told of it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise BenchError(f"{path} has a name that is no UTF-8: {hint}") from None

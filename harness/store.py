"""Runs on disk: `results/SUITE/RUN/run.json` and `trials.jsonl`, made, read and found.

Nothing is skipped silently: the notes name what cannot be read, with its file and line.

Schema of `run.json` (that of a record is told in `record.py`):
    1  2026-11  first
"""

from __future__ import annotations

import gc
import hashlib
import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from harness import record as trial_record
from harness.errors import StoreError, same_name, what_would_work
from harness.journal import TRIALS, UNREADABLE, Journal, cannot, encoded, sync_folder
from harness.metrics import Meaning
from harness.planned import Plan
from harness.record import Record
from harness.units import one_line

__all__ = [
    "RUN",
    "SCHEMA",
    "Journal",
    "RunFile",
    "RunLine",
    "StoredRun",
    "create_run",
    "find_run",
    "folder_name",
    "last_attempts",
    "list_runs",
    "no_collection",
    "read_run",
]

SCHEMA = 1
RUN = "run.json"

_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}")


class RunFile(Struct, frozen=True, kw_only=True):
    """What `run.json` keeps: written whole before the first trial, never changed.

    Attributes:
        id: The run's name; `create_run` makes it.
        command: The arguments, as given.
        created: UTC, ISO 8601; `create_run` writes it.
        environment: Versions, machine, threads: what a figure depends on besides its settings.
        plugins: What `-p` and `bench.toml` named, absolute, so that `resume` loads the same.
        sources: By `KIND:NAME`, the plugin, its version and a digest of the definition's source.
        options: How the run was asked for: `jobs`, `in_process` ...
        meanings: Of the metrics that plugins register: a table can be read without the plugin.
    """

    schema: int = SCHEMA
    id: str = ""
    suite: str
    command: list[str] = []
    created: str = ""
    environment: dict[str, Any] = {}
    plugins: list[str] = []
    sources: dict[str, str] = {}
    options: dict[str, Any] = {}
    meanings: dict[str, Meaning] = {}
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run as it lies on the disk.

    Args:
        folder: Where it lies.
        run: Its `run.json`.
        records: In the order of the file, all attempts.
        notes: What could not be read, or reads twice: a sentence each, naming file and line.
    """

    folder: Path
    run: RunFile
    records: tuple[Record, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run as a list of runs shows it.

    Args:
        suite: Its name; that of its folder where the run cannot be read.
        id: The name of its folder.
        created: UTC, ISO 8601; None where it cannot be read.
        planned: How many trials were planned; None where it cannot be read.
        statuses: How many trials ended how, by their last attempt.
        path: Its folder.
        command: The arguments, as given; empty where it cannot be read.
        reason: Why it cannot be read; None where it can.
    """

    suite: str
    id: str
    created: str | None
    planned: int | None
    statuses: dict[str, int]
    path: Path
    command: tuple[str, ...] = ()
    reason: str | None = None


def create_run(
    results: Path,
    run: RunFile,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    token: Callable[[], str] = lambda: secrets.token_hex(2),
) -> StoredRun:
    """Make a run's folder with its `run.json`, whole and on the disk; fill in its id and time.

    Raises:
        StoreError: the folder cannot be written.
    """
    created = now()
    parent = results / folder_name(run.suite)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = _new_folder(parent, created, token)
        run = msgspec.structs.replace(run, id=folder.name, created=created.isoformat())
        try:
            _write_whole(folder / RUN, encoded(run))
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        sync_folder(parent)
    except OSError as error:
        raise cannot(parent, "hold a run", error) from None
    return StoredRun(folder=folder, run=run)


def folder_name(suite: str) -> str:
    """Name the folder of a suite: its name, or a safe form of it with a digest."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", suite)[:60].strip(".")
    if safe and safe == suite:
        return safe
    digest = hashlib.sha256(same_name(suite).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{safe or 'suite'}-{digest[:8]}"


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the search for cycles: records have none, and it took half of the time to read them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@no_collection()
def read_run(path: Path) -> StoredRun:
    """Read a run; what cannot be read of its records is left out and told in the notes.

    Raises:
        StoreError: there is no run, its `run.json` cannot be read, or a newer version wrote it.
    """
    folder = path.parent if path.name in {RUN, TRIALS} else path
    run = _read_run_file(folder / RUN)
    notes: list[str] = []
    records = tuple(_read_records(folder / TRIALS, Record, notes))
    notes += _strangers(folder / TRIALS, run.plan, records)
    return StoredRun(folder=folder, run=run, records=records, notes=tuple(notes))


def last_attempts(records: Iterable[Record]) -> dict[str, Record]:
    """Keep the attempt that counts of each trial, by key: the last one, of two alike the later."""
    return {each.key: each for each in sorted(records, key=attrgetter("attempt"))}


def find_run(results: Path, text: str | None = None) -> Path:
    """Find a run's folder: by path, by id, by suite (its latest), by a unique beginning of an id.

    Without a text it is the latest run of all.

    Raises:
        StoreError: there is no such run; the message offers the nearest.
    """
    if text and (found := _by_path(Path(text))):
        return found
    runs = sorted(_run_folders(results), key=_age)
    if not runs:
        raise StoreError(f"there are no runs in {results}: `bench run --suite smoke` makes one")
    if not text:
        return runs[-1]
    return _by_id(runs, text) or _by_suite(runs, text) or _by_beginning(runs, text)


def list_runs(results: Path) -> list[RunLine]:
    """List the runs from the oldest to the latest, with those that cannot be read and why."""
    return [_run_line(folder) for folder in sorted(_run_folders(results), key=_age)]


_R = TypeVar("_R", Record, "_Ending")


class _Schema(Struct):
    schema: int = SCHEMA


class _Ending(Struct, frozen=True):
    """What a list of runs needs of a record."""

    key: str
    status: str
    attempt: int = 1
    schema: int = trial_record.SCHEMA


def _new_folder(parent: Path, created: datetime, token: Callable[[], str]) -> Path:
    for _ in range(100):
        folder = parent / f"{created.astimezone(UTC):%Y%m%dT%H%M%SZ}-{token()}"
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise StoreError(f"{parent} has no free name for a run: {folder.name} and others are taken")


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def _read_run_file(path: Path) -> RunFile:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{path.parent} is no run: it has no {RUN}") from None
    except OSError as error:
        raise cannot(path, "be read", error) from None
    try:
        _check_schema(content, SCHEMA, str(path))
        run = msgspec.json.decode(content, type=RunFile)
    except UNREADABLE as error:
        raise StoreError(f"{path} cannot be read: {one_line(_lower(str(error)))}") from None
    _check_plan(run.plan, path)
    return run


def _check_plan(plan: Plan, path: Path) -> None:
    named = [each.case for each in plan.trials]
    named += [each.baseline for each in plan.cases if each.baseline is not None]
    for each in plan.expectations:
        named += [*each.cases, *(each.better_than or ()), *(each.same_as or ())]
    wrong = [each for each in named if not 0 <= each < len(plan.cases)]
    if wrong:
        raise StoreError(
            f"{path} cannot be read: it names case {wrong[0]}, and has {len(plan.cases)}"
        )


def _check_schema(content: bytes, known: int, where: str) -> None:
    if wrong := _wrong_schema(msgspec.json.decode(content, type=_Schema).schema, known):
        raise StoreError(f"{where} is {wrong}")


def _wrong_schema(schema: int, known: int) -> str | None:
    if schema > known:
        return (
            f"of schema {schema}, and this bench-harness reads up to {known}:"
            " upgrade with `pip install --upgrade bench-harness`"
        )
    return f"of schema {schema}, which never was: the first is 1" if schema < 1 else None


def _read_records(path: Path, type_: type[_R], notes: list[str]) -> Iterator[_R]:
    decode = msgspec.json.Decoder(type_).decode
    seen: set[tuple[str, int]] = set()
    lines = _content(path).split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}: line {number}"
        try:
            found = decode(line)
        except UNREADABLE as error:
            notes.append(_left_out(where, line, error, torn=number == len(lines)))
            continue
        if wrong := _wrong_schema(found.schema, trial_record.SCHEMA):
            notes.append(f"{where} is {wrong}; it was left out")
            continue
        if (found.key, found.attempt) in seen:
            notes.append(f"{where} repeats attempt {found.attempt} of trial {found.key}: it counts")
        seen.add((found.key, found.attempt))
        yield found


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""  # a run that was killed before its first trial ended
    except OSError as error:
        raise cannot(path, "be read", error) from None


def _left_out(where: str, line: bytes, error: Exception, *, torn: bool) -> str:
    if torn:
        return f"{where} is torn and was left out"
    with suppress(*UNREADABLE):
        schema = msgspec.json.decode(line, type=_Schema).schema
        if wrong := _wrong_schema(schema, trial_record.SCHEMA):
            return f"{where} is {wrong}; it was left out"
    return f"{where} is no record and was left out: {one_line(_lower(str(error)))}"


def _strangers(path: Path, plan: Plan, records: Iterable[Record]) -> list[str]:
    planned = {each.key for each in plan.trials}
    keys = {each.key: None for each in records if each.key not in planned}
    if not keys:
        return []
    shown = ", ".join(list(keys)[:3]) + (", ..." if len(keys) > 3 else "")
    return [f"{path}: {len(keys)} trials are in no plan and are not shown ({one_line(shown)})"]


def _run_folders(results: Path) -> list[Path]:
    return [folder for suite in _folders(results) for folder in _folders(suite) if _is_run(folder)]


def _folders(parent: Path) -> list[Path]:
    try:
        return [each for each in parent.iterdir() if each.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise cannot(parent, "be read", error) from None


def _is_run(folder: Path) -> bool:
    return bool(_ID.fullmatch(folder.name)) or any(
        (folder / each).exists() for each in (RUN, TRIALS)
    )


def _age(folder: Path) -> tuple[str, float, str]:
    """Sort by the second in the id; within one second by when `run.json` was written."""
    try:
        written = (folder / RUN).stat().st_mtime
    except OSError:
        written = 0.0
    return folder.name.partition("-")[0], written, folder.name


def _by_path(path: Path) -> Path | None:
    with suppress(OSError):  # a text that is too long for a path is none
        if path.name in {RUN, TRIALS} and path.is_file():
            return path.parent
        if path.is_dir():
            runs = [path] if _is_run(path) else sorted(filter(_is_run, _folders(path)), key=_age)
            return runs[-1] if runs else None
    return None


def _by_id(runs: list[Path], text: str) -> Path | None:
    return next((each for each in runs if each.name == text), None)


def _by_suite(runs: list[Path], text: str) -> Path | None:
    wanted = {same_name(text), same_name(folder_name(text))}
    found = [each for each in runs if same_name(each.parent.name) in wanted]
    return found[-1] if found else None


def _by_beginning(runs: list[Path], text: str) -> Path:
    found = [each for each in runs if each.name.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.name for each in found[:5]) + (", ..." if len(found) > 5 else "")
        raise StoreError(f"{one_line(text)!r} begins the ids of {len(found)} runs: {names}")
    known = {each.parent.name for each in runs} | {each.name for each in runs}
    raise StoreError(f"unknown run {one_line(text)!r}{what_would_work(text, known)}")


def _run_line(folder: Path) -> RunLine:
    try:
        run = _read_run_file(folder / RUN)
        endings = list(_read_records(folder / TRIALS, _Ending, []))
    except StoreError as error:
        return RunLine(
            suite=folder.parent.name,
            id=folder.name,
            created=None,
            planned=None,
            statuses={},
            path=folder,
            reason=str(error),
        )
    planned = {each.key for each in run.plan.trials}
    last = {each.key: each.status for each in sorted(endings, key=attrgetter("attempt"))}
    counts = Counter(status for key, status in last.items() if key in planned)
    return RunLine(
        suite=run.suite,
        id=folder.name,
        created=run.created,
        planned=len(run.plan.trials),
        statuses={each: counts[each] for each in trial_record.STATUSES if counts[each]},
        path=folder,
        command=tuple(run.command),
    )


def _lower(sentence: str) -> str:
    return sentence if sentence[:4].isupper() else sentence[:1].lower() + sentence[1:]

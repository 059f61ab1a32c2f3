"""Runs on disk: `results/SUITE/RUN/run.json` and `trials.jsonl`, made and read.

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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from harness.errors import StoreError, same_name
from harness.numbers.metrics import Meaning
from harness.records import record as trial_record
from harness.records.impossible import sound, without_gaps
from harness.records.journal import TRIALS, UNREADABLE, Journal, cannot, encoded, sync_folder
from harness.records.looks import due
from harness.records.planned import Plan
from harness.records.record import Record
from harness.records.shape import too_deep, wrong_options, wrong_settings
from harness.units import one_line

__all__ = [
    "RUN",
    "SCHEMA",
    "Ending",
    "Journal",
    "RunFile",
    "StoredRun",
    "create_run",
    "folder_name",
    "last_attempts",
    "no_collection",
    "read_endings",
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

    @property
    def plan(self) -> Plan:
        """What was planned; of an adaptive run, up to the look that it has come to."""
        return due(self.run.plan, self.records)


class Ending(Struct, frozen=True):
    """What a list of runs needs of a record."""

    key: str
    status: str
    attempt: int = 1
    schema: int = trial_record.SCHEMA


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
        _make_folder(parent)
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
    records = tuple(_read_records(folder / TRIALS, Record, notes, sound))
    notes += _strangers(folder / TRIALS, run.plan, records)
    return StoredRun(folder=folder, run=run, records=records, notes=tuple(notes))


def read_endings(folder: Path) -> tuple[RunFile, list[Ending]]:
    """Read as much of a run as a list of runs needs.

    Raises:
        StoreError: as `read_run` does.
    """
    run = _read_run_file(folder / RUN)
    return run, list(_read_records(folder / TRIALS, Ending, []))


def last_attempts(records: Iterable[Record]) -> dict[str, Record]:
    """Keep the attempt that counts of each trial, by key: the last one, of two alike the later."""
    return {each.key: each for each in sorted(records, key=attrgetter("attempt"))}


_R = TypeVar("_R", Record, "Ending")


class _Schema(Struct):
    schema: int = SCHEMA


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that each lasts through a loss of power."""
    if not folder.exists():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


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
    if told := wrong_options(run.options):
        raise StoreError(f"{path} cannot be read: options: {one_line(told)}")
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
    for place, each in enumerate(plan.expectations):
        for others in (each.better_than, each.same_as):
            if others is not None and len(others) != len(each.cases):
                raise StoreError(
                    f"{path} cannot be read: expectation {place} compares {len(each.cases)} cases"
                    f" with {len(others)}"
                )
    for place, case in enumerate(plan.cases):
        if told := wrong_settings(case.settings) or too_deep(case.levels):
            raise StoreError(f"{path} cannot be read: settings of case {place}: {one_line(told)}")


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


def _read_records(
    path: Path,
    type_: type[_R],
    notes: list[str],
    check: Callable[[_R], tuple[_R, Sequence[str]]] = lambda found: (found, ()),
) -> Iterator[_R]:
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
            mended = _mended(where, line, type_, notes)
            if mended is None:
                notes.append(_left_out(where, line, error, torn=number == len(lines)))
                continue
            found = mended
        if wrong := _wrong_schema(found.schema, trial_record.SCHEMA):
            notes.append(f"{where} is {wrong}; it was left out")
            continue
        if (found.key, found.attempt) in seen:
            notes.append(f"{where} repeats attempt {found.attempt} of trial {found.key}: it counts")
        seen.add((found.key, found.attempt))
        found, told = check(found)
        notes += [f"{where}: {each}" for each in told]
        yield found


def _mended(where: str, line: bytes, type_: type[_R], notes: list[str]) -> _R | None:
    """Read a record with figures that are no numbers; None where something else is wrong."""
    read = without_gaps(line)
    if read is None:
        return None
    try:
        found = msgspec.convert(read[0], type_)
    except UNREADABLE:
        return None
    notes += [f"{where}: {each}" for each in read[1]]
    return found


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


def _lower(sentence: str) -> str:
    return sentence if sentence[:4].isupper() else sentence[:1].lower() + sentence[1:]

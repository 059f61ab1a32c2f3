"""Find runs under a folder of results, by path, id or suite, and list them."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from harness.errors import StoreError, same_name, what_would_work
from harness.records.journal import TRIALS, cannot
from harness.records.record import STATUSES
from harness.records.store import RUN, folder_name, read_endings
from harness.units import one_line

_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}")


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
        run, endings = read_endings(folder)
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
        statuses={each: counts[each] for each in STATUSES if counts[each]},
        path=folder,
        command=tuple(run.command),
    )

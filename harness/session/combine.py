"""Make one run on the disk of several."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from harness.planning.defaults import defaults_of
from harness.records.merge import merged
from harness.records.store import Journal, create_run, read_run
from harness.session.ask import Places, load_all


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

"""Find two stored runs, and match them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.comparing.against import Against, against
from harness.errors import StoreError
from harness.planning.defaults import defaults_of
from harness.records.runs import find_run, list_runs
from harness.records.store import read_run
from harness.session import Places, load_all


def matched(base: Path, head: Path, places: Places, tell: Callable[[str], None]) -> Against:
    """Match two runs; what cannot be read of them is told.

    Args:
        base: The folder of the run to compare with.
        head: The folder of the run that gets the words.
        places: Where the plugins stand that know defaults; those that the runs name are not loaded.
        tell: Hears what a user should know.

    Raises:
        StoreError: a run cannot be read, they are one run, or have no case in common.
    """
    if base.resolve() == head.resolve():
        raise StoreError(f"{base} is compared with itself: give two runs")
    old, new = read_run(base), read_run(head)
    for note in (*old.notes, *new.notes):
        tell(note)
    return against(old, new, defaults_of(lambda: load_all(places).registry))


def find_base(results: Path, text: str) -> Path | None:
    """Find the run to compare with; None: there is none of that name.

    Raises:
        StoreError: the name begins the ids of several.
    """
    try:
        return find_run(results, text)
    except StoreError:
        if any(each.id.startswith(text) for each in list_runs(results)):
            raise
        return None

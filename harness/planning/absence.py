"""Ask data sets why their data is not here, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from harness.planning.resolve import typed_options
from harness.plugin.definitions import Dataset, Place
from harness.plugin.registry import Entry, Registry


def absences(registry: Registry, root: Path) -> Callable[[Mapping[str, Any]], str | None]:
    """Make what says of the settings of a case why its data is not under the root; None: it is."""
    known: dict[str, str | None] = {}

    def absence(settings: Mapping[str, Any]) -> str | None:
        name = settings["dataset"]
        if name is None:
            return None
        entry = registry.find("dataset", name)
        options = typed_options(entry, settings, "dataset")
        key = repr((name, options))
        if key not in known:
            known[key] = absent(entry, Place(root), options)
        return known[key]

    return absence


def absent(entry: Entry, place: Place, options: Mapping[str, Any]) -> str | None:
    """Ask a data set with its options why its data is not here; None: it is, or it needs none."""
    asked = cast(Dataset, entry.definition).absent
    reason = None if asked is None else entry.call(asked, place, **options)
    return None if reason is None else str(reason)

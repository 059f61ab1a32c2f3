"""The ways to get batches, as the setting `loading` names them: from memory, or by a DataLoader.

    memory | loader | loader[workers=2] | loader[persistent=true,pinned=true,workers=2]

The canonical text leaves options at their default out, so that an option that is added later
changes the settings of no earlier run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from harness.errors import SettingError, what_would_work
from harness.plugin.options import Option, Schema
from harness.suites.settings import Level, Value, join_name, parse_level, split_name, text

MEMORY, LOADER = "memory", "loader"


class Loader(Struct, frozen=True, kw_only=True):
    """How torch's DataLoader gets batches.

    Args:
        workers: Processes that fetch; 0: the trial's own does.
        pinned: Whether batches go to a CUDA device from pages that stay in place.
        persistent: Whether workers outlive an epoch; otherwise each epoch starts its own.
    """

    workers: Annotated[int, Meta(ge=0, le=256)] = 0
    pinned: bool = False
    persistent: bool = False


_OPTIONS = Schema(
    "the loader",
    {
        each.name: Option(each.name, each.type, each.default)
        for each in msgspec.structs.fields(Loader)
    },
)


def loader_of(loading: Level) -> Loader | None:
    """Read the setting `loading`: None where batches come from memory.

    Raises:
        SettingError: it names no way of loading, or an option does not fit.
    """
    split = split_name(loading)
    name, options = split if split is not None else (None, {})
    if name == MEMORY and not options:
        return None
    if name == MEMORY:
        first = next(iter(options))
        raise SettingError(
            f"loading={text(loading)}: memory takes no options: {first} is one of {LOADER}"
        )
    if name != LOADER:
        near = what_would_work(name, [MEMORY, LOADER]) if name else f" (known: {MEMORY}, {LOADER})"
        raise SettingError(f"loading={text(loading)} names no way of loading{near}")
    found = msgspec.convert(_OPTIONS.resolve(options, "loading"), Loader)
    if found.persistent and not found.workers:
        raise SettingError(
            f"loading={text(loading)}: there are no workers to keep: give workers=1 or more"
        )
    return found


def loading_text(loading: Level) -> str:
    """Write the setting `loading` in its canonical form.

    Raises:
        SettingError: it names no way of loading, or an option does not fit.
    """
    loader = loader_of(loading)
    if loader is None:
        return MEMORY
    values: dict[str, Level] = msgspec.structs.asdict(loader)
    given = {name: value for name, value in values.items() if value}
    return text(join_name(LOADER, given))


def why_unpinnable(settings: Mapping[str, Value]) -> str | None:
    """Say why batches of a case cannot come from pinned memory; None: they can, or need not."""
    loading, device = str(settings["loading"]), str(settings["device"])
    loader = loader_of(parse_level(loading))
    if loader is None or not loader.pinned or device.startswith("cuda"):
        return None
    return f"loading={loading}: memory is pinned for copies to a CUDA device, and device={device}"

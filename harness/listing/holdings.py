"""List which data is here and where, and fetch it; without torch, but for what a fetch loads."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Literal, cast

from msgspec import Struct

from harness.errors import BenchError, SettingError
from harness.planning.absence import absent
from harness.plugin.definitions import Dataset, Place
from harness.plugin.registry import Entry, Registry
from harness.showing.layout import Column, printed
from harness.suites.settings import parse_level, split_name
from harness.units import byte_count, one_line

State = Literal["here", "absent", "unneeded", "unknown"]

_SHOWN: Mapping[State, str] = {
    "here": "here",
    "absent": "not here",
    "unneeded": "no download",
    "unknown": "depends",
}


class Holding(Struct, frozen=True, kw_only=True):
    """What is known of a data set on this machine.

    Attributes:
        name: What `dataset=NAME` says.
        plugin: Who registers it.
        state: Whether its files are here; `unneeded` where it has none, `unknown` where that
            depends on options that it needs.
        files: Those of its files that are here.
        size_bytes: Of these; None where they are not known.
        reason: Why it is not here and how to get it, or why that is not asked.
    """

    name: str
    plugin: str
    state: State
    files: tuple[str, ...] = ()
    size_bytes: int | None = None
    reason: str | None = None


def holdings(registry: Registry, root: Path) -> list[Holding]:
    """List every data set: whether it is here, where, and how large."""
    return [
        _holding(registry.find("dataset", name), Place(root)) for name in registry.names("dataset")
    ]


def holdings_table(found: Sequence[Holding], root: Path, width: int | None) -> str:
    """Print what is here, a row a data set."""
    columns = [
        Column(header="data set", cells=[one_line(each.name) for each in found]),
        Column(header="is", cells=[_SHOWN[each.state] for each in found]),
        Column(header="size", cells=[_size(each) for each in found]),
        Column(header="where, or why not", cells=[_told(each) for each in found], wraps=True),
    ]
    return f"{printed(columns, width=width)}\n\ndata root: {one_line(str(root), 1000)}"


def sentence(holding: Holding) -> str:
    """Say of a data set where it is, or why it need not be fetched."""
    name = one_line(holding.name)
    if holding.state == "unneeded":
        return f"{name} needs no download: it {holding.reason}"
    return f"{name} is here: {_size(holding)} in {_where(holding)}"


def fetch(registry: Registry, level: str, root: Path) -> Holding:
    """Fetch a data set: what is here and right stays, what is fetched is checked.

    Args:
        registry: Where the name is looked up.
        level: `NAME`, or `NAME[option=value,...]` where it needs options.
        root: The folder for it; it is made.

    Raises:
        BenchError: there is no such data set, it cannot be fetched, or not be kept.
    """
    split = split_name(parse_level(level))
    if split is None or split[0] is None:
        raise SettingError(f"{level} names no dataset")
    entry = registry.find("dataset", split[0])
    definition = cast(Dataset, entry.definition)
    if needed := [each for each in _needed(entry) if each not in split[1]]:
        shown = ",".join(f"{each}=VALUE" for each in needed)
        raise SettingError(
            f"dataset {entry.name} needs its option{'s' if len(needed) > 1 else ''}"
            f" {', '.join(needed)}: bench data fetch '{entry.name}[{shown}]'"
        )
    options = entry.schema.typed(entry.schema.resolve(split[1], "dataset"))
    if definition.absent is not None:
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BenchError(f"{root} cannot be made: {error.strerror or error}") from None
        with redirect_stdout(sys.stderr):  # what plugins print is no table
            entry.call(definition.load, Place(root, download=True), **options)
        if reason := absent(entry, Place(root), options):
            raise BenchError(f"dataset {entry.name} was not fetched: {reason}")
    return _with_options(entry, Place(root), options)


def _holding(entry: Entry, place: Place) -> Holding:
    needed = _needed(entry)
    if cast(Dataset, entry.definition).absent is not None and needed:
        told = f"it depends on its option{'s' if len(needed) > 1 else ''} {', '.join(needed)}"
        return Holding(name=entry.name, plugin=entry.plugin.name, state="unknown", reason=told)
    options = {each.name: each.default for each in entry.schema.options.values()}
    return _with_options(entry, place, options)


def _needed(entry: Entry) -> list[str]:
    """Name the options that have no default."""
    return [each.name for each in entry.schema.options.values() if each.required]


def _with_options(entry: Entry, place: Place, options: Mapping[str, Any]) -> Holding:
    definition = cast(Dataset, entry.definition)
    name, plugin = entry.name, entry.plugin.name
    if definition.absent is None:
        told = "is made for each seed" if definition.seeded else "comes with its plugin"
        return Holding(name=name, plugin=plugin, state="unneeded", reason=told)
    reason = absent(entry, place, options)
    listed = [] if definition.files is None else entry.call(definition.files, place, **options)
    here = [each for each in map(Path, listed) if each.exists()]
    return Holding(
        name=name,
        plugin=plugin,
        state="here" if reason is None else "absent",
        files=tuple(map(str, here)),
        size_bytes=None if definition.files is None else sum(map(_size_of, here)),
        reason=reason,
    )


def _size_of(path: Path) -> int:
    """Measure a file, or all the files of a folder."""
    if path.is_dir():
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    return path.stat().st_size


def _size(holding: Holding) -> str:
    return byte_count(holding.size_bytes) if holding.size_bytes else "-"


def _told(holding: Holding) -> str:
    if holding.state != "here":
        return one_line(holding.reason or "-", 400)
    return _where(holding)


def _where(holding: Holding) -> str:
    folders = dict.fromkeys(str(Path(each).parent) for each in holding.files)
    return one_line(", ".join(folders) or "the data root", 400)

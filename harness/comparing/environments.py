"""Say what differs between the environments of two runs, and which figures that makes unlike.

Speed is compared where the trials of both runs took turns on one machine: a stored figure of
throughput drifts by a fifth within minutes (STATISTICS.md, section 4). Memory is compared between
like machines, whatever the versions. Learning is always compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from harness.numbers.metrics import GPU, MEMORY, SPEED, Meaning, base_name
from harness.numbers.statistics import median_of
from harness.records.record import Record
from harness.system.contention import BUSY_CPUS
from harness.units import figures, one_line

INTERLEAVED = "interleaved"
"""The key in a record's environment that names the gate that measured it between others."""

Kind: TypeAlias = Literal["speed", "memory"]

ELSEWHERE = "another machine"
NOT_INTERLEAVED = "not interleaved"

_SPEED: tuple[Kind, ...] = ("speed",)
_BOTH: tuple[Kind, ...] = ("speed", "memory")
_VOIDS: Mapping[str, tuple[Kind, ...]] = {
    "host": _SPEED,
    "governor": _SPEED,
    "device.uuid": _SPEED,
    "cpu": _BOTH,
    "cores": _BOTH,
    "machine": _BOTH,
    "device.kind": _BOTH,
    "device.name": _BOTH,
    "device.memory_bytes": _BOTH,
}
_UNTOLD = frozenset({INTERLEAVED, "foreign_cpus"})
_MOST = 3


class Difference(Struct, frozen=True, kw_only=True):
    """Something in which two environments differ.

    Args:
        name: What it is: `torch`, `cpu`, `source of model mlp`.
        base: How it was for the baseline; several values are joined.
        head: How it was for the other run.
        voids: Whose figures are not comparable because of it.
    """

    name: str
    base: str
    head: str
    voids: tuple[Kind, ...] = ()

    def __str__(self) -> str:
        """Tell it in a line."""
        return f"{self.name}: {self.base} -> {self.head}"


class Environments(Struct, frozen=True, kw_only=True):
    """The environments of two runs beside each other.

    Args:
        differs: In what they differ.
        interleaved: Whether the trials of both took turns in one job.
    """

    differs: tuple[Difference, ...] = ()
    interleaved: bool = False

    def voided(self, meaning: Meaning) -> str | None:
        """Say why the figures of a metric are not comparable; None: they are."""
        kind = kind_of(meaning)
        names = [each.name for each in self.differs if kind in each.voids]
        if names:
            return f"{ELSEWHERE} ({', '.join(names)})"
        return NOT_INTERLEAVED if kind == "speed" and not self.interleaved else None


def kind_of(meaning: Meaning) -> Kind | None:
    """Say whether a metric is of speed, or of memory that was read; None: of neither."""
    name = base_name(meaning.name)
    if name in MEMORY:
        return "memory"
    timed = meaning.unit == "s" or meaning.unit.endswith("/s")
    return "speed" if timed or name in SPEED | GPU else None


def environments(pairs: Sequence[tuple[Record, Record]]) -> Environments:
    """Set the environments of two runs beside each other.

    Args:
        pairs: Trials of the same case and seed: of the baseline, and of the other run.
    """
    base, head = [each for each, _ in pairs], [each for _, each in pairs]
    gates = {each.environment.get(INTERLEAVED) for each in (*base, *head)}
    return Environments(
        differs=(
            *_conditions(base, head),
            *_load(base, head),
            *_sources(base, head),
            *_data(pairs),
        ),
        interleaved=len(gates) == 1 and None not in gates,
    )


def _conditions(base: Sequence[Record], head: Sequence[Record]) -> Iterator[Difference]:
    """Compare what both sides tell of; what only one knows may be as it is on the other."""
    before, now = _values(base), _values(head)
    for name in before:
        if name in now and name not in _UNTOLD and set(before[name]) != set(now[name]):
            yield Difference(
                name=name,
                base=_joined(before[name]),
                head=_joined(now[name]),
                voids=_VOIDS.get(name, ()),
            )


def _values(records: Iterable[Record]) -> dict[str, tuple[str, ...]]:
    """List the values of each key of the environments, nested ones as `device.name`."""
    found: dict[str, dict[str, None]] = {}
    for record in records:
        for name, value in _flat(record.environment):
            found.setdefault(name, {})[_shown(value)] = None
    return {name: tuple(values) for name, values in found.items()}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _load(base: Sequence[Record], head: Sequence[Record]) -> Iterator[Difference]:
    """Tell of other processes where they took more than a quarter of a core in either run."""
    before, now = _foreign_cpus(base), _foreign_cpus(head)
    if max(before or 0.0, now or 0.0) >= BUSY_CPUS:
        told = ["-" if each is None else figures(each) for each in (before, now)]
        yield Difference(name="processors that others kept busy", base=told[0], head=told[1])


def _foreign_cpus(records: Iterable[Record]) -> float | None:
    found = [each.environment.get("foreign_cpus") for each in records]
    known = [float(each) for each in found if isinstance(each, int | float)]
    return median_of(known) if known else None


def _sources(base: Sequence[Record], head: Sequence[Record]) -> Iterator[Difference]:
    """Compare where definitions came from; those that changed alike are told together."""
    before, now = _sources_of(base), _sources_of(head)
    changed: dict[tuple[str, str], list[str]] = {}
    for name in before:
        if name in now and set(before[name]) != set(now[name]):
            told = (_joined(tuple(before[name])), _joined(tuple(now[name])))
            changed.setdefault(told, []).append(name)
    for (old, new), names in changed.items():
        yield Difference(name=f"source of {', '.join(names)}", base=old, head=new)


def _sources_of(records: Iterable[Record]) -> dict[str, dict[str, None]]:
    found: dict[str, dict[str, None]] = {}
    for record in records:
        for address, source in record.sources.items():
            name = record.settings.get(address)
            told = f"{address} {name.partition('[')[0]}" if isinstance(name, str) else address
            found.setdefault(told, {})[source] = None
    return found


def _data(pairs: Iterable[tuple[Record, Record]]) -> Iterator[Difference]:
    """Compare the digests of the data, trial by trial: some data is made of the seed."""
    changed: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for base, head in pairs:
        if base.data is not None and head.data is not None and base.data != head.data:
            old, new = changed.setdefault(str(base.settings.get("dataset")), ({}, {}))
            old[base.data], new[head.data] = None, None
    for name, (old, new) in changed.items():
        yield Difference(name=f"data of {name}", base=_joined(tuple(old)), head=_joined(tuple(new)))


def _shown(value: Any) -> str:
    return "-" if value is None else one_line(str(value))


def _joined(values: Sequence[str]) -> str:
    shown = "; ".join(values[:_MOST])
    return f"{shown}; ..." if len(values) > _MOST else shown

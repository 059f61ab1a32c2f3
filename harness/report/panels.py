"""What a picture shows, as numbers: panels with axes and marks; nothing here draws."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.numbers.metrics import Meaning
from harness.units import one_line

Scale: TypeAlias = Literal["linear", "log"]

_WIDE = 50.0
"""The ratio of the largest to the smallest value from which an axis is logarithmic."""

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_DECIMAL = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What an axis is of.

    Args:
        label: With the unit, and which way is better.
        scale: Of its ticks.
        low: Where it begins; None: where the marks do.
        high: Where it ends; None: where the marks do.
    """

    label: str
    scale: Scale = "linear"
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of an arm, with a band around it where it stands for several seeds.

    Args:
        arm: The case's index.
        x: From left to right.
        y: As many.
        band: The lowest and the highest values, as many; None: one seed.
        ended: What a trial ended with that broke off at the last point; None: it did not.
    """

    arm: int
    x: tuple[float, ...]
    y: tuple[float, ...]
    band: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    ended: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A point of an arm, with the ranges of its seeds, ringed where it is on the frontier."""

    arm: int
    x: float
    y: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    ringed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The seeds of a case in a row, and their mean."""

    arm: int
    row: int
    values: tuple[float, ...]
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A difference in a row, with its interval and its word.

    Args:
        row: From above.
        middle: The difference.
        interval: Around it, cut where the axis ends; None: there is none.
        word: What was judged; None: nothing.
        goes_on: Whether the interval was cut below, and above.
    """

    row: int
    middle: float
    interval: tuple[float, float] | None
    word: str | None
    goes_on: tuple[bool, bool] = (False, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Parts of a whole in a row, one behind the other."""

    row: int
    parts: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A text in a row that has no figure: what it failed of."""

    row: int
    text: str


Mark: TypeAlias = Line | Dot | Strip | Span | Bar | Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Marks between two axes.

    Args:
        title: What it is of.
        x: The axis below.
        y: The axis on the left.
        marks: What it shows.
        rows: What the rows are called, from above; empty: the axis on the left has numbers.
        ticks: What the places 0, 1, 2 ... on the axis below are called; empty: it has numbers.
        margin: How far from 0 a difference does not matter.
    """

    title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    rows: tuple[str, ...] = ()
    ticks: tuple[str, ...] = ()
    margin: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Panels that stand together.

    Args:
        kind: As `bench plot --kind` names it.
        title: What it shows.
        panels: From left to right.
        said: What a reader must know: n, what a band is, what is not shown and why.
        alt: What it shows, for those who cannot see it.
        arms: The cases that its legend explains.
        parts: What the parts of its bars are called.
    """

    kind: str
    title: str
    panels: tuple[Panel, ...]
    said: tuple[str, ...]
    alt: str
    arms: tuple[int, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """By what values are divided before they are drawn, and what the axis then says.

    Args:
        divisor: For example 1024.
        label: Of the axis, with unit and direction.
    """

    divisor: float
    label: str

    def of(self, value: float) -> float:
        """Divide a value."""
        return value / self.divisor


def measure_of(meaning: Meaning, values: Iterable[float], name: str | None = None) -> Measure:
    """Choose the unit in which values of a metric are drawn."""
    most = max((abs(each) for each in values if math.isfinite(each)), default=0.0)
    divisor, unit = _unit(meaning.unit, most)
    label = one_line(name or meaning.name, 60)
    return Measure(divisor, f"{label}, {unit}; {better(meaning)}")


def better(meaning: Meaning) -> str:
    """Say which way is better."""
    return f"{meaning.direction} is better"


def value_axis(measure: Measure, values: Sequence[float], *, zero: bool) -> Axis:
    """Make an axis: logarithmic where values differ widely, else from 0 where that is asked.

    Args:
        measure: Of the values.
        values: All that it shows, divided already.
        zero: Whether a linear axis starts at 0.
    """
    if _wide(values):
        return Axis(label=f"{measure.label} (logarithmic)", scale="log")
    if zero and min(values, default=0.0) >= 0:
        return Axis(label=f"{measure.label} (from 0)", low=0.0)
    return Axis(label=measure.label)


def share_axis(name: str) -> Axis:
    """Make an axis of a share: all of it, so that panels can be compared."""
    return Axis(label=f"{name}, 0 to 1; higher is better", low=0.0, high=1.02)


def _wide(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) > _WIDE * min(values)


def _unit(unit: str, most: float) -> tuple[float, str]:
    if unit == "bytes":
        place = min(int(math.log2(most) // 10), len(_BINARY) - 1) if most >= 1 else 0
        return 1024.0**place, _BINARY[place]
    if unit == "s":
        return next(((size, name) for size, name in _TIMES if most >= size), (1.0, "s"))
    if unit.endswith("/s"):
        size, prefix = next((each for each in _DECIMAL if most >= each[0]), (1.0, ""))
        return size, f"{prefix}/s" if unit == "1/s" else f"{prefix} {one_line(unit, 30)}".strip()
    return 1.0, "no unit" if unit == "1" else one_line(unit, 30)

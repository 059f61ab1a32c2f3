"""Designs: how factors combine to assignments of levels. Pure algebra over axes.

An axis is a tuple of rows, a row a table of levels by address: a factor is an axis whose rows have
one address, levels that go together are an axis whose rows have several.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from harness.errors import SuiteError
from harness.suites.settings import Level
from harness.suites.suite import Design

Assignment: TypeAlias = Mapping[str, Level]
Axis: TypeAlias = Sequence[Assignment]


def axis(address: str, levels: Sequence[Level]) -> Axis:
    """Make the axis of a factor."""
    return tuple({address: level} for level in levels)


def combine(design: Design, axes: Sequence[Axis]) -> tuple[Assignment, ...]:
    """Combine axes by the design of that name."""
    return _DESIGNS[design](axes)


def product(axes: Sequence[Axis]) -> tuple[Assignment, ...]:
    """Combine every row of every axis with all rows of the others; the last varies fastest."""
    return tuple(_merged(rows) for rows in itertools.product(*axes))


def ablate(axes: Sequence[Axis]) -> tuple[Assignment, ...]:
    """Take the base (an empty assignment), then each row of each axis alone."""
    return ({}, *(row for each in axes for row in each))


def zipped(axes: Sequence[Axis]) -> tuple[Assignment, ...]:
    """Take the first rows of all axes together, then the second rows, and so on.

    Raises:
        SuiteError: the axes differ in length.
    """
    lengths = {len(each) for each in axes}
    if len(lengths) > 1:
        counts = ", ".join(f"{'+'.join(each[0])} has {len(each)}" for each in axes)
        raise SuiteError(f"the design zip needs as many levels of every factor: {counts}")
    return tuple(_merged(rows) for rows in zip(*axes, strict=True)) or ({},)


def _merged(rows: Sequence[Assignment]) -> Assignment:
    return {address: level for row in rows for address, level in row.items()}


_DESIGNS: Mapping[str, Callable[[Sequence[Axis]], tuple[Assignment, ...]]] = {
    "product": product,
    "ablate": ablate,
    "zip": zipped,
}

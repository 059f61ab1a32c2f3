"""List the contrasts of a full product: which cells are set against which."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from harness.judging.grid import Grid

Kind: TypeAlias = Literal["main", "interaction", "simple"]

Cells: TypeAlias = tuple[int, ...]
"""Cases of a plan, by index."""


class Contrast(NamedTuple):
    """Which cells count for an effect and which against it.

    Attributes:
        kind: `main`, `interaction` or `simple`.
        places: The place of the level in each factor that it is of.
        plus: The cells that count for it.
        minus: Those against it, each in the place of one that differs from it in one factor alone.
        at: The places of the others' levels, of a simple effect.
    """

    kind: Kind
    places: dict[int, int]
    plus: Cells
    minus: Cells
    at: dict[int, int]


def main_contrasts(grid: Grid) -> Iterator[Contrast]:
    """Set each level of each factor against the reference, over all levels of the others."""
    for factor, levels in enumerate(grid.levels):
        for place in range(1, len(levels)):
            plus, minus = _cells(grid, {factor: place}), _cells(grid, {factor: 0})
            yield Contrast("main", {factor: place}, plus, minus, {})


def interactions(grid: Grid) -> Iterator[Contrast]:
    """Set what one level changes at another against what it changes at the reference."""
    for one, other in itertools.combinations(range(len(grid.factors)), 2):
        levels = itertools.product(
            range(1, len(grid.levels[one])), range(1, len(grid.levels[other]))
        )
        for here, there in levels:
            both = _cells(grid, {one: here, other: there})
            neither = _cells(grid, {one: 0, other: 0})
            first = _cells(grid, {one: here, other: 0})
            second = _cells(grid, {one: 0, other: there})
            places = {one: here, other: there}
            yield Contrast("interaction", places, (*both, *neither), (*second, *first), {})


def simple_contrasts(grid: Grid, contrast: Contrast, empty: Collection[int]) -> Iterator[Contrast]:
    """Take a main effect apart: one for each combination of the others' levels that has both."""
    places = {case: places for places, case in grid.cells.items()}
    for case, base in zip(contrast.plus, contrast.minus, strict=True):
        if case not in empty and base not in empty:
            at = {
                factor: place
                for factor, place in enumerate(places[case])
                if factor not in contrast.places
            }
            yield Contrast("simple", contrast.places, (case,), (base,), at)


def _cells(grid: Grid, fixed: Mapping[int, int]) -> Cells:
    """List the cells that have some levels, the others in the order of the product."""
    ranges = [
        (fixed[factor],) if factor in fixed else range(len(levels))
        for factor, levels in enumerate(grid.levels)
    ]
    return tuple(grid.cells[places] for places in itertools.product(*ranges))

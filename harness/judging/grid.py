"""Find the full product that the cases of a plan form: what main effects are made over."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import BenchError
from harness.judging.compare import baseline_pairs
from harness.records.naming import level_text, short_names
from harness.records.planned import Plan
from harness.units import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A full product: a case for every combination of levels.

    Args:
        factors: Those with two levels or more, in the order of the plan.
        levels: The levels of each, as records keep them, the reference first.
        cells: The index of the case by the place of its level in each factor.
    """

    factors: tuple[str, ...]
    levels: tuple[tuple[Any, ...], ...]
    cells: Mapping[tuple[int, ...], int]

    def assignment(self, places: Mapping[int, int]) -> dict[str, Any]:
        """Give the levels at some places, by factor."""
        return {self.factors[each]: self.levels[each][place] for each, place in places.items()}


def grid_of(plan: Plan) -> Grid:
    """Find the product that the cases of a plan form.

    Raises:
        BenchError: they form none; it says why.
    """
    texts = {
        address: [level_text(case.levels.get(address)) for case in plan.cases]
        for address in plan.factors
    }
    known = {address: list(dict.fromkeys(each)) for address, each in texts.items()}
    varied = [address for address, levels in known.items() if len(levels) > 1]
    if not varied:
        raise BenchError("there are no effects: every case has the same levels")
    for address in varied:
        absent = sum(case.levels.get(address) is None for case in plan.cases)
        if absent:
            name = short_names(plan)[address]
            raise _no_product(f"{name} does not apply to {absent} of {len(plan.cases)} cases")
    levels = [_reference_first(plan, texts[address], known[address]) for address in varied]
    cells = _cells([texts[address] for address in varied], levels)
    if len(cells) < len(plan.cases):
        raise _no_product("two cases have the same levels")
    if len(cells) < math.prod(map(len, levels)):
        raise _no_product(_lacking(plan, varied, levels, cells))
    return Grid(
        factors=tuple(varied),
        levels=tuple(
            tuple(plan.cases[texts[address].index(each)].levels[address] for each in found)
            for address, found in zip(varied, levels, strict=True)
        ),
        cells=cells,
    )


def _no_product(why: str) -> BenchError:
    return BenchError(f"there are no effects: the cases form no full product, {why}")


def _reference_first(plan: Plan, texts: Sequence[str], known: Sequence[str]) -> list[str]:
    """Put the level first that the baselines have, where they have one and it is not their own."""
    pairs = [(texts[case], texts[base]) for case, base in baseline_pairs(plan)]
    bases = {base for _, base in pairs}
    named = bases if any(case != base for case, base in pairs) and len(bases) == 1 else set()
    return sorted(known, key=lambda each: each not in named)


def _cells(
    texts: Sequence[Sequence[str]], levels: Sequence[Sequence[str]]
) -> dict[tuple[int, ...], int]:
    """Find the case of each cell, by the places of its levels."""
    places = [{level: place for place, level in enumerate(each)} for each in levels]
    columns = [[known[level] for level in each] for each, known in zip(texts, places, strict=True)]
    return {cell: case for case, cell in enumerate(zip(*columns, strict=True))}


def _lacking(
    plan: Plan,
    factors: Sequence[str],
    levels: Sequence[Sequence[str]],
    cells: Mapping[tuple[int, ...], int],
) -> str:
    """Say how many combinations are not there, and name the first."""
    whole = itertools.product(*(range(len(each)) for each in levels))
    first = next(places for places in whole if places not in cells)
    names = short_names(plan)
    shown = " ".join(
        one_line(f"{names[address]}={each[place]}")
        for address, each, place in zip(factors, levels, first, strict=True)
    )
    size = math.prod(map(len, levels))
    return f"{size - len(cells)} of {size} combinations are not there ({shown} for one)"

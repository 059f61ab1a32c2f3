"""Say what levels, factors and metrics are called wherever a plan is told."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.errors import LevelError
from harness.numbers.metrics import MEANINGS
from harness.records.planned import Plan
from harness.suites import settings
from harness.units import one_line

MEMORY = "memory"
"""The column of memory: the device's peak on a device, the host's on the CPU."""

MEMORIES = ("host_peak_bytes", "device_peak_bytes")
"""The metrics that the column of memory stands for."""

MOST_IN_HEADER = 60
"""Characters of a header; a foreign name is cut there."""

_TAKEN = (*MEANINGS, MEMORY, "status", "seed", "fold", "attempt", "reason")


def level_text(value: Any) -> str:
    """Print a level as records keep it; `-` where the factor does not apply."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return _text_of_word(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(level_text(each) for each in value) + "]"
    return settings.text(value)


def assignment_text(levels: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Print levels as a command line would: `init=zeros activation=relu`.

    Args:
        levels: By address; those that do not apply are left out.
        names: What the factors are called (`short_names`).
    """
    return " ".join(
        f"{names.get(address, one_line(address))}={one_line(level_text(level))}"
        for address, level in levels.items()
        if level is not None
    )


def headers(factors: Sequence[str], taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Shorten addresses to their last part where no other factor or column is called so."""
    short = [each.rpartition(".")[2] for each in factors]
    count = Counter([*short, *taken])
    return tuple(
        word if count[word] == 1 else full for word, full in zip(short, factors, strict=True)
    )


def short_names(plan: Plan) -> dict[str, str]:
    """Say what the factors of a plan are called in its tables."""
    shown = headers(plan.factors, _TAKEN)
    return {
        address: one_line(each, MOST_IN_HEADER)
        for address, each in zip(plan.factors, shown, strict=True)
    }


def telling_factors(plan: Plan) -> tuple[str, ...]:
    """Choose the factors that tell the cases apart: one alone, where no two cases share its level.

    So are cases named whose settings go together: each architecture has an optimizer of its own.
    """
    for factor in plan.factors:
        levels = {level_text(case.levels.get(factor)) for case in plan.cases}
        if len(levels) == len(plan.cases) and "-" not in levels:
            return (factor,)
    return tuple(plan.factors)


@functools.lru_cache(maxsize=4096)
def _text_of_word(word: str) -> str:
    """Print a text: the canonical form of a level with options as it is, others as levels."""
    try:
        level = settings.parse_level(word)
    except LevelError:
        return settings.text(word)
    compound = isinstance(level, settings.Named | settings.Globs)
    kept = level is None or (compound and settings.text(level) == word)
    return word if kept else settings.text(word)

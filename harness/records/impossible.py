"""Figures of a stored record that cannot be: read as missing, with the reason.

Nobody measures them, but files are edited, joined and written by other programs.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from harness.numbers.metrics import MEANINGS, Meaning, base_name
from harness.records.record import Record

_MOST = sys.float_info.max
_LEAST = math.nextafter(0, 1)


def sound(record: Record) -> tuple[Record, list[str]]:
    """Take out of a record what cannot be.

    Returns:
        The record, with these figures missing, and a sentence on each of them.
    """
    wrong: dict[str, str] = {}
    for name, value in record.metrics.items():
        if value is not None:
            low, high = _RANGES.get(name, _ANY)
            if not low <= value <= high:
                wrong[name] = _told(name, value)
    if not wrong:
        return record, []
    reasons = {name: f"it was recorded as {told}" for name, told in wrong.items()}
    told = [f"{name} is {told}; it counts as missing" for name, told in wrong.items()]
    return _without(record, reasons), told


def without_gaps(line: bytes) -> tuple[Any, list[str]] | None:
    """Read JSON with NaN or infinities among its figures, which JSON has no word for.

    Returns:
        What was read, with None in their places, and a sentence on each metric; None where the line
        is something else.
    """
    try:
        found = json.loads(line)
        metrics, curves = dict(found.get("metrics", {})), dict(found.get("curves", {}))
        missing = dict(found.get("missing", {}))
        wrong = {name: _gap(value) for name, value in metrics.items() if _gap(value)}
        bent = [name for name, curve in curves.items() if any(map(_gap, curve))]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    if not wrong and not bent:
        return None
    found["metrics"] = {**metrics, **dict.fromkeys(wrong)}
    found["missing"] = missing | {
        name: f"it was recorded as {told}" for name, told in wrong.items()
    }
    found["curves"] = {
        name: [None if _gap(each) else each for each in curve] for name, curve in curves.items()
    }
    told = [f"{name} is {value}, no number; it counts as missing" for name, value in wrong.items()]
    return found, told + [
        f"points of the curve of {name} are no numbers; they count as missing" for name in bent
    ]


def unlike(ours: Mapping[str, Meaning], theirs: Mapping[str, Meaning]) -> dict[str, str]:
    """Say of each metric that means another thing in two runs how it does."""
    found = {}
    for name in sorted(ours.keys() & theirs.keys()):
        one, other = ours[name], theirs[name]
        told = [
            f"its {what} is {getattr(other, what)} there and {getattr(one, what)} elsewhere"
            for what in ("unit", "direction", "scale")
            if getattr(one, what) != getattr(other, what)
        ]
        if told:
            found[name] = ", ".join(told)
    return found


def without_unlike(record: Record, unlike: Mapping[str, str]) -> Record:
    """Take out of a record the metrics that mean another thing than those beside which it comes."""
    reasons = {
        name: unlike[base_name(name)] for name in record.metrics if base_name(name) in unlike
    }
    return _without(record, reasons) if reasons else record


def _without(record: Record, reasons: Mapping[str, str]) -> Record:
    return msgspec.structs.replace(
        record,
        metrics={**record.metrics, **dict.fromkeys(reasons)},
        missing={**record.missing, **reasons},
        curves={name: each for name, each in record.curves.items() if name not in reasons},
    )


def _ranges() -> dict[str, tuple[float, float]]:
    """Say for the metrics that are always taken which figures can be: clocks and counters go up."""
    found: dict[str, tuple[float, float]] = {}
    for each in MEANINGS.values():
        if each.unit in {"s", "1/s"}:
            found[each.name] = (_LEAST, _MOST)
        elif each.scale == "difference" and each.name != "gpu_other_processes":
            found[each.name] = (0.0, 1.0)  # accuracies and shares
        elif not each.name.endswith("_loss"):
            found[each.name] = (0.0, _MOST)
    return found


_RANGES: Mapping[str, tuple[float, float]] = _ranges()
_ANY = (-_MOST, _MOST)


def _told(name: str, value: float) -> str:
    if not -_MOST <= value <= _MOST:
        return "more than a number can be"
    unit = MEANINGS[name].unit
    shown = f"{value:g}" if unit == "1" else f"{value:g} {unit}"
    low, high = _RANGES[name]
    if high == 1:
        return f"{shown}, and a share lies between 0 and 1"
    return f"{shown}, and it is always above 0" if low else f"{shown}, and it is never below 0"


def _gap(value: object) -> str | None:
    """Write a number that is not finite as a word; None for anything else."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else None

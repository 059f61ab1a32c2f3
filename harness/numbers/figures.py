"""Print figures of a metric: a mean with its spread, a difference with its interval.

A difference of shares is told in points (hundredths), that of a ratio in per cent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

from harness.numbers.metrics import Meaning, base_name
from harness.numbers.statistics import Interval
from harness.units import quantity

Unit: TypeAlias = Literal["%", "points", ""]

_SHARES = ("_accuracy", "_share", "_utilisation")
_LARGE = 1e6
_MOST_DECIMALS = 6


def mean_text(mean: float | None, std: float | None, n: int, meaning: Meaning) -> str:
    """Print a mean with its standard deviation and the number of seeds: `0.953 ±0.004 (3)`."""
    return "-" if mean is None else f"{_with_std(mean, std, meaning)} ({n})"


def difference_unit(meaning: Meaning) -> Unit:
    """Name the unit that all differences of a metric have; empty: each tells its own, if any."""
    if meaning.scale == "ratio":
        return "%"
    share = meaning.unit == "1" and base_name(meaning.name).endswith(_SHARES)
    return "points" if share else ""


def difference_text(difference: float, ci95: Interval | None, meaning: Meaning) -> str:
    """Print a difference with its interval, without the unit of the metric: `+79 [72, 86]`."""
    decimals = _decimals_for(difference, ci95, meaning)
    shown = _number(difference, decimals, meaning, sign="+")
    return shown + _interval_text(ci95, decimals, meaning)


def size_text(difference: float, ci95: Interval | None, meaning: Meaning) -> str:
    """Print the size of a difference with unit and interval: `79 points [72, 86]`."""
    decimals = _decimals_for(difference, ci95, meaning)
    if difference < 0:
        difference, ci95 = -difference, None if ci95 is None else (-ci95[1], -ci95[0])
    unit = difference_unit(meaning)
    shown = f"{_number(difference, decimals, meaning)} {_singular(unit, difference)}".rstrip()
    return shown + _interval_text(ci95, decimals, meaning)


def sizes_text(differences: Sequence[float], meaning: Meaning) -> str:
    """Print the range of the sizes of differences: `36 to 88 points`."""
    low, high = min(map(abs, differences)), max(map(abs, differences))
    decimals = _decimals_for(high, None, meaning)
    first, last = (_number(each, decimals, meaning) for each in (low, high))
    told = first if first == last else f"{first} to {last}"
    return f"{told} {difference_unit(meaning)}".rstrip()


def margin_text(margin: float, meaning: Meaning) -> str:
    """Print the smallest difference that matters: `1 point`, `3 %`."""
    if not difference_unit(meaning):
        return quantity(margin, meaning.unit)
    shown = f"{100 * margin:.6g}"
    return f"{shown} {_singular(difference_unit(meaning), 100 * margin, scaled=True)}"


def _with_std(mean: float, std: float | None, meaning: Meaning) -> str:
    unit = meaning.unit
    share = unit == "1" and meaning.direction == "higher" and abs(mean) <= 1
    if std is None or (std == 0 and not share):
        return f"{mean:.3f}" if share else quantity(mean, unit)
    if unit != "1" and mean:
        percent = 100 * std / abs(mean)
        return f"{quantity(mean, unit)} ±{percent:.{1 if percent < 9.95 else 0}f} %"
    decimals = max(_places(mean, 3), _places(std, 1), 3 if share else 0)
    if unit != "1" or decimals > _MOST_DECIMALS or max(abs(mean), std) >= _LARGE:
        return f"{quantity(mean, unit)} ±{quantity(std, unit)}"
    return f"{mean:.{decimals}f} ±{std:.{decimals}f}"


def _places(value: float, significant: int) -> int:
    """Count the decimals that show so many significant figures of a value."""
    return max(0, significant - 1 - math.floor(math.log10(abs(value)))) if value else 0


def _factor(meaning: Meaning) -> float:
    return 100.0 if difference_unit(meaning) else 1.0


def _singular(unit: Unit, size: float, *, scaled: bool = False) -> str:
    one = size == (1 if scaled else 0.01)
    return "point" if unit == "points" and one else unit


def _decimals_for(difference: float, ci95: Interval | None, meaning: Meaning) -> int:
    """Count the decimals that say something beside half an interval of that width."""
    half = (ci95[1] - ci95[0]) / 2 if ci95 else 0.0
    noise = _factor(meaning) * (half or abs(difference) / 10)
    if not 0 < noise < math.inf:
        return 0
    most = 2 if difference_unit(meaning) else _MOST_DECIMALS
    return min(max(0, math.ceil(-math.log10(noise / 2))), most)


def _number(value: float, decimals: int, meaning: Meaning, sign: Literal["+", "-"] = "-") -> str:
    if not difference_unit(meaning) and meaning.unit != "1":
        shown = quantity(value, meaning.unit)
        return f"+{shown}" if sign == "+" and value >= 0 else shown
    shown_value = _factor(meaning) * value
    if abs(shown_value) >= _LARGE:
        return f"{shown_value:{sign}.3g}"
    if sign == "+" and value:
        return f"{shown_value:+,.{decimals}f}"  # -0.0 is a loss, if a small one
    return f"{shown_value:z,.{decimals}f}" if value else "0"


def _interval_text(ci95: Interval | None, decimals: int, meaning: Meaning) -> str:
    """Print an interval; one without width would claim to be sure."""
    if ci95 is None or ci95[0] == ci95[1]:
        return ""
    low, high = (_number(each, decimals, meaning) for each in ci95)
    return f" [{low}, {high}]"

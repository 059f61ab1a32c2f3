"""Means, spreads and intervals of values over seeds; it never sees a missing value.

Callers filter: no value is None, NaN or infinite. What has no finite figure is None.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct

Interval: TypeAlias = tuple[float, float]
Scale: TypeAlias = Literal["difference", "ratio"]

_CONFIDENCE = 0.95
_Seed = TypeVar("_Seed")


class Summary(Struct, frozen=True, gc=False):
    """Values over seeds.

    Args:
        n: How many values there are.
        mean: None where there are none.
        std: Standard deviation with n - 1 below; None for fewer than two values.
        ci95: Student's t interval of the mean; None for fewer than two values.
    """

    n: int
    mean: float | None
    std: float | None
    ci95: Interval | None


class Difference(Struct, frozen=True, gc=False):
    """A case against its baseline over the seeds that both have, never flipped.

    Args:
        n: How many seeds both have.
        mean: Case minus baseline, or case / baseline - 1 on scale ratio.
        ci95: Its t interval, on the same scale; None for fewer than two seeds.
    """

    n: int
    mean: float
    ci95: Interval | None


NOTHING = Summary(0, None, None, None)
"""The summary of no values."""


def summary(values: Sequence[float]) -> Summary:
    """Summarise values over seeds."""
    n = len(values)
    if n == 0:
        return NOTHING
    # fsum / n can miss a constant by one bit; equal values have that mean and no spread
    equal = min(values) == max(values)
    mean = float(values[0]) if equal else mean_of(values)
    std = None if n < 2 else 0.0 if equal else _std(values, mean)
    return Summary(n, mean, std, None if std is None else _interval(mean, std, n))


def difference(
    case: Mapping[_Seed, float], baseline: Mapping[_Seed, float], scale: Scale
) -> Difference | None:
    """Compare a case with its baseline over the seeds that both have.

    Returns:
        None where no seed is in both, where scale ratio meets a value that is not positive, or
        where the figure is past the largest float.
    """
    paired = paired_differences(case, baseline, scale)
    if not paired or not all(map(math.isfinite, paired)):
        return None
    found = summary(paired)
    assert found.mean is not None  # there is a pair
    if scale == "difference":
        return Difference(found.n, found.mean, found.ci95)
    return _as_ratio(found.n, found.mean, found.ci95)


def paired_differences(
    case: Mapping[_Seed, float], baseline: Mapping[_Seed, float], scale: Scale
) -> tuple[float, ...] | None:
    """Subtract seed by seed, on scale ratio the logarithms; None where one has no logarithm."""
    seeds = [each for each in case if each in baseline]
    ours, theirs = [case[each] for each in seeds], [baseline[each] for each in seeds]
    if scale == "ratio":
        if seeds and min(*ours, *theirs) <= 0:
            return None
        ours, theirs = list(map(math.log, ours)), list(map(math.log, theirs))
    return tuple(map(operator.sub, ours, theirs))


def mean_of(values: Sequence[float]) -> float:
    """Give the mean of one or more values."""
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # the sum, not the mean, is past the largest float
        return math.fsum(each / len(values) for each in values)


def median_of(values: Sequence[float]) -> float:
    """Give the median of one or more values."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return mean_of(ordered[middle - 1 + len(ordered) % 2 : middle + 1])


@functools.cache
def t_quantile(probability: float, freedom: int) -> float:
    """Give the quantile of Student's t distribution with that many degrees of freedom."""
    # scipy.stats does the same and takes a second to import; scipy.special takes 0.3 s.
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # no types; slow to import

    return float(stdtrit(freedom, probability))


def _std(values: Sequence[float], mean: float) -> float | None:
    # hypot scales: squares of large or small deviations neither overflow nor vanish
    std = math.hypot(*[each - mean for each in values]) / math.sqrt(len(values) - 1)
    return std if math.isfinite(std) else None


def _interval(mean: float, std: float, n: int) -> Interval | None:
    half = t_quantile((1 + _CONFIDENCE) / 2, n - 1) * std / math.sqrt(n) if std else 0.0
    low, high = mean - half, mean + half
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _as_ratio(n: int, mean: float, ci95: Interval | None) -> Difference | None:
    try:
        ends = None if ci95 is None else (math.expm1(ci95[0]), math.expm1(ci95[1]))
    except OverflowError:  # an end past the largest float is no interval
        ends = None
    try:
        return Difference(n, math.expm1(mean), ends)
    except OverflowError:
        return None

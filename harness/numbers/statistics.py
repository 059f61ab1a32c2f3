"""Means, spreads and intervals of values over seeds; it never sees a missing value.

Callers filter: no value is None, NaN or infinite. What has no finite figure is None.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct

Interval: TypeAlias = tuple[float, float]
Scale: TypeAlias = Literal["difference", "ratio"]

_CONFIDENCE = 0.95
_Seed = TypeVar("_Seed")

_STEP_SPREAD = 1 / math.sqrt(6)
"""The spread of differences of two values that were rounded to a step of 1."""


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


class Spread(Struct, frozen=True, gc=False):
    """Paired differences in short (step 3): n, their mean, their spread or its floor.

    Args:
        n: How many there are.
        mean: Their mean.
        std: Their standard deviation, or what the step of the metric allows at least.
        equal: Whether they are all the same.
    """

    n: int
    mean: float
    std: float
    equal: bool = False

    @property
    def identical(self) -> bool:
        """Whether the two sides are the same on every seed."""
        return self.equal and not self.mean

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return self.std / math.sqrt(self.n)

    @property
    def p(self) -> float | None:
        """Two-sided p of a mean of 0; None where there is no spread."""
        error = self.error
        return 2 * t_tail(abs(self.mean) / error, self.n - 1) if error else None

    def half_width(self, confidence: float) -> float:
        """Give half of the two-sided interval."""
        error = self.error
        return t_quantile((1 + confidence) / 2, self.n - 1) * error if error else 0.0


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
    std = None if n < 2 else 0.0 if equal else std_of(values, mean)
    if std is not None and not math.isfinite(std):  # past the largest float
        std = None
    return Summary(n, mean, std, None if std is None else _interval(mean, std, n))


def paired_differences(
    case: Mapping[_Seed, float], baseline: Mapping[_Seed, float], scale: Scale
) -> tuple[float, ...] | None:
    """Subtract seed by seed, on scale ratio the logarithms.

    Returns:
        None where two values differ and one has no logarithm: it is not positive.
    """
    pairs = [(value, baseline[each]) for each, value in case.items() if each in baseline]
    if scale == "difference":
        return tuple([ours - theirs for ours, theirs in pairs])
    found = []
    for ours, theirs in pairs:
        if ours == theirs:
            found.append(0.0)
        elif ours > 0 and theirs > 0:
            found.append(math.log(ours) - math.log(theirs))
        else:
            return None
    return tuple(found)


def spread_of(paired: Sequence[float], step: float = 0.0, rounding: float = 0.0) -> Spread:
    """Sum up paired differences.

    Args:
        paired: One or more.
        step: The smallest change that a value can show: it bounds their spread from below.
        rounding: A difference that is smaller is none.
    """
    low, high = min(paired), max(paired)
    if -rounding < low and high < rounding:
        low = high = 0.0
    equal = high - low <= rounding
    if low == high:
        mean, std = low, 0.0
    else:
        kept = [0.0 if abs(each) < rounding else each for each in paired]
        mean = mean_of(kept)
        std = 0.0 if equal else std_of(kept, mean)
    return Spread(len(paired), mean, max(std, step * _STEP_SPREAD), equal)


def holm(ps: Sequence[float]) -> tuple[float, ...]:
    """Adjust p values for their number, step down (Holm, 1979): monotone, at most 1."""
    order = sorted(range(len(ps)), key=ps.__getitem__)
    adjusted, highest = [0.0] * len(ps), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(ps) - place) * ps[index]))
        adjusted[index] = highest
    return tuple(adjusted)


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


def std_of(values: Sequence[float], mean: float) -> float:
    """Give the standard deviation (n - 1 below) of two or more values; it may be infinite.

    Args:
        values: What varies.
        mean: Their mean.
    """
    # hypot scales: squares of large or small deviations neither overflow nor vanish
    return math.hypot(*[each - mean for each in values]) / math.sqrt(len(values) - 1)


def ratio_of(logarithm: float) -> float | None:
    """Turn the logarithm of a ratio into the ratio less 1; None past the largest float."""
    try:
        return math.expm1(logarithm)
    except OverflowError:
        return None


@functools.cache
def t_quantile(probability: float, freedom: int) -> float:
    """Give the quantile of Student's t distribution with that many degrees of freedom."""
    # scipy.stats does the same and takes a second to import; scipy.special takes 0.3 s.
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # no types; slow to import

    return float(stdtrit(freedom, probability))


def t_tail(t: float, freedom: int) -> float:
    """Give the probability that Student's t is above `t`, with that many degrees of freedom."""
    return float(_stdtr()(freedom, -t))


@functools.cache
def _stdtr() -> Callable[[int, float], float]:
    from scipy.special import stdtr  # to look for the module at each call takes as long as the call

    return stdtr  # type: ignore[no-any-return]  # scipy has no types


def _interval(mean: float, std: float, n: int) -> Interval | None:
    half = t_quantile((1 + _CONFIDENCE) / 2, n - 1) * std / math.sqrt(n) if std else 0.0
    low, high = mean - half, mean + half
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None

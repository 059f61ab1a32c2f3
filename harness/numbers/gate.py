"""Decide from interleaved rounds whether a head is slower than its base (STATISTICS.md 7, step 11).

Numbers come in and words go out: it knows nothing of runs. docs/gate.md tells it to users.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct

from harness.numbers.metrics import SPEED_MARGIN
from harness.numbers.statistics import (
    Interval,
    Scale,
    mean_of,
    ratio_of,
    std_of,
    t_quantile,
    t_tail,
)
from harness.numbers.verdicts import ALPHA

FEWEST_ROUNDS = 5
ROUNDS = 10
WINDOW_S = 2.0
"""The shortest window in which throughput is gated: a quarter of a second has a noise of 19 %."""

_POWER, _POWER_OF_A_STAGE = 0.8, 0.9
"""What counts as seen: four times of five; two stages that each see 0.9 see 0.81 together."""

_Seed = TypeVar("_Seed")


class Stage(Struct, frozen=True, kw_only=True, gc=False):
    """What a set of rounds shows of the throughput of two sides.

    Args:
        n: Rounds in which both have a figure.
        difference: Head / base - 1: negative where the head is slower.
        ci95: Its t interval.
        p: One-sided: how often such a slowdown is seen where there is none.
        detectable: The slowdown that this noise would have let both stages see in four of five
            gates, as a share of the base's throughput.
        fires: Whether the head is slower beyond noise and margin, as far as these rounds go.
        note: Why nothing could be decided; None where it could.
    """

    n: int
    difference: float | None = None
    ci95: Interval | None = None
    p: float | None = None
    detectable: float | None = None
    fires: bool = False
    note: str | None = None


def stage(
    base: Mapping[_Seed, float],
    head: Mapping[_Seed, float],
    *,
    gates: int = 1,
    margin: float = SPEED_MARGIN,
) -> Stage:
    """Look at a set of rounds: one stage of a gate.

    Args:
        base: Throughput by round.
        head: That of the other side.
        gates: How many such questions one job asks.
        margin: The share of the throughput that may be lost.
    """
    rounds = [each for each in base if each in head and min(base[each], head[each]) > 0]
    n = len(rounds)
    if n < FEWEST_ROUNDS:
        told = f"{n} {'round' if n == 1 else 'rounds'} with both figures"
        return Stage(n=n, note=f"{told}: a gate needs {FEWEST_ROUNDS}")
    old, new = ([math.log(side[each]) for each in rounds] for side in (base, head))
    lost = [before - now for before, now in zip(old, new, strict=True)]
    mean, alpha, bound = mean_of(lost), alpha_of_a_stage(gates), lost_by(margin)
    error = std_of(lost, mean) / math.sqrt(n)
    p = t_tail(mean / error, n - 1) if error else float(mean <= 0)
    half = t_quantile(0.975, n - 1) * error
    low, high = ratio_of(-mean - half), ratio_of(-mean + half)
    return Stage(
        n=n,
        difference=ratio_of(-mean),
        ci95=None if low is None or high is None else (low, high),
        p=p,
        detectable=-math.expm1(-_detectable(error, n, alpha, bound, _POWER_OF_A_STAGE)),
        fires=p <= alpha and mean > bound and max(old) - max(new) > bound,
    )


def alpha_of_a_stage(gates: int) -> float:
    """Share the error between the gates of a job; two stages square what is left."""
    return ALPHA / math.sqrt(gates)


def is_slower(first: Stage, second: Stage | None) -> bool:
    """Tell whether a head is slower: its rounds and as many fresh ones must both say so."""
    return first.fires and second is not None and second.fires


def lost_by(margin: float) -> float:
    """Give the margin on the scale of ln base - ln head."""
    return -math.log1p(-margin) if margin < 1 else math.inf


def detectable_loss(ci95: Interval, n: int, *, scale: Scale, bound: float, family: int) -> float:
    """Say what loss of accuracy or memory one stage would have seen in four of five gates.

    Args:
        ci95: Of the difference, as comparisons have it.
        n: How many pairs there are, two or more.
        scale: That of the metric.
        bound: The margin on the scale of the paired differences.
        family: How many comparisons share the error.

    Returns:
        A difference in units of the metric, or on scale ratio a share of the base's figure.
    """
    if scale == "ratio" and ci95[0] <= -1:  # so wide that its lower end is nothing at all
        return math.inf
    low, high = (math.log1p(each) for each in ci95) if scale == "ratio" else ci95
    error = (high - low) / 2 / t_quantile(0.975, n - 1)
    found = _detectable(error, n, ALPHA / (2 * family), bound, _POWER)
    if scale == "difference":
        return found
    shown = ratio_of(found)
    return math.inf if shown is None else shown


def _detectable(error: float, n: int, alpha: float, bound: float, power: float) -> float:
    """Give what a test at alpha sees with that power, and never less than passes its margin."""
    seen = t_quantile(power, n - 1) * error
    return max(t_quantile(1 - alpha, n - 1) * error, bound) + seen

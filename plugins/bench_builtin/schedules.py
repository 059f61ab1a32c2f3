"""Schedules: factors of the learning rate, from progress 0 (the first step) to 1 (the end)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

from harness import Meta, Schedule, hookimpl

NotNegative = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]


@hookimpl
def bench_register_schedules() -> Sequence[Schedule]:
    """Hand over the schedules of this module."""
    return [
        Schedule("constant", constant),
        Schedule("linear", linear),
        Schedule("polynomial", polynomial),
        Schedule("cosine", cosine),
        Schedule("exponential", exponential),
        Schedule("step", step),
        Schedule("warmup_cosine", warmup_cosine),
    ]


def constant(progress: float) -> float:  # noqa: ARG001  # that is what constant means
    """Keep the learning rate as it is."""
    return 1.0


def linear(progress: float, *, end: NotNegative = 0.0) -> float:
    """Go in a straight line from 1 to `end`."""
    return _between(1.0 - progress, end)


def polynomial(progress: float, *, power: Positive = 2.0, end: NotNegative = 0.0) -> float:
    """Go from 1 to `end` along a power of what is left."""
    return _between((1.0 - progress) ** power, end)


def cosine(progress: float, *, end: NotNegative = 0.0) -> float:
    """Go from 1 to `end` along half a cosine.

    Source: Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts.
    """
    return _between((1.0 + math.cos(math.pi * progress)) / 2.0, end)


def exponential(progress: float, *, end: Positive = 0.01) -> float:
    """Go from 1 to `end`, losing the same share in every step."""
    return math.pow(end, progress)


def step(
    progress: float,
    *,
    size: Annotated[float, Meta(gt=0, le=1)] = 0.25,
    gamma: NotNegative = 0.1,
) -> float:
    """Multiply by `gamma` after each `size` of the training: 0.25 is after every quarter of it."""
    # 0.6 / 0.2 is 2.9999999999999996: without the addend the third drop would come a step late.
    return gamma ** math.floor(progress / size + 1e-9)


def warmup_cosine(
    progress: float,
    *,
    warmup: Annotated[float, Meta(ge=0, lt=1)] = 0.1,
    start: NotNegative = 0.01,
    end: NotNegative = 0.0,
) -> float:
    """Rise from `start` to 1 in the first `warmup` of the training, then go on as `cosine`.

    The rise is a straight line. With `start` 0 the first step would change nothing.
    """
    if progress < warmup:
        return _between(progress / warmup, start)
    return cosine((progress - warmup) / (1.0 - warmup), end=end)


def _between(share: float, end: float) -> float:
    return end + (1.0 - end) * share

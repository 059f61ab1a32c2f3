"""Pools that verdicts are tried out on: real trials, drawn again and again, and Gaussian ones.

The real ones are those of `datasets/trials`: `calm` (the learning rate decays) and `storm` (it does
not, and some seeds collapse), a small net on digits, many seeds of each arm.

Shapes: a pool's values (arms, seeds), the baseline first; drawn values (families, arms, n).
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.numbers.metrics import MEANINGS
from harness.numbers.statistics import Scale
from harness.numbers.verdicts import Scope

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]

TRIALS = "BENCH_TRIALS"
"""The environment variable that names the folder of the real trials."""

STEP = 1 / 450
"""Of a test accuracy in the real trials: so many test images."""

ARMS = ("relu", "aa_diffseed", "aa_samesplit", "tanh", "drop", "wd")
"""Those that both pools have on all their seeds, the baseline first."""

CELLS = ("xav_relu", "kai_relu", "xav_tanh", "kai_tanh")
"""Further arms of `calm`, on 100 of its 200 seeds."""

STUCK = "init01"
"""An arm of `storm` that stays at the base rate; put on another's mean it means nothing."""


def trials_folder() -> Path:
    """Say where the real trials lie: `BENCH_TRIALS`, else beside the project."""
    beside = Path(__file__).parents[2] / "shared" / "datasets" / "trials"
    return Path(os.environ.get(TRIALS) or beside)


@dataclass(frozen=True, slots=True)
class Pool:
    """The real trials of one way of training.

    Args:
        name: That of its file.
        figures: By metric and arm, the values by seed.
    """

    name: str
    figures: Mapping[str, Mapping[str, Mapping[int, float]]]

    @property
    def arms(self) -> tuple[str, ...]:
        """Name the arms that train, the baseline first."""
        return (*ARMS, *(each for each in CELLS if each in self.figures["test_accuracy"]))

    def values(self, metric: str, arms: Sequence[str] = ()) -> Array:
        """Give the values of some arms (of all that train) on the seeds that all of them have."""
        found = [self.figures[metric][each] for each in arms or self.arms]
        seeds = sorted(set.intersection(*map(set, found)))
        return np.array([[each[seed] for seed in seeds] for each in found])


def read_pool(folder: Path, name: str) -> Pool:
    """Read one of the files: a trial a line, with its arm, its seed and its figures."""
    figures: dict[str, dict[str, dict[int, float]]] = {}
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            trial = json.loads(line)
            arm, seed = trial.pop("arm"), trial.pop("seed")
            for metric, value in trial.items():
                figures.setdefault(metric, {}).setdefault(arm, {})[seed] = value
    return Pool(name, figures)


def scope_of(metric: str, *, margin: bool = True) -> Scope:
    """Say how a metric is judged, as shipped or without a margin."""
    known = MEANINGS[metric]
    shipped = known.margin if margin else 0.0
    return Scope(scale=known.scale, direction=known.direction, margin=shipped)


def step_of(metric: str) -> float:
    """Say what the smallest change is that a metric of the real trials can show."""
    return STEP if metric == "test_accuracy" else 0.0


def recentred(values: Array, scale: Scale, difference: float = 0.0) -> Array:
    """Move every arm so that its mean lies by a difference (of logarithms) above the baseline's."""
    if scale == "ratio":
        return np.exp(recentred(np.log(values), "difference", difference))
    moved = values - values.mean(axis=1, keepdims=True) + values[0].mean() + difference
    moved[0] = values[0]
    return moved


def swapped(
    values: Array, comparisons: int, n: int, families: int, rng: np.random.Generator
) -> Array:
    """Draw arms and seeds, and swap the labels of the arms seed by seed: no arm is better.

    Where more arms are asked for than there are, some stand twice.
    """
    arms = _chosen(len(values), comparisons + 1, families, rng)
    seeds = _chosen(values.shape[1], n, families, rng)
    return rng.permuted(values[arms[:, :, None], seeds[:, None, :]], axis=1)


def other_seeds(
    values: Array, comparisons: int, n: int, families: int, rng: np.random.Generator
) -> Array:
    """Draw one arm for a family, and give each of its arms other seeds of that one."""
    arm = _chosen(len(values), 1, families, rng)
    seeds = _chosen(values.shape[1], (comparisons + 1) * n, families, rng)
    return values[arm, seeds].reshape(families, comparisons + 1, n)


def paired(
    values: Array, comparisons: int, n: int, families: int, rng: np.random.Generator
) -> Array:
    """Draw seeds, and arms beside the baseline; an arm that stands twice has other seeds then."""
    others = len(values) - 1
    arms = 1 + _chosen(others, comparisons, families, rng)
    seeds = _chosen(values.shape[1], n, families, rng)
    drawn = [values[0][seeds]]
    for place in range(comparisons):
        own = seeds if place < others else _chosen(values.shape[1], n, families, rng)
        drawn.append(values[arms[:, place, None], own])
    return np.stack(drawn, axis=1)


def gaussian(
    comparisons: int, n: int, families: int, rng: np.random.Generator, correlation: float = 0.0
) -> Array:
    """Draw arms with mean 0 and spread 1 whose seeds are correlated."""
    common = rng.standard_normal((families, 1, n))
    own = rng.standard_normal((families, comparisons + 1, n))
    return np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own


def _chosen(of: int, number: int, families: int, rng: np.random.Generator) -> Indices:
    """Choose a number of indices for each family, none twice before all are chosen once."""
    rounds = -(-number // of)
    orders = [rng.random((families, of)).argsort(axis=1) for _ in range(rounds)]
    return np.concatenate(orders, axis=1)[:, :number]

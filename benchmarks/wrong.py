"""How often a verdict is wrong: tables of false words, where the truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import TypeAlias

import numpy as np
from msgspec.structs import replace

from benchmarks.pools import (
    ARMS,
    Array,
    Pool,
    gaussian,
    other_seeds,
    paired,
    recentred,
    scope_of,
    step_of,
    swapped,
)
from benchmarks.trying import (
    Share,
    Table,
    Trial,
    each_of,
    false_words,
    families,
    family_wise,
    looked,
    slashed,
)
from harness.numbers.verdicts import LOOKS, Scope

Rng: TypeAlias = np.random.Generator
Names: TypeAlias = tuple[str, str]
Draw: TypeAlias = Callable[..., Array]
"""From a number of `comparisons` and `n`, of seeds, to drawn values."""

ACCURACY, LOSS, SPEED = METRICS = ("test_accuracy", "test_loss", "train_samples_per_s")
COMPARISONS, NS = (1, 6, 12), (3, 5, 10)
MEANS_DIFFER = "labels swapped, means differ (see below)"
SAME = frozenset({"same"})
UNIT = Scope(scale="difference", direction="higher", margin=0.0)
"""Of Gaussian figures: their spread is 1."""


def alike(pools: Mapping[str, Pool], count: int, rng: Rng) -> Table:
    """Arms that are exchangeable, no margin: each figure has to be 5 % or less."""
    table = _family_wise("Arms that do not differ, no margin", count)
    for correlation in (0.0, 0.5):
        names = (f"Gaussian, correlation {correlation}", "-")
        gaussians = partial(gaussian, families=count, rng=rng, correlation=correlation)
        _add(table, gaussians, {names: Trial(scope=UNIT)}, bounded=[names])
    for pool, metric in product(pools.values(), METRICS):
        trial = Trial(scope=scope_of(metric, margin=False), step=step_of(metric))
        arms, values = pool.values(metric, ARMS), pool.values(metric)
        for what, drawing, drawn_from in (
            ("one arm, other seeds", other_seeds, arms),
            ("labels swapped, one mean", swapped, recentred(values, trial.scope.scale)),
            (MEANS_DIFFER, swapped, values),
        ):
            names = (f"{pool.name}: {what}", f"`{metric}`")
            draw = partial(drawing, drawn_from, families=count, rng=rng)
            _add(table, draw, {names: trial}, bounded=[names] * (what != MEANS_DIFFER))
    return table


def on_one_mean(pools: Mapping[str, Pool], count: int, rng: Rng) -> Table:
    """Real arms moved to one mean: what differs is their spread and their tails."""
    table = _family_wise("Real arms on one mean", count)
    for pool, metric in product(pools.values(), METRICS):
        scope, step, tailed = scope_of(metric), step_of(metric), metric == ACCURACY
        trials = {"as shipped": Trial(scope=scope, step=step, flagged=tailed)}
        if tailed:
            trials["without the flag"] = Trial(scope=scope, step=step)
        bare = Trial(scope=scope_of(metric, margin=False), step=step)
        trials["no margin, no flag" if tailed else "no margin"] = bare
        rows = {(f"{pool.name}: {what}", f"`{metric}`"): each for what, each in trials.items()}
        values = recentred(pool.values(metric), scope.scale)
        draw = partial(paired, values, families=count, rng=rng)
        _add(table, draw, rows, bounded=list(rows)[:1] * (pool.name == "calm"))
    return table


def pair_by_pair(pools: Mapping[str, Pool], count: int, rng: Rng) -> Table:
    """One comparison without margin, arm by arm: as STATISTICS.md has it in section 2."""
    table = Table(
        "One comparison of `test_accuracy`, arms on one mean, no margin",
        f"Share of false *better* or *worse* in %, n = 3 / 5 / 10; {count} draws a figure.",
        ["arm", *(f"{name} " for name in pools)],
    )
    trial = Trial(scope=scope_of(ACCURACY, margin=False), step=step_of(ACCURACY))
    for place, arm in enumerate(ARMS[1:], start=1):
        cells = []
        for pool in pools.values():
            values = recentred(pool.values(ACCURACY, ARMS), "difference")[[0, place]]
            cells.append(slashed(false_words(paired(values, 1, n, count, rng), trial) for n in NS))
        table.rows.append([arm, *cells])
    return table


def same_at_the_margin(pools: Mapping[str, Pool], count: int, rng: Rng) -> Table:
    """Differences of exactly the margin, which are not *same*."""
    table = Table(
        "False *same* at a true difference of the margin",
        f"Share of *same* in %, one comparison; {count} draws a figure.",
        ["arms", *(f"n = {n}" for n in NS)],
    )
    margin = replace(UNIT, margin=1.0)
    for spread in (0.25, 0.5, 1.0, 2.0):
        shares = []
        for n in NS:
            drawn = spread / np.sqrt(2) * gaussian(1, n, count, rng)
            drawn[:, 1] += 1.0
            shares.append(each_of(families(drawn, Trial(scope=margin)), SAME))
        table.add([f"Gaussian, spread of the differences {spread:g} margins"], shares, bounded=True)
    for pool, metric in product(pools.values(), METRICS):
        trial = Trial(scope=scope_of(metric), step=step_of(metric))
        bound, scale = trial.scope.bound, trial.scope.scale
        shifted = [recentred(pool.values(metric), scale, each) for each in (bound, -bound)]
        shares = [
            each_of(
                (
                    family
                    for values in shifted
                    for family in families(paired(values, 1, n, count // 2, rng), trial)
                ),
                SAME,
            )
            for n in NS
        ]
        table.add([f"{pool.name}: `{metric}`, margin {trial.scope.margin:g}"], shares)
    return table


def looking(pools: Mapping[str, Pool], count: int, rng: Rng) -> Table:
    """Adaptive runs: what looking three times costs, and what a third of the error buys."""
    table = Table(
        "Adaptive runs: false *better* or *worse* when it stops",
        f"Share of families in %; looks after {', '.join(map(str, LOOKS))} seeds, until all is "
        f"decided; {count} draws a figure.",
        ["arms", "comparisons", "each look at 5 %", "each look at 5/3 % (as shipped)"],
    )
    for margin, k in product((0.0, 0.5, 1.0), (1, 5)):
        drawn = gaussian(k, LOOKS[-1], count, rng) / np.sqrt(2)
        name = f"Gaussian, margin {margin:g} spreads of the differences" if margin else "Gaussian"
        _add_looks(table, name, drawn, Trial(scope=replace(UNIT, margin=margin)), bounded=True)
    scope, step = scope_of(ACCURACY), step_of(ACCURACY)
    shipped = Trial(scope=scope, step=step, flagged=True)
    unflagged = Trial(scope=scope, step=step)
    narrow = Trial(scope=replace(scope, margin=0.005), step=step, flagged=True)
    for pool, what, trial in (
        (pools["calm"], "margin 0.005", narrow),
        (pools["calm"], "as shipped", shipped),
        (pools["storm"], "as shipped", shipped),
        (pools["storm"], "without the flag", unflagged),
    ):
        values = recentred(pool.values(ACCURACY, ARMS), "difference")
        drawn = paired(values, 5, LOOKS[-1], count, rng)
        name = f"{pool.name} on one mean, {what}"
        _add_looks(table, name, drawn, trial, bounded=pool.name == "calm")
    return table


def _family_wise(title: str, count: int) -> Table:
    text = (
        "Share of families with a false *better* or *worse* in %, n = 3 / 5 / 10; "
        f"{count} draws a figure, so ±{300 * (0.05 * 0.95 / count) ** 0.5:.1f} at 5 % "
        "(three standard errors)."
    )
    return Table(title, text, ["arms", "metric", *map(_named, COMPARISONS)])


def _add(
    table: Table, draw: Draw, rows: Mapping[Names, Trial], *, bounded: Sequence[Names] = ()
) -> None:
    """Add rows that are judged from the same draws, for every number of comparisons and seeds."""
    found: dict[Names, dict[tuple[int, int], Share]] = {names: {} for names in rows}
    for k, n in product(COMPARISONS, NS):
        drawn = draw(comparisons=k, n=n)
        for names, trial in rows.items():
            found[names][k, n] = false_words(drawn, trial)
    for names, shares in found.items():
        cells = [slashed(shares[k, n] for n in NS) for k in COMPARISONS]
        table.rows.append([*names, *cells])
        if names in bounded:
            for (k, n), share in shares.items():
                table.bound(f"{', '.join(names)}, {_named(k)}, n = {n}", share)


def _named(comparisons: int) -> str:
    return "1 comparison" if comparisons == 1 else f"{comparisons} comparisons"


def _add_looks(table: Table, name: str, drawn: Array, trial: Trial, *, bounded: bool) -> None:
    """Add a row: looks that may each be wrong, and looks that share the error."""
    often, shared = (family_wise(looked(drawn, trial, looks)) for looks in (1, len(LOOKS)))
    table.add([name, str(drawn.shape[1] - 1), str(often)], [shared], bounded=bounded)

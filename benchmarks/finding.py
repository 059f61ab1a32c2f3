"""What verdicts find: power, seeds that collapse, and how many seeds would decide."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from benchmarks.pools import (
    ARMS,
    STUCK,
    Array,
    Pool,
    gaussian,
    paired,
    recentred,
    scope_of,
    step_of,
)
from benchmarks.trying import WRONG, Share, Table, Trial, each_of, families, pairs, slashed
from benchmarks.wrong import ACCURACY, NS, UNIT, Rng
from harness.numbers.verdicts import MOST_SEEDS, Scope, Verdict, judge

SEEDS = (5, 7, 10, 15, 20, 30, MOST_SEEDS)
BETTER, WORSE = frozenset({"better"}), frozenset({"worse"})

REPORTED: Mapping[str, Sequence[float]] = {
    "tanh": (0.22, 0.62, 0.99),
    "drop": (0.43, 0.91, 1.00),
    "holm": (0.06, 0.25, 0.83),
}
"""Power at n = 3, 5, 10 in STATISTICS.md, sections 2 and 2 (multiplicity): 5,000 draws."""

_REPORTED_DRAWS, _REPORTED_ROUNDING = 5000, 0.005


def power(pools: Mapping[str, Pool], count: int, rng: Rng) -> Table:
    """Real differences, and how often they are found."""
    table = Table(
        "Power: how often a real difference is found",
        f"Share of the right word in %, n = 3 / 5 / 10; {count} draws a figure.",
        ["difference", "no margin", "as reported before", "as shipped"],
    )
    shipped = Trial(scope=scope_of(ACCURACY), step=step_of(ACCURACY))
    bare = Trial(scope=scope_of(ACCURACY, margin=False), step=step_of(ACCURACY))
    for arm, word in (("tanh", BETTER), ("drop", WORSE)):
        values = pools["calm"].values(ACCURACY, ["relu", arm])
        gain = 100 * (values[1].mean() - values[0].mean())
        found = [
            [each_of(families(paired(values, 1, n, count, rng), trial), word) for n in NS]
            for trial in (bare, shipped)
        ]
        name = f"calm, {arm} ({gain:+.2f} points), one comparison"
        table.rows.append([name, slashed(found[0]), _reported(arm), slashed(found[1])])
        _agree(table, arm, name, found[0])
    shares = []
    for n in NS:
        drawn = gaussian(6, n, count, rng)
        drawn[:, 1] += 2.0
        words = [family[0].word for family in families(drawn, Trial(scope=UNIT))]
        shares.append(Share(words.count("better"), len(words)))
    name = "Gaussian, one arm of 6 by 2 spreads of an arm"
    table.rows.append([name, slashed(shares), _reported("holm"), "-"])
    _agree(table, "holm", name, shares)
    return table


def collapsing(pools: Mapping[str, Pool], count: int, rng: Rng) -> Table:
    """The flag of seeds that collapse: how often it is raised, and what is wrong without it."""
    table = Table(
        "Seeds that collapse",
        f"In %, n = 5 / 10; {count} draws a figure. A run is flagged where any of its seeds is an "
        "outlier; all its arms are compared with the first.",
        ["arms of the run", "runs flagged", "comparisons without their word"],
    )
    calm, storm = (recentred(pools[each].values(ACCURACY, ARMS), "difference") for each in pools)
    stuck = pools["storm"].values(ACCURACY, [STUCK])
    runs: Mapping[str, Array] = {
        "calm, 6": calm,
        "calm, 12 and 3 stuck at the base rate": np.vstack(
            [calm, calm, *[_as_long(stuck, calm)] * 3]
        ),
        "storm, 6": storm,
        "storm, 6 and 1 stuck at the base rate": np.vstack([storm, _as_long(stuck, storm)]),
    }
    for name, values in runs.items():
        raised, taken = [], []
        for n in (5, 10):
            verdicts = _flagged(values, n, count, rng)
            raised.append(Share(sum(any(each) for each in verdicts), len(verdicts)))
            taken.append(Share(sum(map(sum, verdicts)), len(verdicts) * (len(values) - 1)))
        table.rows.append([name, slashed(raised), slashed(taken)])
    return table


def left_unflagged(pools: Mapping[str, Pool], count: int, rng: Rng) -> Table:
    """False words on storm, arm by arm: without the flag, with it, and with a wider one."""
    table = Table(
        "False words in storm: what the flag takes away",
        f"One comparison without margin, in %, n = 5 / 10; {count} draws a figure. Six arms on one "
        "mean tell what is usual. As shipped, a word is lost where a seed of its case or of its "
        "baseline collapsed; by the wider rule, where a seed of any arm of the run did.",
        ["arm", "without the flag", "as shipped", "the wider rule"],
    )
    values = recentred(pools["storm"].values(ACCURACY, ARMS), "difference")
    counts = {(arm, n): [0, 0, 0] for arm in ARMS[1:] for n in (5, 10)}
    for n in (5, 10):
        for arms in _in_order(values, n, count, rng).tolist():
            for arm, seen in zip(ARMS[1:], _seen(arms), strict=True):
                counts[arm, n] = [sum(each) for each in zip(counts[arm, n], seen, strict=True)]
    for arm in ARMS[1:]:
        shares = [[Share(counts[arm, n][rule], count) for n in (5, 10)] for rule in range(3)]
        table.rows.append([arm, *map(slashed, shares)])
    return table


def _seen(arms: Sequence[Sequence[float]]) -> Iterator[tuple[bool, bool, bool]]:
    """Tell of each comparison whether there is a false word: by no rule, as shipped, by the wider.

    Each is judged by itself, as if the table had no other.
    """
    trial = Trial(scope=scope_of(ACCURACY, margin=False), step=step_of(ACCURACY))
    flags = [
        bool(each.case.collapsed or each.baseline.collapsed) for each in pairs(arms, _flagging())
    ]
    for pair, flag in zip(pairs(arms, trial), flags, strict=True):
        [found] = judge([pair], trial.scope)
        wrong = found.word in WRONG
        yield wrong, wrong and not flag, wrong and not any(flags)


def seeds(_: Mapping[str, Pool], count: int, rng: Rng) -> Table:
    """The number of seeds that a table names, and whether so many decide."""
    table = Table(
        "About how many seeds would decide: is it so?",
        f"Gaussian, one comparison; the difference and its spread in margins; {count} draws a "
        "figure. Of the runs that are undecided: what they name, and how often a fresh run of so "
        "many seeds decides, in %.",
        [
            "difference",
            "spread",
            "n",
            "undecided, %",
            "named: median (5 % to 95 %)",
            "such a fresh run decides",
            "80 % decide from",
        ],
    )
    for difference, spread in ((0.0, 0.5), (0.0, 1.0), (0.0, 2.0), (2.0, 2.0), (3.0, 6.0)):
        decided = {n: _decided(difference, spread, n, count, rng) for n in SEEDS}
        for n in NS:
            verdicts = [
                each
                for each in _verdicts(difference, spread, n, count, rng)
                if each.word == "undecided"
            ]
            named = sorted(each.seeds_needed or math.inf for each in verdicts)
            enough = [decided[int(each)] for each in named if each <= MOST_SEEDS]
            reached = next((each for each in SEEDS if decided[each] >= 0.8), None)
            table.rows.append(
                [
                    f"{difference:g}",
                    f"{spread:g}",
                    str(n),
                    str(Share(len(verdicts), count)),
                    _range(named),
                    f"{100 * sum(enough) / len(enough):.0f}" if enough else "-",
                    _number(reached or math.inf),
                ]
            )
    return table


def _reported(name: str) -> str:
    return " / ".join(f"{100 * each:.0f}" for each in REPORTED[name])


def _agree(table: Table, reported: str, name: str, shares: Sequence[Share]) -> None:
    """Note a share that is not what was reported, but for chance on both sides."""
    for n, share, expected in zip(NS, shares, REPORTED[reported], strict=True):
        found = share.hits / share.of
        variance = expected * (1 - expected) + 1e-4
        error = math.sqrt(variance * (1 / share.of + 1 / _REPORTED_DRAWS))
        if abs(found - expected) > 3 * error + _REPORTED_ROUNDING:
            table.broken.append(f"{table.title}: {name}, n = {n}: {share} %, not {expected:.0%}")


def _as_long(values: Array, like: Array) -> Array:
    return np.resize(values, (1, like.shape[1]))


def _in_order(values: Array, n: int, count: int, rng: Rng) -> Array:
    """Draw seeds for all arms in their order."""
    chosen = rng.random((count, values.shape[1])).argsort(axis=1)[:, :n]
    return np.moveaxis(values[:, chosen], 0, 1)


def _flagging() -> Trial:
    return Trial(scope=scope_of(ACCURACY), step=step_of(ACCURACY), flagged=True)


def _flagged(values: Array, n: int, count: int, rng: Rng) -> list[list[bool]]:
    """Tell of each comparison of each run whether the flag takes its word."""
    return [
        [bool(each.case.collapsed or each.baseline.collapsed) for each in pairs(arms, _flagging())]
        for arms in _in_order(values, n, count, rng).tolist()
    ]


def _verdicts(difference: float, spread: float, n: int, count: int, rng: Rng) -> list[Verdict]:
    drawn = spread / math.sqrt(2) * gaussian(1, n, count, rng)
    drawn[:, 1] += difference
    margin: Scope = replace(UNIT, margin=1.0)
    return [family[0] for family in families(drawn, Trial(scope=margin))]


def _decided(difference: float, spread: float, n: int, count: int, rng: Rng) -> float:
    words = [each.word for each in _verdicts(difference, spread, n, count, rng)]
    return 1 - words.count("undecided") / len(words)


def _range(named: Sequence[float]) -> str:
    """Print the median of sorted numbers of seeds, and what nine of ten lie between."""
    if not named:
        return "-"
    low, middle, high = (named[round(share * (len(named) - 1))] for share in (0.05, 0.5, 0.95))
    return f"{_number(middle)} ({_number(low)} to {_number(high)})"


def _number(seeds: float) -> str:
    return "more" if math.isinf(seeds) else f"{seeds:g}"

"""Reach verdicts: better, worse, same, or undecided and about how many seeds would decide.

It follows STATISTICS.md, section 7, whose steps are named below (docs/verdicts.md tells them to
users). Numbers come in and words go out: it knows nothing of runs, cases or metrics by name.
"""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from harness.numbers.statistics import (
    Interval,
    Scale,
    Spread,
    holm,
    median_of,
    paired_differences,
    ratio_of,
    spread_of,
    t_quantile,
)

Word: TypeAlias = Literal["better", "worse", "same", "undecided"]
Direction: TypeAlias = Literal["higher", "lower"]

ALPHA = 0.05
LOOKS = (5, 10, 20)
"""After how many seeds an adaptive run looks whether all is decided (step 10)."""

FEWEST_PAIRS = 3
MOST_SEEDS = 50
NO_SPREAD = "no spread"
_NO_RATIO = "the ratio is past the largest number"
MORE_THAN_MOST = f"more than {MOST_SEEDS} seeds would decide"
_SEEDS = (5, 7, 10, 15, 20, 30, MOST_SEEDS)
_ROUNDING = 1e-9
"""Differences below it are rounding, in which a t-test would find p = 1e-63 (step 2)."""

_FEWEST_ARMS, _FEWEST_VALUES, _FAR = 4, 5, 8 * 1.4826


class Scope(Struct, frozen=True, kw_only=True):
    """How one metric is judged.

    Args:
        scale: Whether values are compared by difference or by ratio.
        direction: Which way is better.
        margin: Smallest difference that matters: in units, or as a share on scale ratio.
        looks: Between how many looks the error is shared: 1, or 3 in an adaptive run.
    """

    scale: Scale
    direction: Direction
    margin: float
    looks: int = 1

    @property
    def alpha(self) -> float:
        """How often a look may be wrong."""
        return ALPHA / self.looks

    @property
    def bound(self) -> float:
        """The margin on the scale of the paired differences."""
        return math.log1p(self.margin) if self.scale == "ratio" else self.margin

    @property
    def rounding(self) -> float:
        """The difference below which there is none: finer where the margin is tiny."""
        return min(_ROUNDING, 1e-7 * self.bound) or _ROUNDING


class Side(Struct, frozen=True, kw_only=True, gc=False):
    """One of the two sides of a comparison.

    Args:
        values: By seed; a seed without a figure is left out. Finite.
        planned: How many seeds were planned.
        failed: How many of them failed: any status but ok, skipped and unsupported.
        collapsed: How many of the values are outliers on the bad side (`collapses`).
    """

    values: Mapping[str, float]
    planned: int
    failed: int = 0
    collapsed: int = 0


class Pair(Struct, frozen=True, gc=False):
    """A case and its baseline on one metric.

    Args:
        case: The side that gets the word.
        baseline: The other.
        step: The smallest change that the metric can show: 1 / n_test of an accuracy; else 0.
        withheld: Why it gets no word, and is no member of the family; None where it may get one.
    """

    case: Side
    baseline: Side
    step: float = 0.0
    withheld: str | None = None


class Verdict(Struct, frozen=True, kw_only=True, gc=False):
    """What is known of a pair.

    Args:
        n: How many seeds both sides have.
        difference: Case minus baseline, or case / baseline - 1 on scale ratio; never flipped.
        ci95: Its t interval, of this comparison alone; None for fewer than two seeds.
        p: Two-sided, of a paired t-test; None where none can be made.
        p_adjusted: After Holm, over the family.
        word: None where there is none; the note says why.
        seeds_needed: About how many seeds of a fresh run would decide, where it is undecided.
        note: What a reader has to know beside the word.
    """

    n: int = 0
    difference: float | None = None
    ci95: Interval | None = None
    p: float | None = None
    p_adjusted: float | None = None
    word: Word | None = None
    seeds_needed: int | None = None
    note: str | None = None


def judge(pairs: Sequence[Pair], scope: Scope) -> tuple[Verdict, ...]:
    """Judge all comparisons of one metric in a run: they are one family (step 4).

    Returns:
        A verdict for each pair, in their order.
    """
    spreads = [_spread_of(each, scope) for each in pairs]
    judgeable = [
        found if pair.withheld is None else None for pair, found in zip(pairs, spreads, strict=True)
    ]
    tested, family = _tested(judgeable)
    return tuple(
        _verdict(pair, found, test, family, scope)
        for pair, found, test in zip(pairs, spreads, tested, strict=True)
    )


def seeds_needed(
    found: Spread, scope: Scope, family: int, *, fewest: int | None = None
) -> int | None:
    """Say about how many seeds of a fresh run would decide (step 6); None: more than 50.

    It is an order of magnitude, rounded up to 5, 7, 10, 15, 20, 30 or 50. A fresh run looks once,
    whatever this one did.

    Args:
        found: The differences that decide nothing.
        scope: How the metric is judged.
        family: How many comparisons are adjusted for.
        fewest: How many seeds are known not to do; None: those of `found`.
    """
    size, bound = abs(found.mean), scope.bound
    fresh = (found.n if fewest is None else fewest) + 1
    if size < bound:
        most, distances = bound - size, _distances(1 - ALPHA)
    else:
        most, distances = size, _distances(1 - ALPHA / (2 * family))
    near_enough = -most / found.std if found.std else -math.inf
    number = max(fresh, 2 + bisect.bisect_left(distances, near_enough))
    return _SEEDS[bisect.bisect_left(_SEEDS, number)] if number <= MOST_SEEDS else None


def collapses(
    arms: Sequence[Sequence[float]], steps: Sequence[float], direction: Direction
) -> tuple[int, ...]:
    """Count in each arm the seeds that collapsed: outliers on the bad side (step 9).

    Args:
        arms: The values of each case of the run.
        steps: The smallest change that each can show.
        direction: Which way is better.
    """
    sign = 1 if direction == "higher" else -1
    residuals = [_residuals(arm, sign) if len(arm) >= _FEWEST_VALUES else [] for arm in arms]
    spread = [
        each
        for each, step in zip(residuals, steps, strict=True)
        if each and median_of([abs(value) for value in each]) > step
    ]
    if len(spread) < _FEWEST_ARMS:
        return (0,) * len(arms)
    usual = median_of([abs(value) for each in spread for value in each])
    return tuple(sum(value < -_FAR * usual for value in each) for each in residuals)


def _residuals(arm: Sequence[float], sign: int) -> list[float]:
    middle = median_of(arm)
    return [sign * (value - middle) for value in arm]


def _spread_of(pair: Pair, scope: Scope) -> Spread | None:
    """Sum up the differences of a pair; None where there is none, or one is no number."""
    paired = paired_differences(pair.case.values, pair.baseline.values, scope.scale)
    if not paired or not all(map(math.isfinite, paired)):
        return None
    found = spread_of(paired, pair.step, scope.rounding)
    return found if math.isfinite(found.mean) and math.isfinite(found.std) else None


class _Test(NamedTuple):
    """The p of a difference, and that after Holm; without spread neither is a figure."""

    p: float | None
    adjusted: float


def _tested(spreads: Sequence[Spread | None]) -> tuple[list[_Test | None], int]:
    """Test the differences that may get a word; tell how many they are: the family."""
    found = {
        index: (spread, spread.p)
        for index, spread in enumerate(spreads)
        if spread is not None and spread.n >= FEWEST_PAIRS
    }
    # without spread a difference is the surest of the family, or none at all
    ranks = [1.0 if spread.identical else p or 0.0 for spread, p in found.values()]
    tests: list[_Test | None] = [None] * len(spreads)
    for (index, (_, p)), adjusted in zip(found.items(), holm(ranks), strict=True):
        tests[index] = _Test(p, adjusted)
    return tests, len(found)


def _verdict(
    pair: Pair, found: Spread | None, test: _Test | None, family: int, scope: Scope
) -> Verdict:
    failed = _failures(pair)
    if found is None:
        n = len(pair.case.values.keys() & pair.baseline.values.keys())
        why = pair.withheld or _why_nothing(pair, n, scope)
        return Verdict(n=n, note=_joined(failed, why))
    judged = _measured(found, test, scope)
    if judged.word is None:
        return replace(judged, note=_joined(failed, pair.withheld or judged.note))
    collapsed = _collapsed(pair)
    if collapsed:
        return replace(judged, word="undecided", note=_joined(failed, collapsed))
    if pair.case.failed and pair.case.failed >= pair.baseline.failed:
        return _handicapped(judged, failed)
    judged = _advised(judged, found, family, scope)
    return replace(judged, note=_joined(failed, judged.note)) if failed else judged


def _measured(found: Spread, test: _Test | None, scope: Scope) -> Verdict:
    """Give the figures and the word of differences, whatever else is known of the two sides.

    Args:
        found: The differences.
        test: What was tested of them; None where they get no word.
        scope: How the metric is judged.
    """
    shown = _shown(found.mean, scope.scale)
    interval = None
    if found.n > 1:
        half = found.half_width(1 - ALPHA)
        interval = _interval(found.mean - half, found.mean + half, scope.scale)
    if test is None:
        note = _too_few(found.n) if found.n < FEWEST_PAIRS else None
        return Verdict(n=found.n, difference=shown, ci95=interval, note=note)
    return Verdict(
        n=found.n,
        difference=shown,
        ci95=interval,
        p=test.p,
        p_adjusted=None if test.p is None else test.adjusted,
        word=_word(found, test.adjusted, scope),
        note=_unvaried(found) if shown is not None else _joined(_unvaried(found), _NO_RATIO),
    )


def _word(found: Spread, adjusted: float, scope: Scope) -> Word:
    """Choose the word (step 5); without spread the mean alone decides (step 7)."""
    size, bound = abs(found.mean), scope.bound
    if found.identical or size + found.half_width(1 - 2 * scope.alpha) < bound:
        return "same"
    if size >= bound and adjusted <= scope.alpha:
        return "better" if (found.mean > 0) == (scope.direction == "higher") else "worse"
    return "undecided"


def _unvaried(found: Spread) -> str | None:
    if found.identical:
        return f"identical on all {found.n} seeds"
    return None if found.std else NO_SPREAD


def _advised(judged: Verdict, found: Spread, family: int, scope: Scope) -> Verdict:
    """Say of what is undecided about how many seeds would decide."""
    if judged.word != "undecided":
        return judged
    needed = seeds_needed(found, scope, family)
    more = MORE_THAN_MOST if needed is None else None
    return replace(judged, seeds_needed=needed, note=_joined(judged.note, more))


def _collapsed(pair: Pair) -> str | None:
    """Say how many seeds collapsed; where some did there is no word (step 9)."""
    if not pair.case.collapsed and not pair.baseline.collapsed:
        return None
    sides = {"": pair.case, "of the baseline ": pair.baseline}
    return ", ".join(
        f"{each.collapsed} of {len(each.values)} seeds {whose}collapsed"
        for whose, each in sides.items()
        if each.collapsed
    )


def _handicapped(judged: Verdict, failed: str | None) -> Verdict:
    """Let a case that failed, and as often as its baseline, be worse at most (step 8)."""
    if judged.word == "worse":
        note = _joined(failed, "worse on the seeds that finished", judged.note)
        return replace(judged, note=note)
    return replace(judged, word="undecided", note=_joined(failed, judged.note))


def _failures(pair: Pair) -> str | None:
    """Say how many seeds failed, wherever some did (step 8)."""
    case, baseline = pair.case, pair.baseline
    if not case.failed and not baseline.failed:
        return None
    told = [f"failed {case.failed} of {case.planned}"] if case.failed else []
    if baseline.failed:
        told.append(f"the baseline failed {baseline.failed} of {baseline.planned}")
    return ", ".join(told)


def _joined(*notes: str | None) -> str | None:
    return "; ".join(each for each in notes if each) or None


def _why_nothing(pair: Pair, n: int, scope: Scope) -> str:
    if not n:
        empty = not pair.case.values or not pair.baseline.values
        return "no result" if empty else "no seed that both have"
    if paired_differences(pair.case.values, pair.baseline.values, scope.scale) is None:
        return "no ratio: a value is not positive"
    return "the difference is no finite number"


def _too_few(n: int) -> str:
    return f"{n} {'pair' if n == 1 else 'pairs'}: a word needs {FEWEST_PAIRS}"


def _shown(mean: float, scale: Scale) -> float | None:
    return ratio_of(mean) if scale == "ratio" else mean


def _interval(low: float, high: float, scale: Scale) -> Interval | None:
    """Give the two ends as they are shown; none where one is past the largest float."""
    ends = (_shown(low, scale), _shown(high, scale))
    if ends[0] is None or ends[1] is None or not all(map(math.isfinite, (low, high))):
        return None
    return ends[0], ends[1]


@functools.cache
def _distances(probability: float) -> tuple[float, ...]:
    """Tell for 2, 3 ... seeds how many spreads the mean is below its quantile: ascending."""
    return tuple(-t_quantile(probability, n - 1) / math.sqrt(n) for n in range(2, MOST_SEEDS + 1))

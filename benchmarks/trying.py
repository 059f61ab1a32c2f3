"""Try verdicts out: judge families of drawn values with the harness's own code, and count words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace
from tabulate import tabulate

from benchmarks.pools import Array
from harness.numbers.verdicts import ALPHA, LOOKS, Pair, Scope, Side, Verdict, collapses, judge

Family: TypeAlias = tuple[Verdict, ...]

WRONG = frozenset({"better", "worse"})


class Share(NamedTuple):
    """How often something was seen."""

    hits: int
    of: int

    @property
    def percent(self) -> float:
        return 100 * self.hits / self.of if self.of else math.nan

    def within(self, percent: float, errors: float = 3.0) -> bool:
        """Tell whether it is at most so much, but for so many standard errors of its count."""
        expected = percent / 100
        error = math.sqrt(expected * (1 - expected) / self.of)
        return self.hits / self.of <= expected + errors * error

    def __str__(self) -> str:
        return f"{self.percent:.1f}" if self.of else "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is judged, and how.

    Args:
        scope: How the metric is judged.
        step: The smallest change that it can show.
        flagged: Whether seeds that collapsed take words.
    """

    scope: Scope
    step: float = 0.0
    flagged: bool = False


def families(drawn: Array, trial: Trial) -> Iterator[Family]:
    """Judge each family of drawn values; the first of its arms is the baseline."""
    for arms in drawn.tolist():
        yield judge(pairs(arms, trial), trial.scope)


def pairs(arms: Sequence[Sequence[float]], trial: Trial) -> list[Pair]:
    """Make the comparisons of the arms with the first of them."""
    n = len(arms[0])
    seeds = [str(seed) for seed in range(n)]
    fallen: Sequence[int] = [0] * len(arms)
    if trial.flagged:
        fallen = collapses(arms, [trial.step] * len(arms), trial.scope.direction)
    baseline, *cases = (
        Side(values=dict(zip(seeds, arm, strict=True)), planned=n, collapsed=count)
        for arm, count in zip(arms, fallen, strict=True)
    )
    return [Pair(each, baseline, trial.step) for each in cases]


def family_wise(judged: Iterable[Family], words: frozenset[str] = WRONG) -> Share:
    """Count the families in which a comparison got one of the words."""
    found = [any(each.word in words for each in family) for family in judged]
    return Share(sum(found), len(found))


def each_of(judged: Iterable[Family], words: frozenset[str]) -> Share:
    """Count the comparisons that got one of the words."""
    found = [each.word in words for family in judged for each in family]
    return Share(sum(found), len(found))


def false_words(drawn: Array, trial: Trial) -> Share:
    """Count the families with a false *better* or *worse*: in truth no arm differs."""
    return family_wise(families(drawn, trial))


def looked(drawn: Array, trial: Trial, looks: int = len(LOOKS)) -> Iterator[Family]:
    """Judge each family at the looks of an adaptive run, until all is decided or the last is over.

    Args:
        drawn: As many values an arm as the last look sees.
        trial: What is judged.
        looks: Between how many looks the error is shared; 1: each look may be wrong at 5 %.
    """
    sharing = Trial(scope=replace(trial.scope, looks=looks), step=trial.step, flagged=trial.flagged)
    for arms in drawn.tolist():
        family: Family = ()
        for look in LOOKS:
            family = judge(pairs([each[:look] for each in arms], sharing), sharing.scope)
            if all(each.word != "undecided" for each in family):
                break
        yield family


@dataclass(slots=True)
class Table:
    """What one simulation has shown.

    Args:
        title: What it is about.
        text: What its figures are.
        headers: Of its columns.
        rows: What was found.
        broken: The figures that should have been lower, or others.
    """

    title: str
    text: str
    headers: list[str]
    rows: list[list[str]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def add(self, names: Sequence[str], shares: Sequence[Share], *, bounded: bool = False) -> None:
        """Add a row of names and shares; with `bounded`, no share may be above 5 %."""
        self.rows.append([*names, *map(str, shares)])
        if bounded:
            for place, share in enumerate(shares, start=len(names)):
                self.bound(f"{', '.join(names)}, {self.headers[place]}", share)

    def bound(self, name: str, share: Share) -> None:
        """Note a share that is above 5 % by more than chance."""
        if not share.within(100 * ALPHA):
            self.broken.append(f"{self.title}: {name}: {share} %")

    def __str__(self) -> str:
        shown = tabulate(self.rows, self.headers, tablefmt="github", disable_numparse=True)
        return f"### {self.title}\n\n{self.text}\n\n{shown}"


def slashed(shares: Iterable[Share]) -> str:
    """Print shares side by side: `4.8 / 5.1 / 4.6`."""
    return " / ".join(map(str, shares))

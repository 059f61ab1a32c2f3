"""Two runs against each other: cases matched by settings, seeds paired, each metric judged.

The head is the run that gets the word; the base is what it is compared with.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Any

from msgspec.structs import replace

from harness.comparing.environments import Environments, environments
from harness.comparing.matching import Half, halves
from harness.judging.compare import HEAVY_TAILED, Comparison, present, side_of, step_of, withheld
from harness.judging.tables import CaseSummary, MetricSummary
from harness.numbers.metrics import Meaning
from harness.numbers.verdicts import Pair, Scope, Side, Verdict, collapses, judge
from harness.records.merge import DefaultOf
from harness.records.planned import Case
from harness.records.store import StoredRun

SCHEMA = 1
"""Of the document that `bench compare --format json` prints. 1: 2026-11, first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A head against its base: case `i` of the one is case `i` of the other.

    Args:
        base: What is compared with.
        head: What gets the words.
        environments: In what their environments differ.
        factors: The addresses by which the cases are told apart.
    """

    base: Half
    head: Half
    environments: Environments
    factors: tuple[str, ...]

    @property
    def metrics(self) -> dict[str, Meaning]:
        """Name the metrics of both runs, with what the head says that they mean."""
        rows = (self.base.rows[0], self.head.rows[0])
        return {name: each.meaning for row in rows for name, each in row.metrics.items()}

    def scope(self, name: str) -> Scope:
        """Say how a metric is judged: by the margin of the base's suite."""
        meaning = self.metrics[name]
        return Scope(
            scale=meaning.scale,
            direction=meaning.direction,
            margin=self.base.plan.margins.get(name, meaning.margin),
            looks=max(1, len(self.base.run.plan.looks), len(self.head.run.plan.looks)),
        )

    def levels(self, case: int) -> dict[str, Any]:
        """Give the levels by which a case is told from the others."""
        found = self.head.plan.cases[case]
        return {each: found.levels.get(each, found.settings.get(each)) for each in self.factors}


def against(base: StoredRun, head: StoredRun, default_of: DefaultOf) -> Against:
    """Match two runs.

    Args:
        base: The run to compare with.
        head: The run that gets the words.
        default_of: What an address has where only the other run knows it.

    Raises:
        StoreError: they have no case in common.
    """
    theirs, ours = halves(base, head, default_of)
    old, new = theirs.records, ours.records
    return Against(
        base=theirs,
        head=ours,
        environments=environments([(old[each], new[each]) for each in old if each in new]),
        factors=_factors(theirs, ours),
    )


def compared(
    found: Against,
    names: Collection[str] | None = None,
    *,
    force: bool = False,
    tails: bool = True,
) -> dict[str, tuple[Comparison, ...]]:
    """Compare the cases of two runs, metric by metric; those of one metric are one family.

    Args:
        found: The runs, matched.
        names: The metrics; None: all of which a run has a figure.
        force: Whether figures of unlike environments get their words; the notes say so.
        tails: Whether a comparison in which seeds collapsed loses its word.

    Returns:
        By metric, the comparisons of the cases that have a figure in either run.
    """
    wanted = [name for name in found.metrics if names is None or name in names]
    return {name: each for name in wanted if (each := _family(found, name, force, tails))}


def document(found: Against, *, force: bool = False) -> dict[str, Any]:
    """Make what `bench compare --format json` prints."""
    judged = compared(found, force=force)
    return {
        "schema": SCHEMA,
        **heads(found),
        "forced": force,
        "comparisons": [each for family in judged.values() for each in family],
    }


def heads(found: Against) -> dict[str, Any]:
    """Make what the documents of `bench compare` and `bench gate` begin with."""
    return {
        "base": _run_document(found.base.run),
        "head": _run_document(found.head.run),
        "interleaved": found.environments.interleaved,
        "differs": found.environments.differs,
        "only_in_base": [_case_document(each) for each in found.base.only],
        "only_in_head": [_case_document(each) for each in found.head.only],
        "seeds": {
            "both": found.head.plan.seeds,
            "only_in_base": found.base.seeds,
            "only_in_head": found.head.seeds,
        },
    }


def _run_document(run: StoredRun) -> dict[str, Any]:
    return {"suite": run.run.suite, "run": run.run.id, "created": run.run.created}


def _case_document(case: Case) -> dict[str, Any]:
    return {"levels": case.levels, "settings": case.settings}


def _factors(base: Half, head: Half) -> tuple[str, ...]:
    """List the factors of the head, and those of the base that its cases differ in."""
    cases = head.plan.cases
    return (
        *head.plan.factors,
        *(
            each
            for each in base.plan.factors
            if each not in head.plan.factors
            and len({json.dumps(case.settings.get(each)) for case in cases}) > 1
        ),
    )


def _family(found: Against, name: str, force: bool, tails: bool) -> tuple[Comparison, ...]:
    """Judge one metric over all cases that have a figure of it in either run."""
    scope, voided = found.scope(name), found.environments.voided(found.metrics[name])
    rows = [
        (_with(base, name), _with(head, name))
        for base, head in zip(found.base.rows, found.head.rows, strict=True)
    ]
    places = [place for place, pair in enumerate(rows) if any(row.metrics[name].n for row in pair)]
    sides = _sides([rows[place] for place in places], name, scope, tails)
    unlike = _unlike(found, name)
    pairs = []
    for place, (base, head) in zip(places, sides, strict=True):
        old, new = rows[place]
        reason = withheld(name, new, old) or (None if force else voided)
        step = max(step_of(row.metrics[name].meaning, row) for row in (old, new))
        pairs.append(Pair(head, base, step, reason) if unlike is None else unlike)
    judged = _marked(judge(pairs, scope), pairs, voided if force else None)
    return tuple(
        _comparison(found, place, name, scope.margin, verdict)
        for place, verdict in zip(places, judged, strict=True)
    )


def _with(row: CaseSummary, name: str) -> CaseSummary:
    """Give a case a metric that only the other run knows: it has no values."""
    if name in row.metrics:
        return row
    seeds = next(iter(row.metrics.values())).values
    meaning = Meaning(name, "1", "higher", 0.0, "difference", "")
    nothing = MetricSummary(
        meaning=meaning, n=0, mean=None, std=None, ci95=None, values=dict.fromkeys(seeds)
    )
    return changed(row, metrics={**row.metrics, name: nothing})


def _sides(
    rows: Sequence[tuple[CaseSummary, CaseSummary]], name: str, scope: Scope, tails: bool
) -> list[tuple[Side, Side]]:
    """Make both sides of each case; where seeds may have collapsed, count them over all arms."""
    arms = [row for pair in rows for row in pair]
    counts: Sequence[int] = (0,) * len(arms)
    if tails and name == HEAVY_TAILED:
        steps = [step_of(row.metrics[name].meaning, row) for row in arms]
        values = [list(present(row, name).values()) for row in arms]
        counts = collapses(values, steps, scope.direction)
    made = [side_of(row, name, count) for row, count in zip(arms, counts, strict=True)]
    return list(zip(made[::2], made[1::2], strict=True))


def _unlike(found: Against, name: str) -> Pair | None:
    """Make what is judged in place of figures that do not mean the same: nothing, with a reason."""
    theirs, ours = (half.rows[0].metrics.get(name) for half in (found.base, found.head))
    nothing = Side(values={}, planned=0)
    if theirs is None or ours is None:
        who = "base" if ours is None else "head"
        return Pair(nothing, nothing, withheld=f"only the {who} has this metric")
    told = [
        f"{what} {getattr(theirs.meaning, what)} in the base, {getattr(ours.meaning, what)} in the"
        " head"
        for what in ("unit", "direction", "scale")
        if getattr(theirs.meaning, what) != getattr(ours.meaning, what)
    ]
    if not told:
        return None
    return Pair(nothing, nothing, withheld=f"another metric: {', '.join(told)}")


def _marked(
    judged: Sequence[Verdict], pairs: Sequence[Pair], voided: str | None
) -> Sequence[Verdict]:
    """Say of words that were forced why they would have been withheld."""
    if voided is None:
        return judged
    return [
        replace(each, note="; ".join(filter(None, (f"forced: {voided}", each.note))))
        if pair.withheld is None
        else each
        for each, pair in zip(judged, pairs, strict=True)
    ]


def _comparison(
    found: Against, place: int, name: str, margin: float, judged: Verdict
) -> Comparison:
    return Comparison(
        levels=found.levels(place),
        baseline=dict(found.base.plan.cases[place].levels),
        metric=name,
        difference=judged.difference,
        ci95=judged.ci95,
        p_adjusted=judged.p_adjusted,
        verdict=judged.word,
        seeds_needed=judged.seeds_needed,
        note=judged.note,
        n=judged.n,
        margin=margin,
        case=place,
        against=place,
    )

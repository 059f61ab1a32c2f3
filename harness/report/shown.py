"""Gather what pictures and pages are made of: a run, its summaries, its trials by case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.judging.compare import learning_metric
from harness.judging.tables import CaseSummary, summaries, trials_by_case
from harness.numbers.metrics import Meaning
from harness.records.naming import level_text, telling_factors
from harness.records.planned import Plan, Trial
from harness.records.record import STATUSES, Record
from harness.records.store import StoredRun, last_attempts, no_collection
from harness.showing.columns import chosen_of, metrics_of, shown_metrics
from harness.showing.page import judged_by_case
from harness.showing.raw import ByCase
from harness.units import one_line

_MOST = 44
"""Characters of what an arm is called in a picture."""

_MOST_OF_LEVEL = 17


class Ended(NamedTuple):
    """A planned trial and its last attempt; None: it was not run."""

    trial: Trial
    record: Record | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A run, ready to be shown.

    Args:
        stored: The run.
        plan: What was planned.
        rows: The summaries of its cases.
        names: The columns of the table of cases.
        judged: The comparisons of its cases with their baselines.
        trials: The trials of each case, by seed and fold.
        telling: The factors that cases are called by.
    """

    stored: StoredRun
    plan: Plan
    rows: Sequence[CaseSummary]
    names: Sequence[str]
    judged: ByCase
    trials: Mapping[int, Sequence[Ended]]
    telling: Sequence[str]

    def label(self, case: int) -> str:
        """Call a case by its number and levels: `3 relu xavier_uniform`."""
        given = self.plan.cases[case].levels
        levels = [given.get(factor) for factor in self.telling]
        texts = [one_line(level_text(each), 1000) for each in levels if each is not None]
        told = " ".join(texts)
        if len(told) > _MOST:  # a long list leaves room for what stands behind it
            told = shortened(" ".join(shortened(each, _MOST_OF_LEVEL) for each in texts))
        return f"{case + 1} {told}".rstrip()

    def meaning(self, name: str) -> Meaning:
        """Say what a metric of the run means."""
        return self.rows[0].metrics[name].meaning

    @property
    def learning(self) -> str | None:
        """The first metric that tells of learning and has a figure."""
        return next(iter(learning_metric(self.rows)), None)

    def failures(self, case: int) -> str:
        """Say how the trials of a case ended that have no figure: `diverged 2 of 3`; or nothing."""
        found = self.trials[case]
        counts = Counter("not run" if not each else each.status for _, each in found)
        told = [
            f"{status} {counts[status]} of {len(found)}"
            for status in (*STATUSES, "not run")
            if status != "ok" and counts[status]
        ]
        return ", ".join(told)


@no_collection()
def shown_of(stored: StoredRun) -> Shown:
    """Gather what is shown of a run."""
    plan = stored.plan
    rows = summaries(plan, stored.records, stored.run.meanings)
    wanted = chosen_of(plan, rows)
    names = shown_metrics(rows, wanted)
    latest = last_attempts(stored.records)
    return Shown(
        stored=stored,
        plan=plan,
        rows=rows,
        names=names,
        judged=judged_by_case(plan, rows, metrics_of(names)),
        telling=telling_factors(plan),
        trials={
            case: [Ended(each, latest.get(each.key)) for each in found]
            for case, found in trials_by_case(plan).items()
        },
    )


def shortened(text: str, most: int = _MOST) -> str:
    """Cut a text in the middle, so that its end still tells it from others."""
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def seeds_text(counts: Iterable[int]) -> str:
    """Say over how many seeds figures are: `n = 5 seeds`, `n = 2 to 5 seeds`."""
    known = sorted({each for each in counts if each})
    if not known:
        return "n = 0"
    low, high = known[0], known[-1]
    words = "seed" if high == 1 else "seeds"
    return f"n = {low} {words}" if low == high else f"n = {low} to {high} {words}"

"""A run while it goes, case by case: the figures so far, what runs, what has failed. No printing.

It takes one record after another and sums up only the cases that are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from harness.judging.tables import NO_MEANINGS, finite, meaning_of
from harness.numbers.figures import mean_text
from harness.numbers.metrics import LEARNING, MEANINGS, Meaning
from harness.numbers.statistics import mean_of, summary
from harness.records.planned import Plan, Trial
from harness.records.record import STATUSES, Record
from harness.showing.columns import chosen, default_metrics, factor_columns, picked, resolved
from harness.showing.layout import Column
from harness.units import quantity


class Board:
    """The cases of a run, as a table that fills.

    Args:
        plan: What was planned; of an adaptive run the whole of it.
        records: Those that were kept before.
        meanings: Of the metrics that plugins register.
    """

    def __init__(
        self,
        plan: Plan,
        records: Iterable[Record] = (),
        meanings: Mapping[str, Meaning] = NO_MEANINGS,
    ) -> None:
        self._plan = plan
        self._meanings = meanings
        self._trials = {each.key: each for each in plan.trials}
        self._planned = Counter(each.case for each in plan.trials)
        self._records: dict[int, dict[str, Record]] = {}
        self._running: dict[str, int] = {}
        self._changed: dict[int, None] = {}
        self._present: set[str] = set()
        for each in records:
            self.take(each)

    @property
    def failed(self) -> int:
        """Count the trials that did not end ok."""
        found = (record for each in self._records.values() for record in each.values())
        return sum(record.status != "ok" for record in found)

    def start(self, trial: Trial) -> None:
        """Hear that a trial starts."""
        self._running[trial.key] = trial.case
        self._touch(trial.case)

    def take(self, record: Record) -> None:
        """Hear that a trial has ended; the last attempt counts."""
        trial = self._trials.get(record.key)
        if trial is None:
            return
        self._running.pop(record.key, None)
        of_case = self._records.setdefault(trial.case, {})
        before = of_case.get(record.key)
        if before is None or before.attempt <= record.attempt:
            of_case[record.key] = record
        if record.status == "ok":
            self._present |= {name for name, value in record.metrics.items() if value is not None}
        self._touch(trial.case)

    def shown(self, most: int) -> list[int]:
        """Choose the cases that are shown, by index: those that changed last, then the first."""
        latest = [*reversed(self._changed), *range(len(self._plan.cases))]
        return sorted(list(dict.fromkeys(latest))[: max(most, 1)])

    def rest(self, shown: Sequence[int]) -> str:
        """Count the cases that are not shown; empty where all are."""
        hidden = set(range(len(self._plan.cases))).difference(shown)
        if not hidden:
            return ""
        ended = sum(len(self._records.get(each, ())) >= self._planned[each] for each in hidden)
        begun = sum(each in self._records for each in hidden) - ended
        cases = "1 more case" if len(hidden) == 1 else f"{len(hidden):,} more cases"
        return f"and {cases}: {ended:,} done, {begun:,} begun"

    def levels(self, shown: Sequence[int]) -> list[Column]:
        """Make the columns of the factors."""
        return factor_columns(self._plan, [self._plan.cases[each] for each in shown])

    def figures(self, shown: Sequence[int]) -> list[Column]:
        """Make the columns of the metrics: means over the seeds that have ended so far."""
        return [
            Column(header=name, cells=[self._figure(name, each) for each in shown])
            for name in self._names()
        ]

    def statuses(self, shown: Sequence[int]) -> Column:
        """Make the column that counts how trials ended, and how many run."""
        return Column(header="status", cells=[self._status(each) for each in shown])

    def _touch(self, case: int) -> None:
        self._changed.pop(case, None)
        self._changed[case] = None

    def _names(self) -> list[str]:
        known = (*MEANINGS, *sorted(self._present.difference(MEANINGS)))
        wanted = chosen(self._plan, (), known)
        if wanted:
            return picked(wanted, known)
        return default_metrics(self._present, ok=bool(self._present))

    def _figure(self, name: str, case: int) -> str:
        metric = resolved(name, self._plan.cases[case])
        meaning = meaning_of(metric, self._meanings)
        by_seed: dict[int, list[float]] = {}
        for record in self._records.get(case, {}).values():
            value = finite(record.metrics.get(metric)) if record.status == "ok" else None
            if value is not None:
                by_seed.setdefault(record.seed, []).append(value)
        if not by_seed:
            return "-"
        found = summary([mean_of(each) for each in by_seed.values()])
        if name in LEARNING:
            return mean_text(found.mean, found.std, found.n, meaning)
        return quantity(found.mean, meaning.unit)

    def _status(self, case: int) -> str:
        counts = Counter(each.status for each in self._records.get(case, {}).values())
        running = sum(each == case for each in self._running.values())
        parts = [f"{each} {counts[each]}" for each in STATUSES if counts[each]]
        parts += [f"running {running}"] if running else []
        return ", ".join(parts) or "-"

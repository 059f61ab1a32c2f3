"""Cases that a test session runs: planned when tests are collected, run once, looked at by tests.

`pytest_plugin` is what pytest loads; nothing of this is imported before a test asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import api
from harness.errors import SuiteError
from harness.judging.tables import CaseSummary, MetricSummary, summaries, trials_by_case
from harness.records.naming import level_text
from harness.records.planned import Case
from harness.records.record import FAILED, Record
from harness.records.store import StoredRun, last_attempts, read_run
from harness.showing.columns import picked, resolved
from harness.showing.rounds import Rounds, case_name, extra_info, rounds_of
from harness.units import one_line, quantity

_MOST_REASONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a test asks for; the fields are those of `harness.run`."""

    suite: Any = None
    settings: tuple[str, ...] = ()
    seeds: Any = None
    data_root: str | Path | None = None
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BenchCase:
    """A case that has been run, for a test to look at; metrics go by the names of tables.

    Attributes:
        stored: The run that it is of.
        row: Its figures over the seeds.
    """

    stored: StoredRun
    row: CaseSummary

    @property
    def name(self) -> str:
        """Its levels, addresses in full; `one case` where nothing varies."""
        return case_name(self.row)

    @property
    def levels(self) -> Mapping[str, Any]:
        """The level of every factor."""
        return self.row.case.levels

    @property
    def folder(self) -> Path:
        """Where the run is kept."""
        return self.stored.folder

    @property
    def rounds(self) -> Rounds:
        """Its times, a round a seed."""
        return rounds_of(self.row)

    @property
    def records(self) -> list[Record]:
        """The records of its trials: the last attempt of each, by seed and fold."""
        place = self.stored.plan.cases.index(self.row.case)
        latest = last_attempts(self.stored.records)
        trials = trials_by_case(self.stored.plan)[place]
        return [latest[each.key] for each in trials if each.key in latest]

    def values(self, metric: str) -> dict[str, float | None]:
        """Give the figures of a metric by seed, in SI units and bytes; None where there is none.

        Raises:
            UnknownName: the run has no such metric.
        """
        return dict(self._figures(metric).values)

    def mean(self, metric: str) -> float | None:
        """Give the mean of a metric over the seeds. Errors are those of `values`."""
        return self._figures(metric).mean

    def __repr__(self) -> str:
        return f"<BenchCase {one_line(self.name)}>"

    def extra_info(self) -> dict[str, Any]:
        """Make what stands beside its times in pytest-benchmark's JSON."""
        return extra_info(self.stored, self.row)

    def expect(self, metric: str, *, min: float | None = None, max: float | None = None) -> None:  # noqa: A002  # as suites call them
        """Assert that the metric of every seed lies within bounds.

        Args:
            metric: Its name.
            min: The lowest figure that may be, in the metric's unit.
            max: The highest.

        Raises:
            AssertionError: a seed lies outside, or has no figure; every seed's figure is told.
            UnknownName: the run has no such metric.
            SuiteError: there is no bound.
        """
        __tracebackhide__ = True
        if min is None and max is None:
            raise SuiteError(f"expect {metric!r} to be what? give min=, max= or both")
        values = self.values(metric)
        outside = [seed for seed, value in values.items() if not _within(value, min, max)]
        if outside:
            raise AssertionError(self._told(metric, values, outside, min, max))

    def _figures(self, metric: str) -> MetricSummary:
        known = tuple(self.row.metrics)
        [name, *_] = picked([metric], known)
        return self.row.metrics[resolved(name, self.row.case)]

    def _told(
        self,
        metric: str,
        values: Mapping[str, float | None],
        outside: Sequence[str],
        low: float | None,
        high: float | None,
    ) -> str:
        unit = self._figures(metric).meaning.unit
        told = {
            seed: "no figure" if value is None else quantity(value, unit)
            for seed, value in values.items()
        }
        bounds = [
            f"{word} {quantity(bound, unit)}"
            for word, bound in (("at least", low), ("at most", high))
            if bound is not None
        ]
        seed = outside[0]
        more = f" (and {len(outside) - 1} more)" if len(outside) > 1 else ""
        return (
            f"{metric} is {told[seed]} on seed {seed}{more}, not {' and '.join(bounds)}"
            f" ({one_line(self.name)})\n"
            f"by seed: {', '.join(f'{seed}: {each}' for seed, each in told.items())}\n"
            f"the run is kept in {self.folder}"
        )


def plan_of(asked: Asked) -> list[str]:
    """Name the cases that a test asks for, in the order of the plan; nothing is run.

    Raises:
        BenchError: a name is unknown, or a value does not fit.
    """
    _, _, plan = api.planned(
        asked.suite,
        asked.settings,
        seeds=asked.seeds,
        data_root=asked.data_root,
        plugins=asked.plugins,
    )
    names = [
        "-".join(f"{address}={level}" for address, level in _given(each)) for each in plan.cases
    ]
    return [one_line(name) or "case" for name in names]


def cases_of(asked: Asked, results: Path) -> list[BenchCase]:
    """Run what a test asks for, every trial in a process of its own, and give its cases.

    Raises:
        BenchError: as `harness.run` does.
    """
    run = api.run(
        asked.suite,
        *asked.settings,
        seeds=asked.seeds,
        results=results,
        data_root=asked.data_root,
        plugins=asked.plugins,
        quiet=True,
    )
    stored = read_run(run.folder)
    rows = summaries(stored.plan, stored.records, stored.run.meanings)
    return [BenchCase(stored, row) for row in rows]


def failure(case: BenchCase) -> str | None:
    """Say which trials of a case failed, and why; None where none did."""
    failed = [each for each in case.records if each.status in FAILED]
    if not failed:
        return None
    told = [
        f"  seed {each.seed}: {each.status}: {one_line(each.reason or '', 400)}"
        for each in failed[:_MOST_REASONS]
    ]
    if len(failed) > _MOST_REASONS:
        told.append(f"  ... and {len(failed) - _MOST_REASONS} more")
    first = f"{len(failed)} of {case.row.planned} trials of {one_line(case.name)} failed:"
    return "\n".join([first, *told, f"the run is kept in {case.folder}"])


def why_skipped(case: BenchCase) -> str | None:
    """Say why no trial of a case was run: this machine, or this combination, cannot."""
    if set(case.row.statuses) <= {"skipped", "unsupported"}:
        return "; ".join(case.row.reasons) or "no trial was run"
    return None


def replay(case: BenchCase, benchmark: Any, clock: Clock) -> None:
    """Give a case's times to pytest-benchmark's fixture, a round a seed.

    Args:
        case: One with at least one time.
        benchmark: The fixture, made with `clock` as its timer.
        clock: Moves by a round's time whenever the fixture runs one.
    """
    left = iter(case.rounds.seconds.values())
    benchmark.extra_info.update(case.extra_info())
    benchmark.params = dict(case.levels) or None
    benchmark.pedantic(lambda: clock.move(next(left)), rounds=len(case.rounds.seconds))


class Clock:
    """A timer that stands still until it is moved, in seconds."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        """Read it."""
        return self._now_s

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._now_s += seconds


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def _given(case: Case) -> list[tuple[str, str]]:
    return [
        (address.rpartition(".")[2], level_text(level))
        for address, level in case.levels.items()
        if level is not None
    ]

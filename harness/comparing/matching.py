"""Match the cases of two runs by their settings, and pair their trials by seed.

An address that only one run knows (an option that a newer plugin added) must be at its default.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from harness.errors import BenchError, StoreError
from harness.judging.tables import CaseSummary, summaries
from harness.records.merge import DefaultOf, completer
from harness.records.naming import level_text
from harness.records.planned import Case, Plan
from harness.records.record import NOT_IN_KEY, Record
from harness.records.store import StoredRun, last_attempts
from harness.suites.settings import root_of
from harness.units import one_line

_UNKNOWN = "\0unknown"
"""In place of a default that nobody tells: equal to no value."""

_MOST_TOLD, _MOST_SEARCHED = 4, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """What two runs have in common, of one of them.

    Args:
        run: The run.
        plan: The part of its plan that both have: a case a match, and the seeds of both.
        rows: The summaries of these cases.
        records: The last attempts of these trials, by case, seed and fold.
        only: Cases that the other run has not.
        seeds: Seeds that the other run has not.
    """

    run: StoredRun
    plan: Plan
    rows: tuple[CaseSummary, ...]
    records: Mapping[tuple[int, int, int | None], Record]
    only: tuple[Case, ...]
    seeds: tuple[int, ...]


def halves(base: StoredRun, head: StoredRun, default_of: DefaultOf) -> tuple[Half, Half]:
    """Take out of two runs what both have: case `i` of the one part is case `i` of the other.

    Raises:
        StoreError: they have no case in common.
    """
    pairs = matches(base.plan, head.plan, default_of, (name_of(base), name_of(head)))
    trials = [_common(base.plan, head.plan, *pair) for pair in pairs]
    return (
        _half(base, head, dict(zip((each for each, _ in pairs), trials, strict=True))),
        _half(head, base, dict(zip((each for _, each in pairs), trials, strict=True))),
    )


def matches(
    base: Plan, head: Plan, default_of: DefaultOf, names: tuple[str, str]
) -> list[tuple[int, int]]:
    """Find the cases that two plans have in common, by their indices in the one and the other.

    Args:
        base: One plan.
        head: The other.
        default_of: What an address has where only the other plan knows it.
        names: What messages call the two.

    Raises:
        StoreError: there is none; the message says what differs.
    """
    theirs, ours, unknown = _named(base, head, default_of)
    found = [(theirs[name], ours[name]) for name in theirs if name in ours]
    if not found:
        told = "; ".join([_nearest(theirs, ours, names), *unknown])
        raise StoreError(f"{names[0]} and {names[1]} have no case in common: {told}")
    return found


def part_of(plan: Plan, cases: Sequence[int], keys: Collection[str]) -> Plan:
    """Give a part of a plan: some of its cases, in this order, with some of their trials.

    Args:
        plan: The whole.
        cases: Indices of cases.
        keys: Of trials.
    """
    places = {case: place for place, case in enumerate(cases)}
    kept = [each for each in plan.trials if each.key in keys and each.case in places]
    seeds = {each.seed for each in kept}
    found = [plan.cases[each] for each in cases]
    return replace(
        plan,
        seeds=tuple(each for each in plan.seeds if each in seeds),
        cases=tuple(replace(each, baseline=_moved(each.baseline, places)) for each in found),
        trials=tuple(replace(each, case=places[each.case]) for each in kept),
        expectations=(),
        looks=(),
    )


def name_of(run: StoredRun) -> str:
    """Name a run in a sentence: `init/20261121T101500Z-3f2a`."""
    return one_line(f"{run.run.suite}/{run.run.id or run.folder.name}")


def _moved(baseline: int | None, places: Mapping[int, int]) -> int | None:
    return None if baseline is None else places.get(baseline)


def _named(
    base: Plan, head: Plan, default_of: DefaultOf
) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """Name the cases of two plans by all that a trial depends on, defaults filled in.

    Returns:
        The indices of both by these names, and why a default is not known, the first reason.
    """
    unknown: list[str] = []

    def known(settings: Mapping[str, Any], address: str) -> Any:
        try:
            return default_of(settings, address)
        except BenchError as error:
            unknown[:] = unknown or [str(error)]
            return _UNKNOWN

    settings = (case.settings for plan in (base, head) for case in plan.cases)
    whole = completer(settings, known)

    def name(case: Case) -> str:
        kept = {key: each for key, each in whole(case.settings).items() if key not in NOT_IN_KEY}
        return json.dumps(kept, sort_keys=True)

    theirs = {name(case): place for place, case in enumerate(base.cases)}
    ours = {name(case): place for place, case in enumerate(head.cases)}
    return theirs, ours, unknown


def _nearest(theirs: Mapping[str, int], ours: Mapping[str, int], names: tuple[str, str]) -> str:
    """Say in what the two cases differ that are most alike."""
    found = min(
        (
            _unlike(json.loads(base), json.loads(head))
            for base in list(theirs)[:_MOST_SEARCHED]
            for head in list(ours)[:_MOST_SEARCHED]
        ),
        key=len,
    )
    told = [
        f"{address} is {_level(base)} in {names[0]} and {_level(head)} in {names[1]}"
        for address, (base, head) in list(found.items())[:_MOST_TOLD]
    ]
    more = f", and {len(found) - _MOST_TOLD} more differ" if len(found) > _MOST_TOLD else ""
    return one_line(", ".join(told), 600) + more


def _unlike(base: Mapping[str, Any], head: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """List what differs; where another definition stands, its options say nothing more."""
    names = [each for each in {**base, **head} if base.get(each) != head.get(each)]
    return {
        name: (base.get(name), head.get(name))
        for name in names
        if name == root_of(name) or root_of(name) not in names
    }


def _level(value: Any) -> str:
    if value == _UNKNOWN:
        return "not known"
    return "none" if value is None else level_text(value)


def _common(base: Plan, head: Plan, old: int, new: int) -> set[tuple[int, int | None]]:
    """List the seeds and folds that both plans have of a case."""
    theirs = {(each.seed, each.fold) for each in base.trials if each.case == old}
    return theirs & {(each.seed, each.fold) for each in head.trials if each.case == new}


def _half(
    run: StoredRun, other: StoredRun, wanted: Mapping[int, Collection[tuple[int, int | None]]]
) -> Half:
    keys = {
        each.key for each in run.plan.trials if (each.seed, each.fold) in wanted.get(each.case, ())
    }
    plan = part_of(run.plan, list(wanted), keys)
    latest = last_attempts(run.records)
    return Half(
        run=run,
        plan=plan,
        rows=summaries(plan, run.records, run.run.meanings),
        records={
            (each.case, each.seed, each.fold): latest[each.key]
            for each in plan.trials
            if each.key in latest
        },
        only=tuple(each for place, each in enumerate(run.plan.cases) if place not in wanted),
        seeds=tuple(each for each in run.plan.seeds if each not in other.plan.seeds),
    )

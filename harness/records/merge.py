"""Several runs as one: cases matched by settings, records of all, nothing that contradicts.

An address that only some runs know (an option that a newer plugin added) must be at its default.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from harness.errors import StoreError
from harness.records.impossible import unlike, without_unlike
from harness.records.planned import Case, Expectation, Plan, Trial
from harness.records.record import Record, trial_key
from harness.records.store import RunFile, StoredRun
from harness.suites.settings import DEFINITION_ROOTS, root_of

DefaultOf: TypeAlias = Callable[[Mapping[str, Any], str], Any]
"""From the settings of a case and an address that they lack to its default."""


def merged(runs: Sequence[StoredRun], default_of: DefaultOf) -> tuple[RunFile, list[Record]]:
    """Merge runs.

    Args:
        runs: At least one; the first gives the name of the suite.
        default_of: What an address has where a run does not know it.

    Raises:
        StoreError: two records of one trial, environment and attempt differ.
    """
    cases = (case.settings for each in runs for case in each.run.plan.cases)
    whole = completer(cases, default_of)
    plan = _plan([each.plan for each in runs], whole)
    meanings = {key: each for stored in reversed(runs) for key, each in stored.run.meanings.items()}
    unlikes = [unlike(meanings, each.run.meanings) for each in runs]
    notes = [
        f"{name} of {stored.folder} is left out: {told}"
        for stored, found in zip(runs, unlikes, strict=True)
        for name, told in found.items()
    ]
    first = runs[0].run
    run = RunFile(
        suite=plan.suite,
        environment=_common([each.run.environment for each in runs]),
        plugins=list(dict.fromkeys(name for each in runs for name in each.run.plugins)),
        sources=_common([each.run.sources for each in runs]),
        options={**first.options, "jobs": max(each.run.options.get("jobs", 1) for each in runs)},
        meanings=meanings,
        plan=msgspec.structs.replace(plan, notes=(*plan.notes, *notes)),
    )
    return run, _records(runs, plan, whole, unlikes)


def completer(
    all_settings: Iterable[Mapping[str, Any]], default_of: DefaultOf
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Make what adds to settings the addresses that others of them know, at their defaults.

    What it gives is plain, as JSON has it: cases are the same where it gives the same.
    """
    known = _known_addresses(all_settings)
    return lambda settings: _completed(settings, known, default_of)


def _plan(plans: Sequence[Plan], whole: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Plan:
    factors = _factors(plans, whole)
    places: dict[str, int] = {}
    cases: list[Case] = []
    baselines: list[Mapping[str, Any] | None] = []
    for plan in plans:
        for case in plan.cases:
            settings = whole(case.settings)
            if _name(settings) not in places:
                places[_name(settings)] = len(cases)
                cases.append(_case(case, settings, factors))
                base = None if case.baseline is None else plan.cases[case.baseline]
                baselines.append(None if base is None else whole(base.settings))
    linked = [
        case if base is None else msgspec.structs.replace(case, baseline=places[_name(base)])
        for case, base in zip(cases, baselines, strict=True)
    ]
    seeds = dict.fromkeys(seed for plan in plans for seed in plan.seeds)
    return Plan(
        suite=plans[0].suite,
        summary=plans[0].summary,
        seed=plans[0].seed,
        seeds=tuple(seeds),
        factors=factors,
        cases=tuple(linked),
        trials=_trials(plans, places, whole),
        expectations=_expectations(plans, places, whole),
        margins={key: each for plan in reversed(plans) for key, each in plan.margins.items()},
        columns=plans[0].columns,
        notes=tuple(dict.fromkeys(note for plan in plans for note in plan.notes)),
        # whoever looked at a part may have chosen by it: the error stays shared
        looks=(len(seeds),) * max(len(plan.looks) for plan in plans),
        base={
            address: level
            for address, level in plans[0].base.items()
            if address not in factors and all(plan.base.get(address) == level for plan in plans)
        },
    )


def _factors(
    plans: Sequence[Plan], whole: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> tuple[str, ...]:
    """List the factors of all runs, and the addresses by which cases of equal levels differ."""
    factors = dict.fromkeys(address for plan in plans for address in plan.factors)
    groups: dict[str, list[dict[str, Any]]] = {}
    for plan in plans:
        for case in plan.cases:
            settings = whole(case.settings)
            levels = [case.levels.get(address, settings.get(address)) for address in factors]
            groups.setdefault(json.dumps(levels), []).append(settings)
    for group in groups.values():
        for address in dict.fromkeys(address for settings in group for address in settings):
            if len({json.dumps(settings.get(address)) for settings in group}) > 1:
                factors[address] = None
    return tuple(factors)


def _case(case: Case, settings: dict[str, Any], factors: Sequence[str]) -> Case:
    levels = {address: case.levels.get(address, settings.get(address)) for address in factors}
    return msgspec.structs.replace(case, settings=settings, levels=levels, baseline=None)


def _trials(
    plans: Sequence[Plan],
    places: Mapping[str, int],
    whole: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> tuple[Trial, ...]:
    trials: dict[str, Trial] = {}
    for plan in plans:
        for trial in plan.trials:
            settings = whole(plan.cases[trial.case].settings)
            key = trial_key(settings, trial.seed, trial.fold)
            place = places[_name(settings)]
            trials.setdefault(key, msgspec.structs.replace(trial, case=place, key=key))
    return tuple(trials.values())


def _expectations(
    plans: Sequence[Plan],
    places: Mapping[str, int],
    whole: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> tuple[Expectation, ...]:
    """Keep each expectation once, about the cases of all runs that have it."""
    found: dict[str, Expectation] = {}
    for plan in plans:
        moved = [places[_name(whole(case.settings))] for case in plan.cases]
        for each in plan.expectations:
            known = found.get(each.text)
            found[each.text] = (
                _moved(each, moved) if known is None else _joined(known, _moved(each, moved))
            )
    return tuple(found.values())


def _moved(expectation: Expectation, places: Sequence[int]) -> Expectation:
    others = {
        claim: tuple(places[case] for case in cases)
        for claim in ("better_than", "same_as")
        if (cases := getattr(expectation, claim)) is not None
    }
    cases = tuple(places[case] for case in expectation.cases)
    return msgspec.structs.replace(expectation, cases=cases, **others)


def _joined(known: Expectation, more: Expectation) -> Expectation:
    new = [place for place, case in enumerate(more.cases) if case not in known.cases]
    joined: dict[str, Any] = {}
    for claim in ("cases", "better_than", "same_as"):
        ours, theirs = getattr(known, claim), getattr(more, claim)
        if ours is not None and theirs is not None:
            joined[claim] = (*ours, *(theirs[place] for place in new))
    return msgspec.structs.replace(known, **joined)


def _records(
    runs: Sequence[StoredRun],
    plan: Plan,
    whole: Callable[[Mapping[str, Any]], dict[str, Any]],
    unlikes: Sequence[Mapping[str, str]],
) -> list[Record]:
    """Put the records in the order of the runs; attempts of one trial are counted through."""
    levels = {trial.key: plan.cases[trial.case].levels for trial in plan.trials}
    seen: set[str | bytes] = set()
    attempts: dict[str, int] = {}
    kept = []
    for stored, unlike_here in zip(runs, unlikes, strict=True):
        for record in stored.records:
            settings = whole(record.settings)
            key = trial_key(settings, record.seed, record.fold)
            moved = msgspec.structs.replace(
                record, key=key, settings=settings, levels=levels.get(key, record.levels)
            )
            if _is_new(moved, seen, stored):
                attempts[key] = attempts.get(key, 0) + 1
                moved = without_unlike(moved, unlike_here)
                kept.append(msgspec.structs.replace(moved, attempt=attempts[key]))
    return kept


def _is_new(record: Record, seen: set[str | bytes], stored: StoredRun) -> bool:
    """Tell whether a record was not seen before, under whatever attempt a merge has counted it.

    Raises:
        StoreError: another record of that trial, environment and attempt says something else.
    """
    name = f"{record.key} {record.attempt} {json.dumps(record.environment, sort_keys=True)}"
    content = msgspec.json.encode(msgspec.structs.replace(record, levels={}, attempt=0))
    if content in seen:
        return False
    if name in seen:
        raise StoreError(
            f"{stored.folder} contradicts a run before it: trial {record.key} (seed {record.seed},"
            f" attempt {record.attempt}) was recorded in the same environment with other content"
        )
    seen |= {name, content}
    return True


def _known_addresses(all_settings: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, None]]:
    """List the addresses that any run knows, by what chooses them: `model=mlp`, or the protocol."""
    known: dict[str, dict[str, None]] = {}
    for settings in all_settings:
        for address in settings:
            known.setdefault(_chooser(settings, address), {})[address] = None
    return known


def _chooser(settings: Mapping[str, Any], address: str) -> str:
    root = root_of(address)
    return f"{root}={settings.get(root)}" if address != root and root in DEFINITION_ROOTS else ""


def _completed(
    settings: Mapping[str, Any], known: Mapping[str, Mapping[str, None]], default_of: DefaultOf
) -> dict[str, Any]:
    """Add the addresses that another run knows, at their defaults; values as JSON has them."""
    addresses = dict(known.get("", {}))
    for root in DEFINITION_ROOTS:
        addresses |= known.get(f"{root}={settings.get(root)}", {})
    complete = {
        address: settings[address] if address in settings else default_of(settings, address)
        for address in addresses
    }
    plain: dict[str, Any] = json.loads(json.dumps(complete))
    return plain


def _common(tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Keep what all tables agree on; where they differ, list what they say."""
    names = dict.fromkeys(name for each in tables for name in each)
    common: dict[str, Any] = {}
    for name in names:
        values = {json.dumps(each.get(name)): each.get(name) for each in tables}
        one = len(values) == 1
        common[name] = next(iter(values.values())) if one else "; ".join(map(str, values.values()))
    return common


def _name(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)

"""The plan: from a draft to checked, ordered trials. Nothing here imports torch."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.design import Assignment, Axis, axis, combine
from harness.draft import Draft, Expected
from harness.errors import SuiteError
from harness.planned import Case, Expectation, Plan, Trial
from harness.record import STATUSES, trial_key
from harness.registry import Registry
from harness.resolve import Resolved, Resolver, check_metric_name
from harness.settings import DEFINITION_ROOTS, Level, plain, text
from harness.units import one_line

MOST_TRIALS = 1_000_000


@dataclass(slots=True)
class _Drawn:
    """A case being planned: how it came about, and its settings."""

    assignment: Assignment
    resolved: Resolved
    key: str


@dataclass(slots=True)
class _Planner:
    draft: Draft
    resolver: Resolver
    forgiving: bool
    notes: list[str] = field(default_factory=list)
    cases: list[_Drawn] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def forgive(self, told: str) -> None:
        """Note a part that an override has left without meaning; refuse it in a file as written."""
        if not self.forgiving:
            raise SuiteError(f"suite {self.draft.name!r}: {told}")
        self.notes.append(f"{told}: dropped")


def make_plan(
    draft: Draft,
    registry: Registry,
    *,
    overridden: bool = False,
    seed: int = 0,
    absent: Callable[[str], str | None] = lambda _: None,
) -> Plan:
    """Check a draft and plan its trials.

    Args:
        draft: The suite, with the overrides of the command line in it.
        registry: Where names are looked up.
        overridden: Whether the command line changed the suite: parts that then match nothing are
            dropped with a note.
        seed: The plan's own: it shuffles the cases of each seed.
        absent: Why a device is expected to be absent here; None: it is not.

    Raises:
        BenchError: a name is unknown, a value does not fit, or a part of the suite matches nothing.
    """
    planner = _Planner(draft, Resolver(registry), overridden)
    _draw_cases(planner)
    _check_options_applied(planner)
    factors = _factors(draft)
    baselines = _baselines(planner)
    cases = tuple(
        _case(planner, drawn, factors, baseline, absent)
        for drawn, baseline in zip(planner.cases, baselines, strict=True)
    )
    expectations = tuple(
        each for expected in draft.expect for each in _expectation(planner, expected)
    )
    for metric in draft.margins:
        check_metric_name(registry, metric, f"suite {draft.name!r}: margins")
    return Plan(
        suite=draft.name,
        summary=draft.summary,
        seed=seed,
        seeds=draft.seeds,
        factors=factors,
        cases=cases,
        trials=_trials([drawn.key for drawn in planner.cases], cases, draft.seeds, seed),
        expectations=expectations,
        margins=dict(draft.margins),
        notes=tuple(planner.notes),
    )


def _draw_cases(planner: _Planner) -> None:
    draft = planner.draft
    axes = _axes(draft)
    _check_size(draft, axes)
    drawn = [(each, True) for each in combine(draft.design, axes)] + [
        (each, False) for each in draft.include
    ]
    for pattern in draft.exclude:
        planner.resolver.check_pattern(pattern)
    hits = [0] * len(draft.exclude)
    merged = 0
    for assignment, may_be_excluded in drawn:
        resolved = planner.resolver.resolve(draft.base, assignment)
        if may_be_excluded and _excluded(planner, resolved, hits):
            continue
        key = repr(sorted(resolved.settings.items()))
        if key in planner.places:
            merged += 1
            continue
        planner.places[key] = len(planner.cases)
        planner.cases.append(_Drawn(assignment, resolved, key))
    for pattern, hit in zip(draft.exclude, hits, strict=True):
        if not hit:
            planner.forgive(f"exclude {_words(pattern)} matches no case")
    if merged:
        planner.notes.append(
            f"{merged} of {len(drawn)} combinations are equal to others: each is run once"
        )
    if not planner.cases:
        raise SuiteError(f"suite {draft.name!r} has no cases left: everything is excluded")


def _axes(draft: Draft) -> list[Axis]:
    axes = [axis(address, levels) for address, levels in draft.factors.items()]
    return [*axes, draft.together] if draft.together else axes


def _factors(draft: Draft) -> tuple[str, ...]:
    columns = [*draft.factors, *(draft.together[0] if draft.together else ())]
    added = [address for row in draft.include for address in row]
    return tuple(dict.fromkeys([*columns, *added]))


def _check_size(draft: Draft, axes: Sequence[Axis]) -> None:
    size = math.prod(len(each) for each in axes) if draft.design == "product" else 1
    if size * len(draft.seeds) > MOST_TRIALS:
        raise SuiteError(
            f"suite {draft.name!r} has {size * len(draft.seeds):,} trials: "
            f"{MOST_TRIALS:,} is the most"
        )


def _excluded(planner: _Planner, resolved: Resolved, hits: list[int]) -> bool:
    found = [
        place
        for place, pattern in enumerate(planner.draft.exclude)
        if planner.resolver.matches(pattern, resolved.settings)
    ]
    for place in found:
        hits[place] += 1
    return bool(found)


def _check_options_applied(planner: _Planner) -> None:
    applied = {address for drawn in planner.cases for address in drawn.resolved.applied}
    draft = planner.draft
    given = [*draft.base, *draft.factors, *(address for row in draft.together for address in row)]
    for address in dict.fromkeys(given):
        root = address.partition(".")[0]
        if address == root or address in applied or f"{root}." in applied:
            continue
        chosen = sorted({str(each.resolved.settings[root]) for each in planner.cases})
        planner.forgive(
            f"{address} applies to no case: {root} {' and '.join(chosen)} has no such option"
        )


def _case(
    planner: _Planner,
    drawn: _Drawn,
    factors: Sequence[str],
    baseline: int | None,
    absent: Callable[[str], str | None],
) -> Case:
    settings = drawn.resolved.settings
    reason = drawn.resolved.refused
    missing = absent(str(settings["device"]))
    return Case(
        settings=dict(settings),
        levels={address: _shown(planner, drawn, address) for address in factors},
        baseline=baseline,
        expected="unsupported" if reason else "skipped" if missing else None,
        reason=reason or missing,
    )


def _shown(planner: _Planner, drawn: _Drawn, address: str) -> object:
    """Give the level of a factor in a case: as it was given; None where it does not apply."""
    settings = drawn.resolved.settings
    if address not in settings:
        return None
    given = drawn.assignment if address in drawn.assignment else planner.draft.base
    if address not in given:
        return "none" if settings[address] is None else settings[address]
    level = given[address]
    return text(level) if level is None or address in DEFINITION_ROOTS else plain(level)


def _baselines(planner: _Planner) -> list[int | None]:
    pattern = planner.draft.baseline
    if pattern is not None:
        found = [_counterpart(planner, drawn, pattern) for drawn in planner.cases]
        if any(each is not None for each in found):
            return found
        planner.resolver.check_pattern(pattern)
        planner.forgive(f"baseline {_words(pattern)} is in no case")
    first = _first(planner)
    if first is None and len(planner.cases) > 1:
        planner.notes.append("the first level of every factor is excluded: no case is compared")
    return [first] * len(planner.cases)


def _first(planner: _Planner) -> int | None:
    draft = planner.draft
    rows = [] if draft.design == "ablate" else [each[0] for each in _axes(draft)]
    assignment = {address: level for row in rows for address, level in row.items()}
    return _place(planner, assignment)


def _counterpart(planner: _Planner, drawn: _Drawn, pattern: Mapping[str, Level]) -> int | None:
    """Find the case with the levels of a pattern in place of its own."""
    replaced = {address: _snapped(planner, address, level) for address, level in pattern.items()}
    return _place(planner, {**drawn.assignment, **replaced})


def _snapped(planner: _Planner, address: str, level: Level) -> Level:
    """Take a factor's level where a pattern names it by less: `normal` for `normal[std=1]`."""
    draft = planner.draft
    known = [
        *draft.factors.get(address, ()),
        *(row[address] for row in draft.together if address in row),
    ]
    if text(level) in {text(each) for each in known} or address not in DEFINITION_ROOTS:
        return level
    named = [each for each in known if text(each).partition("[")[0] == text(level)]
    return named[0] if len(named) == 1 else level


def _place(planner: _Planner, assignment: Assignment) -> int | None:
    try:
        resolved = planner.resolver.resolve(planner.draft.base, assignment)
    except SuiteError:  # an option that is given by itself and in brackets: no such case
        return None
    return planner.places.get(repr(sorted(resolved.settings.items())))


def _expectation(planner: _Planner, expected: Expected) -> list[Expectation]:
    expect = expected.expect
    where = f"suite {planner.draft.name!r}: expect"
    if expect.metric is not None:
        check_metric_name(planner.resolver.registry, expect.metric, where)
    if expect.status is not None and expect.status not in STATUSES:
        raise SuiteError(f"{where}: status {expect.status!r} is none of {', '.join(STATUSES)}")
    planner.resolver.check_pattern(expected.where)
    matched = [
        place
        for place, drawn in enumerate(planner.cases)
        if planner.resolver.matches(expected.where, drawn.resolved.settings)
    ]
    others = {
        claim: [_counterpart(planner, planner.cases[place], pattern) for place in matched]
        for claim, pattern in (("better_than", expected.better_than), ("same_as", expected.same_as))
        if pattern is not None
    }
    if not matched or any(None in each for each in others.values()):
        planner.forgive(f"expect: {_sentence(expected)} matches no case")
        return []
    compared = {
        claim: tuple(each for each in found if each is not None) for claim, found in others.items()
    }
    return [
        Expectation(
            text=_sentence(expected),
            cases=tuple(matched),
            metric=expect.metric,
            min=expect.min,
            max=expect.max,
            status=expect.status,
            of=expect.of,
            share=expect.share,
            epoch=expect.epoch,
            by_epoch=expect.by_epoch,
            **compared,
        )
    ]


def _sentence(expected: Expected) -> str:
    expect = expected.expect
    subject = _words(expected.where) if expected.where else "every case"
    if expect.status is not None and expect.metric is None:
        return f"status of {subject} is {expect.status}"
    of = "median " if expect.of == "median" else ""
    parts = []
    if expect.min is not None:
        parts.append(f"at least {expect.min:g}")
    if expect.max is not None:
        parts.append(f"at most {expect.max:g}")
    if expected.better_than is not None:
        parts.append(f"better than {_words(expected.better_than)}")
    if expected.same_as is not None:
        parts.append(f"the same as {_words(expected.same_as)}")
    when = f" after epoch {expect.epoch}" if expect.epoch else ""
    when += f" at some epoch up to {expect.by_epoch}" if expect.by_epoch else ""
    share = f" on {expect.share:.0%} of the seeds" if expect.share < 1 else ""
    return f"{of}{expect.metric} of {subject} is {' and '.join(parts)}{when}{share}"


def _words(pattern: Mapping[str, Level]) -> str:
    return one_line(" ".join(f"{address}={text(level)}" for address, level in pattern.items()))


def _trials(
    keys: Sequence[str], cases: Sequence[Case], seeds: Sequence[int], plan_seed: int
) -> tuple[Trial, ...]:
    """Order trials seed by seed, each seed's cases shuffled, so that drift hits all arms alike.

    The place of a case depends on its settings, not on its place in the suite.
    """
    trials = []
    by_settings = sorted(range(len(cases)), key=lambda place: keys[place])
    for seed in seeds:
        order = list(by_settings)
        random.Random(f"{plan_seed}/{seed}").shuffle(order)  # noqa: S311  # an order, not a secret
        trials += [
            Trial(case=place, seed=seed, key=trial_key(cases[place].settings, seed))
            for place in order
        ]
    return tuple(trials)

"""The plan: from a draft to checked, ordered trials. Nothing here imports torch."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.errors import SuiteError
from harness.planning.cases import DROPPED, Cases, Drawn, words
from harness.planning.claim import claim_text
from harness.planning.resolve import Resolver, check_metric_name
from harness.plugin.registry import Registry
from harness.records.naming import MEMORY
from harness.records.planned import Case, Expectation, Plan, Trial
from harness.records.record import STATUSES, trial_key
from harness.suites.draft import Draft, Expected
from harness.suites.settings import DEFINITION_ROOTS, Named, plain, text

_MOST_DROPPED = 2


def make_plan(
    draft: Draft,
    registry: Registry,
    *,
    overridden: bool = False,
    seed: int = 0,
    absent: Callable[[str], str | None] = lambda _: None,
    lacking: Callable[[Mapping[str, Any]], str | None] = lambda _: None,
) -> Plan:
    """Check a draft and plan its trials.

    Args:
        draft: The suite, with the overrides of the command line in it.
        registry: Where names are looked up.
        overridden: Whether the command line changed the suite: parts that then match nothing are
            dropped with a note.
        seed: The plan's own: it shuffles the cases of each seed.
        absent: Why a device is expected to be absent here; None: it is not.
        lacking: Why the data of a case's settings is expected to be absent here; None: it is not.

    Raises:
        BenchError: a name is unknown, a value does not fit, or a part of the suite matches nothing.
    """
    cases = Cases(draft, Resolver(registry), overridden)
    cases.draw()
    baselines = _baselines(cases)
    planned = tuple(
        _case(cases, drawn, baseline, absent, lacking)
        for drawn, baseline in zip(cases.drawn, baselines, strict=True)
    )
    expectations = tuple(
        each for expected in draft.expect for each in _expectation(cases, expected)
    )
    for metric in draft.margins:
        check_metric_name(registry, metric, f"suite {draft.name!r}: margins")
    return Plan(
        suite=draft.name,
        summary=draft.summary,
        seed=seed,
        seeds=draft.seeds,
        factors=cases.factors,
        cases=planned,
        trials=_trials([drawn.key for drawn in cases.drawn], planned, draft.seeds, seed),
        expectations=expectations,
        margins=dict(draft.margins),
        columns=_columns(cases),
        notes=tuple(_folded(cases.notes)),
        base=_base(cases),
    )


def _folded(notes: Sequence[str]) -> Iterator[str]:
    """Tell in one note what was dropped, where that is much."""
    dropped = [each for each in notes if each.endswith(DROPPED)]
    if len(dropped) <= _MOST_DROPPED:
        yield from notes
        return
    yield from (each for each in notes if each not in dropped)
    told = "; ".join(each.removesuffix(DROPPED) for each in dropped)
    yield f"dropped, {len(dropped)} parts of the suite that match nothing now: {told}"


def _columns(cases: Cases) -> tuple[str, ...]:
    """Check the columns that a suite chooses."""
    named = cases.draft.columns
    for metric in named:
        if metric != MEMORY:
            check_metric_name(
                cases.resolver.registry, metric, f"suite {cases.draft.name!r}: columns"
            )
    return named


def _base(cases: Cases) -> dict[str, str]:
    applied = {address for drawn in cases.drawn for address in drawn.resolved.settings}
    return {
        address: text(level)
        for address, level in cases.draft.base.items()
        if address in applied and address not in cases.factors
    }


def _baselines(cases: Cases) -> list[int | None]:
    pattern = cases.draft.baseline
    if pattern is not None:
        found = cases.counterparts(pattern, range(len(cases.drawn)))
        if found is not None:
            return found
        cases.forgive(f"baseline {words(pattern)} is in no case")
    first = cases.first()
    if first is None and len(cases.drawn) > 1:
        cases.notes.append("the first level of every factor is excluded: no case is compared")
    return [first] * len(cases.drawn)


def _case(
    cases: Cases,
    drawn: Drawn,
    baseline: int | None,
    absent: Callable[[str], str | None],
    lacking: Callable[[Mapping[str, Any]], str | None],
) -> Case:
    settings = drawn.resolved.settings
    reason = drawn.resolved.refused
    missing = absent(str(settings["device"])) or lacking(settings)
    return Case(
        settings=dict(settings),
        levels={address: _shown(cases, drawn, address) for address in cases.factors},
        baseline=baseline,
        expected="unsupported" if reason else "skipped" if missing else None,
        reason=reason or missing,
    )


def _shown(cases: Cases, drawn: Drawn, address: str) -> object:
    """Give the level of a factor in a case: as it was given; None where it does not apply."""
    settings = drawn.resolved.settings
    if address not in settings:
        return None
    root, _, option = address.partition(".")
    chosen = drawn.assignment.get(root)
    in_brackets = isinstance(chosen, Named) and option in dict(chosen.options)
    given = drawn.assignment if address in drawn.assignment else cases.draft.base
    if in_brackets or address not in given:
        return "none" if settings[address] is None else settings[address]
    level = given[address]
    return text(level) if level is None or address in DEFINITION_ROOTS else plain(level)


def _expectation(cases: Cases, expected: Expected) -> list[Expectation]:
    expect = expected.expect
    where = f"suite {cases.draft.name!r}: expect"
    if expect.metric is not None:
        check_metric_name(cases.resolver.registry, expect.metric, where)
    if expect.status is not None and expect.status not in STATUSES:
        raise SuiteError(f"{where}: status {expect.status!r} is none of {', '.join(STATUSES)}")
    matched = cases.matching(expected.where)
    last = _last_epoch(cases, matched)
    if expect.epoch is not None and expect.epoch > last:
        cases.forgive(f"expect: {claim_text(expected)}: training ends after epoch {last:g}")
        return []
    others: dict[str, tuple[int, ...]] = {}
    for claim, pattern in (("better_than", expected.better_than), ("same_as", expected.same_as)):
        if pattern is not None:
            found = cases.counterparts(pattern, matched) or []
            others[claim] = tuple(each for each in found if each is not None)
    if not matched or any(len(each) < len(matched) for each in others.values()):
        cases.forgive(f"expect: {claim_text(expected)} matches no case")
        return []
    return [
        Expectation(
            text=claim_text(expected),
            cases=tuple(matched),
            metric=expect.metric,
            min=expect.min,
            max=expect.max,
            status=expect.status,
            of=expect.of,
            share=expect.share,
            epoch=expect.epoch,
            by_epoch=expect.by_epoch,
            **others,
        )
    ]


def _last_epoch(cases: Cases, places: Sequence[int]) -> float:
    """Find the last epoch that all of these cases have; other procedures count what they like."""
    chosen = [cases.drawn[each].resolved.settings for each in places]
    epochs = [each["epochs"] for each in chosen if each["procedure"] == "train"]
    return min((each for each in epochs if isinstance(each, int)), default=math.inf)


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
        trials += [each for place in order for each in _folds(place, cases[place], seed)]
    return tuple(trials)


def _folds(place: int, case: Case, seed: int) -> Iterator[Trial]:
    """Give the trials of a case with a seed: one, or one a fold."""
    count = case.settings["folds"]
    for fold in (None,) if count is None else range(count):
        yield Trial(case=place, seed=seed, fold=fold, key=trial_key(case.settings, seed, fold))

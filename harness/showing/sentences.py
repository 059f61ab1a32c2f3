"""Say in sentences what each level of a factor changed: a line a level, never more than the words.

Where cases differ from their baselines in one factor, a sentence counts them. Where one baseline
serves cases that differ in several, and all form a full product, it tells the main effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from harness.errors import BenchError
from harness.judging.compare import baseline_pairs
from harness.judging.effects import Effect, effects
from harness.judging.tables import CaseSummary
from harness.records.naming import (
    MEMORIES,
    MEMORY,
    assignment_text,
    level_text,
    short_names,
    telling_factors,
)
from harness.records.planned import Plan
from harness.showing.columns import metrics_of
from harness.showing.phrases import Teller
from harness.showing.raw import ByCase
from harness.units import one_line

_MOST = 20
_DIFFERENT = frozenset({"better", "worse"})

_Change: TypeAlias = tuple[tuple[str, str, str], ...]
"""What a case has changed: the factor, the level before, the level now; each as it is printed."""


def sentences(
    plan: Plan, rows: Sequence[CaseSummary], judged: ByCase, names: Sequence[str]
) -> list[str]:
    """Say what each level changed, in the order of the plan: at most twenty lines, then a count.

    Args:
        plan: What was planned.
        rows: The summaries of its cases.
        judged: The comparisons of the cases with their baselines.
        names: The columns of the table of cases.
    """
    if not judged:
        return []
    known = rows[0].metrics
    wanted = [name for name in known if name in metrics_of(names)]
    teller = Teller(
        names={name: MEMORY if MEMORY in names and name in MEMORIES else name for name in wanted},
        meanings={name: known[name].meaning for name in wanted},
        seeds=len(plan.seeds),
    )
    groups = _groups(plan)
    several = [change for change in groups if len(change) > 1]
    lines = _of_main_effects(plan, rows, teller) if several else []
    if not lines:
        alone = [change for change in groups if len(change) == 1] or several
        shown = {each: groups[each] for each in alone}
        lines = list(_of_cases(shown, judged, teller, _called_by(plan)))
        if several and alone is not several:
            lines.append(_beyond(sum(len(groups[each]) for each in several)))
    if len(lines) > _MOST:
        return [*lines[:_MOST], f"... and {len(lines) - _MOST} more levels: see the table"]
    return lines


def _groups(plan: Plan) -> dict[_Change, list[int]]:
    """Sort cases by what they have changed against their baselines.

    A factor that does not apply to one of the two counts only where nothing else differs.
    """
    names = short_names(plan)
    groups: dict[_Change, list[int]] = {}
    for case, base in baseline_pairs(plan):
        ours, theirs = plan.cases[case].levels, plan.cases[base].levels
        differ = [each for each in plan.factors if ours.get(each) != theirs.get(each)]
        both = [each for each in differ if None not in (ours.get(each), theirs.get(each))]
        change = tuple(
            (names[each], _shown(theirs.get(each)), _shown(ours.get(each)))
            for each in both or differ
        )
        groups.setdefault(change, []).append(case)
    groups.pop((), None)
    return groups


def _shown(level: Any) -> str:
    return one_line(level_text(level), 60)


def _called_by(plan: Plan) -> str | None:
    """Name the one factor that tells all cases apart, as it is printed; None: several do."""
    telling = telling_factors(plan)
    return short_names(plan)[telling[0]] if len(telling) == 1 else None


def _of_cases(
    groups: Mapping[_Change, Sequence[int]], judged: ByCase, teller: Teller, called_by: str | None
) -> Iterator[str]:
    for change, cases in groups.items():
        found = {
            metric: each
            for metric in teller.names
            if (each := [judged[case, metric] for case in cases if (case, metric) in judged])
        }
        sentence = teller.sentence(found)
        if sentence:
            yield f"{_change_text(change, called_by)}: {sentence}"


def _change_text(change: _Change, called_by: str | None = None) -> str:
    """Say what has changed: of many that go together, the one that tells the cases apart."""
    told = [each for each in change if each[0] == called_by] if len(change) > 2 else change
    if len(told) == 1:
        [(name, before, now)] = told
        others = [each for each, _, _ in change if each != name]
        with_it = f", and with it {_listed(others)}" if others else ""
        return f"{now} instead of {before} ({name}{with_it})"
    now_all = " ".join(f"{name}={now}" for name, _, now in change)
    return f"{now_all} instead of {' '.join(f'{name}={before}' for name, before, _ in change)}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _beyond(cases: int) -> str:
    told = "1 case differs from its baseline" if cases == 1 else f"{cases} cases differ from theirs"
    return f"{told} in several factors: see the table"


def _of_main_effects(plan: Plan, rows: Sequence[CaseSummary], teller: Teller) -> list[str]:
    """Tell the main effect of each level, or its simple ones; nothing where there are none."""
    try:
        found = effects(plan, rows, teller.names)
    except BenchError:
        return []
    names = short_names(plan)
    groups: dict[tuple[_Change, str], dict[str, list[Effect]]] = {}
    for each in _told_of(found):
        key = (_changed(each, names), each.kind)
        groups.setdefault(key, {}).setdefault(each.metric, []).append(each)
    lines = []
    for (change, kind), given in groups.items():
        more = {metric: _depends(change, metric, found, names) for metric in given}
        sentence = teller.sentence(given, more)
        if sentence:
            where = ", on average" if kind == "main" else _where(given, names)
            lines.append(f"{_change_text(change)}{where}: {sentence}")
    return lines


def _told_of(found: Sequence[Effect]) -> Iterator[Effect]:
    """Take the main effects, and the simple ones of levels that have no main effect."""
    simple = [(each.metric, each.levels) for each in found if each.kind == "simple"]
    for each in found:
        instead = each.kind == "main" and (each.metric, each.levels) in simple
        if each.kind != "interaction" and not instead:
            yield each


def _changed(effect: Effect, names: Mapping[str, str]) -> _Change:
    return tuple(
        (names[factor], _shown(effect.baseline[factor]), _shown(level))
        for factor, level in effect.levels.items()
    )


def _where(given: Mapping[str, Sequence[Effect]], names: Mapping[str, str]) -> str:
    """Say at which levels of the other factors simple effects are, if they are all at the same."""
    places = {assignment_text(each.at, names) for found in given.values() for each in found}
    return f" at {places.pop()}" if len(places) == 1 else ""


def _depends(
    change: _Change, metric: str, found: Sequence[Effect], names: Mapping[str, str]
) -> str:
    """Name the factors on which an effect depends, as far as an interaction has been found."""
    [(name, _, now)] = change
    others: dict[str, None] = {}
    for each in found:
        if each.kind == "interaction" and each.metric == metric and each.verdict in _DIFFERENT:
            levels = {names[factor]: _shown(level) for factor, level in each.levels.items()}
            if levels.get(name) == now:
                others |= dict.fromkeys(other for other in levels if other != name)
    return f", but it depends on {' and '.join(others)} (--effects)" if others else ""

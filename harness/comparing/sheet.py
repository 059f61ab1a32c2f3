"""Print two runs against each other: a row a case and metric, and below what differs.

Every foreign text (levels, versions, names) is escaped and cut on its way out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from harness.comparing.against import Against, compared
from harness.comparing.environments import NOT_INTERLEAVED, Difference
from harness.comparing.matching import Half, name_of
from harness.judging.compare import Comparison
from harness.numbers.figures import difference_text, difference_unit, margin_text
from harness.numbers.metrics import Meaning
from harness.records.naming import assignment_text, short_names
from harness.records.planned import Plan
from harness.showing.columns import factor_columns, metrics_of, picked, resolved, shown_metrics
from harness.showing.layout import Column, Style, csv_text, printed, titled
from harness.showing.raw import JUDGED, judged_values, levels
from harness.units import one_line, quantity

_MOST_LISTED = 8
_ADVICE = (
    f"{NOT_INTERLEAVED}: the two runs did not take turns, and a machine's speed drifts by a fifth"
    " within minutes: bench gate --suite NAME measures both in turns, --force gives words anyway"
)


def render_against(
    found: Against,
    *,
    style: Style = "table",
    metrics: Sequence[str] = (),
    width: int | None = None,
    force: bool = False,
) -> str:
    """Print the comparisons of two runs.

    Args:
        found: The runs, matched.
        style: For people, or with raw numbers (csv).
        metrics: Which to show, by name; empty: learning, speed and memory.
        width: Columns of the terminal; None: as wide as need be.
        force: Whether figures of unlike environments get their words.

    Raises:
        UnknownName: neither run has such a metric.
    """
    rows = (*found.head.rows, *found.base.rows)
    names = picked(metrics, tuple(found.metrics)) if metrics else shown_metrics(rows, ())
    judged = compared(found, metrics_of(names), force=force)
    shown = list(_in_order(found, names, judged))
    if style == "csv":
        return _csv(found, shown)
    columns = [
        *case_columns(found, shown),
        *figure_columns(found, shown),
        Column(header="n", cells=[str(each.n) for each in shown]),
        Column(header="margin", cells=[_margin(found, each) for each in shown]),
        Column(header="verdict", cells=[each.verdict or "-" for each in shown]),
        note_column([_explained(each) for each in shown]),
    ]
    below = [*_reach(judged), *what_differs(found), *_withheld(shown)]
    return titled(_title(found), printed(columns, style, width, below), style, width)


def case_columns(found: Against, rows: Sequence[Comparison]) -> list[Column]:
    """Make the columns that say which case a row is of."""
    plan = plan_of(found)
    return factor_columns(plan, [plan.cases[each.case] for each in rows])


def figure_columns(found: Against, rows: Sequence[Comparison]) -> list[Column]:
    """Make the columns of metric, both means and the difference."""
    units = [found.metrics[each.metric].unit for each in rows]
    means = [
        [quantity(_mean(half, each), unit) for each, unit in zip(rows, units, strict=True)]
        for half in (found.base, found.head)
    ]
    return [
        Column(header="metric", cells=[one_line(each.metric, 60) for each in rows]),
        Column(header="base", cells=means[0]),
        Column(header="head", cells=means[1]),
        Column(
            header="difference", cells=[_change(each, found.metrics[each.metric]) for each in rows]
        ),
    ]


def note_column(notes: Sequence[str | None]) -> Column:
    """Make the column of what a reader must know beside a word."""
    return Column(
        header="note", cells=[one_line(each, 300) if each else "-" for each in notes], wraps=True
    )


def what_differs(found: Against) -> Iterator[str]:
    """Tell what differs between the environments, and what only one of the runs has."""
    told = [_told(each) for each in found.environments.differs]
    yield from [f"differs, base -> head: {each}" for each in told[:_MOST_LISTED]]
    if len(told) > _MOST_LISTED:
        yield f"and {len(told) - _MOST_LISTED} more that differ: --format json has all"
    for who, half in (("base", found.base), ("head", found.head)):
        yield from _alone(who, half)
    if not found.head.plan.seeds:
        yield "no seed is in both runs: nothing can be paired"


def plan_of(found: Against) -> Plan:
    """Make the plan whose factors tell the matched cases apart."""
    plan: Plan = found.head.plan
    cases = [replace(each, levels=found.levels(place)) for place, each in enumerate(plan.cases)]
    return replace(plan, factors=found.factors, cases=tuple(cases))


def _in_order(
    found: Against, names: Sequence[str], judged: Mapping[str, Sequence[Comparison]]
) -> Iterator[Comparison]:
    """Go case by case, in each through the metrics that are shown."""
    by_case = {(each.case, name): each for name, family in judged.items() for each in family}
    for case, row in enumerate(found.head.rows):
        for name in names:
            comparison = by_case.get((case, resolved(name, row.case)))
            if comparison is not None:
                yield comparison


def _mean(half: Half, comparison: Comparison) -> float | None:
    known = half.rows[comparison.case].metrics.get(comparison.metric)
    return known.mean if known else None


def _change(comparison: Comparison, meaning: Meaning) -> str:
    if comparison.difference is None:
        return "-"
    told = difference_text(comparison.difference, comparison.ci95, meaning)
    return f"{told} {difference_unit(meaning)}".rstrip()


def _margin(found: Against, comparison: Comparison) -> str:
    return margin_text(comparison.margin, found.metrics[comparison.metric])


def _explained(comparison: Comparison) -> str:
    """Say what a reader must know beside the word, and what would decide."""
    needed = comparison.seeds_needed
    fresh = None if needed is None else f"a fresh run of about {needed} seeds would decide"
    return "; ".join(filter(None, (comparison.note, fresh)))


def _title(found: Against) -> str:
    n = len(found.head.plan.seeds)
    seeds = "1 seed" if n == 1 else f"{n} seeds"
    base, head = name_of(found.base.run), name_of(found.head.run)
    return f"head {head} against base {base}; paired by seed, {seeds} in both"


def _reach(judged: Mapping[str, Sequence[Comparison]]) -> Iterator[str]:
    sizes = {sum(each.verdict is not None for each in family) for family in judged.values()} - {0}
    alone = "intervals are 95 %, of each comparison alone"
    if not sizes:
        return
    most = max(sizes)
    after = f"words after Holm over the comparisons of each metric (at most {most})"
    yield f"{alone}; {after if most > 1 else 'words are of one comparison of each metric'}"


def _withheld(rows: Sequence[Comparison]) -> Iterator[str]:
    if any(each.note and NOT_INTERLEAVED in each.note for each in rows):
        yield _ADVICE


def _told(difference: Difference) -> str:
    voids = f" (no word on {' and '.join(difference.voids)})" if difference.voids else ""
    return one_line(str(difference), 300) + voids


def _alone(who: str, half: Half) -> Iterator[str]:
    """Tell of the cases and seeds that one run has alone."""
    names = short_names(half.run.plan)
    cases = [assignment_text(each.levels, names) or "its case" for each in half.only]
    if cases:
        more = f"; and {len(cases) - _MOST_LISTED} more" if len(cases) > _MOST_LISTED else ""
        yield f"only in the {who}: {'; '.join(cases[:_MOST_LISTED])}{more}"
    if half.seeds:
        more = ", ..." if len(half.seeds) > _MOST_LISTED else ""
        yield f"seeds in the {who} alone: {', '.join(map(str, half.seeds[:_MOST_LISTED]))}{more}"


def _csv(found: Against, rows: Sequence[Comparison]) -> str:
    plan = plan_of(found)
    header = [*plan.factors, "metric", "base", "head", *JUDGED]
    lines = [
        [
            *levels(plan.cases[each.case], plan.factors),
            each.metric,
            _mean(found.base, each),
            _mean(found.head, each),
            *judged_values(each),
        ]
        for each in rows
    ]
    return csv_text(header, lines)

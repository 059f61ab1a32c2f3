"""Print comparisons: a row a case that has a baseline, what it changes in each metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.judging.compare import Comparison, baseline_pairs
from harness.judging.tables import CaseSummary
from harness.numbers.metrics import Meaning
from harness.records.naming import MEMORY, assignment_text, short_names
from harness.records.planned import Plan
from harness.showing.columns import factor_columns, figured, resolved
from harness.showing.judged import judged_table, usual_n
from harness.showing.layout import Style, titled
from harness.showing.raw import ByCase


def render_comparisons(
    plan: Plan,
    rows: Sequence[CaseSummary],
    judged: ByCase,
    names: Sequence[str],
    *,
    style: Style = "table",
    width: int | None = None,
    chosen: bool = False,
) -> str:
    """Print a row a case that has a baseline: difference, interval and word of each metric.

    Args:
        plan: What was planned.
        rows: The summaries of its cases.
        judged: The comparisons.
        names: The columns of the table of cases.
        style: Any but `csv`.
        width: Columns of the terminal; None: as wide as need be.
        chosen: Whether the columns were asked for; if not, memory without a word is but a line.

    Returns:
        Nothing where no case has a figure to compare.
    """
    cases = [case for case, _ in baseline_pairs(plan)]
    cells = _cells(rows, judged, names, cases)
    if not cells:
        return ""
    table = judged_table(
        factor_columns(plan, [plan.cases[case] for case in cases]),
        cells,
        {name: _meaning(name, rows, cases) for name in cells},
        kind="comparison",
        looks=len(plan.looks),
        brief=() if chosen else (MEMORY,),
        style=style,
        width=width,
    )
    title = f"against {baseline_text(plan)}; paired by seed, n = {usual_n(cells)}"
    return titled(title, table, style, width)


def baseline_text(plan: Plan) -> str:
    """Say what the cases of a plan are compared with: `init=zeros, same activation`."""
    names = short_names(plan)
    own, changed = [], {}
    for address in plan.factors:
        levels = [_levels(plan, address, pair) for pair in baseline_pairs(plan)]
        if all(case == base for case, base in levels):
            own.append(names[address])
        elif len({repr(base) for _, base in levels}) == 1 and levels[0][1] is not None:
            changed[address] = levels[0][1]
    told = assignment_text(changed, names) or "the baseline"
    return f"{told}, same {' and '.join(own)}" if own else told


def _levels(plan: Plan, address: str, pair: tuple[int, int]) -> tuple[Any, Any]:
    """Give the levels of a factor in a case and in its baseline."""
    case, base = (plan.cases[each].levels.get(address) for each in pair)
    return case, base


def _cells(
    rows: Sequence[CaseSummary], judged: ByCase, names: Sequence[str], cases: Sequence[int]
) -> dict[str, list[Comparison | None]]:
    """Give the comparisons of each column, where there is one; none if none has a figure."""
    cells = {
        name: [judged.get((case, resolved(name, rows[case].case))) for case in cases]
        for name in names
    }
    if not any(each and each.n for found in cells.values() for each in found):
        return {}
    return {name: found for name, found in cells.items() if any(found)}


def _meaning(name: str, rows: Sequence[CaseSummary], cases: Sequence[int]) -> Meaning:
    found = next(each for case in cases if (each := figured(name, rows[case])))
    return found.meaning

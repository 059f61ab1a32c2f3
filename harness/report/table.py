"""Make the table of a page: a row a case, figures and words as `bench show` has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.judging.compare import Comparison, baseline_pairs
from harness.judging.tables import CaseSummary
from harness.numbers.figures import difference_unit
from harness.numbers.metrics import LEARNING, Meaning
from harness.records.naming import MOST_IN_HEADER
from harness.report.arms import arm_of
from harness.report.markup import Html, tag, together
from harness.report.shown import Shown
from harness.showing.columns import factor_columns, figured, resolved, status_text
from harness.showing.judged import Marks, cell_text, margins_line, reach_line, usual_n
from harness.showing.reasons import reasons_of_figures, reasons_of_trials
from harness.showing.render import figure_text
from harness.showing.versus import baseline_text
from harness.units import one_line


class Cell(NamedTuple):
    """What stands in a cell, and by what it is sorted: a number, else the text."""

    text: str
    key: float | None = None


class Column(NamedTuple):
    """A column of the table; `number` tells whether it is sorted by numbers, `said` if it talks."""

    header: str
    cells: Sequence[Cell]
    number: bool = True
    said: bool = False


def cases_table(shown: Shown) -> Html:
    """Make the table of cases, with what must be known below it."""
    compared = _compared(shown)
    marks = Marks(usual_n(compared))
    columns = [
        *_factors(shown),
        *(_figures(shown, name) for name in shown.names),
        Column("status", [Cell(_status(row)) for row in shown.rows], number=False, said=True),
        *(_differences(shown, name, found, marks) for name, found in compared.items()),
    ]
    return together(_table(columns, len(shown.rows)), *map(_line, _below(shown, compared, marks)))


def swatch(case: int) -> Html:
    """Draw the line that stands for a case."""
    arm = arm_of(case)
    dash = " ".join(f"{2 * each:g}" for each in arm.dash) or None
    line = tag("path", d="M1 6H27", stroke=arm.colour, stroke_width="3", stroke_dasharray=dash)
    return tag("svg", line, viewBox="0 0 28 12", class_="swatch", aria_hidden="true")


def _table(columns: Sequence[Column], count: int) -> Html:
    heads = [tag("th", _sorter("#"), scope="col", data_kind="number", aria_sort="ascending")]
    heads += [
        tag(
            "th",
            _sorter(each.header),
            scope="col",
            data_kind="number" if each.number else "text",
            aria_sort="none",
        )
        for each in columns
    ]
    body = [
        tag(
            "tr",
            tag("td", swatch(case), str(case + 1), data_key=str(case + 1), class_="case"),
            *(_cell(each.cells[case], each) for each in columns),
        )
        for case in range(count)
    ]
    caption = tag("caption", "A row a case; a header sorts by its column.")
    table = tag("table", caption, tag("thead", tag("tr", *heads)), tag("tbody", *body))
    return tag(
        "div", table, class_="wide", tabindex="0", role="region", aria_label="table of cases"
    )


def _sorter(header: str) -> Html:
    return tag("button", header, type="button")


def _cell(cell: Cell, column: Column) -> Html:
    key = None if cell.key is None else repr(cell.key)
    look = "number" if column.number else "said" if column.said else None
    return tag("td", cell.text, data_key=key, class_=look)


def _line(text: str) -> Html:
    return tag("p", text, class_="note")


def _factors(shown: Shown) -> Iterator[Column]:
    cases = [row.case for row in shown.rows]
    for each, address in zip(factor_columns(shown.plan, cases), shown.plan.factors, strict=True):
        levels = [case.levels.get(address) for case in cases]
        numbers = all(
            level is None or (isinstance(level, int | float) and not isinstance(level, bool))
            for level in levels
        )
        keys = [float(level) if numbers and level is not None else None for level in levels]
        cells = [Cell(text, key) for text, key in zip(each.cells, keys, strict=True)]
        yield Column(each.header, cells, number=numbers)


def _figures(shown: Shown, name: str) -> Column:
    found = [figured(name, row) for row in shown.rows]
    cells = [Cell(figure_text(each, spread=True), each.mean if each else None) for each in found]
    return Column(one_line(name, MOST_IN_HEADER), cells)


def _compared(shown: Shown) -> dict[str, list[Comparison | None]]:
    """Give the comparison of every case, by column; None where it has no baseline."""
    cases = range(len(shown.rows))
    pairs = dict(baseline_pairs(shown.plan))
    found = {
        name: [
            shown.judged.get((case, resolved(name, shown.plan.cases[case])))
            if case in pairs
            else None
            for case in cases
        ]
        for name in shown.names
    }
    return {name: each for name, each in found.items() if any(each)}


def _differences(
    shown: Shown, name: str, found: Sequence[Comparison | None], marks: Marks
) -> Column:
    meaning = _meaning(shown, found)
    unit = difference_unit(meaning)
    cells = [
        Cell("-") if each is None else Cell(cell_text(each, meaning, marks), each.difference)
        for each in found
    ]
    header = f"change of {one_line(name, MOST_IN_HEADER)}" + (f", {unit}" if unit else "")
    return Column(header, cells)


def _meaning(shown: Shown, found: Sequence[Comparison | None]) -> Meaning:
    return shown.meaning(next(each.metric for each in found if each is not None))


def _status(row: CaseSummary) -> str:
    """Say how the trials of a case ended, and of what those failed that did."""
    why = "; ".join(row.reasons)
    return f"{status_text(row)}; {one_line(why, 600)}" if why else status_text(row)


def _below(
    shown: Shown, compared: Mapping[str, Sequence[Comparison | None]], marks: Marks
) -> Iterator[str]:
    if any(name in LEARNING for name in shown.names):
        yield "figures: mean ± standard deviation (number of seeds)"
    if compared:
        meanings = {name: _meaning(shown, found) for name, found in compared.items()}
        yield f"changes: against {baseline_text(shown.plan)}; paired by seed, n = {marks.n}"
        yield margins_line(compared, meanings)
        yield reach_line(compared, "comparison", len(shown.plan.looks))
        yield from marks.lines
    yield from reasons_of_trials(shown.rows)
    yield from reasons_of_figures(shown.plan, shown.stored.records, shown.names)

"""Lay texts out as a table that fits its terminal, as Markdown, as LaTeX, or as CSV.

It knows nothing of what the texts say. Too wide a table first breaks headers and cells over lines,
then becomes a block a row.
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.units import one_line

Style: TypeAlias = Literal["table", "markdown", "latex", "csv"]

_GAP = 2
_BREAKS = re.compile(r"(?<=\s)(?![\d-])|(?<=[,_/=])(?!\s)|(?<=\w\[)|(?<=\.)(?=[A-Za-z])")
"""Where a text may be broken: `timeout 2`, `0.01` and `[-1, 2]` stay whole."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "`": r"\textasciigrave{}",
    '"': r"\char34{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    "±": r"\ensuremath{\pm}",
    **{each: f"\\{each}" for each in "&%$#_{}"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table, as text; `wraps` tells whether its cells may be broken over lines."""

    header: str
    cells: Sequence[str]
    wraps: bool = False


def printed(
    columns: Sequence[Column],
    style: Style = "table",
    width: int | None = None,
    below: Sequence[str] = (),
) -> str:
    """Print columns as a table, in Markdown or in LaTeX, with a text below.

    Args:
        columns: All with the same number of cells.
        style: Any but `csv`.
        width: Columns of the terminal; None: as wide as need be.
        below: Lines that stand under the table.
    """
    return _under(_laid(columns, style, width), listed(below, style, width))


def listed(lines: Sequence[str], style: Style = "table", width: int | None = None) -> str:
    """Print lines: broken to a terminal's width, as a list in Markdown, a paragraph each in LaTeX.

    Args:
        lines: Without line breaks.
        style: Any but `csv`.
        width: Columns of the terminal; None: as wide as need be.
    """
    if style == "markdown":
        return "\n".join(f"- {_escaped(each)}" for each in lines)
    if style == "latex":
        return "\n\n".join(map(_latex_text, lines))
    return "\n".join(_filled(each, width) for each in lines)


def titled(title: str, body: str, style: Style = "table", width: int | None = None) -> str:
    """Put a line above what was printed."""
    if style == "table":
        return f"{_filled(title, width)}\n\n{body}"
    return f"{_escaped(title) if style == 'markdown' else _latex_text(title)}\n\n{body}"


def csv_text(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Print rows as CSV; None is an empty cell, and control characters in texts are escaped."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_safe(each) for each in header])
    writer.writerows([_safe(each) for each in line] for line in lines)
    return out.getvalue().rstrip("\n")


def _under(table: str, below: str) -> str:
    return f"{table}\n\n{below}" if below else table


def _filled(line: str, width: int | None) -> str:
    return textwrap.fill(line, width, subsequent_indent="  ") if width else line


def _laid(columns: Sequence[Column], style: Style, width: int | None) -> str:
    if style == "markdown":
        return _markdown(columns)
    return _latex(columns) if style == "latex" else _fitted(columns, width)


def _latex(columns: Sequence[Column]) -> str:
    """Set a table with the rules of booktabs; tabulate leaves a bracket behind the end of a row."""
    rows = [[each.header for each in columns], *zip(*(each.cells for each in columns), strict=True)]
    head, *body = [" & ".join(map(_latex_text, row)) + r" \\" for row in rows]
    begin, end = rf"\begin{{tabular}}{{{'l' * len(columns)}}}", r"\end{tabular}"
    return "\n".join([begin, r"\toprule", head, r"\midrule", *body, r"\bottomrule", end])


def _latex_text(text: str) -> str:
    shown = "".join(_LATEX.get(each, each) for each in text)
    shown = re.sub(r"(?<![\w-])-(?=\d)", "$-$", shown)
    shown = re.sub(r"([-',])(?=\1)", r"\1{}", shown)  # two in a row would be a dash, or a quote
    # the end of a row and a rule take a bracket or a star behind them for their own
    return f"{{{shown[0]}}}{shown[1:]}" if shown[:1] in ("[", "*") else shown


def _markdown(columns: Sequence[Column]) -> str:
    import tabulate  # imported where it is used: help needs none

    cells = [[_escaped(cell) for cell in each.cells] for each in columns]
    names = [_escaped(each.header) for each in columns]
    rows = list(zip(*cells, strict=True))
    return tabulate.tabulate(rows, headers=names, tablefmt="github", disable_numparse=True)


def _escaped(text: str) -> str:
    return re.sub(r"([\\|*`<])", r"\\\1", text)


def _fitted(columns: Sequence[Column], width: int | None) -> str:
    # tabulate pads every header by two columns, which 60 columns cannot spare
    natural = [max(len(each.header), _cell_width(each)) for each in columns]
    gaps = _GAP * (len(columns) - 1)
    if width is None or sum(natural) + gaps <= width:
        return _lined(columns, natural)
    least = [_least(each) for each in columns]
    if sum(least) + gaps > width:
        return _blocks(columns, width)
    widths = _shrunk(columns, natural, least, width - gaps)
    return _lined(columns, [_used(*each) for each in zip(columns, widths, strict=True)])


def _cell_width(column: Column) -> int:
    return max(map(len, column.cells), default=0)


def _least(column: Column) -> int:
    """Give the smallest width at which no piece of a column is broken inside."""
    header = max(map(len, _pieces(column.header)))
    if not column.wraps:
        return max(header, _cell_width(column))
    return max(header, *(len(piece) for cell in column.cells for piece in _pieces(cell)), 0)


def _shrunk(
    columns: Sequence[Column], natural: Sequence[int], least: Sequence[int], room: int
) -> list[int]:
    """Narrow columns until they fit: first those with a wide header only, then the widest."""
    widths = list(natural)
    cells = [_cell_width(each) for each in columns]
    while sum(widths) > room:
        widest = max(
            (each for each, size in enumerate(widths) if size > least[each]),
            key=lambda each: (widths[each] > cells[each], widths[each]),
        )
        widths[widest] -= 1
    return widths


def _used(column: Column, width: int) -> int:
    return max(
        len(line) for text in (column.header, *column.cells) for line in _broken(text, width)
    )


def _lined(columns: Sequence[Column], widths: Sequence[int]) -> str:
    rows = zip(*(each.cells for each in columns), strict=True)
    lines = [
        *_row([each.header for each in columns], widths),
        (" " * _GAP).join("-" * size for size in widths),
    ]
    for row in rows:
        lines += _row(row, widths)
    return "\n".join(lines)


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Set the cells of a row side by side; a broken cell takes several lines."""
    broken = [
        [cell] if len(cell) <= size else _broken(cell, size)
        for cell, size in zip(cells, widths, strict=True)
    ]
    return [
        (" " * _GAP)
        .join(part.ljust(size) for part, size in zip(parts, widths, strict=True))
        .rstrip()
        for parts in itertools.zip_longest(*broken, fillvalue="")
    ]


@functools.lru_cache(maxsize=4096)
def _pieces(text: str) -> tuple[str, ...]:
    return tuple(each for each in _BREAKS.split(text) if each) or ("",)


def _broken(text: str, width: int) -> list[str]:
    """Break a text into lines of at most that width, behind separators where there are any."""
    lines = [""]
    for piece in _pieces(text):
        if len((lines[-1] + piece).rstrip()) > width and lines[-1]:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1].rstrip()) > width:
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return [each.rstrip() for each in lines]


def _blocks(columns: Sequence[Column], width: int) -> str:
    """Print a block a row, a line a cell: the header, then what stands in the column."""
    names = min(max(len(each.header) for each in columns), max(width // 2, 1))
    sizes = (names, max(width - names - _GAP, 1))
    rows = zip(*(each.cells for each in columns), strict=True)
    return "\n\n".join(
        "\n".join(
            line
            for column, cell in zip(columns, row, strict=True)
            for line in _row((column.header, cell), sizes)
        )
        for row in rows
    )


def _safe(cell: object) -> object:
    # an escaped character takes up to ten: nothing is cut
    return one_line(cell, 10 * len(cell)) if isinstance(cell, str) else cell

"""Lay out what was judged: differences with interval and word, and below what a reader must know.

What holds of some cells only stands below the table, under a letter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from harness.judging.compare import Comparison
from harness.judging.effects import Effect
from harness.numbers.figures import difference_text, difference_unit, margin_text
from harness.numbers.metrics import Meaning
from harness.numbers.verdicts import MORE_THAN_MOST, NO_SPREAD
from harness.records.naming import MOST_IN_HEADER
from harness.showing.layout import Column, Style, printed
from harness.units import one_line

Judged: TypeAlias = Comparison | Effect

Cells: TypeAlias = Mapping[str, Sequence[Judged | None]]
"""What stands in each column, by its name; None where nothing was judged."""


@dataclass(slots=True)
class Marks:
    """Letters for what holds of some cells, in the order in which they are met.

    Args:
        n: How many seeds a cell has, unless its mark says otherwise.
    """

    n: int
    _letters: dict[str, str] = field(default_factory=dict)

    def of(self, found: Judged) -> str:
        """Give the mark of a cell: `(a)`, or nothing."""
        other = [f"n = {found.n}"] if found.n not in {0, self.n} else []
        told = "; ".join([*other, *map(_advised, notes_of(found)), *_deciding(found)])
        if not told:
            return ""
        return f"({self._letters.setdefault(told, _letter(len(self._letters)))})"

    @property
    def lines(self) -> list[str]:
        """What the letters mean, a line each."""
        return [f"({letter}) {told}" for told, letter in self._letters.items()]


def judged_table(
    lead: Sequence[Column],
    cells: Cells,
    meanings: Mapping[str, Meaning],
    *,
    kind: str,
    looks: int = 1,
    brief: Collection[str] = (),
    below: Sequence[str] = (),
    style: Style = "table",
    width: int | None = None,
) -> str:
    """Print a column a metric behind the columns that say what was judged.

    Args:
        lead: The columns before.
        cells: What was judged.
        meanings: Of the columns.
        kind: What a judged thing is called: `comparison` or `effect`.
        looks: Between how many looks the error is shared.
        brief: Columns that are told in a line below where nothing in them got a word.
        below: More lines to stand under the table.
        style: Any but `csv`.
        width: Columns of the terminal; None: as wide as need be.
    """
    marks = Marks(usual_n(cells))
    short = [name for name in cells if name in brief and _wordless(cells[name])]
    shown = {name: found for name, found in cells.items() if name not in short} or cells
    columns = [_column(name, meanings[name], found, marks) for name, found in shown.items()]
    lines = [
        margins_line(shown, meanings),
        reach_line(shown, kind, looks),
        *marks.lines,
        *(_in_short(name, meanings[name], cells[name]) for name in short if name not in shown),
        *below,
    ]
    return printed([*lead, *columns], style, width, lines)


def usual_n(cells: Cells) -> int:
    """Say how many seeds most of what was judged has."""
    counts = Counter(each.n for found in cells.values() for each in found if each and each.n)
    return counts.most_common(1)[0][0] if counts else 0


def notes_of(found: Judged) -> list[str]:
    """Say what a reader must know beside the word, without what would decide."""
    return [
        _explained(each)
        for each in (found.note or "").split("; ")
        if each not in {"", MORE_THAN_MOST}
    ]


def _explained(note: str) -> str:
    if note.startswith("identical on all"):
        return f"{note}: the factor may have had no effect"
    return f"{note}: the mean alone decides" if note == NO_SPREAD else note


def _advised(note: str) -> str:
    """Say what to do about a note."""
    told = f"{note}: let the learning rate decay, or take 20 seeds"
    return told if note.endswith("collapsed") else note


def _deciding(found: Judged) -> list[str]:
    if found.seeds_needed is not None:
        return [f"a fresh run of about {found.seeds_needed} seeds would decide"]
    return [MORE_THAN_MOST] if MORE_THAN_MOST in (found.note or "") else []


def _letter(place: int) -> str:
    """Count a, b ... z, aa, ab ..."""
    more, last = divmod(place, 26)
    return (_letter(more - 1) if more else "") + chr(ord("a") + last)


def _column(name: str, meaning: Meaning, found: Sequence[Judged | None], marks: Marks) -> Column:
    unit = difference_unit(meaning)
    header = one_line(name, MOST_IN_HEADER) + (f", {unit}" if unit else "")
    cells = ["-" if each is None else cell_text(each, meaning, marks) for each in found]
    return Column(header=header, cells=cells, wraps=True)


def cell_text(found: Judged, meaning: Meaning, marks: Marks) -> str:
    """Print a difference with its interval, its word and its mark."""
    shown = "-"
    if found.difference is not None:
        shown = difference_text(found.difference, found.ci95, meaning)
    return f"{shown} {found.verdict or ''}{marks.of(found)}".rstrip()


def margins_line(cells: Cells, meanings: Mapping[str, Meaning]) -> str:
    """Say how large a difference must be to matter, for each column."""
    told = []
    for name, found in cells.items():
        margin = next((each.margin for each in found if each), 0.0)
        told.append(f"{one_line(name, MOST_IN_HEADER)} {margin_text(margin, meanings[name])}")
    return f"margins: {', '.join(told)}"


def reach_line(cells: Cells, kind: str, looks: int) -> str:
    """Say of what the intervals and the words hold."""
    alone = f"intervals are 95 %, of each {kind} alone"
    words = Counter(
        each.metric for found in cells.values() for each in found if each and each.verdict
    )
    if not words:
        return alone
    sizes = set(words.values())
    if sizes == {1}:
        told = f"words are of one {kind} of each metric"
    elif len(sizes) == 1:
        told = f"words after Holm over the {sizes.pop()} {kind}s of each metric"
    else:
        counts = ", ".join(f"{one_line(each, MOST_IN_HEADER)} {words[each]}" for each in words)
        told = f"words after Holm over the {kind}s of each metric ({counts})"
    shared = f", at 5 % shared by {looks} looks" if looks > 1 else ""
    return f"{alone}; {told}{shared}"


def _wordless(found: Sequence[Judged | None]) -> bool:
    return all(each is None or each.verdict is None for each in found)


def _in_short(name: str, meaning: Meaning, found: Sequence[Judged | None]) -> str:
    """Say in a line why a metric got no word at all, and how far its differences go."""
    known = [each for each in found if each is not None]
    notes = dict.fromkeys(each.note for each in known if each.note)
    sizes = sorted(each.difference for each in known if each.difference is not None)
    ends = dict.fromkeys(difference_text(each, None, meaning) for each in sizes[:1] + sizes[-1:])
    far = f"; {' to '.join(ends)} {difference_unit(meaning)}".rstrip() if ends else ""
    return f"{one_line(name, MOST_IN_HEADER)}: no word, {', '.join(notes)}{far}"

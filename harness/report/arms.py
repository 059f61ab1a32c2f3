"""Give every arm its colour, dash and marker: the same in all pictures of a run.

The colours are six of Okabe and Ito's eight, which people with any kind of colour vision tell apart
(https://jfly.uni-koeln.de/color/); black and yellow vanish on one of the two backgrounds.
"""

from __future__ import annotations

from dataclasses import dataclass

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Blue, vermilion, bluish green, reddish purple, orange, sky blue."""

DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.6), (1.2, 1.4), (6, 1.6, 1.2, 1.6))
"""On and off, in widths of the line; empty: a whole line."""

MARKERS = ("o", "s", "^", "D", "v", "P")

INK = "#010203"
"""Of text and axes; a page replaces it by the colour of its own text."""

PARTS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
"""Of the parts of a whole, which are no arms."""

HATCHES = ("", "////", "....", "xxxx")
"""Of the parts of a whole, for prints without colour."""

MANY = 60
"""More arms than these share panels with those of another dash, so that a page stays readable."""


def together(count: int) -> int:
    """Say how many arms a panel holds: six of different colours; of many, twice as many."""
    return len(COLOURS) * (2 if count > MANY else 1)


@dataclass(frozen=True, slots=True)
class Arm:
    """How a case is drawn."""

    colour: str
    dash: tuple[float, ...]
    marker: str


def arm_of(case: int) -> Arm:
    """Say how a case is drawn, by its index: six colours, then the same with another dash."""
    place, turn = case % len(COLOURS), case // len(COLOURS)
    return Arm(COLOURS[place], DASHES[turn % len(DASHES)], MARKERS[(place + turn) % len(MARKERS)])

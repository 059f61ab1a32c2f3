"""Draw marks between axes: all marks of one kind at once, since every artist takes time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.report.arms import HATCHES, INK, PARTS, arm_of
from harness.report.panels import Bar, Dot, Line, Span, Strip, Told

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUMBERED = 40
"""How many points bear their numbers all; of more, those on the frontier do."""
_DIFFERENT = frozenset({"better", "worse"})


def _lines(axes: Axes, marks: Sequence[Line]) -> None:
    for mark in marks:
        arm = arm_of(mark.arm)
        if mark.band is not None:
            axes.fill_between(mark.x, *mark.band, color=arm.colour, alpha=0.18, linewidth=0)
        axes.plot(
            mark.x,
            mark.y,
            color=arm.colour,
            dashes=arm.dash or (None, None),
            linewidth=0.9 if mark.ended else 1.5,
            marker=None if mark.ended else arm.marker,
            markersize=3.2,
            markevery=max(1, len(mark.x) // 8) if len(mark.x) > 20 else 1,
        )
        if mark.ended:
            end: dict[str, Any] = {"markersize": 8, "markeredgewidth": 2}
            axes.plot(mark.x[-1:], mark.y[-1:], "x", color=arm.colour, **end)


def _dots(axes: Axes, marks: Sequence[Dot]) -> None:
    colours = [arm_of(each.arm).colour for each in marks]
    thin: dict[str, Any] = {"colors": colours, "linewidth": 0.8, "alpha": 0.6}
    axes.hlines([m.y for m in marks], *zip(*(m.x_range for m in marks), strict=True), **thin)
    axes.vlines([m.x for m in marks], *zip(*(m.y_range for m in marks), strict=True), **thin)
    ringed = [each for each in marks if each.ringed]
    ring: dict[str, Any] = {"mfc": "none", "mec": INK, "markersize": 11, "linestyle": "none"}
    axes.plot([m.x for m in ringed], [m.y for m in ringed], "o", **ring)
    for mark in marks:
        arm = arm_of(mark.arm)
        axes.plot(mark.x, mark.y, arm.marker, color=arm.colour, markersize=5.5, clip_on=False)
    for mark in marks if len(marks) <= _NUMBERED else ringed:
        place: dict[str, Any] = {"xytext": (6, 5), "textcoords": "offset points"}
        axes.annotate(str(mark.arm + 1), (mark.x, mark.y), fontsize=7, **place)


def _strips(axes: Axes, marks: Sequence[Strip]) -> None:
    for mark in marks:
        arm = arm_of(mark.arm)
        rows = [mark.row + 0.24 * ((place % 3) - 1) for place in range(len(mark.values))]
        look: dict[str, Any] = {"color": arm.colour, "alpha": 0.75, "markersize": 3.6}
        axes.plot(mark.values, rows, arm.marker, clip_on=False, **look)
    rows = [each.row for each in marks]
    ends = [each - 0.36 for each in rows], [each + 0.36 for each in rows]
    axes.vlines([each.mean for each in marks], *ends, color=INK, linewidth=1.4)


def _spans(axes: Axes, marks: Sequence[Span]) -> None:
    known = [(each.row, *each.interval) for each in marks if each.interval is not None]
    if known:
        axes.hlines(*zip(*known, strict=True), color=PARTS[0], linewidth=1.5)
    look: dict[str, Any] = {"color": PARTS[0], "linestyle": "none", "markersize": 5}
    for side, arrow in enumerate("<>"):
        cut = [each for each in marks if each.interval is not None and each.goes_on[side]]
        ends = [each.interval[side] for each in cut if each.interval is not None]
        axes.plot(ends, [each.row for each in cut], arrow, clip_on=False, **look)
    for filled in (True, False):
        some = [each for each in marks if (each.word in _DIFFERENT) is filled]
        fill = PARTS[0] if filled else "none"
        middles = [each.middle for each in some]
        axes.plot(middles, [each.row for each in some], "o", markerfacecolor=fill, **look)


def _bars(axes: Axes, marks: Sequence[Bar]) -> None:
    rows, lefts = [each.row for each in marks], [0.0] * len(marks)
    for place, parts in enumerate(zip(*(each.parts for each in marks), strict=True)):
        look: dict[str, Any] = {"facecolor": PARTS[place], "hatch": HATCHES[place]}
        axes.barh(rows, parts, 0.62, lefts, edgecolor=INK, linewidth=0.4, **look)
        lefts = [left + part for left, part in zip(lefts, parts, strict=True)]


def _told(axes: Axes, marks: Sequence[Told]) -> None:
    where = axes.get_yaxis_transform()
    for mark in marks:
        text = f"✕ {mark.text[:60]}"
        axes.text(0.02, mark.row, text, transform=where, va="center", fontsize=7, clip_on=True)


DRAWERS: Mapping[type, Callable[..., None]] = {
    Line: _lines,
    Dot: _dots,
    Strip: _strips,
    Span: _spans,
    Bar: _bars,
    Told: _told,
}
"""What draws the marks of a kind, in the order in which they are laid over each other."""

"""Draw pictures with matplotlib, which is imported here alone, and only when something is drawn."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from harness.errors import BenchError, UnknownName
from harness.report.arms import HATCHES, INK, PARTS, arm_of
from harness.report.marks import DRAWERS
from harness.report.panels import Panel, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = ("pdf", "png", "svg")

_WIDTH, _HEIGHT, _HEAD, _ROW = 4.4, 3.1, 0.95, 0.27  # inches
_ROOM, _ROOM_OF_ROWS, _RIGHT, _ABOVE, _BELOW, _TICKED = 0.8, 1.65, 0.12, 0.28, 0.62, 1.0

_DECADES, _LARGE = 6, 1e5
_STYLE: dict[str, Any] = {
    "text.parse_math": False,  # a $ in a level is a $
    "svg.fonttype": "none",
    "svg.hashsalt": "bench",
    "pdf.fonttype": 42,
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.18,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
    "grid.color": INK,
}


def check_drawing() -> None:
    """Make sure that pictures can be drawn.

    Raises:
        BenchError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401  # whether it is there
    except ImportError:
        raise BenchError(
            "pictures need matplotlib, which is not installed: pip install 'bench-harness[plots]'"
        ) from None


def checked_suffix(path: Path) -> str:
    """Say in which format a file is asked for, by its suffix.

    Raises:
        UnknownName: it is none that is written.
    """
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in SUFFIXES:
        raise UnknownName("suffix of a picture", suffix, SUFFIXES)
    return suffix


def panel_figure(panel: Panel) -> Figure:
    """Draw one panel, without legend or notes."""
    from matplotlib.figure import Figure

    with _style():
        figure = Figure(figsize=(_WIDTH, _height(panel)))
        _place(figure, panel, 0.0, _height(panel))
    return figure


def picture_figure(picture: Picture, labels: Callable[[int], str]) -> Figure:
    """Draw the panels of a picture side by side, its legend and what must be known below.

    Args:
        picture: What to draw.
        labels: What a case is called.
    """
    from matplotlib.figure import Figure

    width = max(_WIDTH * len(picture.panels), 1.5 * _WIDTH)
    notes = [line for each in picture.said for line in textwrap.wrap(each, int(17 * width))]
    legend = _legend(picture, labels)
    longest = max((len(each) for _, each in legend), default=1)
    columns = max(1, int(width / (0.6 + 0.075 * longest)))
    rows = -(-len(legend) // columns)
    below = 0.15 + 0.14 * len(notes) + (0.15 + 0.19 * rows if rows else 0.0)
    height = max(map(_height, picture.panels)) + 0.35 + below
    with _style():
        figure = Figure(figsize=(width, height))
        title = textwrap.fill(picture.title, int(13 * width))
        figure.suptitle(title, x=0.1 / width, y=1 - 0.08 / height, ha="left", fontsize=10.5)
        for place, panel in enumerate(picture.panels):
            _place(figure, panel, place * _WIDTH, height - 0.35)
        if legend:
            handles, names = zip(*legend, strict=True)
            where = (0.0, (below - 0.05) / height)
            look: dict[str, Any] = {"loc": "upper left", "frameon": False, "fontsize": 8}
            figure.legend(handles, names, bbox_to_anchor=where, ncols=columns, **look)
        figure.text(0.1 / width, 0.08 / height, "\n".join(notes), va="bottom", fontsize=7.5)
    return figure


def save(figure: Figure, path: Any, suffix: str) -> None:
    """Write a figure into a file, or something that can be written to.

    Args:
        figure: What to write.
        path: Where to.
        suffix: One of `SUFFIXES`.
    """
    clean = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(suffix)
    with _style(), warnings.catch_warnings():
        # a script that matplotlib's own font has not: the text stays text in an SVG
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        warnings.filterwarnings("ignore", "Matplotlib currently does not support")
        transparent = suffix == "svg"
        figure.savefig(path, format=suffix, dpi=200, metadata=clean, transparent=transparent)


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # a matplotlibrc of the user's changes nothing
        mpl.rcParams.update(cast("Any", _STYLE))
        yield


def _place(figure: Figure, panel: Panel, left: float, top: float) -> None:
    """Draw a panel at a place of a figure, in inches: reckoned, for searching it takes long."""
    width, height = figure.get_size_inches()
    room, below = _ROOM_OF_ROWS if panel.rows else _ROOM, _TICKED if panel.ticks else _BELOW
    wide, high = _WIDTH - room - _RIGHT, _height(panel) - below - _ABOVE
    bottom = top - _ABOVE - high
    axes = figure.add_axes(((left + room) / width, bottom / height, wide / width, high / height))
    _draw(axes, panel)
    axes.set_title(panel.title, loc="left", y=1 + 0.08 / high)
    axes.xaxis.set_label_coords(0.5, -(below - 0.38) / high)
    axes.yaxis.set_label_coords(-0.47 / wide, 0.5)


def _height(panel: Panel) -> float:
    return _HEAD + _ROW * max(len(panel.rows), 2) if panel.rows else _HEIGHT


def _draw(axes: Axes, panel: Panel) -> None:
    axes.set_xlabel(_wrapped(panel.x.label))
    axes.set_ylabel(_wrapped(panel.y.label))
    axes.set_xscale(panel.x.scale)
    axes.set_yscale(panel.y.scale)
    if panel.margin is not None:
        axes.axvspan(-panel.margin, panel.margin, color="#808080", alpha=0.25, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.7)
    for kind, drawn in DRAWERS.items():
        if marks := [each for each in panel.marks if type(each) is kind]:
            drawn(axes, marks)
    if panel.rows:
        _name_rows(axes, panel.rows)
    if panel.ticks:
        axes.set_xticks(range(len(panel.ticks)), panel.ticks, rotation=40, ha="right")
    elif panel.x.label == "epoch":
        axes.locator_params(axis="x", integer=True)
    for ends, low, high in ((axes.set_xlim, panel.x.low, panel.x.high),) + (
        () if panel.rows else ((axes.set_ylim, panel.y.low, panel.y.high),)
    ):
        if low is not None or high is not None:
            ends(low, high)
    _name_ticks(axes, panel)


def _name_ticks(axes: Axes, panel: Panel) -> None:
    """Write 0.01 and 1e+33 whole, and few of them.

    Matplotlib's own powers of ten are mathematics, which is switched off, or stand apart.
    """
    from matplotlib.ticker import FuncFormatter, LogFormatter, LogLocator, MaxNLocator

    class Plain(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    for axis, scale in ((axes.xaxis, panel.x.scale), (axes.yaxis, panel.y.scale)):
        if scale == "log":
            axis.set_major_formatter(Plain())
            axis.set_minor_formatter(Plain(minor_thresholds=(1.2, 0.4)))
            axis.set_major_locator(LogLocator(numticks=_DECADES))
        elif max(map(abs, axis.get_view_interval())) >= _LARGE:
            axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
            axis.set_major_locator(MaxNLocator(4))


def _wrapped(label: str) -> str:
    return "\n".join(textwrap.wrap(label, 46))


def _name_rows(axes: Axes, rows: Sequence[str]) -> None:
    """Name the rows by texts: forty ticks take longer than the rest of the picture."""
    axes.set_yticks([])
    for row, each in enumerate(rows):
        axes.text(
            -0.02,
            row,
            "\n".join(textwrap.wrap(each, 26)[:2]),
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            fontsize=7,
        )
    axes.set_ylim(len(rows) - 0.4, -0.6)


def _legend(picture: Picture, labels: Callable[[int], str]) -> list[tuple[Any, str]]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    arms = [(arm_of(case), labels(case)) for case in picture.arms]
    lines = [
        (
            Line2D(
                [],
                [],
                color=arm.colour,
                marker=arm.marker,
                markersize=4,
                dashes=arm.dash or (None, None),
            ),
            label,
        )
        for arm, label in arms
    ]
    return lines + [
        (Patch(facecolor=PARTS[place], hatch=HATCHES[place], edgecolor=INK, linewidth=0.4), part)
        for place, part in enumerate(picture.parts)
    ]

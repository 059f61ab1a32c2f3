"""Show what was changed, with intervals: cases against their baselines, and effects of factors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.errors import BenchError
from harness.judging.compare import baseline_pairs
from harness.judging.effects import effects
from harness.numbers.figures import difference_unit
from harness.numbers.metrics import Meaning
from harness.records.naming import short_names
from harness.report.panels import Axis, Mark, Panel, Picture, Span, Told, better
from harness.report.shown import Shown, shortened
from harness.report.strips import in_parts, which
from harness.showing.columns import metrics_of, resolved
from harness.showing.factorial import effect_name, reference_text
from harness.showing.judged import Judged, usual_n
from harness.showing.versus import baseline_text
from harness.units import one_line

_SAID = (
    "dot: mean of the differences, bar: 95 % interval of each alone; grey: the margin; filled: the"
    " word is better or worse, hollow: same, undecided or none",
)
_MOST = 120
"""Effects that are drawn; the first, which are the main ones."""


def differences(shown: Shown) -> list[Picture]:
    """Draw what each case changed against its baseline, in each metric of the table.

    Raises:
        BenchError: no case has a figure to compare.
    """
    cases = [case for case, _ in baseline_pairs(shown.plan)]
    found: dict[str, dict[int, Judged]] = {}
    for name in shown.names:
        for case in cases:
            each = shown.judged.get((case, resolved(name, shown.plan.cases[case])))
            if each is not None and each.n:
                found.setdefault(name, {})[case] = each
    if not found:
        raise BenchError("no case has a figure to compare with that of a baseline")
    title = f"Against {baseline_text(shown.plan)}, paired by seed"
    n = usual_n({name: list(each.values()) for name, each in found.items()})
    pictures = []
    for part in in_parts(len(cases)):
        own = [cases[place] for place in part]
        rows = {case: _missing(shown, case) for case in own}
        labels = tuple(shown.label(case) for case in own)
        panels = tuple(_panel(shown, name, labels, rows, found[name]) for name in found)
        pictures.append(_picture("differences", title, panels, n, cases=(own, len(cases))))
    return pictures


def factor_effects(shown: Shown) -> list[Picture]:
    """Draw main effects and interactions of the factors, in each metric of the table.

    Raises:
        BenchError: the cases form no full product.
    """
    plan, names = shown.plan, short_names(shown.plan)
    made = effects(plan, shown.rows, metrics_of(shown.names))
    order = list(dict.fromkeys(effect_name(each, names) for each in made))
    places = {name: place for place, name in enumerate(order[:_MOST])}
    wanted = [metric for name in shown.names for metric in sorted(metrics_of([name]))]
    found: dict[str, dict[int, Judged]] = {name: {} for name in wanted}
    for each in made:
        place = places.get(effect_name(each, names))
        if place is not None and each.n:
            found[each.metric][place] = each
    found = {name: each for name, each in found.items() if each}
    if not found:
        raise BenchError("no effect has a figure")
    title = f"Effects against {reference_text(made, names)}, paired by seed"
    n = usual_n({name: list(each.values()) for name, each in found.items()})
    pictures = []
    for part in in_parts(len(places)):
        labels = tuple(shortened(order[place], 48) for place in part)
        rows = dict.fromkeys(part, "no figure in some cell")
        panels = tuple(_panel(shown, name, labels, rows, found[name]) for name in found)
        pictures.append(
            _picture("effects", title, panels, n, more=len(order) - len(places), first=part.start)
        )
    return pictures


def _missing(shown: Shown, case: int) -> str:
    return shown.failures(case) or "no figure"


def _panel(
    shown: Shown,
    name: str,
    labels: Sequence[str],
    rows: Mapping[int, str],
    found: Mapping[int, Judged],
) -> Panel:
    first = next(iter(found.values()))
    meaning = shown.meaning(first.metric)
    factor = 100.0 if difference_unit(meaning) else 1.0
    reach = factor * _reach(found.values())
    return Panel(
        title=one_line(name, 60),
        x=Axis(label=_label(name, meaning), low=-reach, high=reach),
        y=Axis(label=""),
        marks=tuple(
            _mark(place, found.get(key), told, factor, reach)
            for place, (key, told) in enumerate(rows.items())
        ),
        rows=tuple(labels),
        margin=factor * first.margin,
    )


def _reach(found: Iterable[Judged]) -> float:
    """Say how far an axis goes: as far as the intervals, but not to where one of 2 seeds may go."""
    known = [each for each in found if each.difference is not None]
    sizes = [abs(each.difference or 0.0) for each in known]
    ends = [abs(end) for each in known for end in each.ci95 or ()]
    margin = max((each.margin for each in known), default=0.0)
    most = 3 * max([*sizes, 2 * margin]) or 1.0
    return 1.08 * max(min(max(ends, default=0.0), most), *sizes, 1.5 * margin)


def _label(name: str, meaning: Meaning) -> str:
    unit = difference_unit(meaning) or ("no unit" if meaning.unit == "1" else meaning.unit)
    return f"difference of {one_line(name, 60)}, {one_line(unit, 30)}; {better(meaning)}"


def _mark(row: int, found: Judged | None, told: str, factor: float, reach: float) -> Mark:
    if found is None or found.difference is None:
        return Told(row=row, text=found.note or told if found else told)
    middle, word = factor * found.difference, found.verdict
    if found.ci95 is None:
        return Span(row=row, middle=middle, interval=None, word=word)
    low, high = (factor * each for each in found.ci95)
    return Span(
        row=row,
        middle=middle,
        interval=(max(low, -reach), min(high, reach)),
        word=word,
        goes_on=(low < -reach, high > reach),
    )


def _pairs(n: int) -> str:
    return "n = 1 pair of seeds" if n == 1 else f"n = {n} pairs of seeds"


def _picture(
    kind: str,
    title: str,
    panels: tuple[Panel, ...],
    n: int,
    *,
    cases: tuple[Sequence[int], int] | None = None,
    more: int = 0,
    first: int = 0,
) -> Picture:
    part = which(*cases) if cases else f": from row {first + 1}" if first else ""
    said: tuple[str, ...] = (f"{_pairs(n)}, unless the table says otherwise", *_SAID)
    if any(isinstance(each, Span) and any(each.goes_on) for p in panels for each in p.marks):
        said += ("arrow: the interval goes on beyond the axis",)
    if more:
        said += (f"{more} more effects are not drawn: bench show --effects has them",)
    told = [
        f"{label} {mark.middle:+.3g} {mark.word or 'without a word'}"
        for label, mark in zip(panels[0].rows, panels[0].marks, strict=True)
        if isinstance(mark, Span)
    ]
    return Picture(
        kind=kind,
        title=title + part,
        panels=panels,
        said=said,
        alt=f"{title}. {panels[0].x.label}: {'; '.join(told) or 'no figure'}.",
    )

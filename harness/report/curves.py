"""Make the curves of learning: each case by epoch, mean and range of its seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.errors import BenchError
from harness.judging.tables import finite, meaning_of
from harness.numbers.metrics import BY_EPOCH
from harness.numbers.statistics import mean_of
from harness.records.record import FAILED
from harness.report.arms import together
from harness.report.panels import (
    Axis,
    Line,
    Measure,
    Panel,
    Picture,
    measure_of,
    share_axis,
    value_axis,
)
from harness.report.shown import Shown, seeds_text
from harness.report.strips import in_parts, which

_WANTED = (
    ("train_loss", "running_train_loss"),
    ("train_accuracy", "test_loss"),
    ("test_accuracy", "validation_accuracy", "validation_loss"),
)
"""What is drawn: of each, the first that the run has."""

_BAND = "line: mean, band: lowest to highest"


def curves(shown: Shown) -> list[Picture]:
    """Draw the curves of every case, up to six cases a picture.

    Raises:
        BenchError: no trial has a curve by epoch.
    """
    names = _names(shown)
    if not names:
        raise BenchError("no trial has a curve by epoch")
    lines = {name: {case: _lines(shown, case, name) for case in shown.trials} for name in names}
    axes = {name: _axis(shown, name, lines[name]) for name in names}
    parts = in_parts(len(shown.rows), together(len(shown.rows)))
    return [_picture(shown, part, lines, axes) for part in parts]


class Curve(NamedTuple):
    """The values of a seed by epoch, up to the first that is none; how it ended if it broke."""

    values: tuple[float, ...]
    ended: str | None


def seed_curves(shown: Shown, case: int, name: str) -> list[Curve]:
    """Give the curve of each seed of a case; that of a seed with folds is the mean of its folds."""
    by_seed: dict[int, list[Curve]] = {}
    for trial, record in shown.trials[case]:
        if record is not None:
            ended = record.status if record.status in FAILED else None
            values = tuple(_until_none(record.curves.get(name, ())))
            by_seed.setdefault(trial.seed, []).append(Curve(values, ended))
    return [_over_folds(each) for each in by_seed.values()]


def _over_folds(folds: Sequence[Curve]) -> Curve:
    if len(folds) == 1:
        return folds[0]
    columns = zip(*(each.values for each in folds), strict=False)  # as far as all of them go
    ended = next((each.ended for each in folds if each.ended), None)
    return Curve(tuple(mean_of(each) for each in columns), ended)


def _until_none(values: Sequence[float | None]) -> Iterator[float]:
    for each in values:
        found = finite(each)
        if found is None:
            return
        yield found


def _names(shown: Shown) -> list[str]:
    """Choose the curves that are drawn."""
    records = [each for found in shown.trials.values() for _, each in found if each]
    there = {
        name
        for name in BY_EPOCH
        if any(value is not None for each in records for value in each.curves.get(name, ()))
    }
    found = [next((each for each in group if each in there), None) for group in _WANTED]
    return list(dict.fromkeys(each for each in found if each))


def _lines(shown: Shown, case: int, name: str) -> list[Line]:
    """Make the line of those that went through, and one for each that broke off."""
    curves = seed_curves(shown, case, name)
    whole = [each.values for each in curves if each.ended is None and each.values]
    broken = [each for each in curves if each.ended is not None and each.values]
    lines = [_line(case, whole)] if whole else []
    return lines + [
        Line(arm=case, x=_epochs(each.values), y=each.values, ended=each.ended) for each in broken
    ]


def _line(case: int, whole: Sequence[Sequence[float]]) -> Line:
    columns = list(zip(*whole, strict=False))  # as far as all of them go
    mean = tuple(mean_of(each) for each in columns)
    band = tuple(map(min, columns)), tuple(map(max, columns))
    return Line(arm=case, x=_epochs(mean), y=mean, band=band if len(whole) > 1 else None)


def _epochs(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(epoch) for epoch in range(1, len(values) + 1))


def _axis(shown: Shown, name: str, lines: dict[int, list[Line]]) -> Axis:
    """Make the axis of a curve: all its pictures share the scale, and a linear one its ends."""
    if name.endswith("_accuracy"):
        return share_axis(name)
    ends = [
        value
        for found in lines.values()
        for each in found
        for value in (*each.y, *(each.band[0] + each.band[1] if each.band else ()))
    ]
    measure = measure_of(meaning_of(name, shown.stored.run.meanings), ())
    axis = value_axis(
        Measure(1.0, measure.label.replace(", no unit", " per sample")), ends, zero=True
    )
    return Axis(label=axis.label, scale=axis.scale, low=axis.low, high=_above(axis, ends))


def _above(axis: Axis, ends: Sequence[float]) -> float | None:
    return None if axis.scale == "log" or not ends else 1.05 * max(ends)


def _picture(
    shown: Shown,
    cases: Sequence[int],
    lines: dict[str, dict[int, list[Line]]],
    axes: dict[str, Axis],
) -> Picture:
    panels = [
        Panel(
            title=name,
            x=Axis(label="epoch"),
            y=axes[name],
            marks=tuple(line for case in cases for line in lines[name][case]),
        )
        for name in lines
    ]
    return Picture(
        kind="curves",
        title="Learning, epoch by epoch" + which(cases, len(shown.rows)),
        panels=tuple(panels),
        said=tuple(_said(shown, cases, lines)),
        alt=_alt(shown, cases, lines),
        arms=tuple(cases),
    )


def _said(
    shown: Shown, cases: Sequence[int], lines: dict[str, dict[int, list[Line]]]
) -> Iterator[str]:
    counts = [sum(1 for _, each in shown.trials[case] if each) for case in cases]
    folds = {trial.fold for case in cases for trial, _ in shown.trials[case]}
    whole = [shown.rows[case].metrics for case in cases]
    first = next(iter(lines))
    n = [len([c for c in seed_curves(shown, case, first) if c.ended is None]) for case in cases]
    if any(n) and whole:
        told = f"{_BAND} of {seeds_text(n)}"
        yield told + (f", each the mean of {len(folds)} folds" if len(folds) > 1 else "")
    if any(line.ended for found in lines.values() for case in cases for line in found[case]):
        yield "thin line with a cross: a trial that broke off there; it is in no mean"
    for case, ran in zip(cases, counts, strict=True):
        if failed := shown.failures(case):
            drawn = any(lines[name][case] for name in lines)
            rest = "" if drawn else "; no curve" if ran else "; not run"
            yield f"{shown.label(case)}: {failed}{rest}"


def _alt(shown: Shown, cases: Sequence[int], lines: dict[str, dict[int, list[Line]]]) -> str:
    """Tell where the curves of the last panel end."""
    name = list(lines)[-1]
    ends = [
        f"{shown.label(case)} {found[0].y[-1]:.3g}"
        for case in cases
        if (found := lines[name][case]) and found[0].ended is None
    ]
    return f"Curves of {', '.join(lines)} by epoch. {name} ends at: {'; '.join(ends) or 'nothing'}."

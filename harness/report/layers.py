"""Show the norm of the gradient by layer, and activation functions with their derivatives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.errors import BenchError
from harness.judging.tables import finite
from harness.numbers.metrics import base_name
from harness.numbers.statistics import mean_of
from harness.report.arms import together
from harness.report.panels import Axis, Line, Panel, Picture
from harness.report.shown import Shown, seeds_text
from harness.report.strips import in_parts, which

NORM = "gradient_norm"
_SERIES = ("value", "derivative")


def gradients(shown: Shown) -> list[Picture]:
    """Draw the norm of the gradient in each layer, after the last epoch.

    Raises:
        BenchError: no trial has measured it.
    """
    layers = _layers(shown)
    if not layers:
        raise BenchError(f"no trial has {NORM}: metrics={NORM} measures it")
    every = {case: _norms(shown, case, layers) for case in shown.trials}
    positive = all(value > 0 for line in every.values() if line for value in line.y)
    y = Axis(
        label="norm of the gradient, no unit" + (" (logarithmic)" if positive else ""),
        scale="log" if positive else "linear",
    )
    parts = in_parts(len(shown.rows), together(len(shown.rows)))
    return [_of_gradients(shown, cases, every, y, layers) for cases in parts]


def _of_gradients(
    shown: Shown,
    cases: Sequence[int],
    every: Mapping[int, Line | None],
    y: Axis,
    layers: Sequence[str],
) -> Picture:
    lines = tuple(each for case in cases if (each := every[case]))
    x = Axis(label="layer, from the input to the output")
    n = [shown.rows[case].metrics[f"{NORM}/{layers[0]}"].n for case in cases]
    absent = [
        f"no line: {shown.label(case)}: {shown.failures(case) or 'no figure'}"
        for case in cases
        if every[case] is None
    ]
    ends = [f"{shown.label(each.arm)} {each.y[0]:.3g} against {each.y[-1]:.3g}" for each in lines]
    band = f"line: mean, band: lowest to highest of {seeds_text(n)}; after the last epoch"
    return Picture(
        kind="gradients",
        title="Norm of the gradient by layer" + which(cases, len(shown.rows)),
        panels=(Panel(title="", x=x, y=y, marks=lines, ticks=tuple(layers)),),
        said=(band, *absent),
        alt=f"Norm of the loss's gradient, first layer against last: {'; '.join(ends)}.",
        arms=tuple(cases),
    )


def shapes(shown: Shown) -> list[Picture]:
    """Draw activation functions and their derivatives, as the procedure tabulate gives them.

    Raises:
        BenchError: no trial has tabulated one.
    """
    lines = {name: {c: _series(shown, c, name) for c in shown.trials} for name in _SERIES}
    if not any(lines["value"].values()):
        raise BenchError("no trial has tabulated a function: procedure=tabulate does")
    parts = in_parts(len(shown.rows), together(len(shown.rows)))
    return [_of_shapes(shown, cases, lines) for cases in parts]


def _of_shapes(
    shown: Shown, cases: Sequence[int], lines: Mapping[str, Mapping[int, Line | None]]
) -> Picture:
    panels = tuple(
        Panel(
            title=name,
            x=Axis(label="input, no unit"),
            y=Axis(label=f"{name}, no unit"),
            marks=tuple(each for case in cases if (each := lines[name][case])),
        )
        for name in _SERIES
    )
    steepest = [
        f"{shown.label(case)} {max(map(abs, each.y)):.3g}"
        for case in cases
        if (each := lines["derivative"][case])
    ]
    absent = [
        f"no line: {shown.label(case)}: {shown.failures(case) or 'no figure'}"
        for case in cases
        if lines["value"][case] is None
    ]
    return Picture(
        kind="activations",
        title="Functions and their derivatives" + which(cases, len(shown.rows)),
        panels=panels,
        said=("n = 1, the first seed of each; no band: nothing is drawn by chance", *absent),
        alt=f"Functions and their derivatives. Steepest slopes: {'; '.join(steepest)}.",
        arms=tuple(cases),
    )


def _layers(shown: Shown) -> list[str]:
    """Name the layers in the order in which records have them: that of the model."""
    longest: list[str] = []
    for found in shown.trials.values():
        for _, record in found:
            names = [each for each in (record.metrics if record else ()) if _of_layer(each)]
            longest = max(longest, [each.partition("/")[2] for each in names], key=len)
    return longest


def _of_layer(metric: str) -> bool:
    return base_name(metric) == NORM and "/" in metric


def _norms(shown: Shown, case: int, layers: Sequence[str]) -> Line | None:
    """Give the line of a case: a net with fewer layers leaves places in the middle out."""
    metrics = shown.rows[case].metrics
    found = [
        (place, list(_present(metrics[name].values.values())))
        for place, layer in enumerate(layers)
        if (name := f"{NORM}/{layer}") in metrics and metrics[name].n
    ]
    if not found:
        return None
    columns = [values for _, values in found]
    band = tuple(map(min, columns)), tuple(map(max, columns))
    return Line(
        arm=case,
        x=tuple(float(place) for place, _ in found),
        y=tuple(mean_of(values) for values in columns),
        band=band if max(map(len, columns)) > 1 else None,
    )


def _present(values: Iterable[float | None]) -> Iterator[float]:
    for each in values:
        if each is not None:
            yield each


def _series(shown: Shown, case: int, name: str) -> Line | None:
    for _, record in shown.trials[case]:
        if record is None or record.status != "ok":
            continue
        points = zip(record.curves.get("x", ()), record.curves.get(name, ()), strict=False)
        known = sorted(_known(points))
        if known:
            return Line(arm=case, x=tuple(x for x, _ in known), y=tuple(y for _, y in known))
    return None


def _known(points: Iterable[tuple[float | None, float | None]]) -> Iterator[tuple[float, float]]:
    for at, to in points:
        x, y = finite(at), finite(to)
        if x is not None and y is not None:
            yield x, y

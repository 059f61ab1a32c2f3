"""Procedures for what is no training: figures of an untrained model, a curve, a long product.

A procedure that draws a series takes the metrics that the setting `metrics` names, too: they find
the series among the curves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from harness import BenchError, Findings, Meta, Metric, Procedure, Trained, Workload, hookimpl

Size = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]


@hookimpl
def bench_register_procedures() -> Sequence[Procedure]:
    """Hand over the procedures of this module."""
    return [
        Procedure("measure", measure),
        Procedure("tabulate", tabulate),
        Procedure("matrix_product", matrix_product),
    ]


@hookimpl
def bench_register_metrics() -> Sequence[Metric]:
    """Hand over the metrics of this module."""
    return [
        Metric("sample_loss", "1", "lower", 0.05, sample_loss, scale="ratio"),
        Metric("batch_loss", "1", "lower", 0.05, batch_loss, scale="ratio"),
        Metric("steepest_slope", "1", "higher", 0.05, steepest_slope, scale="ratio"),
        Metric("largest_entry", "1", "lower", 0.05, largest_entry, scale="ratio"),
    ]


def measure(workload: Workload) -> Findings:
    """Take the metrics that `metrics` names, of the model as it starts; nothing is trained.

    Raises:
        BenchError: `metrics` names none.
    """
    if not workload.measures:
        raise BenchError(
            "procedure measure takes what metrics=NAME names, and it names no metric of a plugin"
            " (bench list metrics shows them)"
        )
    return _findings(workload, {})


def tabulate(workload: Workload) -> Findings:
    """Tabulate a model of one number and its derivative, as series x, value and derivative.

    The points are the inputs of the training split, in their order.

    Raises:
        BenchError: there is no model, or it is not one number that becomes one number.
    """
    import torch

    if workload.model is None or workload.data is None or workload.task is None:
        raise BenchError(
            "procedure tabulate needs a model and points: model=bare_activation dataset=line"
        )
    if (workload.task.input_shape, workload.task.outputs) != ((1,), 1):
        raise BenchError(
            "procedure tabulate takes a model of one number that becomes one number: dataset=line"
        )
    points = workload.data.train.inputs[0].detach().requires_grad_()  # (n, 1)
    workload.model.eval()
    values = workload.model(points)
    (slopes,) = torch.autograd.grad(values.sum(), points)
    series = {"x": points, "value": values, "derivative": slopes}
    return _findings(
        workload, {name: each.detach().flatten().tolist() for name, each in series.items()}
    )


def matrix_product(
    workload: Workload, *, count: Size = 100, size: Size = 4, std: Positive = 1.0
) -> Findings:
    """Multiply a matrix by `count` others, all drawn from N(0, std squared).

    The series `entry` is the largest absolute entry before the first and after each
    multiplication: so do the gradients of deep nets explode, or vanish.

    Source: https://d2l.ai/chapter_multilayer-perceptrons/numerical-stability-and-init.html,
    "Exploding Gradients"
    """
    import torch

    generator = torch.Generator().manual_seed(workload.seed)

    def drawn() -> torch.Tensor:
        return std * torch.randn(size, size, generator=generator, dtype=torch.float64)

    product = drawn()
    entries = [float(product.abs().max())]
    for _ in range(count):
        product = product @ drawn()
        entries.append(float(product.abs().max()))
    return _findings(workload, {"entry": entries})


def sample_loss(trained: Trained) -> dict[str, float] | None:
    """Measure the loss of each training sample by itself, by its place from 1."""
    if trained.model is None or trained.loss is None or trained.data is None:
        return None
    split = trained.data.train
    return {
        str(place): _loss(trained, slice(place - 1, place)) for place in range(1, len(split) + 1)
    }


def batch_loss(trained: Trained) -> float | None:
    """Measure the loss of the whole training split at once, by its own reduction."""
    if trained.model is None or trained.loss is None or trained.data is None:
        return None
    return _loss(trained, slice(None))


def steepest_slope(trained: Trained) -> float | None:
    """Give the largest absolute derivative that procedure tabulate found; None with any other."""
    slopes = [abs(each) for each in trained.curves.get("derivative", ()) if each is not None]
    return max(slopes, default=None)


def largest_entry(trained: Trained) -> float | None:
    """Give the largest absolute entry of the product that procedure matrix_product made."""
    entries = trained.curves.get("entry", ())
    return entries[-1] if entries else None


def _findings(workload: Workload, series: Mapping[str, Sequence[float]]) -> Findings:
    """Take the metrics of plugins, with the series as curves."""
    parts = {name: getattr(workload, name) for name in Workload.__struct_fields__}
    trained = Trained(**parts, curves=series)
    metrics: dict[str, float | None] = {}
    for each in workload.measures:
        name, found = each.metric.name, each.take(trained)
        if isinstance(found, Mapping):
            metrics |= {f"{name}/{layer}": float(value) for layer, value in found.items()}
        else:
            metrics[name] = None if found is None else float(found)
    missing = {name: "the metric gave no value" for name, each in metrics.items() if each is None}
    return Findings(metrics=metrics, series=series, missing=missing)


def _loss(trained: Trained, places: slice) -> float:
    import torch

    assert trained.model is not None
    assert trained.loss is not None
    assert trained.data is not None
    split = trained.data.train
    inputs, targets = tuple(each[places] for each in split.inputs), split.targets[places]
    if split.collate is not None:
        inputs, targets = split.collate(inputs, targets)
    trained.model.eval()
    with torch.no_grad():
        return float(trained.loss(trained.model(*inputs), targets).mean())

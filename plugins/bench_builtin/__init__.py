"""The plugins that come with bench: a module for each family, through the public hooks only.

A module that registers something is named in `MODULES`; it may register several kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_builtin import (
    activations,
    channels,
    characters,
    convolutional,
    datasets,
    demonstrations,
    diagnostics,
    folders,
    images,
    initializers,
    layers,
    linear,
    losses,
    models,
    optimizers,
    points,
    procedures,
    recurrent,
    schedules,
    scratch,
    suites,
    synthetic,
    tables,
    vgg,
)
from harness import (
    Activation,
    Dataset,
    Initializer,
    Loss,
    Metric,
    Model,
    Optimizer,
    Procedure,
    Schedule,
    hookimpl,
)

__all__ = [
    "bench_register_activations",
    "bench_register_datasets",
    "bench_register_initializers",
    "bench_register_losses",
    "bench_register_metrics",
    "bench_register_models",
    "bench_register_optimizers",
    "bench_register_procedures",
    "bench_register_schedules",
    "bench_register_suites",
]

MODULES = (
    activations,
    channels,
    characters,
    convolutional,
    datasets,
    demonstrations,
    diagnostics,
    folders,
    images,
    initializers,
    layers,
    linear,
    losses,
    models,
    optimizers,
    points,
    procedures,
    recurrent,
    schedules,
    scratch,
    suites,
    synthetic,
    tables,
    vgg,
)


@hookimpl
def bench_register_activations() -> Sequence[Activation]:
    """Hand over the activations of all modules."""
    return _of_all("bench_register_activations")


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    """Hand over the data sets of all modules."""
    return _of_all("bench_register_datasets")


@hookimpl
def bench_register_initializers() -> Sequence[Initializer]:
    """Hand over the initializers of all modules."""
    return _of_all("bench_register_initializers")


@hookimpl
def bench_register_losses() -> Sequence[Loss]:
    """Hand over the losses of all modules."""
    return _of_all("bench_register_losses")


@hookimpl
def bench_register_metrics() -> Sequence[Metric]:
    """Hand over the metrics of all modules."""
    return _of_all("bench_register_metrics")


@hookimpl
def bench_register_models() -> Sequence[Model]:
    """Hand over the models of all modules."""
    return _of_all("bench_register_models")


@hookimpl
def bench_register_optimizers() -> Sequence[Optimizer]:
    """Hand over the optimizers of all modules."""
    return _of_all("bench_register_optimizers")


@hookimpl
def bench_register_procedures() -> Sequence[Procedure]:
    """Hand over the procedures of all modules."""
    return _of_all("bench_register_procedures")


@hookimpl
def bench_register_schedules() -> Sequence[Schedule]:
    """Hand over the schedules of all modules."""
    return _of_all("bench_register_schedules")


@hookimpl
def bench_register_suites() -> Sequence[Path]:
    """Point at the files of suites."""
    return _of_all("bench_register_suites")


def _of_all(hook: str) -> list[Any]:
    """Call a hook in every module that has it."""
    return [each for module in MODULES if hasattr(module, hook) for each in getattr(module, hook)()]

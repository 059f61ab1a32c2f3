"""Kolmogorov-Arnold networks on two spirals: a plugin for bench-harness.

Nothing here imports torch at the top: `bench plan` and `bench list` load plugins, and stay quick.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench_kan import datasets, metrics, models, optimizers
from harness import Dataset, Metric, Model, Optimizer, hookimpl

__version__ = "0.2.0"

bench_interface = 1
"""The version of harness's interface that this plugin was written for."""


@hookimpl
def bench_register_models() -> Sequence[Model]:
    """Hand over the models."""
    return [Model("kan_net", models.net, accepts=models.takes)]


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    """Hand over the data sets; a quarter of each is held out to test on."""
    load, task = datasets.spirals, datasets.spirals_task
    return [Dataset("kan_spirals", load, task, seeded=True, holdout=0.25)]


@hookimpl
def bench_register_optimizers() -> Sequence[Optimizer]:
    """Hand over the optimizers."""
    return [Optimizer("kan_lion", optimizers.lion)]


@hookimpl
def bench_register_metrics() -> Sequence[Metric]:
    """Hand over the metrics."""
    return [Metric("kan_calibration_error", "1", "lower", 0.02, metrics.calibration_error)]


@hookimpl
def bench_register_suites() -> Sequence[str]:
    """Hand over the suites: files beside this one."""
    return ["suites.toml"]

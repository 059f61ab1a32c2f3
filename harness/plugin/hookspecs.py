"""The hooks of a plugin: registration hooks return definitions, observer hooks take records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from harness.plugin.definitions import (
    Activation,
    Dataset,
    Initializer,
    Loss,
    Metric,
    Model,
    Optimizer,
    Procedure,
    Schedule,
)

if TYPE_CHECKING:
    from harness.records.record import Record
    from harness.suites.suite import Suite

hookspec = pluggy.HookspecMarker("bench")
hookimpl = pluggy.HookimplMarker("bench")
"""Marks a function of a plugin as the implementation of the hook of its name."""


@hookspec
def bench_register_models() -> Sequence[Model]:  # type: ignore[empty-body]  # has no body
    """Return the models of this plugin."""


@hookspec
def bench_register_datasets() -> Sequence[Dataset]:  # type: ignore[empty-body]  # as above
    """Return the data sets of this plugin."""


@hookspec
def bench_register_optimizers() -> Sequence[Optimizer]:  # type: ignore[empty-body]  # as above
    """Return the optimizers of this plugin."""


@hookspec
def bench_register_schedules() -> Sequence[Schedule]:  # type: ignore[empty-body]  # as above
    """Return the schedules of this plugin."""


@hookspec
def bench_register_activations() -> Sequence[Activation]:  # type: ignore[empty-body]  # as above
    """Return the activations of this plugin."""


@hookspec
def bench_register_initializers() -> Sequence[Initializer]:  # type: ignore[empty-body]  # as above
    """Return the initializers of this plugin."""


@hookspec
def bench_register_losses() -> Sequence[Loss]:  # type: ignore[empty-body]  # as above
    """Return the losses of this plugin."""


@hookspec
def bench_register_metrics() -> Sequence[Metric]:  # type: ignore[empty-body]  # as above
    """Return the metrics of this plugin."""


@hookspec
def bench_register_procedures() -> Sequence[Procedure]:  # type: ignore[empty-body]  # as above
    """Return the procedures of this plugin."""


@hookspec
def bench_register_suites() -> Sequence[Suite | Path | str]:  # type: ignore[empty-body]  # as above
    """Return the suites of this plugin: each a Suite, or the path of a TOML file in the package."""


@hookspec
def bench_trial_finished(record: Record, folder: Path) -> None:
    """See the record of a trial that has just ended and been kept, and the folder of its run.

    Called in the parent, between trials. What it raises is printed and does not stop the run.
    """

"""What did changing this do? A benchmarking harness for PyTorch, of plugins."""

from __future__ import annotations

from harness.api import Run, load, run
from harness.errors import BenchError
from harness.plugin.definitions import (
    Activation,
    ActivationName,
    Batch,
    Data,
    Dataset,
    Findings,
    Initializer,
    Loss,
    Meta,
    Metric,
    Model,
    Optimizer,
    Place,
    Procedure,
    Protocol,
    Schedule,
    Split,
    StepResult,
    Task,
    Trained,
    Workload,
)
from harness.plugin.hookspecs import hookimpl
from harness.plugin.interface import INTERFACE
from harness.records.record import Record
from harness.suites.suite import Expect, Suite

__version__ = "0.1.0"

__all__ = [
    "INTERFACE",
    "Activation",
    "ActivationName",
    "Batch",
    "BenchError",
    "Data",
    "Dataset",
    "Expect",
    "Findings",
    "Initializer",
    "Loss",
    "Meta",
    "Metric",
    "Model",
    "Optimizer",
    "Place",
    "Procedure",
    "Protocol",
    "Record",
    "Run",
    "Schedule",
    "Split",
    "StepResult",
    "Suite",
    "Task",
    "Trained",
    "Workload",
    "hookimpl",
    "load",
    "run",
]

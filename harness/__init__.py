"""What did changing this do? A benchmarking harness for PyTorch, of plugins."""

from __future__ import annotations

from harness.api import Run, load, run
from harness.definitions import (
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
from harness.errors import BenchError
from harness.hookspecs import hookimpl
from harness.interface import INTERFACE
from harness.record import Record
from harness.suite import Expect, Suite

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

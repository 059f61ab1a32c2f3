"""The plugins that come with bench: a module for each family, through the public hooks only."""

from bench_builtin.activations import bench_register_activations
from bench_builtin.datasets import bench_register_datasets
from bench_builtin.initializers import bench_register_initializers
from bench_builtin.losses import bench_register_losses
from bench_builtin.models import bench_register_models
from bench_builtin.optimizers import bench_register_optimizers
from bench_builtin.procedures import bench_register_procedures
from bench_builtin.schedules import bench_register_schedules
from bench_builtin.suites import bench_register_suites

__all__ = [
    "bench_register_activations",
    "bench_register_datasets",
    "bench_register_initializers",
    "bench_register_losses",
    "bench_register_models",
    "bench_register_optimizers",
    "bench_register_procedures",
    "bench_register_schedules",
    "bench_register_suites",
]

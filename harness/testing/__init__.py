"""The kit that a plugin's tests use: checks of every definition, fakes, and one small trial.

import bench_mine
from harness.testing import checks

@pytest.mark.parametrize("check", checks(bench_mine), ids=str)
def test_definition(check):
    check()
"""

from __future__ import annotations

from harness.testing.check import Broken, Check
from harness.testing.datasets import check_dataset
from harness.testing.fakes import FakeClock, data_for, tasks, trained, workload
from harness.testing.findings import check_metric, check_procedure
from harness.testing.models import check_model
from harness.testing.parts import (
    check_activation,
    check_initializer,
    check_loss,
    check_optimizer,
    check_schedule,
)
from harness.testing.plugins import check_plugin, checks
from harness.testing.suites import check_suite
from harness.testing.trials import trial

__all__ = [
    "Broken",
    "Check",
    "FakeClock",
    "check_activation",
    "check_dataset",
    "check_initializer",
    "check_loss",
    "check_metric",
    "check_model",
    "check_optimizer",
    "check_plugin",
    "check_procedure",
    "check_schedule",
    "check_suite",
    "checks",
    "data_for",
    "tasks",
    "trained",
    "trial",
    "workload",
]

"""The built-in procedures, on a workload that is made by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from bench_builtin import datasets, losses, models, optimizers, procedures

from harness import Place, Protocol, Task, Workload

TRUTH = (2.0, -3.4)


def workload(epochs: int) -> Workload:
    task: Task = datasets.linear_task()
    torch.manual_seed(0)
    model = models.linear(task)
    return Workload(
        model,
        optimizers.sgd(model, lr=0.03),
        losses.mse(),
        datasets.make_linear(Place(Path())),
        torch.device("cpu"),
        task,
        protocol=Protocol(epochs=epochs, batch_size=10),
    )


def test_train_reaches_the_noise_of_linear_data_in_three_epochs():
    trained = workload(epochs=3)

    findings = procedures.train(trained)

    # CATALOG R1: the loss is about 1e-4, the square of the noise, after 3 epochs.
    assert findings.metrics["train_loss"] == pytest.approx(1e-4, rel=0.2)
    losses_by_epoch = findings.series["train_loss"]
    assert len(losses_by_epoch) == 3
    assert losses_by_epoch[0] > losses_by_epoch[-1]
    assert trained.model is not None
    assert trained.model.get_parameter("weight").tolist()[0] == pytest.approx(TRUTH, abs=2e-3)


def test_infer_measures_and_changes_nothing():
    seen = workload(epochs=1)
    assert seen.model is not None
    before = {name: each.clone() for name, each in seen.model.state_dict().items()}

    findings = procedures.infer(seen)

    rate = findings.metrics["infer_samples_per_s"]
    assert rate is not None
    assert math.isfinite(rate)
    assert rate > 0
    assert all(torch.equal(before[name], each) for name, each in seen.model.state_dict().items())

"""The loop that a careful person writes, taking turns with the harness's own over equal work.

A metric `when="epoch"` steps a second, equal model by hand through an epoch: the two loops take
turns every few milliseconds, so that what else the machine does meets both, and each follows an
evaluation, which leaves other data in the caches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from harness.measuring.clock import warm_steps
from harness.plugin.definitions import (
    Data,
    Measure,
    Metric,
    Protocol,
    Split,
    Task,
    Trained,
    Workload,
)
from harness.training import train
from harness.training.evaluation import evaluate
from harness.training.seeding import derive

Make = Callable[[int], Workload]
"""From epochs to a workload."""


def ratio_of_a_pair(make: Make, epochs: int) -> float:
    """Train, and train by hand in turns; tell samples by time as `train` has it / by hand."""
    workload, bare = make(epochs), BareLoop(make(epochs))
    turn = Metric("turn", "1", "higher", 0.0, bare.take_turn, when="epoch")
    workload.measures = (Measure(turn, bare.take_turn),)

    found = train(workload)

    rate = found.metrics["train_samples_per_s"]
    assert rate is not None, found.missing
    return rate / bare.rate()


class BareLoop:
    """No clocks, no look at the loss, epoch by epoch; timed from outside."""

    def __init__(self, workload: Workload) -> None:
        assert workload.model is not None
        assert workload.optimizer is not None
        assert workload.loss is not None
        assert workload.data is not None
        self.model, self.optimizer, self.loss = workload.model, workload.optimizer, workload.loss
        (self.inputs,), self.targets = workload.data.train.inputs, workload.data.train.targets
        self.batch_size = workload.protocol.batch_size
        assert isinstance(self.batch_size, int)
        steps_per_epoch = -(-len(self.targets) // self.batch_size)
        self.warm_epochs = -(
            -warm_steps(steps_per_epoch * workload.protocol.epochs) // steps_per_epoch
        )
        self.order = torch.Generator().manual_seed(derive(0, "order"))
        self.elapsed_s = 0.0
        self.samples = 0

    def take_turn(self, trained: Trained) -> None:
        """Train by hand for an epoch."""
        began = time.perf_counter()
        self.epoch()
        elapsed_s = time.perf_counter() - began
        if trained.epoch > self.warm_epochs:
            self.elapsed_s += elapsed_s
            self.samples += len(self.targets)
        evaluate(trained, Split((self.inputs,), self.targets))

    def epoch(self) -> None:
        """Step through the data once."""
        model, optimizer, loss_of = self.model, self.optimizer, self.loss
        inputs, targets = self.inputs, self.targets
        for index in torch.split(
            torch.randperm(len(targets), generator=self.order), self.batch_size
        ):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model(inputs.index_select(0, index)), targets.index_select(0, index))
            loss.backward()
            optimizer.step()

    def rate(self) -> float:
        """Tell samples by time."""
        return self.samples / self.elapsed_s


def make_workload(
    epochs: int,
    *,
    batch_size: int,
    hidden: tuple[int, ...] = (64, 32),
    metrics: tuple[str, ...] = (),
) -> Workload:
    """Make a classifier of digits."""
    torch.manual_seed(0)
    sizes = (64, *hidden)
    layers = [
        each
        for width, size in zip(sizes, hidden, strict=False)
        for each in (nn.Linear(width, size), nn.ReLU())
    ]
    model = nn.Sequential(*layers, nn.Linear(sizes[-1], 10))
    return Workload(
        model,
        torch.optim.SGD(model.parameters(), lr=0.05),
        nn.CrossEntropyLoss(),
        digits(),
        torch.device("cpu"),
        Task("classification", (64,), 10),
        protocol=Protocol(epochs=epochs, batch_size=batch_size, metrics=metrics),
        predict=classes,
    )


def classes(outputs: Tensor) -> Tensor:
    """Predict the class with the largest output."""
    return outputs.argmax(1)


@cache
def digits() -> Data:
    """Load 1,797 digits of 64 pixels."""
    loaded = load_digits()
    inputs = torch.tensor(loaded.data, dtype=torch.float32) / 16  # (1797, 64)
    return Data(train=Split((inputs,), torch.tensor(loaded.target)))

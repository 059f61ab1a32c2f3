"""What the training loop costs beside one written by hand over the same tensors.

    OMP_NUM_THREADS=1 python -m pytest benchmarks/test_training.py -s

One process, one thread. A pair is one call of `train` in which a metric `when="epoch"` steps a
second, equal model by hand through an epoch: the two loops take turns every few milliseconds, so
that what else the machine does meets both, and each follows an evaluation, which leaves other data
in the caches. The figure is the median over the pairs of (samples by time as `train` reports them)
/ (the bare loop's, over the same epochs).
"""

from __future__ import annotations

import statistics
import time
from functools import cache
from typing import TYPE_CHECKING

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from harness.clock import warm_steps
from harness.definitions import Data, Measure, Metric, Protocol, Split, Task, Trained, Workload
from harness.evaluation import evaluate
from harness.seeding import derive
from harness.training import train

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

FLOOR = 0.95
PAIRS = 12
STEPS = 1500


@pytest.mark.usefixtures("alone", "one_thread")
@pytest.mark.parametrize("batch_size", [32, 256])
def test_training_is_at_least_095_as_fast_as_a_bare_loop(
    benchmark: BenchmarkFixture, batch_size: int
) -> None:
    ratios: list[float] = []

    benchmark.pedantic(
        lambda: ratios.append(ratio_of_a_pair(batch_size)), rounds=PAIRS, warmup_rounds=1
    )

    ratios = ratios[1:]
    median = statistics.median(ratios)
    low, *_, high = statistics.quantiles(ratios, n=10)
    benchmark.extra_info |= {"ratio": median, "pairs": PAIRS, "p10": low, "p90": high}
    print(
        f"\nbatch size {batch_size}: train / bare = {median:.3f},"
        f" 10 to 90 % [{low:.3f}, {high:.3f}], n = {PAIRS} pairs"
    )
    assert median >= FLOOR


def ratio_of_a_pair(batch_size: int) -> float:
    epochs = -(-STEPS * batch_size // len(digits().train))
    workload = make_workload(batch_size, epochs)
    bare = BareLoop(make_workload(batch_size, epochs))
    turn = Metric("turn", "1", "higher", 0.0, bare.take_turn, when="epoch")
    workload.measures = (Measure(turn, bare.take_turn),)

    found = train(workload)

    rate = found.metrics["train_samples_per_s"]
    assert rate is not None, found.missing
    return rate / bare.rate()


class BareLoop:
    """The loop that a careful person writes: no clocks, no look at the loss, epoch by epoch."""

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
        began = time.perf_counter()
        self.epoch()
        elapsed_s = time.perf_counter() - began
        if trained.epoch > self.warm_epochs:
            self.elapsed_s += elapsed_s
            self.samples += len(self.targets)
        evaluate(trained, Split((self.inputs,), self.targets))

    def epoch(self) -> None:
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
        return self.samples / self.elapsed_s


def make_workload(batch_size: int, epochs: int) -> Workload:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)
    )
    return Workload(
        model,
        torch.optim.SGD(model.parameters(), lr=0.05),
        nn.CrossEntropyLoss(),
        digits(),
        torch.device("cpu"),
        Task("classification", (64,), 10),
        protocol=Protocol(epochs=epochs, batch_size=batch_size),
        predict=classes,
    )


def classes(outputs: Tensor) -> Tensor:
    return outputs.argmax(1)


@cache
def digits() -> Data:
    loaded = load_digits()
    inputs = torch.tensor(loaded.data, dtype=torch.float32) / 16  # (1797, 64)
    return Data(train=Split((inputs,), torch.tensor(loaded.target)))

"""What the training loop costs beside one written by hand over the same tensors.

    OMP_NUM_THREADS=1 python -m pytest benchmarks/test_training.py -s

Pairs of windows, the order of the two changing from pair to pair, in one process on one thread; the
figure is the median over the pairs of (train's samples by time) / (the bare loop's).
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from harness.definitions import Data, Protocol, Split, Task, Workload
from harness.seeding import derive
from harness.training import train

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

FLOOR = 0.95
PAIRS = 15
WINDOW_S = 0.4
WARM_STEPS = 100


@pytest.mark.usefixtures("alone", "one_thread")
@pytest.mark.parametrize("batch_size", [32, 256])
def test_training_is_at_least_095_as_fast_as_a_bare_loop(
    benchmark: BenchmarkFixture, batch_size: int
) -> None:
    ratios: list[float] = []

    benchmark.pedantic(
        lambda: ratios.append(_ratio(batch_size, train_first=len(ratios) % 2 == 0)),
        rounds=PAIRS,
        warmup_rounds=1,
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


def _ratio(batch_size: int, *, train_first: bool) -> float:
    if train_first:
        ours = _trained(batch_size)
        return ours / _bare(batch_size)
    bare = _bare(batch_size)
    return _trained(batch_size) / bare


def _trained(batch_size: int) -> float:
    """Samples by time as `train` reports them."""
    workload = _workload(batch_size)
    found = train(workload)
    rate = found.metrics["train_samples_per_s"]
    assert rate is not None, found.missing
    return rate


def _bare(batch_size: int) -> float:
    """Samples by time of the loop that a careful person writes: no clocks, no look at the loss."""
    workload = _workload(batch_size)
    model, optimizer, loss_of = workload.model, workload.optimizer, workload.loss
    assert model is not None
    assert optimizer is not None
    assert loss_of is not None
    assert workload.data is not None
    (inputs,), targets = workload.data.train.inputs, workload.data.train.targets
    generator = torch.Generator().manual_seed(derive(0, "order"))

    def epoch() -> None:
        for index in torch.randperm(len(targets), generator=generator).split(batch_size):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model(inputs.index_select(0, index)), targets.index_select(0, index))
            loss.backward()
            optimizer.step()

    for _ in range(-(-WARM_STEPS * batch_size // len(targets))):
        epoch()
    samples, began = 0, time.perf_counter()
    while time.perf_counter() - began < WINDOW_S:
        epoch()
        samples += len(targets)
    return samples / (time.perf_counter() - began)


def _workload(batch_size: int) -> Workload:
    digits = load_digits()
    inputs = torch.tensor(digits.data, dtype=torch.float32) / 16
    split = Split((inputs,), torch.tensor(digits.target))
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)
    )
    steps = -(-len(split) // batch_size)
    return Workload(
        model,
        torch.optim.SGD(model.parameters(), lr=0.05),
        nn.CrossEntropyLoss(),
        Data(train=split),
        torch.device("cpu"),
        Task("classification", (64,), 10),
        protocol=Protocol(
            epochs=-(-5 * WARM_STEPS // steps), batch_size=batch_size, timed_s=WINDOW_S
        ),
        predict=lambda outputs: outputs.argmax(1),
    )

"""What training through the harness takes beside the way of the tutorials.

    OMP_NUM_THREADS=1 python -m pytest benchmarks/test_tutorial.py -s

The tutorials' way: torchvision's MNIST, images made tensors and normalised one by one as they are
fetched, `DataLoader(num_workers=0, shuffle=True)`, a loop that adds up the loss. The harness has
the tensors in memory. One process, one thread; the two take turns of half a second, over equal
models, batches of one size and all 60,000 images. The figure is the median over the turns of
(samples by time as the harness measures them) / (the tutorial's); evaluation and setting up are
left out on both sides. Time is that of the processor, which is the wall's where nobody else
computes: what others do between two steps counts on neither side.

MNIST is looked for in `BENCH_DATA`, then in `shared/datasets` beside the checkout.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from harness.measuring.devices import open_device
from harness.planning.resolve import Resolver
from harness.plugin.definitions import Workload
from harness.plugin.registry import load
from harness.suites.settings import Level, level_of
from harness.training.stepping import Loop
from harness.trial.workload import Parts, build_workload, load_data

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

TURNS = 16
TURN_S = 0.5
MEAN, STD = (0.1307,), (0.3081,)
ROOT = Path(os.environ.get("BENCH_DATA", Path(__file__).parents[2] / "shared/datasets"))

_AS_I2 = {"optimizer": "sgd[lr=0.01,momentum=0.5]", "batch_size": 64}
ROWS: Mapping[str, tuple[float, Mapping[str, Any]]] = {
    "I1": (8.0, {"model": "mlp[hidden=[256]]", "optimizer": "sgd[lr=0.1]", "batch_size": 256}),
    "I2": (3.0, {"model": "mlp[hidden=[512,256,128,64,32]]", **_AS_I2}),
    "I3": (1.8, {"model": "cnn", **_AS_I2}),
}
"""Rows of the catalog: the least ratio, and the settings."""

needs_mnist = pytest.mark.skipif(
    not (ROOT / "MNIST/raw").is_dir(), reason=f"no MNIST/raw in {ROOT}: set BENCH_DATA"
)


@needs_mnist
@pytest.mark.timeout(900)  # others may hold the machine's timing lock
@pytest.mark.usefixtures("alone", "one_thread")
@pytest.mark.parametrize("row", ROWS)
def test_training_is_so_many_times_as_fast_as_the_way_of_the_tutorials(
    benchmark: BenchmarkFixture, row: str
) -> None:
    floor, settings = ROWS[row]
    here, there = Harness(built(settings)), Tutorial(built(settings), tutorial_dataset())
    here.step_for(TURN_S)
    there.step_for(TURN_S)
    here.forget()
    there.forget()

    def turn() -> None:
        here.step_for(TURN_S)
        there.step_for(TURN_S)

    benchmark.pedantic(turn, rounds=TURNS)

    ratios = [a / b for a, b in zip(here.rates, there.rates, strict=True)]
    ratio = statistics.median(ratios)
    low, *_, high = statistics.quantiles(ratios, n=10)
    benchmark.extra_info |= {"ratio": ratio, "turns": TURNS, "p10": low, "p90": high}
    print(
        f"\n{row}: harness {statistics.median(here.rates):,.0f} samples/s,"
        f" tutorial {statistics.median(there.rates):,.0f} samples/s: {ratio:.2f} times as fast,"
        f" 10 to 90 % [{low:.2f}, {high:.2f}], n = {TURNS} turns of {TURN_S} s each"
        f" ({there.steps} steps of the tutorial)"
    )
    assert ratio >= floor


@needs_mnist
def test_both_ways_see_the_same_images_and_classes() -> None:
    workload = built(ROWS["I2"][1])
    assert workload.data is not None

    dataset = tutorial_dataset()

    for place in (0, 1, 59_999):
        image, label = dataset[place]
        torch.testing.assert_close(workload.data.train.inputs[0][place], image)
        assert workload.data.train.targets[place] == label


class Harness:
    """Steps as a trial does."""

    def __init__(self, workload: Workload) -> None:
        assert workload.data is not None
        self.loop = Loop(workload, workload.data.train, open_device("cpu"), now=process_time)
        self.rates: list[float] = []

    def step_for(self, turn_s: float) -> None:
        window = self.loop.window
        samples, elapsed_s = window.samples, window.elapsed_s
        self.loop.go_on(elapsed_s + turn_s)
        self.rates.append((window.samples - samples) / (window.elapsed_s - elapsed_s))

    def forget(self) -> None:
        self.rates.clear()


class Tutorial:
    """Steps as the tutorials do."""

    def __init__(self, workload: Workload, dataset: Any) -> None:
        assert workload.model is not None
        assert workload.optimizer is not None
        assert workload.loss is not None
        self.model, self.optimizer, self.loss = workload.model, workload.optimizer, workload.loss
        assert isinstance(workload.protocol.batch_size, int)
        self.loader: DataLoader[Any] = DataLoader(
            dataset, batch_size=workload.protocol.batch_size, shuffle=True, num_workers=0
        )
        self.batches = self.endless()
        self.rates: list[float] = []
        self.steps = 0

    def endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self.loader

    def step_for(self, turn_s: float) -> None:
        samples, total_loss = 0, 0.0
        began = process_time()
        while process_time() < began + turn_s:
            inputs, targets = next(self.batches)
            self.optimizer.zero_grad()
            loss = self.loss(self.model(inputs), targets)
            loss.backward()
            self.optimizer.step()
            total_loss += loss.item() * len(targets)
            samples += len(targets)
            self.steps += 1
        self.rates.append(samples / (process_time() - began))

    def forget(self) -> None:
        self.rates.clear()
        self.steps = 0


def built(settings: Mapping[str, Any]) -> Workload:
    """Build a row of the catalog as a trial does, from the built-in definitions."""
    given = {**settings, "dataset": "mnist[normalize=true]"}
    base: dict[str, Level] = {address: level_of(each) for address, each in given.items()}
    registry = registered()
    parts = Parts(registry, Resolver(registry).resolve(base, {}).settings)
    data = load_data(parts, ROOT, 0)
    return build_workload(parts, parts.task(), data, torch.device("cpu"), 0)


@cache
def registered() -> Any:
    return load([])


def tutorial_dataset() -> Any:
    from torchvision import datasets, transforms

    made = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    return datasets.MNIST(ROOT, train=True, transform=made)

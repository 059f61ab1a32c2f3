"""The training loop: batches in their order, steps, losses, clocks.

It is kept as fast as a loop written by hand (benchmarks/test_training.py): what a step needs is
bound once, nothing is built per step that need not be, and on an accelerator nothing waits for the
device inside the timed part.

Shapes: inputs (n, ...), targets (n, ...), the index of a batch (b,), a loss ().
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from harness.clock import Window, warm_steps
from harness.definitions import Batch, Split, Workload
from harness.devices import Device, autocast
from harness.evaluation import reduction
from harness.seeding import derive


class Loop:
    """Steps through the training split in the trial's order; keeps the window of steady steps."""

    def __init__(self, workload: Workload, split: Split, device: Device) -> None:
        size = workload.protocol.batch_size
        self._size = len(split) if size == "full" else size
        self._split = split
        self._device = device
        self._clock = device.step_clock()
        self._order = torch.Generator().manual_seed(derive(workload.seed, "order"))
        self._step = _stepper(workload)
        self.epochs = workload.protocol.epochs
        self.steps_per_epoch = -(-len(split) // self._size)
        self.planned = self.steps_per_epoch * self.epochs
        self._prepare = _preparation(workload, self.planned)
        self.losses = _losses(workload, device, self.steps_per_epoch)
        self.warm = warm_steps(self.planned)
        self.taken = 0
        self.window = Window()

    def epoch(self, after_first: Callable[[], None]) -> float:
        """Step through the data once; give the mean loss on the way.

        Raises:
            NotFinite: a step's loss is not finite.
        """
        batches = self._batches()
        if self.taken == 0:
            self._run(islice(batches, 1))
            after_first()
        if self.taken < self.warm:
            self._run(islice(batches, self.warm - self.taken))
        self._run_steady(batches)
        return self.losses.close()

    def go_on(self, timed_s: float) -> None:
        """Step on, whatever the loss, until the window is that long."""
        self.losses.heeded = False
        while self.window.elapsed_s < timed_s:
            self._run_steady(self._batches(), perf_counter() + timed_s - self.window.elapsed_s)
            self.losses.forget()

    def _batches(self) -> Iterator[Tensor]:
        order = torch.randperm(len(self._split), generator=self._order)
        yield from torch.split(order.to(self._device.place), self._size)

    def _run_steady(self, batches: Iterator[Tensor], deadline: float = math.inf) -> None:
        section = self._run(batches, deadline)
        if section.samples:
            self.window.add(section.samples, section.elapsed_s, section.waited_s, section.steps_s)

    def _run(self, batches: Iterator[Tensor], deadline: float = math.inf) -> _Section:
        """Take the steps of these batches, at least one, until the deadline; the hot part."""
        now, tick, keep = perf_counter, self._clock.tick, self.losses.keep
        step, prepare, split = self._step, self._prepare, self._split
        tensors, targets, collate = split.inputs, split.targets, split.collate
        samples, waited_s = 0, 0.0
        self._device.synchronize()
        began = now()
        while True:
            started = now()
            tick()
            if started >= deadline and samples:
                break
            index = next(batches, None)
            if index is None:
                break
            inputs = tuple([each.index_select(0, index) for each in tensors])
            wanted = targets.index_select(0, index)
            if collate is not None:
                inputs, wanted = collate(inputs, wanted)
            waited_s += now() - started
            size = index.numel()
            if prepare is not None:
                prepare(size)
            loss, count = step(inputs, wanted, size)
            self.taken += 1
            samples += count
            keep(loss, count)
        self._device.synchronize()
        return _Section(samples, now() - began, waited_s, self._clock.durations())


@dataclass(frozen=True, slots=True)
class _Section:
    """Uninterrupted steps: see `Window`."""

    samples: int
    elapsed_s: float
    waited_s: float
    steps_s: array[float]


class NotFinite(Exception):
    """The loss of a step, counted from 1 in its epoch, is not a finite number."""

    def __init__(self, step: int, loss: float) -> None:
        super().__init__(f"loss is {loss}")
        self.step = step
        self.loss = loss


class _Losses(Protocol):
    """The losses of an epoch's steps; one that is not finite raises `NotFinite` while `heeded`."""

    heeded: bool

    def keep(self, loss: Tensor, count: int) -> None: ...
    def close(self) -> float: ...
    def forget(self) -> None: ...


class _HostLosses:
    """Looks at each loss at once: on the CPU that costs nothing but the look."""

    def __init__(self, summed: bool) -> None:
        self.heeded = True
        self._summed = summed
        self.forget()

    def forget(self) -> None:
        self._values = array("d")
        self._counts = array("q")

    def keep(self, loss: Tensor, count: int) -> None:
        value = loss.item()
        self._values.append(value)
        self._counts.append(count)
        if not math.isfinite(value) and self.heeded:
            raise NotFinite(len(self._values), value)

    def close(self) -> float:
        mean = _mean_loss(self._values, self._counts, self._summed)
        self.forget()
        return mean


class _DeviceLosses:
    """Leaves the losses on the device, and looks when the epoch is over: nothing waits before."""

    def __init__(self, summed: bool, most: int, place: torch.device, dtype: torch.dtype) -> None:
        self.heeded = True
        self._summed = summed
        self._values = torch.empty(most, device=place, dtype=dtype)
        self.forget()

    def forget(self) -> None:
        self._counts = array("q")

    def keep(self, loss: Tensor, count: int) -> None:
        self._values[len(self._counts)].copy_(loss.detach())
        self._counts.append(count)

    def close(self) -> float:
        values = array("d", self._values[: len(self._counts)].tolist())
        for step, value in enumerate(values, start=1):
            if not math.isfinite(value) and self.heeded:
                raise NotFinite(step, value)
        mean = _mean_loss(values, self._counts, self._summed)
        self.forget()
        return mean


def _losses(workload: Workload, device: Device, most: int) -> _Losses:
    own = workload.step is not None or workload.loss is None
    summed = not own and workload.loss is not None and reduction(workload.loss) == "sum"
    if device.on_host:
        return _HostLosses(summed)
    double = workload.protocol.precision == "float64"
    return _DeviceLosses(summed, most, device.place, torch.float64 if double else torch.float32)


def _mean_loss(values: array[float], counts: array[int], summed: bool) -> float:
    weights = [1] * len(counts) if summed else counts
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(counts)


_Step: TypeAlias = Callable[[tuple[Tensor, ...], Tensor, int], tuple[Tensor, int]]


def _stepper(workload: Workload) -> _Step:
    """Bind one step: from inputs, targets and their number to the loss and the samples taken."""
    return _usual_step(workload) if workload.step is None else _own_step(workload)


def _own_step(workload: Workload) -> _Step:
    take_step, place, precision = workload.step, workload.device, workload.protocol.precision
    assert take_step is not None

    def step(inputs: tuple[Tensor, ...], targets: Tensor, size: int) -> tuple[Tensor, int]:
        with autocast(place, precision):
            result = take_step(workload, Batch(inputs, targets, size))
        return result.loss, result.samples

    return step


def _usual_step(workload: Workload) -> _Step:
    optimizer = workload.optimizer
    assert optimizer is not None
    forward = _forward(workload)

    def step(inputs: tuple[Tensor, ...], targets: Tensor, size: int) -> tuple[Tensor, int]:
        optimizer.zero_grad(set_to_none=True)
        loss = forward(inputs, targets)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
        optimizer.step()
        return loss, size

    return step


def _forward(workload: Workload) -> Callable[[tuple[Tensor, ...], Tensor], Tensor]:
    model, loss = workload.model, workload.loss
    assert model is not None
    assert loss is not None
    unreduced = reduction(loss) == "none"

    def forward(inputs: tuple[Tensor, ...], targets: Tensor) -> Tensor:
        value: Tensor = loss(model(*inputs), targets)
        return value.mean() if unreduced else value

    if workload.protocol.precision != "bfloat16":
        return forward

    def forward_cast(inputs: tuple[Tensor, ...], targets: Tensor) -> Tensor:
        with autocast(workload.device, workload.protocol.precision):
            return forward(inputs, targets)

    return forward_cast


def _preparation(workload: Workload, planned: int) -> Callable[[int], None] | None:
    """Bind what comes before each step: the batch's size and the rate; None if nothing does."""
    if workload.optimizer is None:
        return None
    optimizer, factor = workload.optimizer, workload.factor
    told = hasattr(optimizer, "batch_size")
    if factor is None and not told:
        return None
    rates = [group["lr"] for group in optimizer.param_groups] if factor is not None else []
    taken = 0

    def prepare(size: int) -> None:
        nonlocal taken
        if told:
            optimizer.batch_size = size  # type: ignore[attr-defined]  # as `told` says
        if factor is not None and taken < planned:
            now = factor(taken / planned)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * now
            taken += 1

    return prepare

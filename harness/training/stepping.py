"""The training loop: batches in their order, steps, losses, clocks.

It is kept as fast as a loop written by hand (benchmarks/test_training.py): what a step needs is
bound once, nothing is called per step that need not be, and on an accelerator nothing waits for the
device inside the timed part.

Shapes: inputs (b, ...), targets (b, ...), a loss ().
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any, TypeAlias

from torch import Tensor

from harness.measuring.clock import Window, warm_steps
from harness.measuring.devices import Device, autocast
from harness.plugin.definitions import Batch, Split, Workload
from harness.training.batches import batches_of
from harness.training.evaluation import prediction, reduction, samples_in
from harness.training.tally import Losses, NotFinite, Running, Tally

RUNNING_ACCURACY = "running_train_accuracy"
"""The metric that is taken where it is asked for: it costs some percent of a small step."""

_Step: TypeAlias = Callable[[tuple[Tensor, ...], Tensor, int], tuple[Tensor, int]]
"""From inputs, targets and their number to the loss and the samples taken."""


class Loop:
    """Steps through the training split in the trial's order; keeps the window of steady steps.

    Attributes:
        window: The steady steps.
        trained_s: Time of all steps of epochs, the first ones too, evaluation left out.
    """

    def __init__(
        self,
        workload: Workload,
        split: Split,
        device: Device,
        now: Callable[[], float] = perf_counter,
    ) -> None:
        size = workload.protocol.batch_size
        self._size = len(split) if size == "full" else size
        self.steps_per_epoch = -(-len(split) // self._size)
        self.planned = self.steps_per_epoch * workload.protocol.epochs
        self.window = Window()
        self.trained_s = 0.0
        self._batches = batches_of(workload, split, self._size)
        self._device = device
        self._now = now
        self._clock = device.step_clock()
        self._summed = _is_summed(workload)
        self._parts = _parts(workload)
        self._tally = _tally(workload)
        self._step = _unusual_step(workload, self._tally)
        self._prepare = _preparation(workload, self.planned)
        self._queued = None if device.on_host else Losses(workload, self.steps_per_epoch)
        self._heeded = True
        self._warm = warm_steps(self.planned)
        self._taken = 0

    def epoch(self, closely: Callable[[], AbstractContextManager[object]]) -> Running:
        """Step through the data once; the very first step is taken within `closely()`.

        Raises:
            NotFinite: a step's loss is not finite.
        """
        batches = self._batches.epoch()
        sections = []
        if self._taken == 0:
            with closely():
                sections.append(self._run(islice(batches, 1)))
        if self._taken < self._warm:
            sections.append(self._run(islice(batches, self._warm - self._taken)))
        sections.append(self._run_steady(batches))
        loss = sum(each.loss for each in sections)
        if self._queued is not None:
            loss = self._queued.close()
        self.trained_s += sum(each.elapsed_s for each in sections)
        return Running(
            loss=loss / sum(each.samples for each in sections),
            accuracy=None if self._tally is None else self._tally.share(),
        )

    def go_on(self, timed_s: float) -> None:
        """Step on, whatever the loss, until the window is that long."""
        self._heeded = False
        while self.window.elapsed_s < timed_s:
            self._run_steady(self._batches.epoch(), self._now() + timed_s - self.window.elapsed_s)
            for each in (self._queued, self._tally):
                if each is not None:
                    each.forget()

    def _run_steady(self, batches: Iterator[Any], deadline: float = math.inf) -> _Section:
        section = self._run(batches, deadline)
        if section.samples:
            self.window.add(section.samples, section.elapsed_s, section.waited_s, section.steps_s)
        return section

    def _run(self, batches: Iterator[Any], deadline: float = math.inf) -> _Section:
        """Take the steps of these batches, at least one, until the deadline.

        Long, and written out: each call more per step costs half a percent of a small step.
        """
        now, mark = self._now, self._clock.marker()
        forward, loss_of, clear, update = self._parts
        step, prepare, queued, tally = self._step, self._prepare, self._queued, self._tally
        summed, heeded, before = self._summed, self._heeded, self._taken % self.steps_per_epoch
        take = self._batches.take
        steps = samples = 0
        total = waited_s = 0.0
        self._device.synchronize()
        began = now()
        while True:
            started = now()
            mark(started)
            if started >= deadline and steps:
                break
            drawn = next(batches, None)
            if drawn is None:
                waited_s += now() - started
                break
            inputs, wanted, size = take(drawn)
            waited_s += now() - started
            if prepare is not None:
                prepare(size)
            if step is None:
                clear()
                outputs = forward(*inputs)
                loss = loss_of(outputs, wanted)
                loss.backward()
                update()
                if tally is not None:
                    tally.count(outputs, wanted)
            else:
                loss, size = step(inputs, wanted, size)
            steps += 1
            samples += size
            weight = samples_in("sum", wanted, size) if summed else size
            if queued is not None:
                queued.keep(loss, weight)
                continue
            value = loss.item()
            if value - value != 0 and heeded:  # true of nan and infinities alone, without a call
                raise NotFinite(before + steps, value)
            total += value * weight
        self._device.synchronize()
        elapsed_s = now() - began
        self._taken += steps
        return _Section(samples, elapsed_s, waited_s, self._clock.durations(), total)


@dataclass(frozen=True, slots=True)
class _Section:
    """Uninterrupted steps: see `Window`; `loss` is summed over the samples, on the CPU only."""

    samples: int
    elapsed_s: float
    waited_s: float
    steps_s: array[float]
    loss: float


def _is_summed(workload: Workload) -> bool:
    """Say whether a step's loss is a sum over its samples; a model's own step gives the mean."""
    return workload.step is None and workload.loss is not None and reduction(workload.loss) == "sum"


def _tally(workload: Workload) -> Tally | None:
    """Bind what counts right predictions, where the setting `metrics` asks for it."""
    predict = prediction(workload)
    asked = RUNNING_ACCURACY in workload.protocol.metrics and workload.step is None
    return Tally(predict) if asked and predict is not None else None


def _parts(workload: Workload) -> tuple[Callable[..., Any], ...]:
    """Bind what the usual step calls; a model with its own step may have none of it."""
    model, loss, optimizer = workload.model, workload.loss, workload.optimizer
    return (
        model if model is not None else _no_part,
        loss if loss is not None else _no_part,
        optimizer.zero_grad if optimizer is not None else _no_part,
        optimizer.step if optimizer is not None else _no_part,
    )


def _no_part() -> None:
    raise AssertionError("a model with its own step needs no optimizer and no loss")


def _unusual_step(workload: Workload, tally: Tally | None) -> _Step | None:
    """Bind the model's own step, or one with its own cast or mean; None for the usual one."""
    if workload.step is not None:
        return _own_step(workload)
    unreduced = workload.loss is not None and reduction(workload.loss) == "none"
    if unreduced or workload.protocol.precision == "bfloat16":
        return _cast_step(workload, unreduced, tally)
    return None


def _own_step(workload: Workload) -> _Step:
    take_step, place, precision = workload.step, workload.device, workload.protocol.precision
    assert take_step is not None

    def step(inputs: tuple[Tensor, ...], targets: Tensor, size: int) -> tuple[Tensor, int]:
        with autocast(place, precision):
            result = take_step(workload, Batch(inputs, targets, size))
        return result.loss, result.samples

    return step


def _cast_step(workload: Workload, unreduced: bool, tally: Tally | None) -> _Step:
    forward, loss_of, clear, update = _parts(workload)
    place, precision = workload.device, workload.protocol.precision

    def step(inputs: tuple[Tensor, ...], targets: Tensor, size: int) -> tuple[Tensor, int]:
        clear()
        with autocast(place, precision):
            outputs = forward(*inputs)
            loss = loss_of(outputs, targets)
        loss = loss.mean() if unreduced else loss
        loss.backward()
        update()
        if tally is not None:
            tally.count(outputs, targets)
        return loss, size

    return step


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

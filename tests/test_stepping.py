"""An accelerator is faked by a device on the CPU that is asked to wait; its steps are real."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.clock import Event, EventClock, StepClock
from harness.definitions import Batch, Data, Protocol, Split, StepResult, Task, Workload
from harness.devices import Cpu, open_device
from harness.stepping import Loop, NotFinite

SAMPLES = 12


@dataclass
class Queue:
    """What a fake accelerator has seen: waits, and marks of steps, in their order."""

    seen: list[str] = field(default_factory=list)


class FakeEvent:
    """An event a millisecond after the one before."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.at_ms = 0.0

    def record(self) -> None:
        self.queue.seen.append("mark")
        self.at_ms = float(self.queue.seen.count("mark"))

    def elapsed_time(self, end_event: Event, /) -> float:
        assert isinstance(end_event, FakeEvent)
        assert self.queue.seen[-1] == "wait"
        return end_event.at_ms - self.at_ms


@dataclass(frozen=True)
class FakeAccelerator(Cpu):
    """The CPU, posing as a device that is not done when a call returns."""

    on_host: Any = False
    queue: Queue = field(default_factory=Queue)

    def synchronize(self) -> None:
        self.queue.seen.append("wait")

    def step_clock(self) -> StepClock:
        return EventClock(lambda: FakeEvent(self.queue))


class Scaled(nn.Module):
    """Gives the loss that the data says: its weight times the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.weight


class Outputs(nn.Module):
    """The loss that is the outputs' mean."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.mean()


def make_workload(inputs: Tensor | None = None, epochs: int = 2, **protocol: Any) -> Workload:
    inputs = torch.arange(1.0, SAMPLES + 1) if inputs is None else inputs
    model = Scaled()
    return Workload(
        model,
        torch.optim.SGD(model.parameters(), lr=0.0),
        Outputs(),
        Data(train=Split((inputs,), torch.zeros(SAMPLES))),
        torch.device("cpu"),
        Task("regression", (), 1),
        protocol=Protocol(epochs=epochs, batch_size=5, **protocol),
    )


def make_loop(workload: Workload, device: Any) -> Loop:
    assert workload.data is not None
    return Loop(workload, workload.data.train, device)


def nothing() -> None:
    pass


def test_the_running_loss_is_the_mean_over_samples_on_every_device() -> None:
    here = make_loop(make_workload(), open_device("cpu"))
    there = make_loop(make_workload(), FakeAccelerator())

    assert here.epoch(nothing) == pytest.approx((SAMPLES + 1) / 2)
    assert there.epoch(nothing) == pytest.approx((SAMPLES + 1) / 2)


def test_an_accelerator_is_waited_for_at_the_ends_of_a_section_only() -> None:
    device = FakeAccelerator()
    loop = make_loop(make_workload(epochs=8), device)  # 24 steps, 4 of them warm
    for _ in range(2):
        loop.epoch(nothing)
    device.queue.seen.clear()

    loop.epoch(nothing)

    assert device.queue.seen == ["wait", "mark", "mark", "mark", "mark", "wait"]


def test_step_times_are_the_device_s() -> None:
    loop = make_loop(make_workload(epochs=8), FakeAccelerator())
    for _ in range(8):
        loop.epoch(nothing)

    figures = loop.window.figures()
    assert figures is not None
    assert figures["step_p50_s"] == 0.001
    assert loop.window.samples == 8 * SAMPLES - (5 + 5 + 2 + 5)


def broken_at(value: float, device: Any) -> NotFinite:
    """Step into a sample that has such a value, and say what was seen."""
    inputs = torch.ones(SAMPLES)
    inputs[3] = value
    workload = make_workload(inputs)
    with pytest.raises(NotFinite) as caught:
        make_loop(workload, device).epoch(nothing)
    return caught.value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_both_kinds_of_device_find_the_same_step(value: float) -> None:
    here, there = broken_at(value, open_device("cpu")), broken_at(value, FakeAccelerator())

    assert here.step == there.step
    assert str(here) == str(there) == f"loss is {value} in step {here.step}"


def test_on_the_cpu_nothing_is_stepped_after_a_loss_that_is_not_finite() -> None:
    taken: list[int] = []

    def step(workload: Workload, batch: Batch) -> StepResult:
        taken.append(batch.size)
        return StepResult(torch.tensor(math.nan if len(taken) == 2 else 1.0), batch.size)

    workload = make_workload()
    workload.step = step
    loop = make_loop(workload, open_device("cpu"))

    with pytest.raises(NotFinite, match="loss is nan in step 2"):
        loop.epoch(nothing)
    assert len(taken) == 2


@pytest.mark.parametrize("device", [Cpu(), FakeAccelerator()])
def test_going_on_fills_the_window_and_ignores_losses(device: Any) -> None:
    loop = make_loop(make_workload(torch.full((SAMPLES,), math.nan)), device)

    loop.go_on(0.02)

    assert loop.window.elapsed_s >= 0.02
    assert loop.window.samples > 0


def test_a_window_that_is_long_enough_gets_no_more_steps() -> None:
    loop = make_loop(make_workload(epochs=8), open_device("cpu"))
    for _ in range(8):
        loop.epoch(nothing)
    samples = loop.window.samples

    loop.go_on(0.0)

    assert loop.window.samples == samples


def test_the_first_step_is_told_once() -> None:
    told: list[str] = []
    loop = make_loop(make_workload(), open_device("cpu"))
    for _ in range(2):
        loop.epoch(lambda: told.append("first"))

    assert told == ["first"]


def test_samples_of_a_model_s_own_step_are_those_it_tells() -> None:
    workload = make_workload(epochs=8)
    workload.step = lambda workload, batch: StepResult(torch.ones(()), 2 * batch.size)
    loop = make_loop(workload, open_device("cpu"))

    for _ in range(8):
        assert loop.epoch(nothing) == 1

    assert loop.window.samples == 2 * (8 * SAMPLES - (5 + 5 + 2 + 5))

"""An accelerator is faked by a device on the CPU that is asked to wait; its steps are real."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from torch import Tensor, nn

from harness.measuring.clock import Event, EventClock, StepClock, warm_steps
from harness.measuring.devices import Cpu, open_device
from harness.plugin.definitions import Batch, Data, Protocol, Split, StepResult, Task, Workload
from harness.training.stepping import Loop
from harness.training.tally import NotFinite

SAMPLES = 12
ROUNDING = 1e-9


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


def make_loop(workload: Workload, device: Any, **more: Any) -> Loop:
    assert workload.data is not None
    return Loop(workload, workload.data.train, device, **more)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def take(self, some_s: float) -> None:
        self.now_s += some_s


def test_the_running_loss_is_the_mean_over_samples_on_every_device() -> None:
    here = make_loop(make_workload(), open_device("cpu"))
    there = make_loop(make_workload(), FakeAccelerator())

    assert here.epoch(nullcontext).loss == pytest.approx((SAMPLES + 1) / 2)
    assert there.epoch(nullcontext).loss == pytest.approx((SAMPLES + 1) / 2)


def test_an_accelerator_is_waited_for_at_the_ends_of_a_section_only() -> None:
    device = FakeAccelerator()
    loop = make_loop(make_workload(epochs=8), device)  # 24 steps, 4 of them warm
    for _ in range(2):
        loop.epoch(nullcontext)
    device.queue.seen.clear()

    loop.epoch(nullcontext)

    assert device.queue.seen == ["wait", "mark", "mark", "mark", "mark", "wait"]


def test_step_times_are_the_device_s() -> None:
    loop = make_loop(make_workload(epochs=8), FakeAccelerator())
    for _ in range(8):
        loop.epoch(nullcontext)

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
        make_loop(workload, device).epoch(nullcontext)
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
        loop.epoch(nullcontext)
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
        loop.epoch(nullcontext)
    samples = loop.window.samples

    loop.go_on(0.0)

    assert loop.window.samples == samples


def test_the_first_step_alone_is_taken_closely() -> None:
    told: list[str] = []

    @contextmanager
    def closely() -> Iterator[None]:
        told.append("closely")
        yield
        told.append("over")

    def step(workload: Workload, batch: Batch) -> StepResult:
        told.append("step")
        return StepResult(torch.ones(()), batch.size)

    workload = make_workload()
    workload.step = step
    loop = make_loop(workload, open_device("cpu"))
    for _ in range(2):
        loop.epoch(closely)

    assert told == ["closely", "step", "over", *["step"] * 5]


def test_samples_of_a_model_s_own_step_are_those_it_tells() -> None:
    workload = make_workload(epochs=8)
    workload.step = lambda workload, batch: StepResult(torch.ones(()), 2 * batch.size)
    loop = make_loop(workload, open_device("cpu"))

    for _ in range(8):
        assert loop.epoch(nullcontext).loss == 1

    assert loop.window.samples == 2 * (8 * SAMPLES - (5 + 5 + 2 + 5))


def clocked(epochs: int, steps_s: list[float], waits_s: list[float], **protocol: Any) -> Loop:
    """Step through epochs of three batches that take, and whose loading takes, known times."""
    clock = Clock()
    taken, loaded = iter(steps_s), iter(waits_s)

    def collate(inputs: tuple[Tensor, ...], targets: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        clock.take(next(loaded))
        return inputs, targets

    def step(workload: Workload, batch: Batch) -> StepResult:
        clock.take(next(taken))
        return StepResult(torch.ones(()), batch.size)

    workload = make_workload(epochs=epochs, **protocol)
    assert workload.data is not None
    plain = workload.data.train
    workload.data = Data(train=Split(plain.inputs, plain.targets, collate))
    workload.step = step
    loop = make_loop(workload, open_device("cpu"), now=clock)
    for _ in range(epochs):
        loop.epoch(nullcontext)
        clock.take(100)  # an evaluation
    return loop


def test_figures_of_speed_are_those_of_a_clock_that_is_told_the_time(holds: Any) -> None:
    epochs = 20
    steps = 3 * epochs
    warm = warm_steps(steps)
    steps_s = [0.002 + 0.0001 * (7 * each % 31) for each in range(steps)]
    waits_s = [0.0003 + 0.0001 * (each % 3) for each in range(steps)]

    figures = clocked(epochs, steps_s, waits_s).window.figures()

    assert figures is not None
    steady = [step + wait for step, wait in zip(steps_s, waits_s, strict=True)][warm:]
    sizes = ([5, 5, 2] * epochs)[warm:]
    cuts = statistics.quantiles(steady, n=20, method="inclusive")
    against = "a made-up clock"
    for name, expected in {
        "train_samples_per_s": sum(sizes) / sum(steady),
        "step_p50_s": cuts[9],
        "step_p95_s": cuts[18],
        "data_wait_share": sum(waits_s[warm:]) / sum(steady),
    }.items():
        holds(name, against, figures[name], expected, within=ROUNDING)


def test_the_time_that_a_loader_takes_counts_as_waiting() -> None:
    figures = clocked(10, [0.003] * 30, [0.001] * 30, loading="loader").window.figures()

    assert figures is not None
    assert figures["data_wait_share"] == pytest.approx(0.25)
    assert figures["step_p50_s"] == pytest.approx(0.004)


def test_the_time_of_training_has_all_steps_and_no_evaluation() -> None:
    loop = clocked(2, [0.5] * 6, [0.25] * 6)

    assert loop.trained_s == 6 * 0.75


class Weighing(nn.Module):
    """Says that sample i is of class i mod 3."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(3))

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = nn.functional.one_hot(inputs.long() % 3, 3).float() @ self.weight
        return outputs


def asking(metrics: tuple[str, ...] = ("running_train_accuracy",), **protocol: Any) -> Workload:
    workload = make_workload(metrics=metrics, **protocol)
    workload.model = Weighing()
    workload.optimizer = torch.optim.SGD(workload.model.parameters(), lr=0.0)
    workload.loss = nn.CrossEntropyLoss()
    workload.task = Task("classification", (), 3)
    workload.predict = lambda outputs: outputs.argmax(1)
    targets = torch.arange(SAMPLES) ** 2 % 3
    workload.data = Data(train=Split((torch.arange(float(SAMPLES)),), targets))
    return workload


@pytest.mark.parametrize("device", [Cpu(), FakeAccelerator()])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_running_figures_are_those_of_all_samples_on_every_device(
    device: Any, precision: str, holds: Any
) -> None:
    """The weights stay, so that what the steps see is what anybody would see."""
    workload = asking(precision=precision)
    loop = make_loop(workload, device)

    first, second = (loop.epoch(nullcontext) for _ in range(2))

    assert workload.data is not None
    (inputs,), targets = workload.data.train.inputs, workload.data.train.targets
    shares = nn.functional.one_hot(inputs.long() % 3, 3).double().softmax(1)
    expected = accuracy_score(workload.data.train.targets, workload.data.train.inputs[0].long() % 3)
    assert expected == 8 / 12
    assert first.loss == pytest.approx(second.loss)  # summed in another order
    assert first.accuracy == second.accuracy
    against = "scikit-learn's accuracy_score, at a rate of 0"
    holds("running_train_accuracy", against, first.accuracy, expected, within=1e-7)
    against = "scikit-learn's log_loss, at a rate of 0"
    loss = log_loss(targets, shares, labels=range(3))
    holds("running_train_loss", against, first.loss, loss, within=1e-6)


def test_the_running_accuracy_is_not_taken_where_nobody_asks() -> None:
    seen: list[Tensor] = []
    workload = asking(metrics=())
    workload.predict = lambda outputs: seen.append(outputs) or outputs  # type: ignore[func-returns-value]

    assert make_loop(workload, Cpu()).epoch(nullcontext).accuracy is None
    assert seen == []


def test_going_on_forgets_what_was_predicted_on_the_way() -> None:
    loop = make_loop(asking(epochs=8), FakeAccelerator())
    first = loop.epoch(nullcontext).accuracy

    loop.go_on(0.01)

    assert loop.epoch(nullcontext).accuracy == first


@pytest.mark.parametrize("device", [Cpu(), FakeAccelerator()])
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_the_running_loss_of_several_outputs_is_their_mean_whatever_the_reduction(
    device: Any, reduction: str
) -> None:
    def running(loss: nn.Module) -> float:
        workload = make_workload()
        workload.model = nn.Linear(2, 4)
        nn.init.ones_(workload.model.weight)
        nn.init.zeros_(workload.model.bias)
        workload.optimizer = torch.optim.SGD(workload.model.parameters(), lr=0.0)
        workload.loss = loss
        inputs = torch.arange(2.0 * SAMPLES).reshape(SAMPLES, 2)
        workload.data = Data(train=Split((inputs,), torch.zeros(SAMPLES, 4)))
        return make_loop(workload, device).epoch(nullcontext).loss

    mean, other = running(nn.MSELoss()), running(nn.MSELoss(reduction=reduction))

    assert other == pytest.approx(mean, rel=1e-6)

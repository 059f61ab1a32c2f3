"""What plugins are tried on: a clock that is told the time, tasks of every kind, data for them.

Shapes: n samples; images (n, channels, height, width), sequences (n, steps) or (n, steps, size).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from harness.plugin.definitions import Data, Protocol, Split, Task, Trained, Workload
from harness.training.seeding import derive

SAMPLES = 12


class FakeClock:
    """A clock that moves when it is told to; called, it gives its time in seconds.

    `train(workload, now=FakeClock(step_s=0.01))` sees steps of 10 ms, whatever the machine does.

    Args:
        at_s: The time at the start.
        step_s: How far each look at the clock moves it.
    """

    def __init__(self, at_s: float = 0.0, *, step_s: float = 0.0) -> None:
        self.at_s = at_s
        self.step_s = step_s

    def __call__(self) -> float:
        """Give the time, and then let a step pass."""
        now_s = self.at_s
        self.at_s += self.step_s
        return now_s

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.at_s += seconds


def tasks() -> dict[str, Task]:
    """Make a small task of every kind, by a name for messages."""
    return {
        "images": Task("classification", (1, 8, 8), 10),
        "colour images": Task("classification", (3, 32, 32), 10),
        "points": Task("classification", (2,), 3),
        "yes or no": Task("binary", (4,), 1),
        "one number, yes or no": Task("binary", (1,), 1),
        "numbers": Task("regression", (4,), 1),
        "one number": Task("regression", (1,), 1),
        "words": Task("sequence", (6,), 3, symbols=11),
        "letters": Task("sequence", (5,), 4, symbols=4, by_step=True),
        "vectors": Task("sequence", (5, 4), 4, by_step=True),
    }


def data_for(task: Task, n: int = SAMPLES, seed: int = 0) -> Data:
    """Make data that fits a task: numbers, symbols and classes drawn by chance.

    The inputs of a task of symbols with one target a sequence have their lengths beside them.
    """
    return Data(
        train=_split(task, n, derive(seed, "train")), test=_split(task, n, derive(seed, "test"))
    )


def workload(
    task: Task | None = None,
    model: nn.Module | None = None,
    *,
    data: Data | None = None,
    loss: nn.Module | None = None,
    protocol: Protocol | None = None,
    seed: int = 0,
) -> Workload:
    """Make a small workload that is ready to step, on the CPU.

    Args:
        task: None: classes of points.
        model: None: a hidden layer of 8 units with ReLU.
        data: None: `data_for(task)`.
        loss: None: the usual one of the task's kind.
        protocol: None: two epochs in batches of 8.
        seed: Of the data and the start.
    """
    chosen = task if task is not None else tasks()["points"]
    torch.manual_seed(derive(seed, "init"))
    net = model if model is not None else _net(chosen)
    return Workload(
        net,
        torch.optim.SGD(net.parameters(), lr=0.05),
        loss if loss is not None else usual_loss(chosen),
        data if data is not None else data_for(chosen, seed=seed),
        torch.device("cpu"),
        chosen,
        protocol=protocol if protocol is not None else Protocol(epochs=2, batch_size=8),
        seed=seed,
        predict=_predictions(chosen),
    )


def trained(made: Workload | None = None, *, steps: int = 2) -> Trained:
    """Step a workload a few times; what metrics get, with curves of as many epochs.

    Gradients are those of the last step.
    """
    given = made if made is not None else workload()
    assert given.model is not None
    assert given.data is not None
    for _ in range(steps):
        step(given.model, given.data.train, given.loss, given.optimizer)
    parts = {name: getattr(given, name) for name in Workload.__struct_fields__}
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "running_train_loss")
    curve = [1.0 / (place + 1) for place in range(steps)]
    return Trained(**parts, curves={name: list(curve) for name in names}, epoch=steps)


def step(
    model: nn.Module,
    split: Split,
    loss: nn.Module | None,
    optimizer: torch.optim.Optimizer | None,
) -> Tensor:
    """Step once over a whole split; give the loss, ()."""
    assert loss is not None
    assert optimizer is not None
    inputs, targets = split.inputs, split.targets
    if split.collate is not None:
        inputs, targets = split.collate(inputs, targets)
    optimizer.zero_grad()
    value: Tensor = loss(model(*inputs), targets).mean()
    value.backward()  # type: ignore[no-untyped-call]  # torch has no types there
    optimizer.step()
    return value.detach()


def usual_loss(task: Task) -> nn.Module:
    """Build the loss that a task of that kind has where none is chosen."""
    if task.kind == "regression":
        return nn.MSELoss()
    return nn.BCEWithLogitsLoss() if task.kind == "binary" else nn.CrossEntropyLoss()


def output_shape(task: Task, n: int) -> tuple[int, ...]:
    """Say what shape a model's outputs must have: classes of each step stand before the steps."""
    return (n, task.outputs, task.input_shape[0]) if task.by_step else (n, task.outputs)


def _net(task: Task) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(task.features, 8), nn.ReLU(), nn.Linear(8, task.outputs)
    )


def _predictions(task: Task) -> Callable[[Tensor], Tensor] | None:
    if task.kind == "regression":
        return None
    return _above_zero if task.kind == "binary" else _likeliest


def _above_zero(outputs: Tensor) -> Tensor:
    return (outputs > 0).float()


def _likeliest(outputs: Tensor) -> Tensor:
    return outputs.argmax(1)


def _split(task: Task, n: int, seed: int) -> Split:
    generator = torch.Generator().manual_seed(seed)
    return Split(_inputs(task, n, generator), _targets(task, n, generator))


def _inputs(task: Task, n: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    shape = (n, *task.input_shape)
    if task.symbols is None:
        return (torch.randn(shape, generator=generator),)
    symbols = torch.randint(0, task.symbols, shape, generator=generator)
    if task.by_step:
        return (symbols,)
    return symbols, torch.randint(1, task.input_shape[0] + 1, (n,), generator=generator)


def _targets(task: Task, n: int, generator: torch.Generator) -> Tensor:
    """Give each class to some sample, as data that is sorted by chance has it."""
    if task.kind == "regression":
        return torch.randn(n, task.outputs, generator=generator)
    if task.kind == "binary":
        return torch.randint(0, 2, (n, task.outputs), generator=generator).float()
    shape = (n, task.input_shape[0]) if task.by_step else (n,)
    return torch.randint(0, task.outputs, shape, generator=generator)


def parameters_of(model: nn.Module) -> Mapping[str, Tensor]:
    """Copy the parameters and buffers of a model by name."""
    return {name: each.detach().clone() for name, each in model.state_dict().items()}

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.measuring.memory import (
    activation_bytes,
    gradient_bytes,
    optimizer_state_bytes,
    parameter_counts,
)
from harness.plugin.definitions import Batch, Data, Protocol, Split, StepResult, Task, Workload
from harness.training import train

BY_HAND = "layers counted by hand"


def tied() -> nn.Sequential:
    """Make layers with the same weight twice: 9 + 3 + 3 + 3 + 3 = 21 parameters."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3))
    model[1].weight = model[0].weight
    return model


LAYERS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "linear": (lambda: nn.Linear(6, 3), 6 * 3 + 3),
    "tied": (tied, 21),
    "convolution": (lambda: nn.Conv2d(3, 8, 5), 8 * 3 * 5 * 5 + 8),
    "gru": (lambda: nn.GRU(4, 8, bidirectional=True), 2 * 3 * (4 * 8 + 8 * 8 + 8 + 8)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_parameters_are_counted_with_their_bytes_and_tied_ones_once(name: str, holds: Any) -> None:
    build, expected = LAYERS[name]

    found = parameter_counts(build())

    holds("parameters", BY_HAND, found.count, expected)
    holds("parameter_bytes", BY_HAND, found.size_bytes, 4 * expected)


def test_fixed_parameters_count_and_half_ones_take_half(holds: Any) -> None:
    model = nn.Linear(4, 4, dtype=torch.bfloat16)
    model.weight.requires_grad_(False)

    found = parameter_counts(model)

    assert found.count == 20
    holds("parameter_bytes", BY_HAND, found.size_bytes, 40)


def test_gradients_are_those_that_are_held_and_tied_ones_once(holds: Any) -> None:
    fixed, twice = nn.Linear(4, 2), tied()
    assert gradient_bytes(fixed) == 0

    fixed.weight.requires_grad_(False)
    fixed(torch.ones(1, 4)).sum().backward()
    twice(torch.randn(2, 3)).sum().backward()

    holds("gradient_bytes", BY_HAND, gradient_bytes(fixed), 4 * 2)
    holds("gradient_bytes", BY_HAND, gradient_bytes(twice), 4 * 21)


def test_a_sparse_gradient_takes_its_values_and_indices(holds: Any) -> None:
    model = nn.Embedding(100, 8, sparse=True)
    model(torch.tensor([1, 5])).sum().backward()

    holds("gradient_bytes", BY_HAND, gradient_bytes(model), 2 * 8 * 4 + 2 * 8)


OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], int, int]] = {
    # numbers of 4 bytes that are kept for each number of a parameter, and for each parameter
    "SGD": (lambda p: torch.optim.SGD(p, lr=0.1), 0, 0),
    "SGD with momentum": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), 1, 0),
    "Adam": (torch.optim.Adam, 2, 1),  # two moments, and a count of steps
    "Adagrad": (torch.optim.Adagrad, 1, 1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_s_tensors_are_counted_exactly(name: str, holds: Any) -> None:
    build, each_number, each_parameter = OPTIMIZERS[name]
    for model, numbers, parameters in ((nn.Linear(3, 2), 8, 2), (tied(), 21, 5)):
        optimizer = build(model.parameters())
        model(torch.randn(2, 3)).sum().backward()
        optimizer.step()

        expected = 4 * (each_number * numbers + each_parameter * parameters)
        holds(
            "optimizer_state_bytes",
            f"{name}, counted by hand",
            optimizer_state_bytes(optimizer),
            expected,
        )


def test_tensors_in_lists_of_the_state_count_too() -> None:
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    shared = torch.ones(10)
    optimizer.state[model.weight]["history"] = [shared, (shared, torch.ones(5))]

    assert optimizer_state_bytes(optimizer) == 40 + 20


N = 4  # samples in a batch of the models below; MSE keeps its input and target
MODELS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    # (n, 6) -> (n, 3): the input is left out; the loss keeps outputs (n, 3)
    "Linear": (lambda: nn.Linear(6, 3), N * 3 * 4),
    # Linear's output is kept by nobody; ReLU keeps its result for itself and the next layer
    "ReLU": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)),
        N * 5 * 4 + N * 3 * 4,
    ),
    "ReLU in place": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(inplace=True), nn.Linear(5, 3)),
        N * 5 * 4 + N * 3 * 4,
    ),
    # GELU keeps its input, the next layer GELU's result
    "GELU": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 3)),
        2 * N * 5 * 4 + N * 3 * 4,
    ),
    # dropout keeps its mask as floats on the CPU, the next layer dropout's result
    "dropout": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5), nn.Linear(5, 3)),
        2 * N * 5 * 4 + N * 3 * 4,
    ),
    # batch norm keeps its input, mean and deviation of the batch; running ones are buffers
    "BatchNorm1d": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)),
        2 * N * 5 * 4 + 2 * 5 * 4 + N * 3 * 4,
    ),
    # (n, 6) -> (n, 1, 2, 3) is a view of the input; convolved to (n, 2, 1, 2), flattened to (n, 4)
    "Conv2d": (
        lambda: nn.Sequential(
            nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(4, 3)
        ),
        N * 4 * 4 + N * 3 * 4,
    ),
    # convolved to (n, 2, 2, 2); ReLU's result is kept once, the pool's places have 8 bytes each
    "Conv2d, ReLU and MaxPool2d": (
        lambda: nn.Sequential(
            nn.Unflatten(1, (1, 2, 3)),
            nn.Conv2d(1, 2, (1, 2)),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2, 3),
        ),
        N * 8 * 4 + N * 2 * 8 + N * 2 * 4 + N * 3 * 4,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_activation_bytes_are_those_worked_out_by_hand(name: str, holds: Any) -> None:
    build, expected = MODELS[name]

    found = activation_bytes(small_workload(build()))

    holds("activation_bytes", f"{name}, worked out by hand", found.value, expected)


def test_taking_activation_bytes_leaves_everything_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3))
    workload = small_workload(model)
    train(workload)
    gradients = [each.grad for each in model.parameters()]
    before = {name: each.clone() for name, each in model.state_dict().items()}
    drawn = torch.get_rng_state()

    activation_bytes(workload)

    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    assert all(a.grad is b for a, b in zip(model.parameters(), gradients, strict=True))
    assert torch.equal(torch.get_rng_state(), drawn)


def test_a_model_s_own_step_is_undone() -> None:
    model = nn.Linear(6, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    workload = small_workload(model, step=plain_step, optimizer=optimizer)
    train(workload)
    weights = model.weight.detach().clone()
    moments = optimizer.state[model.weight]["exp_avg"].clone()

    found = activation_bytes(workload)

    assert found.value == N * 3 * 4
    assert torch.equal(model.weight, weights)
    assert torch.equal(optimizer.state[model.weight]["exp_avg"], moments)
    assert optimizer.state[model.weight]["step"].item() == 2


def test_without_a_loss_nothing_is_kept_for_backward() -> None:
    found = activation_bytes(small_workload(loss=None))

    assert found.reason == "there is no loss, so nothing is kept for backward"


def test_without_a_model_there_are_no_activations() -> None:
    workload = small_workload()
    workload.model = None

    assert activation_bytes(workload).reason == "there is no model, or no data to give it"


def plain_step(workload: Workload, batch: Batch) -> StepResult:
    assert workload.model is not None
    assert workload.optimizer is not None
    workload.optimizer.zero_grad()
    loss: Tensor = nn.functional.mse_loss(workload.model(*batch.inputs), batch.targets)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
    workload.optimizer.step()
    return StepResult(loss, batch.size)


def small_workload(
    model: nn.Module | None = None,
    *,
    step: Callable[[Workload, Batch], StepResult] | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    loss: nn.Module | None = nn.MSELoss(),  # noqa: B008  # it holds no state
    protocol: Protocol = Protocol(epochs=1, batch_size=N),  # noqa: B008  # it is frozen
) -> Workload:
    model = nn.Linear(6, 3) if model is None else model
    return Workload(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1) if optimizer is None else optimizer,
        loss,
        Data(train=Split((torch.ones(2 * N, 6),), torch.zeros(2 * N, 3))),
        torch.device("cpu"),
        Task("regression", (6,), 3),
        protocol=protocol,
        step=step,
    )

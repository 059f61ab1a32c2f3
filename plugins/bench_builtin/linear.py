"""Linear and logistic regression: from layers, from scratch, and with a step made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from bench_builtin.losses import of_numbers
from bench_builtin.models import fixed_size
from harness import (
    ActivationName,
    Batch,
    Loss,
    Meta,
    Model,
    Optimizer,
    StepResult,
    Task,
    Workload,
    hookimpl,
)

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer as TorchOptimizer

Size = Annotated[int, Meta(ge=1)]
Rate = Annotated[float, Meta(ge=0)]
Reduction: TypeAlias = Literal["mean", "sum"]


@hookimpl
def bench_register_models() -> Sequence[Model]:
    """Hand over the models of this module."""
    return [
        Model("logistic", logistic, accepts=two_classes),
        Model("linear_scratch", linear_scratch, accepts=fixed_size),
        Model("one_weight", one_weight, accepts=one_number, step=step_by_hand),
    ]


@hookimpl
def bench_register_losses() -> Sequence[Loss]:
    """Hand over the loss of this module."""
    accepts = of_numbers("half_squared_error")
    return [Loss("half_squared_error", half_squared_error, accepts=accepts)]


@hookimpl
def bench_register_optimizers() -> Sequence[Optimizer]:
    """Hand over the optimizer of this module."""
    return [Optimizer("sgd_scratch", sgd_scratch)]


def logistic(
    task: Task, *, hidden: tuple[Size, ...] = (), activation: ActivationName = "relu"
) -> nn.Module:
    """Build fully connected layers that end in a sigmoid: the probability of class 1 (n, 1).

    Without hidden layers it is logistic regression. Its loss is `bce`; `bce_with_logits` would
    apply the sigmoid again. Parameters are named as those of `mlp`: `hidden1.weight`,
    `output.weight`.
    """
    from torch import nn

    net = nn.Sequential()
    net.add_module("flatten", nn.Flatten())
    width = task.features
    for place, size in enumerate(hidden, start=1):
        net.add_module(f"hidden{place}", nn.Linear(width, size))
        net.add_module(f"activation{place}", task.activation(activation))
        width = size
    net.add_module("output", nn.Linear(width, task.outputs))
    net.add_module("sigmoid", nn.Sigmoid())
    return net


def linear_scratch(task: Task) -> nn.Module:
    """Build X w + b of tensors of its own, without `nn.Linear`.

    `weight` (d, outputs) starts as N(0, 0.01 squared), `bias` (outputs,) as 0; with one output an
    initializer draws for them what it draws for `nn.Linear`.

    Source: https://d2l.ai/chapter_linear-regression/linear-regression-scratch.html
    """
    import torch
    from torch import nn

    class LinearScratch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.normal(0.0, 0.01, (task.features, task.outputs)))
            self.bias = nn.Parameter(torch.zeros(task.outputs))

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.flatten(1) @ self.weight + self.bias

    return LinearScratch()


def one_weight(
    task: Task,  # noqa: ARG001  # `accepts` has seen that it is one number to predict from one
    *,
    start: float = 1.0,
    lr: Rate = 0.01,
    gradient: Literal["formula", "backward"] = "formula",
) -> nn.Module:
    """Build y = w x with one weight (1,) and no bias; its step is made by hand.

    Args:
        task: One number to predict from one number.
        start: The weight at first.
        lr: The rate of its step; there is no optimizer.
        gradient: From the derivative written down, or from autograd.
    """
    import torch
    from torch import nn

    class OneWeight(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([start]))
            self.lr, self.by_formula = lr, gradient == "formula"

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs * self.weight

    return OneWeight()


def step_by_hand(workload: Workload, batch: Batch) -> StepResult:
    """Step down the gradient of the mean squared error, on `weight.data`, without an optimizer."""
    model: Any = workload.model
    (inputs,) = batch.inputs
    weight = model.weight
    errors = model(inputs) - batch.targets  # (n, 1)
    loss = errors.square().mean()
    if model.by_formula:
        gradient = (2.0 * inputs * errors.detach()).mean(0)  # d/dw of the mean of (w x - y)^2
    else:
        loss.backward()
        gradient = weight.grad.clone()
        weight.grad.zero_()
    weight.data -= model.lr * gradient
    return StepResult(loss.detach(), batch.size)


def half_squared_error(*, reduction: Reduction = "sum") -> nn.Module:
    """Build half the squared error, summed over the batch: `sgd_scratch` divides by its size.

    Its gradient is half that of `mse`, so that twice the rate takes the same step.
    """
    from torch import nn

    class HalfSquaredError(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.reduction = reduction

        def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
            losses = (outputs - targets.reshape(outputs.shape)) ** 2 / 2
            return losses.mean() if self.reduction == "mean" else losses.sum()

    return HalfSquaredError()


def sgd_scratch(model: nn.Module, *, lr: Rate = 0.03) -> TorchOptimizer:
    """Build w -= lr * gradient / batch size: for losses that are summed over the batch.

    The size is that of the batch at hand, so that a short last batch steps as far as the others.

    Source: https://d2l.ai/chapter_linear-regression/linear-regression-scratch.html
    """
    import torch

    class ScratchSGD(torch.optim.Optimizer):
        batch_size = 1
        """The harness writes it before each step."""

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
            for group in self.param_groups:  # nothing evaluates the loss again: no closure
                for each in group["params"]:
                    if each.grad is not None:
                        each.sub_(group["lr"] * each.grad / self.batch_size)

    return ScratchSGD(model.parameters(), {"lr": lr})


def two_classes(task: Task) -> str | None:
    """Refuse what has not two classes: one sigmoid gives one probability."""
    if task.kind != "binary" or task.outputs != 1:
        return (
            "logistic gives the probability of one of two classes: it takes binary tasks with 1"
            f" output, not {task.kind} with {task.outputs}"
        )
    return None


def one_number(task: Task) -> str | None:
    """Refuse all but one number that is predicted from one number."""
    if task.kind != "regression" or (task.input_shape, task.outputs) != ((1,), 1):
        return (
            "one_weight predicts one number from one number, not"
            f" {task.outputs} outputs of {task.kind} from samples of shape {task.input_shape}"
        )
    return None

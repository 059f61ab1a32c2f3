"""Optimizers: SGD, Adam and AdamW as in torch; each may spare biases from weight decay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from harness import Meta, Optimizer, hookimpl

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer

NotNegative = Annotated[float, Meta(ge=0)]
Beta = Annotated[float, Meta(ge=0, lt=1)]


@hookimpl
def bench_register_optimizers() -> Sequence[Optimizer]:
    """Hand over the optimizers of this module."""
    return [Optimizer("sgd", sgd), Optimizer("adam", adam), Optimizer("adamw", adamw)]


def sgd(
    model: nn.Module,
    *,
    lr: NotNegative = 1e-3,
    momentum: NotNegative = 0.0,
    dampening: float = 0.0,
    weight_decay: NotNegative = 0.0,
    nesterov: bool = False,
    decay_bias: bool = True,
) -> TorchOptimizer:
    """Build stochastic gradient descent; `decay_bias=false` spares biases from weight decay.

    Raises:
        ValueError: `nesterov` without momentum, or with dampening.
    """
    import torch

    return torch.optim.SGD(
        parameter_groups(model, weight_decay, decay_bias),
        lr=lr,
        momentum=momentum,
        dampening=dampening,
        nesterov=nesterov,
    )


def adam(
    model: nn.Module,
    *,
    lr: NotNegative = 1e-3,
    betas: tuple[Beta, Beta] = (0.9, 0.999),
    eps: NotNegative = 1e-8,
    weight_decay: NotNegative = 0.0,
    amsgrad: bool = False,
    decay_bias: bool = True,
) -> TorchOptimizer:
    """Build Adam, whose weight decay is added to the gradient; `decay_bias=false` spares biases."""
    import torch

    groups = parameter_groups(model, weight_decay, decay_bias)
    return torch.optim.Adam(groups, lr=lr, betas=betas, eps=eps, amsgrad=amsgrad)


def adamw(
    model: nn.Module,
    *,
    lr: NotNegative = 1e-3,
    betas: tuple[Beta, Beta] = (0.9, 0.999),
    eps: NotNegative = 1e-8,
    weight_decay: NotNegative = 1e-2,
    amsgrad: bool = False,
    decay_bias: bool = True,
) -> TorchOptimizer:
    """Build Adam with weight decay apart from the gradient; `decay_bias=false` spares biases."""
    import torch

    groups = parameter_groups(model, weight_decay, decay_bias)
    return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=eps, amsgrad=amsgrad)


def parameter_groups(
    model: nn.Module, weight_decay: float, decay_bias: bool
) -> list[dict[str, Any]]:
    """Group the parameters that require a gradient by their weight decay; no group is empty.

    A bias is a parameter whose own name starts with `bias`: `output.bias`, `rnn.bias_ih_l0`.
    """
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            spared = not decay_bias and name.rpartition(".")[2].startswith("bias")
            groups.setdefault(0.0 if spared else weight_decay, []).append(parameter)
    return [{"params": each, "weight_decay": decay} for decay, each in groups.items()]

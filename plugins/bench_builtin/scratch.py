"""From scratch: a multilayer perceptron of own parameters, own ReLU and own dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench_builtin.models import Shares, Size, each_share, mlp_takes
from harness import Model, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

START_STD = 0.01
"""Of the normal distribution that weights start from; biases start at 0."""


@hookimpl
def bench_register_models() -> Sequence[Model]:
    """Hand over the model of this module."""
    return [Model("mlp_scratch", mlp_scratch, accepts=mlp_takes)]


def mlp_scratch(
    task: Task, *, hidden: tuple[Size, ...] = (256,), dropout: Shares = 0.0
) -> nn.Module:
    """Build `mlp` with ReLU from tensors alone: no layer of torch is in it.

    Parameters have the names and shapes that they have in `mlp`, so that an initialiser gives both
    the same start; as built, weights are drawn from N(0, 0.01²) and biases are 0.
    """
    import torch
    from torch import nn

    def layer(inputs: int, outputs: int) -> nn.ParameterDict:
        weight = START_STD * torch.randn(outputs, inputs)
        return nn.ParameterDict([("weight", weight), ("bias", torch.zeros(outputs))])

    class Scratch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = (task.features, *hidden)
            for place in range(1, len(sizes)):
                self.add_module(f"hidden{place}", layer(sizes[place - 1], sizes[place]))
            self.output = layer(sizes[-1], task.outputs)
            self.shares = each_share(dropout, hidden)

        def forward(self, samples: Tensor) -> Tensor:
            values = samples.reshape(len(samples), -1)
            for place, share in enumerate(self.shares, start=1):
                values = own_relu(own_linear(values, self.get_submodule(f"hidden{place}")))
                values = own_dropout(values, share) if self.training else values
            return own_linear(values, self.output)

    return Scratch()


def own_linear(values: Tensor, layer: nn.Module) -> Tensor:
    """Map (n, inputs) to (n, outputs) by a layer's `weight` (outputs, inputs) and `bias`."""
    return values @ layer.get_parameter("weight").T + layer.get_parameter("bias")


def own_relu(values: Tensor) -> Tensor:
    """Put 0 where a value is negative; the gradient at 0 is 0, as torch has it."""
    return values * (values > 0)


def own_dropout(values: Tensor, share: float) -> Tensor:
    """Put 0 at random in place of that share of the values; the others grow by 1 / (1 - share).

    So the expected value stays, and nothing is to be done in use.
    """
    import torch

    if share == 0:
        return values
    return (torch.rand_like(values) >= share) * values / (1 - share)

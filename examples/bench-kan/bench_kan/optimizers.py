"""Optimizers: they get the model, so that they can treat its parameters differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from harness import Meta

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

Share = Annotated[float, Meta(ge=0, lt=1)]
Rate = Annotated[float, Meta(gt=0)]
Decay = Annotated[float, Meta(ge=0)]


def lion(
    model: nn.Module,
    *,
    lr: Rate = 0.003,
    betas: tuple[Share, Share] = (0.9, 0.99),
    weight_decay: Decay = 0.0,
) -> Optimizer:
    """Build Lion: steps by the sign of a momentum; biases have no decay.

    Source: Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2
    (https://arxiv.org/abs/2302.06675).
    """
    import torch

    class Lion(torch.optim.Optimizer):
        @torch.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        self._move(parameter, group)

        def _move(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            momentum, gradient, (first, second) = state["momentum"], parameter.grad, group["betas"]
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_((momentum * first + gradient * (1 - first)).sign(), alpha=-group["lr"])
            momentum.mul_(second).add_(gradient, alpha=1 - second)

    named = dict(model.named_parameters())
    biases = [each for name, each in named.items() if name.rpartition(".")[2] == "bias"]
    weights = [each for name, each in named.items() if name.rpartition(".")[2] != "bias"]
    groups = [
        {"params": weights, "weight_decay": weight_decay},
        {"params": biases, "weight_decay": 0.0},
    ]
    return Lion([each for each in groups if each["params"]], {"lr": lr, "betas": betas})

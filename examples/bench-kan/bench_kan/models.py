"""Networks whose edges are learned functions.

Shapes: n samples; inputs (n, inputs), a layer's bumps (n, inputs, grid), outputs (n, outputs).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from harness import Meta, Task

if TYPE_CHECKING:
    from torch import Tensor, nn

Units = Annotated[int, Meta(ge=1, description="units of a hidden layer")]
Grid = Annotated[int, Meta(ge=2, description="bumps of the function on an edge")]
Reach = Annotated[float, Meta(gt=0, description="the bumps stand from -reach to reach")]


def net(
    task: Task, *, hidden: tuple[Units, ...] = (8,), grid: Grid = 8, reach: Reach = 2.0
) -> nn.Module:
    """Build a Kolmogorov-Arnold network: each edge has a function of its own, a sum of bumps.

    The bumps are Gaussians at `grid` places, as wide as their distance; a layer normalises its
    inputs first, so that they stay where the bumps are. There are no other activations.

    Source: Li 2024, "Kolmogorov-Arnold networks are radial basis function networks"
    (https://arxiv.org/abs/2405.06721), after Liu et al. 2024 (https://arxiv.org/abs/2404.19756).
    """
    import torch
    from torch import nn

    class Edges(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(inputs) if inputs > 2 else nn.Identity()
            self.sum = nn.Linear(inputs * grid, outputs)
            self.register_buffer("places", torch.linspace(-reach, reach, grid))  # (grid,)

        def forward(self, inputs: Tensor) -> Tensor:
            away = (self.norm(inputs).unsqueeze(-1) - self.places) * (grid - 1) / (2 * reach)
            bumps = (-away.square()).exp()  # (n, inputs, grid)
            outputs: Tensor = self.sum(bumps.flatten(1))
            return outputs

    sizes = (task.features, *hidden, task.outputs)
    layers = [Edges(*pair) for pair in pairwise(sizes)]
    return nn.Sequential(nn.Flatten(), *layers)


def takes(task: Task) -> str | None:
    """Refuse sequences: every sample must have as many numbers."""
    if task.kind == "sequence":
        return "an edge is a function of a number: sequences differ in how many they have"
    return None

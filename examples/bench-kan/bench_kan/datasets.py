"""Data sets: made data draws from its own generator, seeded with the trial's seed."""

from __future__ import annotations

from math import tau
from typing import Annotated

from harness import Data, Meta, Place, Split, Task

Size = Annotated[int, Meta(ge=8, description="points in all")]
Noise = Annotated[float, Meta(ge=0, description="standard deviation of a point's place")]
Turns = Annotated[float, Meta(gt=0, description="how often a spiral goes round")]


def spirals_task(*, n: Size = 800, noise: Noise = 0.02, turns: Turns = 2.0) -> Task:
    """Tell two spirals that turn around each other."""
    return Task("classification", (2,), 2)


def spirals(place: Place, *, n: Size = 800, noise: Noise = 0.02, turns: Turns = 2.0) -> Data:
    """Make points (n, 2) on two spirals that end at radius 2, and which one each is on (n,).

    Source: Lang and Witbrock 1988, "Learning to tell two spirals apart".
    """
    import torch

    generator = torch.Generator().manual_seed(place.seed)
    targets = torch.arange(n) % 2
    way = torch.rand(n, generator=generator).sqrt()  # as many points on each piece of the spiral
    angle = turns * tau * way + tau / 2 * targets
    ring = torch.stack([angle.cos(), angle.sin()], dim=1)  # (n, 2)
    errors = noise * torch.randn(n, 2, generator=generator)
    return Data(train=Split((2 * way.unsqueeze(1) * ring + errors,), targets))

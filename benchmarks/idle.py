"""A plugin for `benchmarks.verdicts`: a net with an option that changes nothing but the draws.

`skipped` numbers are drawn and thrown away before the weights are, so that each level starts from
other weights of the same distribution: whatever is then called better or worse is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from harness import Meta, Model, Task, hookimpl

if TYPE_CHECKING:
    from torch import nn

HIDDEN = 32


@hookimpl
def bench_register_models() -> Sequence[Model]:
    return [Model("idle", idle)]


def idle(task: Task, *, skipped: Annotated[int, Meta(ge=0)] = 0) -> nn.Module:
    """Build one hidden layer, after drawing numbers that nobody uses."""
    import torch
    from torch import nn

    torch.rand(skipped)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.features, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, task.outputs),
    )

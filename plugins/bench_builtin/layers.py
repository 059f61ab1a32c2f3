"""Models of layers of one's own: tied, nested, centred, of bare parameters; a bare activation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from bench_builtin.models import fixed_size
from harness import ActivationName, Meta, Model, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

Size = Annotated[int, Meta(ge=1)]


@hookimpl
def bench_register_models() -> Sequence[Model]:
    """Hand over the models of this module."""
    return [
        Model("tied", tied, accepts=fixed_size),
        Model("nested", nested, accepts=fixed_size),
        Model("centred", centred, accepts=fixed_size),
        Model("own_layers", own_layers, accepts=fixed_size),
        Model("bare_activation", bare_activation, accepts=as_many_outputs),
    ]


def tied(task: Task, *, width: Size = 8, tied: bool = True) -> nn.Module:
    """Build four linear layers with ReLU between, of which two are one: third and fifth of the net.

    The shared layer's parameters count once, and its gradients add. With `tied=false` it is two
    layers, which start as one does.

    Source: https://d2l.ai/chapter_builders-guide/parameters.html, "Tied Parameters"
    """
    from torch import nn

    shared = nn.Linear(width, width)
    other = shared if tied else nn.Linear(width, width)
    other.load_state_dict(shared.state_dict())
    return nn.Sequential(
        nn.Sequential(nn.Flatten(), nn.Linear(task.features, width)),
        nn.ReLU(),
        shared,
        nn.ReLU(),
        other,
        nn.ReLU(),
        nn.Linear(width, task.outputs),
    )


def nested(task: Task, *, blocks: Size = 2, width: Size = 32) -> nn.Module:
    """Build a Sequential of blocks that are Sequentials: each widens, narrows, and ends in ReLU.

    Parameters are named by the way to them: `blocks.block1.0.weight`, `output.weight`.

    Source: https://d2l.ai/chapter_builders-guide/parameters.html, nested blocks
    """
    from torch import nn

    inner = nn.Sequential()
    size = task.features
    for place in range(1, blocks + 1):
        layers = nn.Linear(size, 2 * width), nn.ReLU(), nn.Linear(2 * width, width), nn.ReLU()
        inner.add_module(f"block{place}", nn.Sequential(*layers))
        size = width
    net = nn.Sequential(nn.Flatten())
    net.add_module("blocks", inner)
    net.add_module("output", nn.Linear(size, task.outputs))
    return net


def centred(task: Task, *, hidden: Size = 128) -> nn.Module:
    """Build a hidden layer whose values are centred: the mean of the whole batch is taken off.

    So what a sample gets depends on its batch, as in the course notes: a layer without parameters.

    Source: https://d2l.ai/chapter_builders-guide/custom-layer.html, "Layers without Parameters"
    """
    from torch import nn

    class CentredLayer(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs - inputs.mean()

    net = nn.Sequential(nn.Flatten())
    net.add_module("hidden", nn.Linear(task.features, hidden))
    net.add_module("centred", CentredLayer())
    net.add_module("activation", nn.ReLU())
    net.add_module("output", nn.Linear(hidden, task.outputs))
    return net


def own_layers(task: Task, *, hidden: tuple[Size, ...] = (128,)) -> nn.Module:
    """Build linear layers with ReLU of parameters of their own; the last is without ReLU.

    Each has `weight` (inputs, units) and `bias` (units,), both drawn from N(0, 1) as in the course
    notes: `init=normal[std=0.1]` is kinder. An initializer that looks at fans takes them the other
    way round than in `nn.Linear`.

    Source: https://d2l.ai/chapter_builders-guide/custom-layer.html, "Layers with Parameters"
    """
    import torch
    from torch import nn

    class OwnLinear(nn.Module):
        def __init__(self, inputs: int, units: int, rectify: bool) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(inputs, units))
            self.bias = nn.Parameter(torch.randn(units))
            self.rectify = rectify

        def forward(self, inputs: Tensor) -> Tensor:
            values = inputs @ self.weight + self.bias  # (n, units)
            return values.clamp(min=0.0) if self.rectify else values

    net = nn.Sequential(nn.Flatten())
    width = task.features
    for place, size in enumerate(hidden, start=1):
        net.add_module(f"hidden{place}", OwnLinear(width, size, rectify=True))
        width = size
    net.add_module("output", OwnLinear(width, task.outputs, rectify=False))
    return net


def bare_activation(task: Task, *, activation: ActivationName = "identity") -> nn.Module:
    """Build an activation and nothing else: the inputs go through it and are the outputs."""
    return task.activation(activation)


def as_many_outputs(task: Task) -> str | None:
    """Refuse tasks whose samples have not the shape of their outputs."""
    if task.input_shape != (task.outputs,):
        return (
            "bare_activation changes no shape: it takes samples of as many numbers as there are"
            f" outputs ({task.outputs}), not of shape {task.input_shape}"
        )
    return None

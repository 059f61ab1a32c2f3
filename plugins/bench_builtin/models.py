"""Models: a linear map, a multilayer perceptron, LeNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from harness import ActivationName, Meta, Model, Task, hookimpl

if TYPE_CHECKING:
    from torch import nn

Size = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, lt=1)]
Shares: TypeAlias = Share | tuple[Share, ...]

KERNEL = 5
"""Side of LeNet's kernels; its first convolution is padded by 2, so that it keeps the size."""


@hookimpl
def bench_register_models() -> Sequence[Model]:
    """Hand over the models of this module."""
    return [
        Model("linear", linear, accepts=fixed_size),
        Model("mlp", mlp, accepts=mlp_takes),
        Model("lenet", lenet, accepts=image),
    ]


def linear(task: Task, *, bias: bool = True) -> nn.Module:
    """Build one linear layer from all numbers of a sample to the outputs.

    Flat inputs get a bare `nn.Linear`, so that its parameters are `weight` and `bias`.
    """
    from torch import nn

    layer = nn.Linear(task.features, task.outputs, bias=bias)
    return layer if len(task.input_shape) == 1 else nn.Sequential(nn.Flatten(), layer)


def mlp(
    task: Task,
    *,
    hidden: tuple[Size, ...] = (256,),
    activation: ActivationName = "relu",
    dropout: Shares = 0.0,
) -> nn.Module:
    """Build fully connected layers with dropout after each activation.

    `dropout` is a share for all hidden layers, or a list with one for each: `dropout=[0.3,0.5]`.
    The layers are named, so that a parameter keeps its name whatever the depth and the dropout:
    `hidden1.weight`, `hidden2.weight`, ..., `output.weight`.
    """
    from torch import nn

    net = nn.Sequential()
    net.add_module("flatten", nn.Flatten())
    width = task.features
    shares = each_share(dropout, hidden)
    for place, (size, share) in enumerate(zip(hidden, shares, strict=True), start=1):
        net.add_module(f"hidden{place}", nn.Linear(width, size))
        net.add_module(f"activation{place}", task.activation(activation))
        if share > 0:
            net.add_module(f"dropout{place}", nn.Dropout(share))
        width = size
    net.add_module("output", nn.Linear(width, task.outputs))
    return net


def lenet(
    task: Task,
    *,
    channels: tuple[Size, Size] = (6, 16),
    hidden: tuple[Size, ...] = (120, 84),
    activation: ActivationName = "sigmoid",
    pooling: Literal["avg", "max"] = "avg",
) -> nn.Module:
    """Build two convolutions with pooling, and fully connected layers behind them.

    On (1, 28, 28) with 10 outputs it has 61,706 parameters. On images with a side below 12 the
    second convolution is padded too, or nothing would be left of them.

    Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition", as in
    https://d2l.ai/chapter_convolutional-neural-networks/lenet.html
    """
    from torch import nn

    pool = nn.AvgPool2d if pooling == "avg" else nn.MaxPool2d
    first, second = channels
    net = nn.Sequential()
    net.add_module("conv1", nn.Conv2d(task.input_shape[0], first, KERNEL, padding=KERNEL // 2))
    net.add_module("activation1", task.activation(activation))
    net.add_module("pool1", pool(2))
    net.add_module("conv2", nn.Conv2d(first, second, KERNEL, padding=_padding(task)))
    net.add_module("activation2", task.activation(activation))
    net.add_module("pool2", pool(2))
    net.add_module("flatten", nn.Flatten())
    width = second * _pixels_left(task)  # (n, width)
    for place, size in enumerate(hidden, start=1):
        net.add_module(f"hidden{place}", nn.Linear(width, size))
        net.add_module(f"activation{place + 2}", task.activation(activation))
        width = size
    net.add_module("output", nn.Linear(width, task.outputs))
    return net


def fixed_size(task: Task) -> str | None:
    """Refuse sequences: the layers want as many numbers in every sample."""
    if task.kind == "sequence":
        return "fully connected layers take samples of one size, not sequences"
    return None


def mlp_takes(
    task: Task, *, hidden: tuple[Size, ...] = (256,), dropout: Shares = 0.0
) -> str | None:
    """Refuse sequences, and a list of shares that does not have one for each hidden layer."""
    if isinstance(dropout, tuple) and len(dropout) != len(hidden):
        return (
            f"model.dropout has {len(dropout)} shares for {len(hidden)} hidden layers: "
            "give one for each, or one number for all"
        )
    return fixed_size(task)


def each_share(dropout: Shares, hidden: tuple[Size, ...]) -> tuple[float, ...]:
    """Give the share of dropout behind each hidden layer."""
    return dropout if isinstance(dropout, tuple) else (dropout,) * len(hidden)


def image(task: Task) -> str | None:
    """Refuse what is not an image, and images that the two poolings leave nothing of."""
    if task.kind == "sequence":
        return "lenet takes images, not sequences"
    if len(task.input_shape) != 3:
        return (
            f"lenet takes images (channels, height, width), not samples of shape {task.input_shape}"
        )
    height, width = task.input_shape[1:]
    if min(height, width) < 4:  # each of the two poolings halves a side
        return f"lenet needs images of at least 4 x 4 pixels, not {height} x {width}"
    return None


def _padding(task: Task) -> int:
    """Pad the second convolution where its kernel and a pooling would leave nothing."""
    return 0 if min(task.input_shape[1:]) // 2 > KERNEL else KERNEL // 2


def _pixels_left(task: Task) -> int:
    lost = KERNEL - 1 - 2 * _padding(task)
    height, width = ((side // 2 - lost) // 2 for side in task.input_shape[1:])
    return height * width

"""Convolutional networks: a plain one, Inception, a residual one, and one for CIFAR-10.

The first three begin with convolutions of 5 x 5 without padding, as their notes have them, and
need 16 x 16 pixels; `padding=2` keeps the size and takes smaller images. Shapes: images and what
convolutions make of them are (n, channels, height, width).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from harness import ActivationName, Meta, Model, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

Padding = Annotated[int, Meta(ge=0, le=2)]
Count = Annotated[int, Meta(ge=1)]

KERNEL = 5
"""Side of the kernels outside of the blocks of Inception and of the residual net."""


@hookimpl
def bench_register_models() -> Sequence[Model]:
    """Hand over the models of this module."""
    return [
        Model("cnn", cnn, accepts=cnn_takes),
        Model("inception", inception, accepts=inception_takes),
        Model("residual", residual, accepts=residual_takes),
        Model("cifar_cnn", cifar_cnn, accepts=cifar_cnn_takes),
    ]


def cnn(task: Task, *, activation: ActivationName = "relu", padding: Padding = 0) -> nn.Module:
    """Build two convolutions, each with pooling and an activation, and one linear layer.

    On (1, 28, 28) with 10 outputs it is 1-10-20 channels and Linear(320, 10): 8,490 parameters.
    """
    return _two_stages(task, (10, 20), activation, padding)


def inception(
    task: Task, *, activation: ActivationName = "relu", padding: Padding = 0
) -> nn.Module:
    """Build `cnn` with a block of four branches behind each stage; a block makes 88 channels.

    On (1, 28, 28) with 10 outputs it has Linear(1408, 10) and 97,298 parameters.

    Source: Szegedy et al. 2015, "Rethinking the Inception architecture", figure 5, with the
    channels of the course notes.
    """
    blocks = (_inception_block(10), _inception_block(20))
    return _two_stages(task, (10, 20), activation, padding, blocks=blocks, widened=88)


def residual(
    task: Task,
    *,
    activation: ActivationName = "relu",
    padding: Padding = 0,
    blocks: Count = 1,
    shortcut: bool = True,
) -> nn.Module:
    """Build two stages of convolution, activation and pooling, residual blocks behind each.

    A block is activation(x + conv(activation(conv(x)))) with convolutions of 3 x 3;
    `shortcut=false` leaves the `x +` out and changes nothing else: the parameters and their start
    are the same. On (1, 28, 28) with 10 outputs it has Linear(512, 10) and 41,514 parameters.

    Source: He et al. 2016, "Deep residual learning for image recognition", figure 2.
    """
    from torch import nn

    behind = [
        nn.Sequential(*(_residual_block(task, each, activation, shortcut) for _ in range(blocks)))
        for each in (16, 32)
    ]
    return _two_stages(task, (16, 32), activation, padding, blocks=behind)


def cifar_cnn(task: Task, *, activation: ActivationName = "identity") -> nn.Module:
    """Build three convolutions with pooling, and two linear layers behind them.

    There is no activation unless one is named, as in the course notes; then it stands behind each
    convolution and behind the hidden layer. On (3, 32, 32) with 10 outputs it is 3-32-32-64
    channels, 1024-64-10, and 145,578 parameters.
    """
    from torch import nn

    net = nn.Sequential()
    channels, side = (task.input_shape[0], 32, 32, 64), 1
    for place in (1, 2, 3):
        before, after = channels[place - 1 : place + 1]
        net.add_module(f"conv{place}", nn.Conv2d(before, after, KERNEL, padding=KERNEL // 2))
        net.add_module(f"activation{place}", task.activation(activation))
        net.add_module(f"pool{place}", nn.MaxPool2d(2))
        side *= 2
    height, width = task.input_shape[1:]
    net.add_module("flatten", nn.Flatten())
    net.add_module("hidden", nn.Linear(64 * (height // side) * (width // side), 64))
    net.add_module("activation4", task.activation(activation))
    net.add_module("output", nn.Linear(64, task.outputs))
    return net


def cnn_takes(task: Task, *, padding: Padding = 0) -> str | None:
    """Refuse what is not an image, and images of which nothing would be left."""
    return refusal("cnn", task) or _refusal_of_sides("cnn", task, padding)


def inception_takes(task: Task, *, padding: Padding = 0) -> str | None:
    """Refuse what is not an image, and images of which nothing would be left."""
    return refusal("inception", task) or _refusal_of_sides("inception", task, padding)


def residual_takes(task: Task, *, padding: Padding = 0) -> str | None:
    """Refuse what is not an image, and images of which nothing would be left."""
    return refusal("residual", task) or _refusal_of_sides("residual", task, padding)


def cifar_cnn_takes(task: Task) -> str | None:
    """Refuse what is not an image, and images that three poolings leave nothing of."""
    reason = refusal("cifar_cnn", task)
    if reason is None and min(task.input_shape[1:]) < 8:
        height, width = task.input_shape[1:]
        reason = f"cifar_cnn needs images of at least 8 x 8 pixels, not {height} x {width}"
    return reason


def refusal(model: str, task: Task) -> str | None:
    """Say why a task has no images; None: it has."""
    if task.kind == "sequence":
        return f"{model} takes images, not sequences"
    if len(task.input_shape) != 3:
        return (
            f"{model} takes images (channels, height, width), "
            f"not samples of shape {task.input_shape}"
        )
    return None


def _refusal_of_sides(model: str, task: Task, padding: int) -> str | None:
    height, width = task.input_shape[1:]
    smaller = min(height, width)
    if _left(smaller, padding) > 0:
        return None
    least = next(side for side in range(1, 100) if _left(side, padding) > 0)
    enough = next((each for each in range(padding + 1, 3) if _left(smaller, each) > 0), None)
    hint = "" if enough is None else f": model.padding={enough} takes them"
    return (
        f"{model} with model.padding={padding} needs images of at least {least} x {least} pixels, "
        f"not {height} x {width}{hint}"
    )


def _left(side: int, padding: int) -> int:
    """Count what two stages of convolution and pooling leave of a side; 0 or less: nothing."""
    for _ in range(2):
        side = (side + 2 * padding - (KERNEL - 1)) // 2
        if side < 1:
            return 0
    return side


def _two_stages(
    task: Task,
    channels: tuple[int, int],
    activation: str,
    padding: int,
    *,
    blocks: Sequence[nn.Module] = (),
    widened: int | None = None,
) -> nn.Module:
    """Build convolution, pooling, activation and a block, twice, and one linear layer.

    Args:
        task: What the images and the outputs are.
        channels: That the two convolutions make.
        activation: Its level. Behind the pooling it has a quarter of the work, and ReLU and max
            pooling give the same in either order.
        padding: Of the two convolutions.
        blocks: Behind each stage; none: nothing stands there.
        widened: The channels that a block makes; None: as many as it takes.
    """
    from torch import nn

    net, before = nn.Sequential(), task.input_shape[0]
    for place, after in enumerate(channels, start=1):
        net.add_module(f"conv{place}", nn.Conv2d(before, after, KERNEL, padding=padding))
        net.add_module(f"pool{place}", nn.MaxPool2d(2))
        net.add_module(f"activation{place}", task.activation(activation))
        if blocks:
            net.add_module(f"block{place}", blocks[place - 1])
        before = widened or after
    height, width = (_left(side, padding) for side in task.input_shape[1:])
    net.add_module("flatten", nn.Flatten())
    net.add_module("output", nn.Linear(before * height * width, task.outputs))
    return net


def _inception_block(channels: int) -> nn.Module:
    """Build four branches side by side that keep the size, and make 16 + 3 x 24 channels."""
    from torch import nn

    def narrow(after: int = 16) -> nn.Module:
        return nn.Conv2d(channels, after, 1)

    return _joined(
        {
            "one": narrow(),
            "five": nn.Sequential(narrow(), nn.Conv2d(16, 24, 5, padding=2)),
            "three": nn.Sequential(
                narrow(), nn.Conv2d(16, 24, 3, padding=1), nn.Conv2d(24, 24, 3, padding=1)
            ),
            "pool": nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), narrow(24)),
        }
    )


def _joined(branches: Mapping[str, nn.Module]) -> nn.Module:
    """Build branches that all see the same images; their channels are joined."""
    import torch
    from torch import nn

    class Joined(nn.ModuleDict):
        def forward(self, images: Tensor) -> Tensor:
            return torch.cat([branch(images) for branch in self.values()], dim=1)

    return Joined(branches)


def _residual_block(task: Task, channels: int, activation: str, shortcut: bool) -> nn.Module:
    """Build activation(x + conv(activation(conv(x)))), or without the `x +`."""
    from torch import nn

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
            self.inner = task.activation(activation)
            self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
            self.outer = task.activation(activation)

        def forward(self, images: Tensor) -> Tensor:
            changed: Tensor = self.conv2(self.inner(self.conv1(images)))
            summed: Tensor = self.outer(images + changed if shortcut else changed)
            return summed

    return Residual()

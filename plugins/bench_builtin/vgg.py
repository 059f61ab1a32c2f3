"""VGG-16 of torchvision, with a head for the task's classes in one of three ways.

Shapes: images are (n, 3, height, width); the convolutions make (n, 512, 7, 7) of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from bench_builtin.convolutional import refusal
from harness import BenchError, Meta, Model, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

Head: TypeAlias = Literal["last", "added", "whole"]
Width = Annotated[float, Meta(gt=0, le=1)]
Side = Annotated[int, Meta(ge=1)]

LEAST = 32
"""Side of the smallest image of which five poolings leave something."""
CLASSES = 1000
"""Outputs of the network as it was published."""
_REPLACED = {"last": "classifier.6.", "added": "classifier.added.", "whole": "classifier."}
"""How the names of the parameters begin that a head makes anew."""


@hookimpl
def bench_register_models() -> Sequence[Model]:
    """Hand over the model of this module."""
    return [Model("vgg16", vgg16, accepts=vgg16_takes, preload=("torchvision.models.vgg",))]


def vgg16(
    task: Task,
    *,
    head: Head = "last",
    pretrained: bool = False,
    width: Width = 1.0,
    resize: Side | None = None,
) -> nn.Module:
    """Build torchvision's VGG-16 with as many outputs as the task has.

    `head` says how it gets them: `last` puts another layer in place of the last one (134,301,514
    parameters for 10 classes), `added` puts one more behind the 1000 outputs (138,367,554), `whole`
    puts one linear layer in place of the whole classifier (14,965,578). `width` takes that share of
    all channels and hidden units; `resize` scales images to that side first. Grey images become
    three equal channels. Layers start as torchvision and torch start them.

    Source: Simonyan and Zisserman 2015, "Very deep convolutional networks for large-scale image
    recognition", table 1, column D.

    Raises:
        BenchError: pretrained weights are asked for, and are not in torch's cache, or damaged.
    """
    import torch

    with torch.device("meta"):  # no memory, and no time, for what the head replaces
        net = _published(width)
        _put_head(net, head, task.outputs)
    net.to_empty(device="cpu")
    _start(net, _REPLACED[head])
    if pretrained:
        load_weights(net, weights_file(), _digest_of(weights_file()), _REPLACED[head])
    _put_in_front(net, resize, task.input_shape[0] == 1)
    built: nn.Module = net
    return built


def vgg16_takes(
    task: Task,
    *,
    pretrained: bool = False,
    width: Width = 1.0,
    resize: Side | None = None,
) -> str | None:
    """Refuse what is no image of 1 or 3 channels, small images, and weights of another width."""
    reason = refusal("vgg16", task)
    if reason is not None:
        return reason
    channels, height, across = task.input_shape
    if channels not in (1, 3):
        return f"vgg16 takes images of 1 or 3 channels, not of {channels}"
    if resize is not None and resize < LEAST:
        return f"model.resize={resize} is too small: vgg16 needs {LEAST} x {LEAST} pixels"
    if resize is None and min(height, across) < LEAST:
        return (
            f"vgg16 needs images of at least {LEAST} x {LEAST} pixels, not {height} x {across}: "
            f"model.resize={LEAST} scales them"
        )
    if pretrained and width < 1:
        return f"there are no pretrained weights for model.width={width:g}: they are those of 1"
    return None


def weights_file() -> Path:
    """Say where torch's cache keeps the pretrained weights."""
    import torch
    from torchvision.models import VGG16_Weights  # type: ignore[import-untyped]  # ships no types

    return Path(torch.hub.get_dir(), "checkpoints", Path(VGG16_Weights.IMAGENET1K_V1.url).name)


def load_weights(net: nn.Module, path: Path, digest: str, replaced: str) -> None:
    """Load the weights of a file into a network, but for those that its head makes anew.

    Args:
        net: Has the parameters of the file, and others under names that begin with `replaced`.
        path: A state dict; nothing else is read.
        digest: How the file's SHA-256 begins.
        replaced: How the names of the parameters begin that keep their start.

    Raises:
        BenchError: the file is missing, or has another digest.
    """
    import torch

    if not path.is_file():
        raise BenchError(
            f"the pretrained weights are not in torch's cache: {path} is missing; "
            "python -c \"import torchvision; torchvision.models.vgg16(weights='IMAGENET1K_V1')\" "
            "fetches them (528 MB), model.pretrained=false does without"
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(digest):
        raise BenchError(
            f"{path} is cut short or changed: its SHA-256 begins with {found[: len(digest)]}, "
            f"not with {digest}; delete it and fetch it again"
        )
    state = torch.load(path, weights_only=True, mmap=True)
    kept = {name: each for name, each in state.items() if not name.startswith(replaced)}
    new = {name: each for name, each in net.state_dict().items() if name.startswith(replaced)}
    net.load_state_dict(kept | new)


def _digest_of(path: Path) -> str:
    """Read how the digest begins from the name, where torch puts it: `vgg16-397923af.pth`."""
    return path.stem.rpartition("-")[2]


def _published(width: float) -> Any:
    """Build the network with its 1000 outputs, or with that share of its channels."""
    from torch import nn
    from torchvision.models import vgg

    if width == 1:
        return vgg.vgg16()
    channels = [each if each == "M" else _share(int(each), width) for each in vgg.cfgs["D"]]
    net = vgg.VGG(vgg.make_layers(channels), init_weights=False)
    hidden = _share(4096, width)
    last = [each for each in channels if each != "M"][-1]
    sizes = {0: (int(last) * 7 * 7, hidden), 3: (hidden, hidden), 6: (hidden, CLASSES)}
    for place, (inputs, outputs) in sizes.items():
        net.classifier[place] = nn.Linear(inputs, outputs)
    return net


def _share(size: int, width: float) -> int:
    return max(1, round(size * width))


def _put_head(net: Any, head: Head, outputs: int) -> None:
    from torch import nn

    if head == "last":
        net.classifier[6] = nn.Linear(net.classifier[6].in_features, outputs)
    elif head == "added":
        net.classifier.add_module("added", nn.Linear(CLASSES, outputs))
    else:
        net.classifier = nn.Sequential(nn.Linear(net.classifier[0].in_features, outputs))


def _start(net: nn.Module, replaced: str) -> None:
    """Start the layers: what the head made as torch does it, the others as torchvision does.

    Source: torchvision.models.vgg.VGG.
    """
    from torch import nn
    from torch.nn import init

    for name, layer in net.named_modules():
        if isinstance(layer, nn.Linear) and f"{name}.".startswith(replaced):
            layer.reset_parameters()
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            if isinstance(layer, nn.Conv2d):
                init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            else:
                init.normal_(layer.weight, 0, 0.01)
            assert layer.bias is not None
            init.zeros_(layer.bias)


def _put_in_front(net: Any, resize: int | None, grey: bool) -> None:
    """Put what prepares images before the convolutions; the names of their parameters stay."""
    from torch import nn

    class Coloured(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.expand(-1, 3, -1, -1)

    front: dict[str, nn.Module] = {}
    if resize is not None:
        front["resize"] = nn.Upsample(size=(resize, resize), mode="bilinear")
    if grey:
        front["coloured"] = Coloured()
    if front:
        layers = front | dict(net.features.named_children())
        net.features = nn.Sequential()
        for name, layer in layers.items():
            net.features.add_module(name, layer)

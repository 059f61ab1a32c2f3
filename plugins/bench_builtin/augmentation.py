"""Transforms of training images: a crop at random of the padded image, a mirror image at random.

They act on a batch (n, channels, height, width) at once, each image by draws of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

from harness import Meta

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Transform: TypeAlias = Callable[[tuple[Tensor, ...], torch.Generator], tuple[Tensor, ...]]

Crop = Annotated[int, Meta(ge=0, le=64)]
"""Pixels of padding on each side before a crop of the image's own size; 0: no crop."""


def augmentation(*, crop: int, flip: bool, fill: Sequence[float] = (0.0,)) -> Transform | None:
    """Bind the transform of a training split; None where nothing is to be done.

    Args:
        crop: Pixels of padding on each side.
        flip: Whether every second image is mirrored, left to right.
        fill: The padding's value, for each channel: black, where black was shifted and scaled too.
    """
    if not crop and not flip:
        return None
    return functools.partial(augmented, crop=crop, flip=flip, fill=list(fill))


def augmented(
    inputs: tuple[Tensor, ...],
    generator: torch.Generator,
    *,
    crop: int,
    flip: bool,
    fill: Sequence[float],
) -> tuple[Tensor, ...]:
    """Crop and mirror the first input at random; others stay as they are."""
    images, *others = inputs
    if crop:
        images = cropped(images, crop, fill, generator)
    if flip:
        images = flipped(images, generator)
    return images, *others


def cropped(
    images: Tensor, padding: int, fill: Sequence[float], generator: torch.Generator
) -> Tensor:
    """Pad images and crop each to its old size, at a place drawn for it.

    As `torchvision.transforms.RandomCrop(size, padding=padding)`, which draws alike: both corners
    evenly from 0 to 2 * padding.
    """
    import torch

    count, channels, height, width = images.shape
    size = (count, channels, height + 2 * padding, width + 2 * padding)
    colour = torch.tensor(fill, dtype=images.dtype).to(images.device, non_blocking=True)
    padded = colour.reshape(1, -1, 1, 1).expand(size).contiguous()
    padded[:, :, padding : padding + height, padding : padding + width] = images
    corners = torch.randint(2 * padding + 1, (2, count), generator=generator)
    top, left = corners.to(images.device, non_blocking=True)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (n, channels, top, left, h, w)
    return windows[torch.arange(count, device=images.device), :, top, left]


def flipped(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image, left to right, with probability one half."""
    import torch

    mirrored = torch.randint(2, (len(images),), generator=generator).bool()
    mirrored = mirrored.to(images.device, non_blocking=True).reshape(-1, 1, 1, 1)
    return torch.where(mirrored, images.flip(-1), images)

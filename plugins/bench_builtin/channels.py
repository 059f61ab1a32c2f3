"""Channel statistics: the mean and the standard deviation that images are normalised with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness import BenchError, Findings, Metric, Procedure, Trained, Workload, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

_CHUNK = 4096


@hookimpl
def bench_register_procedures() -> Sequence[Procedure]:
    """Hand over the procedure of this module."""
    return [Procedure("channel_statistics", find_statistics)]


@hookimpl
def bench_register_metrics() -> Sequence[Metric]:
    """Hand over the metrics of this module."""
    return [
        Metric("channel_mean", "1", "higher", 0.001, measure_mean),
        Metric("channel_std", "1", "higher", 0.001, measure_std),
    ]


def find_statistics(workload: Workload) -> Findings:
    """Find mean and standard deviation of the training images, channel by channel; train nothing.

    Model and optimizer may be none. The metrics are `channel_mean/0`, `channel_std/0`, ...

    Raises:
        BenchError: the dataset has no images.
    """
    mean, std = channel_statistics(_images(workload))
    return Findings(metrics=_named("channel_mean", mean) | _named("channel_std", std))


def measure_mean(trained: Trained) -> Mapping[str, float]:
    """Measure the mean of the pixels of the training images, channel by channel."""
    return {str(place): each for place, each in enumerate(channel_statistics(_images(trained))[0])}


def measure_std(trained: Trained) -> Mapping[str, float]:
    """Measure the standard deviation of the training images' pixels, channel by channel."""
    return {str(place): each for place, each in enumerate(channel_statistics(_images(trained))[1])}


def channel_statistics(images: Tensor) -> tuple[list[float], list[float]]:
    """Take mean and standard deviation over images (n, channels, height, width), by channel.

    In double precision, a few images at a time; the deviation is that of all pixels (divided by
    their number, not by one less).
    """
    import torch

    sums = torch.zeros(2, images.shape[1], dtype=torch.float64)
    for start in range(0, len(images), _CHUNK):
        wide = images[start : start + _CHUNK].cpu().double()  # Apple's GPU has no double precision
        sums += torch.stack([wide.sum(dim=(0, 2, 3)), wide.square().sum(dim=(0, 2, 3))])
    mean, square = sums / (images.numel() / images.shape[1])
    return mean.tolist(), (square - mean.square()).clamp(min=0).sqrt().tolist()


def _images(workload: Workload) -> Tensor:
    images = None if workload.data is None else workload.data.train.inputs[0]
    if images is None or images.ndim != 4:
        shape = "none" if images is None else f"samples of shape {tuple(images.shape[1:])}"
        raise BenchError(
            "channel statistics are those of images (channels, height, width), "
            f"and the dataset has {shape}: try dataset=digits"
        )
    return images


def _named(name: str, values: Sequence[float]) -> dict[str, float | None]:
    return {f"{name}/{place}": each for place, each in enumerate(values)}

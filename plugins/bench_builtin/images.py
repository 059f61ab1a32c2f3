"""Images: MNIST, Fashion-MNIST and CIFAR-10 as torchvision lays them out, and folders of images.

All of a set is in memory as float tensors (n, channels, height, width) with pixels from 0 to 1;
`normalize` shifts and scales them once. They are found under the data root (`--data-root`,
`BENCH_DATA`), and are never downloaded unless `place.download` says so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import structs

from bench_builtin.augmentation import Crop, augmentation
from bench_builtin.published import File, Published, absent, check, fetched, files
from harness import BenchError, Data, Dataset, Meta, Place, Split, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

Count = Annotated[int, Meta(ge=1)]


def _torchvision(name: str) -> Any:
    """Find a class of torchvision's data sets."""
    from torchvision import datasets  # type: ignore[import-untyped]  # ships no types

    return getattr(datasets, name)


def _idx(images: str, labels: str, test_images: str, test_labels: str) -> dict[str, File]:
    """List the four files of a set in MNIST's format by their SHA-256."""
    return {
        "train-images-idx3-ubyte": File(digest=images, size_bytes=47_040_016),
        "train-labels-idx1-ubyte": File(digest=labels, size_bytes=60_008),
        "t10k-images-idx3-ubyte": File(digest=test_images, size_bytes=7_840_016),
        "t10k-labels-idx1-ubyte": File(digest=test_labels, size_bytes=10_008),
    }


MNIST = Published(
    name="mnist",
    reader=functools.partial(_torchvision, "MNIST"),
    folder="MNIST/raw",
    files=_idx(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    mean=(0.1307,),
    std=(0.3081,),
)
"""LeCun, Cortes and Burges: handwritten digits. Mean and deviation: examples/mnist of PyTorch."""

FASHION_MNIST = Published(
    name="fashion_mnist",
    reader=functools.partial(_torchvision, "FashionMNIST"),
    folder="FashionMNIST/raw",
    files=_idx(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    mean=(0.2860,),
    std=(0.3530,),
)
"""https://github.com/zalandoresearch/fashion-mnist: pictures of clothes."""

CIFAR10 = Published(
    name="cifar10",
    reader=functools.partial(_torchvision, "CIFAR10"),
    folder="cifar-10-batches-py",
    files={
        "data_batch_1": File(digest="c99cafc152244af753f735de768cd75f"),
        "data_batch_2": File(digest="d4bba439e000b95fd0a9bffe97cbabec"),
        "data_batch_3": File(digest="54ebc095f3ab1f0389bbae665268c751"),
        "data_batch_4": File(digest="634d18415352ddfa80567beed471001a"),
        "data_batch_5": File(digest="482c414d41f54cd18b22e5b47cb7c3cb"),
        "test_batch": File(digest="40351d587109b95175f43aff81a1287e"),
        "batches.meta": File(digest="5ff9c542aee3614f3951f8cda6e48888"),
    },
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
)
"""https://www.cs.toronto.edu/~kriz/cifar.html: things and animals. Its files are pickles: they are
read only if they are those that were published."""


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    """Hand over the data sets of this module."""
    return [
        _dataset(MNIST, load_mnist, digit_task),
        _dataset(FASHION_MNIST, load_fashion_mnist, clothes_task),
        _dataset(CIFAR10, load_cifar10, cifar10_task),
    ]


def _dataset(published: Published, load: Callable[..., Data], task: Callable[..., Task]) -> Dataset:
    def why_absent(place: Place) -> str | None:
        return absent(published, place.root)

    def its_files(place: Place) -> list[Path]:
        return files(published, place.root)

    return Dataset(published.name, load, task, absent=why_absent, files=its_files)


def digit_task() -> Task:
    """Name one of ten handwritten digits, 28 x 28 pixels."""
    return Task("classification", (1, 28, 28), 10)


def load_mnist(
    place: Place,
    *,
    normalize: bool = False,
    n: Count | None = None,
    n_test: Count | None = None,
    crop: Crop = 0,
    flip: bool = False,
) -> Data:
    """Load MNIST: 60,000 images (n, 1, 28, 28) to train on, 10,000 to test on, or the first.

    `normalize` takes the mean 0.1307 and the standard deviation 0.3081 of all training pixels.
    `crop` and `flip` transform training batches: a crop of the image padded with black by so many
    pixels, a mirror image of every second one.

    Raises:
        BenchError: a file is missing, cut short, or not the one that was published.
    """
    return read(MNIST, place, normalize=normalize, n=n, n_test=n_test, crop=crop, flip=flip)


def clothes_task() -> Task:
    """Name one of ten kinds of clothes, 28 x 28 pixels."""
    return Task("classification", (1, 28, 28), 10)


def load_fashion_mnist(
    place: Place,
    *,
    normalize: bool = False,
    n: Count | None = None,
    n_test: Count | None = None,
    crop: Crop = 0,
    flip: bool = False,
) -> Data:
    """Load Fashion-MNIST: as many images of the same size as MNIST has, of clothes.

    `normalize` takes the mean 0.2860 and the standard deviation 0.3530 of all training pixels.
    `crop` and `flip` transform training batches: a crop of the image padded with black by so many
    pixels, a mirror image of every second one.

    Raises:
        BenchError: a file is missing, cut short, or not the one that was published.
    """
    return read(FASHION_MNIST, place, normalize=normalize, n=n, n_test=n_test, crop=crop, flip=flip)


def cifar10_task() -> Task:
    """Name one of ten kinds of animals and vehicles, 32 x 32 pixels in colour."""
    return Task("classification", (3, 32, 32), 10)


def load_cifar10(
    place: Place,
    *,
    normalize: bool = False,
    n: Count | None = None,
    n_test: Count | None = None,
    crop: Crop = 0,
    flip: bool = False,
) -> Data:
    """Load CIFAR-10: 50,000 images (n, 3, 32, 32) to train on, 10,000 to test on, or the first.

    `normalize` takes the mean (0.4914, 0.4822, 0.4465) and the standard deviation (0.2470, 0.2435,
    0.2616) of red, green and blue in all training images.
    `crop` and `flip` transform training batches: a crop of the image padded with black by so many
    pixels, a mirror image of every second one.

    Raises:
        BenchError: a file is missing, cut short, or not the one that was published.
    """
    return read(CIFAR10, place, normalize=normalize, n=n, n_test=n_test, crop=crop, flip=flip)


def read(
    published: Published,
    place: Place,
    *,
    normalize: bool = False,
    n: int | None = None,
    n_test: int | None = None,
    crop: int = 0,
    flip: bool = False,
) -> Data:
    """Read a published set with torchvision's own reader, once its files are known to be right.

    Raises:
        BenchError: a file is missing, cut short, or not the one that was published; or there are
            fewer images than are asked for.
    """
    if place.download:
        fetched(published, place.root)
    check(published, place.root)
    splits = []
    for train, option, count in ((True, "n", n), (False, "n_test", n_test)):
        found = published.reader()(place.root, train=train)
        if count is not None and count > len(found.data):
            raise BenchError(
                f"dataset.{option}={count}: {published.name} has {len(found.data):,} images "
                f"to {'train' if train else 'test'} on"
            )
        pixels = _channels_first(found.data[:count])
        if normalize:
            normalized(pixels, published.mean, published.std)
        splits.append(Split((pixels,), _classes(found.targets[:count])))
    moments = zip(published.mean, published.std, strict=True)
    black = [-mean / std if normalize else 0.0 for mean, std in moments]
    train_split = structs.replace(
        splits[0], transform=augmentation(crop=crop, flip=flip, fill=black)
    )
    return Data(train_split, test=splits[1])


def normalized(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Shift and scale images (n, channels, height, width) in place, channel by channel."""
    import torch

    shift, scale = (torch.tensor(each).reshape(1, -1, 1, 1) for each in (mean, std))
    return pixels.sub_(shift).div_(scale)


def _channels_first(images: Any) -> Tensor:
    """Make bytes (n, h, w), or (n, h, w, channels), floats (n, channels, h, w) from 0 to 1."""
    import torch

    pixels = torch.as_tensor(images)
    pixels = pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
    return pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def _classes(targets: Any) -> Tensor:
    import torch

    return torch.as_tensor(targets, dtype=torch.int64).clone()

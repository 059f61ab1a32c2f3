"""Folders of images: a folder for each class, as torchvision's `ImageFolder` reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from bench_builtin.channels import channel_statistics
from bench_builtin.images import normalized
from harness import BenchError, Data, Dataset, Meta, Place, Split, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor
    from torchvision.datasets import (  # type: ignore[import-untyped]  # ships no types
        ImageFolder,
    )

Classes = Annotated[int, Meta(ge=2)]
Side = Annotated[int, Meta(ge=1)]
Channels = Literal[1, 3]

HOLDOUT = 0.25
_MODES = {1: "L", 3: "RGB"}
"""Pillow's names of grey and of colour."""


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    """Hand over the data set of this module."""
    return [
        Dataset(
            "image_folder",
            load_image_folder,
            image_folder_task,
            holdout=HOLDOUT,
            absent=image_folder_absent,
            files=image_folder_files,
        )
    ]


def image_folder_task(*, classes: Classes, size: Side = 32, channels: Channels = 3) -> Task:
    """Name the folder that an image lies in."""
    return Task("classification", (channels, size, size), classes)


def image_folder_absent(place: Place, *, folder: Annotated[str, Meta(min_length=1)]) -> str | None:
    """Say that there is no such folder."""
    (whole,) = image_folder_files(place, folder=folder)
    if whole.is_dir():
        return None
    return (
        f"dataset.folder={folder}: there is no folder {whole}: "
        "a path is relative to the data root (--data-root, BENCH_DATA)"
    )


def image_folder_files(place: Place, *, folder: Annotated[str, Meta(min_length=1)]) -> list[Path]:
    """Name the folder: a relative path is one from the data root."""
    return [place.root / Path(folder).expanduser()]


def load_image_folder(
    place: Place,
    *,
    folder: Annotated[str, Meta(min_length=1)],
    classes: Classes,
    size: Side = 32,
    channels: Channels = 3,
    normalize: bool = False,
) -> Data:
    """Load a folder of images that has a folder for each class, all scaled to `size` x `size`.

    Where it has a folder `train`, that and the folders `validation` (or `val`) and `test` beside it
    are the splits; else all of it is to train on, and the harness holds a quarter out. `classes`
    says how many there are, so that a plan knows it. `normalize` takes mean and standard deviation
    of the training images, channel by channel; of all of them where the harness holds some out.

    Args:
        place: `folder` is relative to its root.

    Raises:
        BenchError: there is no such folder, it has another number of classes, its splits have
            other classes, or a file cannot be read as an image.
    """
    reason = image_folder_absent(place, folder=folder)
    if reason is not None:
        raise BenchError(reason)
    (whole,) = image_folder_files(place, folder=folder)
    found = {name: _listed(path) for name, path in _split_folders(whole).items()}
    _check_classes(found, classes)
    splits = {name: _loaded(each, size, channels) for name, each in found.items()}
    if normalize:
        mean, std = channel_statistics(splits["train"].inputs[0])
        for each in splits.values():
            normalized(each.inputs[0], mean, std)
    return Data(splits["train"], validation=splits.get("validation"), test=splits.get("test"))


def _split_folders(whole: Path) -> dict[str, Path]:
    """Find the folders of the splits; the whole is to train on where there are none."""
    if not (whole / "train").is_dir():
        return {"train": whole}
    named = {
        "train": whole / "train",
        "validation": whole / ("validation" if (whole / "validation").is_dir() else "val"),
        "test": whole / "test",
    }
    return {name: path for name, path in named.items() if path.is_dir()}


def _listed(path: Path) -> ImageFolder:
    """List the images of a split with their classes, in the order of their paths."""
    from torchvision.datasets import ImageFolder

    try:
        return ImageFolder(path)
    except FileNotFoundError as error:  # a folder without images, or without folders
        said = " ".join(str(error).split())
        raise BenchError(f"{path} is no folder of classes: {said}") from None


def _check_classes(found: Mapping[str, ImageFolder], classes: int) -> None:
    """Check that every split has the classes of the training split, and as many as was said."""
    known = found["train"].classes
    if len(known) != classes:
        named = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
        raise BenchError(
            f"{found['train'].root} has {len(known)} folders of classes ({named}), "
            f"but dataset.classes={classes}"
        )
    for each in found.values():
        differing = sorted(set(each.classes) ^ set(known))
        if differing:
            raise BenchError(
                f"{each.root} and {found['train'].root} have other folders of classes: "
                f"{differing[0]!r} stands in one of them alone"
            )


def _loaded(listed: ImageFolder, size: int, channels: int) -> Split:
    """Read the images of a split: (n, channels, size, size)."""
    import torch

    pixels = torch.stack([_image(Path(file), size, channels) for file, _ in listed.samples])
    return Split((pixels,), torch.tensor(listed.targets, dtype=torch.int64))


def _image(path: Path, size: int, channels: int) -> Tensor:
    """Read an image (channels, size, size) with pixels from 0 to 1."""
    from PIL import Image
    from torchvision.transforms.functional import (  # type: ignore[import-untyped]  # as above
        to_tensor,
    )

    try:
        with Image.open(path) as image:
            scaled = image.convert(_MODES[channels]).resize((size, size))
    except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for a broken PNG
        raise BenchError(f"{path} cannot be read as an image: {error}") from None
    tensor: Tensor = to_tensor(scaled)
    return tensor

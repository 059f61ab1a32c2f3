"""Data prepared once for many trials: loaded, checked, written, mapped; and split by seed."""

from __future__ import annotations

import hashlib
import importlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.definitions import Data, Split, Task
from harness.errors import SettingError
from harness.seeding import derive

_SPLITS = ("train", "validation", "test")
_FORMAT = 1


def write_data(data: Data, path: Path) -> None:
    """Write data to a file that `map_data` reads.

    Raises:
        SettingError: a collate function is no function of a module, so that no other process can
            find it.
        OSError: the file cannot be written.
    """
    content: dict[str, Any] = {"format": _FORMAT, "truth": dict(data.truth)}
    for name, split in _splits(data):
        content[name] = {
            "inputs": [each.contiguous() for each in split.inputs],
            "targets": split.targets.contiguous(),
            "collate": _collate_name(split.collate),
        }
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
    except RuntimeError as error:  # torch hides what the disk said behind an assertion of its own
        raise error.__context__ if isinstance(error.__context__, OSError) else error from None
    os.replace(partial, path)  # noqa: PTH105  # the rename that is atomic


def map_data(path: Path) -> Data:
    """Map the data of a file that `write_data` wrote.

    Its pages are shared by all trials, and are read once here.
    """
    content = torch.load(path, mmap=True, weights_only=True)
    splits = {name: _mapped(content[name]) for name in _SPLITS if name in content}
    return Data(**splits, truth=content["truth"])


def check_data(data: object, owner: str) -> Data:
    """Check that a loader returned data that can be trained on.

    Raises:
        SettingError: it is no Data, a split is empty, or its tensors differ in length.
    """
    if not isinstance(data, Data):
        raise SettingError(f"{owner} loaded {type(data).__name__}, which is no Data")
    for name, split in _splits(data):
        lengths = {len(each) for each in (*split.inputs, split.targets)}
        if not isinstance(split.inputs, tuple) or len(lengths) != 1:
            raise SettingError(
                f"{owner}: {name}: inputs must be a tuple of tensors as long as the targets, "
                f"not {sorted(lengths)}"
            )
        if lengths == {0}:
            raise SettingError(f"{owner}: {name} has no samples")
    return data


def check_targets(data: Data, task: Task, owner: str) -> None:
    """Check that classes lie in the range that the task names.

    Raises:
        SettingError: a target is below 0 or not below the number of outputs.
    """
    if task.kind != "classification":
        return
    for name, split in _splits(data):
        low, high = int(split.targets.min()), int(split.targets.max())
        if low < 0 or high >= task.outputs:
            raise SettingError(
                f"{owner}: {name}: targets go from {low} to {high}, "
                f"but the task has {task.outputs} classes"
            )


def fingerprint(data: Data) -> str:
    """Digest the shapes, types and contents of all splits: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, split in _splits(data):
        for tensor in (*split.inputs, split.targets):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def hold_out(data: Data, share: float, task: Task, seed: int) -> Data:
    """Split `train` into train and test by the seed, stratified where targets are classes.

    Args:
        share: Of the samples to test on; the number is rounded up, as scikit-learn does.
    """
    targets = data.train.targets
    generator = torch.Generator().manual_seed(derive(seed, "split"))
    order = torch.randperm(len(targets), generator=generator)
    count = math.ceil(share * len(targets))
    if task.kind in ("classification", "binary"):
        held = _stratified(targets.flatten()[order], count)
    else:
        held = torch.arange(len(targets)) < count
    train, test = (_chosen(data.train, order[part]) for part in (~held, held))
    return Data(train, validation=data.validation, test=test, truth=data.truth)


def first_samples(data: Data, most: int) -> Data:
    """Keep at most so many samples of each split: views, not copies."""
    splits = {
        name: Split(
            tuple(each[:most] for each in split.inputs), split.targets[:most], split.collate
        )
        for name, split in _splits(data)
    }
    return Data(**splits, truth=data.truth)


def to_device(data: Data, device: torch.device, dtype: torch.dtype | None) -> Data:
    """Move data to a device; floating inputs and targets get the dtype, if one is given."""

    def moved(tensor: Tensor) -> Tensor:
        return tensor.to(device, dtype if tensor.is_floating_point() else None)

    splits = {
        name: Split(
            tuple(moved(each) for each in split.inputs), moved(split.targets), split.collate
        )
        for name, split in _splits(data)
    }
    return Data(**splits, truth=data.truth)


def sizes(data: Data) -> dict[str, int]:
    """Count the samples of each split."""
    return {name: len(split) for name, split in _splits(data)}


def _splits(data: Data) -> Iterator[tuple[str, Split]]:
    for name in _SPLITS:
        split = getattr(data, name)
        if split is not None:
            yield name, split


def _mapped(content: Mapping[str, Any]) -> Split:
    tensors = (*content["inputs"], content["targets"])
    for each in tensors:
        _touch(each)
    return Split(tuple(content["inputs"]), content["targets"], _collate_of(content["collate"]))


def _touch(tensor: Tensor) -> None:
    """Read a byte of every page, so that no page is first read in the timed part."""
    if tensor.numel():
        tensor.view(-1).view(torch.uint8)[::4096].sum()


def _chosen(split: Split, places: Tensor) -> Split:
    return Split(
        tuple(each.index_select(0, places) for each in split.inputs),
        split.targets.index_select(0, places),
        split.collate,
    )


def _stratified(targets: Tensor, count: int) -> Tensor:
    """Mark `count` of the targets, from each class its share (largest remainders get the rest)."""
    classes, counts = torch.unique(targets, return_counts=True)
    exact = counts * (count / len(targets))
    quota = exact.floor().long()
    rest = count - int(quota.sum())
    quota[torch.argsort(exact - exact.floor(), descending=True, stable=True)[:rest]] += 1
    held = torch.zeros(len(targets), dtype=torch.bool)
    for each, size in zip(classes, quota, strict=True):
        held[torch.nonzero(targets == each).flatten()[: int(size)]] = True
    return held


def _collate_name(collate: Callable[..., Any] | None) -> str | None:
    if collate is None:
        return None
    name = f"{collate.__module__}:{collate.__qualname__}"
    if _collate_of(name) is not collate:
        raise SettingError(
            f"collate={name} must be a function of a module: trials look it up by its name"
        )
    return name


def _collate_of(name: str | None) -> Any:
    if name is None:
        return None
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute, None)

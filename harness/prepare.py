"""Data prepared once for many trials: loaded, checked, written, mapped; and split by seed."""

from __future__ import annotations

import hashlib
import importlib
import math
import os
import pickle
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from harness.definitions import Data, Split, Task
from harness.errors import SettingError
from harness.seeding import derive
from harness.units import one_line

_SPLITS = ("train", "validation", "test")
_FORMAT = 1
_DAMAGED = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What torch raises for a file that is not as it was written."""


def write_data(data: Data, path: Path) -> dict[str, str]:
    """Write data to a file that `map_data` reads.

    Returns:
        By split, the name of its collate function: no file says which code is run.

    Raises:
        SettingError: a collate function is no function of a module, so that no other process can
            find it.
        OSError: the file cannot be written.
    """
    content: dict[str, Any] = {"format": _FORMAT, "truth": dict(data.truth)}
    collates = {}
    for name, split in _splits(data):
        content[name] = {
            "inputs": [each.contiguous() for each in split.inputs],
            "targets": split.targets.contiguous(),
        }
        if split.collate is not None:
            collates[name] = _collate_name(split.collate)
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
    except RuntimeError as error:  # torch hides what the disk said behind an assertion of its own
        raise error.__context__ if isinstance(error.__context__, OSError) else error from None
    os.replace(partial, path)  # noqa: PTH105  # the rename that is atomic
    return collates


def map_data(path: Path, collates: Mapping[str, str] = MappingProxyType({})) -> Data:
    """Map the data of a file that `write_data` wrote.

    Its pages are shared by all trials, and are read once here.

    Args:
        path: The file; reading it runs no code.
        collates: What `write_data` returned.

    Raises:
        SettingError: the file is not as it was written.
    """
    try:
        content = torch.load(path, mmap=True, weights_only=True)
        splits = {
            name: _mapped(content[name], collates.get(name)) for name in _SPLITS if name in content
        }
        return check_data(Data(**splits, truth=content["truth"]), str(path))
    except _DAMAGED as error:
        told = one_line(f"{type(error).__name__}: {error}")
        raise SettingError(f"{path} is damaged: {told}") from error


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
    """Check that classes lie in the range that the task names, and binary targets are 0 or 1.

    Raises:
        SettingError: a target is below 0 or not below the number of outputs, or is neither 0 nor 1.
    """
    check = {"classification": _check_classes, "binary": _check_binary}.get(task.kind)
    if check is not None:
        for name, split in _splits(data):
            check(split.targets, task, f"{owner}: {name}")


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

    Raises:
        SettingError: nothing would be left to train on.
    """
    targets = data.train.targets
    generator = torch.Generator().manual_seed(derive(seed, "split"))
    order = torch.randperm(len(targets), generator=generator)
    count = math.ceil(share * len(targets))
    if count >= len(targets):
        raise SettingError(
            f"holding {count} of {len(targets)} samples out for testing leaves none to train on:"
            " give more data"
        )
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


def _check_classes(targets: Tensor, task: Task, where: str) -> None:
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= task.outputs:
        raise SettingError(
            f"{where}: targets go from {low} to {high}, but the task has {task.outputs} classes"
        )


def _check_binary(targets: Tensor, _: Task, where: str) -> None:
    odd = targets[(targets != 0) & (targets != 1)]
    if len(odd):
        raise SettingError(
            f"{where}: a target is {float(odd[0]):g}, but the targets of a binary task are 0 or 1"
        )


def _splits(data: Data) -> Iterator[tuple[str, Split]]:
    for name in _SPLITS:
        split = getattr(data, name)
        if split is not None:
            yield name, split


def _mapped(content: Mapping[str, Any], collate: str | None) -> Split:
    tensors = (*content["inputs"], content["targets"])
    for each in tensors:
        _touch(each)
    return Split(
        tuple(content["inputs"]),
        content["targets"],
        None if collate is None else _collate_of(collate),
    )


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


def _collate_name(collate: Callable[..., Any]) -> str:
    name = f"{collate.__module__}:{collate.__qualname__}"
    if _collate_of(name) is not collate:
        raise SettingError(
            f"collate={name} must be a function of a module: trials look it up by its name"
        )
    return name


def _collate_of(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute, None)

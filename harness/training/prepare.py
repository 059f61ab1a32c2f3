"""Data prepared once for many trials: loaded, checked, written, mapped; and split by seed."""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import torch
from msgspec import structs
from torch import Tensor

from harness.errors import SettingError
from harness.plugin.definitions import Data, Split, Task
from harness.running.messages import Function
from harness.training.saved import DAMAGED, save
from harness.units import one_line

_SPLITS = ("train", "validation", "test")
_USES = ("collate", "transform")
"""The fields of a Split that are functions."""

_FORMAT = 1


def write_data(data: Data, path: Path) -> dict[str, Function]:
    """Write data to a file that `map_data` reads.

    Returns:
        Its functions, by `SPLIT.collate` and `SPLIT.transform`: no file says which code is run.

    Raises:
        SettingError: one is no function of a module, so that no other process can find it.
        OSError: the file cannot be written.
    """
    content: dict[str, Any] = {"format": _FORMAT, "truth": dict(data.truth)}
    functions = {}
    for name, split in _splits(data):
        content[name] = {
            "inputs": [each.contiguous() for each in split.inputs],
            "targets": split.targets.contiguous(),
        }
        for use in _USES:
            if (function := getattr(split, use)) is not None:
                functions[f"{name}.{use}"] = _function(use, function)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        save(content, file)
    os.replace(partial, path)  # noqa: PTH105  # the rename that is atomic
    return functions


def map_data(path: Path, functions: Mapping[str, Function] = MappingProxyType({})) -> Data:
    """Map the data of a file that `write_data` wrote.

    Its pages are shared by all trials, and are read once here.

    Args:
        path: The file; reading it runs no code.
        functions: What `write_data` returned.

    Raises:
        SettingError: the file is not as it was written.
    """
    try:
        content = torch.load(path, mmap=True, weights_only=True)
        splits = {
            name: _mapped(content[name], [functions.get(f"{name}.{use}") for use in _USES])
            for name in _SPLITS
            if name in content
        }
        return check_data(Data(**splits, truth=content["truth"]), str(path))
    except DAMAGED as error:
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

    Sequences are checked too where their targets are whole numbers, and symbols.

    Raises:
        SettingError: a target is below 0 or not below the number of outputs, or is neither 0 nor 1;
            a symbol is none of the task's.
    """
    for name, split in _splits(data):
        where = f"{owner}: {name}"
        if task.kind == "binary":
            _check_binary(split.targets, where)
        elif task.kind == "classification" or names_classes(task, split.targets):
            _check_range("targets", split.targets, task.outputs, "classes", where)
        if task.symbols is not None:
            _check_range("inputs", split.inputs[0], task.symbols, "symbols", where)


def fingerprint(data: Data) -> str:
    """Digest the shapes, types and contents of all splits: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, split in _splits(data):
        for tensor in (*split.inputs, split.targets):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def first_samples(data: Data, most: int) -> Data:
    """Keep at most so many samples of each split: views, not copies."""
    splits = {
        name: structs.replace(
            split, inputs=tuple(each[:most] for each in split.inputs), targets=split.targets[:most]
        )
        for name, split in _splits(data)
    }
    return Data(**splits, truth=data.truth)


def to_device(data: Data, device: torch.device, dtype: torch.dtype | None) -> Data:
    """Move data to a device; floating inputs and targets get the dtype, if one is given."""

    def moved(tensor: Tensor) -> Tensor:
        return tensor.to(device, dtype if tensor.is_floating_point() else None)

    splits = {
        name: structs.replace(
            split,
            inputs=tuple(moved(each) for each in split.inputs),
            targets=moved(split.targets),
        )
        for name, split in _splits(data)
    }
    return Data(**splits, truth=data.truth)


def sizes(data: Data) -> dict[str, int]:
    """Count the samples of each split."""
    return {name: len(split) for name, split in _splits(data)}


def names_classes(task: Task, targets: Tensor) -> bool:
    """Tell whether the targets of a sequence are classes: whole numbers are."""
    return task.kind == "sequence" and not targets.is_floating_point()


def _check_range(what: str, values: Tensor, count: int, of: str, where: str) -> None:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= count:
        raise SettingError(
            f"{where}: {what} go from {low} to {high}, but the task has {count} {of}"
        )


def _check_binary(targets: Tensor, where: str) -> None:
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


def _mapped(content: Mapping[str, Any], functions: Iterable[Function | None]) -> Split:
    tensors = (*content["inputs"], content["targets"])
    for each in tensors:
        _touch(each)
    return Split(
        tuple(content["inputs"]),
        content["targets"],
        *(None if each is None else _bound(each) for each in functions),
    )


def _touch(tensor: Tensor) -> None:
    """Read a byte of every page, so that no page is first read in the timed part."""
    if tensor.numel():
        tensor.view(-1).view(torch.uint8)[::4096].sum()


def _function(use: str, given: Callable[..., Any]) -> Function:
    """Name a function, with the keywords that `functools.partial` binds to it."""
    bare, keywords = given, {}
    if isinstance(given, functools.partial) and not given.args:
        bare, keywords = given.func, dict(given.keywords)
    name = f"{getattr(bare, '__module__', '')}:{getattr(bare, '__qualname__', repr(bare))}"
    if _found(name) is not bare:
        raise SettingError(
            f"{use}={name} must be a function of a module: trials look it up by its name"
        )
    try:
        msgspec.json.encode(keywords)
    except (TypeError, ValueError) as error:
        raise SettingError(f"{use}={name} has keywords that JSON cannot hold: {error}") from None
    return Function(name, keywords)


def _bound(function: Function) -> Any:
    found = _found(function.name)
    return functools.partial(found, **function.keywords) if function.keywords else found


def _found(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute, None) if module else None

"""Data split by a trial's seed: what to test on, what to validate on, folds.

Where targets are classes, every part has its share of each. A part keeps the samples of a split
together: shapes are (n, ...) before and (part, ...) afterwards.
"""

from __future__ import annotations

import math

import msgspec
import torch
from torch import Tensor

from harness.errors import SettingError
from harness.plugin.definitions import Data, Split, Task
from harness.training.seeding import derive

_OWN = "the dataset has a validation split of its own: leave {setting} away"


def hold_out(data: Data, share: float, task: Task, seed: int) -> Data:
    """Split `train` into train and test by the seed.

    Args:
        share: Of the samples to test on; the number is rounded up, as scikit-learn does.

    Raises:
        SettingError: nothing would be left to train on.
    """
    train, test = _cut(data.train, share, task, derive(seed, "split"), "testing")
    return Data(train, validation=data.validation, test=test, truth=data.truth)


def cut_validation(data: Data, share: float, task: Task, seed: int) -> Data:
    """Split `train` into train and validation by the seed. Args and errors as of `hold_out`.

    Raises:
        SettingError: there is a validation split.
    """
    if data.validation is not None:
        raise SettingError(_OWN.format(setting="validation"))
    train, kept = _cut(data.train, share, task, derive(seed, "validation"), "validation")
    return Data(train, validation=kept, test=data.test, truth=data.truth)


def cut_fold(data: Data, folds: int, fold: int, task: Task, seed: int) -> Data:
    """Split `train` into folds by the seed; validate on one of them, train on the others.

    The folds of a seed have no sample in common, and together all; they differ by at most one in
    size, and where targets are classes by at most one in each.

    Args:
        folds: How many, at least 2.
        fold: Which one to validate on, counted from 0.

    Raises:
        SettingError: there is a validation split, or there are fewer samples than folds.
    """
    if data.validation is not None:
        raise SettingError(_OWN.format(setting="folds"))
    count = len(data.train)
    if folds > count:
        raise SettingError(f"folds={folds} of {count} samples: a fold needs at least one sample")
    order = _order(count, derive(seed, "folds"))
    targets = data.train.targets
    if _has_classes(task, targets):
        order = order[torch.argsort(targets.flatten()[order], stable=True)]
    part = torch.arange(count) % folds == fold
    train, kept = (_chosen(data.train, order[places]) for places in (~part, part))
    return Data(train, validation=kept, test=data.test, truth=data.truth)


def _cut(split: Split, share: float, task: Task, seed: int, use: str) -> tuple[Split, Split]:
    """Cut a share off a split."""
    order = _order(len(split), seed)
    count = math.ceil(share * len(split))
    if count >= len(split):
        raise SettingError(
            f"holding {count} of {len(split)} samples out for {use} leaves none to train on:"
            " give more data"
        )
    if _has_classes(task, split.targets):
        held = _stratified(split.targets.flatten()[order], count)
    else:
        held = torch.arange(len(split)) < count
    return _chosen(split, order[~held]), _chosen(split, order[held])


def _order(count: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


def _has_classes(task: Task, targets: Tensor) -> bool:
    """Tell whether a sample's target is one class; that of a sequence may be."""
    one = targets.ndim == 1 and not targets.is_floating_point()
    return task.kind in ("classification", "binary") or (task.kind == "sequence" and one)


def _chosen(split: Split, places: Tensor) -> Split:
    return msgspec.structs.replace(
        split,
        inputs=tuple(each.index_select(0, places) for each in split.inputs),
        targets=split.targets.index_select(0, places),
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

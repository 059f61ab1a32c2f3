"""A trial's batches in their order: from tensors in memory, or by torch's DataLoader.

Order and transforms are drawn alike in both, from generators of their own, so that a model sees
the same batches however they are loaded. Shapes: inputs (n, ...), targets (n, ...), places (b,).
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from harness.errors import SettingError
from harness.plugin.definitions import Split, Workload
from harness.plugin.ways import Loader, loader_of
from harness.suites.settings import parse_level
from harness.system.processes import die_with_parent
from harness.training.seeding import derive

Taken: TypeAlias = tuple[tuple[Tensor, ...], Tensor, int]
"""Inputs and targets of a batch on the device, and its samples."""

_HIGHEST_SEED = 2**63 - 1


class Batches(Protocol):
    """Where a loop gets its batches."""

    @property
    def take(self) -> Callable[[Any], Taken]:
        """Give what makes a batch of each that an epoch gives."""

    def epoch(self) -> Iterator[Any]:
        """Give the next epoch's batches; nothing is drawn before the first is asked for."""


def batches_of(workload: Workload, split: Split, size: int) -> Batches:
    """Bind the way of loading that the protocol names.

    Args:
        workload: For its protocol, seed and device.
        split: What to train on.
        size: Of a batch.

    Raises:
        SettingError: memory cannot be pinned for this device.
    """
    drawing = Drawing(len(split), size, workload.seed, seeds=split.transform is not None)
    loader = loader_of(parse_level(workload.protocol.loading))
    if loader is None:
        return InMemory(split, drawing, workload.device)
    return ByLoader(split, drawing, workload.device, loader, workload.seed)


class Drawing:
    """Draws the order of each epoch and, where there is a transform, a seed for each batch."""

    def __init__(self, samples: int, size: int, seed: int, *, seeds: bool) -> None:
        self.samples = samples
        self.size = size
        self.steps = -(-samples // size)
        self._order = torch.Generator().manual_seed(derive(seed, "order"))
        augmentation = torch.Generator().manual_seed(derive(seed, "augmentation"))
        self._augmentation = augmentation if seeds else None

    def order(self) -> Tensor:
        """Draw the places of an epoch's samples."""
        return torch.randperm(self.samples, generator=self._order)

    def seeds(self) -> list[int] | None:
        """Draw a seed for each of an epoch's batches; None where nothing is transformed."""
        if self._augmentation is None:
            return None
        drawn = torch.randint(_HIGHEST_SEED, (self.steps,), generator=self._augmentation)
        found: list[int] = drawn.tolist()
        return found


class InMemory:
    """Batches that are gathered from tensors where the model computes."""

    def __init__(self, split: Split, drawing: Drawing, place: torch.device) -> None:
        self._drawing = drawing
        self._place = place
        self.take: Callable[[Any], Taken] = _gathering(split)

    def epoch(self) -> Iterator[Any]:
        """Give the places of each batch; with its seed where there is a transform."""
        return chain.from_iterable(self._epochs())

    def _epochs(self) -> Iterator[Any]:
        order = self._drawing.order().to(self._place)
        places = torch.split(order, self._drawing.size)
        seeds = self._drawing.seeds()
        yield places if seeds is None else zip(places, seeds, strict=True)


class ByLoader:
    """Batches that torch's DataLoader fetches sample by sample from the host's memory.

    They are stacked, transformed and collated where they are fetched: in a worker, if there is one.
    """

    def __init__(
        self, split: Split, drawing: Drawing, place: torch.device, loader: Loader, seed: int
    ) -> None:
        if loader.pinned and place.type != "cuda":
            raise SettingError(f"memory is pinned for copies to a CUDA device, not to {place}")
        tensors = [each.to("cpu") for each in (*split.inputs, split.targets)]
        self._loader: DataLoader[Any] = DataLoader(
            _Samples(tensors),  # type: ignore[arg-type]  # any map will do
            batch_sampler=_Sampler(drawing),
            collate_fn=_Stacking(split),  # type: ignore[arg-type]  # of what _Samples gives
            num_workers=loader.workers,
            pin_memory=loader.pinned,
            persistent_workers=loader.persistent,
            worker_init_fn=functools.partial(_begin_worker, os.getpid()),
            multiprocessing_context="fork" if loader.workers and sys.platform == "linux" else None,
            generator=torch.Generator().manual_seed(derive(seed, "workers")),
        )
        self._place = place

    def epoch(self) -> Iterator[Any]:
        """Give the batches as they come; workers start when the first is asked for."""
        yield from self._loader

    def take(self, batch: tuple[Sequence[Tensor], Tensor, int]) -> Taken:
        """Move a batch to the device."""
        inputs, targets, size = batch
        place = self._place
        moved = tuple([each.to(place, non_blocking=True) for each in inputs])
        return moved, targets.to(place, non_blocking=True), size


def _gathering(split: Split) -> Callable[[Any], Taken]:
    """Bind what gets a batch by the places of its samples: no call that it can do without."""
    tensors, targets, collate, transform = (
        split.inputs,
        split.targets,
        split.collate,
        split.transform,
    )

    def gather(index: Tensor) -> Taken:
        inputs = tuple([each.index_select(0, index) for each in tensors])
        return inputs, targets.index_select(0, index), index.numel()

    def transformed(drawn: tuple[Tensor, int]) -> Taken:
        inputs, wanted, size = gather(drawn[0])
        return (*_made(split, inputs, wanted, drawn[1]), size)

    def collated(index: Tensor) -> Taken:
        inputs, wanted, size = gather(index)
        assert collate is not None
        return (*collate(inputs, wanted), size)

    if transform is not None:
        return transformed
    return gather if collate is None else collated


def _made(
    split: Split, inputs: tuple[Tensor, ...], targets: Tensor, seed: int | None
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Transform and collate what was gathered."""
    if split.transform is not None and seed is not None:
        inputs = split.transform(inputs, torch.Generator().manual_seed(seed))
    return (inputs, targets) if split.collate is None else split.collate(inputs, targets)


class _Places(list[int]):
    """The places of a batch's samples, with the seed of its transform."""

    seed: int | None = None


class _Sampler:
    """Gives the places of each batch of an epoch."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing

    def __len__(self) -> int:
        return self._drawing.steps

    def __iter__(self) -> Iterator[_Places]:
        order: list[int] = self._drawing.order().tolist()
        size, seeds = self._drawing.size, self._drawing.seeds()
        for step, start in enumerate(range(0, len(order), size)):
            places = _Places(order[start : start + size])
            places.seed = None if seeds is None else seeds[step]
            yield places


class _Samples:
    """The samples of a split, one at a place: its tensors there, the target last."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._tensors = tensors

    def __len__(self) -> int:
        return len(self._tensors[-1])

    def __getitem__(self, place: int) -> tuple[Tensor, ...]:
        return tuple([each[place] for each in self._tensors])

    def __getitems__(self, places: _Places) -> tuple[list[tuple[Tensor, ...]], int | None]:
        """Fetch a batch, one by one; DataLoader asks for this where it is there."""
        return [self[each] for each in places], places.seed


class _Stacking:
    """Makes a batch of samples, as torch stacks them by default."""

    def __init__(self, split: Split) -> None:
        nothing: tuple[Tensor, ...] = ()
        self._split = Split(nothing, torch.empty(0), split.collate, split.transform)

    def __call__(self, fetched: tuple[list[tuple[Tensor, ...]], int | None]) -> Taken:
        samples, seed = fetched
        *inputs, targets = default_collate(samples)
        return (*_made(self._split, tuple(inputs), targets, seed), len(samples))


def _begin_worker(trial: int, _: int) -> None:
    """Die with the trial, whatever kills it (Linux)."""
    die_with_parent(trial)

"""What the parts of a model take, counted: parameters, gradients, optimizer, activations."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harness.measuring.devices import autocast, open_device, random_state_kept
from harness.measuring.readings import Reading
from harness.plugin.definitions import Batch, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How many numbers a model's parameters hold, and their bytes; a tied one counts once."""

    count: int
    size_bytes: int


def parameter_counts(model: nn.Module) -> Parameters:
    """Count the parameters, trainable and fixed; buffers are left out."""
    found = list(model.parameters())
    return Parameters(
        count=sum(each.numel() for each in found), size_bytes=sum(map(_size_bytes, found))
    )


def gradient_bytes(model: nn.Module) -> int:
    """Count the bytes of the gradients that are held now."""
    return sum(_size_bytes(each.grad) for each in model.parameters() if each.grad is not None)


def optimizer_state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Count the bytes of every tensor in the optimizer's state, each once.

    Adam keeps two tensors of the size of each parameter, and a step count of 4 bytes for each: all
    count. SGD keeps none without momentum. Numbers of Python do not count, nor do tensors that are
    kept outside of `optimizer.state`.
    """
    held = {id(each): each for each in _tensors(list(optimizer.state.values()))}
    return sum(map(_size_bytes, held.values()))


def activation_bytes(workload: Workload) -> Reading:
    """Count the storage kept for backward in one step over the first batch, each storage once.

    Parameters, buffers and the batch itself are left out. Weights, buffers, gradients, the
    optimizer's state and torch's generators are afterwards as before. Take it after the peaks of
    host and device: it allocates.
    """
    if workload.model is None or workload.data is None:
        return Reading(None, "there is no model, or no data to give it")
    if workload.loss is None and workload.step is None:
        return Reading(None, "there is no loss, so nothing is kept for backward")
    batch = _first_batch(workload)
    model = workload.model
    known = [*model.parameters(), *model.buffers(), *batch.inputs, batch.targets]
    left_out = {_address(each) for each in known}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        for each in _strided(tensor):
            if _address(each) not in left_out:
                kept[_address(each)] = each.untyped_storage().nbytes()
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
    with _state_kept(workload, model), hooks:
        graph = _step_once(workload, model, batch)
    del graph
    return Reading(sum(kept.values()))


def trim_heap() -> bool:
    """Give free heap back to the system, as glibc can; say whether it could.

    Without it a forked trial reuses what its parent had freed, and its peak does not show it.
    """
    gc.collect()
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    trim(0)
    return True


def _step_once(workload: Workload, model: nn.Module, batch: Batch) -> object:
    with autocast(workload.device, workload.protocol.precision):
        if workload.step is not None:
            return workload.step(workload, batch)
        assert workload.loss is not None
        return workload.loss(model(*batch.inputs), batch.targets)


def _first_batch(workload: Workload) -> Batch:
    assert workload.data is not None
    train, size = workload.data.train, workload.protocol.batch_size
    count = len(train) if size == "full" else min(size, len(train))
    inputs, targets = tuple(each[:count] for each in train.inputs), train.targets[:count]
    if train.collate is not None:
        inputs, targets = train.collate(inputs, targets)
    return Batch(inputs, targets, count)


@contextmanager
def _state_kept(workload: Workload, model: nn.Module) -> Iterator[None]:
    """Put weights, buffers, gradients, optimizer and generators back as they were."""
    held = [*model.parameters(), *model.buffers()]
    values = [each.detach().clone() for each in held]
    gradients = [each.grad for each in held]
    for each in held:
        each.grad = None
    optimizer = _copied(workload.optimizer.state) if workload.optimizer is not None else {}
    try:
        with random_state_kept(open_device(str(workload.device))):
            yield
    finally:
        with torch.no_grad():
            for each, value, gradient in zip(held, values, gradients, strict=True):
                each.copy_(value)
                each.grad = gradient
        if workload.optimizer is not None:
            workload.optimizer.state.clear()
            workload.optimizer.state.update(optimizer)


def _copied(value: Any) -> Any:
    """Copy the tensors in a nest of dictionaries and lists; keys and numbers stay."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copied(each) for each in value)
    return value


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


def _size_bytes(tensor: Tensor) -> int:
    return sum(each.numel() * each.element_size() for each in _strided(tensor))


def _strided(tensor: Tensor) -> Iterable[Tensor]:
    """Give the tensors that hold a tensor's numbers: itself, or the parts of a sparse one."""
    if tensor.layout is torch.sparse_coo:
        return (tensor._indices(), tensor._values())
    return (tensor,)


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()

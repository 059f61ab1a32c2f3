"""A plugin for tests: data whose batches are put together in a worker of a DataLoader, or not."""

from __future__ import annotations

import functools
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import Data, Dataset, Model, Place, Split, Task, hookimpl

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    collates = {
        "shifted": notes,
        "hangs": hangs_in_a_worker,
        "takes": takes_in_a_worker,
        "is_killed": is_killed_in_a_worker,
    }
    return [
        Dataset(name, functools.partial(load, collate), two_classes)
        for name, collate in collates.items()
    ]


@hookimpl
def bench_register_models() -> Sequence[Model]:
    return [Model("drops", drops)]


def two_classes() -> Task:
    return Task("classification", (4,), 2)


def load(collate: Any, place: Place) -> Data:
    import torch

    generator = torch.Generator().manual_seed(5)
    inputs = torch.randn(64, 4, generator=generator)
    transform = functools.partial(shifted, by=0.5)
    return Data(Split((inputs,), (inputs[:, 0] > 0).long(), collate, transform))


def drops(task: Task) -> nn.Module:
    """Draw from torch's global generator in each step."""
    from torch import nn

    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))


def shifted(
    inputs: tuple[Tensor, ...], generator: torch.Generator, *, by: float
) -> tuple[Tensor, ...]:
    import torch

    [each] = inputs
    return (each + by * torch.randn(each.shape, generator=generator),)


def notes(inputs: Any, targets: Any) -> Any:
    """Note which process puts a batch together, and with how many threads."""
    import torch

    if in_worker():
        noted("threads", torch.get_num_threads())
        noted("pids", os.getpid())
    return inputs, targets


def hangs_in_a_worker(inputs: Any, targets: Any) -> Any:
    """Leave behind what torch leaves of a worker that is killed at the wrong moment; hang."""
    if in_worker():
        noted("pids", os.getpid())
        path = Path(f"/dev/shm/torch_{os.getpid()}_1234_0")
        path.write_bytes(bytes(4096))
        noted("shm", path)
        time.sleep(600)
    return inputs, targets


def takes_in_a_worker(inputs: Any, targets: Any) -> Any:
    import torch

    if in_worker():
        noted("pids", os.getpid())
        kept = [torch.ones(2**20) for _ in range(512)]
        del kept
    return inputs, targets


def is_killed_in_a_worker(inputs: Any, targets: Any) -> Any:
    if in_worker():
        noted("pids", os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)
    return inputs, targets


def in_worker() -> bool:
    from torch.utils.data import get_worker_info

    return get_worker_info() is not None


def noted(name: str, content: object) -> None:
    with Path(os.environ["BENCH_TESTS_FOLDER"], name).open("a") as file:
        file.write(f"{content}\n")

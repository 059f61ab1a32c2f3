"""What benchmarks share: one timing at a time on this machine, and one thread."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

LOCK = Path(tempfile.gettempdir()) / "bench-timing.lock"


@pytest.fixture
def alone() -> Iterator[None]:
    """Hold the machine's timing lock, so that no other benchmark computes meanwhile."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch's operators have one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

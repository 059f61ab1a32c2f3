"""Where a trial computes: CPU, CUDA or MPS behind one interface.

torch's modules are parameters, so that the code for one accelerator runs where there is another, or
none.
"""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import psutil
import torch

from harness.measuring.clock import EventClock, HostClock, StepClock
from harness.measuring.readings import Reading
from harness.system.machine import processor

Description: TypeAlias = dict[str, str | int | float | None]


class DeviceAbsent(Exception):
    """This machine has no such device, or torch cannot use it: a reason to skip the trial."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Device(Protocol):
    """What the harness asks of a device."""

    @property
    def place(self) -> torch.device:
        """Say where tensors go."""

    @property
    def on_host(self) -> bool:
        """Say whether a call returns when its work is done, so that a look at a value is free."""

    def synchronize(self) -> None:
        """Wait until everything that was queued is done."""

    def step_clock(self) -> StepClock:
        """Make a clock for steps that never synchronises."""

    def describe(self) -> Description:
        """Describe the device for the record's environment."""

    def allocated_bytes(self) -> Reading:
        """Count the bytes that tensors take now."""

    def peak_bytes(self) -> Reading:
        """Count the bytes that tensors took at the most since `reset_peak`."""

    def reserved_bytes(self) -> Reading:
        """Count the bytes that torch's allocator held at the most since `reset_peak`."""

    def reset_peak(self) -> None:
        """Start to look for a new peak."""

    def random_state(self) -> torch.Tensor | None:
        """Copy the state of the device's generator; None where the CPU's is the only one."""

    def set_random_state(self, state: torch.Tensor) -> None:
        """Put back a state of the device's generator."""


def open_device(name: str, *, cuda: Any = torch.cuda, mps: Any = torch.mps) -> Device:
    """Open the device named `cpu`, `cuda`, `cuda:N` or `mps`; a CUDA one becomes the current one.

    Raises:
        DeviceAbsent: this machine has none, with the reason.
        ValueError: the name is of none of these forms.
    """
    kind, _, index = name.partition(":")
    if name == "cpu":
        return Cpu()
    if kind == "cuda" and (index.isdecimal() or name == "cuda"):
        return _open_cuda(int(index or 0), cuda)
    if name in {"mps", "mps:0"}:
        return _open_mps(mps)
    raise ValueError(f"device {name!r} is none of cpu, cuda, cuda:N, mps")


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor: everything is done when the call returns, and nobody counts its tensors."""

    place: torch.device = field(default_factory=lambda: torch.device("cpu"))
    on_host: Literal[True] = True

    def synchronize(self) -> None:
        """Return: nothing is ever queued."""

    def step_clock(self) -> StepClock:
        """Make a clock by the host's time."""
        return HostClock()

    def describe(self) -> Description:
        """Name the processor, its cores and the machine's memory."""
        return {
            "kind": "cpu",
            "name": processor(),
            "cores": os.cpu_count(),
            "memory_bytes": psutil.virtual_memory().total,
        }

    def allocated_bytes(self) -> Reading:
        """Say why there is no count."""
        return Reading(None, "the CPU is no device of its own: see host_peak_bytes")

    peak_bytes = allocated_bytes
    reserved_bytes = allocated_bytes

    def reset_peak(self) -> None:
        """Return: no peak is kept."""

    def random_state(self) -> None:
        """Say that there is no generator besides torch's own."""

    def set_random_state(self, state: torch.Tensor) -> None:
        """Refuse: there is no state to put back."""
        raise ValueError(f"the CPU has no generator of its own to take {len(state)} bytes of state")


@dataclass(frozen=True, slots=True)
class Cuda:
    """An NVIDIA GPU; `api` is `torch.cuda`."""

    place: torch.device
    api: Any = torch.cuda
    on_host: Literal[False] = False

    def synchronize(self) -> None:
        """Wait until everything that was queued is done."""
        self.api.synchronize(self.place)

    def step_clock(self) -> StepClock:
        """Make a clock by events in the current stream."""
        return EventClock(lambda: self.api.Event(enable_timing=True))

    def describe(self) -> Description:
        """Name the GPU, its capability, memory and multiprocessors, and the CUDA of this torch."""
        seen = self.api.get_device_properties(self.place)
        return {
            "kind": "cuda",
            "name": seen.name,
            "capability": f"{seen.major}.{seen.minor}",
            "memory_bytes": seen.total_memory,
            "multiprocessors": seen.multi_processor_count,
            "uuid": str(seen.uuid),
            "cuda": torch.version.cuda,
        }

    def allocated_bytes(self) -> Reading:
        """Count the bytes that tensors take now."""
        return Reading(self.api.memory_allocated(self.place))

    def peak_bytes(self) -> Reading:
        """Count the bytes that tensors took at the most since `reset_peak`."""
        return Reading(self.api.max_memory_allocated(self.place))

    def reserved_bytes(self) -> Reading:
        """Count the bytes that torch's allocator held at the most since `reset_peak`."""
        return Reading(self.api.max_memory_reserved(self.place))

    def reset_peak(self) -> None:
        """Start to look for a new peak."""
        self.api.reset_peak_memory_stats(self.place)

    def random_state(self) -> torch.Tensor:
        """Copy the state of the GPU's generator."""
        state: torch.Tensor = self.api.get_rng_state(self.place)
        return state

    def set_random_state(self, state: torch.Tensor) -> None:
        """Put back a state of the GPU's generator."""
        self.api.set_rng_state(state, self.place)


@dataclass(frozen=True, slots=True)
class Mps:
    """Apple's GPU; `api` is `torch.mps`."""

    place: torch.device = field(default_factory=lambda: torch.device("mps"))
    api: Any = torch.mps
    on_host: Literal[False] = False

    def synchronize(self) -> None:
        """Wait until everything that was queued is done."""
        self.api.synchronize()

    def step_clock(self) -> StepClock:
        """Make a clock by events in the default stream."""
        return EventClock(lambda: self.api.Event(enable_timing=True))

    def describe(self) -> Description:
        """Name the chip and the memory that Metal recommends to stay below."""
        return {
            "kind": "mps",
            "name": processor(),
            "memory_bytes": self.api.recommended_max_memory(),
        }

    def allocated_bytes(self) -> Reading:
        """Count the bytes that tensors take now."""
        return Reading(self.api.current_allocated_memory())

    def peak_bytes(self) -> Reading:
        """Say why there is no peak."""
        return Reading(None, "torch counts on MPS what is allocated now, not the peak")

    def reserved_bytes(self) -> Reading:
        """Say why there is no peak."""
        return Reading(None, "torch counts on MPS what the driver holds now, not the peak")

    def reset_peak(self) -> None:
        """Return: no peak is kept."""

    def random_state(self) -> torch.Tensor:
        """Copy the state of the GPU's generator."""
        state: torch.Tensor = self.api.get_rng_state()
        return state

    def set_random_state(self, state: torch.Tensor) -> None:
        """Put back a state of the GPU's generator."""
        self.api.set_rng_state(state)


def autocast(place: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Compute in bfloat16 where it is safe under precision `bfloat16`; else as the tensors are."""
    if precision == "bfloat16":
        return torch.autocast(place.type, dtype=torch.bfloat16)
    return nullcontext()


@contextmanager
def random_state_kept(device: Device) -> Iterator[None]:
    """Put torch's generators, the CPU's and the device's, back as they were on entering."""
    host, own = torch.get_rng_state(), device.random_state()
    try:
        yield
    finally:
        torch.set_rng_state(host)
        if own is not None:
            device.set_random_state(own)


def _open_cuda(index: int, cuda: Any) -> Device:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        usable = cuda.is_available()
    if not usable:
        raise DeviceAbsent(_why_no_cuda([str(each.message) for each in caught]))
    count = cuda.device_count()
    if index >= count:
        raise DeviceAbsent(f"there is no cuda:{index} here: torch sees {count}, from cuda:0 on")
    place = torch.device("cuda", index)
    cuda.set_device(place)
    return Cuda(place, cuda)


def _why_no_cuda(warned: list[str]) -> str:
    if torch.version.cuda is None:
        return f"this torch ({torch.__version__}) is built without CUDA"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None:
        return f"torch sees no CUDA device with CUDA_VISIBLE_DEVICES={hidden!r}"
    return f"torch sees no CUDA device: {warned[0]}" if warned else "torch sees no CUDA device here"


def _open_mps(mps: Any) -> Device:
    if not mps.is_available():
        raise DeviceAbsent(f"torch sees no MPS device here ({platform.system()})")
    return Mps(api=mps)

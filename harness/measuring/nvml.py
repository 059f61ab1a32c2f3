"""What NVML sees of a GPU while a trial runs; for accelerators only.

The module `pynvml` is a parameter: where it is absent, its reason stands in its place.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from harness.measuring.readings import Reading


class GpuWatch:
    """Samples what NVML sees of one GPU while a block runs; every counter that fails says why.

    Args:
        nvml: The module `pynvml`, or a reason why there is none.
        uuid: Of the GPU, as torch gives it: the numbers of NVML do not follow CUDA_VISIBLE_DEVICES.
        period_s: Time between samples of the thread.
        pid: This process, which is not among the others.
    """

    _SLOWED = 0x04 | 0x08 | 0x20 | 0x40 | 0x80
    """Power cap, slowdown, heat (two), power brake: nvmlClocksEventReason* in nvml.h."""

    def __init__(
        self, nvml: Any, uuid: str, *, period_s: float = 0.25, pid: int | None = None
    ) -> None:
        self._nvml = nvml
        self._period_s = period_s
        self._pid = os.getpid() if pid is None else pid
        self._samples: dict[str, list[float]] = {}
        self._failures: dict[str, str] = {}
        self._energy_j: float | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._handle: Any = None
        self._absent = nvml if isinstance(nvml, str) else self._attach(uuid)

    def __enter__(self) -> Self:
        self._energy_j = self._try("gpu_energy_j", self._energy)
        if self._absent is None:
            self._thread = threading.Thread(target=self._watch, name="nvml", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.sample()
        ended_j = self._try("gpu_energy_j", self._energy)
        if ended_j is not None and self._energy_j is not None:
            self._samples["gpu_energy_j"] = [ended_j - self._energy_j]

    def sample(self) -> None:
        """Read every counter once."""
        for name, read, _ in self._counters():
            value = self._try(name, read)
            if value is not None:
                self._samples.setdefault(name, []).append(value)

    def readings(self) -> dict[str, Reading]:
        """Sum the samples up, by the names of the metrics."""
        found = {name: self._sum_up(name, sum_up) for name, _, sum_up in self._counters()}
        return {**found, "gpu_energy_j": self._sum_up("gpu_energy_j", _mean)}

    def _counters(
        self,
    ) -> tuple[tuple[str, Callable[[], float], Callable[[list[float]], float]], ...]:
        return (
            ("gpu_utilisation", self._utilisation, _mean),
            ("gpu_memory_bytes", self._memory, max),
            ("gpu_power_w", self._power, _mean),
            ("gpu_throttled_share", self._throttled, _mean),
            ("gpu_other_processes", self._others, max),
        )

    def _attach(self, uuid: str) -> str | None:
        try:
            self._nvml.nvmlInit()
            name = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
            self._handle = self._nvml.nvmlDeviceGetHandleByUUID(name)
        except self._nvml.NVMLError as error:
            return f"NVML: {error}"
        return None

    def _watch(self) -> None:
        while not self._stop.wait(self._period_s):
            self.sample()

    def _try(self, name: str, read: Callable[[], float]) -> float | None:
        if self._absent is not None or name in self._failures:
            return None
        try:
            return read()
        except self._nvml.NVMLError as error:
            self._failures[name] = f"NVML: {error}"
        except _Unseen as error:
            self._failures[name] = str(error)
        return None

    def _sum_up(self, name: str, sum_up: Callable[[list[float]], float]) -> Reading:
        reason = self._absent or self._failures.get(name)
        samples = self._samples.get(name)
        if reason is None and samples:
            return Reading(sum_up(samples))
        return Reading(None, reason or "NVML was not sampled")

    def _energy(self) -> float:
        return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1000  # from mJ

    def _utilisation(self) -> float:
        return float(self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu) / 100

    def _memory(self) -> float:
        return int(self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used)

    def _power(self) -> float:
        return float(self._nvml.nvmlDeviceGetPowerUsage(self._handle)) / 1000  # from mW

    def _throttled(self) -> float:
        reasons = self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons(self._handle)
        return float(bool(reasons & self._SLOWED))

    def _others(self) -> float:
        seen = {each.pid for each in self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)}
        if self._pid not in seen:
            raise _Unseen(
                "NVML does not list this process (a container?), so it cannot tell others"
            )
        return len(seen) - 1


def open_nvml() -> Any:
    """Import `pynvml`, or say why it cannot be."""
    try:
        return importlib.import_module("pynvml")
    except ImportError as error:
        return f"nvidia-ml-py is not installed: {error}"


class _Unseen(Exception):
    """A counter that answers, but not for us."""


def _mean(samples: list[float]) -> float:
    return sum(samples) / len(samples)

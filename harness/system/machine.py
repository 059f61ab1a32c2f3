"""The machine and the versions, seen without torch; and what is expected to be absent here."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.system import container

_VERSIONS = ("torch", "torchvision", "numpy", "scikit-learn")


def environment() -> dict[str, Any]:
    """Describe what figures depend on besides settings: versions, machine, commit."""
    return {
        "harness": package_version("bench-harness"),
        "python": platform.python_version(),
        **{name: package_version(name) for name in _VERSIONS},
        "platform": platform.platform(),
        "machine": platform.machine(),
        "host": platform.node(),
        "cpu": processor(),
        "cores": cores(),
        "memory_bytes": memory_bytes(),
        "governor": governor(),
        "commit": commit(),
    }


def package_version(name: str) -> str | None:
    """Look the version of a distribution up; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def cores() -> int:
    """Count the cores that this process may use: a container's share, rounded up, if it is less."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return min(count, container.processors() or count)


def memory_bytes() -> int | None:
    """Read the machine's memory, or the container's if it is less; None where neither is told."""
    return _least(_memory("total"), container.memory_limit())


def free_memory_bytes() -> int | None:
    """Read the memory that can be taken now, of the machine and of the container."""
    return _least(_memory("available"), container.memory_left())


def _memory(name: str) -> int | None:
    import psutil

    try:
        return int(getattr(psutil.virtual_memory(), name))
    except (OSError, ValueError, KeyError, psutil.Error):
        return None


def _least(*values: int | None) -> int | None:
    return min((each for each in values if each is not None), default=None)


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name the processor."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def governor(root: Path = Path("/sys/devices/system/cpu")) -> str | None:
    """Name what governs the frequency of the processors; None where it is not told."""
    found = set()
    for path in root.glob("cpu[0-9]*/cpufreq/scaling_governor"):
        with contextlib.suppress(OSError):
            found.add(path.read_text(encoding="ascii", errors="replace").strip())
    return ", ".join(sorted(found)) or None


@functools.cache
def commit(folder: Path | None = None) -> str | None:
    """Name the commit of a folder; None outside of a repository, or without git.

    Args:
        folder: None: the working directory.
    """
    command = ["git", *(("-C", str(folder)) if folder else ()), "rev-parse", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def absence(
    device: str, platform_name: str = sys.platform, variables: Mapping[str, str] = os.environ
) -> str | None:
    """Say why a device is expected to be absent here; None: it is expected to be here.

    An expectation for the plan, from the platform, NVML and CUDA_VISIBLE_DEVICES: the worker
    decides.
    """
    if device == "mps":
        return None if platform_name == "darwin" else "mps is Apple's: this is " + platform_name
    if device.startswith("cuda"):
        return _cuda_absence(int(device.partition(":")[2] or 0), variables)
    return None


def _cuda_absence(index: int, variables: Mapping[str, str]) -> str | None:
    visible = variables.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES={visible!r} hides every GPU"
    count = gpu_count()
    if isinstance(count, str):
        return f"no NVIDIA GPU: {count}"
    if visible is not None:
        count = min(count, len(visible.split(",")))
    if index < count:
        return None
    return f"cuda:{index} is not here: {count} GPU{'' if count == 1 else 's'}"


def gpu_count() -> int | str:
    """Count the GPUs that NVML sees; a text says why it sees none."""
    import pynvml

    try:
        pynvml.nvmlInit()
        try:
            return int(pynvml.nvmlDeviceGetCount())
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        return f"NVML says {error}"

"""Look at the machine for what would spoil a measurement, and say what to do about it.

It looks for half a second, changes nothing and imports no torch.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from harness.showing.layout import Column, printed
from harness.system import container
from harness.system.contention import BUSY_CPUS, foreign_cpus, read_usage
from harness.system.machine import absence, cores, free_memory_bytes, memory_bytes, package_version
from harness.units import byte_count, one_line

Level = Literal["fine", "note", "problem"]

_WATCHED_S = 0.5
_MANY, _LITTLE_BYTES, _LITTLE_DISK = 3, 2 << 30, 1 << 30
_SLOWED = 0x04 | 0x08 | 0x20 | 0x40 | 0x80
"""Power cap, slowdown, heat (two), power brake: nvmlClocksEventReason* in nvml.h."""


class Finding(Struct, frozen=True):
    """What was looked at, how it is, and what to do.

    Args:
        subject: What was looked at.
        level: Whether it is fine, worth knowing, or spoils measurements.
        found: How it is.
        advice: What to do; empty where it is fine.
    """

    subject: str
    level: Level
    found: str
    advice: str = ""


def examine(results: Path, data_root: Path) -> list[Finding]:
    """Look at everything: processors, load, memory, disk, GPU, data, versions."""
    return [
        *processors(),
        *governor(),
        *load(),
        *memory(),
        *disk(results),
        *gpus(),
        *data(data_root),
        *versions(),
    ]


def findings_table(findings: Sequence[Finding], width: int | None = None) -> str:
    """Print the findings, a row each; problems say what to do."""
    shown = {"fine": "fine", "note": "note", "problem": "PROBLEM"}
    columns = [
        Column(header="what", cells=[each.subject for each in findings]),
        Column(header="is", cells=[shown[each.level] for each in findings]),
        Column(header="found", cells=[each.found for each in findings], wraps=True),
        Column(header="do", cells=[each.advice or "-" for each in findings], wraps=True),
    ]
    problems = sum(each.level == "problem" for each in findings)
    count = str(problems) if problems else "none"
    told = f"{count} of {len(findings)} findings would spoil a measurement"
    return f"{printed(columns, 'table', width)}\n\n{told}"


def processors(threads: str | None = None) -> Iterator[Finding]:
    """Compare the processors that may be used with those of the machine, and with the threads."""
    here, may = os.cpu_count() or 1, cores()
    limit = container.processors()
    told = f"{may} of {here} usable" if may < here else f"{here}"
    if limit is not None and limit < here:
        told += f"; the container allows the time of {limit}"
    level: Level = "note" if may < 2 else "fine"
    advice = "the parent shares the only core with the trial: expect noise" if may < 2 else ""
    yield Finding("processors", level, told, advice)
    asked = os.environ.get("OMP_NUM_THREADS") if threads is None else threads
    if asked and asked.isdecimal() and int(asked) > may:
        yield Finding(
            "threads",
            "problem",
            f"OMP_NUM_THREADS={asked} on {may} processors",
            f"unset it: trials take the setting threads (1 unless given; at most {may} here)",
        )


def governor(root: Path = Path("/sys/devices/system/cpu")) -> Iterator[Finding]:
    """Read how the frequency of the processors is governed."""
    found = {_read(path) for path in sorted(root.glob("cpu[0-9]*/cpufreq/scaling_governor"))} - {""}
    if not found:
        yield Finding("frequency", "note", "not told here, as on most virtual machines")
    elif found == {"performance"}:
        yield Finding("frequency", "fine", "governor performance")
    else:
        yield Finding(
            "frequency",
            "problem",
            f"governor {', '.join(sorted(found))}: the clock follows the load",
            "sudo cpupower frequency-set -g performance",
        )


def load(
    watched_s: float = _WATCHED_S, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Finding]:
    """Watch for half a second what other processes compute."""
    before, times = read_usage(), _process_times()
    sleep(watched_s)
    after, later = read_usage(), _process_times()
    busy = foreign_cpus(before, after)
    if busy is None:
        yield Finding("load", "note", "not told here: no /proc?")
        return
    told = f"others keep {busy:.1f} of {os.cpu_count() or 1} processors busy"
    if busy < BUSY_CPUS:
        yield Finding("load", "fine", told)
        return
    used = {pid: later[pid][1] - times[pid][1] for pid in later.keys() & times.keys()}
    most = sorted(used, key=lambda pid: -used[pid])[:_MANY]
    names = [
        f"{one_line(later[pid][0], 40)} (pid {pid}, {100 * used[pid] / watched_s:.0f} %)"
        for pid in most
        if used[pid] > 0.05 * watched_s
    ]
    advice = "end them, or wait: throughput is measured beside them"
    yield Finding("load", "problem", f"{told}: {', '.join(names)}" if names else told, advice)


def memory() -> Iterator[Finding]:
    """Read the memory that is free, and what has been swapped out."""
    import psutil

    total, free = memory_bytes(), free_memory_bytes()
    if total is None or free is None:
        yield Finding("memory", "note", "not told here: no /proc?")
        return
    little = free < _LITTLE_BYTES
    yield Finding(
        "memory",
        "problem" if little else "fine",
        f"{byte_count(free)} of {byte_count(total)} free",
        "a trial may take three quarters of what is free: end what takes the rest"
        if little
        else "",
    )
    try:
        swapped = int(psutil.swap_memory().used)
    except (OSError, ValueError, RuntimeError, psutil.Error):
        return
    if swapped:
        yield Finding(
            "swap",
            "note",
            f"{byte_count(swapped)} swapped out",
            "what is swapped in while a trial measures slows it: sudo swapoff -a, if memory allows",
        )


def disk(results: Path) -> Iterator[Finding]:
    """Look whether runs can be kept, and how much room there is."""
    import shutil

    folder = results.absolute()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    shown = one_line(str(folder))
    if not os.access(there, os.W_OK):
        yield Finding("results", "problem", f"{shown} cannot be written", "give --results DIR")
        return
    free = shutil.disk_usage(there).free
    little = free < _LITTLE_DISK
    yield Finding(
        "results",
        "problem" if little else "fine",
        f"{shown}, {byte_count(free)} free",
        "make room, or give --results DIR: a full disk ends a run" if little else "",
    )


def gpus(nvml: Any = None, absent: str | None = None) -> Iterator[Finding]:
    """Read each GPU's clocks, throttling and other processes through NVML.

    Args:
        nvml: The module `pynvml`; None: the installed one.
        absent: Why no GPU is expected here; None: it is looked up.
    """
    if nvml is None:
        absent = absent or absence("cuda")
        nvml = importlib.import_module("pynvml")
    if absent is not None:
        yield Finding("gpu", "note", absent)
        return
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        yield Finding("gpu", "problem", f"NVML says {error}", "look at nvidia-smi")
        return
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            yield from _gpu(nvml, index)
    finally:
        nvml.nvmlShutdown()


def data(data_root: Path) -> Iterator[Finding]:
    """Look at the folder of fetched data."""
    shown = one_line(str(data_root))
    found = sorted(each.name for each in data_root.iterdir()) if data_root.is_dir() else []
    if not found:
        yield Finding("data", "note", f"nothing in {shown}: what ships with scikit-learn is here")
        return
    names = ", ".join(one_line(each, 40) for each in found[:8])
    yield Finding("data", "fine", f"{shown} has {names}" + (" ..." if len(found) > 8 else ""))


def versions(
    version: Callable[[str], str | None] = package_version,
    requires: Callable[[str], Sequence[str] | None] = importlib.metadata.requires,
) -> Iterator[Finding]:
    """Look whether torch and torchvision fit together: each torchvision is built for one torch."""
    torch, vision = version("torch"), version("torchvision")
    told = f"torch {torch or 'absent'}, torchvision {vision or 'absent'}"
    if torch is None or vision is None:
        yield Finding("versions", "problem", told, "pip install torch torchvision")
        return
    wanted = next(
        (
            found[1]
            for each in requires("torchvision") or ()
            if (found := re.match(r"torch\s*\(?==\s*([0-9.]+)", each))
        ),
        None,
    )
    if wanted is not None and wanted != torch.partition("+")[0]:
        told += f", which was built for torch {wanted}"
        yield Finding("versions", "problem", told, f"pip install torch=={wanted}")
    else:
        yield Finding("versions", "fine", told)


def _gpu(nvml: Any, index: int) -> Iterator[Finding]:
    subject = f"gpu {index}"
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        name = nvml.nvmlDeviceGetName(handle)
        clock = nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)
        most = nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM)
        slowed = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle) & _SLOWED
        others = len(nvml.nvmlDeviceGetComputeRunningProcesses(handle))
    except nvml.NVMLError as error:
        yield Finding(subject, "note", f"NVML says {error}")
        return
    shown = name.decode() if isinstance(name, bytes) else str(name)
    told = f"{one_line(shown, 60)}, {clock} of {most} MHz"
    if slowed:
        yield Finding(
            subject, "problem", f"{told}, throttled", "let it cool, or raise its power limit"
        )
    elif others:
        yield Finding(
            subject,
            "problem",
            f"{told}, {others} other {'process' if others == 1 else 'processes'} on it",
            "end them, or choose another GPU with CUDA_VISIBLE_DEVICES",
        )
    else:
        yield Finding(subject, "fine", told)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _process_times() -> dict[int, tuple[str, float]]:
    """Read name and processor time of every process but this one."""
    import psutil

    found = {}
    try:
        for each in psutil.process_iter(["pid", "name", "cpu_times"]):
            times = each.info["cpu_times"]
            if each.pid != os.getpid() and times is not None:
                found[each.pid] = (each.info["name"] or "?", times.user + times.system)
    except (OSError, ValueError, psutil.Error):
        return found
    return found

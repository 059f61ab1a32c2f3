"""One trial to one outcome, in a process of its own (or in this one, for debugging).

What it hands back is plain: status, reason, metrics, curves. It never decides what to run, and
writes no file but those that a request names.
"""

from __future__ import annotations

import math
import numbers
import random
import sys
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from harness.errors import BenchError
from harness.measuring.devices import Device, DeviceAbsent, open_device
from harness.measuring.memory import (
    activation_bytes,
    gradient_bytes,
    optimizer_state_bytes,
    parameter_counts,
)
from harness.measuring.nvml import GpuWatch, open_nvml
from harness.measuring.peak import HostPeak
from harness.measuring.readings import Reading
from harness.numbers.metrics import MEANINGS
from harness.plugin.definitions import Data, Findings, Protocol, Workload
from harness.plugin.registry import Registry
from harness.records.journal import encoded
from harness.records.record import Status, Weights
from harness.running.messages import KEPT_OUTPUT, Outcome, Request
from harness.training.loop import Diverged
from harness.training.prepare import (
    fingerprint,
    first_samples,
    map_data,
    sizes,
    to_device,
    write_data,
)
from harness.training.seeding import derive
from harness.trial.weights import Unkept, write_weights
from harness.trial.workload import (
    DataAbsent,
    Parts,
    Unfit,
    build_workload,
    check_fit_of_loss,
    dtype_of,
    load_data,
    split_data,
)
from harness.units import one_line

_NO_HOST_MEMORY = (
    "DefaultCPUAllocator: can't allocate memory",
    "std::bad_alloc",
    "Cannot allocate memory",
    "unable to allocate shared memory",
    "out of shared memory",
)
"""What says that the host has no memory, and is no MemoryError: torch's allocator for the CPU
(c10/core/impl/alloc_cpu.cpp), C++, the system (ENOMEM), torch's shared memory, its DataLoader."""

_LIBRARIES = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))
"""Where an error is raised, but not made: torch, and the harness."""

_TAKEN_OUTSIDE = ("wall_s", "load_peak_bytes")
"""Metrics that the parent takes of a trial."""

_WARM_BATCHES = 20
_GPU_REASON = "the trial did not run on an NVIDIA GPU"


def run_request(request: Request, registry: Registry, *, interruptible: bool = False) -> Outcome:
    """Do what a request says; whatever goes wrong becomes a status with its reason.

    Args:
        request: A trial, or data to prepare.
        registry: Where names are looked up.
        interruptible: Whether Ctrl-C reaches this process: then it ends the run, not the trial.
    """
    try:
        parts = Parts(registry, request.settings)
        return _prepared(request, parts) if request.prepare else _tried(request, parts)
    except BaseException as error:  # the border to a trial: whatever it raises is its result
        if interruptible and isinstance(error, KeyboardInterrupt):
            raise
        found = _failed(error)
        if interruptible:  # who debugs looks at the terminal
            with suppress(OSError, ValueError):  # which may be closed
                sys.stderr.write(found.trace)
        return found


def written(found: Outcome) -> bytes:
    """Write what a trial found as JSON; what cannot be written, or read again, is an error."""
    try:
        content = encoded(found)
        msgspec.json.decode(content, type=Outcome)
    except Exception as error:  # noqa: BLE001  # the border to a trial: plugins made these values
        told = one_line(f"what the trial found cannot be kept: {_text(error)}", 400)
        return encoded(Outcome(status="error", reason=told))
    return content


def status_of(error: BaseException) -> tuple[Status, str]:
    """Name the status that an error makes, with its reason."""
    match error:
        case DeviceAbsent() | DataAbsent():
            return "skipped", str(error)
        case Unfit():
            return "unsupported", str(error)
        case torch.OutOfMemoryError():
            return "oom-device", one_line(_text(error), 500)
        case BenchError():
            return "error", one_line(str(error), 500)
    said = _text(error)
    lacks_memory = isinstance(error, MemoryError) or any(each in said for each in _NO_HOST_MEMORY)
    return "oom-host" if lacks_memory else "error", _told(error)


def seed_everything(seed: int) -> None:
    """Seed the global generators; what the harness draws itself has generators of its own."""
    random.seed(derive(seed, "python"))
    np.random.seed(derive(seed, "numpy") % 2**32)
    torch.manual_seed(derive(seed, "torch"))


def _failed(error: BaseException) -> Outcome:
    """Say what an error makes of a trial."""
    if isinstance(error, Diverged):
        curves = {name: list(values) for name, values in error.curves.items()}
        return Outcome(status="diverged", reason=str(error), curves=curves)
    status, reason = status_of(error)
    unforeseen = status == "error" and not isinstance(error, BenchError)
    return Outcome(
        status=status,
        reason=reason,
        trace=_trace(error) if unforeseen else "",
        unkept=isinstance(error, Unkept),
    )


def _trace(error: BaseException) -> str:
    with suppress(Exception):  # the error is a plugin's: what prints it may raise
        return "".join(traceback.format_exception(error))[-KEPT_OUTPUT:]
    return ""


def _prepared(request: Request, parts: Parts) -> Outcome:
    seed_everything(0)  # a loader that draws gives the same data to a run and to its resumption
    peak = HostPeak()
    peak.start()
    with peak.closely():
        data = load_data(parts, Path(request.data_root), 0)
        functions = write_data(data, Path(str(request.prepare)))
    metrics, missing = _split_readings({"load_peak_bytes": peak.reading()})
    return Outcome(
        status="ok",
        metrics=metrics,
        missing=missing,
        sizes=sizes(data),
        data=fingerprint(data),
        functions=functions,
    )


def _tried(request: Request, parts: Parts) -> Outcome:
    protocol = parts.protocol()
    device = open_device(protocol.device)
    seed_everything(request.seed)
    torch.set_num_threads(protocol.threads)
    data, known = _data(request, parts)
    if data is not None:
        check_fit_of_loss(parts, data)
        data = to_device(data, device.place, dtype_of(protocol))
        data = _beginning(data, protocol) if request.discarded else data
    host = HostPeak()
    host.start()
    device.reset_peak()
    before = device.allocated_bytes()
    with host.closely():
        workload = build_workload(parts, parts.task(), data, device.place, request.seed)
    workload.mark, workload.closely = host.mark, host.closely
    keeper = _Keeper(workload, request.weights)
    workload.keep = keeper.keep
    if request.discarded:
        workload.protocol = msgspec.structs.replace(protocol, epochs=1, timed_s=0.0)
    with _gpu_watch(device) as watch:
        findings = _run(parts, workload)
        device.synchronize()
        keeper.keep()
    readings = {
        "host_peak_bytes": host.reading(),
        "device_peak_bytes": _less(device.peak_bytes(), before),
        "device_reserved_bytes": device.reserved_bytes(),
        **_model_readings(workload),
        **(watch.readings() if watch is not None else {}),
    }
    return _outcome(findings, readings, {**known, "weights": keeper.kept}, device)


class _Keeper:
    """Writes the weights of a model once, where they are to be kept."""

    def __init__(self, workload: Workload, path: str | None) -> None:
        self.kept: Weights | None = None
        self._workload = workload
        self._path = path

    def keep(self) -> None:
        model = self._workload.model
        if self._path is not None and self.kept is None and model is not None:
            self.kept = write_weights(model, Path(self._path))


def _data(request: Request, parts: Parts) -> tuple[Data | None, dict[str, Any]]:
    """Get the data of a trial, split by its seed, and what the record says of it."""
    if parts.entry("dataset") is None:
        return None, {}
    if request.data is not None:
        data = map_data(Path(request.data), request.functions)
        digest = None  # the parent knows it
    else:
        data = load_data(parts, Path(request.data_root), request.seed)
        digest = fingerprint(data)
    data = split_data(parts, data, request.seed, request.fold)
    return data, {"sizes": sizes(data), "data": digest}


def _beginning(data: Data, protocol: Protocol) -> Data:
    """Take a few batches: a warm-up need not see all data."""
    size = len(data.train) if protocol.batch_size == "full" else protocol.batch_size * _WARM_BATCHES
    return first_samples(data, size)


def _run(parts: Parts, workload: Workload) -> Findings:
    findings = parts.procedure()(workload)
    if not isinstance(findings, Findings):
        raise BenchError(f"the procedure returned {type(findings).__name__}, which is no Findings")
    return findings


def _gpu_watch(device: Device) -> AbstractContextManager[GpuWatch | None]:
    if device.place.type != "cuda":
        return nullcontext()
    return GpuWatch(open_nvml(), str(device.describe()["uuid"]))


def _model_readings(workload: Workload) -> dict[str, Reading]:
    """Count a model's parts after training; the untimed step for activations comes last."""
    model = workload.model
    if model is None:
        return {}
    counts = parameter_counts(model)
    readings = {
        "parameters": Reading(counts.count),
        "parameter_bytes": Reading(counts.size_bytes),
        "gradient_bytes": Reading(gradient_bytes(model)),
    }
    if workload.optimizer is not None:
        readings["optimizer_state_bytes"] = Reading(optimizer_state_bytes(workload.optimizer))
    if workload.data is not None:
        readings["activation_bytes"] = _activation_bytes(workload)
    return readings


def _activation_bytes(workload: Workload) -> Reading:
    """Count in a step that is no part of the training: its failure is no failure of the trial."""
    try:
        return activation_bytes(workload)
    except Exception as error:  # noqa: BLE001  # the border to a trial: its model may raise
        return Reading(None, f"the untimed step failed: {_told(error)}")


def _outcome(
    findings: Findings, readings: Mapping[str, Reading], known: Mapping[str, Any], device: Device
) -> Outcome:
    """Put everything that was measured under its name; what was not gets None and a reason."""
    metrics: dict[str, int | float | None] = dict.fromkeys(MEANINGS)
    missing = dict.fromkeys(MEANINGS, "this procedure does not measure it")
    missing |= {name: _GPU_REASON for name in MEANINGS if name.startswith("gpu_")}
    for name, reading in readings.items():
        metrics[name] = reading.value
        missing[name] = reading.reason or ""
    _check_names(findings.metrics, readings)
    for name, value in findings.metrics.items():
        metrics[name] = _finite(name, value)
        missing[name] = findings.missing.get(name) or f"its value was {value}"
    for name, reason in findings.missing.items():
        if metrics.get(name) is None and name not in readings:
            metrics[name] = None
            missing[name] = reason
    return Outcome(
        status="ok",
        metrics=metrics,
        missing={name: missing[name] for name, value in metrics.items() if value is None},
        curves={
            name: [_finite(name, each) for each in series]
            for name, series in findings.series.items()
        },
        environment={"device": device.describe()} if device.place.type != "cpu" else {},
        **known,
    )


def _check_names(found: Mapping[str, Any], readings: Mapping[str, Reading]) -> None:
    """Refuse what would stand in the place of what the harness reads itself."""
    for name in found:
        if name in readings or name in _TAKEN_OUTSIDE:
            raise BenchError(
                f"the procedure found the metric {name}, which the harness takes itself:"
                " give it another name"
            )


def _split_readings(
    readings: Mapping[str, Reading],
) -> tuple[dict[str, int | float | None], dict[str, str]]:
    values = {name: each.value for name, each in readings.items()}
    return values, {name: each.reason for name, each in readings.items() if each.reason}


def _less(reading: Reading, base: Reading) -> Reading:
    """Take the bytes of the data off a peak."""
    if reading.value is None or base.value is None:
        return reading
    return Reading(reading.value - base.value)


def _finite(name: str, value: Any) -> int | float | None:
    """Take a number of a plugin (numpy's too) as a plain one; None where it is not finite."""
    if value is None:
        return None
    if not isinstance(value, numbers.Real):
        raise BenchError(
            f"the procedure found the metric {name} as {type(value).__name__}, which is no number:"
            " float(...) makes one"
        )
    if not math.isfinite(value):
        return None
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _told(error: BaseException) -> str:
    """Tell an error in a line, with the place that raised it: the deepest one outside of torch."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if not each.filename.startswith(_LIBRARIES)]
    place = ""
    if frames:
        deepest = (own or frames)[-1]
        place = f" ({Path(deepest.filename).name}:{deepest.lineno} in {deepest.name})"
    said = _ends(_text(error))
    return one_line(type(error).__name__ + (f": {said}" if said else ""), 400) + place


def _ends(said: str) -> str:
    """Leave the middle out of a long text of many lines: the last line of a traceback says most."""
    lines = said.strip().splitlines()
    return said if len(said) < 400 or len(lines) < 3 else f"{lines[0]} ... {lines[-1]}"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: BLE001  # an error that cannot even be printed is still a result
        return "(its text cannot be made)"

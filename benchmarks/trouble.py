"""A plugin for `benchmarks.kill`: trials that behave, hang, die and leave processes behind.

They note what they do, a line of JSON each, in the folder that `BENCH_KILL_FOLDER` names. A line is
written by one call, so that a process that is killed has noted it whole or not at all.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from harness import Data, Dataset, Findings, Place, Procedure, Split, Task, Workload, hookimpl
from harness.records.record import Record

FOLDER = "BENCH_KILL_FOLDER"
NOTES = "notes"
MARK = "BENCH_KILL_MARK"
"""Digits that every process of a round has in its environment or in its command."""

FEATURES = 4
_DEADLINE_S = 0.6


def _row(act: str, **more: object) -> Mapping[str, Any]:
    """Make a case from an act of the procedure; what it does not say is as usual."""
    usual = {
        "procedure.pause_s": 0.1,
        "model": "mlp[hidden=[8]]",
        "dataset": "few",
        "optimizer": "sgd[lr=0.1]",
        "timeout_s": 60.0,
    }
    return MappingProxyType({**usual, "procedure.act": act, **more})


CASES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "usual": _row("behaves"),
        "quick": _row("behaves", **{"procedure.pause_s": 0.0, "optimizer": "sgd[lr=0.2]"}),
        "long": _row("behaves", **{"procedure.pause_s": 0.3, "optimizer": "sgd[lr=0.3]"}),
        "dropout": _row("behaves", model="mlp[dropout=0.5,hidden=[8]]", optimizer="adam"),
        "other_data": _row("behaves", dataset="few[rows=96]"),
        "seeded_data": _row("behaves", dataset="few_seeded"),
        "leaves": _row("leaves", optimizer="sgd[lr=0.4]"),
        "forks": _row("forks", optimizer="sgd[lr=0.5]"),
        "prints": _row("prints", optimizer="sgd[lr=0.6]"),
        "hangs": _row("hangs", timeout_s=_DEADLINE_S),
        "hides": _row("hides", timeout_s=_DEADLINE_S),
        "exits": _row("exits"),
        "faults": _row("faults"),
        "raises": _row("raises"),
        "diverges": _row("diverges"),
    }
)
"""The cases that sweeps are drawn from, by a label that notes and records carry; no two of those
that end ok have the same curves."""

ENDS: Mapping[str, str] = MappingProxyType(
    {
        "hangs": "timeout",
        "hides": "timeout",
        "exits": "crashed",
        "faults": "crashed",
        "raises": "error",
        "diverges": "diverged",
    }
)
"""The statuses of the cases that do not end ok, by label."""


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    return [
        Dataset("few", load_few, few_task),
        Dataset("few_seeded", load_seeded, few_task, seeded=True),
    ]


@hookimpl
def bench_register_procedures() -> Sequence[Procedure]:
    return [Procedure("troubled", troubled)]


@hookimpl
def bench_trial_finished(record: Record) -> None:
    note("kept", key=record.key, attempt=record.attempt)


def note(what: str, **more: object) -> None:
    """Add a line to the notes."""
    line = json.dumps({"what": what, "pid": os.getpid(), **more}) + "\n"
    path = Path(os.environ[FOLDER], NOTES)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(file, line.encode())
    os.close(file)


def few_task() -> Task:
    return Task("classification", (FEATURES,), 2)


def load_few(place: Place, *, rows: int = 64) -> Data:
    """Load slowly, so that the loader can be met at work."""
    note("loads")
    time.sleep(0.15)
    data = Data(_made(place.seed, rows), test=_made(place.seed + 1000, 64))
    note("loaded")
    return data


def load_seeded(place: Place) -> Data:
    return Data(_made(place.seed, 64), test=_made(place.seed + 1000, 64))


def troubled(
    workload: Workload,
    *,
    label: str = "",
    act: Literal[
        "behaves", "leaves", "forks", "prints", "hangs", "hides", "exits", "faults", "raises",
        "diverges",
    ] = "behaves",
    pause_s: float = 0.0,
) -> Findings:  # fmt: skip
    """Train between two pauses, after an act that may be the last one."""
    from harness.training import train

    warming = workload.protocol.epochs == 1  # what is kept has more
    note("warms" if warming else "begins", label=label, seed=workload.seed)
    _ACTS[act](workload)
    time.sleep(pause_s)
    found = train(workload)
    time.sleep(pause_s)
    if not warming:
        note("done", label=label, seed=workload.seed)
    return found


def _made(seed: int, rows: int) -> Split:
    import torch

    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, FEATURES, generator=generator)
    return Split((inputs,), (inputs.sum(1) > 0.5).long())


def _behave(_: Workload) -> None:
    pass


def _leave(_: Workload) -> None:
    """Leave a process in a session of its own that has no environment to be known by."""
    seconds = f"600.{os.environ[MARK]}"
    subprocess.Popen(["/bin/sleep", seconds], start_new_session=True, env={})


def _fork(_: Workload) -> None:
    """Fork as a loader with workers does, and forget the child."""
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)


def _print(_: Workload) -> None:
    for place in range(2000):
        print(f"line {place} of many, as a trial prints them that has much to say")


def _hang(_: Workload) -> None:
    time.sleep(600)


def _hide(workload: Workload) -> None:
    """Leave several processes, and hang deaf to all signals that can be blocked."""
    _leave(workload)
    _fork(workload)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(600)


def _exit(_: Workload) -> None:
    os._exit(3)


def _fault(_: Workload) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(600)


def _raise(_: Workload) -> None:
    raise RuntimeError("no luck")


def _diverge(workload: Workload) -> None:
    import torch

    assert workload.model is not None
    with torch.no_grad():
        for each in workload.model.parameters():
            each.fill_(torch.nan)


_ACTS: Mapping[str, Callable[[Workload], None]] = MappingProxyType(
    {
        "behaves": _behave,
        "leaves": _leave,
        "forks": _fork,
        "prints": _print,
        "hangs": _hang,
        "hides": _hide,
        "exits": _exit,
        "faults": _fault,
        "raises": _raise,
        "diverges": _diverge,
    }
)

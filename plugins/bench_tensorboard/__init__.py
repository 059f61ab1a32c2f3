"""Write every trial for TensorBoard: scalars by epoch, final metrics, hparams.

    bench run --suite init -p bench_tensorboard
    tensorboard --logdir results/init/RUN/tensorboard

A folder a trial, `LEVELS/SEED`, in `tensorboard` of the run's folder, or, where that is set, in a
folder of the run in `BENCH_TENSORBOARD`.
Scalars are `epoch/METRIC` and `final/METRIC`, in single precision, as TensorBoard keeps them. It
uses what any plugin can use: the hook, and the record that it is given.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import Record, hookimpl

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

PLACE = "BENCH_TENSORBOARD"
"""The environment variable with the folder of all runs."""

_MOST_IN_NAME = 100

if importlib.util.find_spec("tensorboard") is None:
    raise ImportError(
        "tensorboard is not installed: pip install 'bench-harness[tensorboard]'",
        name="tensorboard",
    )


@hookimpl
def bench_trial_finished(record: Record, folder: Path) -> None:
    """Write the events of a trial that has just ended."""
    place = os.environ.get(PLACE)
    write(record, Path(place) / folder.name if place else folder / "tensorboard")


def write(record: Record, place: Path) -> Path:
    """Write the events of a trial into a folder of its own; what stood in its file is replaced.

    Args:
        record: Of the trial.
        place: The folder of all trials, as `tensorboard --logdir` takes it.

    Returns:
        The folder of the trial.
    """
    from tensorboard.summary.writer.record_writer import RecordWriter

    folder = place / case_name(record) / trial_name(record)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"events.out.tfevents.{_started_s(record):010.0f}.bench").open("wb") as file:
        writer = RecordWriter(file)
        for event in _events(record):
            writer.write(event.SerializeToString())
    return folder


def case_name(record: Record) -> str:
    """Name the folder of a case: its levels, or a safe form of them with a digest."""
    parts = [
        f"{address.rpartition('.')[2]}={_text(level)}"
        for address, level in record.levels.items()
        if level is not None
    ]
    name = ",".join(parts) or "case"
    safe = re.sub(r"[^\w.,=+\[\]-]", "_", name, flags=re.ASCII)[:_MOST_IN_NAME]
    short = {address.rpartition(".")[2] for address in record.levels}
    if safe == name and len(short) == len(record.levels):
        return name
    return f"{safe}-{_digest(record.levels)}"


def trial_name(record: Record) -> str:
    """Name the folder of a trial within its case."""
    fold = "" if record.fold is None else f"-fold{record.fold}"
    attempt = "" if record.attempt == 1 else f"-attempt{record.attempt}"
    return f"seed{record.seed}{fold}{attempt}"


def _events(record: Record) -> Iterator[Event]:
    """Make the events of a trial; those of its epochs have the time at which it started."""
    from tensorboard.compat.proto.event_pb2 import Event

    started_s = _started_s(record)
    ended_s = started_s + (record.metrics.get("wall_s") or 0)
    last = max(map(len, record.curves.values()), default=0)
    yield Event(wall_time=started_s, file_version="brain.Event:2")
    yield _hparams_event(record, started_s)
    for epoch in range(1, last + 1):
        values = {
            f"epoch/{name}": each[epoch - 1]
            for name, each in record.curves.items()
            if epoch <= len(each)
        }
        yield from _scalars(values, epoch, started_s)
    yield from _scalars(
        {f"final/{name}": value for name, value in record.metrics.items()}, last, ended_s
    )
    yield _end_event(record, ended_s)


def _scalars(values: dict[str, float | None], step: int, wall_s: float) -> Iterator[Event]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    kept = [
        Summary.Value(tag=tag, simple_value=value)
        for tag, value in values.items()
        if value is not None
    ]
    if kept:
        yield Event(wall_time=wall_s, step=step, summary=Summary(value=kept))


def _hparams_event(record: Record, started_s: float) -> Event:
    """Say which levels, seed and fold a trial has; attempts of one trial are one group."""
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo

    start = SessionStartInfo(group_name=record.key, start_time_secs=started_s)
    given = {**record.levels, "seed": record.seed, "fold": record.fold}
    for address, level in given.items():
        value = start.hparams[address] if level is not None else None
        if value is None:
            continue
        if isinstance(level, bool):
            value.bool_value = level
        elif isinstance(level, int | float):
            value.number_value = level
        else:
            value.string_value = _text(level)
    data = HParamsPluginData(session_start_info=start)
    return _plugin_event(metadata.SESSION_START_INFO_TAG, data, started_s)


def _end_event(record: Record, ended_s: float) -> Event:
    from tensorboard.plugins.hparams import api_pb2, metadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

    status = api_pb2.STATUS_SUCCESS if record.status == "ok" else api_pb2.STATUS_FAILURE
    end = SessionEndInfo(status=status, end_time_secs=ended_s)
    return _plugin_event(
        metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end), ended_s
    )


def _plugin_event(tag: str, data: Any, wall_s: float) -> Event:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata

    value = Summary.Value(
        tag=tag, metadata=metadata.create_summary_metadata(data), tensor=metadata.NULL_TENSOR
    )
    return Event(wall_time=wall_s, summary=Summary(value=[value]))


def _started_s(record: Record) -> float:
    try:
        return datetime.fromisoformat(record.started).timestamp()
    except ValueError:
        return 0.0


def _text(level: Any) -> str:
    return level if isinstance(level, str) else json.dumps(level, separators=(",", ":"))


def _digest(levels: dict[str, Any]) -> str:
    import hashlib

    content = json.dumps(levels, sort_keys=True).encode("utf-8", "backslashreplace")
    return hashlib.sha256(content).hexdigest()[:8]

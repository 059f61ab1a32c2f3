"""Build the model of a record anew, and write its graph as TensorBoard reads it."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
from torch import nn

from harness.errors import BenchError, SettingError
from harness.planning.resolve import default_of, definitions_of
from harness.plugin.definitions import Workload
from harness.plugin.registry import Registry
from harness.records.record import Record
from harness.suites.settings import DEFINITION_ROOTS
from harness.training.evaluation import chunks, evaluating
from harness.trial.predict import built
from harness.trial.worker import status_of
from harness.trial.workload import Parts

_SAMPLES = 2


def write_graph(registry: Registry, record: Record, folder: Path, data_root: Path) -> None:
    """Write the graph of a trial's model, on the CPU, for its first samples of training.

    Args:
        registry: Where names are looked up.
        record: Of the trial.
        folder: That of its events; a graph that stands there is replaced.
        data_root: Where fetched files lie.

    Raises:
        BenchError: there is no model or no data, or the model cannot be traced.
    """
    try:
        settings = {**_in_full(registry, record.settings), "device": "cpu"}
        parts = Parts(registry, settings)
        workload, _ = built(parts, msgspec.structs.replace(record, settings=settings), data_root)
        _write(workload, folder)
    except BenchError:
        raise
    except Exception as error:  # the border to a trial: its model and its data may raise
        raise BenchError(f"the model cannot be traced: {status_of(error)[1]}") from error


def _in_full(registry: Registry, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Add the options that definitions have got since the trial, at their defaults."""
    full = dict(settings)
    for root, entry in definitions_of(registry, settings).items():
        if root in DEFINITION_ROOTS:
            for option in entry.schema.options:
                address = f"{root}.{option}"
                if address not in full:
                    full[address] = default_of(registry, settings, address)
    return full


def _write(workload: Workload, folder: Path) -> None:
    if workload.model is None or workload.data is None:
        raise SettingError("model=none: there is no graph")
    inputs = next(iter(chunks(workload.data.train, _SAMPLES))).inputs
    with tempfile.TemporaryDirectory() as place:
        with evaluating(workload), _silent():
            _trace(workload.model, inputs, place)
        [written] = Path(place).glob("events.*")
        (folder / "events.out.tfevents.0000000000.graph").write_bytes(written.read_bytes())


def _trace(model: nn.Module, inputs: tuple[Any, ...], place: str) -> None:
    from torch.utils.tensorboard import SummaryWriter  # it needs the extra

    with contextlib.closing(cast("Callable[..., Any]", SummaryWriter)(place)) as writer:
        writer.add_graph(model, inputs)


@contextlib.contextmanager
def _silent() -> Any:
    """Keep quiet what tracing says of every branch in a model, and of itself."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield

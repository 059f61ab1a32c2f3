"""Build the model of a record, load its weights, and let it predict a split of its data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from harness.errors import BenchError, SettingError
from harness.measuring.devices import DeviceAbsent, open_device
from harness.plugin.definitions import Data, Dataset, Split, Workload
from harness.plugin.registry import Registry
from harness.records.record import Record, Weights
from harness.training.evaluation import SPLITS, chunks, evaluate, evaluating, prediction
from harness.training.prepare import fingerprint, to_device
from harness.trial.weights import read_weights
from harness.trial.worker import seed_everything, status_of
from harness.trial.workload import Parts, build_workload, dtype_of, load_data, split_data

_CHUNK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What a model knows of a split.

    Attributes:
        samples: How many there are.
        accuracy: None where nothing says how to predict.
        loss: Per sample; None where there is no loss.
        data: Fingerprint of the data, whole.
        rows: For each sample its target and what the model says: a class, or its outputs.
    """

    samples: int
    accuracy: float | None
    loss: float | None
    data: str
    rows: tuple[tuple[str, str], ...]


def predict(
    registry: Registry,
    record: Record,
    weights: Path,
    kept: Weights | None,
    *,
    split: str,
    data_root: Path,
) -> Predicted:
    """Predict as the model of a trial did when it had trained for its epochs.

    Args:
        registry: Where names are looked up.
        record: Of the trial.
        weights: The file with its state dict.
        kept: What that was when it was written; None: any.
        split: `train`, `validation` or `test`.
        data_root: Where fetched files lie.

    Raises:
        BenchError: the device, the data or the split is not here, or the weights do not fit.
    """
    try:
        parts = Parts(registry, record.settings)
        workload, digest = built(parts, record, data_root)
        if workload.model is None:
            raise SettingError("model=none: there is nothing to predict with")
        read_weights(workload.model, weights, kept)
        return _predicted(workload, split, digest)
    except BenchError:
        raise
    except DeviceAbsent as error:
        raise BenchError(str(error)) from None
    except Exception as error:  # the border to a trial: its model and its data may raise
        raise BenchError(f"the model cannot predict: {status_of(error)[1]}") from error


def built(parts: Parts, record: Record, data_root: Path) -> tuple[Workload, str]:
    """Build the workload of a trial as it was before its first step, and digest its data."""
    protocol = parts.protocol()
    device = open_device(protocol.device)
    torch.set_num_threads(protocol.threads)
    whole = _data(parts, record, data_root)
    data = split_data(parts, whole, record.seed, record.fold)
    data = to_device(data, device.place, dtype_of(protocol))
    workload = build_workload(parts, parts.task(), data, device.place, record.seed)
    return workload, fingerprint(whole)


def _predicted(workload: Workload, split: str, digest: str) -> Predicted:
    chosen = _split(workload, split)
    score = evaluate(workload, chosen)
    return Predicted(
        samples=len(chosen),
        accuracy=score.accuracy,
        loss=score.loss,
        data=digest,
        rows=tuple(_rows(workload, chosen)),
    )


def _data(parts: Parts, record: Record, data_root: Path) -> Data:
    """Load the data as it was for the trial."""
    entry = parts.entry("dataset")
    if entry is None:
        raise SettingError("dataset=none: there is nothing to predict")
    seeded = isinstance(entry.definition, Dataset) and entry.definition.seeded
    seed = record.seed if seeded else 0
    seed_everything(seed)
    return load_data(parts, data_root, seed)


def _split(workload: Workload, name: str) -> Split:
    found: Split | None = getattr(workload.data, name)
    if found is None:
        there = ", ".join(each for each in SPLITS if getattr(workload.data, each) is not None)
        raise SettingError(f"there is no {name} split: give --split (there: {there})")
    return found


def _rows(workload: Workload, split: Split) -> Iterator[tuple[str, str]]:
    model, classes = workload.model, prediction(workload)
    assert model is not None
    with evaluating(workload):
        for batch in chunks(split, _CHUNK):
            outputs = model(*batch.inputs)
            said = outputs if classes is None else classes(outputs)
            for target, each in zip(batch.targets, said, strict=True):
                yield _text(target), _text(each)


def _text(values: Tensor) -> str:
    """Write the numbers of a sample, with a space between."""
    return " ".join(f"{each:.9g}" for each in values.double().flatten().tolist())

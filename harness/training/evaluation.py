"""What a model knows: loss and accuracy over a split, and plugins' metrics; in no measured time.

Shapes: outputs and targets of a chunk are (n, ...), as the model and the split have them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import SupportsFloat

import torch
from torch import Tensor, nn

from harness.errors import PluginError, SettingError
from harness.measuring.devices import autocast, open_device, random_state_kept
from harness.plugin.definitions import Batch, Measure, Split, Trained, Workload

SPLITS = ("train", "validation", "test")

_OF_CLASSES = ("classification", "sequence")
"""Kinds of tasks whose targets are classes; those of sequences may be numbers too."""

_SMALLEST_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Score:
    """Loss and accuracy per sample; None where there is no loss, or nothing that predicts."""

    loss: float | None
    accuracy: float | None


def evaluate(workload: Workload, split: Split) -> Score:
    """Take loss and accuracy over a split, in evaluation mode, without gradients."""
    loss = correct = 0.0
    answers = 0
    predict = prediction(workload)
    with evaluating(workload):
        for outputs, batch in _answers(workload, split):
            if workload.loss is not None:
                loss += loss_sum(workload.loss, outputs, batch)
            if predict is not None:
                found = right(predict(outputs), batch.targets)
                correct, answers = correct + found.sum().item(), answers + found.numel()
    return Score(
        loss=loss / len(split) if workload.loss is not None else None,
        accuracy=correct / answers if predict is not None else None,
    )


def scores(workload: Workload) -> dict[str, float | None]:
    """Evaluate every split that there is: `train_loss`, `train_accuracy`, `test_loss`, ..."""
    found: dict[str, float | None] = {}
    for name in SPLITS:
        split: Split | None = getattr(workload.data, name)
        if split is not None:
            score = evaluate(workload, split)
            found[f"{name}_loss"], found[f"{name}_accuracy"] = score.loss, score.accuracy
    return found


def task_metrics(workload: Workload) -> dict[str, float | None]:
    """Take `mse` (regression) and `cross_entropy` (classes, of sequences too), whatever the loss.

    On the test split, or on the training split where there is no other.
    """
    assert workload.data is not None
    split = workload.data.test or workload.data.train
    kind = workload.task.kind if workload.task is not None else None
    if kind == "regression":
        return {"mse": _mean(workload, split, nn.MSELoss(reduction="sum"), "mse")}
    if kind in _OF_CLASSES:
        measure = nn.CrossEntropyLoss(reduction="sum")
        return {"cross_entropy": _mean(workload, split, measure, "cross_entropy")}
    return {}


def why_missing(workload: Workload) -> dict[str, str]:
    """Say for each metric that `scores` and `task_metrics` leave out or find None why it is so."""
    reasons: dict[str, str] = {}
    for name in SPLITS:
        absent = getattr(workload.data, name) is None
        without = f"there is no {name} split"
        reasons[f"{name}_loss"] = without if absent else "loss is none"
        reasons[f"{name}_accuracy"] = without if absent else why_no_accuracy(workload)
    kind = workload.task.kind if workload.task is not None else "none"
    fit = "outputs and targets do not fit it"
    reasons["mse"] = fit if kind == "regression" else f"for regression only; the task is {kind}"
    reasons["cross_entropy"] = (
        fit if kind in _OF_CLASSES else f"for classification only; the task is {kind}"
    )
    return reasons


def take(measure: Measure, trained: Trained) -> dict[str, float | None]:
    """Take a plugin's metric: by its name, or by `NAME/LAYER` where it gives a dictionary.

    Torch's generators and the modules' modes are afterwards as before.

    Raises:
        PluginError: what it gave is neither a number, nor a dictionary of numbers, nor None.
    """
    name = measure.metric.name
    with random_state_kept(open_device(str(trained.device))), _modes_kept(trained.model):
        found = measure.take(trained)
    if isinstance(found, Mapping):
        return {f"{name}/{layer}": _number(name, value) for layer, value in found.items()}
    return {name: None if found is None else _number(name, found)}


@contextmanager
def evaluating(workload: Workload) -> Iterator[None]:
    """Compute as in use: evaluation mode, no gradients, the precision of training."""
    model = _model(workload)
    with (
        _modes_kept(model),
        torch.no_grad(),  # not inference_mode: what a module caches must serve in training too
        autocast(workload.device, workload.protocol.precision),
    ):
        model.eval()
        yield


def chunks(split: Split, size: int) -> Iterator[Batch]:
    """Cut a split into batches, in order, the last one as short as it comes."""
    for start in range(0, len(split), size):
        inputs = tuple(each[start : start + size] for each in split.inputs)
        targets = split.targets[start : start + size]
        count = len(targets)
        if split.collate is not None:
            inputs, targets = split.collate(inputs, targets)
        yield Batch(inputs, targets, count)


def loss_sum(loss: nn.Module, outputs: Tensor, batch: Batch) -> float:
    """Sum a loss over the samples of a batch; a sample's is the mean over its targets.

    So torch's reductions mean and sum, which sum over samples and targets alike, say the same.
    """
    value: Tensor = loss(outputs, batch.targets)
    return value.mean().item() * samples_in(reduction(loss), batch.targets, batch.size)


def samples_in(reduction: str, targets: Tensor, size: int) -> float:
    """Say how many samples' losses the value of a batch stands for: its size, where it is a mean.

    A sum over the targets stands for one sample's worth in as many as a sample has.
    """
    return size / targets.numel() if reduction == "sum" else size


def reduction(loss: nn.Module) -> str:
    """Name the reduction of a loss; one that says nothing takes the mean."""
    return str(getattr(loss, "reduction", "mean"))


def prediction(workload: Workload) -> Callable[[Tensor], Tensor] | None:
    """Find what turns outputs into classes; numbers to predict have none."""
    regression = workload.task is not None and workload.task.kind == "regression"
    return None if regression else workload.predict


def why_no_accuracy(workload: Workload) -> str:
    """Say why there is none where `prediction` finds nothing."""
    if workload.task is not None and workload.task.kind == "regression":
        return "a regression has no accuracy"
    return "the loss does not say how to predict"


def right(predictions: Tensor, targets: Tensor) -> Tensor:
    """Say of each prediction whether it is the target.

    Raises:
        PluginError: they differ in shape, so that torch would compare each with many.
    """
    if predictions.shape != targets.shape:
        raise PluginError(
            f"the loss's predict gave shape {tuple(predictions.shape)} for targets of shape"
            f" {tuple(targets.shape)}: they must be equal"
        )
    return predictions == targets


def _answers(workload: Workload, split: Split) -> Iterator[tuple[Tensor, Batch]]:
    size = workload.protocol.batch_size
    model = _model(workload)
    for batch in chunks(split, len(split) if size == "full" else max(size, _SMALLEST_CHUNK)):
        yield model(*batch.inputs), batch


def _mean(workload: Workload, split: Split, measure: nn.Module, name: str) -> float | None:
    """Take the mean of a summed loss over a split's targets; None where the shapes do not fit."""
    total, count = 0.0, 0
    with evaluating(workload):
        for outputs, batch in _answers(workload, split):
            if not _fits(name, outputs, batch.targets):
                return None
            wide = torch.promote_types(outputs.dtype, torch.float32)
            total += measure(outputs.to(wide), batch.targets).item()
            count += batch.targets.numel()
    return total / count


def _fits(name: str, outputs: Tensor, targets: Tensor) -> bool:
    """Say whether a measure means here what its name says: torch broadcasts what does not fit."""
    if name == "mse":
        return outputs.shape == targets.shape
    fits = outputs.ndim > 1 and targets.shape == (*outputs.shape[:1], *outputs.shape[2:])
    return fits and not targets.is_floating_point()


def _number(name: str, value: object) -> float | None:
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    if isinstance(value, SupportsFloat) and not isinstance(value, Tensor):
        return float(value)
    if value is None:
        return None
    raise PluginError(f"metric {name!r} measured {value!r}: neither a number nor None")


@contextmanager
def _modes_kept(model: nn.Module | None) -> Iterator[None]:
    """Put each module back in its mode: one that was frozen in evaluation mode stays so."""
    modes = [(each, each.training) for each in model.modules()] if model is not None else []
    try:
        yield
    finally:
        for each, mode in modes:
            each.training = mode


def _model(workload: Workload) -> nn.Module:
    if workload.model is None:
        raise SettingError("model=none: there is no model to evaluate")
    return workload.model

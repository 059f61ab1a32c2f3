"""The procedures `train` and `infer`: from a workload to what was found.

What is taken when: curves after each epoch; metrics after the last one; then, for a steadier figure
of speed, the steps that `timed_s` adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from time import perf_counter
from typing import TypeAlias

import torch

from harness.errors import SettingError
from harness.measuring.clock import FEWEST_STEADY
from harness.measuring.devices import Device, open_device
from harness.numbers.metrics import MEANINGS, base_name
from harness.plugin.definitions import Batch, Data, Findings, Trained, Workload
from harness.plugin.target import Target, usual_metric
from harness.training.evaluation import (
    chunks,
    evaluating,
    prediction,
    scores,
    take,
    task_metrics,
    why_missing,
    why_no_accuracy,
)
from harness.training.seeding import derive
from harness.training.stepping import RUNNING_ACCURACY, Loop
from harness.training.tally import NotFinite

Curves: TypeAlias = dict[str, list[float | None]]

SHORTEST_INFERENCE_S = 0.25
"""The window of `infer_samples_per_s` where `timed_s` asks for less."""


class Diverged(Exception):
    """A loss that is not finite.

    Attributes:
        epoch: Counted from 1.
        step: In that epoch, counted from 1; its last one where only the evaluated loss shows it.
        curves: Of the complete epochs before.
    """

    def __init__(
        self, epoch: int, step: int, curves: Mapping[str, Sequence[float | None]], text: str
    ) -> None:
        super().__init__(text)
        self.epoch = epoch
        self.step = step
        self.curves = curves


def train(workload: Workload, *, now: Callable[[], float] = perf_counter) -> Findings:
    """Train for the protocol's epochs, evaluate after each, and measure the steady steps' speed.

    Metrics and curves are taken before the steps that `timed_s` adds: those change the weights and
    the figures of speed, nothing else.

    Args:
        workload: With its model in training mode.
        now: The clock of steps, in seconds.

    Raises:
        Diverged: a loss of a step, or that over the training split after an epoch, is not finite.
        SettingError: there is nothing to train, or nothing to train it with.
    """
    data = _trainable(workload)
    torch.manual_seed(derive(workload.seed, "dropout"))
    loop = Loop(workload, data.train, open_device(str(workload.device)), now)
    target = _target(workload)
    curves: Curves = {}
    found: dict[str, float | None] = {}
    for epoch in range(1, workload.protocol.epochs + 1):
        running = _epoch(loop, epoch, curves, workload.closely)
        workload.mark()
        found = running | _after_epoch(workload, epoch, curves)
        _stop_if_diverged(found, epoch, loop.steps_per_epoch, curves)
        _extend(curves, found, epoch)
        target.look(_finite(found.get(target.metric)), loop.trained_s)
        workload.mark()
    found |= task_metrics(workload) | _measured(workload, "end", curves, workload.protocol.epochs)
    found["time_to_target_s"] = target.reached_s
    workload.keep()
    loop.go_on(workload.protocol.timed_s)
    found |= loop.window.figures() or {}
    return _findings(found, curves, _why_not_trained(workload, loop, target))


def infer(workload: Workload, *, now: Callable[[], float] = perf_counter) -> Findings:
    """Evaluate the model as it is, and measure its forward pass; nothing is trained.

    Args:
        workload: With its model; an optimizer and a loss are not needed.
        now: The clock of the forward pass, in seconds.
    """
    if workload.model is None or workload.data is None:
        raise SettingError("procedure infer needs a model and a dataset")
    with workload.closely():
        found: dict[str, float | None] = scores(workload) | task_metrics(workload)
    for when in ("epoch", "end"):
        found |= _measured(workload, when, {}, 0)
    found["infer_samples_per_s"] = _inference_rate(workload, workload.data, now)
    return _findings(found, {}, why_missing(workload) | _untrained())


def _trainable(workload: Workload) -> Data:
    if workload.model is None or workload.data is None:
        raise SettingError("procedure train needs a model and a dataset")
    if workload.step is None and (workload.optimizer is None or workload.loss is None):
        raise SettingError(
            "procedure train needs an optimizer and a loss, or a model that has its own step"
        )
    return workload.data


def _target(workload: Workload) -> Target:
    kind = workload.task.kind if workload.task is not None else ""
    metric = workload.protocol.target_metric or usual_metric(kind)
    base = base_name(metric)
    own = {each.metric.name: each.metric.direction for each in workload.measures}
    direction = MEANINGS[base].direction if base in MEANINGS else own.get(base, "higher")
    return Target(metric=metric, wanted=workload.protocol.target, direction=direction)


def _epoch(
    loop: Loop,
    epoch: int,
    curves: Curves,
    closely: Callable[[], AbstractContextManager[object]],
) -> dict[str, float | None]:
    try:
        running = loop.epoch(closely)
        return {"running_train_loss": running.loss, RUNNING_ACCURACY: running.accuracy}
    except NotFinite as found:
        text = f"loss is {found.loss} in epoch {epoch}, step {found.step}"
        raise Diverged(epoch, found.step, curves, text) from None


def _after_epoch(workload: Workload, epoch: int, curves: Curves) -> dict[str, float | None]:
    found = scores(workload)
    return found | _measured(workload, "epoch", _shown(curves), epoch)


def _stop_if_diverged(
    found: Mapping[str, float | None], epoch: int, step: int, curves: Curves
) -> None:
    loss = found.get("train_loss")
    if loss is not None and not math.isfinite(loss):
        text = f"the training split's loss is {loss} after epoch {epoch}, step {step}"
        raise Diverged(epoch, step, curves, text)


def _measured(
    workload: Workload, when: str, curves: Mapping[str, Sequence[float | None]], epoch: int
) -> dict[str, float | None]:
    """Take the plugins' metrics that are due now."""
    due = [each for each in workload.measures if each.metric.when == when]
    trained = _trained(workload, curves, epoch) if due else None
    found: dict[str, float | None] = {}
    for each in due:
        assert trained is not None
        found |= take(each, trained)
    return found


def _trained(
    workload: Workload, curves: Mapping[str, Sequence[float | None]], epoch: int
) -> Trained:
    parts = {name: getattr(workload, name) for name in Workload.__struct_fields__}
    return Trained(**parts, curves=curves, epoch=epoch)


def _extend(curves: Curves, found: Mapping[str, float | None], epoch: int) -> None:
    for name in {**curves, **found}:
        curve = curves.setdefault(name, [None] * (epoch - 1))
        curve.append(_finite(found.get(name)))


def _shown(curves: Curves) -> Curves:
    """Leave out the curves that have no point."""
    return {
        name: curve for name, curve in curves.items() if any(each is not None for each in curve)
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _findings(
    found: Mapping[str, float | None], curves: Curves, reasons: Mapping[str, str]
) -> Findings:
    """Put a reason beside each metric that is None, and beside each of ours that was not taken."""
    names = [*found, *(name for name in _ours() if name not in found)]
    metrics = {name: _finite(found.get(name)) for name in names}
    missing = {
        name: _why(found.get(name), reasons.get(name, "the metric gave no value"))
        for name, value in metrics.items()
        if value is None
    }
    return Findings(metrics=metrics, series=_shown(curves), missing=missing)


def _why(value: float | None, reason: str) -> str:
    return reason if value is None else f"it is {value}"


def _ours() -> list[str]:
    """Name the metrics of learning and speed; the worker takes the others."""
    others = {"parameters", "wall_s"}
    return [
        each.name
        for each in MEANINGS.values()
        if each.unit != "bytes" and not each.name.startswith("gpu_") and each.name not in others
    ]


_SPEED = ("train_samples_per_s", "step_p50_s", "step_p95_s", "data_wait_share")


def _why_not_trained(workload: Workload, loop: Loop, target: Target) -> dict[str, str]:
    steady = len(loop.window.steps_s)
    few = f"{steady} steady steps of {loop.planned}: fewer than {FEWEST_STEADY}"
    reasons = {
        **why_missing(workload),
        **dict.fromkeys(_SPEED, few),
        RUNNING_ACCURACY: _why_no_running_accuracy(workload),
        "infer_samples_per_s": "only procedure infer measures it",
    }
    return {**reasons, "time_to_target_s": target.why_not(reasons)}


def _why_no_running_accuracy(workload: Workload) -> str:
    if prediction(workload) is None:
        return why_no_accuracy(workload)
    if workload.step is not None:
        return "the model's own step keeps its outputs to itself"
    return f"it takes time from the steps: metrics={RUNNING_ACCURACY} asks for it"


def _untrained() -> dict[str, str]:
    names = ("running_train_loss", "running_train_accuracy", "time_to_target_s", *_SPEED)
    return dict.fromkeys(names, "procedure infer trains nothing")


def _inference_rate(workload: Workload, data: Data, now: Callable[[], float]) -> float:
    """Measure samples by time of the forward pass, over the test or else the training split."""
    split = data.test or data.train
    size = workload.protocol.batch_size
    batches = list(chunks(split, len(split) if size == "full" else size))
    window_s = max(workload.protocol.timed_s, SHORTEST_INFERENCE_S)
    device = open_device(str(workload.device))
    with evaluating(workload), torch.inference_mode():
        _forward_for(workload, batches, device, window_s / 5, now)
        samples, elapsed_s = _forward_for(workload, batches, device, window_s, now)
    return samples / elapsed_s


def _forward_for(
    workload: Workload,
    batches: Sequence[Batch],
    device: Device,
    window_s: float,
    now: Callable[[], float],
) -> tuple[int, float]:
    """Pass the batches forward, again and again, until the time is over; at least one."""
    model = workload.model
    assert model is not None
    samples = position = 0
    device.synchronize()
    began = now()
    while not samples or now() - began < window_s:
        batch = batches[position % len(batches)]
        model(*batch.inputs)
        samples += batch.size
        position += 1
    device.synchronize()
    return samples, now() - began

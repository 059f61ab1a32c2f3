"""What each number means: unit, direction, margin, scale, where it is taken and what it leaves out.

This is the one place; the docs and the tables print it. The metrics below are always taken; those
of plugins (`Metric`) are taken when the setting `metrics` names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a metric's number means.

    Args:
        name: The key in records; a plugin's metric by layer is `NAME/LAYER`.
        unit: Never empty: counts and shares have "1".
        direction: Which way is better.
        margin: Smallest difference that matters: in units (scale difference) or as a share (scale
            ratio).
        scale: Whether two values are compared by difference or by ratio.
        about: Where it is taken and what it leaves out, in a sentence.
        step: The smallest change that it can show, where that is known beforehand.
        split: Whose samples it counts: its step is one over their number.
    """

    name: str
    unit: str
    direction: Literal["higher", "lower"]
    margin: float
    scale: Literal["difference", "ratio"]
    about: str
    step: float | None = None
    split: str | None = None


ACCURACY_MARGIN = 0.01
LOSS_MARGIN = 0.05
SPEED_MARGIN = 0.03
MEMORY_MARGIN = 0.01


def _accuracy(name: str, about: str) -> Meaning:
    split = name.removeprefix("running_").removesuffix("_accuracy")
    return Meaning(name, "1", "higher", ACCURACY_MARGIN, "difference", about, split=split)


def _loss(name: str, about: str) -> Meaning:
    return Meaning(name, "1", "lower", LOSS_MARGIN, "ratio", about)


def _speed(name: str, about: str) -> Meaning:
    return Meaning(name, "1/s", "higher", SPEED_MARGIN, "ratio", about)


def _time(name: str, about: str) -> Meaning:
    return Meaning(name, "s", "lower", SPEED_MARGIN, "ratio", about)


def _memory(name: str, about: str) -> Meaning:
    return Meaning(name, "bytes", "lower", MEMORY_MARGIN, "ratio", about)


_TABLE = (
    _accuracy(
        "test_accuracy",
        "Share of test samples classified right, in evaluation mode, after the last epoch.",
    ),
    _loss(
        "test_loss",
        "Loss per test sample, in evaluation mode, after the last epoch;"
        " the mean over a sample's targets, whatever the reduction.",
    ),
    _accuracy("train_accuracy", "As test_accuracy, over the training split, after the epoch."),
    _loss("train_loss", "As test_loss, over the training split, after the epoch."),
    _accuracy(
        "validation_accuracy", "As test_accuracy, over the validation split where there is one."
    ),
    _loss("validation_loss", "As test_loss, over the validation split where there is one."),
    _loss(
        "running_train_loss",
        "Mean of the loss at each step of the epoch, while the weights were changing; over"
        " transformed batches, where the data set transforms them.",
    ),
    _accuracy(
        "running_train_accuracy",
        "Mean accuracy at each step of the epoch, while the weights were changing; taken where"
        " the setting metrics asks for it, since it takes time from the steps.",
    ),
    _loss(
        "mse",
        "Mean squared error on the test split (training split without one), whatever the loss; "
        "regression.",
    ),
    _loss(
        "cross_entropy",
        "Cross-entropy on the test split, whatever the loss; classification with logits.",
    ),
    _time(
        "time_to_target_s",
        "Time of all steps, evaluation left out, until the end of the first epoch after which"
        " target_metric was at target, or better.",
    ),
    _speed(
        "train_samples_per_s",
        "Samples by time over steady training steps: after the first min(100 steps, 20 %), "
        "without evaluation,"
        " with waiting for data; None below 20 steady steps.",
    ),
    _time("step_p50_s", "Median time of a steady training step."),
    _time("step_p95_s", "95th percentile of the time of a steady training step."),
    _speed(
        "infer_samples_per_s",
        "Samples by time of the forward pass in evaluation mode without gradients.",
    ),
    Meaning(
        "data_wait_share",
        "1",
        "lower",
        0.01,
        "difference",
        "Share of the steady time spent getting batches: gathered from memory, or waited for.",
    ),
    _time("wall_s", "Whole trial, from its fork to its end, evaluation and set-up included."),
    _memory(
        "host_peak_bytes",
        "Anonymous memory of the trial at its peak less that at the start: "
        "data mapped, model not yet built."
        " It is the trial's own: data that all trials of a run map and share, and other file-backed"
        " pages, are left out, as workers of a DataLoader are. Watched each millisecond"
        " until the first step is over, then epoch by epoch.",
    ),
    _memory(
        "load_peak_bytes",
        "Anonymous memory at its peak while the data was prepared, less that before.",
    ),
    _memory(
        "device_peak_bytes",
        "Bytes that tensors took on the device at the peak, less those of the data.",
    ),
    _memory(
        "device_reserved_bytes", "Bytes that torch's allocator held on the device at the peak."
    ),
    Meaning(
        "parameters",
        "1",
        "lower",
        MEMORY_MARGIN,
        "ratio",
        "Trainable and fixed parameters; tied ones once.",
    ),
    _memory("parameter_bytes", "Bytes of the parameters; tied ones once; buffers left out."),
    _memory("gradient_bytes", "Bytes of the gradients after a step."),
    _memory("optimizer_state_bytes", "Bytes of the tensors that the optimizer keeps."),
    _memory(
        "activation_bytes",
        "Storage kept for backward in one untimed step, each storage once; "
        "parameters and inputs left out.",
    ),
    Meaning(
        "gpu_utilisation",
        "1",
        "higher",
        0.05,
        "difference",
        "Share of time that NVML saw a kernel running.",
    ),
    _memory(
        "gpu_memory_bytes", "Device memory that NVML saw in use at the peak, by all processes."
    ),
    Meaning(
        "gpu_power_w",
        "W",
        "lower",
        SPEED_MARGIN,
        "ratio",
        "Mean power that NVML read while training.",
    ),
    Meaning(
        "gpu_energy_j",
        "J",
        "lower",
        SPEED_MARGIN,
        "ratio",
        "Energy that NVML counted while training.",
    ),
    Meaning(
        "gpu_throttled_share",
        "1",
        "lower",
        0.01,
        "difference",
        "Share of NVML's readings with a slowed clock.",
    ),
    Meaning(
        "gpu_other_processes",
        "1",
        "lower",
        0.5,
        "difference",
        "Other processes that NVML saw on the device.",
    ),
)

MEANINGS: Mapping[str, Meaning] = {each.name: each for each in _TABLE}
"""The metrics that are always taken, by name."""

LEARNING = (
    "test_accuracy",
    "test_loss",
    "validation_accuracy",
    "validation_loss",
    "train_accuracy",
    "train_loss",
    "running_train_loss",
)
"""Metrics that tell how well a model has learned; tables show the first that there is."""

SPEED = frozenset(each.name for each in _TABLE if each.unit in {"s", "1/s"}) | {"data_wait_share"}
"""Metrics that depend on what else the machine does: time and throughput."""

MEMORY = frozenset(
    {"host_peak_bytes", "load_peak_bytes", "device_peak_bytes", "device_reserved_bytes"}
)
"""Metrics of memory that was read, not counted."""

GPU = frozenset(each.name for each in _TABLE if each.name.startswith("gpu_"))
"""What NVML reads of a whole device."""

LOSSES = frozenset({"test_loss", "train_loss", "validation_loss", "running_train_loss"})
"""Metrics whose meaning is the setting `loss`."""

BY_EPOCH = (
    *(f"{split}_accuracy" for split in ("test", "train", "validation", "running_train")),
    *(f"{split}_loss" for split in ("test", "train", "validation", "running_train")),
)
"""Metrics that have a figure after each epoch."""


def base_name(metric: str) -> str:
    """Name the metric that a value belongs to: `gradient_norm` of `gradient_norm/0.weight`."""
    return metric.partition("/")[0]

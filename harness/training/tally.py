"""What the steps of an epoch show on the way: their losses, and what they predict right.

What is on an accelerator stays there until the epoch is over: nothing waits for it before.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.plugin.definitions import Workload
from harness.training.evaluation import right


class NotFinite(Exception):
    """The loss of a step, counted from 1 in its epoch, is not a finite number."""

    def __init__(self, step: int, loss: float) -> None:
        super().__init__(f"loss is {loss} in step {step}")
        self.step = step
        self.loss = loss


@dataclass(frozen=True, slots=True)
class Running:
    """What an epoch's steps showed, per sample, while the weights were changing.

    `accuracy` is None where nobody asked for it, or nothing predicts.
    """

    loss: float
    accuracy: float | None


class Losses:
    """Leaves an epoch's losses on the device, and looks when it is over."""

    def __init__(self, workload: Workload, most: int) -> None:
        double = workload.protocol.precision == "float64"
        dtype = torch.float64 if double else torch.float32
        self._values = torch.empty(most, device=workload.device, dtype=dtype)
        self._weights = array("d")

    def forget(self) -> None:
        """Begin anew."""
        self._weights = array("d")

    def keep(self, loss: Tensor, weight: float) -> None:
        """Queue a copy of the loss of a step that stands for so many samples."""
        self._values[len(self._weights)].copy_(loss.detach())
        self._weights.append(weight)

    def close(self) -> float:
        """Sum the losses over the samples, and begin anew.

        Raises:
            NotFinite: one of them is not finite; the first.
        """
        values, weights = self._values[: len(self._weights)].tolist(), self._weights
        self.forget()
        for step, value in enumerate(values, start=1):
            if not math.isfinite(value):
                raise NotFinite(step, value)
        return math.fsum(value * weight for value, weight in zip(values, weights, strict=True))


class Tally:
    """Counts right predictions on the device; nothing waits for them before `share`.

    Step by step: outputs that were kept for a look later spared little time, and took the heap
    apart (a peak of 5.7 MiB became 10.1 MiB).
    """

    def __init__(self, predict: Callable[[Tensor], Tensor]) -> None:
        self._predict = predict
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._right: Tensor | None = None
        self._answers = 0

    def count(self, outputs: Tensor, targets: Tensor) -> None:
        """Count those of a step."""
        with torch.no_grad():
            found = right(self._predict(outputs), targets)
            total = found.sum()
            self._right = total if self._right is None else self._right.add_(total)
        self._answers += found.numel()

    def share(self) -> float:
        """Tell the share that was right, and begin anew."""
        assert self._right is not None
        share = self._right.item() / self._answers
        self.forget()
        return share

"""How long steps take: marks set while stepping, read when the device is done.

A clock never synchronises: who reads it has waited for the device first. Seconds everywhere.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np

FEWEST_STEADY = 20
"""Below this many steady steps there is no figure of speed (DESIGN 7)."""


class Event(Protocol):
    """What `torch.cuda.Event` and `torch.mps.Event` have in common."""

    def record(self) -> None:
        """Mark this point in the device's queue."""

    def elapsed_time(self, end_event: Event, /) -> float:
        """Tell the milliseconds from this mark to a later one; both must have been passed."""


class StepClock(Protocol):
    """Marks the borders of steps; `durations` tells the times between them."""

    def marker(self) -> Callable[[float], object]:
        """Give the function that marks the start of a step, or the end of the last one.

        It is called with the host's time. It serves until the next call of `durations`.
        """

    def durations(self) -> array[float]:
        """Tell the time of each step since the last call, and start anew."""


class HostClock:
    """Marks by the host's clock: for the CPU, where a step is over when its call returns."""

    def __init__(self) -> None:
        self._marks = array("d")

    def marker(self) -> Callable[[float], object]:
        """Give the function that marks the start of a step, or the end of the last one."""
        return self._marks.append  # no frame of Python's: this is called at each step

    def durations(self) -> array[float]:
        """Tell the time of each step since the last call, and start anew."""
        marks, self._marks = self._marks, array("d")
        return array("d", np.diff(np.frombuffer(marks)).tolist() if len(marks) > 1 else [])


class EventClock:
    """Marks in the queue of an accelerator: nothing waits, and the times are the device's own."""

    def __init__(self, make_event: Callable[[], Event]) -> None:
        self._make = make_event
        self._marks: list[Event] = []

    def marker(self) -> Callable[[float], object]:
        """Give the function that marks the start of a step, or the end of the last one."""
        return self._mark

    def durations(self) -> array[float]:
        """Tell the time of each step since the last call, and start anew.

        The device must be done.
        """
        marks, self._marks = self._marks, []
        return array("d", (a.elapsed_time(b) / 1000 for a, b in pairwise(marks)))

    def _mark(self, _: float) -> None:
        event = self._make()
        event.record()
        self._marks.append(event)


@dataclass(slots=True)
class Window:
    """The steady part of a training: its steps, their samples and times, added up over the epochs.

    Attributes:
        samples: Seen in the window.
        elapsed_s: Length of the window, evaluation left out, synchronised at both ends.
        waited_s: Part of it that the host spent on getting batches.
        steps_s: Time of each step.
    """

    samples: int = 0
    elapsed_s: float = 0.0
    waited_s: float = 0.0
    steps_s: array[float] = field(default_factory=lambda: array("d"))

    def add(self, samples: int, elapsed_s: float, waited_s: float, steps_s: array[float]) -> None:
        """Add a section of uninterrupted steps."""
        self.samples += samples
        self.elapsed_s += elapsed_s
        self.waited_s += waited_s
        self.steps_s.extend(steps_s)

    def figures(self) -> dict[str, float] | None:
        """Tell throughput, step times and share of waiting; None below `FEWEST_STEADY` steps."""
        if len(self.steps_s) < FEWEST_STEADY or self.elapsed_s <= 0:
            return None
        median, late = np.percentile(np.frombuffer(self.steps_s), [50, 95])
        return {
            "train_samples_per_s": self.samples / self.elapsed_s,
            "step_p50_s": float(median),
            "step_p95_s": float(late),
            "data_wait_share": self.waited_s / self.elapsed_s,
        }


def warm_steps(planned: int) -> int:
    """Count the steps before the steady ones: 100 or a fifth of those planned, and at least one."""
    return max(1, min(100, planned // 5))

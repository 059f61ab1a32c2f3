"""When training first reached a figure: the settings `target` and `target_metric`.

The figure is looked at after each epoch, so the time is that of whole epochs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.plugin.definitions import Direction

_METRIC_BY_KIND: Mapping[str, str] = {"regression": "test_loss"}

NO_TARGET = "no target is set: give target=NUMBER"


def usual_metric(kind: str) -> str:
    """Name the metric that a target is about where nobody names one."""
    return _METRIC_BY_KIND.get(kind, "test_accuracy")


@dataclass(slots=True, kw_only=True)
class Target:
    """Waits for a metric to be at least, or where lower is better at most, what is wanted.

    Attributes:
        metric: Its name.
        wanted: None: nothing is waited for.
        direction: Which way is better.
        reached_s: Time of training until the end of the first epoch after which it was there.
    """

    metric: str
    wanted: float | None
    direction: Direction
    reached_s: float | None = None
    _epochs: int = 0
    _best: float | None = None
    _best_epoch: int = 0

    def look(self, figure: float | None, trained_s: float) -> None:
        """Look at the metric after the next epoch.

        Args:
            figure: The metric's; None where it was not taken, or is not finite.
            trained_s: Time of all steps so far, evaluation left out.
        """
        self._epochs += 1
        if self.wanted is None or figure is None:
            return
        if self._best is None or self._better(figure, self._best):
            self._best, self._best_epoch = figure, self._epochs
        if self.reached_s is None and (figure == self.wanted or self._better(figure, self.wanted)):
            self.reached_s = trained_s

    def why_not(self, reasons: Mapping[str, str]) -> str:
        """Say why it was not reached.

        Args:
            reasons: Why metrics are missing.
        """
        if self.wanted is None:
            return NO_TARGET
        if self._best is None:
            reason = reasons.get(self.metric, "the trial did not take it")
            return f"target_metric={self.metric} has no figure: {reason}"
        return (
            f"{self.metric} did not reach {self.wanted:g} in {_epochs(self._epochs)}:"
            f" the best was {self._best:.4g}, after epoch {self._best_epoch}"
        )

    def _better(self, one: float, other: float) -> bool:
        return one > other if self.direction == "higher" else one < other


def _epochs(count: int) -> str:
    return f"{count} epoch" if count == 1 else f"{count} epochs"

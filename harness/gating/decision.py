"""What a gate has found: rows, failures, and how many of them are regressions."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict

from harness.comparing.against import Against, heads
from harness.judging.compare import Comparison
from harness.numbers.gate import Stage

SCHEMA = 1
"""Of the document that `bench gate --format json` prints. 1: 2026-11, first."""

Form: TypeAlias = Literal["stored", "interleaved"]


class Gated(Struct, frozen=True, kw_only=True):
    """A case on one metric, as a gate sees it.

    Attributes:
        comparison: The difference and its word; on throughput *worse* where both stages fired.
        base: Mean of the base, of the rounds that the difference is of.
        head: That of the head.
        unit: Of the metric.
        scale: Whether its values are compared by difference or by ratio.
        detectable: The loss that would have been seen in four of five gates, in units, or as a
            share on scale ratio; None where nothing could have been.
        stages: The rounds of an interleaved gate, first those that began it.
        regression: Whether the head is worse beyond noise and margin.
    """

    comparison: Comparison
    base: float | None
    head: float | None
    unit: str
    scale: str
    detectable: float | None = None
    stages: tuple[Stage, ...] = ()
    regression: bool = False


class Failure(Struct, frozen=True, kw_only=True):
    """A case of which seeds failed; a regression where more of them failed in the head.

    Attributes:
        levels: Of the case.
        base: How many of the seeds of both failed in the base.
        head: How many failed in the head.
        seeds: How many seeds both have.
        reason: Why, in the head, or else in the base.
        regression: Whether more failed in the head.
    """

    levels: dict[str, Any]
    base: int
    head: int
    seeds: int
    reason: str
    regression: bool


class Decision(Struct, frozen=True, kw_only=True):
    """What a gate has found.

    Attributes:
        form: Two stored runs, or both sides measured in turns.
        gated: A row a case and metric.
        failures: The cases of which seeds failed.
    """

    form: Form
    gated: tuple[Gated, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def regressions(self) -> int:
        """Count what the head does worse."""
        found = [each.regression for each in self.gated]
        return sum(found + [each.regression for each in self.failures])

    @property
    def is_blind(self) -> bool:
        """Tell whether nothing could have been seen: that is no reason to pass."""
        return not self.regressions and all(each.detectable is None for each in self.gated)


def document(found: Against, decision: Decision) -> dict[str, Any]:
    """Make what `bench gate --format json` prints."""
    return {
        "schema": SCHEMA,
        "form": decision.form,
        **heads(found),
        "passed": not decision.regressions,
        "regressions": decision.regressions,
        "gated": [_row_document(each) for each in decision.gated],
        "failures": decision.failures,
    }


def _row_document(row: Gated) -> dict[str, Any]:
    told = asdict(row.comparison)
    kept = {name: each for name, each in told.items() if name not in {"case", "against"}}
    return {
        **kept,
        "unit": row.unit,
        "scale": row.scale,
        "base_mean": row.base,
        "head_mean": row.head,
        "detectable": row.detectable,
        "stages": row.stages,
        "regression": row.regression,
    }

"""A case in the words of pytest-benchmark: a round is a seed, its time the seconds of a step.

The step is the median one of a trial's steady steps (`step_p50_s`). Where a procedure takes no
steps it is a sample of inference, and else the whole trial; `timed` says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.judging.compare import present
from harness.judging.tables import CaseSummary
from harness.numbers.metrics import LEARNING
from harness.records.naming import MEMORY, assignment_text
from harness.records.store import StoredRun
from harness.showing.columns import resolved

_SHOWN = ("train_samples_per_s", "infer_samples_per_s", "wall_s", "parameters")


@dataclass(frozen=True, slots=True)
class Rounds:
    """The times of a case.

    Args:
        timed: What each is the time of.
        seconds: By seed; seeds that have none are left out.
    """

    timed: str
    seconds: Mapping[str, float]


def rounds_of(row: CaseSummary) -> Rounds:
    """Take the times of a case: of what most seeds have."""
    found = [
        Rounds("step", present(row, "step_p50_s")),
        Rounds("sample of inference", _inverse(present(row, "infer_samples_per_s"))),
        Rounds("trial", present(row, "wall_s")),
    ]
    return max(found, key=lambda each: len(each.seconds))


def extra_info(stored: StoredRun, row: CaseSummary) -> dict[str, Any]:
    """Make what stands beside the times of a case: how it ended, what it learned, what it took.

    Metrics are means over the seeds; `values` has those of each seed, in SI units and bytes.
    """
    memory = resolved(MEMORY, row.case)
    learned = [name for name in LEARNING if present(row, name)]
    names = [*learned, *(name for name in (*_SHOWN, memory) if present(row, name))]
    return {
        "suite": stored.plan.suite,
        "run": stored.run.id,
        "case": case_name(row),
        "levels": dict(row.case.levels),
        "seeds": list(stored.plan.seeds),
        "statuses": dict(row.statuses),
        "timed": rounds_of(row).timed,
        **{name: row.metrics[name].mean for name in names},
        "values": {name: dict(row.metrics[name].values) for name in names},
        "units": {name: row.metrics[name].meaning.unit for name in names},
    }


def case_name(row: CaseSummary) -> str:
    """Name a case by its levels, addresses in full: `model=mlp model.dropout=0.5`."""
    return assignment_text(row.case.levels, {}) or "one case"


def _inverse(rates: Mapping[str, float]) -> dict[str, float]:
    return {seed: 1 / rate for seed, rate in rates.items() if rate > 0}

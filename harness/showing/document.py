"""Make the JSON of a run: the contract of DESIGN.md, section 8."""

from __future__ import annotations

from typing import Any

from harness.judging.compare import comparisons
from harness.judging.expectations import expectations
from harness.judging.tables import CaseSummary, MetricSummary, summaries
from harness.records.store import StoredRun, last_attempts, no_collection

SCHEMA = 1
"""Of the documents that `bench show --format json` prints. 1: 2026-11, first."""


@no_collection()
def document(stored: StoredRun) -> dict[str, Any]:
    """Make what `bench show --format json` prints (the contract of DESIGN.md, section 8)."""
    plan = stored.plan
    rows = summaries(plan, stored.records, stored.run.meanings)
    return {
        "schema": SCHEMA,
        "suite": stored.run.suite,
        "run": stored.run.id,
        "created": stored.run.created,
        "command": stored.run.command,
        "environment": stored.run.environment,
        "factors": plan.factors,
        "seeds": plan.seeds,
        "cases": [_case_document(each) for each in rows],
        "comparisons": comparisons(plan, rows),
        "expectations": expectations(plan, rows, stored.records),
        "notes": (*plan.notes, *stored.notes),
    }


def trials_document(stored: StoredRun) -> dict[str, Any]:
    """Make what `--format json --trials` prints: the last attempt of each planned trial."""
    latest = last_attempts(stored.records)
    trials = [latest[each.key] for each in stored.plan.trials if each.key in latest]
    return {"schema": SCHEMA, "trials": trials}


def _case_document(row: CaseSummary) -> dict[str, Any]:
    return {
        "settings": row.case.settings,
        "levels": row.case.levels,
        "planned": row.planned,
        "statuses": row.statuses,
        "reasons": row.reasons,
        "metrics": {name: _metric_document(each) for name, each in row.metrics.items()},
    }


def _metric_document(found: MetricSummary) -> dict[str, Any]:
    return {
        "unit": found.meaning.unit,
        "direction": found.meaning.direction,
        "scale": found.meaning.scale,
        "n": found.n,
        "mean": found.mean,
        "std": found.std,
        "ci95": found.ci95,
        "values": found.values,
    }

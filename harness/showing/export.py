"""A run in the shape of pytest-benchmark's JSON, for what reads that: its `compare`, dashboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from harness.judging.tables import CaseSummary, summaries
from harness.records.store import StoredRun
from harness.showing.rounds import case_name, extra_info, rounds_of


def pytest_benchmark_document(stored: StoredRun) -> dict[str, Any]:
    """Write a run as `pytest --benchmark-json` does: a benchmark a case, a round a seed.

    A case that has no time at all is no benchmark there: it stands under `not_measured`, a key of
    our own beside `benchmarks`, with how its trials ended and why.

    Source: https://pytest-benchmark.readthedocs.io/en/latest/usage.html and the files of version 5.
    """
    rows = summaries(stored.plan, stored.records, stored.run.meanings)
    timed = [row for row in rows if rounds_of(row).seconds]
    return {
        "machine_info": _machine(stored.run.environment),
        "commit_info": {"id": stored.run.environment.get("commit") or "unversioned"},
        "benchmarks": [_benchmark(stored, row) for row in timed],
        "not_measured": [_failed(row) for row in rows if not rounds_of(row).seconds],
        "datetime": stored.run.created or datetime.now(UTC).isoformat(),
        "version": version("pytest-benchmark"),
    }


def _benchmark(stored: StoredRun, row: CaseSummary) -> dict[str, Any]:
    rounds = list(rounds_of(row).seconds.values())
    name = f"{stored.plan.suite}[{case_name(row)}]"
    return {
        "group": stored.plan.suite,
        "name": name,
        "fullname": f"bench::{name}",
        "params": dict(row.case.levels),
        "param": case_name(row),
        "extra_info": extra_info(stored, row),
        "options": {},
        "stats": {**_statistics(rounds), "iterations": 1, "data": rounds},
    }


def _statistics(rounds: Sequence[float]) -> dict[str, Any]:
    from pytest_benchmark import stats

    found: Any = stats.Stats()  # type: ignore[no-untyped-call]  # it ships no types
    for each in rounds:
        found.update(each)
    return dict(found.as_dict())


def _failed(row: CaseSummary) -> dict[str, Any]:
    return {
        "name": case_name(row),
        "statuses": dict(row.statuses),
        "reasons": list(row.reasons),
    }


def _machine(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Name what readers look for as pytest-benchmark does; the rest as it is recorded."""
    return {
        "node": environment.get("host"),
        "processor": environment.get("cpu"),
        "machine": environment.get("machine"),
        "python_implementation": "CPython",
        "python_version": environment.get("python"),
        "system": str(environment.get("platform", "")).partition("-")[0],
        "release": environment.get("platform"),
        "cpu": {"brand_raw": environment.get("cpu"), "count": environment.get("cores")},
        "versions": {
            name: each
            for name, each in environment.items()
            if name in ("harness", "torch", "torchvision", "numpy", "scikit-learn")
        },
    }

"""How long a plan will take, by what earlier runs took."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.numbers.statistics import median_of
from harness.records.planned import Plan
from harness.records.runs import list_runs
from harness.records.store import read_run


def expected_s(plan: Plan, results: Path) -> tuple[float, int]:
    """Expect the time of a plan from earlier records of the same cases, whatever their suite.

    Returns:
        Seconds of the trials whose case has been run, and the number of the others.
    """
    by_settings: dict[str, list[float]] = {}
    for line in list_runs(results):
        if line.reason is None:
            for record in read_run(line.path).records:
                wall_s = record.metrics.get("wall_s")
                if wall_s is not None:
                    by_settings.setdefault(_settings_key(record.settings), []).append(wall_s)
    known = [by_settings.get(_settings_key(case.settings)) for case in plan.cases]
    usual_s = [None if times is None else median_of(times) for times in known]
    runs = [trial.case for trial in plan.trials if not plan.cases[trial.case].expected]
    unknown = sum(usual_s[case] is None for case in runs)
    return sum(usual_s[case] or 0.0 for case in runs), unknown


def _settings_key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)

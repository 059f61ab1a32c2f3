"""Plans, records and runs that tests make in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.records.planned import Case, Expectation, Plan, Trial
from harness.records.record import Record, Status, trial_key
from harness.records.store import RunFile


def made_case(levels: Mapping[str, Any], baseline: int | None = None, **settings: Any) -> Case:
    """Make a case whose settings are its levels and a few others; `__` in a name is a dot."""
    others = {name.replace("__", "."): value for name, value in settings.items()}
    base = {"model": "mlp", "device": "cpu", "loss": "cross_entropy"}
    return Case(settings={**base, **levels, **others}, levels=dict(levels), baseline=baseline)


def made_plan(
    *cases: Case,
    seeds: Sequence[int] = (0, 1, 2),
    folds: Sequence[int | None] = (None,),
    expectations: Sequence[Expectation] = (),
    factors: Sequence[str] | None = None,
    suite: str = "init",
) -> Plan:
    """Make a plan of every case with every seed and fold, seed by seed."""
    trials = [
        Trial(case=index, seed=seed, fold=fold, key=trial_key(case.settings, seed, fold))
        for seed in seeds
        for index, case in enumerate(cases)
        for fold in folds
    ]
    return Plan(
        suite=suite,
        seeds=tuple(seeds),
        factors=tuple(cases[0].levels if factors is None and cases else factors or ()),
        cases=cases,
        trials=tuple(trials),
        expectations=tuple(expectations),
    )


def made_record(
    plan: Plan, case: int, seed: int, status: Status = "ok", *, fold: int | None = None, **more: Any
) -> Record:
    """Make the record of a planned trial."""
    settings, levels = plan.cases[case].settings, plan.cases[case].levels
    key = trial_key(settings, seed, fold)
    return Record(
        key=key, settings=settings, levels=levels, seed=seed, fold=fold, status=status, **more
    )


def made_records(plan: Plan, case: int, **metrics: Sequence[float | None]) -> list[Record]:
    """Make a record for each seed from lists of values; None leaves that seed without a record."""
    found = []
    for place, seed in enumerate(plan.seeds):
        values = {name: each[place] for name, each in metrics.items()}
        if None not in values.values():
            found.append(made_record(plan, case, seed, metrics=values))
    return found


def made_run(plan: Plan, **more: Any) -> RunFile:
    """Make what `run.json` keeps, without id and time."""
    return RunFile(suite=plan.suite, plan=plan, **more)

"""Measure this machine's noise: one case against itself, with windows of several lengths.

The trials are a run like any other, in `results/calibrate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import StoreError, SuiteError
from harness.judging.tables import CaseSummary, summaries
from harness.planning.overrides import Override
from harness.records.calibration import (
    Calibration,
    Proposal,
    Window,
    detectable,
    differences,
    kept,
    propose,
    window,
)
from harness.records.planned import Plan
from harness.records.store import StoredRun
from harness.session import Asked, Loaded, plan_asked
from harness.showing.layout import Column, printed
from harness.suites.suite import Suite
from harness.system.machine import environment
from harness.units import duration

SUITE = "calibrate"
WINDOWS_S = (0.25, 0.5, 1.0, 2.0, 4.0)
ROUNDS = 10
RESOLUTION = 0.05

_SPEED, _WINDOW = "train_samples_per_s", "timed_s"
_SHOWN_ROUNDS = (5, 10, 20)


def calibration_plan(
    loaded: Loaded,
    overrides: Sequence[Override] = (),
    windows_s: Sequence[float] = WINDOWS_S,
    rounds: int = ROUNDS,
) -> Plan:
    """Plan one case with every window, each twice a round.

    Args:
        loaded: The plugins.
        overrides: What the command line changes of the case.
        windows_s: Lengths of the measured window.
        rounds: How many pairs of each.

    Raises:
        SuiteError: there is more than one case.
    """
    suite = Suite(
        SUITE,
        "How far do two measurements of one throughput lie apart here?",
        base={"model": "mlp", "dataset": "digits", "optimizer": "sgd[lr=0.1]", "epochs": 1},
        factors={_WINDOW: list(windows_s)},
        seeds=2 * rounds,
    )
    plan = plan_asked(Asked(suite=suite, overrides=overrides), loaded)
    others = [each for each in plan.factors if each != _WINDOW]
    if others or plan.factors != (_WINDOW,):
        told = ", ".join(others) or f"{_WINDOW} is what varies: --windows 0.5,2"
        raise SuiteError(f"calibrate measures one case against itself, and was given more: {told}")
    return plan


def calibrated(stored: StoredRun) -> Calibration:
    """Take the noise of each window from the trials of a calibration.

    Raises:
        StoreError: a window has fewer than two pairs of trials that ended ok.
    """
    rows = summaries(stored.plan, stored.records, stored.run.meanings)
    return Calibration(
        run=str(stored.folder),
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        device=str(rows[0].case.settings["device"]),
        environment=stored.run.environment,
        windows=tuple(_window(each) for each in rows),
    )


def calibration_table(found: Calibration, width: int | None = None) -> str:
    """Print the noise of each window, and the slowdown that it lets see."""
    columns = [
        Column(header="window", cells=[duration(each.timed_s) for each in found.windows]),
        Column(header="noise", cells=[_percent(each.noise) for each in found.windows]),
        Column(header="pairs", cells=[str(each.pairs) for each in found.windows]),
        Column(header="a trial", cells=[duration(each.trial_s) for each in found.windows]),
        *(
            Column(
                header=f"seen in {rounds} rounds",
                cells=[_percent(detectable(each.noise, rounds)) for each in found.windows],
            )
            for rounds in _SHOWN_ROUNDS
        ),
    ]
    below = [
        "noise: standard deviation of the ratio of two throughputs of the same case, one after the"
        " other; seen: the slowdown that both stages of bench gate find in four runs of five"
    ]
    return printed(columns, "table", width, below)


def proposal_text(proposal: Proposal | None, resolution: float) -> str:
    """Say how to see a difference of throughput."""
    wanted = f"to see {_percent(resolution)} of throughput here"
    if proposal is None:
        return (
            f"{wanted}: 100 rounds of no window are enough; make the machine quieter (bench doctor)"
        )
    return (
        f"{wanted}: timed_s={proposal.timed_s:g} and {proposal.rounds} rounds (seeds),"
        f" about {duration(proposal.total_s)} for two arms"
    )


def advice(results: Path) -> list[str]:
    """Say, before a run, what the calibration of this machine proposes; nothing without one."""
    try:
        found = kept(results)
    except StoreError as error:
        return [str(error)]
    if found is None:
        return []
    changed = differences(found, environment())
    if changed:
        return [f"the calibration is stale ({'; '.join(changed)}): bench calibrate makes a new one"]
    return [proposal_text(propose(found.windows, RESOLUTION), RESOLUTION)]


def file_text(path: Path) -> str:
    """Say where it is kept."""
    return f"kept in {path}; bench run prints the proposal and changes nothing"


def _window(row: CaseSummary) -> Window:
    speeds, walls = row.metrics[_SPEED].values, row.metrics["wall_s"].values
    pairs = [seed for seed in speeds if speeds[seed] is not None]
    kept = [
        seed
        for first, second in zip(list(speeds)[::2], list(speeds)[1::2], strict=False)
        if first in pairs and second in pairs
        for seed in (first, second)
    ]
    return window(
        float(row.case.settings[_WINDOW]),
        [value for seed in kept if (value := speeds[seed]) is not None],
        [value for value in walls.values() if value is not None],
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"

"""Say above a run's tables which run it is: command, time, machine, what all cases share."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from harness.records.record import Record
from harness.records.store import StoredRun
from harness.system.contention import BUSY_CPUS
from harness.units import one_line

_MOST = 300


def header_lines(stored: StoredRun) -> list[str]:
    """Tell a run in two lines, and in a third what its suite sets in all cases."""
    run = stored.run
    lines = [
        f"{run.suite} {run.id}" + (f": {command_text(run.command)}" if run.command else ""),
        "; ".join(each for each in (_time(run.created), _machine(run.environment)) if each),
        _together(run.options) if any(each.shared for each in stored.records) else "",
        _crowd(stored.records),
        _settings(stored.plan.base),
    ]
    return [one_line(each, _MOST) for each in lines if each]


def command_text(command: Sequence[str]) -> str:
    """Write what was typed so that a shell reads it back."""
    typed = list(command)
    return shlex.join(typed if typed[0].startswith("harness.") else ["bench", *typed])


def _time(created: str) -> str:
    try:
        return f"{datetime.fromisoformat(created):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return created


def _machine(environment: Mapping[str, Any]) -> str:
    told = [
        environment.get("cpu"),
        _counted(environment.get("cores"), "core"),
        _named("torch", environment.get("torch")),
    ]
    return ", ".join(str(each) for each in told if each)


def _counted(count: object, word: str) -> str | None:
    return None if count is None else f"{count} {word}{'' if count == 1 else 's'}"


def _named(name: str, version: object) -> str | None:
    return None if version is None else f"{name} {version}"


def _together(options: Mapping[str, Any]) -> str:
    jobs = options.get("jobs", 1)
    how = f" (--jobs {jobs})" if jobs != 1 else ""
    return f"shared: trials ran side by side{how}, speed and memory get no word"


def _crowd(records: Sequence[Record]) -> str:
    """Say how many trials ran while other processes computed."""
    told = [each.foreign_cpus for each in records if each.foreign_cpus is not None]
    crowded = sum(each >= BUSY_CPUS for each in told)
    if not crowded:
        return ""
    unknown = len(records) - len(told)
    rest = f" (of {unknown} more it is not known)" if unknown else ""
    return (
        f"crowded: {crowded} of {len(told)} trials{rest} ran while other processes kept"
        f" {BUSY_CPUS:g} processors or more busy, speed is noisier (bench doctor)"
    )


def _settings(base: Mapping[str, str]) -> str:
    told = " ".join(f"{address}={level}" for address, level in base.items())
    return f"all cases: {told}" if told else ""

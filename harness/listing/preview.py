"""What `bench plan` prints: trials and cases, what is refused or skipped, the expected time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sized

from harness.records.naming import headers, level_text
from harness.records.planned import Plan
from harness.showing.layout import Column, printed
from harness.units import duration, one_line

_MOST_ROWS = 40


def plan_text(
    plan: Plan, expected_s: tuple[float, int], *, width: int | None = None, trials: bool = False
) -> str:
    """Tell a plan.

    Args:
        plan: What is planned.
        expected_s: Seconds of the trials that earlier records know, and the number of the others.
        width: Columns of the terminal.
        trials: Whether every trial is listed, in the order of running.
    """
    size = f"{_count(plan.trials, 'trial')}: {_count(plan.cases, 'case')}"
    lines = [
        f"{plan.suite}: {plan.summary}" if plan.summary else plan.suite,
        f"{size} x {_count(plan.seeds, 'seed')} ({_seed_text(plan.seeds)})",
        _time_text(*expected_s),
        *_expected_lines(plan),
        *(f"note: {each}" for each in plan.notes),
    ]
    return "\n".join([one_line(each, 1000) for each in lines] + ["", _table(plan, width, trials)])


def _count(things: Sized, word: str) -> str:
    return f"{len(things):,} {word}{'' if len(things) == 1 else 's'}"


def _time_text(known_s: float, unknown: int) -> str:
    if known_s == 0:
        return "expected time: unknown, there are no earlier records of these cases"
    rest = f", and {unknown} trials of cases that were never run" if unknown else ""
    return f"expected time: about {duration(known_s)}, as earlier records say{rest}"


def _seed_text(seeds: tuple[int, ...]) -> str:
    if len(seeds) > 1 and seeds == tuple(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def _expected_lines(plan: Plan) -> list[str]:
    counts = Counter(
        (each.expected, each.reason) for each in plan.cases if each.expected is not None
    )
    words = {"skipped": "expected to be skipped", "unsupported": "refused"}
    return [
        f"{count} of {len(plan.cases)} cases {words[str(expected)]}: {reason}"
        for (expected, reason), count in counts.items()
    ]


def _table(plan: Plan, width: int | None, trials: bool) -> str:
    shown = [(plan.cases[each.case], str(each.seed)) for each in plan.trials] if trials else None
    cases = [case for case, _ in shown] if shown is not None else list(plan.cases[:_MOST_ROWS])
    columns = [
        Column(
            header=one_line(header, 60),
            cells=[one_line(level_text(case.levels[address])) for case in cases],
            wraps=True,
        )
        for address, header in zip(plan.factors, headers(plan.factors), strict=True)
    ]
    if shown is not None:
        columns.append(Column(header="seed", cells=[seed for _, seed in shown]))
    if any(case.expected for case in cases):
        columns.append(Column(header="expected", cells=[case.expected or "ok" for case in cases]))
    if not columns:
        return ""
    below = (
        []
        if trials or len(cases) == len(plan.cases)
        else [f"... and {len(plan.cases) - len(cases)} more cases"]
    )
    return printed(columns, width=width, below=below)

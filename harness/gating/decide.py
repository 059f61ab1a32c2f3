"""Decide a gate: two runs become regressions, what was seen, and what could have been seen.

Accuracy and memory go by the verdicts of STATISTICS.md 7, steps 2 to 8. Throughput is gated where
both sides took turns (step 11, `gate.py`), else it is a trend.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from harness.comparing.against import Against, compared
from harness.gating.decision import Decision, Failure, Form, Gated
from harness.judging.compare import Comparison, present
from harness.judging.tables import CaseSummary
from harness.numbers.gate import Stage, detectable_loss, is_slower, stage
from harness.numbers.metrics import SPEED
from harness.records.record import FAILED

LEARNING = ("test_accuracy", "mse")
THROUGHPUT = ("train_samples_per_s", "infer_samples_per_s")
TREND = "a trend, not gated: not interleaved"


def decide(
    found: Against, second: Against | None = None, *, form: Form, gates: int = 1
) -> Decision:
    """Decide a gate.

    Args:
        found: Base and head, matched.
        second: The fresh rounds of both, of the cases whose first rounds fired.
        form: How they were measured.
        gates: How many questions of throughput the job asks.
    """
    judged = {
        (each.case, name): (each, len(family))
        for name, family in compared(found, _names(found), tails=False).items()
        for each in family
    }
    first = throughput_stages(found, gates) if form == "interleaved" else {}
    fresh = {} if second is None else _fresh(second, gates)
    rows = [
        _timed(found, comparison, first[case], fresh.get(_name(found, case)))
        if name in THROUGHPUT and case in first
        else _lost(found, comparison, family)
        for (case, name), (comparison, family) in _in_order(found, judged)
    ]
    return Decision(form=form, gated=tuple(rows), failures=tuple(_failures(found)))


def throughput_stages(found: Against, gates: int) -> dict[int, Stage]:
    """Look at the throughput of each case: where it fires, fresh rounds must fire too."""
    stages = {}
    for case, (base, head) in enumerate(zip(found.base.rows, found.head.rows, strict=True)):
        for name in _throughput_of(found, case):
            old, new = present(base, name), present(head, name)
            stages[case] = stage(old, new, gates=gates, margin=found.scope(name).margin)
    return stages


class _Fresh(NamedTuple):
    """The fresh rounds of a case: what they show, and both means."""

    stage: Stage
    base: float | None
    head: float | None


def _fresh(second: Against, gates: int) -> dict[str, _Fresh]:
    """Look at fresh rounds, case by case."""
    return {
        _name(second, case): _Fresh(each, *_means(second, case, *_throughput_of(second, case)))
        for case, each in throughput_stages(second, gates).items()
    }


def _name(found: Against, case: int) -> str:
    return json.dumps(found.head.plan.cases[case].levels, sort_keys=True)


def _names(found: Against) -> set[str]:
    return {name for case in range(len(found.head.rows)) for name in _metrics_of(found, case)}


_Judged: TypeAlias = Mapping[tuple[int, str], tuple[Comparison, int]]


def _in_order(
    found: Against, judged: _Judged
) -> Iterator[tuple[tuple[int, str], tuple[Comparison, int]]]:
    for case in range(len(found.head.rows)):
        for name in _metrics_of(found, case):
            if (case, name) in judged:
                yield (case, name), judged[case, name]


def _metrics_of(found: Against, case: int) -> Iterator[str]:
    """Choose what is gated of a case: how well it learns, how fast, how much memory it takes.

    And what a suite gives a margin to: a metric of a plugin, say. Times are not among them: only
    throughput is measured in turns.
    """
    on_host = found.head.rows[case].case.settings.get("device", "cpu") == "cpu"
    usual = [
        *[name for name in LEARNING if _is_known(found, case, name)][:1],
        *_throughput_of(found, case),
        "host_peak_bytes" if on_host else "device_peak_bytes",
    ]
    yield from usual
    margins = {**found.base.plan.margins, **found.head.plan.margins}
    for name in sorted(margins.keys() - {*usual, *SPEED}):
        if _is_known(found, case, name):
            yield name


def _throughput_of(found: Against, case: int) -> list[str]:
    return [name for name in THROUGHPUT if _is_known(found, case, name)][:1]


def _is_known(found: Against, case: int, name: str) -> bool:
    return any(present(half.rows[case], name) for half in (found.base, found.head))


def _lost(found: Against, comparison: Comparison, family: int) -> Gated:
    """Gate accuracy or memory by its word; a throughput that was stored gets none."""
    if comparison.metric in THROUGHPUT:
        return _row(found, _wordless(comparison, TREND))
    scope, seen = found.scope(comparison.metric), None
    if comparison.verdict is not None and comparison.ci95 is not None:
        seen = detectable_loss(
            comparison.ci95, comparison.n, scale=scope.scale, bound=scope.bound, family=family
        )
    row = _row(found, comparison)
    return replace(row, detectable=seen, regression=comparison.verdict == "worse")


def _timed(found: Against, comparison: Comparison, first: Stage, fresh: _Fresh | None) -> Gated:
    """Gate throughput; of a slowdown the fresh rounds say how large it is."""
    second = None if fresh is None else fresh.stage
    slower = is_slower(first, second)
    shown = second if slower and second is not None else first
    told = replace(
        _wordless(comparison, _told(first, second)),
        difference=shown.difference,
        ci95=shown.ci95,
        n=shown.n,
        verdict="worse" if slower else None,
    )
    row = replace(
        _row(found, told),
        detectable=first.detectable,
        stages=(first,) if second is None else (first, second),
        regression=slower,
    )
    return replace(row, base=fresh.base, head=fresh.head) if slower and fresh else row


def _told(first: Stage, second: Stage | None) -> str:
    if first.note is not None or not first.fires:
        return first.note or "not seen slower"
    if second is None:
        return "slower, and no fresh rounds to confirm it"
    if second.note is not None:
        return f"slower, but of the fresh rounds: {second.note}"
    fresh = f"{second.n} fresh ones"
    return (
        f"slower in {first.n} rounds and in {fresh}" if second.fires else f"not slower in {fresh}"
    )


def _wordless(comparison: Comparison, note: str) -> Comparison:
    return replace(comparison, verdict=None, p_adjusted=None, seeds_needed=None, note=note)


def _row(found: Against, comparison: Comparison) -> Gated:
    meaning = found.metrics[comparison.metric]
    base, head = _means(found, comparison.case, comparison.metric)
    return Gated(
        comparison=comparison, base=base, head=head, unit=meaning.unit, scale=meaning.scale
    )


def _means(found: Against, case: int, name: str) -> tuple[float | None, float | None]:
    rows = (found.base.rows[case], found.head.rows[case])
    base, head = (row.metrics[name].mean if name in row.metrics else None for row in rows)
    return base, head


def _failures(found: Against) -> Iterator[Failure]:
    for case, (base, head) in enumerate(zip(found.base.rows, found.head.rows, strict=True)):
        if base.failed or head.failed:
            reasons = [_reason(row) for row in (head, base) if row.failed]
            yield Failure(
                levels=found.levels(case),
                base=base.failed,
                head=head.failed,
                seeds=len(next(iter(head.metrics.values())).values),
                reason=reasons[0],
                regression=head.failed > base.failed,
            )


def _reason(row: CaseSummary) -> str:
    """Say why the most of a case's seeds failed."""
    failed = [each for each in row.reasons if each.partition(":")[0] in FAILED]
    return max(failed, key=lambda each: row.reasons[each], default="no reason is known")

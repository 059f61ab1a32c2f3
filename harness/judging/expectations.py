"""Say whether what a suite expects was seen, and how the command ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

from harness.judging.compare import Comparison, baseline_pairs, compared
from harness.judging.shortfall import of_median, of_statuses, of_values, of_word
from harness.judging.tables import CaseSummary, finite, meaning_of, trials_by_case
from harness.numbers.metrics import Meaning
from harness.numbers.statistics import mean_of, median_of
from harness.numbers.verdicts import Word
from harness.records.naming import assignment_text, short_names
from harness.records.planned import Expectation, Plan, Trial
from harness.records.record import BROKEN, RESULTS, Record
from harness.records.store import last_attempts

_MOST_TOLD = 3
"""Cases that fall short of an expectation: of others there is a count."""

Holds: TypeAlias = Literal["holds", "fails", "undecided"]


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether what a suite expects was seen.

    Attributes:
        text: The sentence of the suite.
        outcome: Whether it holds.
        why: Where it does not, the case, the seed and the figure that say so.
    """

    text: str
    outcome: Holds
    why: str | None = None


def expectations(
    plan: Plan, rows: Sequence[CaseSummary], records: Iterable[Record]
) -> tuple[Outcome, ...]:
    """Say of each expectation whether it holds, fails, or cannot be decided."""
    latest = last_attempts(records)
    trials = trials_by_case(plan)
    words = _words(plan, rows)
    return tuple(
        _outcome(
            plan,
            each,
            [
                *(
                    part
                    for case in each.cases
                    for part in _of_case(each, case, rows[case], trials[case], latest)
                ),
                *(_claimed(claim, words, rows) for claim in _claims(each)),
            ],
        )
        for each in plan.expectations
    )


def all_hold(outcomes: Iterable[Outcome]) -> bool:
    """Tell whether `--check` passes: an expectation that is undecided does not."""
    return all(each.outcome == "holds" for each in outcomes)


def exit_code(
    plan: Plan, records: Iterable[Record], strict: bool = False, check_failed: bool = False
) -> int:
    """Choose the exit code of a command that trained: 4, 3, 1 or 0, the first that applies.

    Args:
        plan: What was planned.
        records: In the order of the file; the last attempt of each trial counts.
        strict: Whether `diverged`, `skipped` and `unsupported` count as failures too.
        check_failed: Whether an expectation failed, or could not be decided, under `--check`.
    """
    latest = last_attempts(records)
    statuses = {latest[each.key].status for each in plan.trials if each.key in latest}
    if not statuses & RESULTS:
        return 4
    if statuses & BROKEN or (strict and statuses - {"ok"}):
        return 3
    return int(check_failed)


class _Part(NamedTuple):
    """Whether an expectation holds of a case, and what tells that it does not."""

    case: int
    holds: Holds
    shortfall: str


class _Claim(NamedTuple):
    """That a case is better than another on a metric, or the same."""

    metric: str
    pair: tuple[int, int]
    word: Word


def _outcome(plan: Plan, expected: Expectation, parts: Sequence[_Part]) -> Outcome:
    """Take the worst of what became of an expectation."""
    holds = _worst(each.holds for each in parts)
    if holds == "holds" or not parts:
        return Outcome(text=expected.text, outcome=holds)
    worst = {each.case: each for each in reversed(parts) if each.holds == holds}
    told = [_told(plan, expected, worst[case]) for case in sorted(worst)]
    more = [f"and so {len(told) - _MOST_TOLD} more cases"] if len(told) > _MOST_TOLD else []
    return Outcome(text=expected.text, outcome=holds, why="; ".join([*told[:_MOST_TOLD], *more]))


def _told(plan: Plan, expected: Expectation, part: _Part) -> str:
    levels = assignment_text(plan.cases[part.case].levels, short_names(plan))
    return (f"{levels}: " if levels and len(expected.cases) > 1 else "") + part.shortfall


def _claims(expected: Expectation) -> Iterator[_Claim]:
    asked: tuple[tuple[Word, tuple[int, ...] | None], ...] = (
        ("better", expected.better_than),
        ("same", expected.same_as),
    )
    for word, others in asked:
        for pair in zip(expected.cases, others or (), strict=others is not None):
            yield _Claim(expected.metric or "", pair, word)


def _words(
    plan: Plan, rows: Sequence[CaseSummary]
) -> dict[tuple[str, tuple[int, int]], Comparison]:
    """Find the comparison of every pair that is claimed: the table's, where the table has it.

    Other pairs of a metric are a family of their own.
    """
    usual = baseline_pairs(plan)
    claimed: dict[str, set[tuple[int, int]]] = {}
    for each in plan.expectations:
        for claim in _claims(each):
            claimed.setdefault(claim.metric, set()).add(claim.pair)
    return {
        (metric, pair): comparison
        for metric, pairs in claimed.items()
        for family in (usual, sorted(pairs.difference(usual)))
        for pair, found in compared(plan, rows, family, {metric}).items()
        for comparison in found
    }


def _claimed(
    claim: _Claim,
    words: Mapping[tuple[str, tuple[int, int]], Comparison],
    rows: Sequence[CaseSummary],
) -> _Part:
    case = claim.pair[0]
    found = words.get((claim.metric, claim.pair))
    told = of_word(found, _meaning(rows[case], claim.metric))
    if found is None or found.verdict in {None, "undecided"}:
        return _Part(case, "undecided", told)
    for each in claim.pair:
        values = rows[each].metrics[claim.metric].values
        if None in values.values():
            missing = {seed: None if value is None else True for seed, value in values.items()}
            return _Part(each, "undecided", of_values(values, missing, ""))
    return _Part(case, "holds" if found.verdict == claim.word else "fails", told)


def _of_case(
    expected: Expectation,
    case: int,
    row: CaseSummary,
    trials: Sequence[Trial],
    latest: Mapping[str, Record],
) -> Iterator[_Part]:
    """Say of what is expected of a case by itself whether it holds."""
    if expected.status is not None:
        ended = [latest[each.key].status if each.key in latest else None for each in trials]
        holds = _share([each and each == expected.status for each in ended], expected.share)
        seeds = [str(each.seed) for each in trials]
        yield _Part(case, holds, of_statuses(expected.status, zip(seeds, ended, strict=True)))
    if expected.min is not None or expected.max is not None:
        values = _seed_values(expected, row, trials, latest)
        unit = _meaning(row, expected.metric or "").unit
        yield _Part(case, *_bounds(expected, values, unit))


def _bounds(
    expected: Expectation, values: Mapping[str, float | None], unit: str
) -> tuple[Holds, str]:
    if expected.of == "median":
        known = [each for each in values.values() if each is not None]
        told = of_median(values, unit)
        if len(known) < len(values) or not known:
            return "undecided", told
        return "holds" if _within(expected, median_of(known)) else "fails", told
    within = {
        seed: None if each is None else _within(expected, each) for seed, each in values.items()
    }
    return _share(list(within.values()), expected.share), of_values(values, within, unit)


def _within(expected: Expectation, value: float) -> bool:
    above = expected.min is None or value >= expected.min
    return above and (expected.max is None or value <= expected.max)


def _share(seeds: Sequence[bool | None], share: float) -> Holds:
    """Decide by how many seeds do, and by how many might (None)."""
    wanted = share * len(seeds) - 1e-9  # 0.7 * 10 is a little more than 7
    do, might = seeds.count(True), seeds.count(None)
    if not seeds or do < wanted <= do + might:
        return "undecided"
    return "holds" if do >= wanted else "fails"


def _worst(parts: Iterable[Holds]) -> Holds:
    found = set(parts)
    if "fails" in found:
        return "fails"
    return "holds" if found == {"holds"} else "undecided"


def _seed_values(
    expected: Expectation, row: CaseSummary, trials: Sequence[Trial], latest: Mapping[str, Record]
) -> Mapping[str, float | None]:
    name = expected.metric or ""
    if expected.epoch is None and expected.by_epoch is None:
        found = row.metrics.get(name)
        return found.values if found else {str(each.seed): None for each in trials}
    curves: dict[int, list[Sequence[float | None]]] = {}
    for trial in trials:
        record = latest.get(trial.key)
        ok = record is not None and record.status == "ok"
        curves.setdefault(trial.seed, []).append(
            record.curves.get(name, ()) if record and ok else ()
        )
    return {str(seed): _at(expected, folds) for seed, folds in curves.items()}


def _meaning(row: CaseSummary, name: str) -> Meaning:
    return row.metrics[name].meaning if name in row.metrics else meaning_of(name)


def _at(expected: Expectation, folds: Sequence[Sequence[float | None]]) -> float | None:
    if expected.epoch is not None:
        return _mean_at(folds, expected.epoch)
    epochs = range(1, (expected.by_epoch or 0) + 1)
    known = [value for each in epochs if (value := _mean_at(folds, each)) is not None]
    return _best(expected)(known) if known else None


def _best(expected: Expectation) -> Callable[[Sequence[float]], float]:
    if expected.min is None or expected.max is None:
        return min if expected.min is None else max
    higher = meaning_of(expected.metric or "").direction == "higher"
    return max if higher else min


def _mean_at(folds: Sequence[Sequence[float | None]], epoch: int) -> float | None:
    """Give the mean over the folds after an epoch, counted from 1; None where one fold has none."""
    found = [finite(each[epoch - 1]) if 1 <= epoch <= len(each) else None for each in folds]
    known = [each for each in found if each is not None]
    return mean_of(known) if known and len(known) == len(found) else None

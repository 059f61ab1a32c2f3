"""What a test sees of a case: bounds, failures, times."""

from __future__ import annotations

from pathlib import Path

import pytest
from made import made_case, made_plan, made_record, made_records, made_run

from harness.benchmarked import BenchCase, Clock, failure, why_skipped
from harness.errors import SuiteError, UnknownName
from harness.judging.tables import summaries
from harness.records.record import Record
from harness.records.store import StoredRun

PLAN = made_plan(made_case({"model.dropout": 0.5}))


def case_of(records: list[Record]) -> BenchCase:
    stored = StoredRun(folder=Path("kept"), run=made_run(PLAN), records=tuple(records))
    return BenchCase(stored, summaries(PLAN, records)[0])


LEARNED = case_of(made_records(PLAN, 0, test_accuracy=[0.97, 0.88, 0.91], wall_s=[1.0, 2.0, 3.0]))


def test_bounds_that_every_seed_keeps_are_silent() -> None:
    LEARNED.expect("test_accuracy", min=0.88, max=0.97)


def test_a_bound_that_a_seed_breaks_is_told_with_every_seed() -> None:
    with pytest.raises(AssertionError) as broken:
        LEARNED.expect("test_accuracy", min=0.9, max=1)

    assert str(broken.value) == (
        "test_accuracy is 0.88 on seed 1, not at least 0.9 and at most 1 (model.dropout=0.5)\n"
        "by seed: 0: 0.97, 1: 0.88, 2: 0.91\n"
        "the run is kept in kept"
    )


def test_a_seed_without_a_figure_is_not_within_bounds() -> None:
    case = case_of(made_records(PLAN, 0, test_accuracy=[0.97, None, 0.91]))

    with pytest.raises(AssertionError, match=r"^test_accuracy is no figure on seed 1, not at most"):
        case.expect("test_accuracy", max=1)


def test_what_cannot_be_expected_is_refused() -> None:
    with pytest.raises(SuiteError) as unbounded:
        LEARNED.expect("test_accuracy")
    with pytest.raises(UnknownName) as unknown:
        LEARNED.expect("test_acuracy", min=1)

    assert str(unbounded.value) == "expect 'test_accuracy' to be what? give min=, max= or both"
    assert str(unknown.value).startswith(
        "unknown metric 'test_acuracy': did you mean 'test_accuracy'? (known: "
    )


def test_a_metric_goes_by_the_name_that_it_has_in_tables() -> None:
    case = case_of(made_records(PLAN, 0, host_peak_bytes=[5e6, 6e6, 7e6]))

    assert case.mean("memory") == 6e6
    with pytest.raises(AssertionError, match=r"^memory is 6.68 MiB on seed 2, not at most"):
        case.expect("memory", max=6.5e6)


def test_a_case_is_shown_by_its_name_alone() -> None:
    assert repr(LEARNED) == "<BenchCase model.dropout=0.5>"


def test_figures_are_given_by_seed_and_as_their_mean() -> None:
    assert LEARNED.values("wall_s") == {"0": 1.0, "1": 2.0, "2": 3.0}
    assert LEARNED.mean("wall_s") == 2.0
    assert LEARNED.levels == {"model.dropout": 0.5}
    assert [each.seed for each in LEARNED.records] == [0, 1, 2]


def test_failed_trials_are_told_with_their_reasons_and_the_last_attempt_counts() -> None:
    good = made_records(PLAN, 0, test_accuracy=[0.9, 0.9, 0.9])[:1]
    retried = made_record(PLAN, 0, 0, "crashed", reason="signal 9 (SIGKILL)")
    bad = [made_record(PLAN, 0, seed, "diverged", reason="the loss is nan") for seed in (1, 2)]

    assert failure(case_of([retried, *good, *bad])) == (
        "2 of 3 trials of model.dropout=0.5 failed:\n"
        "  seed 1: diverged: the loss is nan\n"
        "  seed 2: diverged: the loss is nan\n"
        "the run is kept in kept"
    )
    assert failure(LEARNED) is None


def test_a_case_that_was_not_run_is_skipped_with_its_reason() -> None:
    absent = [made_record(PLAN, 0, seed, "skipped", reason="no GPU") for seed in range(3)]

    assert why_skipped(case_of(absent)) == "skipped: no GPU"
    assert why_skipped(LEARNED) is None
    assert why_skipped(case_of([*absent[:2], made_record(PLAN, 0, 2)])) is None


def test_the_clock_stands_still_until_it_is_moved() -> None:
    clock = Clock()
    clock.move(0.25)
    clock.move(0.5)

    assert (clock(), clock()) == (0.75, 0.75)

"""Runs that are found by path, id and suite, and listed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from made import made_case, made_plan, made_record, made_run

from harness.errors import StoreError
from harness.records.planned import Plan
from harness.records.runs import find_run, list_runs
from harness.records.store import Journal, StoredRun, create_run

PLAN = made_plan(made_case({"init": "normal"}), made_case({"init": "zeros"}, 0), seeds=(0, 1))
RECORDS = [made_record(PLAN, each.case, each.seed) for each in PLAN.trials]
NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)


def stored(
    results: Path, plan: Plan = PLAN, *, at: datetime = NOON, token: str = "3f2a"
) -> StoredRun:
    return create_run(results, made_run(plan), now=lambda: at, token=lambda: token)


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Three runs of two suites, in the order of their making."""
    decay = msgspec.structs.replace(PLAN, suite="weight_decay")
    hour = timedelta(hours=1)
    return [
        stored(tmp_path, at=NOON).folder,
        stored(tmp_path, at=NOON + hour, token="aaaa").folder,
        stored(tmp_path, decay, at=NOON + 2 * hour, token="bbbb").folder,
    ]


def test_without_a_text_the_latest_run_is_found(tmp_path: Path, three: list[Path]) -> None:
    assert find_run(tmp_path) == three[2]


def test_a_run_is_found_by_path(
    tmp_path: Path, three: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert find_run(tmp_path, str(three[0])) == three[0]
    assert find_run(tmp_path / "elsewhere", str(three[0] / "run.json")) == three[0]
    assert find_run(tmp_path / "elsewhere", "init") == Path("init") / three[1].name


def test_a_run_is_found_by_its_id_or_a_unique_beginning(tmp_path: Path, three: list[Path]) -> None:
    assert find_run(tmp_path, three[1].name) == three[1]
    assert find_run(tmp_path, "20261121T13") == three[1]


@pytest.mark.parametrize("suite", ["weight_decay", "weight-decay"])
def test_the_latest_run_of_a_suite_is_found(tmp_path: Path, three: list[Path], suite: str) -> None:
    assert find_run(tmp_path, "init") == three[1]
    assert find_run(tmp_path, suite) == three[2]


def test_a_suite_of_an_odd_name_is_found(tmp_path: Path) -> None:
    run = stored(tmp_path, msgspec.structs.replace(PLAN, suite="my/suite"))

    assert find_run(tmp_path, "my/suite") == run.folder


def test_of_two_runs_of_a_second_the_one_written_later_is_the_latest(tmp_path: Path) -> None:
    first, second = stored(tmp_path, token="ffff").folder, stored(tmp_path, token="0000").folder
    os.utime(first / "run.json", (1000, 1000))
    os.utime(second / "run.json", (1001, 1001))

    assert find_run(tmp_path) == second


def test_a_beginning_of_several_runs_is_refused(tmp_path: Path, three: list[Path]) -> None:
    with pytest.raises(StoreError) as caught:
        find_run(tmp_path, "2026")
    assert str(caught.value) == (
        f"'2026' begins the ids of 3 runs: {', '.join(each.name for each in three)}"
    )


def test_an_unknown_run_is_refused_with_the_nearest(tmp_path: Path, three: list[Path]) -> None:
    with pytest.raises(StoreError) as caught:
        find_run(tmp_path, "inti")
    assert str(caught.value) == (
        "unknown run 'inti': did you mean 'init'?"
        f" (known: {three[0].name}, {three[1].name}, {three[2].name}, init, weight_decay)"
    )


def test_a_text_that_is_too_long_for_a_path_is_an_unknown_run(
    tmp_path: Path, three: list[Path]
) -> None:
    with pytest.raises(StoreError) as caught:
        find_run(tmp_path, "\x1b" + "x" * 10_000)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_where_there_are_no_runs_it_says_how_to_make_one(tmp_path: Path) -> None:
    for text in (None, "init"):
        with pytest.raises(StoreError) as caught:
            find_run(tmp_path / "results", text)
        assert str(caught.value) == (
            f"there are no runs in {tmp_path / 'results'}: `bench run --suite smoke` makes one"
        )


def test_runs_are_listed_from_the_oldest_with_how_their_trials_ended(
    tmp_path: Path, three: list[Path]
) -> None:
    with Journal(three[0]) as journal:
        journal.append(msgspec.structs.replace(RECORDS[0], status="error"))
        journal.append(msgspec.structs.replace(RECORDS[0], attempt=2))
        journal.append(msgspec.structs.replace(RECORDS[1], status="timeout"))
        journal.append(msgspec.structs.replace(RECORDS[1], key="stranger"))

    found = list_runs(tmp_path)

    assert [each.path for each in found] == three
    assert [each.suite for each in found] == ["init", "init", "weight_decay"]
    assert found[0].statuses == {"ok": 1, "timeout": 1}
    assert (found[0].planned, found[1].statuses) == (4, {})
    assert found[0].created == "2026-11-21T12:00:00.250000+00:00"
    assert all(each.reason is None for each in found)


def test_a_run_that_cannot_be_read_is_listed_with_the_reason(
    tmp_path: Path, three: list[Path]
) -> None:
    (three[0] / "run.json").unlink()
    (three[1] / "run.json").write_text("{")
    (tmp_path / "init" / "notes").mkdir()

    found = list_runs(tmp_path)

    assert [each.path for each in found] == three
    assert found[0].reason == f"{three[0]} is no run: it has no run.json"
    assert found[1].reason == f"{three[1] / 'run.json'} cannot be read: input data was truncated"
    assert (found[1].planned, found[1].created, found[1].id) == (None, None, three[1].name)


def test_results_that_are_absent_list_nothing(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "absent") == []


def test_results_that_the_system_refuses_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(StoreError) as caught:
        list_runs(tmp_path)
    assert str(caught.value) == f"{tmp_path} cannot be read: Permission denied"

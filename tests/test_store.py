"""Runs on disk: made, read in whatever state they are, and found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import made_case, made_plan, made_record, made_run

from harness.errors import StoreError
from harness.metrics import Meaning
from harness.planned import Expectation, Plan
from harness.record import Record
from harness.store import (
    Journal,
    RunFile,
    StoredRun,
    create_run,
    find_run,
    folder_name,
    last_attempts,
    list_runs,
    read_run,
)

PLAN = made_plan(made_case({"init": "normal"}), made_case({"init": "zeros"}, 0), seeds=(0, 1))
RECORDS = [made_record(PLAN, each.case, each.seed) for each in PLAN.trials]
NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)


def stored(
    results: Path, plan: Plan = PLAN, *, at: datetime = NOON, token: str = "3f2a"
) -> StoredRun:
    return create_run(results, made_run(plan), now=lambda: at, token=lambda: token)


def written(results: Path, *records: Record) -> StoredRun:
    run = stored(results)
    with Journal(run.folder) as journal:
        for each in records:
            journal.append(each)
    return run


def line(record: Record) -> bytes:
    return msgspec.json.encode(record) + b"\n"


def refused(path: Path) -> str:
    with pytest.raises(StoreError) as caught:
        read_run(path)
    return str(caught.value)


def test_a_run_is_named_by_its_time_and_a_token(tmp_path: Path) -> None:
    run = stored(tmp_path)

    assert run.folder == tmp_path / "init" / "20261121T120000Z-3f2a"
    assert run.run.id == "20261121T120000Z-3f2a"
    assert run.run.created == "2026-11-21T12:00:00.250000+00:00"


def test_the_name_of_a_run_is_in_utc_wherever_it_was_made(tmp_path: Path) -> None:
    at = datetime(2026, 11, 21, 1, 0, 0, tzinfo=timezone(timedelta(hours=5)))

    assert stored(tmp_path, at=at).run.id == "20261120T200000Z-3f2a"


def test_two_runs_of_a_second_have_two_folders(tmp_path: Path) -> None:
    tokens: Iterator[str] = iter(["aaaa", "aaaa", "bbbb"])
    first = create_run(tmp_path, made_run(PLAN), now=lambda: NOON, token=lambda: next(tokens))
    second = create_run(tmp_path, made_run(PLAN), now=lambda: NOON, token=lambda: next(tokens))

    assert (first.run.id, second.run.id) == ("20261121T120000Z-aaaa", "20261121T120000Z-bbbb")


def test_a_second_without_a_free_name_is_told(tmp_path: Path) -> None:
    stored(tmp_path)

    with pytest.raises(StoreError) as caught:
        stored(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'init'} has no free name for a run:"
        " 20261121T120000Z-3f2a and others are taken"
    )


def test_a_run_is_read_as_it_was_made(tmp_path: Path) -> None:
    plan = made_plan(
        made_case({"init": "normal[std=0.01]", "model.hidden": [128, 64], "dropout": None}),
        expectations=[Expectation(text="x", cases=(0,), metric="test_accuracy", min=0.9)],
    )
    run = made_run(
        plan,
        command=["bench", "run"],
        environment={"torch": "2.15.0"},
        plugins=["/a/b.py"],
        sources={"model:mlp": "builtin 0.1.0 abc"},
        options={"jobs": 2},
        meanings={"norm": Meaning("norm", "1", "lower", 0.1, "ratio", "Of all weights.")},
    )

    made = create_run(tmp_path, run)
    found = read_run(made.folder)

    assert found == made
    assert found.run == msgspec.structs.replace(run, id=found.run.id, created=found.run.created)
    assert datetime.now(UTC) - datetime.fromisoformat(found.run.created) < timedelta(minutes=1)
    assert sorted(each.name for each in found.folder.iterdir()) == ["run.json"]


def test_arguments_that_are_no_text_are_kept_escaped(tmp_path: Path) -> None:
    made = create_run(tmp_path, made_run(PLAN, command=["bench", "a\udcff"]))

    assert read_run(made.folder).run.command == ["bench", "a\\udcff"]


def test_results_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError) as caught:
        stored(tmp_path / "file")
    assert str(caught.value) == f"{tmp_path / 'file/init'} cannot hold a run: Not a directory"


def test_a_run_that_cannot_be_written_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError) as caught:
        stored(tmp_path)

    assert str(caught.value) == f"{tmp_path / 'init'} cannot hold a run: No space left on device"
    assert list((tmp_path / "init").iterdir()) == []


@given(st.text(max_size=100))
def test_every_suite_has_a_safe_folder(suite: str) -> None:
    name = folder_name(suite)

    assert name == Path(name).name
    assert name.strip(".") == name != ""
    assert name.isascii()
    assert len(name) < 100


def test_a_plain_name_is_its_folder_and_others_keep_apart() -> None:
    assert folder_name("weight-decay") == "weight-decay"
    names = {folder_name(each) for each in ("", ".", "..", "a/b", "a b", "a\\b", "x" * 80)}
    assert len(names) == 7
    assert folder_name("my suite-a") == "my_suite-a-" + folder_name("my suite_a")[-8:]


@given(st.permutations(range(6)))
def test_the_last_attempt_counts_whatever_the_order(order: list[int]) -> None:
    attempts = [msgspec.structs.replace(RECORDS[0], attempt=1 + each) for each in range(6)]

    assert last_attempts(attempts[each] for each in order) == {RECORDS[0].key: attempts[5]}


def test_of_two_records_alike_the_later_counts() -> None:
    later = msgspec.structs.replace(RECORDS[0], status="error")

    assert last_attempts([RECORDS[0], RECORDS[1], later]) == {
        RECORDS[0].key: later,
        RECORDS[1].key: RECORDS[1],
    }


def test_all_attempts_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    second = msgspec.structs.replace(RECORDS[0], attempt=2)
    run = written(tmp_path, RECORDS[0], RECORDS[1], second)

    assert read_run(run.folder).records == (RECORDS[0], RECORDS[1], second)


@pytest.mark.parametrize("name", ["run.json", "trials.jsonl"])
def test_a_run_is_read_by_one_of_its_files_too(tmp_path: Path, name: str) -> None:
    run = written(tmp_path, RECORDS[0])

    assert read_run(run.folder / name) == read_run(run.folder)


def test_a_run_without_records_is_fine(tmp_path: Path) -> None:
    run = stored(tmp_path)
    before = read_run(run.folder)
    (run.folder / "trials.jsonl").touch()

    assert read_run(run.folder) == before
    assert (before.records, before.notes) == ((), ())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, len(line(RECORDS[1])) - 2))
def test_a_torn_last_line_is_left_out_and_told(tmp_path: Path, cut: int) -> None:
    run = create_run(tmp_path, made_run(PLAN))
    path = run.folder / "trials.jsonl"
    path.write_bytes(line(RECORDS[0]) + line(RECORDS[1])[:cut])

    found = read_run(run.folder)

    assert found.records == (RECORDS[0],)
    assert found.notes == (f"{path}: line 2 is torn and was left out",)


@pytest.mark.parametrize(
    ("garbage", "told"),
    [
        (b"garbage", "is no record and was left out: JSON is malformed"),
        (b"{}", "is no record and was left out: object missing required field `key`"),
        (b"\x00\xff", "is no record and was left out: JSON is malformed"),
        (b'{"key": "\xff"}', "is no record and was left out: 'utf-8' codec can't decode"),
        (b"[" * 100_000, "is no record and was left out: expected `object`, got `array`"),
        (b'{"settings": {"a":' + b"[" * 100_000, "is no record and was left out: maximum recur"),
        (b'{"schema": 2, "what": 1}', "is of schema 2, and this bench-harness reads up to 1:"),
        (
            msgspec.json.encode(msgspec.structs.replace(RECORDS[1], schema=2)),
            "is of schema 2, and this bench-harness reads up to 1: upgrade with"
            " `pip install --upgrade bench-harness`; it was left out",
        ),
        (
            msgspec.json.encode(msgspec.structs.replace(RECORDS[1], schema=0)),
            "is of schema 0, which never was: the first is 1; it was left out",
        ),
    ],
)
def test_a_middle_line_that_is_no_record_is_told_and_the_rest_is_read(
    tmp_path: Path, garbage: bytes, told: str
) -> None:
    run = stored(tmp_path)
    path = run.folder / "trials.jsonl"
    path.write_bytes(line(RECORDS[0]) + garbage + b"\n\n" + line(RECORDS[2]))

    found = read_run(run.folder)

    assert found.records == (RECORDS[0], RECORDS[2])
    [note] = found.notes
    assert note.startswith(f"{path}: line 2 {told}")
    assert note.isprintable()


def test_a_record_that_repeats_an_attempt_is_told(tmp_path: Path) -> None:
    later = msgspec.structs.replace(RECORDS[0], status="error")
    run = written(tmp_path, RECORDS[0], RECORDS[1], later)

    assert read_run(run.folder).notes == (
        f"{run.folder / 'trials.jsonl'}: line 3 repeats attempt 1 of trial {later.key}: it counts",
    )


def test_records_of_no_planned_trial_are_told(tmp_path: Path) -> None:
    strangers = [msgspec.structs.replace(RECORDS[0], key=f"k{each}") for each in range(4)]
    run = written(tmp_path, *strangers)

    assert read_run(run.folder).notes == (
        f"{run.folder / 'trials.jsonl'}: 4 trials are in no plan and are not shown"
        " (k0, k1, k2, ...)",
    )


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"{tmp_path} is no run: it has no run.json"
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file") == f"{tmp_path / 'file'} is no run: it has no run.json"


def test_a_run_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"schema": 2, "new": true}')

    assert refused(tmp_path) == (
        f"{tmp_path / 'run.json'} is of schema 2, and this bench-harness reads up to 1:"
        " upgrade with `pip install --upgrade bench-harness`"
    )


def test_a_run_of_a_schema_that_never_was_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"schema": 0}')

    assert refused(tmp_path) == (
        f"{tmp_path / 'run.json'} is of schema 0, which never was: the first is 1"
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "input data was truncated"),
        (b"{}", "object missing required field `suite`"),
        (b"[]", "expected `object`, got `array`"),
    ],
)
def test_a_run_file_that_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "run.json").write_bytes(content)

    assert refused(tmp_path) == f"{tmp_path / 'run.json'} cannot be read: {told}"


@pytest.mark.parametrize("name", ["run.json", "trials.jsonl"])
def test_a_file_that_the_system_refuses_is_told(tmp_path: Path, name: str) -> None:
    run = stored(tmp_path)
    (run.folder / name).unlink(missing_ok=True)
    (run.folder / name).mkdir()

    assert refused(run.folder) == f"{run.folder / name} cannot be read: Is a directory"


@pytest.mark.parametrize(
    "plan",
    [
        msgspec.structs.replace(PLAN, cases=PLAN.cases[:1]),
        msgspec.structs.replace(
            PLAN, cases=(made_case({}, baseline=1), made_case({}, baseline=-1))
        ),
        msgspec.structs.replace(PLAN, expectations=(Expectation(text="", cases=(5,)),)),
        msgspec.structs.replace(
            PLAN, expectations=(Expectation(text="", cases=(0,), better_than=(2,)),)
        ),
    ],
)
def test_a_plan_that_names_a_case_it_has_not_is_refused(tmp_path: Path, plan: Plan) -> None:
    run = stored(tmp_path, plan)

    message = refused(run.folder)

    assert message.startswith(f"{run.folder / 'run.json'} cannot be read: it names case ")
    assert message.endswith(f", and has {len(plan.cases)}")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.data())
def test_flipped_bytes_are_read_or_refused_and_never_a_crash(
    tmp_path: Path, data: st.DataObject
) -> None:
    run_json = msgspec.json.encode(made_run(PLAN))
    trials = b"".join(map(line, RECORDS))
    content = bytearray(run_json + trials)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    (tmp_path / "run.json").write_bytes(content[: len(run_json)])
    (tmp_path / "trials.jsonl").write_bytes(content[len(run_json) :])

    try:
        found = read_run(tmp_path)
    except StoreError:
        return
    assert len(found.records) + len(found.notes) >= len(RECORDS) - 4


@given(st.binary())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_as_a_run_file_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)

    assert refused(tmp_path).startswith(f"{tmp_path / 'run.json'} cannot be read: ")


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


def test_a_run_file_needs_a_suite_and_a_plan_only() -> None:
    assert RunFile(suite="init", plan=PLAN).schema == 1


def test_results_that_the_system_refuses_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(StoreError) as caught:
        list_runs(tmp_path)
    assert str(caught.value) == f"{tmp_path} cannot be read: Permission denied"

"""Runs on disk: made, and read in whatever state they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import made_case, made_plan, made_record, made_run

from harness.errors import StoreError
from harness.numbers.metrics import MEANINGS, Meaning
from harness.records import store
from harness.records.journal import sync_folder
from harness.records.planned import Expectation, Plan
from harness.records.record import Record
from harness.records.runs import list_runs
from harness.records.store import (
    Journal,
    RunFile,
    StoredRun,
    create_run,
    folder_name,
    last_attempts,
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


def test_every_folder_that_is_made_is_synced_with_the_one_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []

    def noting(folder: Path) -> None:
        sync_folder(folder)
        synced.append(folder)

    monkeypatch.setattr(store, "sync_folder", noting)
    first = stored(tmp_path / "results" / "mine")
    made = [tmp_path, tmp_path / "results", tmp_path / "results" / "mine"]
    assert synced == [*made, first.folder, first.folder.parent]

    synced.clear()
    second = stored(tmp_path / "results" / "mine", token="aaaa")
    assert synced == [second.folder, second.folder.parent]


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


WITH_FIGURES = made_record(
    PLAN,
    0,
    0,
    metrics={"test_accuracy": 0.5, "host_peak_bytes": 7},
    curves={"train_loss": [2.0, 1.0]},
)


@pytest.mark.parametrize(
    ("metric", "written", "told", "reason"),
    [
        ("test_accuracy", "NaN", "nan, no number", "nan"),
        ("test_accuracy", "Infinity", "inf, no number", "inf"),
        ("test_accuracy", "-Infinity", "-inf, no number", "-inf"),
        ("test_accuracy", "1e999", "inf, no number", "inf"),
        ("mine", "1" + "0" * 400, "more than a number can be", None),
        ("test_accuracy", "1.5", "1.5, and a share lies between 0 and 1", None),
        ("data_wait_share", "-0.1", "-0.1, and a share lies between 0 and 1", None),
        ("host_peak_bytes", "-5", "-5 bytes, and it is never below 0", None),
        ("parameters", "-1", "-1, and it is never below 0", None),
        ("gpu_other_processes", "-1", "-1, and it is never below 0", None),
        ("wall_s", "0", "0 s, and it is always above 0", None),
        ("step_p50_s", "-0.25", "-0.25 s, and it is always above 0", None),
        ("train_samples_per_s", "0", "0 1/s, and it is always above 0", None),
    ],
)
def test_a_figure_that_cannot_be_is_missing_with_the_reason_and_noted(
    tmp_path: Path, metric: str, written: str, told: str, reason: str | None
) -> None:
    run = stored(tmp_path)
    text = msgspec.json.encode(msgspec.structs.replace(WITH_FIGURES, metrics={})).decode()
    figure = f'"metrics":{{"{metric}":{written}}}'
    (run.folder / "trials.jsonl").write_text(text.replace('"metrics":{}', figure) + "\n")

    found = read_run(run.folder)

    (record,) = found.records
    assert record.metrics[metric] is None
    assert record.missing == {metric: f"it was recorded as {reason or told}"}
    assert found.notes == (
        f"{run.folder / 'trials.jsonl'}: line 1: {metric} is {told}; it counts as missing",
    )
    assert record.curves == WITH_FIGURES.curves
    assert [each.statuses for each in list_runs(tmp_path)] == [{"ok": 1}]


def test_points_of_a_curve_that_are_no_numbers_are_missing_and_noted(tmp_path: Path) -> None:
    run = stored(tmp_path)
    text = msgspec.json.encode(WITH_FIGURES).decode().replace("[2.0,1.0]", "[NaN,1.0]")
    (run.folder / "trials.jsonl").write_text(text + "\n")

    found = read_run(run.folder)

    assert found.records == (
        msgspec.structs.replace(WITH_FIGURES, curves={"train_loss": [None, 1.0]}),
    )
    assert found.notes == (
        f"{run.folder / 'trials.jsonl'}: line 1: points of the curve of train_loss are no numbers;"
        " they count as missing",
    )


@pytest.mark.parametrize(
    "figures",
    [
        {"test_loss": -3.0, "mine": -1e300, "mine/layer": -0.0},
        {"data_wait_share": 0, "test_accuracy": 1, "gpu_throttled_share": 1.0},
        {"host_peak_bytes": 0, "gpu_other_processes": 3, "gpu_power_w": 0.0},
        dict.fromkeys(MEANINGS),
    ],
)
def test_figures_that_can_be_are_read_as_they_are(
    tmp_path: Path, figures: dict[str, float | None]
) -> None:
    record = msgspec.structs.replace(WITH_FIGURES, metrics=figures)

    found = read_run(written(tmp_path, record).folder)

    assert (found.records, found.notes) == ((record,), ())


@pytest.mark.parametrize(
    "content", [b"[NaN]", b'{"metrics":NaN}', b'{"metrics":{"a":NaN}}', b"NaN"]
)
def test_what_is_no_record_stays_none_though_it_has_gaps(tmp_path: Path, content: bytes) -> None:
    run = stored(tmp_path)
    (run.folder / "trials.jsonl").write_bytes(content + b"\n")

    found = read_run(run.folder)

    assert found.records == ()
    assert len(found.notes) == 1
    assert "line 1 is no record and was left out: " in found.notes[0]


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


@pytest.mark.parametrize("claim", ["better_than", "same_as"])
def test_a_claim_without_a_case_for_each_of_its_own_is_refused(tmp_path: Path, claim: str) -> None:
    claims: dict[str, Any] = {claim: ()}
    expected = Expectation(text="", cases=(0,), **claims)
    run = stored(tmp_path, msgspec.structs.replace(PLAN, expectations=(expected,)))

    assert refused(run.folder) == (
        f"{run.folder / 'run.json'} cannot be read: expectation 0 compares 1 cases with 0"
    )


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


def test_a_run_file_needs_a_suite_and_a_plan_only() -> None:
    assert RunFile(suite="init", plan=PLAN).schema == 1

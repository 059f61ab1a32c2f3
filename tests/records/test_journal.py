"""Appending records: whole on the disk or not at all, by one process at a time."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import made_case, made_plan, made_record

from harness.errors import StoreError
from harness.records.journal import Journal, Tail, encoded, is_held, is_record
from harness.records.record import Record

PLAN = made_plan(made_case({"init": "normal"}), seeds=range(9))
RECORDS = [made_record(PLAN, 0, seed) for seed in range(9)]
LINES = [encoded(each) + b"\n" for each in RECORDS]


def written(folder: Path) -> list[Record]:
    lines = (folder / "trials.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(each, type=Record) for each in lines]


def refused(folder: Path) -> str:
    with pytest.raises(StoreError) as caught:
        Journal(folder)
    return str(caught.value)


def test_records_are_appended_in_order(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append(RECORDS[0])
        journal.append(RECORDS[1])

        assert written(tmp_path) == RECORDS[:2]
        assert journal.notes == ()


def test_an_opened_journal_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    for record in RECORDS[:3]:
        with Journal(tmp_path) as journal:
            journal.append(record)

    assert written(tmp_path) == RECORDS[:3]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, len(LINES[1]) - 2))
def test_a_torn_last_line_is_cut_off_and_told(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_bytes(LINES[0] + LINES[1][:cut])

    with Journal(tmp_path) as journal:
        journal.append(RECORDS[2])

    assert journal.notes == (f"{path}: line 2 was torn and has been cut off",)
    assert written(tmp_path) == [RECORDS[0], RECORDS[2]]


def test_a_whole_last_record_without_its_newline_is_kept(tmp_path: Path) -> None:
    (tmp_path / "trials.jsonl").write_bytes(LINES[0] + LINES[1].rstrip())

    with Journal(tmp_path) as journal:
        journal.append(RECORDS[2])

    assert journal.notes == ()
    assert written(tmp_path) == RECORDS[:3]


def test_a_second_journal_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with Journal(tmp_path, ["bench", "run", "--suite", "init"]):
        message = refused(tmp_path)

    assert message == (
        f"{tmp_path} is being written by process {os.getpid()} (bench run --suite init):"
        " wait until it ends"
    )


def test_a_closed_journal_lets_the_next_one_in(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.close()
    first.close()

    with Journal(tmp_path) as second:
        second.append(RECORDS[0])

    with pytest.raises(StoreError) as caught:
        first.append(RECORDS[1])
    assert str(caught.value) == f"{first.path} cannot be written: it is closed"


def test_the_death_of_a_process_frees_its_folder(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from harness.records.journal import Journal;"
        " held = Journal(Path(sys.argv[1]), ['bench', 'run']); print('held', flush=True);"
        " time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        message = refused(tmp_path)
        other.send_signal(signal.SIGKILL)
        other.wait()

    assert message == (
        f"{tmp_path} is being written by process {other.pid} (bench run): wait until it ends"
    )
    Journal(tmp_path).close()


def test_a_command_of_hostile_text_is_escaped_and_cut(tmp_path: Path) -> None:
    with Journal(tmp_path, ["bench\x1b[31m\n", "x" * 10_000]):
        message = refused(tmp_path)

    assert message.isprintable()
    assert "bench\\u001b[31m\\n xxx" in message
    assert len(message) < len(str(tmp_path)) + 300


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_line_that_the_disk_cannot_take_is_cut_off_again(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append(RECORDS[0])
        with file_size_limit(len(LINES[0]) + 20), pytest.raises(StoreError) as caught:
            journal.append(RECORDS[1])
        after = written(tmp_path)
        journal.append(RECORDS[2])

    assert str(caught.value) == f"{journal.path} cannot be written: File too large"
    assert after == RECORDS[:1]
    assert written(tmp_path) == [RECORDS[0], RECORDS[2]]


def failing(error: BaseException) -> Callable[..., None]:
    def call(*arguments: object) -> None:
        raise error

    return call


def test_a_rest_that_cannot_be_cut_off_at_once_is_cut_off_before_the_next_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(28, "No space left on device")
    with Journal(tmp_path) as journal:
        with monkeypatch.context() as broken:
            broken.setattr("os.fsync", failing(full))
            broken.setattr("os.ftruncate", failing(full))
            with pytest.raises(StoreError) as caught:
                journal.append(RECORDS[0])
        journal.append(RECORDS[1])

    assert str(caught.value) == f"{journal.path} cannot be written: No space left on device"
    assert written(tmp_path) == [RECORDS[1]]


def test_an_interrupt_behind_the_last_byte_leaves_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal(tmp_path) as journal:
        with monkeypatch.context() as broken:
            broken.setattr("os.fsync", failing(KeyboardInterrupt()))
            with pytest.raises(KeyboardInterrupt):
                journal.append(RECORDS[0])
        journal.append(RECORDS[1])

    assert written(tmp_path) == RECORDS[:2]


def test_an_interrupt_within_a_line_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def interrupted(file: int, content: bytes) -> int:
        write(file, content[:10])
        raise KeyboardInterrupt

    with Journal(tmp_path) as journal:
        with monkeypatch.context() as broken:
            broken.setattr("os.write", interrupted)
            with pytest.raises(KeyboardInterrupt):
                journal.append(RECORDS[0])
        journal.append(RECORDS[1])

    assert written(tmp_path) == [RECORDS[1]]


def test_a_folder_that_was_removed_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with Journal(folder) as journal:
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()
        with pytest.raises(StoreError) as caught:
            journal.append(RECORDS[0])

    assert str(caught.value) == (
        f"{journal.path} cannot be written: it was removed while the run went on"
    )


def test_a_folder_that_was_moved_is_told_before_anything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with Journal(folder) as journal:
        journal.append(RECORDS[0])
        folder.rename(tmp_path / "elsewhere")
        with pytest.raises(StoreError) as caught:
            journal.append(RECORDS[1])
        (tmp_path / "elsewhere").rename(folder)
        journal.append(RECORDS[2])

    assert str(caught.value) == (
        f"{journal.path} cannot be written: it was moved while the run went on"
    )
    assert written(folder) == [RECORDS[0], RECORDS[2]]


def test_another_file_in_the_place_of_the_journal_is_not_taken_for_it(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.path.rename(tmp_path / "older")
        journal.path.touch()
        with pytest.raises(StoreError):
            journal.append(RECORDS[0])

    assert (journal.path.read_bytes(), (tmp_path / "older").read_bytes()) == (b"", b"")


def test_a_folder_that_is_absent_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "absent"

    assert refused(folder) == (
        f"{folder / 'trials.jsonl'} cannot be written: No such file or directory"
    )


def test_a_file_system_without_locks_is_written_to_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", failing(OSError(95, "Operation not supported")))

    with Journal(tmp_path) as journal:
        journal.append(RECORDS[0])

    assert written(tmp_path) == RECORDS[:1]


def test_what_utf_8_cannot_hold_is_escaped() -> None:
    found = encoded({"\ud800": ["a\udcff", ("ü", 1)]})

    assert msgspec.json.decode(found) == {"\\ud800": ["a\\udcff", ["ü", 1]]}


@given(st.binary(max_size=200))
def test_bytes_at_random_are_no_record(line: bytes) -> None:
    assert not is_record(line)


def test_a_tail_reads_each_record_once_when_its_line_is_whole(tmp_path: Path) -> None:
    tail = Tail(tmp_path)
    assert tail.read() == []

    with (tmp_path / "trials.jsonl").open("ab", buffering=0) as file:
        file.write(LINES[0] + LINES[1][:40])
        assert tail.read() == RECORDS[:1]
        assert tail.read() == []
        file.write(LINES[1][40:] + b"garbage \xff\n" + LINES[2])

    assert tail.read() == RECORDS[1:3]


def test_a_tail_goes_on_where_a_torn_line_was_cut_off(tmp_path: Path) -> None:
    tail = Tail(tmp_path)
    (tmp_path / "trials.jsonl").write_bytes(LINES[0] + LINES[1][:40])
    assert tail.read() == RECORDS[:1]

    with Journal(tmp_path) as journal:
        journal.append(RECORDS[2])

    assert tail.read() == RECORDS[2:3]


def test_a_run_is_held_while_its_journal_is_open(tmp_path: Path) -> None:
    assert is_held(tmp_path) is False
    with Journal(tmp_path):
        assert is_held(tmp_path) is True

    assert is_held(tmp_path) is False
    with Journal(tmp_path):  # asking took no lock of its own
        pass


def test_where_locks_are_not_kept_nobody_knows_who_holds_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    with Journal(tmp_path):
        monkeypatch.setattr(fcntl, "flock", unsupported)

        assert is_held(tmp_path) is None

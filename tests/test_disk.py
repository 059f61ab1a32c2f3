"""Disks that are full, read-only, limited or gone, files that are damaged: the real command."""

from __future__ import annotations

import errno
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness import session
from harness.errors import BenchError
from harness.planning.overrides import parse_override
from harness.records.journal import Journal
from harness.running import execute

SWEEP = ("model=two_layers", "dataset=few", "optimizer=sgd", "epochs=1", "lr=0.1,0.2")
KIB = 1 << 10


def mounted(place: Path, *options: str) -> None:
    place.mkdir(exist_ok=True)
    command = ["mount", *options, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a small disk of memory."""
    place = tmp_path / "disk"

    def mount(options: str) -> Path:
        mounted(place, "-t", "tmpfs", "-o", options, "tmpfs")
        return place

    if shutil.which("mount") is None:
        pytest.skip("there is no mount command here")
    yield mount
    subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


@pytest.fixture
def copied(smoke: Any, tmp_path: Path) -> Path:
    """A copy of the run `smoke`, which a test may damage."""
    target = tmp_path / "results" / "smoke" / smoke.folder.name
    shutil.copytree(smoke.folder, target)
    return target


def told(error: str) -> int:
    """Count the trials that were shown as ended."""
    return sum(each.startswith("[") for each in error.splitlines())


def test_a_full_disk_ends_a_run_with_every_trial_that_was_shown_and_it_is_resumed_with_room(
    bench: Callable[..., Any],
    disk: Callable[[str], Path],
    tiny: Path,
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    place = disk("size=256k")
    (place / "filler").write_bytes(bytes(256 * KIB - 48 * KIB))

    ended = bench("run", "-p", tiny, *SWEEP, "--seeds", "6", "--results", place)

    [folder] = place.glob("*/*/")
    kept = reading(folder)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.splitlines()[-1] == (
        f"bench: {folder / 'trials.jsonl'} cannot be written: No space left on device"
    )
    assert 2 <= len(kept) == told(ended.err) < 12
    assert (folder / "trials.jsonl").read_bytes().endswith(b"}\n")
    assert ended.left() == []

    shown = bench("show", "--results", place)
    assert (shown.code, shown.err) == (0, "")
    assert "not run" in shown.out

    (place / "filler").unlink()
    resumed = bench("resume", "--results", place)
    assert resumed.code == 0
    assert reading(folder)[: len(kept)] == kept
    assert len(reading(folder)) == 12


def test_a_disk_that_takes_no_more_weights_ends_a_run_and_it_is_resumed_with_room(
    bench: Callable[..., Any],
    disk: Callable[[str], Path],
    tiny: Path,
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    place = disk("size=256k")
    given = ("model=mlp[hidden=[100,100]]", *SWEEP[1:4], "--seeds", "6", "--keep-weights")

    ended = bench("run", "-p", tiny, *given, "--results", place)

    [folder] = place.glob("*/*/")
    kept = reading(folder)
    weights = {each.name for each in (folder / "weights").iterdir()}
    assert (ended.code, ended.out, ended.left()) == (2, "", [])
    assert re.fullmatch(
        rf"bench: {folder}/weights/[0-9a-f]{{16}}-1\.pt cannot be written: No space left on device",
        ended.err.splitlines()[-1],
    )
    assert weights == {f"{each['key']}-1.pt" for each in kept}
    assert 2 <= len(kept) < 6

    subprocess.run(["mount", "-o", "remount,size=4m", str(place)], check=True)
    resumed = bench("resume", "--results", place)
    assert resumed.code == 0
    assert reading(folder)[: len(kept)] == kept
    assert len(list((folder / "weights").iterdir())) == len(reading(folder)) == 6


def test_a_disk_without_room_for_the_run_itself_leaves_no_half_of_one(
    bench: Callable[..., Any], disk: Callable[[str], Path], tiny: Path
) -> None:
    place = disk("size=4k")

    ended = bench("run", "-p", tiny, *SWEEP, "--seeds", "30", "--results", place)

    assert ended.code == 2
    assert ended.err == f"bench: {place / 'sweep'} cannot hold a run: No space left on device\n"
    assert list(place.glob("*/*")) == []


def test_a_merge_that_the_disk_cannot_take_leaves_no_half_of_a_run(
    bench: Callable[..., Any], disk: Callable[[str], Path], smoke: Any
) -> None:
    place = disk("size=12k")

    ended = bench("merge", smoke.folder, smoke.folder, "--results", place)

    assert ended.code == 2
    assert ended.err.endswith("trials.jsonl cannot be written: No space left on device\n")
    assert list(place.glob("*/*")) == []


def test_data_that_the_disk_cannot_take_fails_its_own_trials_and_leaves_room_for_the_others(
    bench: Callable[..., Any],
    disk: Callable[[str], Path],
    tiny: Path,
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    place = disk("size=128k")

    ended = bench(
        "run", "-p", tiny, *SWEEP[:4], "dataset.rows=64,40000", "--seeds", "2", "--results", place
    )

    [folder] = place.glob("*/*/")
    found = {(each["settings"]["dataset.rows"], each["status"]) for each in reading(folder)}
    reasons = {each["reason"] for each in reading(folder) if each["status"] == "error"}
    assert ended.code == 3
    assert found == {(64, "ok"), (40000, "error")}
    [reason] = reasons
    assert reason.startswith("loading dataset few: OSError: [Errno 28] No space left on device (")


def test_a_disk_that_takes_no_more_files_is_told(
    bench: Callable[..., Any], disk: Callable[[str], Path], tiny: Path
) -> None:
    place = disk("nr_inodes=6")  # the disk, two folders, run.json, lock, trials.jsonl

    ended = bench("run", "-p", tiny, *SWEEP, "--results", place)

    [folder] = place.glob("*/*/")
    assert ended.code == 2
    assert ended.err == f"bench: {folder / 'data'} cannot be made: No space left on device\n"
    assert ended.left() == []


def test_a_read_only_folder_is_read_and_not_run_into(
    bench: Callable[..., Any], disk: Callable[[str], Path], tmp_path: Path, smoke: Any, tiny: Path
) -> None:
    place = disk("size=1m")
    shutil.copytree(smoke.cwd / "results", place, dirs_exist_ok=True)
    mounted(place, "-o", "remount,ro")
    given = ("--results", place)

    refused = bench("run", "-p", tiny, *SWEEP, *given)

    assert refused.code == 2
    assert refused.err == f"bench: {place / 'sweep'} cannot hold a run: Read-only file system\n"
    assert bench("show", *given).out == bench("show", cwd=smoke.cwd).out
    assert bench("resume", *given).code == 0
    assert "4 of 4: ok 4" in bench("list", "runs", *given).out

    [run] = place.glob("*/*/")
    mounted(place, "-o", "remount,rw")
    trials = run / "trials.jsonl"
    trials.write_bytes(b"".join(trials.read_bytes().splitlines(keepends=True)[:-1]))
    mounted(place, "-o", "remount,ro")
    unfinished = bench("resume", *given)
    assert unfinished.code == 2
    assert unfinished.err == f"bench: {trials} cannot be written: Read-only file system\n"


def limited(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_limit_on_the_size_of_files_ends_a_run_as_a_full_disk_does(
    bench: Callable[..., Any],
    tiny: Path,
    tmp_path: Path,
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # its own file would not fit
    given = ("run", "-p", tiny, *SWEEP, "--seeds", "6")

    early = bench(*given, preexec_fn=limited(1000))
    assert early.code == 2
    assert early.err == "bench: results/sweep cannot hold a run: File too large\n"
    assert list(tmp_path.glob("results/*/*")) == []

    ended = bench(*given, preexec_fn=limited(20_000))
    folder = only_run(tmp_path)
    assert ended.code == 2
    assert ended.err.splitlines()[-1] == (
        f"bench: {folder.relative_to(tmp_path)}/trials.jsonl cannot be written: File too large"
    )
    assert 2 <= len(reading(folder)) == told(ended.err) < 12
    assert (folder / "trials.jsonl").read_bytes().endswith(b"}\n")


def test_a_results_folder_that_is_removed_ends_the_run_and_stays_removed(
    start: Callable[..., Any], tiny: Path, tmp_path: Path, only_run: Callable[[Path], Path]
) -> None:
    started = start("run", "-p", tiny, "model=slow", *SWEEP[1:4], "--seeds", "6")
    assert started.process.stderr.readline().startswith("[1/6]")
    folder = only_run(tmp_path).relative_to(tmp_path)
    shutil.rmtree(tmp_path / "results", ignore_errors=True)
    ended = started.end()

    assert ended.code == 2
    assert ended.err.splitlines()[-1] == (
        f"bench: {folder}/trials.jsonl cannot be written: it was removed while the run went on"
    )
    assert "error" not in ended.err
    assert ended.left() == []
    assert not (tmp_path / "results").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_streams_on_a_full_disk_end_no_run_and_a_lost_table_is_no_success(
    start: Callable[..., Any],
    tiny: Path,
    tmp_path: Path,
    smoke: Any,
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    with Path("/dev/full").open("w") as full:
        ended = start("run", "-p", tiny, *SWEEP, "--seeds", "1", stdout=full, stderr=full).end()
        shown = start("show", cwd=smoke.cwd, stdout=full).end()

    assert ended.code == shown.code == 2
    assert [each["status"] for each in reading(only_run(tmp_path))] == ["ok", "ok"]
    assert shown.err == "bench: stdout could not be written: No space left on device\n"


def test_a_run_under_nohup_outlives_its_terminal_and_bears_closed_streams(
    start: Callable[..., Any],
    tiny: Path,
    tmp_path: Path,
    patiently: Callable[..., bool],
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    def closed() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
        os.close(0)
        os.close(1)

    ours, theirs = pty.openpty()
    started = start(
        "run", "-p", tiny, "model=slow", *SWEEP[1:4], "--seeds", "4",
        stdout=None, stderr=theirs, preexec_fn=closed,
    )  # fmt: skip
    os.close(theirs)
    assert patiently((tmp_path / "building").exists)
    started.send(signal.SIGHUP)
    os.close(ours)

    assert started.end().code == 0
    assert [each["status"] for each in reading(only_run(tmp_path))] == ["ok"] * 4


def test_damaged_lines_are_told_by_file_and_line_and_their_trials_are_run_again(
    bench: Callable[..., Any], copied: Path, reading: Callable[[Path], list[dict[str, Any]]]
) -> None:
    path = copied / "trials.jsonl"
    lines = path.read_bytes().splitlines()
    newer = lines[1].replace(b'"schema":1', b'"schema":7')
    damaged = b"\n".join([lines[0], b"\x1b[31m garbage \xff", newer, lines[2], lines[2], b'{"sch'])
    path.write_bytes(damaged)
    where = path.relative_to(copied.parents[2])

    shown = bench("show")
    assert shown.code == 0
    notes = shown.err.splitlines()
    beginnings = [
        f"note: {where}: line 2 is no record and was left out: ",
        f"note: {where}: line 3 is of schema 7, and this bench-harness reads up to 1:",
        f"note: {where}: line 5 repeats attempt 1 of trial ",
        f"note: {where}: line 6 is torn and was left out",
    ]
    assert [each[: len(start)] for each, start in zip(notes, beginnings, strict=True)] == beginnings
    assert "not run" in shown.out

    resumed = bench("resume")
    assert resumed.code == 0
    assert path.read_bytes().startswith(damaged.removesuffix(b'{"sch'))
    assert f"note: {where}: line 6 was torn and has been cut off" in resumed.err.splitlines()
    assert "not run" not in resumed.out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "{run} is no run: it has no run.json"),
        (b"", "{run}/run.json cannot be read: input data was truncated"),
        (b'{"schema": 2}', "{run}/run.json is of schema 2, and this bench-harness reads up to 1:"),
        (b'{"schema": 0}', "{run}/run.json is of schema 0, which never was: the first is 1"),
    ],
    ids=["absent", "empty", "newer", "older"],
)
def test_a_run_that_cannot_be_read_is_refused_by_name_and_stays_in_the_list(
    bench: Callable[..., Any], copied: Path, tmp_path: Path, content: bytes | None, told: str
) -> None:
    if content is None:
        (copied / "run.json").unlink()
    else:
        (copied / "run.json").write_bytes(content)
    before = (copied / "trials.jsonl").read_bytes()

    shown, listed = bench("show"), bench("list", "runs", "--format", "json")

    told = told.format(run=copied.relative_to(tmp_path))
    assert shown.code == 2
    assert shown.err.startswith(f"bench: {told}")
    [row] = listed.json["runs"]
    assert row["error"].startswith(told)
    assert (copied / "trials.jsonl").read_bytes() == before


def test_records_that_are_no_file_yet_are_a_run_that_waits(
    bench: Callable[..., Any], copied: Path
) -> None:
    (copied / "trials.jsonl").write_bytes(b"")

    shown = bench("show")

    assert (shown.code, shown.err) == (0, "")
    assert shown.out.count("not run 2") == 2


class Refusing:
    """A runner that the machine does not let start."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def start(self) -> None:
        raise self.error

    def close(self) -> None:
        pass


class Silent:
    def begun(self, total: int, done: int) -> None:
        pass

    def note(self, text: str) -> None:
        pass


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            FileNotFoundError(errno.ENOENT, "No usable temporary directory found"),
            "the process that starts trials could not start: [Errno 2] No usable temporary"
            " directory found",
        ),
        (
            psutil.NoSuchProcess(7),
            "no processes can be seen here (process no longer exists (pid=7)): mount /proc, or"
            " train with --in-process",
        ),
    ],
)
def test_a_machine_that_lets_no_trials_start_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path, error: Exception, told: str
) -> None:
    def opened(*arguments: object, **more: object) -> Any:
        return Refusing(error)

    monkeypatch.setattr(execute, "open_runner", opened)
    loaded = session.load_all(session.Places(file=None, plugins=[str(tiny)]))
    asked = session.Asked(overrides=[parse_override(each) for each in SWEEP])
    plan = session.plan_asked(asked, loaded)
    conditions = execute.Conditions(
        registry=loaded.registry,
        plugins=loaded.plugins,
        folder=tmp_path,
        data_root=tmp_path,
        environment={},
    )

    watcher: Any = Silent()
    with Journal(tmp_path) as journal, pytest.raises(BenchError) as caught:
        execute.execute(plan, [(plan.trials[0], 1)], conditions, journal, watcher)

    assert str(caught.value) == told

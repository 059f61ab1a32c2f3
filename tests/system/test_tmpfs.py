"""Files that lie in memory: which count for a tree of processes, and how often."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.system.limits import tree_bytes
from harness.system.tmpfs import WrittenFiles, now_ns, remove_shared

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tmpfs and memfd are Linux's")

MIB = 1 << 20
OWN = os.getpid()


@pytest.fixture
def shm(tmp_path: Path) -> Iterator[Path]:
    """A name in /dev/shm that is free again afterwards."""
    path = Path("/dev/shm") / f"bench-tests-{OWN}-{time.monotonic_ns()}"
    if not os.path.ismount("/dev/shm"):
        pytest.skip("no tmpfs is mounted at /dev/shm")
    yield path
    path.unlink(missing_ok=True)


@contextmanager
def memfd(size: int) -> Iterator[int]:
    file = os.memfd_create("bench-tests")
    try:
        for _ in range(size // MIB):  # all at once would leave a hole of that size in the heap
            os.write(file, bytes(MIB))
        yield file
    finally:
        os.close(file)


def held(files: WrittenFiles) -> int:
    return sum(files.held([OWN]).values())


def test_a_memfd_counts_while_it_is_open_though_nobody_maps_it() -> None:
    files = WrittenFiles(now_ns())

    with memfd(2 * MIB), memfd(3 * MIB):
        assert held(files) == 5 * MIB
    assert held(files) == 0


def test_a_file_that_two_descriptors_and_two_processes_hold_counts_once() -> None:
    files = WrittenFiles(now_ns())

    with memfd(2 * MIB) as file, ExitStack() as stack:
        stack.callback(os.close, os.dup(file))
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        process = stack.enter_context(subprocess.Popen(command, pass_fds=[file]))
        stack.callback(process.kill)

        assert sum(files.held([OWN, process.pid]).values()) == 2 * MIB


def test_what_was_reserved_and_not_written_takes_nothing() -> None:
    files = WrittenFiles(now_ns())

    with memfd(0) as file:
        os.ftruncate(file, 100 * MIB)
        assert held(files) == 0


def test_a_file_counts_after_it_was_closed_as_long_as_it_has_its_name(shm: Path) -> None:
    files = WrittenFiles(now_ns())

    with shm.open("wb") as file:
        file.write(bytes(MIB))
        file.flush()
        assert held(files) == MIB
    assert held(files) == MIB
    shm.unlink()
    assert held(files) == 0
    shm.write_bytes(bytes(2 * MIB))  # another file, which nobody was seen to hold
    assert held(files) == 0


def test_a_file_of_others_is_not_the_tree_s(shm: Path) -> None:
    shm.write_bytes(bytes(MIB))
    time.sleep(0.02)  # the clock of files ticks every few milliseconds
    files = WrittenFiles(now_ns())

    with shm.open("r+b") as older:
        assert held(files) == 0
        older.write(b"x")
        older.flush()
        assert held(files) == MIB
    with shm.open("rb"):
        assert held(WrittenFiles(0)) == 0  # it is only read


def test_what_is_mapped_counts_once_and_what_others_wrote_not_at_all(shm: Path) -> None:
    shm.write_bytes(bytes(70 * MIB))
    time.sleep(0.02)
    files, before = WrittenFiles(now_ns()), tree_bytes(OWN, 0)

    with ExitStack() as stack:
        file = stack.enter_context(memfd(40 * MIB))
        foreign = stack.enter_context(shm.open("r+b")).fileno()
        maps = [
            mmap.mmap(file, 40 * MIB),
            mmap.mmap(-1, 20 * MIB),
            mmap.mmap(foreign, 70 * MIB, access=mmap.ACCESS_READ),
        ]
        for each in maps:
            stack.enter_context(each)
            for place in range(0, len(each), mmap.PAGESIZE):
                _ = each[place]
        stack.enter_context(memfd(30 * MIB))
        taken = tree_bytes(OWN, 0, files) - before

    assert 85 * MIB < taken < 105 * MIB  # 40, 20 and 30, and what Python takes meanwhile


def test_files_of_a_disk_are_not_looked_at(tmp_path: Path) -> None:
    files = WrittenFiles(0, fake(tmp_path, "1 1 0:5 / /data rw - ext4 /dev/vda rw"))

    assert files.held([7]) == {}


def test_mount_points_are_read_with_their_spaces(tmp_path: Path) -> None:
    place = tmp_path / "a b"
    place.mkdir()
    (place / "written").write_bytes(bytes(MIB))
    shown = str(place).replace(" ", r"\040")
    proc = fake(tmp_path, f"1 1 0:5 / {shown} rw - tmpfs tmpfs rw\nno line of it")
    (proc / "7/fd").mkdir(parents=True)
    (proc / "7/fdinfo").mkdir()
    (proc / "7/fd/4").symlink_to(place / "written")
    (proc / "7/fdinfo/4").write_text("pos:\t0\nflags:\t0100001\n")
    (proc / "7/fd/5").symlink_to(tmp_path / "elsewhere")

    assert list(WrittenFiles(0, proc).held([7, 8]).values()) == [MIB]
    assert WrittenFiles(now_ns() + 10**12, proc).held([7]) == {}


def fake(folder: Path, mounts: str) -> Path:
    proc = folder / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "self/mountinfo").write_text(mounts + "\n")
    return proc


def test_without_proc_nothing_is_seen(tmp_path: Path) -> None:
    files = WrittenFiles(0, tmp_path)

    assert files.held([OWN]) == {}
    assert files.mapped([OWN], {}) == 0


def test_the_clock_of_files_goes_on_where_there_is_no_memfd(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: str) -> int:
        raise OSError

    before = now_ns()
    monkeypatch.setattr(os, "memfd_create", refuse)

    assert abs(now_ns() - before) < 3600 * 10**9


def test_what_torch_shared_between_dead_processes_is_removed_and_nothing_else(
    tmp_path: Path,
) -> None:
    dead = ["torch_17_123_0", "torch_17_124_1", "torch_18_5_0"]
    others = ["torch_171_123_0", "torch_19_1_0", "sem.17", "bench_17_1_0", "torch_old"]
    for each in (*dead, *others):
        (tmp_path / each).touch()

    remove_shared([17, 18], now_ns() - 10**10, tmp_path)

    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(others)


def test_what_was_there_before_the_processes_is_not_theirs(tmp_path: Path) -> None:
    (tmp_path / "torch_17_123_0").touch()

    remove_shared([17], now_ns() + 10**10, tmp_path)
    remove_shared([17], 0, tmp_path / "nowhere")

    assert (tmp_path / "torch_17_123_0").exists()

"""Limits of memory: what the kernel is asked for, and what a tree of processes is said to take."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from harness.system.limits import limit_private_memory, own_bytes, tree_bytes

KIB, MIB = 1 << 10, 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="what is read and limited is Linux's")

LIMITED = """
import os, sys
from harness.system.limits import limit_private_memory, own_bytes
MIB = 1 << 20
kept = b"x" * (100 * MIB)
before = own_bytes()
assert before >= 100 * MIB, before
{before}
if os.fork() == 0:
    assert limit_private_memory(64 * MIB)
    assert os.fork() or fits(32) and not fits(80) and not os._exit(7)
    _, status = os.wait()
    os._exit(os.waitstatus_to_exitcode(status) if not fits(80) else 1)
_, status = os.wait()
assert fits(200)
sys.exit(os.waitstatus_to_exitcode(status))
"""
FITS = """
def fits(size):
    try:
        return len(b"x" * (size * MIB)) > 0
    except MemoryError:
        return False
"""
HARD = "import resource; resource.setrlimit(resource.RLIMIT_DATA, (160 * MIB, 160 * MIB))"

SHARING = """
import mmap, os, sys, time
MIB = 1 << 20
inherited = bytearray(b"x") * (40 * MIB)
shared = mmap.mmap(-1, 30 * MIB)
shared.write(b"x" * (30 * MIB))
forks = int(sys.argv[1])
for place in range(forks):
    if os.fork() == 0:
        own = bytearray(b"x") * (10 * MIB)
        os.write(1, b"!")
        time.sleep(600)
os.write(1, b"!")
time.sleep(600)
"""


def ran(code: str) -> int:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode


@linux
def test_a_process_and_its_forks_may_take_so_much_over_what_they_inherit_and_no_more() -> None:
    assert ran(LIMITED.format(before=FITS)) == 7


@linux
def test_a_limit_that_stands_already_is_not_raised() -> None:
    code = (
        "import resource\nfrom harness.system.limits import limit_private_memory\nMIB = 1 << 20\n"
        f"{HARD}\nassert limit_private_memory(1000 * MIB)\n"
        "print(resource.getrlimit(resource.RLIMIT_DATA) == (160 * MIB, 160 * MIB))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "True\n"


def test_elsewhere_no_limit_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    assert limit_private_memory(1) is False


@linux
def test_without_proc_no_limit_is_taken_and_nothing_is_seen(tmp_path: Path) -> None:
    assert limit_private_memory(1, tmp_path) is False
    assert own_bytes(tmp_path) == 0
    assert tree_bytes(os.getpid(), 0, proc=tmp_path) == 0


@pytest.fixture
def alone() -> Iterator[int]:
    """The id of a process that has no children."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def pair() -> Iterator[tuple[int, int]]:
    """The ids of a process and of its only child."""
    with ExitStack() as stack:
        process = stack.enter_context(sharing(1))
        stack.callback(end, process)
        [child] = psutil.Process(process.pid).children()
        yield process.pid, child.pid


def sharing(forks: int) -> subprocess.Popen[bytes]:
    """Start a process of 40 MiB, 30 MiB shared, with forks that take 10 MiB each."""
    command = [sys.executable, "-c", SHARING, str(forks)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(forks + 1):
        assert process.stdout.read(1) == b"!"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    for each in psutil.Process(process.pid).children():
        each.kill()
    process.kill()


def status(folder: Path, **fields_kib: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{name}:\t{value:>8} kB\n" for name, value in fields_kib.items()]
    (folder / "status").write_text("Name:\tpython\n" + "".join(lines) + "Threads:\t1\n")


def rollup(folder: Path, **fields_kib: int) -> None:
    lines = [f"{name}:{value:>15} kB\n" for name, value in fields_kib.items()]
    (folder / "smaps_rollup").write_text("00400000-7ffd ---p [rollup]\n" + "".join(lines))


def test_own_memory_is_the_anonymous_one(tmp_path: Path) -> None:
    status(tmp_path / "self", VmData=900, RssAnon=300, RssFile=50, RssShmem=7)

    assert own_bytes(tmp_path) == 300 * KIB


def test_one_process_takes_what_is_anonymous_shared_or_swapped_over_what_it_inherited(
    alone: int, tmp_path: Path
) -> None:
    status(tmp_path / str(alone), RssAnon=300, RssFile=5000, RssShmem=20, VmSwap=1, VmData=9000)

    assert tree_bytes(alone, 100 * KIB, proc=tmp_path) == 221 * KIB
    assert tree_bytes(alone, 900 * KIB, proc=tmp_path) == 20 * KIB


def test_of_several_processes_each_page_counts_by_its_share(
    pair: tuple[int, int], tmp_path: Path
) -> None:
    for pid, own in zip(pair, (100, 40), strict=True):
        status(tmp_path / str(pid), RssAnon=9000)
        rollup(
            tmp_path / str(pid),
            Pss=9000,
            Pss_Anon=own,
            Pss_File=70,
            Pss_Shmem=20,
            Swap=9,
            SwapPss=3,
        )

    # The server and two processes share what they inherit: two thirds of it are in the shares.
    assert tree_bytes(pair[0], 30 * KIB, proc=tmp_path) == (123 + 63 - 20) * KIB


def test_where_the_kernel_tells_no_shares_all_but_what_was_inherited_counts(
    pair: tuple[int, int], tmp_path: Path
) -> None:
    status(tmp_path / str(pair[0]), RssAnon=300, RssShmem=50, VmSwap=2)
    status(tmp_path / str(pair[1]), RssAnon=150, RssShmem=40)

    assert tree_bytes(pair[0], 100 * KIB, proc=tmp_path) == (202 + 50 + 50) * KIB


@linux
@pytest.mark.parametrize("forks", [0, 1, 3])
def test_what_processes_share_counts_once(forks: int) -> None:
    with sharing(forks) as process:
        try:
            taken = tree_bytes(process.pid, 0)
        finally:
            end(process)

    expected = 40 + 30 + 10 * forks
    assert expected * MIB <= taken < (expected + 20) * MIB


@linux
def test_a_process_that_is_gone_takes_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert tree_bytes(process.pid, 0) == 0


@linux
def test_the_highest_limit_that_a_setting_can_have_is_taken() -> None:
    code = (
        "from harness.system.limits import limit_private_memory\n"
        "print(limit_private_memory(2**63 - 1))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "True\n"

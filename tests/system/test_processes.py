"""Processes that die, are adopted, killed with their trees, and named."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psutil
import pytest

from harness.system.processes import (
    MARK,
    adopt_orphans,
    carry,
    ending,
    kill_all,
    kill_tree,
    new_mark,
    orphans_adopted,
    signal_name,
    strays,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="subreapers are Linux's")
SLEEP = "import time; time.sleep(600)"
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True, env={{}})
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def parent() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process with a child in a session of its own, and the child's id."""
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
        )
        stack.callback(process.kill)
        assert process.stdout is not None
        child = int(process.stdout.readline())
        yield process, child
        if psutil.pid_exists(child):
            os.kill(child, signal.SIGKILL)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_tree_is_killed_with_what_is_in_other_sessions(
    parent: tuple[subprocess.Popen[str], int], patiently: Callable[..., bool]
) -> None:
    process, child = parent

    kill_tree(process.pid)

    assert process.wait() == -signal.SIGKILL
    assert patiently(lambda: gone(child))


def test_a_tree_can_be_killed_but_for_its_root(
    parent: tuple[subprocess.Popen[str], int], patiently: Callable[..., bool]
) -> None:
    process, child = parent

    kill_tree(process.pid, root=False)

    assert patiently(lambda: gone(child))
    assert process.poll() is None


def test_killing_a_tree_that_is_gone_does_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    kill_tree(process.pid)
    kill_all(lambda: [psutil.Process(process.pid)])


@linux
def test_an_orphan_is_adopted_and_known_by_the_mark_that_it_inherited(
    patiently: Callable[..., bool],
) -> None:
    mine, theirs = new_mark(), new_mark()
    carrying = f"from harness.system.processes import carry; carry({mine!r})\n{PARENT}"
    bare = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True, env={})
    with bare, orphans_adopted(adopt=True):
        command = [sys.executable, "-c", carrying]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            child = int(process.stdout.readline())
            assert {each.pid for each in strays(mine)} == {process.pid, child}
            process.kill()
        assert patiently(lambda: psutil.Process(child).ppid() == os.getpid())

        assert [each.pid for each in strays(mine)] == [child]
        assert strays(theirs) == []
        kill_all(lambda: strays(mine))
        assert gone(child)
        assert bare.poll() is None
        assert [each.pid for each in strays(mine)] == [child]  # a zombie, to be waited for
        os.waitpid(child, 0)
        bare.kill()


@linux
def test_a_mark_that_the_machine_does_not_allow_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    before = resource.getrlimit(resource.RLIMIT_RTTIME)
    monkeypatch.setattr(resource, "setrlimit", refuse)

    carry(new_mark())

    assert resource.getrlimit(resource.RLIMIT_RTTIME) == before


@linux
def test_adoption_ends_with_its_block_unless_it_was_there_before() -> None:
    with orphans_adopted(adopt=True):
        with orphans_adopted(adopt=True):
            pass
        assert adopt_orphans() is True
    assert adopt_orphans(False) is False


def test_strays_are_known_by_their_environment_too() -> None:
    mine, theirs = new_mark(), new_mark()
    command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
    environment = {**os.environ, MARK: mine}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found, others = [each.pid for each in strays(mine)], strays(theirs)
        process.kill()

    assert found == [process.pid]
    assert others == []


def test_endings_are_named() -> None:
    assert ending(3 << 8) == "exit code 3"
    assert ending(signal.SIGSEGV) == "signal 11 (SIGSEGV)"
    assert signal_name(99) == "signal 99"

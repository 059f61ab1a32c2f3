"""The server by its protocol: JSON lines over a socket, and nothing left when it closes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec
import psutil
import pytest
from living import lives

from harness.planning.overrides import parse_override
from harness.plugin.registry import load
from harness.running.messages import Begun, Ended, Hello, Ready, Refused, Request, line
from harness.session import Asked, Loaded, plan_asked

CODE = "from harness.trial.server import main; main({descriptor}, {parent})"


class Peer:
    """A server, and the other end of its socket."""

    def __init__(self, folder: Path) -> None:
        self.socket, theirs = socket.socketpair()
        self.reader: IO[bytes] = self.socket.makefile("rb")
        code = CODE.format(descriptor=theirs.fileno(), parent=os.getpid())
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[theirs.fileno()],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "BENCH_TESTS_FOLDER": str(folder), "OMP_NUM_THREADS": "1"},
        )
        theirs.close()

    def say(self, message: msgspec.Struct) -> None:
        self.socket.sendall(line(message))

    def hear(self) -> Begun | Ended | Ready | Refused:
        return msgspec.json.decode(self.reader.readline(), type=Begun | Ended | Ready | Refused)

    def close(self) -> None:
        self.reader.close()
        self.socket.close()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    peer = Peer(tmp_path)
    yield peer
    peer.close()
    peer.process.kill()
    peer.process.wait()


def requested(number: int, model: str, plugins: tuple[str, ...]) -> Request:
    registry = load(plugins)
    given = [f"model={model}", "dataset=few_seeded", "optimizer=sgd", "epochs=1"]
    overrides = [parse_override(each) for each in given]
    plan = plan_asked(Asked(overrides=overrides), Loaded(registry, plugins))
    return Request(number=number, settings=plan.cases[0].settings)


def test_a_server_kills_all_it_has_started_when_its_socket_closes(
    peer: Peer, tmp_path: Path, tiny: Path, misbehaving: Path, patiently: Callable[..., bool]
) -> None:
    plugins = (str(tiny), str(misbehaving))
    peer.say(Hello(path=(), plugins=plugins))
    assert peer.hear() == Ready(pid=peer.process.pid)
    threads = psutil.Process(peer.process.pid).num_threads()
    for number, model in enumerate(["leaves_a_child", "leaves_a_child_and_sleeps", "sleeps"]):
        peer.say(requested(number, model, plugins))

    answers = [peer.hear()]
    while len(answers) < 4:
        answers.append(peer.hear())
    assert [each.number for each in answers if isinstance(each, Begun)] == [0, 1, 2]
    assert [each.number for each in answers if isinstance(each, Ended)] == [0]
    assert patiently(lambda: len((tmp_path / "pids").read_text().split()) == 2)
    descendants = psutil.Process(peer.process.pid).children(recursive=True)
    peer.close()

    assert peer.process.wait(10) == 0
    assert threads == 1  # a fork copies one thread alone
    assert len(descendants) == 3
    left = [int(each) for each in (tmp_path / "pids").read_text().split()]
    # killed by then, and reaped by whoever adopted them a moment later
    assert patiently(lambda: not any(each.is_running() for each in descendants), 2.0)
    assert patiently(lambda: not any(lives(each) for each in left), 2.0)


AT_EXIT = """
import atexit, os
from pathlib import Path
from harness import hookimpl

@hookimpl
def bench_register_models():
    return []

atexit.register(lambda: Path(os.environ["BENCH_TESTS_FOLDER"], "ended").touch())
"""


def test_a_server_ends_without_the_end_of_its_interpreter(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(AT_EXIT)
    peer.say(Hello(path=(), plugins=(str(tmp_path / "late.py"),)))
    assert peer.hear() == Ready(pid=peer.process.pid)
    peer.close()

    assert peer.process.wait(10) == 0
    assert not (tmp_path / "ended").exists()


def test_a_server_that_cannot_load_a_plugin_refuses_and_ends(peer: Peer, tmp_path: Path) -> None:
    peer.say(Hello(path=(), plugins=(str(tmp_path / "gone.py"),)))

    answer = peer.hear()

    assert isinstance(answer, Refused)
    assert answer.reason.startswith(f"plugin {tmp_path}/gone.py: there is no such file")
    assert peer.process.wait(10) == 0

"""The parent's side: starting, sending, waiting, and leaving nothing running."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from living import lives

from harness.errors import PluginError
from harness.planning.overrides import parse_override
from harness.plugin.registry import Registry, load
from harness.running.client import Server, ServerGone
from harness.running.messages import Request
from harness.session import Asked, Loaded, plan_asked


@pytest.fixture(scope="module")
def plugins(tiny: Path, misbehaving: Path) -> tuple[str, ...]:
    return (str(tiny), str(misbehaving))


@pytest.fixture(scope="module")
def registry(plugins: tuple[str, ...]) -> Registry:
    return load(plugins)


@pytest.fixture(scope="module")
def requested(registry: Registry) -> Callable[..., Request]:
    """Make the request of a trial on data that each trial loads itself."""

    def request(number: int, model: str, **more: Any) -> Request:
        asked = [f"model={model}", "dataset=few_seeded", "optimizer=sgd", "epochs=1"]
        overrides = [parse_override(each) for each in asked]
        plan = plan_asked(Asked(overrides=overrides), Loaded(registry, ()))
        return Request(number=number, settings=plan.cases[0].settings, **more)

    return request


@pytest.fixture(scope="module")
def server(plugins: tuple[str, ...]) -> Iterator[Server]:
    server = Server(plugins)
    server.start()
    yield server
    server.close()


def test_a_server_answers_every_request_with_how_it_ended(
    server: Server, requested: Callable[..., Request]
) -> None:
    models = ["two_layers", "exits", "raises_in_build", "is_killed"]
    for number, model in enumerate(models):
        server.submit(requested(number, model))

    ended = {each.number: each for each in (server.wait() for _ in models)}

    statuses = [each.outcome and each.outcome.status for _, each in sorted(ended.items())]
    assert statuses == ["ok", None, "error", None]
    assert [ended[place].ending for place in range(4)] == [
        "exit code 0",
        "exit code 3",
        "exit code 0",
        "signal 9 (SIGKILL)",
    ]
    assert ended[0].output == "a model prints\n"
    assert "about to leave" in ended[1].output
    assert not any(each.timed_out for each in ended.values())


def test_a_server_kills_at_the_deadline_what_others_do_not_notice(
    server: Server, requested: Callable[..., Request]
) -> None:
    server.submit(requested(1, "endless", timeout_s=0.5))
    server.submit(requested(2, "two_layers"))

    first, second = server.wait(), server.wait()

    assert (first.number, first.timed_out) == (2, False)
    assert (second.number, second.timed_out, second.outcome) == (1, True, None)


def test_the_same_trial_twice_has_the_same_curves_bit_for_bit(
    server: Server, requested: Callable[..., Request]
) -> None:
    for number in range(2):
        server.submit(requested(number, "two_layers[dropout=0.5]", seed=3))

    first, second = server.wait().outcome, server.wait().outcome

    assert first is not None
    assert second is not None
    assert first.curves == second.curves
    assert first.data == second.data


def test_a_preload_that_fails_is_told_with_the_definition_that_wants_it(
    plugins: tuple[str, ...],
) -> None:
    server = Server(plugins, {"bench_nowhere": "model mine"})
    server.start()

    with pytest.raises(PluginError) as error:
        server.wait()
    server.close()
    assert str(error.value) == (
        "model mine cannot preload 'bench_nowhere':"
        " ModuleNotFoundError: No module named 'bench_nowhere'"
    )


def test_a_server_that_is_killed_is_told_and_can_be_started_again(
    plugins: tuple[str, ...], requested: Callable[..., Request]
) -> None:
    server = Server(plugins)
    server.start()
    server.submit(requested(1, "two_layers"))
    assert server.wait().outcome is not None
    process = newest()
    server.submit(requested(2, "sleeps"))
    process.kill()

    with pytest.raises(ServerGone, match=r"^it ended with signal 9 \(SIGKILL\)$"):
        server.wait()
    server.close()
    with pytest.raises(ServerGone, match=r"^it was not started$"):
        server.submit(requested(3, "two_layers"))


def newest() -> psutil.Process:
    """Find the server process that was started last."""
    found = [each for each in psutil.Process().children() if "harness.trial.server" in _line(each)]
    return max(found, key=lambda each: each.create_time())


@dataclass
class Impatient:
    """Kills the processes of a server while they import, so many of them."""

    kills: int
    notes: list[str] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)

    def tell(self, note: str) -> None:
        self.notes.append(note)
        threading.Timer(0.3, self.kill).start()

    def kill(self) -> None:
        if len(self.killed) < self.kills:
            process = newest()
            self.killed.append(process.pid)
            process.kill()


def test_a_server_that_is_killed_while_it_imports_is_started_again_and_hears_what_it_missed(
    plugins: tuple[str, ...], requested: Callable[..., Request]
) -> None:
    impatient = Impatient(kills=2)
    with closing(Server(plugins, tell=impatient.tell)) as server:
        server.start()
        impatient.kill()
        server.submit(requested(7, "two_layers"))

        ended = server.wait()

    assert (ended.number, ended.ending) == (7, "exit code 0")
    assert server.has_begun(7)
    told = (
        "the process that starts trials was killed while it imported (it ended with signal 9"
        " (SIGKILL)): another one is started"
    )
    assert impatient.notes == [told, told]
    assert len(impatient.killed) == 2
    assert not any(map(lives, impatient.killed))


def test_a_server_that_is_always_killed_while_it_imports_is_given_up(
    plugins: tuple[str, ...],
) -> None:
    impatient = Impatient(kills=3)
    with closing(Server(plugins, tell=impatient.tell)) as server:
        server.start()
        impatient.kill()

        with pytest.raises(PluginError) as error:
            server.wait()

    assert str(error.value) == (
        "the process that starts trials could not start in 3 attempts:"
        " it ended with signal 9 (SIGKILL)"
    )
    assert len(impatient.killed) == 3


def test_a_process_that_is_not_the_run_s_outlives_a_server_that_crashes(
    plugins: tuple[str, ...], requested: Callable[..., Request], patiently: Callable[..., bool]
) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with closing(Server(plugins)) as server, ExitStack() as stack:
        server.start()
        server.submit(requested(1, "two_layers"))
        assert server.wait().outcome is not None
        own = stack.enter_context(subprocess.Popen(command, start_new_session=True, env={}))
        stack.callback(own.kill)
        server.submit(requested(2, "leaves_a_child_and_sleeps"))
        process = newest()
        assert patiently(lambda: len(process.children(recursive=True)) == 2)
        theirs = process.children(recursive=True)
        process.kill()
        with pytest.raises(ServerGone):
            server.wait()
        server.close()

        assert own.poll() is None
        assert not any(each.is_running() for each in theirs)


KILLED_WHILE_IT_ENDS_ITS_SERVER = """
import os, select, signal
import psutil
from harness.running.client import Server

server = Server([])
server.start()
[child] = psutil.Process().children()
print(child.pid, flush=True)
select.select([server._connection], [], [])  # it is ready, and does not die with its parent now
suspend = psutil.Process.suspend

def killed(process):
    suspend(process)
    os.kill(os.getpid(), signal.SIGKILL)

psutil.Process.suspend = killed
server.close()
"""


def test_a_server_outlives_no_parent_that_is_killed_while_it_ends_it(
    patiently: Callable[..., bool],
) -> None:
    command = [sys.executable, "-c", KILLED_WHILE_IT_ENDS_ITS_SERVER]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)

    pid = int(ended.stdout)
    try:
        assert patiently(lambda: not lives(pid), 2.0)
    finally:
        if lives(pid):
            psutil.Process(pid).kill()


def test_what_an_interrupt_kept_from_being_killed_is_killed_by_the_next_close(
    plugins: tuple[str, ...],
    requested: Callable[..., Request],
    patiently: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with closing(Server(plugins)) as server:
        server.start()
        server.submit(requested(1, "leaves_a_child_and_sleeps"))
        process = newest()
        assert patiently(lambda: len(process.children(recursive=True)) == 2)
        theirs = process.children(recursive=True)
        process.kill()
        with monkeypatch.context() as patch:
            patch.setattr("harness.running.client.kill_all", interrupted)
            with pytest.raises(KeyboardInterrupt):
                server.close()
        server.close()

        assert not any(each.is_running() for each in theirs)


def test_a_server_that_is_not_started_is_closed_without_a_word(plugins: tuple[str, ...]) -> None:
    server = Server(plugins)

    server.close()
    with pytest.raises(PluginError, match="could not start: it was not started"):
        server.wait()


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # a zombie that tests before this one have left to their process
        return ""

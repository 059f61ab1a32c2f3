"""The parent's side: starting, sending, waiting, and leaving nothing running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.client import InProcess, Interpreters, Server, ServerGone, open_runner
from harness.errors import PluginError
from harness.messages import Request
from harness.overrides import parse_override
from harness.registry import Registry, load
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
    process = [each for each in psutil.Process().children() if "harness.server" in _line(each)][-1]
    server.submit(requested(2, "sleeps"))
    process.kill()

    with pytest.raises(ServerGone, match=r"^it ended with signal 9 \(SIGKILL\)$"):
        server.wait()
    server.close()
    with pytest.raises(ServerGone, match=r"^it was not started$"):
        server.submit(requested(3, "two_layers"))


def test_a_server_that_is_not_started_is_closed_without_a_word(plugins: tuple[str, ...]) -> None:
    server = Server(plugins)

    server.close()
    with pytest.raises(PluginError, match="could not start: it was not started"):
        server.wait()


def test_other_systems_get_a_fresh_interpreter_for_each_request(
    registry: Registry, plugins: tuple[str, ...], requested: Callable[..., Request]
) -> None:
    runner = open_runner(registry, plugins, {}, in_process=False, platform="darwin")
    assert isinstance(runner, Interpreters)
    runner.start()
    runner.submit(requested(1, "two_layers"))
    runner.submit(requested(2, "sleeps", timeout_s=0.5))

    trained, late = runner.wait(), runner.wait()
    runner.close()

    assert trained.outcome is not None
    assert (trained.outcome.status, trained.ending) == ("ok", "exit code 0")
    assert "a model prints" in trained.output
    assert (late.number, late.timed_out, late.outcome) == (2, True, None)


def test_a_request_in_this_process_prints_to_stderr(
    registry: Registry, requested: Callable[..., Request], capsys: pytest.CaptureFixture[str]
) -> None:
    runner = open_runner(registry, (), {}, in_process=True)
    assert isinstance(runner, InProcess)
    runner.start()
    runner.submit(requested(1, "two_layers"))

    ended = runner.wait()
    runner.close()

    assert ended.outcome is not None
    assert ended.outcome.status == "ok"
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "a model prints\n")


def test_an_interrupt_in_this_process_is_no_trial_that_failed(
    registry: Registry, requested: Callable[..., Request]
) -> None:
    runner = InProcess(registry)
    runner.submit(requested(1, "is_interrupted"))

    with pytest.raises(KeyboardInterrupt):
        runner.wait()


def _line(process: psutil.Process) -> str:
    return " ".join(process.cmdline())

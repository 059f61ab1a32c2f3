"""What does requests: a fresh interpreter for each, or this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.planning.overrides import parse_override
from harness.plugin.registry import Registry, load
from harness.running.messages import Request
from harness.running.runners import InProcess, Interpreters, open_runner
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

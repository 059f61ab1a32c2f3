"""Plugins that do what they should not: no other trial is spoilt, and each is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness.errors import PluginError
from harness.plugin.registry import load
from harness.running.client import Server
from harness.running.messages import Request
from harness.running.runners import Interpreters

RUDE = '''
"""A plugin that is rude while it is loaded, and whose metrics are."""
import os, threading, time
from harness import Metric, hookimpl

print("a word at the door")
os.chdir("/")
threading.Thread(target=time.sleep, args=(0.2,), name="busy", daemon=True).start()


def raises(trained):
    """Raise."""
    raise KeyError("no such figure")


def rude(trained):
    """Change what is global, print, and leave."""
    import torch

    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.manual_seed(99)
    os.chdir("/")
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    print("a word from a metric")
    return 1.0


def polite(trained):
    """Measure what is found of all this: 0, where it is nothing."""
    import torch

    here = os.getcwd() == os.environ["BENCH_TESTS_FOLDER"]
    usual = torch.get_default_dtype() == torch.float32 and torch.get_num_threads() == 1
    return 1 - float(here and usual and threading.active_count() == 1)


@hookimpl
def bench_register_metrics():
    return [Metric(each.__name__, "1", "lower", 0.1, each) for each in (raises, rude, polite)]
'''


@pytest.fixture(scope="module")
def rude(trained: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Any:
    """A run of three cases with a rude plugin, two seeds each."""
    file = tmp_path_factory.mktemp("rude") / "rude.py"
    file.write_text(RUDE)
    return trained(
        *("-p", tiny, "-p", file, "model=linear", "dataset=few", "optimizer=sgd", "epochs=1"),
        *("metrics=[raises],[rude],[polite]", "--seeds", "2"),
    )


def test_a_metric_that_raises_ends_its_own_trials_and_is_named(rude: Any) -> None:
    ended = {(*each["settings"]["metrics"], each["status"]) for each in rude.records}
    [reason, again] = [each["reason"] for each in rude.records if each["status"] == "error"]

    assert ended == {("raises", "error"), ("rude", "ok"), ("polite", "ok")}
    assert reason == again
    assert re.fullmatch(r"KeyError: 'no such figure' \(rude\.py:\d+ in raises\)", reason)
    assert rude.ended.code == 3
    assert "in raises" in rude.ended.out + rude.ended.err


def test_no_trial_finds_what_a_plugin_or_another_trial_has_changed(rude: Any) -> None:
    polite = [each for each in rude.records if each["settings"]["metrics"] == ["polite"]]
    others = [each for each in rude.records if each["settings"]["metrics"] == ["rude"]]

    assert [each["metrics"]["polite"] for each in polite] == [0.0, 0.0]
    same = {each["seed"]: each["metrics"]["test_loss"] for each in polite}
    assert {each["seed"]: each["metrics"]["test_loss"] for each in others} == same


def test_what_a_plugin_does_while_it_is_loaded_is_told_with_its_name(rude: Any) -> None:
    told = [line for line in rude.ended.err.splitlines() if "while it was loaded" in line]

    what = "note: plugin 'rude', while it was loaded,"
    assert told == [
        f"{what} left the working directory for /: it is put back",
        f"{what} started a thread (busy): no trial has it",
        f"{what} printed 'a word at the door'",
    ]
    assert "a word" not in rude.ended.out
    assert [each["output"] for each in rude.records if each["settings"]["metrics"] == ["rude"]] == [
        "a word from a metric"
    ] * 2


def test_the_list_of_plugins_tells_it_too(bench: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "rude.py").write_text(RUDE)

    ended = bench("plugins", "-p", "rude.py")

    assert ended.err.count("note: plugin 'rude', while it was loaded,") == 3
    assert "a word" not in ended.out


NET = '''
"""A plugin that somebody edits."""
from harness import Model, hookimpl


def net(task):
    """Build a net."""
    from torch import nn

    return nn.Linear(task.features, {outputs})


@hookimpl
def bench_register_models():
    return [Model("edited", net)]
'''


def test_a_plugin_that_changes_between_the_plan_and_the_run_is_refused_and_named(
    tmp_path: Path,
) -> None:
    file = tmp_path / "edited.py"
    file.write_text(NET.format(outputs="task.outputs"))
    planned = load([str(file)]).find("model", "edited").source
    file.write_text(NET.format(outputs="task.outputs + 1"))
    request = Request(number=1, settings={}, seed=0, timeout_s=60, data_root=str(tmp_path))
    alone = Interpreters([str(file)], {"model edited": planned})
    alone.submit(request)

    outcome = alone.wait().outcome
    with closing(Server([str(file)], sources={"model edited": planned})) as server:
        server.start()
        server.submit(request)
        with pytest.raises(PluginError) as caught:
            server.wait()

    old = re.escape(planned)
    assert re.fullmatch(
        rf"model edited has changed since the run was planned \({old} -> edited [0-9a-f]{{12}}\):"
        r" what has finished is kept; run it again",
        str(caught.value),
    )
    assert outcome is not None
    assert (outcome.status, outcome.reason) == ("error", str(caught.value))

"""Faults that a reviewer found by using the command; each test failed before its repair."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

ODD = '''
from harness import Data, Dataset, Metric, Model, Place, Split, Task, hookimpl

print("a plugin that talks while it is imported")


def task() -> Task:
    return Task("classification", (4,), 2)


def no_task() -> Task:
    raise SystemExit("no data here")


def drawn(place: Place) -> Data:
    """Draw from numpy's global generator."""
    import numpy as np
    import torch

    inputs = torch.tensor(np.random.rand(64, 4), dtype=torch.float32)
    return Data(train=Split((inputs,), (inputs.sum(1) > 2).long()))


def late(task: Task, *, steps: int = 12):
    """Build a layer that fails after so many steps of training."""
    from torch import nn

    class Late(nn.Linear):
        taken = 0

        def forward(self, inputs):
            self.taken += self.training
            if self.taken > steps:
                raise RuntimeError("one step too many")
            return super().forward(inputs)

    return Late(4, 2)


def broken(task: Task):
    """Build nothing."""
    raise RuntimeError("broken")


@hookimpl
def bench_register_datasets():
    return [Dataset("drawn", drawn, task, holdout=0.25), Dataset("untold", drawn, no_task)]


@hookimpl
def bench_register_models():
    return [Model("late", late), Model("broken", broken)]


@hookimpl
def bench_register_metrics():
    return [Metric("mine", "1", "higher", 0.01, lambda trained: 1.0)]
'''


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("odd") / "odd.py"
    path.write_text(ODD)
    return path


def swept(odd: Path, model: str = "linear") -> Sequence[object]:
    settings = (f"model={model}", "dataset=drawn", "optimizer=sgd", "epochs=2")
    return ("-p", odd, *settings, "--seeds", "1")


def test_data_that_draws_is_the_same_in_every_run_and_no_print_reaches_stdout(
    bench: Callable[..., Any], odd: Path
) -> None:
    prints = []
    for _ in range(2):
        assert json.loads(bench("run", *swept(odd), "--format", "json").out)["suite"] == "sweep"
        [trial] = bench("show", "--trials", "--format", "json").json["trials"]
        prints.append((trial["data"], trial["curves"]["train_loss"]))

    assert prints[0] == prints[1]


def test_a_step_that_only_counts_memory_cannot_fail_a_trial(
    bench: Callable[..., Any], odd: Path
) -> None:
    # 48 of 64 samples are trained on: 2 epochs of 2 steps
    ended = bench("run", *swept(odd, model="late[steps=4]"))

    assert ended.code == 0, ended.err
    [trial] = bench("show", "--trials", "--format", "json").json["trials"]
    assert trial["metrics"]["activation_bytes"] is None
    assert trial["missing"]["activation_bytes"].startswith(
        "the untimed step failed: RuntimeError: one step too many (odd.py:"
    )


def test_a_column_of_a_plugin_s_metric_is_there_though_every_trial_failed(
    bench: Callable[..., Any], odd: Path
) -> None:
    more = ("model=broken", "metrics=mine", "--metrics", "mine")

    ended = bench("run", "-p", odd, "dataset=drawn", "optimizer=sgd", "--seeds", "1", *more)

    assert ended.code == 4
    assert ended.out.splitlines()[0].split() == ["mine", "status"]
    assert "kept in" in ended.out


def test_a_task_that_exits_is_told_in_a_line(bench: Callable[..., Any], odd: Path) -> None:
    ended = bench("plan", "-p", odd, "model=linear", "dataset=untold", "optimizer=sgd")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[-1] == (
        "bench: plugin 'odd': dataset 'untold': no_task raised SystemExit: no data here"
    )


def test_a_plan_takes_the_arguments_of_a_run(bench: Callable[..., Any]) -> None:
    flags = ("--jobs", "2", "--check", "--strict", "--in-process", "--metrics", "test_accuracy")

    assert bench("plan", "--suite", "smoke", *flags).code == 0


def test_an_ablation_keeps_its_base_when_a_factor_is_added(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "bench.toml").write_text(
        '[suites.ab]\ndesign = "ablate"\n'
        'base = { model = "mlp", optimizer = "sgd[lr=0.1]" }\n'
        'factors = { init = ["xavier_uniform", "zeros"] }\n'
    )

    plan = bench("plan", "--suite", "ab", "optimizer.lr=0.2,0.3", "--format", "json").json

    assert [case["settings"]["optimizer.lr"] for case in plan["cases"]] == [0.1, 0.1, 0.1, 0.2, 0.3]


def test_a_metric_may_not_have_the_name_of_one_that_is_always_taken(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "takes.py").write_text(
        "from harness import Metric, hookimpl\n\n\n@hookimpl\ndef bench_register_metrics():\n"
        '    return [Metric("test_accuracy", "1", "higher", 0.01, lambda trained: 1.0)]\n'
    )

    assert bench("plugins", "-p", "takes.py").err == (
        "bench: plugin 'takes': metric test_accuracy: a metric of that name is always taken:"
        " rename it\n"
    )

"""The gate on our own smoke suite, with real training: A against A, and three planted heads.

One interpreter, and a folder of plugins for each side. Each gate measures five rounds of windows of
two seconds: these are the slowest tests here, and say what the project is for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

PLUGIN = '''
from harness import Model, hookimpl

SLOW, WRONG, HELD_MB = {slow}, {wrong}, {held_mb}


def build(task):
    """Build a linear model that sleeps, forgets or holds memory."""
    import time

    import torch
    from torch import nn

    class Side(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(task.features, task.outputs)
            self.register_buffer("held", torch.ones(HELD_MB * 250_000))

        def forward(self, inputs):
            if SLOW:
                time.sleep(0.002)
            outputs = self.linear(inputs.flatten(1))
            return outputs * (torch.arange(task.outputs) < task.outputs // 2) if WRONG else outputs

    return Side()


@hookimpl
def bench_register_models():
    return [Model("side", build)]
'''


def side(folder: Path, *, slow: bool = False, wrong: bool = False, held_mb: int = 24) -> Path:
    folder.mkdir()
    text = PLUGIN.format(slow=slow, wrong=wrong, held_mb=held_mb)
    (folder / "side_model.py").write_text(text)
    return folder


def gated(bench: Any, folder: Path, **head: Any) -> Any:
    return bench(
        *("gate", "--suite", "smoke", "-p", "side_model.py", "model=side", "--rounds", 5),
        *("--base-path", side(folder / "base"), "--head-path", side(folder / "head", **head)),
        *("--format", "json"),
        cwd=folder,
    )


def regressions(ended: Any) -> set[str]:
    found = {each["metric"] for each in ended.json["gated"] if each["regression"]}
    assert ended.json["passed"] is not bool(ended.json["regressions"])
    return found


def test_a_against_a_passes(bench: Any, tmp_path: Path) -> None:
    ended = gated(bench, tmp_path)

    assert (ended.code, regressions(ended)) == (0, set()), ended.out
    assert ended.json["passed"] is True


@pytest.mark.parametrize(
    ("head", "metric"),
    [
        ({"slow": True}, "train_samples_per_s"),
        ({"held_mb": 30}, "host_peak_bytes"),
        ({"wrong": True}, "test_accuracy"),
    ],
    ids=["slower", "hungrier", "less_accurate"],
)
def test_a_planted_head_ends_with_1_and_is_named(
    bench: Any, tmp_path: Path, head: dict[str, Any], metric: str
) -> None:
    ended = gated(bench, tmp_path, **head)

    assert ended.code == 1, ended.err
    assert metric in regressions(ended)
    assert ended.left() == []

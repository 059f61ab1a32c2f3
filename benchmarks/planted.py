"""Write the two folders of plugins of `benchmarks.gate`: the head is worse, in ways that are known.

Both have the model `planted`, whose option says in what the head is worse. What is slower does more
of the same work, so that the share holds on any machine; what is hungrier holds more; what is less
accurate turns its answer to some inputs around.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "nothing": "nothing (A against A)",
        "slower10": "10 % slower",
        "slower20": "20 % slower",
        "slower40": "40 % slower",
        "hungrier": "5 % more memory",
        "wronger": "2 points less accurate",
    }
)
"""What is planted, as a table calls it."""

TIMED = ("nothing", "slower10", "slower20", "slower40")
MODULE = "planted_sides"
SUITE = "planted"

_PLUGIN = '''\
"""The {role} of a planted gate."""

from __future__ import annotations

from typing import Literal

from harness import Model, Task, hookimpl

UNITS = 150
SLOWER = {{"slower10": 0.10, "slower20": 0.20, "slower40": 0.40}}
IS_HEAD = {is_head}
Kind = Literal["nothing", "slower10", "slower20", "slower40", "hungrier", "wronger"]


def planted(task: Task, *, kind: Kind = "nothing"):
    """Build a small network that also multiplies matrices, which takes the most of its time."""
    import torch
    from torch import nn

    share = SLOWER.get(kind, 0.0) if IS_HEAD else 0.0

    class Busy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = torch.eye(64)
            mebibytes = 0 if kind != "hungrier" else 105 if IS_HEAD else 100
            self.held = torch.ones(mebibytes << 18)

        def forward(self, inputs):
            with torch.no_grad():
                found = self.factor
                for _ in range(round(UNITS / (1 - share))):
                    found = found @ self.factor
            return inputs

    class Turned(nn.Module):
        def forward(self, pair):
            inputs, outputs = pair
            chosen = inputs.flatten(1).sum(1).mul(16).round().remainder(36) == 0
            turned = kind == "wronger" and IS_HEAD and not self.training
            return torch.where(chosen[:, None], -outputs, outputs) if turned else outputs

    class Planted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.busy, self.turned = Busy(), Turned()
            self.inner = nn.Sequential(
                nn.Flatten(), nn.Linear(task.features, 64), nn.ReLU(), nn.Linear(64, task.outputs)
            )

        def forward(self, inputs):
            return self.turned((inputs, self.inner(self.busy(inputs))))

    return Planted()


@hookimpl
def bench_register_models():
    return [Model("planted", planted)]
'''

_SUITE = """\
[suites.{suite}.base]
model = "planted"
dataset = "digits"
optimizer = "sgd[lr=0.2,momentum=0.9]"
schedule = "linear"
epochs = 3
batch_size = 128
"""
_ROW = """
[[suites.{suite}.together]]
"model.kind" = "{kind}"
timed_s = {timed_s}
"""


def write(folder: Path, window_s: float) -> tuple[Path, Path, Path]:
    """Write both folders and the suite; give the base's, the head's and the file of the suite.

    Args:
        folder: Where they go.
        window_s: How long the steps of a trial are timed.
    """
    sides = []
    for role in ("base", "head"):
        side = folder / role
        side.mkdir(parents=True, exist_ok=True)
        text = _PLUGIN.format(role=role, is_head=role == "head")
        (side / f"{MODULE}.py").write_text(text)
        sides.append(side)
    rows = [
        _ROW.format(suite=SUITE, kind=kind, timed_s=window_s if kind in TIMED else 0.0)
        for kind in KINDS
    ]
    file = folder / "planted.toml"
    file.write_text(_SUITE.format(suite=SUITE) + "".join(rows))
    return sides[0], sides[1], file

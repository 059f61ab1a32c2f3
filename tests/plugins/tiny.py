"""A plugin for tests: data of 64 rows that is made in a moment, and models that behave."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import (
    Batch,
    Data,
    Dataset,
    Findings,
    Initializer,
    Metric,
    Model,
    Place,
    Procedure,
    Split,
    StepResult,
    Task,
    Trained,
    Workload,
    hookimpl,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

FEATURES = 4


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    return [
        Dataset("few", load_few, few_task),
        Dataset("few_held", load_held, few_task, holdout=0.25),
        Dataset("few_seeded", load_seeded, few_task, seeded=True),
        Dataset("few_filed", load_filed, few_task),
        Dataset("few_filed_seeded", load_filed, few_task, seeded=True),
        Dataset("unloadable", load_nothing, few_task),
    ]


@hookimpl
def bench_register_models() -> Sequence[Model]:
    return [
        Model("two_layers", two_layers),
        Model("slow", slow),
        Model("fickle", fickle),
        Model("steps_itself", two_layers, step=own_step),
        Model("preloads", preloads, preload=("bench_tests_heavy",)),
    ]


@hookimpl
def bench_register_metrics() -> Sequence[Metric]:
    return [Metric("start", "1", "higher", 0.01, start_values)]


@hookimpl
def bench_register_initializers() -> Sequence[Initializer]:
    return [Initializer("drawn", draw)]


@hookimpl
def bench_register_procedures() -> Sequence[Procedure]:
    return [Procedure("look", look)]


def few_task() -> Task:
    return Task("classification", (FEATURES,), 2)


def made(seed: int, size: int) -> Split:
    import torch

    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(size, FEATURES, generator=generator)
    return Split((inputs,), (inputs.sum(1) > 0.5).long())


def told(name: str, text: str) -> None:
    """Add a line to a file of the folder that the test names, if it names one."""
    folder = os.environ.get("BENCH_TESTS_FOLDER")
    if folder:
        with Path(folder, name).open("a") as file:
            file.write(text + "\n")


def load_few(place: Place, *, rows: int = 64) -> Data:
    told("loaded", f"few {rows} {place.seed}")
    return Data(made(1, rows), test=made(2, 64))


def load_held(place: Place) -> Data:
    return Data(made(1, 64))


def load_seeded(place: Place) -> Data:
    told("loaded", f"few_seeded {place.seed}")
    return Data(made(place.seed, 64), test=made(place.seed + 1000, 64))


def load_filed(place: Place) -> Data:
    """Make data by the number in a file of the data root."""
    number = int((place.root / "number").read_text())
    return Data(made(number + place.seed, 64), test=made(2, 64))


def load_nothing(place: Place) -> Data:
    raise FileNotFoundError("the disk is elsewhere")


def two_layers(task: Task, *, dropout: float = 0.0) -> nn.Module:
    """Build two layers; what is printed here belongs to the trial."""
    from torch import nn

    print("a model prints")
    net = nn.Sequential()
    net.add_module("first", nn.Linear(task.features, 8))
    net.add_module("act", nn.Tanh())
    net.add_module("drop", nn.Dropout(dropout))
    net.add_module("last", nn.Linear(8, task.outputs))
    return net


def slow(task: Task, *, build_s: float = 0.3) -> nn.Module:
    """Build two layers, after some time; a process in a session of its own is left meanwhile."""
    import subprocess
    import sys
    import time

    bare = os.environ.get("BENCH_TESTS_CHILD") == "bare"
    if "BENCH_TESTS_CHILD" in os.environ:
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            start_new_session=True,
            env={} if bare else None,
        )
        told("pids", str(child.pid))
    told("building", str(os.getpid()))
    time.sleep(build_s)
    return two_layers(task)


def fickle(task: Task) -> nn.Module:
    """Build two layers once a file is there."""
    if not Path(os.environ["BENCH_TESTS_FOLDER"], "mended").exists():
        raise RuntimeError("not yet")
    return two_layers(task)


def preloads(task: Task) -> nn.Module:
    import sys

    told("preloaded", f"{'bench_tests_heavy' in sys.modules} {os.getpid()}")
    return two_layers(task)


def own_step(workload: Workload, batch: Batch) -> StepResult:
    """Move all parameters a little towards zero."""
    import torch

    assert workload.model is not None
    with torch.no_grad():
        for each in workload.model.parameters():
            each.mul_(0.9)
        total = sum(each.square().sum() for each in workload.model.parameters())
    return StepResult(torch.as_tensor(total), batch.size)


def start_values(trained: Trained) -> Mapping[str, float]:
    """Sum each parameter: with a learning rate of 0 these are start values."""
    assert trained.model is not None
    return {name: float(each.double().sum()) for name, each in trained.model.named_parameters()}


def draw(parameter: Tensor, generator: Any, *, scale: float = 1.0) -> None:
    parameter.normal_(0, scale, generator=generator)


def look(workload: Workload) -> Findings:
    """Tell what a trial is given."""
    import torch

    data = workload.data
    held = [] if data is None or data.test is None else data.test.targets.tolist()
    found: dict[str, float | None] = {
        "threads": torch.get_num_threads(),
        "held": len(held),
        "held_ones": sum(held),
        "held_digest": 0.0
        if data is None or data.test is None
        else float(data.test.inputs[0].sum()),
        "double": float(
            workload.model is not None
            and all(each.dtype == torch.float64 for each in workload.model.parameters())
        ),
    }
    return Findings(metrics=found)

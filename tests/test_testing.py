"""The kit for a plugin's tests: each check fails on what is wrong in just that way, and says so."""

from __future__ import annotations

import functools
import itertools
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import SkipTest

import bench_builtin
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.errors import PluginError, SuiteError
from harness.plugin.definitions import (
    Activation,
    Data,
    Dataset,
    Findings,
    Initializer,
    Loss,
    Metric,
    Model,
    Optimizer,
    Place,
    Procedure,
    Protocol,
    Schedule,
    Split,
    StepResult,
    Task,
    Trained,
)
from harness.plugin.hookspecs import hookimpl
from harness.plugin.registry import Plugin, Registry
from harness.suites.suite import Suite
from harness.testing import (
    Broken,
    Check,
    FakeClock,
    check_activation,
    check_dataset,
    check_initializer,
    check_loss,
    check_metric,
    check_model,
    check_optimizer,
    check_plugin,
    check_procedure,
    check_schedule,
    check_suite,
    checks,
    data_for,
    subject,
    tasks,
    trained,
    trial,
    workload,
)
from harness.training import train

POINTS = {"points": Task("classification", (2,), 3)}
NUMBERS = {"numbers": Task("regression", (4,), 1)}


def failure(made: Sequence[Check], claim: str) -> str:
    """Give the message with which the check of a claim fails."""
    [check] = [each for each in made if each.claim == claim]
    with pytest.raises(Broken) as caught:
        check()
    return str(caught.value)


def passes(made: Sequence[Check], *, but: str = "") -> None:
    """Let all checks hold, but for one."""
    for check in made:
        if check.claim != but:
            check()


@dataclass(frozen=True)
class Wrong:
    """A definition that is wrong in one way, and what is said of it."""

    definition: Any
    claim: str
    message: str
    more: tuple[tuple[str, Any], ...] = ()
    alone: bool = True


def net(task: Task) -> nn.Module:
    """Build one layer."""
    return nn.Linear(task.features, task.outputs)


class Net(nn.Module):
    """One layer, and what a test adds."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.layer = nn.Linear(task.features, task.outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.layer(inputs)
        return outputs


# Models.


def undocumented(task: Task) -> nn.Module:
    return net(task)


def unannotated(task: Task, *, width=3) -> nn.Module:  # type: ignore[no-untyped-def]  # wrong
    """Build a layer."""
    return net(task)


def asks_torch(task: Task) -> str | None:
    import torch

    return None if torch.ones(1) else "never"


def raises(task: Task) -> nn.Module:
    """Build nothing."""
    raise ValueError("no such layer")


def no_module(task: Task) -> Any:
    """Build no module."""
    return print


def transposed(task: Task) -> nn.Module:
    """Build a layer that gives one output too many."""
    return nn.Linear(task.features, task.outputs + 1)


def whole(task: Task) -> nn.Module:
    """Build what gives whole numbers."""

    class Rounds(Net):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs).long()

    return Rounds(task)


def two_tensors(task: Task) -> nn.Module:
    """Build what gives two tensors."""

    class Twice(Net):
        def forward(self, inputs: Tensor) -> Any:
            return super().forward(inputs), inputs

    return Twice(task)


def random_start(task: Task) -> nn.Module:
    """Build a layer by a generator that nobody seeds."""
    layer = net(task)
    generator = torch.Generator()
    generator.seed()
    nn.init.normal_(layer.weight, generator=generator)  # type: ignore[arg-type]  # a parameter
    return layer


def unused(task: Task) -> nn.Module:
    """Build a layer beside one that nothing uses."""

    class Unused(Net):
        def __init__(self, task: Task) -> None:
            super().__init__(task)
            self.spare = nn.Linear(2, 2)

    return Unused(task)


def flat(task: Task) -> nn.Module:
    """Build what multiplies its outputs by 0."""

    class Flat(Net):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) * 0

    return Flat(task)


def without_end(task: Task) -> nn.Module:
    """Build what divides by 0."""

    class Divides(Net):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) / 0

    return Divides(task)


def noisy(task: Task) -> nn.Module:
    """Build what adds noise in use, too."""

    class Noisy(Net):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) + torch.rand(1, device=inputs.device)

    return Noisy(task)


def counts(task: Task) -> nn.Module:
    """Build what counts its passes."""

    class Counts(Net):
        def __init__(self, task: Task) -> None:
            super().__init__(task)
            self.register_buffer("passes", torch.zeros(()))

        def forward(self, inputs: Tensor) -> Tensor:
            self.passes += 1
            return super().forward(inputs)

    return Counts(task)


def forgets(task: Task) -> nn.Module:
    """Build what keeps a tensor that is no buffer."""

    class Forgets(Net):
        def __init__(self, task: Task) -> None:
            super().__init__(task)
            self.mix = torch.randn(task.outputs, task.outputs)

        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) @ self.mix.to(inputs.device)

    return Forgets(task)


def stays_behind(task: Task) -> nn.Module:
    """Build what makes a tensor on the CPU, wherever its inputs are."""

    class Behind(Net):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) + torch.ones(len(inputs), 1)

    return Behind(task)


def comes_back(task: Task) -> nn.Module:
    """Build what gives its outputs on the CPU, wherever its inputs are."""

    class Back(Net):
        def forward(self, inputs: Tensor) -> Tensor:
            outputs = super().forward(inputs)
            return torch.zeros(outputs.shape) if outputs.is_meta else outputs

    return Back(task)


def steps_to_a_number(workload: Any, batch: Any) -> Any:
    return 0.5


def steps_with_gradient(workload: Any, batch: Any) -> StepResult:
    loss = nn.functional.cross_entropy(workload.model(*batch.inputs), batch.targets)
    return StepResult(loss, batch.size)


MODELS = [
    Wrong(
        Model("net", undocumented),
        "says what it is",
        "model net: says what it is: undocumented has no docstring: its first line is what `bench"
        " list` says of it",
    ),
    Wrong(
        Model("net", unannotated),
        "has options that can be read",
        "model net: has options that can be read: model net: build: parameter 'width' has no"
        " annotation: the signature is the schema",
        alone=False,
    ),
    Wrong(
        Model("net", net, accepts=asks_torch),
        "is asked for tasks without torch",
        "model net: is asked for tasks without torch: accepts on points raised"
        " ModuleNotFoundError: import of torch halted; None in sys.modules",
    ),
    Wrong(
        Model("net", net, accepts=lambda task: task.kind == "regression"),  # type: ignore[arg-type, return-value]  # wrong
        "is asked for tasks without torch",
        "model net: is asked for tasks without torch: accepts gave False on points: it gives None"
        " where the model can have the task, else a sentence that says why not",
        alone=False,
    ),
    Wrong(
        Model("net", net, accepts=lambda task: "not today"),
        "builds on the tasks that it accepts",
        "model net: builds on the tasks that it accepts: it accepts none of the tasks that it was"
        " tried on (points: not today): give tasks={NAME: Task(...)}",
        alone=False,
    ),
    Wrong(
        Model("net", raises),
        "builds on the tasks that it accepts",
        "model net: builds on the tasks that it accepts: build on points raised ValueError: no such"
        " layer; accepts=FUNCTION can refuse such tasks, in a sentence",
        alone=False,
    ),
    Wrong(
        Model("net", no_module, accepts=lambda task: None),
        "builds on the tasks that it accepts",
        "model net: builds on the tasks that it accepts: build gave builtin_function_or_method on"
        " points, which is no torch.nn.Module: return the module",
        alone=False,
    ),
    Wrong(
        Model("net", transposed),
        "gives outputs that fit the task",
        "model net: gives outputs that fit the task: its outputs have shape (12, 4) on points:"
        " (12, 3) fits (samples, outputs)",
    ),
    Wrong(
        Model("net", whole),
        "gives outputs that fit the task",
        "model net: gives outputs that fit the task: its outputs are torch.int64 on points: numbers"
        " that can be learned are floating",
        alone=False,
    ),
    Wrong(
        Model("net", two_tensors),
        "gives outputs that fit the task",
        "model net: gives outputs that fit the task: forward gave tuple on points: return one"
        " tensor, the outputs",
        alone=False,
    ),
    Wrong(
        Model("net", random_start),
        "is the same under the same seed",
        "model net: is the same under the same seed: weight differs between two builds under one"
        " seed on points: draw from torch's own generator (torch.randn, torch.nn.init), which the"
        " harness seeds",
    ),
    Wrong(
        Model("net", unused),
        "trains a step, and every parameter gets a gradient",
        "model net: trains a step, and every parameter gets a gradient: parameter spare.weight"
        " never gets a gradient on points: use it in forward, or leave it out; where it is to stay"
        " as it is, set requires_grad=False",
    ),
    Wrong(
        Model("net", flat),
        "trains a step, and every parameter gets a gradient",
        "model net: trains a step, and every parameter gets a gradient: a step changed no parameter"
        " on points: every gradient is 0, or nothing is stepped",
    ),
    Wrong(
        Model("net", without_end),
        "trains a step, and every parameter gets a gradient",
        "model net: trains a step, and every parameter gets a gradient: the loss of the first step"
        " is nan on points: it must be finite",
    ),
    Wrong(
        Model("net", net, step=steps_to_a_number),
        "trains a step, and every parameter gets a gradient",
        "model net: trains a step, and every parameter gets a gradient: step gave float on points:"
        " return StepResult(loss, samples)",
    ),
    Wrong(
        Model("net", net, step=steps_with_gradient),
        "trains a step, and every parameter gets a gradient",
        "model net: trains a step, and every parameter gets a gradient: step gave a loss of shape"
        " (), requires_grad=True, on points: give the mean over the samples, detached:"
        " StepResult(loss.detach(), batch.size)",
    ),
    Wrong(
        Model("net", noisy),
        "answers alike when it is asked again",
        "model net: answers alike when it is asked again: two passes in evaluation mode differ on"
        " points: forward draws from torch; look at self.training, so that what is drawn in"
        " training is not drawn in use",
        alone=False,
    ),
    Wrong(
        Model("net", counts),
        "answers alike when it is asked again",
        "model net: answers alike when it is asked again: a pass in evaluation mode changed passes"
        " on points: change it in training alone",
    ),
    Wrong(
        Model("net", forgets),
        "has weights that can be kept and read again",
        "model net: has weights that can be kept and read again: a model with the same weights"
        " answers otherwise on points: what it learns or draws must stand in parameters or buffers"
        " (self.register_buffer)",
        alone=False,
    ),
    Wrong(
        Model("net", stays_behind),
        "stays on the device that it is put on",
        "model net: stays on the device that it is put on: forward mixes devices on points: make"
        " tensors where the inputs are (device=inputs.device), and keep constants in buffers"
        " (self.register_buffer)",
    ),
    Wrong(
        Model("net", comes_back),
        "stays on the device that it is put on",
        "model net: stays on the device that it is put on: its outputs are on cpu on points though"
        " its inputs are elsewhere: leave tensors where they are",
    ),
]


def each(wrong: Wrong) -> str:
    return f"{wrong.claim}-{wrong.message[-30:]}"


@pytest.mark.parametrize("wrong", MODELS, ids=each)
def test_a_model_that_is_wrong_in_one_way_fails_that_check(wrong: Wrong) -> None:
    made = check_model(wrong.definition, tasks=POINTS)

    assert failure(made, wrong.claim) == wrong.message
    if wrong.alone:
        passes(made, but=wrong.claim)


def test_a_model_that_is_right_passes_all_checks() -> None:
    made = check_model(Model("net", net), tasks=POINTS)

    passes(made)
    assert [str(each) for each in made] == [
        "model net: has options that can be read",
        "model net: says what it is",
        "model net: is asked for tasks without torch",
        "model net: builds on the tasks that it accepts",
        "model net: gives outputs that fit the task",
        "model net: is the same under the same seed",
        "model net: trains a step, and every parameter gets a gradient",
        "model net: answers alike when it is asked again",
        "model net: has weights that can be kept and read again",
        "model net: stays on the device that it is put on",
    ]


def test_a_model_that_looks_at_values_is_not_judged_on_a_device_without_any() -> None:
    def looks(task: Task) -> nn.Module:
        """Build what looks at its inputs."""

        class Looks(Net):
            def forward(self, inputs: Tensor) -> Tensor:
                return super().forward(inputs) * (2 if float(inputs.sum()) > 0 else 1)

        return Looks(task)

    check = check_model(Model("looks", looks), tasks=POINTS)[-1]

    with pytest.raises(SkipTest) as caught:
        check()
    assert str(caught.value) == (
        "it cannot be told without an accelerator: forward on points looks at values"
    )


# Data sets.


def task_of_points() -> Task:
    return Task("classification", (2,), 3)


def points(change: Callable[[Tensor, Tensor, Place], tuple[Any, Any]], **fields: Any) -> Dataset:
    """Make a data set of twelve points, changed in one way."""

    def load(place: Place) -> Data:
        """Load points."""
        generator = torch.Generator().manual_seed(place.seed if fields.get("seeded") else 0)
        inputs, targets = change(
            torch.randn(12, 2, generator=generator), torch.arange(12) % 3, place
        )
        return Data(Split((inputs,), targets))

    return Dataset("points", load, **{"task": task_of_points, **fields})


def as_is(inputs: Tensor, targets: Tensor, place: Place) -> tuple[Tensor, Tensor]:
    return inputs, targets


def torch_task() -> Task:
    import torch

    return Task("classification", (torch.ones(2).numel(),), 3)


def no_split(place: Place) -> Any:
    """Load a tensor."""
    return torch.ones(3)


def splits_badly(inputs: tuple[Tensor, ...], targets: Tensor) -> Any:
    return inputs[0], targets


def cuts(inputs: tuple[Tensor, ...], generator: torch.Generator) -> tuple[Tensor, ...]:
    return (inputs[0][:1],)


def with_functions(**functions: Any) -> Dataset:
    def load(place: Place) -> Data:
        """Load points."""
        return Data(Split((torch.ones(12, 2),), torch.arange(12) % 3, **functions))

    return Dataset("points", load, task_of_points)


FITS = "loads data that fits its task"
TORCH_FREE = "says without torch what its task is, and whether it is here"
TWICE, OTHER = "gives the same data twice", "gives other data to another seed"
MAPPED = "has data that is written once and mapped by every trial"
NUMBERED = itertools.count()

DATASETS = [
    Wrong(
        points(as_is, task=torch_task),
        TORCH_FREE,
        "task raised ModuleNotFoundError: import of torch halted; None in sys.modules",
    ),
    Wrong(
        points(as_is, task=lambda: "points"),
        TORCH_FREE,
        "task gave 'points': return Task(kind, input_shape, outputs)",
        alone=False,
    ),
    Wrong(
        points(as_is, task=lambda: Task("points", (2,), 3)),  # type: ignore[arg-type]  # wrong
        TORCH_FREE,
        "task is of kind 'points': classification, binary, regression, sequence are the kinds",
        alone=False,
    ),
    Wrong(
        points(as_is, task=lambda: Task("classification", (), 3)),
        TORCH_FREE,
        "task has input_shape () and 3 outputs: give the sizes of one sample without the batch,"
        " whole numbers from 1: (1, 28, 28), (30,)",
        alone=False,
    ),
    Wrong(
        Dataset("points", no_split, task_of_points),
        FITS,
        "dataset points loaded Tensor, which is no Data",
        alone=False,
    ),
    Wrong(
        points(lambda inputs, targets, place: (inputs.T, targets)),
        FITS,
        "dataset points: train: inputs must be a tuple of tensors as long as the targets, not"
        " [2, 12]",
        alone=False,
    ),
    Wrong(
        points(lambda inputs, targets, place: (inputs.repeat(1, 2), targets)),
        FITS,
        "train: a sample has shape (4,), but the task says input_shape=(2,)",
    ),
    Wrong(
        points(lambda inputs, targets, place: (inputs.double(), targets)),
        FITS,
        "train: inputs are torch.float64: models have torch.float32 (inputs.float())",
    ),
    Wrong(
        points(lambda inputs, targets, place: (inputs / 0, targets)),
        FITS,
        "train: 24 of 24 numbers of the inputs are not finite",
    ),
    Wrong(
        points(
            lambda inputs, targets, place: (torch.ones(12, 4), targets),
            task=lambda: Task("sequence", (4,), 3, symbols=5),
        ),
        FITS,
        "train: symbols are torch.float32: whole numbers from 0 are wanted (torch.long)",
    ),
    Wrong(
        points(lambda inputs, targets, place: (inputs, targets.float())),
        FITS,
        "train: targets are (12,) of torch.float32: a classification task has (12,) of torch.int64",
    ),
    Wrong(
        points(
            lambda inputs, targets, place: (inputs, inputs[:, 0]),
            task=lambda: Task("regression", (2,), 1),
        ),
        FITS,
        "train: targets are (12,) of torch.float32: a regression task has (12, 1) of torch.float32",
    ),
    Wrong(
        points(lambda inputs, targets, place: (inputs, targets + 1)),
        FITS,
        "dataset points: train: targets go from 1 to 3, but the task has 3 classes",
    ),
    Wrong(
        with_functions(collate=splits_badly),
        FITS,
        "train: collate gave inputs as Tensor: give (inputs, targets), inputs a tuple of tensors",
    ),
    Wrong(
        with_functions(transform=cuts),
        FITS,
        "train: transform must give a tuple of tensors with as many samples",
    ),
    Wrong(
        points(lambda inputs, targets, place: (inputs + next(NUMBERED), targets)),
        TWICE,
        "two loads with one seed differ: draw from torch.Generator().manual_seed(place.seed), and"
        " read files in a fixed order",
        alone=False,
    ),
    Wrong(
        points(lambda inputs, targets, place: (torch.randn(12, 2), targets)),
        TWICE,
        "it draws from a global generator: draw from torch.Generator().manual_seed(place.seed), so"
        " that nothing else that draws changes the data",
    ),
    Wrong(
        points(lambda inputs, targets, place: (torch.ones(12, 2), targets), seeded=True),
        OTHER,
        "it is seeded, but seeds 0 and 1 give the same data: draw from"
        " torch.Generator().manual_seed(place.seed), or leave seeded=True out",
    ),
    Wrong(
        points(lambda inputs, targets, place: (inputs + place.seed, targets)),
        OTHER,
        "its data depends on place.seed, which is 0 for every trial: Dataset(..., seeded=True)"
        " gives each seed its own",
    ),
    Wrong(
        with_functions(collate=lambda inputs, targets: (inputs, targets)),
        MAPPED,
        f"collate={__name__}:<lambda> must be a function of a module: trials look it up by its"
        " name",
    ),
]


@pytest.mark.parametrize("wrong", DATASETS, ids=each)
def test_a_data_set_that_is_wrong_in_one_way_fails_that_check(wrong: Wrong) -> None:
    made = check_dataset(wrong.definition)

    assert failure(made, wrong.claim) == f"dataset points: {wrong.claim}: {wrong.message}"
    if wrong.alone:
        passes(made, but=wrong.claim)


def test_a_data_set_that_is_right_passes_all_checks() -> None:
    for dataset in (points(as_is), points(as_is, seeded=True), points(as_is, holdout=0.25)):
        passes(check_dataset(dataset))


def test_checks_that_load_are_skipped_where_the_data_is_not_here(tmp_path: Path) -> None:
    there = tmp_path / "points.txt"
    dataset = points(as_is, absent=lambda place: None if there.exists() else "fetch it")
    loading = check_dataset(dataset, root=tmp_path)[-1]

    with pytest.raises(SkipTest, match=r"^dataset points is not here: fetch it$"):
        loading()
    there.touch()
    loading()


# Optimizers, schedules, activations, initializers, losses.


class Signs(torch.optim.Optimizer):
    """Steps by the sign of the gradient."""

    def __init__(self, model: nn.Module, **groups: Any) -> None:
        super().__init__(model.parameters(), groups)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as torch calls it
        for group in self.param_groups:
            for parameter in group["params"]:
                self.change(parameter, group)

    def change(self, parameter: Tensor, group: Any) -> None:
        assert parameter.grad is not None
        parameter.add_(parameter.grad.sign(), alpha=-group["lr"])


def signs(model: nn.Module) -> torch.optim.Optimizer:
    """Build it."""
    return Signs(model, lr=0.01)


def no_optimizer(model: nn.Module) -> Any:
    """Build none."""
    return model


def of_another(model: nn.Module) -> torch.optim.Optimizer:
    """Build one of another model's parameters."""
    return Signs(nn.Linear(2, 2), lr=0.01)


def idle(model: nn.Module) -> torch.optim.Optimizer:
    """Build one that does nothing."""

    class Idle(Signs):
        def change(self, parameter: Tensor, group: Any) -> None:
            pass

    return Idle(model, lr=0.01)


def bursts(model: nn.Module) -> torch.optim.Optimizer:
    """Build one that divides by 0."""

    class Bursts(Signs):
        def change(self, parameter: Tensor, group: Any) -> None:
            parameter.div_(0)

    return Bursts(model, lr=0.01)


def unseeded(model: nn.Module) -> torch.optim.Optimizer:
    """Build one that draws what nobody seeds."""
    generator = np.random.default_rng()

    class Unseeded(Signs):
        def change(self, parameter: Tensor, group: Any) -> None:
            parameter.add_(float(generator.random()))

    return Unseeded(model, lr=0.01)


def without_rate(model: nn.Module) -> torch.optim.Optimizer:
    """Build one whose rate has another name."""

    class Rate(Signs):
        def change(self, parameter: Tensor, group: Any) -> None:
            parameter.add_(1, alpha=group["rate"])

    return Rate(model, rate=0.1)


CHANGES, ALIKE = "changes the parameters in a step", "steps alike under the same seed"
OPTIMIZERS = [
    Wrong(
        no_optimizer,
        "builds an optimizer of torch",
        "build gave Sequential, which is no torch.optim.Optimizer",
        alone=False,
    ),
    Wrong(
        of_another,
        "builds an optimizer of torch",
        "it steps parameters that are not the model's: build it of model.parameters()",
        alone=False,
    ),
    Wrong(
        idle,
        CHANGES,
        "3 steps changed no parameter: step() must change them in place, under torch.no_grad(), by"
        " each parameter's grad",
    ),
    Wrong(bursts, CHANGES, "0.weight is not finite after 3 steps of a small model", alone=False),
    Wrong(
        unseeded,
        ALIKE,
        "0.weight differs between two trainings under one seed: keep nothing between optimizers,"
        " and draw from torch's own generator",
    ),
    Wrong(
        without_rate,
        "follows a schedule",
        "param_groups[0] has no number 'lr', which schedules multiply before each step: name the"
        " rate so, and step() must read it there",
    ),
]


@pytest.mark.parametrize("wrong", OPTIMIZERS, ids=each)
def test_an_optimizer_that_is_wrong_in_one_way_fails_that_check(wrong: Wrong) -> None:
    made = check_optimizer(Optimizer("signs", wrong.definition))

    assert failure(made, wrong.claim) == f"optimizer signs: {wrong.claim}: {wrong.message}"
    if wrong.alone:
        passes(made, but=wrong.claim)


def test_an_optimizer_that_is_right_passes_all_checks() -> None:
    passes(check_optimizer(Optimizer("signs", signs)))


def half(progress: float) -> float:
    """Halve."""
    return 0.5


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (lambda progress: "half", "factor(0) is 'half': give a number"),
        (lambda progress: 0.5 - progress, "factor(0.51) is -0.01: it must be finite and not neg"),
        (lambda progress: float("inf"), "factor(0) is inf: it must be finite and not negative"),
        (lambda progress: 1 / progress, "factor at 0 raised ZeroDivisionError: float division by"),
    ],
)
def test_a_schedule_that_gives_no_factor_is_told_where(factor: Any, told: str) -> None:
    made = check_schedule(Schedule("half", factor))
    message = failure(made, "gives a factor from 0 to 1 of the way")

    assert message.startswith(f"schedule half: gives a factor from 0 to 1 of the way: {told}")
    passes(check_schedule(Schedule("half", half)))


class Acting(nn.Module):
    """Acts as it is told."""

    def __init__(self, act: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.act = act

    def forward(self, inputs: Tensor) -> Any:
        return self.act(inputs)


def acting(act: Callable[[Tensor], Any]) -> nn.Module:
    """Build what acts."""
    return Acting(act)


@pytest.mark.parametrize(
    ("act", "claim", "told"),
    [
        (
            lambda inputs: inputs.mean(-1),
            "keeps the shape and type of its inputs",
            "inputs (5, 4) of torch.float32 became (5,) of torch.float32: an activation acts on"
            " each number, and keeps shape and type",
        ),
        (
            lambda inputs: inputs.double(),
            "keeps the shape and type of its inputs",
            "inputs (5, 4) of torch.float32 became (5, 4) of torch.float64: an activation acts on"
            " each number, and keeps shape and type",
        ),
        (
            lambda inputs: inputs.log(),
            "has a finite gradient",
            "its value at -20 is not finite",
        ),
        (
            lambda inputs: inputs.abs().sqrt(),
            "has a finite gradient",
            "its gradient at 0 is not finite: training would end there",
        ),
        (
            lambda inputs: inputs.detach().relu(),
            "has a finite gradient",
            "its outputs have no gradient: compute them with torch, and do not detach them",
        ),
    ],
)
def test_an_activation_that_is_wrong_in_one_way_fails_that_check(
    act: Callable[[Tensor], Any], claim: str, told: str
) -> None:
    def build() -> nn.Module:
        """Build it."""
        return Acting(act)

    made = check_activation(Activation("mine", build))

    assert failure(made, claim) == f"activation mine: {claim}: {told}"
    passes(made, but=claim)


def test_an_activation_that_builds_no_module_is_told() -> None:
    def build() -> Any:
        """Build none."""
        return torch.relu

    made = check_activation(Activation("mine", build))

    assert failure(made, "builds a module") == (
        "activation mine: builds a module: build gave builtin_function_or_method, which is no"
        " torch.nn.Module"
    )
    passes(check_activation(Activation("relu", functools.partial(acting, torch.relu))))


FILLS, OWN = "fills a parameter with finite numbers", "draws from its generator alone"


@pytest.mark.parametrize(
    ("fill", "claim", "told"),
    [
        (
            lambda parameter, generator: None,
            FILLS,
            "32 of 32 numbers of a parameter of shape (8, 4) are not finite afterwards: fill it in"
            " place (parameter.copy_, torch.nn.init)",
        ),
        (
            lambda parameter, generator: parameter.copy_(torch.ones(99)),
            FILLS,
            "apply on shape (8, 4) raised RuntimeError: The size of tensor a (4) must match the"
            " size of tensor b (99) at non-singleton dimension 1",
        ),
        (
            lambda parameter, generator: setattr(parameter, "data", torch.ones(3)),
            FILLS,
            "a parameter of shape (8, 4) became one of (3,)",
        ),
        (
            lambda parameter, generator: parameter.copy_(torch.randn(parameter.shape)),
            OWN,
            "it draws from torch: draw from the generator that it is given (generator=generator)",
        ),
        (
            lambda parameter, generator: parameter.fill_(float(np.random.rand())),
            OWN,
            "it draws from numpy.random: draw from the generator that it is given"
            " (generator=generator)",
        ),
        (
            lambda parameter, generator: parameter.fill_(next(NUMBERED)),
            OWN,
            "the same generator gave other numbers the second time: draw from nothing else",
        ),
    ],
)
def test_an_initializer_that_is_wrong_in_one_way_fails_that_check(
    fill: Callable[..., Any], claim: str, told: str
) -> None:
    def apply(parameter: Tensor, generator: torch.Generator) -> None:
        """Fill it."""
        fill(parameter, generator)

    made = check_initializer(Initializer("mine", apply))

    assert failure(made, claim) == f"initializer mine: {claim}: {told}"


def test_an_initializer_may_be_for_biases_alone() -> None:
    def ramp(parameter: Tensor, generator: torch.Generator) -> None:
        """Fill with 0, 1, 2, ..."""
        parameter.copy_(torch.arange(8.0) if parameter.ndim == 1 else torch.ones(99))

    passes(check_initializer(Initializer("ramp", ramp)))


class Squares(nn.Module):
    """Squared error, with what a test adds."""

    def __init__(self, reduction: str = "mean", change: Callable[[Tensor], Any] | None = None):
        super().__init__()
        self.reduction = reduction
        self.change = change or (lambda errors: errors.mean())

    def forward(self, outputs: Tensor, targets: Tensor) -> Any:
        return self.change((outputs - targets).square())


FINITE, SAYS = "is finite and has a gradient", "is the mean or sum that it says"
LOSSES = [
    Wrong(
        Squares(change=lambda errors: errors.mean().item()),
        FINITE,
        "forward gave float on numbers: return a tensor",
        alone=False,
    ),
    Wrong(
        Squares(change=lambda errors: errors),
        FINITE,
        "its value has shape (12, 1) on numbers: give one number, or say reduction='none'",
        alone=False,
    ),
    Wrong(
        Squares(change=lambda errors: errors.mean() / 0),
        FINITE,
        "its value is not finite on numbers, for outputs between 0 and 1",
        alone=False,
    ),
    Wrong(
        Squares(change=lambda errors: errors.mean().detach()),
        FINITE,
        "it has no gradient on numbers: compute it with torch, of the outputs",
    ),
    Wrong(
        Squares(change=lambda errors: (errors * 0).sqrt().mean()),
        FINITE,
        "its gradient is not finite on numbers, for outputs between 0 and 1",
    ),
    Wrong(
        Squares(reduction="average"),
        SAYS,
        "its reduction is 'average': mean, sum and none are those that the harness knows",
    ),
]


@pytest.mark.parametrize("wrong", LOSSES, ids=each)
def test_a_loss_that_is_wrong_in_one_way_fails_that_check(wrong: Wrong) -> None:
    def build() -> nn.Module:
        """Build it."""
        return wrong.definition  # type: ignore[no-any-return]  # a module

    made = check_loss(Loss("mine", build), tasks=NUMBERS)

    assert failure(made, wrong.claim) == f"loss mine: {wrong.claim}: {wrong.message}"
    if wrong.alone:
        passes(made, but=wrong.claim)


@pytest.mark.parametrize(
    ("said", "does", "told"),
    [("mean", torch.sum, "the mean of each alone"), ("sum", torch.mean, "the sum of each alone")],
)
def test_a_loss_that_reduces_otherwise_than_it_says_is_told(
    said: str, does: Callable[[Tensor], Tensor], told: str
) -> None:
    def build() -> nn.Module:
        """Build it."""
        return Squares(said, does)

    message = failure(check_loss(Loss("mine", build), tasks=NUMBERS), SAYS)

    start = f"loss mine: {SAYS}: its reduction says {said}, but on numbers 12 samples give "
    assert message.startswith(start)
    assert f" where {told} is " in message
    assert message.endswith(": set self.reduction to what it does")


@pytest.mark.parametrize(
    ("predict", "told"),
    [
        (
            lambda outputs: outputs,
            "predict gave (12, 3) on points for targets of shape (12,): they must be equal, so that"
            " each prediction is compared with its target",
        ),
        (
            lambda outputs: outputs.argmax(1) + 7,
            "predict gave 7 on points, which is no class: they are 0 to 2",
        ),
        (lambda outputs: outputs.lost, "predict on points raised AttributeError: 'Tensor' object"),
    ],
)
def test_a_loss_that_predicts_no_classes_is_told(predict: Any, told: str) -> None:
    def build() -> nn.Module:
        """Build cross-entropy."""
        return nn.CrossEntropyLoss()

    made = check_loss(Loss("mine", build, predict), tasks=POINTS)
    claim = "predicts what can be compared with targets"

    assert failure(made, claim).startswith(f"loss mine: {claim}: {told}")
    passes(made, but=claim)


def test_a_loss_that_is_no_module_or_accepts_nothing_is_told() -> None:
    def build() -> Any:
        """Build none."""
        return nn.functional.mse_loss

    no_module = check_loss(Loss("mine", build), tasks=NUMBERS)
    nothing = check_loss(Loss("mine", build, accepts=lambda task: "not today"))

    assert failure(no_module, FINITE) == (
        f"loss mine: {FINITE}: build gave function, which is no torch.nn.Module"
    )
    assert failure(nothing, FINITE) == (
        f"loss mine: {FINITE}: it accepts none of the tasks that it was tried on: give"
        " tasks={NAME: Task(...)}"
    )


def test_a_loss_that_asks_torch_whether_it_can_have_a_task_is_told() -> None:
    def build() -> nn.Module:
        """Build cross-entropy."""
        return nn.CrossEntropyLoss()

    made = check_loss(Loss("mine", build, accepts=asks_torch), tasks=POINTS)

    assert failure(made, "is asked for tasks without torch") == (
        "loss mine: is asked for tasks without torch: accepts on points raised ModuleNotFoundError:"
        " import of torch halted; None in sys.modules"
    )


# Metrics and procedures.


def norm(trained: Trained) -> dict[str, float]:
    """Measure norms."""
    assert trained.model is not None
    return {name: float(each.detach().norm()) for name, each in trained.model.named_parameters()}


def spoils(trained: Trained) -> float:
    """Fill a parameter."""
    with torch.no_grad():
        next(trained.model.parameters()).fill_(1)  # type: ignore[union-attr]  # there is one
    return 1.0


def clears(trained: Trained) -> float:
    """Drop the gradients."""
    assert trained.model is not None
    trained.model.zero_grad()
    return 1.0


def hooks(trained: Trained) -> float:
    """Leave a hook."""
    assert trained.model is not None
    trained.model.register_forward_hook(lambda *_: None)
    return 1.0


def draws(trained: Trained) -> float:
    """Draw."""
    return float(torch.rand(1)) * 0


def wanders(trained: Trained) -> float:
    """Count."""
    return float(next(NUMBERED))


def gives_a_word(trained: Trained) -> Any:
    """Give a word."""
    return {"layer": "much"}


MEASURES, LEAVES = (
    "measures numbers, or None",
    "leaves the model and the generators as they were",
)
METRICS = [
    Wrong(
        gives_a_word,
        MEASURES,
        "measure gave str for 'layer': give a number, a dict with a number a layer, or None where"
        " it cannot be measured",
        alone=False,
    ),
    Wrong(
        spoils,
        LEAVES,
        "it changed 1.weight of the model: measure a copy, or put it back as it was",
    ),
    Wrong(
        clears,
        LEAVES,
        "it changed the gradient of 1.weight: measure a copy, or put it back as it was",
    ),
    Wrong(
        hooks,
        LEAVES,
        "it changed what stands on the model as hooks: measure a copy, or put it back as it was",
    ),
    Wrong(
        draws,
        LEAVES,
        "it draws from torch: draw from a generator of its own"
        " (torch.Generator().manual_seed(trained.seed))",
    ),
]


@pytest.mark.parametrize("wrong", METRICS, ids=each)
def test_a_metric_that_is_wrong_in_one_way_fails_that_check(wrong: Wrong) -> None:
    made = check_metric(Metric("mine", "1", "lower", 0.1, wrong.definition))

    assert failure(made, wrong.claim) == f"metric mine: {wrong.claim}: {wrong.message}"
    if wrong.alone:
        passes(made, but=wrong.claim)


def test_a_metric_that_measures_otherwise_the_second_time_is_told() -> None:
    made = check_metric(Metric("mine", "1", "lower", 0.1, wanders))

    message = failure(made, "measures the same twice")
    assert message.startswith("metric mine: measures the same twice: it measured ")
    assert message.endswith(
        " of the same model: what it draws must come from a generator of its own, seeded alike each"
        " time"
    )
    passes(check_metric(Metric("mine", "1", "lower", 0.1, norm)))


def test_a_metric_that_refuses_a_small_model_is_skipped_and_can_be_given_another() -> None:
    from harness import BenchError

    def of_numbers(trained: Trained) -> float:
        """Measure a regression."""
        assert trained.task is not None
        if trained.task.kind != "regression":
            raise BenchError("a regression is wanted")
        return 1.0

    metric = Metric("mine", "1", "lower", 0.1, of_numbers)

    with pytest.raises(SkipTest) as caught:
        check_metric(metric)[2]()
    assert str(caught.value) == (
        "it refuses what it was tried on: give trained=... (a regression is wanted)"
    )
    passes(check_metric(metric, trained=trained(workload(NUMBERS["numbers"]))))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"loss": 1.0}, "run gave dict: return Findings(metrics={...}, series={...})"),
        (
            Findings(metrics={"spread": torch.ones(())}),  # type: ignore[dict-item]  # wrong
            "the metric 'spread' is Tensor: give a plain number (float(...)), or None",
        ),
        (
            Findings(series={"course": [1.0, "much"]}),  # type: ignore[list-item]  # wrong
            "point 1 of the series 'course' is str: give a plain number (float(...)), or None",
        ),
    ],
)
def test_a_procedure_that_finds_no_plain_numbers_is_told(found: Any, told: str) -> None:
    def run(workload: Any) -> Any:
        """Find it."""
        return found

    made = check_procedure(Procedure("mine", run))

    assert failure(made, "finds plain numbers") == (f"procedure mine: finds plain numbers: {told}")


def test_a_procedure_that_finds_numbers_passes() -> None:
    def run(workload: Any) -> Findings:
        """Find some."""
        return Findings(metrics={"a": 1, "b": None, "c": np.float32(0.5)}, series={"d": [1, None]})

    passes(check_procedure(Procedure("mine", run)))


# Suites and plugins.


def test_a_suite_that_is_wrong_in_one_way_fails_that_check() -> None:
    base = {"model": "mlp", "dataset": "digits", "optimizer": "sgd"}
    silent = check_suite(Suite("mine", base=base))
    unknown = check_suite(Suite("mine", "Which?", base={"model": "mlp[hiden=[3]]"}))
    refused = check_suite(Suite("mine", "Which?", base=base, factors={"loss": ["mse"]}))

    assert failure(silent, "says what it asks") == (
        "suite mine: says what it asks: it has no summary: say in a sentence which question it"
        " answers"
    )
    assert failure(unknown, "can be planned") == (
        "suite mine: can be planned: model mlp has no option 'hiden' (model.hiden): did you mean"
        " 'hidden'? (known: activation, dropout, hidden)"
    )
    assert failure(refused, "has cases that can all be trained") == (
        "suite mine: has cases that can all be trained: 1 of its cases cannot be trained: loss=mse"
        " (mse compares numbers, not the targets of a classification task: loss=cross_entropy"
        " does); exclude them"
    )
    passes(check_suite(Suite("mine", "Which?", base=base)))


def module(name: str, **hooks: Callable[[], Any]) -> ModuleType:
    """Make a plugin of hooks that return something."""
    made = ModuleType(name)
    for hook, function in hooks.items():
        marked = hookimpl(lambda made=function: made(), specname=f"bench_register_{hook}")
        setattr(made, hook, marked)
    return made


def test_a_plugin_gets_the_checks_of_all_that_it_registers() -> None:
    plugin = module(
        "bench_nets",
        models=lambda: [Model("nets_net", net)],
        schedules=lambda: [Schedule("nets_half", half)],
        suites=lambda: [Suite("nets", "Which?", base={"model": "nets_net", "optimizer": "sgd"})],
    )

    made = [str(each) for each in checks(plugin)]

    assert made[:2] == [
        "plugin nets: registers what it has",
        "plugin nets: is loaded without torch",
    ]
    assert [each for each in made if each.endswith("says what it is")] == [
        "model nets_net: says what it is",
        "schedule nets_half: says what it is",
    ]
    assert made[-1] == "suite nets: has cases that can all be trained"
    assert not [each for each in checks(plugin, without=("nets_net",)) if "nets_net" in each.of]


def test_a_plugin_that_breaks_the_interface_fails_with_the_reason() -> None:
    plugin = module("bench_wrong", models=lambda: [Model("net", unannotated)])

    [message] = [failure(checks(plugin), "registers what it has")]

    assert message == (
        "plugin wrong: registers what it has: plugin 'wrong': model net: build: parameter 'width'"
        " has no annotation: the signature is the schema"
    )


def test_an_installed_plugin_that_is_broken_fails_with_the_reason_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = Registry((Plugin(name="wrong", named="bench_wrong", error="see below"),))
    monkeypatch.setattr(subject, "_installed", lambda: broken)
    plugin = module("bench_wrong", models=lambda: [Model("net", unannotated)])

    assert failure(check_plugin(plugin), "registers what it has").endswith(
        "model net: build: parameter 'width' has no annotation: the signature is the schema"
    )


def test_a_plugin_that_registers_nothing_is_told() -> None:
    message = failure(check_plugin(module("bench_empty", models=list)), "registers what it has")

    assert message == (
        "plugin empty: registers what it has: it registers nothing: return definitions from its"
        " hooks"
    )


def test_options_of_a_definition_that_a_plugin_has_not_are_refused() -> None:
    plugin = module("bench_typo", models=lambda: [Model("typo_net", net)])

    with pytest.raises(PluginError) as caught:
        checks(plugin, options={"typo_nt": {}})
    assert str(caught.value) == (
        "plugin 'typo' registers no 'typo_nt': did you mean 'typo_net'? (known: typo_net)"
    )


def test_options_are_given_where_a_definition_has_no_default() -> None:
    def wide(task: Task, *, width: int) -> nn.Module:
        """Build it."""
        return nn.Sequential(nn.Linear(task.features, width), nn.Linear(width, task.outputs))

    model = Model("wide", wide)

    claim = "gives outputs that fit the task"
    assert failure(check_model(model, tasks=POINTS), claim) == (
        f"model wide: {claim}: its option 'width' has no default: give one for the checks,"
        " options={'model:wide': {'width': VALUE}}"
    )
    assert failure(
        check_model(model, options={"depth": 3}, tasks=POINTS), "has options that can be read"
    ) == (
        "model wide: has options that can be read: options of the checks name 'depth', which it"
        " has not (known: width)"
    )
    assert failure(check_model(model, options={"width": len}, tasks=POINTS), claim) == (
        f"model wide: {claim}: options of the checks: <built-in function len> is no level: a"
        " builtin_function_or_method has no place in settings"
    )
    passes(check_model(model, options={"width": 3}, tasks=POINTS))


def test_a_plugin_that_imports_torch_or_cannot_be_loaded_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = "is loaded without torch"
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "bench_at_the_top.py").write_text(
        "import torch\nfrom harness import Suite, hookimpl\n@hookimpl\n"
        "def bench_register_suites():\n    return [Suite('top', 'Which?')]\n"
    )

    assert failure(check_plugin("bench_at_the_top"), claim) == (
        f"plugin at_the_top: {claim}: loading it imports torch: import torch inside the functions"
        " that use it, so that `bench plan` and `bench list` stay quick"
    )
    assert failure(check_plugin(ModuleType("bench_of_air")), claim) == (
        f"plugin of_air: {claim}: a fresh interpreter cannot load it: harness.errors.PluginError:"
        " plugin bench_of_air: cannot be imported: ModuleNotFoundError: No module named"
        " 'bench_of_air'"
    )


BUILT_IN = checks(
    bench_builtin,
    options={
        "initializer:constant": {"val": 0.5},
        "prediction": {"at": (1.0, 2.0)},
        "vgg16": {"width": 0.02},
    },
    without=("csv", "image_folder", "measure", "tabulate"),
)
"""Left out: what needs a file, or a metric or a model that is chosen for it."""
KINDS = sorted({each.of.partition(" ")[0] for each in BUILT_IN})


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_with_the_package_passes_all_checks(kind: str) -> None:
    seen = 0
    for check in BUILT_IN:
        if check.of.startswith(f"{kind} "):
            try:
                check()
                seen += 1
            except SkipTest:
                continue

    assert seen > 1


# Fakes, and trials.


def test_a_fake_clock_moves_as_it_is_told() -> None:
    clock = FakeClock(10.0, step_s=0.5)

    seen = [clock(), clock()]
    clock.move(60)

    assert [*seen, clock()] == [10.0, 10.5, 71.0]


def test_training_by_a_fake_clock_takes_the_time_that_it_tells() -> None:
    given = workload(data=data_for(tasks()["points"], 400), protocol=Protocol(epochs=1))
    given.protocol = Protocol(epochs=1, batch_size=8)

    first, second = (
        train(workload(data=given.data, protocol=given.protocol), now=FakeClock(step_s=step_s))
        for step_s in (0.001, 0.002)
    )

    slow, fast = first.metrics["step_p50_s"], second.metrics["step_p50_s"]
    assert slow is not None
    assert fast == pytest.approx(2 * slow)


@pytest.mark.parametrize("name", tasks())
def test_data_is_made_for_every_task_and_the_same_each_time(name: str) -> None:
    task = tasks()[name]

    def load(place: Place) -> Data:
        """Make it."""
        return data_for(task, seed=place.seed)

    passes(check_dataset(Dataset("made", load, lambda: task, seeded=True)))


def test_a_check_leaves_the_generators_as_they_were() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()

    passes(check_model(Model("net", net), tasks=POINTS))

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("in_process", [True, False], ids=["here", "in a process of its own"])
def test_a_trial_is_run_and_its_record_looked_at(in_process: bool, tiny: Path) -> None:
    record = trial(
        "model=linear",
        "dataset=few",
        "optimizer=sgd",
        plugins=[str(tiny)],
        seed=3,
        in_process=in_process,
    )

    assert (record.status, record.seed, record.settings["epochs"]) == ("ok", 3, 1)
    assert record.settings["dataset"] == "few"
    assert record.metrics["test_loss"] is not None


def test_a_trial_is_one() -> None:
    with pytest.raises(SuiteError) as caught:
        trial("model=linear", "optimizer=none,sgd", "procedure=infer", in_process=True)
    assert str(caught.value) == (
        "trial() runs one trial, and these settings make 2: give each setting one value, or use"
        " harness.run"
    )


def test_importing_harness_does_not_import_the_kit() -> None:
    code = "import sys, harness; sys.exit('harness.testing' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

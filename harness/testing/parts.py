"""Checks of what a model is built and trained with: optimizers, schedules, activations, ...

Shapes: samples (n, ...), outputs (n, outputs), weights (outputs, inputs) or a kernel's.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from types import ModuleType

import torch
from torch import Tensor, nn

from harness.plugin.definitions import Activation, Initializer, Loss, Optimizer, Schedule, Task
from harness.testing.check import Check, called, drawn, fail, states, torch_hidden
from harness.testing.fakes import data_for, output_shape, parameters_of, step, tasks
from harness.testing.subject import NONE, Options, Subject
from harness.training.evaluation import reduction
from harness.trial.worker import seed_everything

_SHAPES = ((8, 4), (6, 4, 3, 3))
_BIAS = (8,)
_POINTS = 101
_STEPS = 3
_LOOSE = 1e-4
"""Relative error that sums of float32 in another order may have."""


def check_optimizer(
    optimizer: Optimizer, *, options: Options = NONE, plugins: Sequence[ModuleType] = ()
) -> list[Check]:
    """Make the checks of an optimizer; they step a small model of two layers."""
    subject = Subject("optimizer", optimizer, options, tuple(plugins))
    return [
        *subject.usual(),
        subject.check("builds an optimizer of torch", _is_optimizer),
        subject.check("changes the parameters in a step", _steps),
        subject.check("steps alike under the same seed", _steps_alike),
        subject.check("follows a schedule", _follows),
    ]


def check_schedule(
    schedule: Schedule, *, options: Options = NONE, plugins: Sequence[ModuleType] = ()
) -> list[Check]:
    """Make the checks of a schedule."""
    subject = Subject("schedule", schedule, options, tuple(plugins))
    return [
        *subject.usual(),
        subject.check("gives a factor from 0 to 1 of the way", _gives_factors),
    ]


def check_activation(
    activation: Activation, *, options: Options = NONE, plugins: Sequence[ModuleType] = ()
) -> list[Check]:
    """Make the checks of an activation."""
    subject = Subject("activation", activation, options, tuple(plugins))
    return [
        *subject.usual(),
        subject.check("builds a module", _activation_builds),
        subject.check("keeps the shape and type of its inputs", _keeps_shape),
        subject.check("has a finite gradient", _has_gradient),
    ]


def check_initializer(
    initializer: Initializer, *, options: Options = NONE, plugins: Sequence[ModuleType] = ()
) -> list[Check]:
    """Make the checks of an initializer; it must fill weights or biases."""
    subject = Subject("initializer", initializer, options, tuple(plugins))
    return [
        *subject.usual(),
        subject.check("fills a parameter with finite numbers", _fills),
        subject.check("draws from its generator alone", _draws_from_its_own),
    ]


def check_loss(
    loss: Loss,
    *,
    options: Options = NONE,
    tasks: Mapping[str, Task] | None = None,
    plugins: Sequence[ModuleType] = (),
) -> list[Check]:
    """Make the checks of a loss.

    Args:
        loss: What the plugin registers.
        options: In place of its defaults.
        tasks: As `check_model` has them.
        plugins: As `check_model` has them.
    """
    subject = Subject("loss", loss, options, tuple(plugins))
    return [
        *subject.usual(),
        subject.check("is asked for tasks without torch", lambda each: _asked(each, tasks)),
        subject.check("is finite and has a gradient", lambda each: _is_finite(each, tasks)),
        subject.check("is the mean or sum that it says", lambda each: _reduces(each, tasks)),
        subject.check(
            "predicts what can be compared with targets", lambda each: _predicts(each, tasks)
        ),
    ]


def _net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))


def _optimizer(subject: Subject, model: nn.Module) -> torch.optim.Optimizer:
    found = subject.call("build", model)
    if not isinstance(found, torch.optim.Optimizer):
        fail(f"build gave {type(found).__name__}, which is no torch.optim.Optimizer")
    return found


def _is_optimizer(subject: Subject) -> None:
    model = _net()
    optimizer = _optimizer(subject, model)
    own = {id(each) for each in model.parameters()}
    for group in optimizer.param_groups:
        if any(id(each) not in own for each in group["params"]):
            fail("it steps parameters that are not the model's: build it of model.parameters()")


def _taken(subject: Subject, steps: int = _STEPS) -> tuple[nn.Module, Mapping[str, Tensor]]:
    """Step, and give the model with its parameters before."""
    seed_everything(0)
    model = _net()
    optimizer = _optimizer(subject, model)
    seed_everything(0)
    before, split = parameters_of(model), data_for(tasks()["points"]).train
    for _ in range(steps):
        if hasattr(optimizer, "batch_size"):
            optimizer.batch_size = len(split)
        called("a step", step, model, split, nn.CrossEntropyLoss(), optimizer)
    return model, before


def _steps(subject: Subject) -> None:
    model, before = _taken(subject)
    after = parameters_of(model)
    if all(torch.equal(before[name], each) for name, each in after.items()):
        fail(
            f"{_STEPS} steps changed no parameter: step() must change them in place, under"
            " torch.no_grad(), by each parameter's grad"
        )
    for name, each in after.items():
        if not bool(torch.isfinite(each).all()):
            fail(f"{name} is not finite after {_STEPS} steps of a small model")


def _steps_alike(subject: Subject) -> None:
    first, second = (parameters_of(_taken(subject)[0]) for _ in range(2))
    for name, each in first.items():
        if not torch.equal(each, second[name]):
            fail(
                f"{name} differs between two trainings under one seed: keep nothing between"
                " optimizers, and draw from torch's own generator"
            )


def _follows(subject: Subject) -> None:
    for place, group in enumerate(_optimizer(subject, _net()).param_groups):
        if not isinstance(group.get("lr"), numbers.Real):
            fail(
                f"param_groups[{place}] has no number 'lr', which schedules multiply before each"
                " step: name the rate so, and step() must read it there"
            )


def _gives_factors(subject: Subject) -> None:
    for place in range(_POINTS):
        progress = place / (_POINTS - 1)
        factor = subject.call("factor", progress, on=f" at {progress:g}")
        if not isinstance(factor, numbers.Real) or isinstance(factor, bool):
            fail(f"factor({progress:g}) is {factor!r}: give a number")
        if not math.isfinite(factor) or factor < 0:
            fail(f"factor({progress:g}) is {float(factor):g}: it must be finite and not negative")


def _activation(subject: Subject) -> nn.Module:
    found = subject.call("build")
    if not isinstance(found, nn.Module):
        fail(f"build gave {type(found).__name__}, which is no torch.nn.Module")
    return found


def _activation_builds(subject: Subject) -> None:
    _activation(subject)


def _keeps_shape(subject: Subject) -> None:
    for shape in ((5, 4), (2, 3, 4, 4), (2, 5, 4)):
        inputs = torch.linspace(-3, 3, math.prod(shape)).reshape(shape)
        outputs = called(f"forward on {shape}", _activation(subject), inputs)
        given = (tuple(outputs.shape), outputs.dtype)
        if given != (shape, inputs.dtype):
            fail(
                f"inputs {shape} of {inputs.dtype} became {given[0]} of {given[1]}: an activation"
                " acts on each number, and keeps shape and type"
            )


def _has_gradient(subject: Subject) -> None:
    inputs = (torch.arange(-60, 61) / 3).reshape(11, 11).requires_grad_()  # 0 is among them
    outputs = called("forward", _activation(subject), inputs)
    if not bool(torch.isfinite(outputs).all()):
        at = inputs.detach()[~torch.isfinite(outputs)][0]
        fail(f"its value at {float(at):g} is not finite")
    if not outputs.requires_grad:
        fail("its outputs have no gradient: compute them with torch, and do not detach them")
    (slopes,) = torch.autograd.grad(outputs.sum(), inputs)
    if not bool(torch.isfinite(slopes).all()):
        at = inputs.detach()[~torch.isfinite(slopes)][0]
        fail(f"its gradient at {float(at):g} is not finite: training would end there")


def _filled(subject: Subject, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Fill a parameter that was not a number before."""
    parameter = nn.Parameter(torch.full(shape, math.nan))
    with torch.no_grad():
        subject.call(
            "apply", parameter, torch.Generator().manual_seed(seed), on=f" on shape {shape}"
        )
    if tuple(parameter.shape) != shape:
        fail(f"a parameter of shape {shape} became one of {tuple(parameter.shape)}")
    return parameter.detach()


def _shapes(subject: Subject) -> tuple[tuple[int, ...], ...]:
    """Name the shapes that it fills: biases where it does not fill weights."""
    try:
        _filled(subject, _SHAPES[0])
    except AssertionError:
        try:
            _filled(subject, _BIAS)
        except AssertionError:
            return _SHAPES
        return (_BIAS,)
    return _SHAPES


def _fills(subject: Subject) -> None:
    for shape in _shapes(subject):
        odd = int((~torch.isfinite(_filled(subject, shape))).sum())
        if odd:
            fail(
                f"{odd} of {math.prod(shape)} numbers of a parameter of shape {shape} are not"
                " finite afterwards: fill it in place (parameter.copy_, torch.nn.init)"
            )


def _draws_from_its_own(subject: Subject) -> None:
    for shape in _shapes(subject):
        before = states()
        first = _filled(subject, shape)
        told = drawn(before, states())
        if told:
            fail(
                f"it draws from {' and '.join(told)}: draw from the generator that it is given"
                " (generator=generator)"
            )
        if not torch.equal(first, _filled(subject, shape)):
            fail("the same generator gave other numbers the second time: draw from nothing else")


def _asked(subject: Subject, given: Mapping[str, Task] | None) -> None:
    if getattr(subject.definition, "accepts", None) is None:
        return
    for name, task in (given or tasks()).items():
        with torch_hidden():
            subject.call("accepts", task, on=f" on {name}")


def _claimed(subject: Subject, given: Mapping[str, Task] | None) -> dict[str, Task]:
    """Find the tasks that are not refused.

    Sequences count where nothing else is accepted, or where they are given: their targets may be
    classes or numbers, and no task says which.
    """
    known = given or tasks()
    if getattr(subject.definition, "accepts", None) is None:
        found = dict(known)
    else:
        found = {
            name: task
            for name, task in known.items()
            if subject.call("accepts", task, on=f" on {name}") is None
        }
    if not found:
        fail("it accepts none of the tasks that it was tried on: give tasks={NAME: Task(...)}")
    plain = {name: task for name, task in found.items() if task.kind != "sequence"}
    return found if given or not plain else plain


def _loss(subject: Subject) -> nn.Module:
    found = subject.call("build")
    if not isinstance(found, nn.Module):
        fail(f"build gave {type(found).__name__}, which is no torch.nn.Module")
    return found


def _outputs(task: Task, n: int) -> Tensor:
    """Draw outputs between 0 and 1, of which classes sum to 1: any loss can have them."""
    raw = torch.randn(output_shape(task, n), generator=torch.Generator().manual_seed(3))
    return raw.softmax(1) if task.outputs > 1 else raw.sigmoid()


def _value(module: nn.Module, outputs: Tensor, targets: Tensor, name: str) -> Tensor:
    value = called(f"forward on {name}", module, outputs, targets)
    if not isinstance(value, Tensor):
        fail(f"forward gave {type(value).__name__} on {name}: return a tensor")
    return value


def _is_finite(subject: Subject, given: Mapping[str, Task] | None) -> None:
    for name, task in _claimed(subject, given).items():
        split = data_for(task).train
        outputs = _outputs(task, len(split)).requires_grad_()
        module = _loss(subject)
        value = _value(module, outputs, split.targets, name)
        if value.ndim and reduction(module) != "none":
            fail(
                f"its value has shape {tuple(value.shape)} on {name}: give one number, or say"
                " reduction='none'"
            )
        if not bool(torch.isfinite(value).all()):
            fail(f"its value is not finite on {name}, for outputs between 0 and 1")
        if not value.requires_grad:
            fail(f"it has no gradient on {name}: compute it with torch, of the outputs")
        (slopes,) = torch.autograd.grad(value.sum(), outputs)
        if not bool(torch.isfinite(slopes).all()):
            fail(f"its gradient is not finite on {name}, for outputs between 0 and 1")


def _reduces(subject: Subject, given: Mapping[str, Task] | None) -> None:
    """Hold the loss of a batch against those of its samples alone."""
    for name, task in _claimed(subject, given).items():
        split, module = data_for(task).train, _loss(subject)
        how = reduction(module)
        if how not in {"mean", "sum", "none"}:
            fail(f"its reduction is {how!r}: mean, sum and none are those that the harness knows")
        outputs = _outputs(task, len(split))
        alone = [
            float(_value(module, outputs[at : at + 1], split.targets[at : at + 1], name).sum())
            for at in range(len(split))
        ]
        whole = float(_value(module, outputs, split.targets, name).sum())
        wanted = sum(alone) / (len(alone) if how == "mean" else 1)
        if not math.isclose(whole, wanted, rel_tol=_LOOSE, abs_tol=_LOOSE):
            fail(
                f"its reduction says {how}, but on {name} {len(alone)} samples give {whole:.6g}"
                f" where the {'mean' if how == 'mean' else 'sum'} of each alone is {wanted:.6g}:"
                " set self.reduction to what it does"
            )


def _predicts(subject: Subject, given: Mapping[str, Task] | None) -> None:
    predict = subject.definition.predict  # type: ignore[union-attr]  # a loss
    if predict is None:
        return
    for name, task in _claimed(subject, given).items():
        split = data_for(task).train
        found = called(f"predict on {name}", predict, _outputs(task, len(split)))
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        if shape != tuple(split.targets.shape):
            fail(
                f"predict gave {shape} on {name} for targets of shape {tuple(split.targets.shape)}:"
                " they must be equal, so that each prediction is compared with its target"
            )
        classes = set(found.unique().tolist())
        most = task.outputs if task.kind != "binary" else 2
        if not classes <= set(range(most)):
            odd = sorted(classes - set(range(most)))[0]
            fail(f"predict gave {odd:g} on {name}, which is no class: they are 0 to {most - 1}")

"""Checks of what measures: metrics of a trained model, procedures in place of training."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from harness.errors import BenchError
from harness.plugin.definitions import Findings, Metric, Procedure, Trained, Workload
from harness.running.messages import Outcome
from harness.testing.check import Broken, Check, drawn, fail, skip, states
from harness.testing.fakes import trained as some_trained
from harness.testing.fakes import workload as some_workload
from harness.testing.subject import NONE, Options, Subject
from harness.trial.worker import seed_everything, written


def check_metric(
    metric: Metric,
    *,
    options: Options = NONE,
    trained: Trained | None = None,
    plugins: Sequence[ModuleType] = (),
) -> list[Check]:
    """Make the checks of a metric.

    Args:
        metric: What the plugin registers.
        options: In place of its defaults.
        trained: What it measures; None: a small model of two layers after two steps.
        plugins: Taken for likeness with `check_model`; a metric looks up nothing.
    """
    subject = Subject("metric", metric, options, tuple(plugins))
    return [
        *subject.usual(),
        subject.check("measures numbers, or None", lambda each: _measures(each, trained)),
        subject.check(
            "leaves the model and the generators as they were",
            lambda each: _leaves_alone(each, trained),
        ),
        subject.check("measures the same twice", lambda each: _same_twice(each, trained)),
    ]


def check_procedure(
    procedure: Procedure,
    *,
    options: Options = NONE,
    workload: Workload | None = None,
    plugins: Sequence[ModuleType] = (),
) -> list[Check]:
    """Make the checks of a procedure.

    Args:
        procedure: What the plugin registers.
        options: In place of its defaults.
        workload: What it gets; None: a small model of two layers, classes of points, two epochs.
        plugins: Taken for likeness with `check_model`; a procedure looks up nothing.
    """
    subject = Subject("procedure", procedure, options, tuple(plugins))
    return [
        *subject.usual(),
        subject.check("finds plain numbers", lambda each: _finds(each, workload)),
    ]


def _trained(given: Trained | None) -> Trained:
    seed_everything(0)
    return some_trained() if given is None else given


def _measured(subject: Subject, trained: Trained) -> object:
    seed_everything(0)
    return _asked(subject, "measure", trained)


def _asked(subject: Subject, function: str, given: Workload) -> Any:
    """Call it; one that refuses what it was given, in a sentence, is not checked on that."""
    try:
        return subject.call(function, given)
    except Broken as broken:
        if isinstance(broken.__cause__, BenchError):
            what = "trained" if function == "measure" else "workload"
            skip(f"it refuses what it was tried on: give {what}=... ({broken.__cause__})")
        raise


def _measures(subject: Subject, given: Trained | None) -> None:
    found = _measured(subject, _trained(given))
    rows = found if isinstance(found, Mapping) else {"": found}
    for name, value in rows.items():
        single = isinstance(value, Tensor) and value.numel() == 1
        if value is not None and not isinstance(value, numbers.Real) and not single:
            where = f" for {name!r}" if name else ""
            fail(
                f"measure gave {type(value).__name__}{where}: give a number, a dict with a number a"
                " layer, or None where it cannot be measured"
            )


def _leaves_alone(subject: Subject, given: Trained | None) -> None:
    made = _trained(given)
    before, old = _held(made), states()
    _asked(subject, "measure", made)
    after, told = _held(made), drawn(old, states())
    for name, value in before.items():
        if not _same(value, after[name]):
            fail(f"it changed {name}: measure a copy, or put it back as it was")
    if told:
        fail(
            f"it draws from {' and '.join(told)}: draw from a generator of its own"
            " (torch.Generator().manual_seed(trained.seed))"
        )


def _same_twice(subject: Subject, given: Trained | None) -> None:
    made = _trained(given)
    first, second = (_numbers(_measured(subject, made)) for _ in range(2))
    if first != second:
        fail(
            f"it measured {first!r}, and then {second!r} of the same model: what it draws must come"
            " from a generator of its own, seeded alike each time"
        )


def _numbers(found: object) -> object:
    if isinstance(found, Mapping):
        return {str(name): _numbers(value) for name, value in found.items()}
    if found is None:
        return None
    value = float(found)  # type: ignore[arg-type]  # a number, or a tensor of one
    return "nan" if math.isnan(value) else value


def _held(trained: Trained) -> dict[str, object]:
    """Copy what a metric must not change: parameters, gradients, modes, whether they learn."""
    assert trained.model is not None
    held: dict[str, object] = {}
    for name, each in trained.model.state_dict().items():
        held[f"{name} of the model"] = each.detach().clone()
    for name, each in trained.model.named_parameters():
        held[f"the gradient of {name}"] = None if each.grad is None else each.grad.clone()
        held[f"whether {name} is learned (requires_grad)"] = each.requires_grad
    for name, module in trained.model.named_modules():
        told = f"module {name}" if name else "the model"
        held[f"what stands on {told} as hooks"] = len(module._forward_hooks)
    return held


def _same(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return type(one) is type(other) and one == other


def _finds(subject: Subject, given: Workload | None) -> None:
    seed_everything(0)
    found = _asked(subject, "run", some_workload() if given is None else given)
    if not isinstance(found, Findings):
        fail(f"run gave {type(found).__name__}: return Findings(metrics={{...}}, series={{...}})")
    for name, value in found.metrics.items():
        _check_number(value, f"the metric {name!r}")
    for name, series in found.series.items():
        for place, value in enumerate(series):
            _check_number(value, f"point {place} of the series {name!r}")
    plain = {name: None if value is None else float(value) for name, value in found.metrics.items()}
    written(Outcome(status="ok", metrics=dict(plain)))


def _check_number(value: object, what: str) -> None:
    if value is not None and not isinstance(value, numbers.Real):
        fail(f"{what} is {type(value).__name__}: give a plain number (float(...)), or None")

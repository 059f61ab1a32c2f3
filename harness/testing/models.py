"""Checks of models: built, trained for a step, kept and read again, on tasks that they claim.

Shapes: outputs (n, outputs), or (n, outputs, steps) where each step of a sequence has a target.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from harness.plugin.definitions import Batch, Data, Model, StepResult, Task, Workload
from harness.testing.check import Check, called, drawn, fail, skip, states, torch_hidden
from harness.testing.fakes import (
    data_for,
    output_shape,
    parameters_of,
    step,
    tasks,
    usual_loss,
    workload,
)
from harness.testing.subject import NONE, Options, Subject
from harness.training.seeding import derive
from harness.trial.weights import read_weights, write_weights
from harness.trial.worker import seed_everything

_RATE = 0.05


def check_model(
    model: Model,
    *,
    options: Options = NONE,
    tasks: Mapping[str, Task] | None = None,
    plugins: Sequence[ModuleType] = (),
) -> list[Check]:
    """Make the checks of a model.

    Args:
        model: What the plugin registers.
        options: In place of its defaults: `{"width": 4}` keeps the checks fast.
        tasks: What it is tried on, by a name for messages; None: `harness.testing.tasks()`. Those
            that `accepts` refuses are left out.
        plugins: Whose activations its options may name, besides those that are installed.
    """
    subject = Subject("model", model, options, tuple(plugins))

    def on_each(look: Callable[[Subject, str, Task], None]) -> Callable[[Subject], None]:
        def look_on_each(subject: Subject) -> None:
            for name, task in _claimed(subject, tasks):
                look(subject, name, task)

        return look_on_each

    return [
        *subject.usual(),
        subject.check("is asked for tasks without torch", lambda each: _asked(each, tasks)),
        subject.check("builds on the tasks that it accepts", on_each(_builds)),
        subject.check("gives outputs that fit the task", on_each(_outputs_fit)),
        subject.check("is the same under the same seed", on_each(_is_seeded)),
        subject.check("trains a step, and every parameter gets a gradient", on_each(_trains)),
        subject.check("answers alike when it is asked again", on_each(_answers_alike)),
        subject.check(
            "has weights that can be kept and read again", lambda each: _kept(each, tasks)
        ),
        subject.check("stays on the device that it is put on", on_each(_stays)),
    ]


def _asked(subject: Subject, given: Mapping[str, Task] | None) -> None:
    if getattr(subject.definition, "accepts", None) is None:
        return
    for name, task in _tasks(given).items():
        with torch_hidden():
            answer = subject.call("accepts", task, on=f" on {name}")
        if answer is not None and not isinstance(answer, str):
            fail(
                f"accepts gave {answer!r} on {name}: it gives None where the model can have the"
                " task, else a sentence that says why not"
            )


def _claimed(subject: Subject, given: Mapping[str, Task] | None) -> Iterator[tuple[str, Task]]:
    """Find the tasks that are not refused."""
    refused = {}
    for name, task in _tasks(given).items():
        reason = None
        if getattr(subject.definition, "accepts", None) is not None:
            reason = subject.call("accepts", task, on=f" on {name}")
        if reason is None:
            yield name, subject.bound(task)
        else:
            refused[name] = reason
    if len(refused) == len(_tasks(given)):
        told = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        fail(
            f"it accepts none of the tasks that it was tried on ({told}):"
            " give tasks={NAME: Task(...)}"
        )


def _tasks(given: Mapping[str, Task] | None) -> Mapping[str, Task]:
    return tasks() if given is None else given


def _builds(subject: Subject, name: str, task: Task) -> None:
    try:
        _built(subject, name, task)
    except AssertionError as error:
        if getattr(subject.definition, "accepts", None) is None:
            fail(f"{error}; accepts=FUNCTION can refuse such tasks, in a sentence")
        raise


def _built(subject: Subject, name: str, task: Task, seed: int = 0) -> nn.Module:
    """Build as a trial does: after the generators are seeded."""
    seed_everything(seed)
    torch.manual_seed(derive(seed, "init"))
    model = subject.call("build", task, on=f" on {name}")
    if not isinstance(model, nn.Module):
        fail(
            f"build gave {type(model).__name__} on {name}, which is no torch.nn.Module:"
            " return the module"
        )
    return model.train()


def _outputs_fit(subject: Subject, name: str, task: Task) -> None:
    split = data_for(task).train
    outputs = _answer(_built(subject, name, task), split.inputs, name)
    wanted = output_shape(task, len(split))
    if tuple(outputs.shape) != wanted:
        fail(
            f"its outputs have shape {tuple(outputs.shape)} on {name}: {wanted} fits"
            f" (samples, outputs{', steps' if task.by_step else ''})"
        )
    if not outputs.is_floating_point():
        fail(f"its outputs are {outputs.dtype} on {name}: numbers that can be learned are floating")


def _answer(model: nn.Module, inputs: tuple[Tensor, ...], name: str) -> Tensor:
    outputs = called(f"forward on {name}", model, *inputs)
    if not isinstance(outputs, Tensor):
        fail(f"forward gave {type(outputs).__name__} on {name}: return one tensor, the outputs")
    return outputs


def _is_seeded(subject: Subject, name: str, task: Task) -> None:
    first, second = (parameters_of(_built(subject, name, task)) for _ in range(2))
    for each, value in first.items():
        if each not in second or not _same(value, second[each]):
            fail(
                f"{each} differs between two builds under one seed on {name}: draw from torch's own"
                " generator (torch.randn, torch.nn.init), which the harness seeds"
            )


def _trains(subject: Subject, name: str, task: Task) -> None:
    model = _built(subject, name, task)
    learnable = {key: each for key, each in model.named_parameters() if each.requires_grad}
    if not learnable:
        return
    before = {key: each.detach().clone() for key, each in learnable.items()}
    data = data_for(task)
    loss = _stepped(subject, name, task, model, data)
    if not bool(torch.isfinite(loss)):
        fail(f"the loss of the first step is {loss.item()} on {name}: it must be finite")
    if subject.definition.step is None:  # type: ignore[union-attr]  # a model
        for key, each in learnable.items():
            if each.grad is None:
                fail(
                    f"parameter {key} never gets a gradient on {name}: use it in forward, or leave"
                    " it out; where it is to stay as it is, set requires_grad=False"
                )
    if all(torch.equal(before[key], each) for key, each in learnable.items()):
        fail(f"a step changed no parameter on {name}: every gradient is 0, or nothing is stepped")


def _stepped(subject: Subject, name: str, task: Task, model: nn.Module, data: Data) -> Tensor:
    own: Callable[[Workload, Batch], StepResult] | None = getattr(subject.definition, "step", None)
    if own is None:
        optimizer = torch.optim.SGD(model.parameters(), lr=_RATE)
        taken: Tensor = called(
            f"a step on {name}", step, model, data.train, usual_loss(task), optimizer
        )
        return taken
    split = data.train
    result = called(
        f"step on {name}",
        own,
        workload(task, model, data=data),
        Batch(split.inputs, split.targets, len(split)),
    )
    if not isinstance(result, StepResult):
        fail(f"step gave {type(result).__name__} on {name}: return StepResult(loss, samples)")
    if result.loss.ndim or result.loss.requires_grad:
        fail(
            f"step gave a loss of shape {tuple(result.loss.shape)},"
            f" requires_grad={result.loss.requires_grad}, on {name}: give the mean over the"
            " samples, detached: StepResult(loss.detach(), batch.size)"
        )
    return result.loss


def _answers_alike(subject: Subject, name: str, task: Task) -> None:
    model = _built(subject, name, task).eval()
    inputs = data_for(task).test.inputs  # type: ignore[union-attr]  # there is one
    kept, before = parameters_of(model), states()
    with torch.no_grad():
        first, second = (_answer(model, inputs, name) for _ in range(2))
    if not torch.equal(first, second):
        told = drawn(before, states())
        by = f": forward draws from {' and '.join(told)}" if told else ""
        fail(
            f"two passes in evaluation mode differ on {name}{by}; look at self.training, so that"
            " what is drawn in training is not drawn in use"
        )
    for each, value in parameters_of(model).items():
        if not _same(value, kept[each]):
            fail(f"a pass in evaluation mode changed {each} on {name}: change it in training alone")


def _kept(subject: Subject, given: Mapping[str, Task] | None) -> None:
    """Try it on one task: it takes the disk, and other tasks show no more."""
    name, task = next(_claimed(subject, given))
    model = _built(subject, name, task).eval()
    other = _built(subject, name, task, seed=1).eval()
    inputs = data_for(task).train.inputs
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.pt")
        kept = write_weights(model, path)
        read_weights(other, path, kept)
    with torch.no_grad():
        if not torch.equal(_answer(model, inputs, name), _answer(other, inputs, name)):
            fail(
                f"a model with the same weights answers otherwise on {name}: what it learns or"
                " draws must stand in parameters or buffers (self.register_buffer)"
            )


def _stays(subject: Subject, name: str, task: Task) -> None:
    """Put model and data on torch's device without memory: what stays behind is found anywhere."""
    model = _built(subject, name, task).to("meta")
    inputs = tuple(each.to("meta") for each in data_for(task).train.inputs)
    try:
        outputs = model(*inputs)
    except Exception as error:  # noqa: BLE001  # the border to a plugin; most say nothing of devices
        told = str(error)
        if "same device" in told or "on device" in told:
            fail(
                f"forward mixes devices on {name}: make tensors where the inputs are (device="
                f"inputs.device), and keep constants in buffers (self.register_buffer)"
            )
        skip(f"it cannot be told without an accelerator: forward on {name} looks at values")
    if outputs.device.type != "meta":
        fail(
            f"its outputs are on {outputs.device} on {name} though its inputs are elsewhere: leave"
            " tensors where they are"
        )


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.allclose(one, other, 0, 0, equal_nan=True))

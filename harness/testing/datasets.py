"""Checks of data sets: a task without torch, data that fits it, the same data for the same seed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from harness.plugin.definitions import Data, Dataset, Place, Split, Task
from harness.testing.check import Check, called, fail, skip, torch_hidden
from harness.testing.subject import NONE, Options, Subject
from harness.training.evaluation import chunks
from harness.training.prepare import check_data, check_targets, fingerprint, map_data, write_data
from harness.training.splitting import hold_out
from harness.trial.worker import seed_everything

_KINDS = ("classification", "binary", "regression", "sequence")


def check_dataset(
    dataset: Dataset,
    *,
    options: Options = NONE,
    root: str | Path | None = None,
    plugins: Sequence[ModuleType] = (),
) -> list[Check]:
    """Make the checks of a data set; those that load are skipped where its data is not here.

    Args:
        dataset: What the plugin registers.
        options: In place of its defaults: fewer samples keep the checks fast.
        root: The data root; None: an empty folder, so that nothing on this machine plays a part.
        plugins: Taken for likeness with `check_model`; a data set looks up nothing.
    """
    subject = Subject("dataset", dataset, options, tuple(plugins))
    given = None if root is None else Path(root)

    return [
        *subject.usual(),
        subject.check(
            "says without torch what its task is, and whether it is here", _without_torch
        ),
        subject.check("loads data that fits its task", lambda each: _fits(each, given)),
        subject.check("gives the same data twice", lambda each: _same_twice(each, given)),
        subject.check("gives other data to another seed", lambda each: _other_seeds(each, given)),
        subject.check(
            "has data that is written once and mapped by every trial",
            lambda each: _is_mapped(each, given),
        ),
    ]


def _without_torch(subject: Subject) -> None:
    with torch_hidden(), tempfile.TemporaryDirectory() as folder:
        _check_task(subject.call("task"))
        for name in ("absent", "files"):
            if getattr(subject.definition, name) is not None:
                subject.call(name, Place(Path(folder)))


def _check_task(task: object) -> None:
    if not isinstance(task, Task):
        fail(f"task gave {task!r}: return Task(kind, input_shape, outputs)")
    if task.kind not in _KINDS:
        fail(f"task is of kind {task.kind!r}: {', '.join(_KINDS)} are the kinds")
    sizes = (*task.input_shape, task.outputs)
    if not task.input_shape or any(type(each) is not int or each < 1 for each in sizes):
        fail(
            f"task has input_shape {task.input_shape!r} and {task.outputs!r} outputs: give the"
            " sizes of one sample without the batch, whole numbers from 1: (1, 28, 28), (30,)"
        )


def _loaded(subject: Subject, root: Path | None, seed: int = 0, chance: int = 0) -> Data:
    """Load, or skip.

    Args:
        seed: What the data set is to draw by.
        chance: What the global generators are seeded with, by which it is not to draw.
    """
    seed_everything(chance)
    with tempfile.TemporaryDirectory() as folder:
        place = Place(root or Path(folder), seed=seed)
        if getattr(subject.definition, "absent", None) is not None:
            reason = subject.call("absent", place)
            if reason is not None:
                skip(f"{subject.name} is not here: {reason}")
        return check_data(subject.call("load", place), subject.name)


def _fits(subject: Subject, root: Path | None) -> None:
    task, data = subject.call("task"), _loaded(subject, root)
    _check_task(task)
    for name in ("train", "validation", "test"):
        split: Split | None = getattr(data, name)
        if split is not None:
            _check_inputs(name, split, task)
            _check_kind_of_targets(name, split, task)
            _check_batch(name, split)
    check_targets(data, task, subject.name)
    holdout = getattr(subject.definition, "holdout", None)
    if data.test is None and holdout is not None:
        hold_out(data, holdout, task, 0)


def _check_inputs(name: str, split: Split, task: Task) -> None:
    first = split.inputs[0]
    if tuple(first.shape[1:]) != task.input_shape:
        fail(
            f"{name}: a sample has shape {tuple(first.shape[1:])}, but the task says"
            f" input_shape={task.input_shape}"
        )
    if task.symbols is not None:
        if first.is_floating_point():
            fail(f"{name}: symbols are {first.dtype}: whole numbers from 0 are wanted (torch.long)")
        return
    if first.dtype != torch.float32:
        fail(f"{name}: inputs are {first.dtype}: models have torch.float32 (inputs.float())")
    _check_finite(name, "inputs", first)


def _check_kind_of_targets(name: str, split: Split, task: Task) -> None:
    targets, n = split.targets, len(split)
    classes = task.kind == "classification" or (
        task.kind == "sequence" and not targets.is_floating_point()
    )
    if classes:
        wanted: tuple[int, ...] = (n, task.input_shape[0]) if task.by_step else (n,)
        dtype = torch.int64
    else:
        wanted, dtype = (n, task.outputs), torch.float32
    if task.kind == "sequence" and not classes:
        return
    if (tuple(targets.shape), targets.dtype) != (wanted, dtype):
        fail(
            f"{name}: targets are {tuple(targets.shape)} of {targets.dtype}: a {task.kind} task has"
            f" {wanted} of {dtype}"
        )
    if not classes:
        _check_finite(name, "targets", targets)


def _check_finite(name: str, what: str, values: Tensor) -> None:
    odd = int((~torch.isfinite(values)).sum())
    if odd:
        fail(f"{name}: {odd} of {values.numel()} numbers of the {what} are not finite")


def _check_batch(name: str, split: Split) -> None:
    """Draw a batch as training does."""
    if split.transform is not None:
        few = tuple(each[:4].clone() for each in split.inputs)
        changed = called(f"{name}: transform", split.transform, few, torch.Generator())
        if not isinstance(changed, tuple) or len(changed[0]) != len(few[0]):
            fail(f"{name}: transform must give a tuple of tensors with as many samples")
    batch = called(f"{name}: collate", lambda: next(chunks(split, 4)))
    if not isinstance(batch.inputs, tuple):
        fail(
            f"{name}: collate gave inputs as {type(batch.inputs).__name__}: give (inputs, targets),"
            " inputs a tuple of tensors"
        )


def _same_twice(subject: Subject, root: Path | None) -> None:
    first = fingerprint(_loaded(subject, root))
    if fingerprint(_loaded(subject, root)) != first:
        fail(
            "two loads with one seed differ: draw from"
            " torch.Generator().manual_seed(place.seed), and read files in a fixed order"
        )
    if fingerprint(_loaded(subject, root, chance=1)) != first:
        fail(
            "it draws from a global generator: draw from torch.Generator().manual_seed(place.seed),"
            " so that nothing else that draws changes the data"
        )


def _other_seeds(subject: Subject, root: Path | None) -> None:
    seeded = getattr(subject.definition, "seeded", False)
    first, second = (fingerprint(_loaded(subject, root, seed)) for seed in (0, 1))
    if seeded and first == second:
        fail(
            "it is seeded, but seeds 0 and 1 give the same data: draw from"
            " torch.Generator().manual_seed(place.seed), or leave seeded=True out"
        )
    if not seeded and first != second:
        fail(
            "its data depends on place.seed, which is 0 for every trial: Dataset(..., seeded=True)"
            " gives each seed its own"
        )


def _is_mapped(subject: Subject, root: Path | None) -> None:
    data = _loaded(subject, root)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.pt")
        mapped = map_data(path, write_data(data, path))
        called("a batch of the data that was mapped", lambda: next(chunks(mapped.train, 4)))

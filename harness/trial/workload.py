"""From the settings of a case to a workload: model, data, optimizer and loss, ready to step."""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import torch
from torch import Tensor, nn

from harness.errors import BenchError, SettingError, what_would_work
from harness.numbers.metrics import MEANINGS
from harness.planning.absence import absent
from harness.planning.resolve import typed_options
from harness.plugin.definitions import (
    Activation,
    Data,
    Dataset,
    Initializer,
    Kind,
    Loss,
    Measure,
    Metric,
    Model,
    Optimizer,
    Place,
    Procedure,
    Protocol,
    Schedule,
    Task,
    Workload,
)
from harness.plugin.registry import Entry, Registry
from harness.suites.settings import (
    AS_BUILT,
    DEFINITION_ROOTS,
    PROTOCOL_ROOTS,
    Globs,
    parse_level,
    split_name,
)
from harness.training.prepare import check_data, check_targets, names_classes
from harness.training.seeding import derive
from harness.training.splitting import cut_fold, cut_validation, hold_out

_DTYPES = {"float64": torch.float64}
_KINDS_OF_TARGETS: tuple[Kind, ...] = ("classification", "regression", "binary")


class DataAbsent(BenchError):
    """The data of a trial is not on this machine; the message says how to get it."""


class Unfit(BenchError):
    """The definitions of a trial do not fit its data, which the plan could not see."""


class Parts:
    """The definitions that the settings of a case name, with their options."""

    def __init__(self, registry: Registry, settings: Mapping[str, Any]) -> None:
        self.registry = registry
        self.settings = settings

    def entry(self, root: str) -> Entry | None:
        """Find the definition at a root; None where the setting is none."""
        name = self.settings[root]
        return None if name is None else self.registry.find(DEFINITION_ROOTS[root], name)

    def options(self, root: str) -> dict[str, Any]:
        """Make the keyword arguments of the definition's functions."""
        entry = self.entry(root)
        return {} if entry is None else typed_options(entry, self.settings, root)

    def protocol(self) -> Protocol:
        """Read the protocol."""
        return msgspec.convert({name: self.settings[name] for name in PROTOCOL_ROOTS}, Protocol)

    def task(self) -> Task | None:
        """Make the dataset's task, which knows the registered activations."""
        entry = self.entry("dataset")
        if entry is None:
            return None
        definition = cast(Dataset, entry.definition)
        task = entry.call(definition.task, **self.options("dataset"))
        return _bound(task, self.activation)

    def activation(self, level: str) -> nn.Module:
        """Build an activation from its level."""
        split = split_name(parse_level(level))
        if split is None or split[0] is None:
            raise SettingError(f"{level!r} names no activation")
        entry = self.registry.find("activation", split[0])
        values = entry.schema.typed(entry.schema.resolve(split[1], "activation"))
        return cast(Activation, entry.definition).build(**values)

    def procedure(self) -> Callable[[Workload], Any]:
        """Bind the options of the procedure."""
        entry = self.entry("procedure")
        assert entry is not None
        options = self.options("procedure")
        run = cast(Procedure, entry.definition).run
        return lambda workload: run(workload, **options)


def load_data(parts: Parts, root: Path, seed: int) -> Data:
    """Load the dataset of a case, whole.

    Args:
        root: The data root.
        seed: The trial's where the dataset is seeded, else 0.

    Raises:
        DataAbsent: it is not here.
        SettingError: what it loads cannot be trained on.
    """
    entry = parts.entry("dataset")
    assert entry is not None
    definition = cast(Dataset, entry.definition)
    options = parts.options("dataset")
    place = Place(root, seed=seed)
    if reason := absent(entry, place, options):
        raise DataAbsent(reason)
    wanted = {key: value for key, value in options.items() if key in _parameters(definition.load)}
    data = check_data(definition.load(place, **wanted), f"dataset {entry.name}")
    task = parts.task()
    assert task is not None
    check_targets(data, task, f"dataset {entry.name}")
    return data


def split_data(parts: Parts, data: Data, seed: int, fold: int | None = None) -> Data:
    """Split off what to test on and what to validate on.

    A test share where the dataset has no test split and names one; then, of what is left to train
    on, the protocol's validation share, or one of its folds.

    Args:
        fold: Which one to validate on, counted from 0.

    Raises:
        SettingError: too few samples are left, or the dataset has a validation split of its own.
    """
    entry = parts.entry("dataset")
    task = parts.task()
    assert entry is not None
    assert task is not None
    holdout = cast(Dataset, entry.definition).holdout
    if data.test is None and holdout is not None:
        data = hold_out(data, holdout, task, seed)
    protocol = parts.protocol()
    if protocol.folds is not None:
        return cut_fold(data, protocol.folds, fold or 0, task, seed)
    if protocol.validation is not None:
        return cut_validation(data, protocol.validation, task, seed)
    return data


def check_fit_of_loss(parts: Parts, data: Data) -> None:
    """Ask the loss once more where the kind of a task leaves open what its targets are.

    Those of a sequence are classes where they are whole numbers, else numbers, or 0 and 1. A loss
    that takes none of these kinds is one of sequences alone, which the plan has asked.

    Raises:
        Unfit: the loss cannot have them.
    """
    entry, task = parts.entry("loss"), parts.task()
    if entry is None or task is None or task.kind != "sequence":
        return
    accepts = cast(Loss, entry.definition).accepts
    if accepts is None:
        return
    options = parts.options("loss")
    refusals = {
        kind: entry.call(accepts, msgspec.structs.replace(task, kind=kind), **options)
        for kind in _KINDS_OF_TARGETS
    }
    classes = names_classes(task, data.train.targets)
    told = [refusals[kind] for kind in _KINDS_OF_TARGETS if (kind == "classification") == classes]
    if None in refusals.values() and None not in told:
        raise Unfit(str(told[0]))


def build_workload(
    parts: Parts, task: Task | None, data: Data | None, device: torch.device, seed: int
) -> Workload:
    """Build model, optimizer and loss; parameters are made on the CPU and then moved.

    Raises:
        SettingError: a glob of an initializer matches no parameter.
    """
    protocol = parts.protocol()
    torch.manual_seed(derive(seed, "init"))
    model = _model(parts, task, seed)
    if model is not None:
        model = model.to(device, dtype_of(protocol))
        model.train()
    torch.manual_seed(derive(seed, "dropout"))
    model_entry, loss_entry = parts.entry("model"), parts.entry("loss")
    loss = None if loss_entry is None else cast(Loss, loss_entry.definition)
    return Workload(
        model,
        _optimizer(parts, model),
        None if loss is None else loss.build(**parts.options("loss")).to(device),
        data,
        device,
        task,
        protocol=protocol,
        seed=seed,
        predict=None if loss is None else loss.predict,
        step=None if model_entry is None else cast(Model, model_entry.definition).step,
        factor=_factor(parts),
        measures=tuple(_measure(parts, each) for each in protocol.metrics if not _always(each)),
    )


def dtype_of(protocol: Protocol) -> torch.dtype | None:
    """Name the dtype that floating tensors are cast to; None: they stay as they are."""
    return _DTYPES.get(protocol.precision)


def _model(parts: Parts, task: Task | None, seed: int) -> nn.Module | None:
    entry = parts.entry("model")
    if entry is None:
        return None
    build = cast(Model, entry.definition).build
    wanted = _parameters(build)
    options = {key: value for key, value in parts.options("model").items() if key in wanted}
    model = build(task, **options)
    if not isinstance(model, nn.Module):
        raise SettingError(
            f"model {entry.name} built {type(model).__name__}, which is no torch.nn.Module"
        )
    for root, acts_on in (("init", _is_weight), ("bias_init", _is_bias)):
        _initialize(parts, model, root, acts_on, seed)
    return model


def _initialize(
    parts: Parts,
    model: nn.Module,
    root: str,
    acts_on: Callable[[str, Tensor], bool],
    seed: int,
) -> None:
    level = parse_level(parts.settings[root])
    if isinstance(level, Globs):
        chosen = _chosen_by_globs(model, root, level)
    elif level == AS_BUILT:
        return
    else:
        chosen = {
            name: parts.settings[root]
            for name, each in model.named_parameters()
            if acts_on(name, each)
        }
    for name, parameter in model.named_parameters():
        if name in chosen and chosen[name] != AS_BUILT:
            apply, options = _initializer(parts, root, chosen[name], level)
            with torch.no_grad():
                apply(parameter, _generator(seed, root, name), **options)


def _chosen_by_globs(model: nn.Module, root: str, globs: Globs) -> dict[str, Any]:
    is_bias = root == "bias_init"
    names = [name for name, _ in model.named_parameters() if _named_bias(name) == is_bias]
    chosen: dict[str, Any] = {}
    for glob, level in globs.rows:
        matched = [name for name in names if fnmatch.fnmatchcase(name, glob)]
        if not matched:
            raise SettingError(
                f"{root}: the glob {glob!r} matches no parameter{what_would_work(glob, names)}"
            )
        chosen |= {name: level for name in matched if name not in chosen}
    return chosen


def _initializer(
    parts: Parts, root: str, level: Any, whole: Any
) -> tuple[Callable[..., object], dict[str, Any]]:
    split = split_name(level)
    assert split is not None
    entry = parts.registry.find("initializer", str(split[0]))
    if isinstance(whole, Globs):
        options = entry.schema.typed(entry.schema.resolve(split[1], root))
    else:
        options = parts.options(root)
    return cast(Initializer, entry.definition).apply, options


def _generator(seed: int, root: str, name: str) -> torch.Generator:
    """Make a parameter's own generator: no layer's values depend on another's initialiser."""
    return torch.Generator().manual_seed(derive(seed, f"{root}/{name}"))


def _is_weight(name: str, parameter: Tensor) -> bool:
    return not _named_bias(name) and parameter.dim() > 1


def _is_bias(name: str, _: Tensor) -> bool:
    return _named_bias(name)


def _named_bias(name: str) -> bool:
    return name.rpartition(".")[2].startswith("bias")


def _optimizer(parts: Parts, model: nn.Module | None) -> torch.optim.Optimizer | None:
    entry = parts.entry("optimizer")
    if entry is None or model is None:
        return None
    return cast(Optimizer, entry.definition).build(model, **parts.options("optimizer"))


def _factor(parts: Parts) -> Callable[[float], float] | None:
    entry = parts.entry("schedule")
    if entry is None or entry.name == "constant":
        return None
    options = parts.options("schedule")
    factor = cast(Schedule, entry.definition).factor
    return lambda progress: factor(progress, **options)


def _always(metric: str) -> bool:
    return metric in MEANINGS


def _measure(parts: Parts, level: str) -> Measure:
    split = split_name(parse_level(level))
    assert split is not None
    entry = parts.registry.find("metric", str(split[0]))
    options = entry.schema.typed(entry.schema.resolve(split[1], "metrics"))
    metric = cast(Metric, entry.definition)
    return Measure(metric, lambda trained: metric.measure(trained, **options))


def _bound(task: Task, activation: Callable[[str], nn.Module]) -> Task:
    return msgspec.structs.replace(task, activations=activation)


def _parameters(function: Callable[..., Any]) -> Mapping[str, Any]:
    return inspect.signature(function).parameters

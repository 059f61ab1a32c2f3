"""From levels to the settings of a case: names looked up, options checked, defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from harness.errors import SettingError, SuiteError, same_name, what_would_work
from harness.numbers.metrics import BY_EPOCH, MEANINGS, base_name
from harness.plugin.definitions import Dataset, Loss, Metric, Model, Protocol, Task
from harness.plugin.options import Option, Schema
from harness.plugin.registry import Entry, Registry
from harness.plugin.target import usual_metric
from harness.plugin.ways import loading_text, why_unpinnable
from harness.suites.settings import (
    AS_BUILT,
    DEFINITION_ROOTS,
    PROTOCOL_ROOTS,
    Globs,
    Level,
    Named,
    Value,
    join_name,
    parse_level,
    root_of,
    split_name,
    text,
)
from harness.units import one_line

MAY_BE_NONE = ("model", "dataset", "optimizer", "loss")
DEFAULT_LEVELS: Mapping[str, Level] = {
    "dataset": "digits",
    "schedule": "constant",
    "init": AS_BUILT,
    "bias_init": AS_BUILT,
    "procedure": "train",
}
LOSS_BY_KIND: Mapping[str, str] = {
    "classification": "cross_entropy",
    "sequence": "cross_entropy",
    "binary": "bce_with_logits",
    "regression": "mse",
}
PROTOCOL = Schema(
    "the protocol",
    {
        each.name: Option(each.name, each.type, each.default)
        for each in msgspec.structs.fields(Protocol)
        if each.name != "metrics"
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The settings of a case.

    Attributes:
        settings: Every address with its value, defaults too.
        applied: The option addresses that a definition of this case has.
        refused: Why this combination cannot be; None: it can.
    """

    settings: Mapping[str, Value]
    applied: frozenset[str]
    refused: str | None


@dataclass(frozen=True, slots=True)
class _Part:
    """What one root contributes."""

    settings: Mapping[str, Value]
    applied: frozenset[str]
    entry: Entry | None


@dataclass(slots=True)
class Resolver:
    """Resolves the assignments of one plan; remembers what it has looked up."""

    registry: Registry
    _parts: dict[tuple[str, str, str], _Part] = field(default_factory=dict)
    _tasks: dict[str, Task | None] = field(default_factory=dict)
    _refusals: dict[str, str | None] = field(default_factory=dict)
    _protocols: dict[str, Mapping[str, Value]] = field(default_factory=dict)

    def resolve(self, base: Mapping[str, Level], assignment: Mapping[str, Level]) -> Resolved:
        """Make the settings of a case.

        Raises:
            UnknownName: a definition or an activation is not registered.
            SettingError: an option is unknown, missing, of a wrong type or out of range.
            SuiteError: an option is given twice.
        """
        parts = {
            root: self._part(root, base, assignment) for root in DEFINITION_ROOTS if root != "loss"
        }
        task = self._task(parts["dataset"])
        parts["loss"] = self._part("loss", base, assignment, _default_loss(task))
        _check_needs(parts)
        settings: dict[str, Value] = {}
        for root in DEFINITION_ROOTS:
            settings |= parts[root].settings
        settings |= self._protocol(base, assignment)
        settings["target_metric"] = self._target_metric(settings, task)
        applied = frozenset(each for part in parts.values() for each in part.applied)
        refused = (
            self._refusal(parts, "model", task)
            or self._refusal(parts, "loss", task)
            or why_unpinnable(settings)
            or _overwrites(settings)
        )
        return Resolved(settings=settings, applied=applied, refused=refused)

    def _part(
        self,
        root: str,
        base: Mapping[str, Level],
        assignment: Mapping[str, Level],
        default: Level = None,
    ) -> _Part:
        level = assignment.get(root, base.get(root, DEFAULT_LEVELS.get(root, default)))
        options = _options_at(root, base, assignment)
        key = (root, repr(level), repr(options))
        if key not in self._parts:
            self._parts[key] = self._made(root, level, options)
        return self._parts[key]

    def _made(self, root: str, level: Level, options: Mapping[str, Level]) -> _Part:
        if DEFINITION_ROOTS[root] == "initializer" and isinstance(level, Globs):
            return _Part({root: text(self.globs(root, level))}, frozenset(), None)
        split = split_name(level)
        if split is None:
            raise SettingError(f"{root}={text(level)} names no {DEFINITION_ROOTS[root]}")
        name, bracket = split
        if name is None or is_as_built(root, name):
            return _without_definition(root, None if name is None else AS_BUILT, bracket)
        entry = self.registry.find(DEFINITION_ROOTS[root], name)
        taken = {option: each for option, each in options.items() if option in entry.schema.options}
        values = self._named(entry, entry.schema.resolve({**bracket, **taken}, root), root)
        settings: dict[str, Value] = {root: entry.name}
        settings |= {f"{root}.{option}": value for option, value in values.items()}
        return _Part(settings, frozenset(f"{root}.{option}" for option in taken), entry)

    def globs(self, root: str, level: Globs) -> Globs:
        """Write each level of a table of globs in its canonical form.

        Raises:
            UnknownName: a row names what is not registered.
            SettingError: there is no row, or an option does not fit.
        """
        if not level.rows:
            raise SettingError(f"{root}={{}} has no glob: write {{GLOB=INITIALIZER,...}}")
        rows: list[tuple[str, Level]] = []
        for glob, each in level.rows:
            settings = dict(self._made(root, each, {}).settings)
            name = cast(str, settings.pop(root))
            options = {address.partition(".")[2]: value for address, value in settings.items()}
            rows.append((glob, join_name(name, options)))
        return Globs(tuple(rows))

    def _named(self, entry: Entry, values: Mapping[str, Value], root: str) -> dict[str, Value]:
        """Look up the definitions that options name, and write them with all their options."""
        found = dict(values)
        for option in entry.schema.options.values():
            value = values[option.name]
            if option.names is not None and isinstance(value, str):
                address = f"{root}.{option.name}"
                split = split_name(parse_level(value))
                if split is None or split[0] is None:
                    raise SettingError(f"{address}={value} names no {option.names}")
                found[option.name] = self._in_full(option.names, split[0], split[1], address)
        return found

    def _in_full(self, kind: str, name: str, options: Mapping[str, Level], where: str) -> str:
        entry = self.registry.find(kind, name)
        values = entry.schema.resolve(options, where)
        return text(join_name(entry.name, values))

    def _task(self, dataset: _Part) -> Task | None:
        if dataset.entry is None:
            return None
        key = repr(dataset.settings)
        if key not in self._tasks:
            definition = cast(Dataset, dataset.entry.definition)
            task = dataset.entry.call(
                definition.task, **typed_options(dataset.entry, dataset.settings, "dataset")
            )
            if not isinstance(task, Task):
                raise SettingError(
                    f"dataset {dataset.entry.name}: its task is {task!r}, which is no Task"
                )
            self._tasks[key] = task
        return self._tasks[key]

    def _refusal(self, parts: Mapping[str, _Part], root: str, task: Task | None) -> str | None:
        """Ask a model or a loss why it cannot have the task."""
        entry, settings = parts[root].entry, parts[root].settings
        if entry is None or task is None:
            return None
        accepts = cast(Model | Loss, entry.definition).accepts
        if accepts is None:
            return None
        key = repr((settings, parts["dataset"].settings))
        if key not in self._refusals:
            reason = entry.call(accepts, task, **typed_options(entry, settings, root))
            self._refusals[key] = None if reason is None else str(reason)
        return self._refusals[key]

    def _target_metric(self, settings: Mapping[str, Value], task: Task | None) -> str | None:
        """Name the metric that a target is about; None where there is none.

        Raises:
            SettingError: it has no figure after each epoch.
        """
        given = cast(str | None, settings["target_metric"])
        if given is not None:
            self._check_by_epoch(given, cast(tuple[str, ...], settings["metrics"]))
        elif settings["target"] is not None:
            return usual_metric("" if task is None else task.kind)
        return given

    def _check_by_epoch(self, metric: str, taken: tuple[str, ...]) -> None:
        base = base_name(metric)
        own = [
            name
            for name in self.registry.names("metric")
            if cast(Metric, self.registry.find("metric", name).definition).when == "epoch"
        ]
        if base not in {*BY_EPOCH, *own}:
            raise SettingError(
                f"target_metric={metric} has no figure after each epoch"
                f"{what_would_work(metric, [*BY_EPOCH, *own])}"
            )
        asked = base in own or base == "running_train_accuracy"
        if asked and base not in {each.partition("[")[0] for each in taken}:
            raise SettingError(f"target_metric={metric} is not taken: give metrics={base}")

    def _protocol(
        self, base: Mapping[str, Level], assignment: Mapping[str, Level]
    ) -> Mapping[str, Value]:
        given = {
            address: assignment.get(address, base.get(address))
            for address in PROTOCOL_ROOTS
            if address in assignment or address in base
        }
        key = repr(given)
        if key not in self._protocols:
            metrics = self.metrics(given.pop("metrics", ()))
            if "loading" in given:
                given["loading"] = loading_text(given["loading"])
            found = PROTOCOL.resolve(given, "")
            if found["validation"] is not None and found["folds"] is not None:
                raise SettingError(
                    f"validation={found['validation']:g} and folds={found['folds']} exclude each"
                    " other: each fold is validated on once"
                )
            self._protocols[key] = {**found, "metrics": metrics}
        return self._protocols[key]

    def metrics(self, level: Level) -> Value:
        """Write what the setting `metrics` names in its canonical form.

        Raises:
            SettingError: a name is no metric's, or an option does not fit.
        """
        levels = level if isinstance(level, tuple) else () if level is None else (level,)
        named = []
        for each in levels:
            split = split_name(each)
            if split is None or split[0] is None:
                raise SettingError(f"metrics={text(level)}: {text(each)} names no metric")
            named.append(self._metric(split[0], split[1]))
        return tuple(named)

    def _metric(self, name: str, options: Mapping[str, Level]) -> str:
        if name in MEANINGS:
            if options:
                raise SettingError(f"metrics: {name} takes no options")
            return name
        known = self.registry.names("metric")
        if same_name(name) not in map(same_name, known):
            raise SettingError(
                f"metrics: unknown metric {name!r}{what_would_work(name, [*MEANINGS, *known])}"
                f"{_and(self.registry.broken())}"
            )
        return self._in_full("metric", name, options, "metrics")


def is_as_built(root: str, name: str) -> bool:
    """Tell whether the name at an address leaves parameters as the model made them."""
    return DEFINITION_ROOTS.get(root) == "initializer" and same_name(name) == AS_BUILT


def typed_options(entry: Entry, settings: Mapping[str, Any], root: str) -> dict[str, Any]:
    """Make the keyword arguments of a definition's functions from the settings of a case."""
    return entry.schema.typed({name: settings[f"{root}.{name}"] for name in entry.schema.options})


def definitions_of(registry: Registry, settings: Mapping[str, Any]) -> dict[str, Entry]:
    """List what a case is made of, by address.

    Activations stand at their option, metrics at `metrics:NAME`.
    """
    found: dict[str, Entry] = {}
    for root, kind in DEFINITION_ROOTS.items():
        names = _names_in(settings[root])
        for name in names:
            entry = registry.find(kind, name)
            found[root if len(names) == 1 else f"{root}:{name}"] = entry
            for option in entry.schema.options.values():
                if option.names is not None and f"{root}.{option.name}" in settings:
                    for named in _names_in(settings[f"{root}.{option.name}"]):
                        found[f"{root}.{option.name}"] = registry.find(option.names, named)
    for metric in settings["metrics"]:
        for name in _names_in(metric):
            if name not in MEANINGS:
                found[f"metrics:{name}"] = registry.find("metric", name)
    return found


def _names_in(setting: Any) -> list[str]:
    """List the definitions that a setting names: one, or one a row where it is globs."""
    if setting is None or setting == AS_BUILT:
        return []
    if not isinstance(setting, str):  # a run of somebody else may hold anything
        raise SettingError(f"{one_line(repr(setting))} names no definition")
    level = parse_level(setting)
    splits = (
        [split_name(each) for _, each in level.rows]
        if isinstance(level, Globs)
        else [split_name(level)]
    )
    return sorted({each[0] for each in splits if each and each[0] and each[0] != AS_BUILT})


def default_of(registry: Registry, settings: Mapping[str, Any], address: str) -> Value:
    """Say what an address is where nobody gave it.

    Raises:
        SettingError: it has no default.
        UnknownName: the definition whose option it is is not registered.
    """
    root, _, option = address.partition(".")
    if not option and root in DEFINITION_ROOTS:
        return cast(Value, DEFAULT_LEVELS.get(root))
    if address == "metrics":
        return ()
    schema = PROTOCOL
    if option and root in DEFINITION_ROOTS:
        schema = registry.find(DEFINITION_ROOTS[root], str(settings[root])).schema
    known = schema.options.get(option or address)
    if known is None or known.required:
        raise SettingError(
            f"{address} has no default: runs that give it cannot be matched with others"
        )
    return cast(Value, known.default)


def check_metric_name(registry: Registry, metric: str, where: str) -> None:
    """Check that a metric of that name can be in a record.

    Raises:
        SettingError: none can.
    """
    known = [*MEANINGS, *registry.names("metric")]
    if base_name(metric) not in known:
        raise SettingError(
            f"{where}: unknown metric {metric!r}{what_would_work(metric, known)}"
            f"{_and(registry.broken())}"
        )


def _options_at(
    root: str, base: Mapping[str, Level], assignment: Mapping[str, Level]
) -> dict[str, Level]:
    level = assignment.get(root)
    bracket = dict(level.options) if isinstance(level, Named) else {}
    options = {
        address.partition(".")[2]: each
        for address, each in base.items()
        if root_of(address) == root and address != root and address.partition(".")[2] not in bracket
    }
    for address, each in assignment.items():
        if root_of(address) == root and address != root:
            option = address.partition(".")[2]
            if option in bracket:
                raise SuiteError(f"{address} is given twice: by itself and in {root}={text(level)}")
            options[option] = each
    return options


def _without_definition(root: str, name: str | None, bracket: Mapping[str, Level]) -> _Part:
    if bracket:
        raise SettingError(f"{root}={name} takes no options")
    if name is None and root not in MAY_BE_NONE:
        instead = AS_BUILT if DEFINITION_ROOTS[root] == "initializer" else DEFAULT_LEVELS[root]
        raise SettingError(
            f"{root}=none is not possible: only {', '.join(MAY_BE_NONE)} may be none; try {instead}"
        )
    return _Part({root: name}, frozenset(), None)


def _default_loss(task: Task | None) -> Level:
    return None if task is None else LOSS_BY_KIND.get(task.kind)


def _check_needs(parts: Mapping[str, _Part]) -> None:
    if parts["procedure"].settings["procedure"] != "train":
        return
    model = parts["model"].entry
    if model is None:
        raise SettingError("training needs a model: give model=NAME (bench list models shows them)")
    if parts["dataset"].entry is None:
        raise SettingError(
            "training needs data: give dataset=NAME (bench list datasets shows them)"
        )
    own_step = cast(Model, model.definition).step is not None
    for root in ("optimizer", "loss"):
        if parts[root].entry is None and not own_step:
            raise SettingError(
                f"training needs {root}=NAME "
                f"(bench list {'optimizers' if root == 'optimizer' else 'losses'}"
                f" shows them), since model {model.name} has no step of its own"
            )


def _overwrites(settings: Mapping[str, Value]) -> str | None:
    """Say that an initializer would act on weights that a model loads; None: none would."""
    if not settings.get("model.pretrained"):
        return None
    for root in ("init", "bias_init"):
        if settings[root] != AS_BUILT:
            return (
                f"{root}={settings[root]} would overwrite pretrained weights:"
                f" give {root}={AS_BUILT}, or model.pretrained=false"
            )
    return None


def _and(note: str) -> str:
    return f"; {note}" if note else ""

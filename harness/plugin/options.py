"""The signature is the schema: options of a definition's function as a msgspec Struct."""

from __future__ import annotations

import functools
import inspect
import math
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from harness.errors import PluginError, SettingError, nearest, what_would_work
from harness.suites.settings import ROOTS, Level, Value, plain, text

_REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name, type with its bounds, and default."""

    name: str
    type: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is _REQUIRED

    @property
    def names(self) -> str | None:
        """The kind of definition that the option's value names, if it names one: `activation`."""
        for each in getattr(self.type, "__metadata__", ()):
            if isinstance(each, msgspec.Meta) and each.extra and "names" in each.extra:
                return str(each.extra["names"])
        return None


@dataclass(frozen=True, slots=True)
class Schema:
    """The options of one definition."""

    owner: str
    options: Mapping[str, Option]

    def resolve(self, given: Mapping[str, Level], root: str) -> dict[str, Value]:
        """Check given levels and fill in the defaults.

        Returns:
            Every option, in the order of the signature, as the value that JSON keeps.

        Raises:
            SettingError: an option is unknown, missing, of a wrong type or out of range.
        """
        for name in given:
            if name not in self.options:
                raise SettingError(
                    f"{self.owner} has no option {name!r} ({root}.{name})"
                    f"{what_would_work(name, self.options)}"
                )
        return {name: self._value(option, given, root) for name, option in self.options.items()}

    def _value(self, option: Option, given: Mapping[str, Level], root: str) -> Value:
        if option.name in given:
            address = f"{root}.{option.name}" if root else option.name
            return convert(given[option.name], option.type, address, self.owner)
        if option.required:
            raise SettingError(
                f"{self.owner} needs its option {option.name!r}: give {root}.{option.name}=VALUE"
            )
        return typing.cast(Value, option.default)

    def convert(self, name: str, level: Level, address: str) -> Value:
        """Make the value of one option from a level.

        Raises:
            SettingError: the value is of another type, or out of range.
        """
        return convert(level, self.options[name].type, address, self.owner)

    def typed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Make the arguments of the definition's functions from resolved values."""
        return {
            name: msgspec.convert(values[name], each.type) for name, each in self.options.items()
        }

    def json(self) -> dict[str, Any]:
        """Describe the options as a JSON schema."""
        return msgspec.json.schema(self._struct())

    def _struct(self) -> type[msgspec.Struct]:
        fields: list[Any] = [
            (each.name, each.type) if each.required else (each.name, each.type, each.default)
            for each in self.options.values()
        ]
        return msgspec.defstruct(
            self.owner.replace(" ", "_"),
            fields,
            kw_only=True,
            forbid_unknown_fields=True,
            frozen=True,
        )


def convert(level: Level, type_: Any, address: str, owner: str) -> Value:
    """Make the value of an option from a level.

    Raises:
        SettingError: the value is of another type, or out of range.
    """
    given = plain(level)
    if type_ is not None and isinstance(given, bool | int | float) and _takes_text_only(type_):
        given = text(level)
    try:
        value = msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        wrong = _described(type_) or str(error).partition(" - at `$")[0]
        choices = [each for each in _choices(type_) if isinstance(each, str)]
        near = nearest(given, choices) if isinstance(given, str) and choices else None
        hint = (
            f": did you mean {near!r}? (known: {', '.join(choices)})" if near else _known(choices)
        )
        if "`array`" in wrong and not isinstance(given, tuple):
            hint = f": a list is written [{text(level)}]"
        raise SettingError(
            f"{address}={text(level)} does not fit {owner}: {_lower(wrong)}{hint}"
        ) from None
    return typing.cast(Value, msgspec.to_builtins(value, builtin_types=(tuple,)))


def schema_of(owner: str, functions: Mapping[str, tuple[Callable[..., Any], int | None]]) -> Schema:
    """Read the options of a definition from its functions.

    Args:
        owner: Kind and name, for messages: `model mlp`.
        functions: By name, each function and how many positional parameters it is called with
            (None: any).

    Raises:
        PluginError: a signature is no schema; the message names owner, function and parameter.
    """
    options: dict[str, Option] = {}
    for name, (function, positional) in functions.items():
        for option in _options(f"{owner}: {name}", function, positional):
            options.setdefault(option.name, option)
    return Schema(owner, options)


def function_inside(function: Any) -> Any:
    """Find the function or class that stands in a file: inside of wrappers and `partial`."""
    inner = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    if inspect.isroutine(inner) or inspect.isclass(inner):
        return inner
    return type(inner)  # an object that can be called


def _options(owner: str, function: Any, positional: int | None) -> list[Option]:
    if not callable(function):
        raise PluginError(f"{owner} is {function!r}, which is no function")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise PluginError(f"{owner} has no signature that can be read") from None
    _check_positional(owner, list(parameters), positional)
    keywords = [each for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    hints = _hints(owner, function, keywords)
    return [_option(owner, each, hints[each.name]) for each in keywords]


def _check_positional(
    owner: str, parameters: list[inspect.Parameter], positional: int | None
) -> None:
    places = 0
    for each in parameters:
        if each.kind is inspect.Parameter.VAR_KEYWORD:
            raise PluginError(
                f"{owner}: parameter '**{each.name}' hides the options: name each of them"
            )
        if each.kind is inspect.Parameter.VAR_POSITIONAL:
            raise PluginError(
                f"{owner}: parameter '*{each.name}' takes anything: options are keyword-only"
            )
        if each.kind is not inspect.Parameter.KEYWORD_ONLY:
            places += 1
            if positional is not None and places > positional:
                raise PluginError(
                    f"{owner}: parameter {each.name!r} is not keyword-only: "
                    "options stand behind a '*'"
                )
    if positional is not None and places < positional:
        raise PluginError(
            f"{owner} takes {places} positional parameters where it is called with {positional}"
        )


def _hints(owner: str, function: Any, keywords: list[inspect.Parameter]) -> dict[str, Any]:
    for each in keywords:
        if each.annotation is inspect.Parameter.empty:
            raise PluginError(
                f"{owner}: parameter {each.name!r} has no annotation: the signature is the schema"
            )
    inner = function_inside(function)
    space = getattr(inner, "__globals__", None) or vars(sys.modules.get(inner.__module__, types))
    hints = {}
    for each in keywords:
        holder = types.SimpleNamespace(__annotations__={each.name: each.annotation})
        try:
            hints.update(typing.get_type_hints(holder, globalns=space, include_extras=True))
        except (NameError, AttributeError, TypeError, SyntaxError) as error:
            raise PluginError(
                f"{owner}: the annotation of parameter {each.name!r} cannot be read: {error}"
            ) from None
    return hints


def _option(owner: str, parameter: inspect.Parameter, type_: Any) -> Option:
    where = f"{owner}: parameter {parameter.name!r}"
    if parameter.name in ROOTS:
        raise PluginError(f"{where} has the name of a setting: options may not be called so")
    try:
        msgspec.json.Decoder(type_)
    except (TypeError, ValueError) as error:
        raise PluginError(f"{where}: {type_!r} cannot be an option's type: {error}") from None
    default = parameter.default
    if default is not _REQUIRED:
        default = _checked_default(where, default, type_)
    return Option(parameter.name, type_, default)


def _checked_default(where: str, default: Any, type_: Any) -> Any:
    try:
        hash(default)
    except TypeError:
        raise PluginError(
            f"{where}: the default {default!r} can be changed in place: use a tuple or None"
        ) from None
    if isinstance(default, float) and not math.isfinite(default):
        raise PluginError(f"{where}: the default {default!r} is no level: numbers must be finite")
    try:
        value = msgspec.convert(msgspec.to_builtins(default, builtin_types=(tuple,)), type_)
        return msgspec.to_builtins(value, builtin_types=(tuple,))
    except (msgspec.ValidationError, TypeError) as error:
        raise PluginError(
            f"{where}: the default {default!r} does not satisfy its annotation: {error}"
        ) from None


def _choices(type_: Any) -> tuple[Any, ...]:
    if typing.get_origin(type_) is Annotated:
        return _choices(typing.get_args(type_)[0])
    if typing.get_origin(type_) is typing.Literal:
        return typing.get_args(type_)
    if typing.get_origin(type_) in (typing.Union, types.UnionType):
        return tuple(choice for each in typing.get_args(type_) for choice in _choices(each))
    return ()


def _described(type_: Any) -> str | None:
    """Say what a pattern means, where the pattern says it in words."""
    for each in getattr(type_, "__metadata__", ()):
        if isinstance(each, msgspec.Meta) and each.pattern and each.description:
            return f"expected {each.description}"
    return None


def _takes_text_only(type_: Any) -> bool:
    if typing.get_origin(type_) is Annotated:
        return _takes_text_only(typing.get_args(type_)[0])
    return type_ is str


def _known(choices: list[str]) -> str:
    return f" (known: {', '.join(choices)})" if choices else ""


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]

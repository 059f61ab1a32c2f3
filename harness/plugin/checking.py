"""What a definition must be: its functions have options that can be read, its fields are sound."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from harness.errors import PluginError
from harness.plugin.definitions import Definition, Direction, Scale
from harness.plugin.options import Schema, schema_of

_FIELDS: Mapping[str, Any] = {
    "unit": str,
    "direction": Direction,
    "margin": Annotated[float, msgspec.Meta(ge=0)],
    "when": Literal["end", "epoch"],
    "scale": Scale,
    "step": Annotated[float, msgspec.Meta(gt=0)] | None,
    "seeded": bool,
    "holdout": Annotated[float, msgspec.Meta(gt=0, lt=1)] | None,
    "preload": tuple[str, ...],
}
_MAY_BE_MISSING = ("accepts", "absent", "files")
"""Functions with options that a definition need not have."""
_WITHOUT_OPTIONS: Mapping[str, str] = {"model": "step", "loss": "predict"}


def checked_schema(
    owner: str, kind: str, functions: Iterable[tuple[str, int]], definition: Definition
) -> Schema:
    """Check a definition, and read its options.

    Args:
        owner: Plugin, kind and name, for messages.
        kind: What it is registered as.
        functions: Names of the fields whose functions have options, each with the number of
            positional parameters that it is called with.
        definition: What the plugin handed over.

    Raises:
        PluginError: a function's signature is no schema, or a field is of another type.
    """
    given = {name: (getattr(definition, name), places) for name, places in functions}
    found = {
        name: each
        for name, each in given.items()
        if name not in _MAY_BE_MISSING or each[0] is not None
    }
    schema = schema_of(owner, found)
    bare = _WITHOUT_OPTIONS.get(kind)
    for name, type_ in _FIELDS.items():
        if name != bare and hasattr(definition, name):
            _check_field(f"{owner}: {name}", getattr(definition, name), type_)
    if bare is not None:
        _check_without_options(f"{owner}: {bare}", getattr(definition, bare))
    return Schema(f"{kind} {definition.name}", schema.options)


def _check_field(where: str, value: object, type_: Any) -> None:
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        told = f"{str(error)[:1].lower()}{str(error)[1:]}"
        raise PluginError(f"{where}={value!r}: {told}") from None


def _check_without_options(where: str, function: object) -> None:
    if function is None:
        return
    if not callable(function):
        raise PluginError(f"{where} is {function!r}, which is no function")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function in C: nothing is known of it
        return
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and each.default is each.empty:
            raise PluginError(
                f"{where}: parameter {each.name!r} is an option, but it is called without options"
            )

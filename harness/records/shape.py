"""The shape of settings and options that a file gives: JSON holds anything, readers trust."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from harness.suites.settings import DEEPEST


class _Settings(Struct):
    """What is read of the settings of a case, by its address; others may be anything."""

    model: str | None = None
    dataset: str | None = None
    optimizer: str | None = None
    schedule: str | None = None
    init: str = ""
    bias_init: str = ""
    loss: str | None = None
    procedure: str = ""
    metrics: list[str] = []
    device: str = ""
    threads: Annotated[int, Meta(ge=1)] = 1
    timeout_s: Annotated[float, Meta(gt=0)] = 1.0
    memory_limit: Annotated[int, Meta(ge=1)] | None = None


class _Options(Struct):
    """What is read of how a run was asked for."""

    jobs: Annotated[int, Meta(ge=1)] = 1
    in_process: bool = False
    keep_weights: bool = False
    strict: bool = False
    check: bool = False
    data_root: str | None = None


def wrong_settings(settings: Mapping[str, Any]) -> str | None:
    """Say what of the settings of a case has another type than it must have; None: nothing."""
    return _wrong(settings, _Settings) or too_deep(settings)


def too_deep(levels: Mapping[str, Any]) -> str | None:
    """Name an address whose level is nested deeper than any that is planned; None: there is none.

    Lists count, and tables: what walks through levels would never come back.
    """
    for address, level in levels.items():
        depth, inner = 0, [level]
        while inner := [each for each in inner if isinstance(each, dict | list | tuple)]:
            depth += 1
            if depth > DEEPEST:
                return f"{address} is nested deeper than {DEEPEST}"
            inner = [each for outer in inner for each in _inside(outer)]
    return None


def wrong_options(options: Mapping[str, Any]) -> str | None:
    """Say what of the options of a run has another type than it must have; None: nothing."""
    return _wrong(options, _Options)


def missing_address(settings: Mapping[str, Any]) -> str | None:
    """Name an address without which no trial can be run; None: all are there."""
    absent = (each for each in _Settings.__struct_fields__ if each not in settings)
    return next(absent, None)


def _inside(value: dict[str, Any] | list[Any] | tuple[Any, ...]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _wrong(table: Mapping[str, Any], type_: type[Struct]) -> str | None:
    try:
        msgspec.convert(dict(table), type_)
    except msgspec.ValidationError as error:
        told = str(error)
        return told[:1].lower() + told[1:]
    return None

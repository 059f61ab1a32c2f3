"""What the parent, the server and a trial say to each other: JSON lines over a socket."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from harness.records.record import Status, Weights

KEPT_OUTPUT = 1 << 14
"""How much of the end of what a process prints is kept, in bytes."""


class Hello(Struct, frozen=True, kw_only=True, tag=True):
    """What the server needs before it can fork: where to import from, and what.

    Attributes:
        path: Where modules are looked for.
        plugins: As `harness.plugin.registry.load` takes them.
        preload: Modules to import, each with the definition that asks for it.
        sources: By kind and name (`model mlp`), where each definition of the plan came from.
    """

    path: tuple[str, ...]
    plugins: tuple[str, ...]
    preload: dict[str, str] = {}
    sources: dict[str, str] = {}


class Ready(Struct, frozen=True, kw_only=True, tag=True):
    """The server has imported everything."""

    pid: int


class Refused(Struct, frozen=True, kw_only=True, tag=True):
    """The server cannot serve: a plugin loads in the parent only, say."""

    reason: str


class Function(Struct, frozen=True):
    """A function that data has, and no file does: its name, and keywords that are bound.

    Attributes:
        name: `MODULE:FUNCTION`.
    """

    name: str
    keywords: dict[str, Any] = {}


class Request(Struct, frozen=True, kw_only=True, tag=True):
    """What to do: a trial or, with `prepare`, a dataset to load for all trials.

    Attributes:
        number: Names the request in answers.
        timeout_s: Seconds after which the process and all that it started are killed.
        memory_limit: Bytes of host memory that they may take, over what they inherit; None: any.
        data: The file that the data was prepared in; None where the dataset is seeded or none.
        functions: Those that the data has, by `SPLIT.collate` and `SPLIT.transform`.
        data_root: Where fetched files lie.
        prepare: The file to write the data to.
        discarded: The warm-up of a device: a short form of a trial that nobody looks at.
        weights: The file to write the model's weights to; None: they are not kept.
    """

    number: int
    settings: dict[str, Any]
    seed: int = 0
    fold: int | None = None
    timeout_s: float = 600.0
    memory_limit: int | None = None
    data: str | None = None
    functions: dict[str, Function] = {}
    data_root: str = "."
    prepare: str | None = None
    discarded: bool = False
    weights: str | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """What a trial found, or a loader.

    Attributes:
        trace: The end of the traceback of what was raised.
        functions: As a request has them.
        weights: What was written of the model.
        unkept: Whether the disk refused the weights: no trial's fault, and nothing is recorded.
    """

    status: Status
    reason: str | None = None
    metrics: dict[str, int | float | None] = {}
    missing: dict[str, str] = {}
    curves: dict[str, list[int | float | None]] = {}
    sizes: dict[str, int] = {}
    data: str | None = None
    environment: dict[str, Any] = {}
    trace: str = ""
    functions: dict[str, Function] = {}
    weights: Weights | None = None
    unkept: bool = False


class Begun(Struct, frozen=True, kw_only=True, tag=True):
    """The process of a request has been forked: from now on it may have done something."""

    number: int


class Ended(Struct, frozen=True, kw_only=True, tag=True):
    """How the process of a request ended.

    Attributes:
        ending: `exit code 3`, `signal 11 (SIGSEGV)`.
        timed_out: Whether it was killed at its deadline.
        over_bytes: Host memory that its processes took when they were killed for it.
        memory_limit: Bytes that they were held to; None: they were not.
        wall_s: From its fork to its end.
        outcome: What it found; None where it died before it could say.
        output: The end of what it printed.
    """

    number: int
    ending: str
    timed_out: bool
    wall_s: float
    outcome: Outcome | None
    output: str
    over_bytes: int | None = None
    memory_limit: int | None = None


def line(message: Struct) -> bytes:
    """Write a message as a line."""
    return msgspec.json.encode(message) + b"\n"

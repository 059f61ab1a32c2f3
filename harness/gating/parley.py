"""What a duel and its two sides say to each other: JSON lines over a socket.

A side speaks first (`Greeting`), and is refused where it speaks another version. Then it is asked
(`Describe`) and answers (`Described`); asked to begin, it opens a run and waits before every trial
until it may go.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

from harness.records.journal import encoded
from harness.records.planned import Plan
from harness.records.record import Record

VERSION = 1
"""Of these messages; a side may come from another version of the harness."""


class Greeting(Struct, frozen=True, kw_only=True, tag=True):
    """A side is there.

    Attributes:
        version: Of the messages that it speaks.
        harness: The version of its bench-harness.
    """

    version: int
    harness: str | None


class Describe(Struct, frozen=True, kw_only=True, tag=True):
    """Load plugins and plan.

    Attributes:
        suite: Its name.
        settings: `ADDRESS=VALUE`, as on the command line.
        rounds: The seeds.
        plan_seed: The plan's own.
        least_timed_s: The shortest window of time that a case may have.
        file: A TOML file with suites.
        plugins: As the command line names them.
        path: The folder that goes first on the import path; files of plugins are looked for there.
        results: The folder of runs.
        data_root: Where fetched data lies.
    """

    suite: str
    settings: tuple[str, ...]
    rounds: tuple[int, ...]
    plan_seed: int
    least_timed_s: float
    file: str | None
    plugins: tuple[str, ...]
    path: str | None
    results: str
    data_root: str


class Described(Struct, frozen=True, kw_only=True, tag=True):
    """What a side would run.

    Attributes:
        plan: Its plan.
        defaults: Default of each address that its cases know, behind what chooses it: `("mlp",
            "model.width", 64)`.
        raised_from: The shortest window that its suite has, where that was too short.
    """

    plan: Plan
    defaults: tuple[tuple[str, str, Any], ...]
    raised_from: float | None = None


class Begin(Struct, frozen=True, kw_only=True, tag=True):
    """Open a run of some cases, warm up, and wait.

    Attributes:
        cases: Their indices in the plan, in the order of the run's cases.
        trials: The keys of the trials, in their order.
        gate: Names the gate that they belong to.
        options: For `run.json`.
        command: What was typed.
    """

    cases: tuple[int, ...]
    trials: tuple[str, ...]
    gate: str
    options: dict[str, Any]
    command: tuple[str, ...]


class Opened(Struct, frozen=True, kw_only=True, tag=True):
    """The folder of the run."""

    folder: str


class Waits(Struct, frozen=True, kw_only=True, tag=True):
    """The side is ready for a trial, and waits."""

    key: str


class Go(Struct, frozen=True, kw_only=True, tag=True):
    """The trial may start."""


class Kept(Struct, frozen=True, kw_only=True, tag=True):
    """The record of a trial is kept."""

    record: Record


class Over(Struct, frozen=True, kw_only=True, tag=True):
    """All trials of the run have ended."""


class Note(Struct, frozen=True, kw_only=True, tag=True):
    """What a user should know."""

    text: str


class Refused(Struct, frozen=True, kw_only=True, tag=True):
    """The side cannot go on: a name is unknown, a plugin cannot be loaded."""

    reason: str


Answer: TypeAlias = Greeting | Described | Opened | Waits | Kept | Over | Note | Refused
Order: TypeAlias = Describe | Begin | Go


def said(message: Struct) -> bytes:
    """Write a message as a line."""
    return encoded(message) + b"\n"

"""What is kept of one trial, and the key that names it.

Schema of a record, and of the file it stands in:
    1  2026-11  first
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

SCHEMA = 1

Status: TypeAlias = Literal[
    "ok",
    "diverged",
    "oom-device",
    "oom-host",
    "timeout",
    "crashed",
    "error",
    "skipped",
    "unsupported",
]
STATUSES: tuple[Status, ...] = (
    "ok",
    "diverged",
    "oom-device",
    "oom-host",
    "timeout",
    "crashed",
    "error",
    "skipped",
    "unsupported",
)
BROKEN: frozenset[str] = frozenset({"error", "crashed", "timeout", "oom-host", "oom-device"})
"""Statuses of trials that should have ended otherwise: exit 3."""

FAILED: frozenset[str] = BROKEN | {"diverged"}
"""Statuses of trials that have no figure though they could: any but ok, skipped, unsupported."""

RESULTS: frozenset[str] = frozenset({"ok", "diverged"})
"""Statuses of trials that show something."""

NOT_IN_KEY = frozenset({"timeout_s", "memory_limit"})
"""Settings that say how long and how much a trial may take, not what it does."""


class Weights(Struct, frozen=True, kw_only=True):
    """The weights that were kept of a trial, in `weights/KEY-ATTEMPT.pt` of its run."""

    size_bytes: int
    sha256: str


class Record(Struct, frozen=True, kw_only=True):
    """All that is kept of one trial.

    Attributes:
        key: Digest of settings, seed and fold (`trial_key`).
        settings: Every address with its value, defaults too.
        levels: The level of every factor; None where it does not apply.
        attempt: 1 for the first; the last attempt counts.
        reason: Why the status is not `ok`, in a sentence.
        metrics: Final values by name; None where `missing` says why.
        curves: Values by epoch.
        started: When the trial started, UTC, ISO 8601.
        environment: Versions, machine, threads: all that a figure depends on outside of its
            settings.
        sources: By address, which plugin and version the definition came from, with a digest of its
            source.
        data: Fingerprint of the data.
        sizes: Samples by split.
        output: The last lines that the trial printed, then those that say where it failed; before
            them, in the first record of a dataset or where loading failed, those of its loader.
        shared: Whether trials ran side by side, so that speed and memory say little.
        foreign_cpus: How many processors others kept busy meanwhile; None where that is not told.
        weights: Those that were kept (`--keep-weights`); None: none were.
    """

    schema: int = SCHEMA
    key: str
    settings: dict[str, Any]
    levels: dict[str, Any]
    seed: int
    fold: int | None = None
    attempt: int = 1
    status: Status
    reason: str | None = None
    metrics: dict[str, int | float | None] = {}
    missing: dict[str, str] = {}
    curves: dict[str, list[int | float | None]] = {}
    started: str = ""
    environment: dict[str, Any] = {}
    sources: dict[str, str] = {}
    data: str | None = None
    sizes: dict[str, int] = {}
    output: str = ""
    shared: bool = False
    foreign_cpus: float | None = None
    weights: Weights | None = None


def trial_key(settings: Mapping[str, Any], seed: int, fold: int | None = None) -> str:
    """Name a trial: 16 hexadecimal digits of a digest of its settings, seed and fold."""
    kept = {address: value for address, value in settings.items() if address not in NOT_IN_KEY}
    content = json.dumps(
        [kept, seed, fold], sort_keys=True, ensure_ascii=True, separators=(",", ":")
    )
    return hashlib.sha256(content.encode()).hexdigest()[:16]

"""One request in an interpreter of its own, where no safe fork is to be had (macOS, Windows)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from harness.errors import PluginError
from harness.plugin.registry import load
from harness.running.messages import Outcome, Request
from harness.trial.worker import run_request, written


def main(request: str, outcome: str, plugins: Sequence[str], sources: Mapping[str, str]) -> None:
    """Read a request from a file, do it, and write its outcome to another.

    Args:
        request: The file that is read.
        outcome: The file that is written.
        plugins: As `harness.plugin.registry.load` takes them.
        sources: By kind and name, where each definition came from when the run was planned.
    """
    asked = msgspec.json.decode(Path(request).read_bytes(), type=Request)
    registry = load(plugins)
    try:
        registry.check_sources(sources)
        found = run_request(asked, registry)
    except PluginError as error:
        found = Outcome(status="error", reason=str(error))
    Path(outcome).write_bytes(written(found))

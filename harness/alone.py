"""One request in an interpreter of its own, where no safe fork is to be had (macOS, Windows)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.messages import Request
from harness.registry import load
from harness.worker import run_request, written


def main(request: str, outcome: str, plugins: Sequence[str]) -> None:
    """Read a request from a file, do it, and write its outcome to another."""
    asked = msgspec.json.decode(Path(request).read_bytes(), type=Request)
    found = run_request(asked, load(plugins))
    Path(outcome).write_bytes(written(found))

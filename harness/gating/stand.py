"""Where a side of a gate stands: its interpreter, and what goes first on its import path."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from harness.errors import BenchError
from harness.units import one_line

Role: TypeAlias = Literal["base", "head"]
ROLES: tuple[Role, Role] = ("base", "head")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where a side stands.

    Args:
        role: What it is.
        interpreter: The path of its python.
        path: The folder that goes first on its import path.
    """

    role: Role
    interpreter: str
    path: Path | None = None

    def __str__(self) -> str:
        """Name it in a sentence."""
        beside = f", {self.path} first on its path" if self.path else ""
        return f"{self.role} ({self.interpreter}{beside})"


def interpreter(given: str | None, option: str) -> str:
    """Find an interpreter: a path, a command, the folder of a virtual environment; None: this one.

    Args:
        given: What the user gave.
        option: Where, for the message.

    Raises:
        BenchError: there is none.
    """
    if given is None:
        return sys.executable
    for each in (given, str(Path(given, "bin", "python")), str(Path(given, "Scripts", "python"))):
        found = shutil.which(each)
        if found is not None:
            return str(Path(found).absolute())
    raise BenchError(
        f"{option} {one_line(given)}: there is no such interpreter; give the path of a python, or"
        " the folder of a virtual environment"
    )

"""What a plugin must leave as it was while it is loaded, or asked: it is put back, and told.

Every plugin shares the process that loads it with the others, so that what one leaves behind would
meet the trials of all. torch is looked at where it is there; nothing here imports it.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from harness.units import one_line

_USUAL = {"default dtype": "torch.float32", "gradients": True, "deterministic algorithms": False}


@contextlib.contextmanager
def watched(told: list[str], what: str) -> Iterator[None]:
    """Watch a plugin; put back the working directory and torch's settings.

    Args:
        told: Gets a sentence for each thing that was not left alone.
        what: Begins the sentences: `plugin 'mine', while it was loaded,`.
    """
    folder, threads, before = _folder(), set(threading.enumerate()), _torch_settings()
    try:
        yield
    finally:
        told += [f"{what} {each}" for each in _put_back(folder, before)]
        started = [each.name for each in threading.enumerate() if each not in threads]
        if started:
            names = one_line(", ".join(started), 100)
            told.append(f"{what} started a thread ({names}): no trial has it")


@contextlib.contextmanager
def quiet(told: list[str], what: str) -> Iterator[None]:
    """Keep what a plugin prints from the table, and tell it instead."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        if printed.getvalue().strip():
            told.append(f"{what} printed {one_line(repr(printed.getvalue().strip()), 200)}")


def _put_back(folder: str | None, before: dict[str, Any]) -> Iterator[str]:
    now = _folder()
    if folder is not None and now != folder:
        os.chdir(folder)
        yield f"left the working directory for {one_line(str(now), 200)}: it is put back"
    after = _torch_settings()
    for name, value in after.items():
        if value != before[name]:
            _set(name, before[name])
            yield f"changed torch's {name} from {before[name]} to {value}: it is put back"


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  # a name is enough, and is compared
    except OSError:  # the folder was removed
        return None


def _torch_settings() -> dict[str, Any]:
    """Read what a trial does not set itself; as torch has it at first, where it is not there."""
    torch = sys.modules.get("torch")
    if torch is None:
        return dict(_USUAL)
    return {
        "default dtype": str(torch.get_default_dtype()),
        "gradients": torch.is_grad_enabled(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
    }


def _set(name: str, value: Any) -> None:
    torch = sys.modules["torch"]
    if name == "default dtype":
        torch.set_default_dtype(getattr(torch, value.removeprefix("torch.")))
    elif name == "gradients":
        torch.set_grad_enabled(value)
    else:
        torch.use_deterministic_algorithms(value)

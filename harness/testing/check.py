"""A check: one claim about one definition, that holds or fails with a sentence."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn
from unittest import SkipTest

import numpy as np
import torch

from harness.errors import BenchError
from harness.units import one_line


class Broken(AssertionError):
    """A claim that does not hold: what is wrong, where, and what would be right."""


@dataclass(frozen=True, slots=True)
class Check:
    """One claim about one definition; call it to see whether it holds.

    Printed, it is a line for a report: `model two_layers: trains a step`.

    Attributes:
        of: Kind and name of the definition.
        claim: What holds of it.
    """

    of: str
    claim: str
    look: Callable[[], None] = field(repr=False, compare=False)

    def __call__(self) -> None:
        """See whether the claim holds; the generators of Python, NumPy and torch stay as they were.

        Raises:
            Broken: it does not.
            SkipTest: it cannot be told here: the data is not on this machine, say.
        """
        try:
            with _states_kept():
                self.look()
        except Broken as broken:
            raise Broken(f"{self}: {broken}") from broken.__cause__
        except BenchError as error:
            raise Broken(f"{self}: {error}") from error

    def __str__(self) -> str:
        return f"{self.of}: {self.claim}"


def fail(message: str) -> NoReturn:
    """Say that a claim does not hold."""
    raise Broken(message)


def skip(reason: str) -> NoReturn:
    """Say that a claim cannot be told here."""
    raise SkipTest(reason)


def called(what: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call what a plugin made; whatever it raises breaks the claim.

    Args:
        what: How the message names it: `build on a binary task`.
    """
    try:
        return function(*arguments, **options)
    except (Broken, SkipTest):
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the border to a plugin: it may raise anything
        fail_of(what, error)


def fail_of(what: str, error: BaseException) -> NoReturn:
    """Say that a call raised."""
    told = one_line(f"{type(error).__name__}: {error}", 300)
    raise Broken(f"{what} raised {told}") from error


def drawn(before: tuple[Any, ...], after: tuple[Any, ...]) -> list[str]:
    """Name the global generators that were drawn from between two looks at their states."""
    names = ("random", "numpy.random", "torch")
    return [name for name, old, new in zip(names, before, after, strict=True) if old != new]


def states() -> tuple[Any, ...]:
    """Look at the states of the global generators, so that they can be compared."""
    numpy = [np.asarray(each).tolist() for each in np.random.get_state()]
    return random.getstate(), numpy, torch.get_rng_state().tolist()


@contextmanager
def torch_hidden() -> Iterator[None]:
    """Let every import of torch fail meanwhile, as if it were not installed."""
    hidden = {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in {"torch", "torchvision"}
    }
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None stops an import
    try:
        yield
    finally:
        sys.modules.update(hidden)


@contextmanager
def _states_kept() -> Iterator[None]:
    python, numpy, torchs = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(torchs)

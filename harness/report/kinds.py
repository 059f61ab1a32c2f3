"""Name the kinds of pictures, and make them of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.errors import BenchError, UnknownName, same_name
from harness.report.changes import differences, factor_effects
from harness.report.curves import curves
from harness.report.frontier import frontier
from harness.report.layers import gradients, shapes
from harness.report.panels import Picture
from harness.report.shown import Shown
from harness.report.splits import memory_split, time_split
from harness.report.strips import strips


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of picture.

    Args:
        about: What it shows, in a few words.
        make: Makes the pictures of a run, or raises a BenchError that says what the run lacks.
    """

    about: str
    make: Callable[[Shown], list[Picture]]


KINDS: Mapping[str, Kind] = {
    "curves": Kind("learning by epoch", curves),
    "frontier": Kind("accuracy against throughput against memory", frontier),
    "differences": Kind("cases against their baselines", differences),
    "effects": Kind("main effects and interactions of the factors", factor_effects),
    "strips": Kind("the seeds one by one", strips),
    "memory": Kind("parameters, gradients, optimizer state, activations", memory_split),
    "time": Kind("waiting, stepping, evaluating", time_split),
    "gradients": Kind("norm of the gradient by layer", gradients),
    "activations": Kind("functions with their derivatives", shapes),
}


def pictures(shown: Shown, kind: str) -> list[Picture]:
    """Make the pictures of a kind.

    Raises:
        UnknownName: there is no such kind.
        BenchError: the run lacks what it needs.
    """
    name = next((each for each in KINDS if same_name(each) == same_name(kind)), None)
    if name is None:
        raise UnknownName("kind of picture", kind, KINDS)
    try:
        return KINDS[name].make(shown)
    except BenchError as error:
        raise BenchError(f"run {shown.stored.run.id} has no picture {name}: {error}") from None

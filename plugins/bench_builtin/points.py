"""Data sets of a few points: what is worked out by hand in a lesson, and a line of points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from harness import BenchError, Data, Dataset, Meta, Place, Split, Task, hookimpl

Numbers = Annotated[tuple[float, ...], Meta(min_length=1)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Probabilities = Annotated[tuple[Probability, ...], Meta(min_length=1)]
Labels = Annotated[tuple[Annotated[int, Meta(ge=0, le=1)], ...], Meta(min_length=1)]
Logits = Annotated[tuple[float, ...], Meta(min_length=2)]


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    """Hand over the data sets of this module."""
    return [
        Dataset("three_points", load_three_points, three_points_task),
        Dataset("three_labels", load_three_labels, three_labels_task),
        Dataset("line", load_line, line_task),
        Dataset("given_numbers", load_numbers, numbers_task),
        Dataset("given_probabilities", load_probabilities, probabilities_task),
        Dataset("given_logits", load_logits, logits_task),
    ]


def three_points_task() -> Task:
    """Predict y = 2 x from x."""
    return Task("regression", (1,), 1)


def load_three_points(place: Place) -> Data:  # noqa: ARG001  # nothing is read
    """Give x = 1, 2, 3 and y = 2, 4, 6, both (3, 1); `truth` is weight 2 and bias 0."""
    import torch

    inputs = torch.tensor([[1.0], [2.0], [3.0]])
    truth = {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([0.0])}
    return Data(Split((inputs,), 2.0 * inputs), truth=truth)


def three_labels_task() -> Task:
    """Tell passing (1) from failing (0) by one number."""
    return Task("binary", (1,), 1)


def load_three_labels(place: Place) -> Data:  # noqa: ARG001  # nothing is read
    """Give x = 1, 2, 3 and y = 0, 0, 1, both (3, 1)."""
    import torch

    inputs = torch.tensor([[1.0], [2.0], [3.0]])
    return Data(Split((inputs,), torch.tensor([[0.0], [0.0], [1.0]])))


def line_task(*, lowest: float = -8.0, highest: float = 8.0) -> Task:
    """Predict nothing: the points are there to be looked at.

    Raises:
        BenchError: the line ends where it begins, or before.
    """
    if highest <= lowest:
        raise BenchError(f"dataset line goes from {lowest} to {highest}: it must go upwards")
    return Task("regression", (1,), 1)


def load_line(
    place: Place,  # noqa: ARG001  # nothing is read
    *,
    lowest: float = -8.0,
    highest: float = 8.0,
    points: Annotated[int, Meta(ge=2)] = 161,
) -> Data:
    """Give points at equal distances, both ends too (points, 1), with targets 0."""
    import torch

    share = torch.arange(points, dtype=torch.float64) / (points - 1)
    inputs = ((1 - share) * lowest + share * highest).float().reshape(-1, 1)  # 0 is 0, if it is one
    return Data(Split((inputs,), torch.zeros_like(inputs)))


def numbers_task(*, outputs: Numbers = (1.0, 2.0, 3.0), targets: Numbers = (1.0, 2.0, 5.0)) -> Task:
    """Predict numbers that are given.

    Raises:
        BenchError: there are not as many targets as outputs.
    """
    _check_lengths("given_numbers", outputs, targets)
    return Task("regression", (1,), 1)


def load_numbers(
    place: Place,  # noqa: ARG001  # nothing is read
    *,
    outputs: Numbers = (1.0, 2.0, 3.0),
    targets: Numbers = (1.0, 2.0, 5.0),
) -> Data:
    """Give outputs (n, 1) and targets (n, 1) to take a loss of, as they are written."""
    return _column(outputs, targets)


def probabilities_task(
    *, outputs: Probabilities = (0.2, 0.8, 0.3, 0.7), targets: Labels = (1, 1, 0, 0)
) -> Task:
    """Predict probabilities that are given.

    Raises:
        BenchError: there are not as many targets as outputs.
    """
    _check_lengths("given_probabilities", outputs, targets)
    return Task("binary", (1,), 1)


def load_probabilities(
    place: Place,  # noqa: ARG001  # nothing is read
    *,
    outputs: Probabilities = (0.2, 0.8, 0.3, 0.7),
    targets: Labels = (1, 1, 0, 0),
) -> Data:
    """Give probabilities of class 1 (n, 1) and classes (n, 1) to take a loss of."""
    return _column(outputs, targets)


def logits_task(
    *, outputs: Logits = (0.2, 0.1, -0.1), label: Annotated[int, Meta(ge=0)] = 0
) -> Task:
    """Predict logits that are given, of as many classes.

    Raises:
        BenchError: the label is no class.
    """
    if label >= len(outputs):
        raise BenchError(
            f"dataset given_logits: label={label} is no class: {len(outputs)} outputs are of"
            f" classes 0 to {len(outputs) - 1}"
        )
    return Task("classification", (len(outputs),), len(outputs))


def load_logits(
    place: Place,  # noqa: ARG001  # nothing is read
    *,
    outputs: Logits = (0.2, 0.1, -0.1),
    label: Annotated[int, Meta(ge=0)] = 0,
) -> Data:
    """Give the logits of one sample (1, classes) and its class (1,) to take a loss of."""
    import torch

    return Data(Split((torch.tensor([outputs]),), torch.tensor([label])))


def _column(outputs: Sequence[float], targets: Sequence[float]) -> Data:
    import torch

    inputs, wanted = (
        torch.tensor(each, dtype=torch.float32).reshape(-1, 1) for each in (outputs, targets)
    )
    return Data(Split((inputs,), wanted))


def _check_lengths(name: str, outputs: Sequence[float], targets: Sequence[float]) -> None:
    if len(outputs) != len(targets):
        raise BenchError(
            f"dataset {name}: {len(outputs)} outputs and {len(targets)} targets: every output has"
            " a target"
        )

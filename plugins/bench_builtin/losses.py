"""Losses: those of torch, with its names and options, and what they say of classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from harness import Loss, Meta, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

Reduction: TypeAlias = Literal["mean", "sum"]
Positive = Annotated[float, Meta(gt=0)]


Accepts: TypeAlias = Callable[[Task], "str | None"]

_FITTING = {"classification": "cross_entropy", "binary": "bce_with_logits", "regression": "mse"}


@hookimpl
def bench_register_losses() -> Sequence[Loss]:
    """Hand over the losses of this module."""
    return [
        Loss("cross_entropy", cross_entropy, likeliest, of_classes("cross_entropy")),
        Loss("nll", nll, likeliest, of_classes("nll")),
        Loss(
            "bce_with_logits", bce_with_logits, logit_above_zero, of_one_or_zero("bce_with_logits")
        ),
        Loss("bce", bce, probability_above_half, of_one_or_zero("bce")),
        Loss("mse", mse, accepts=of_numbers("mse")),
        Loss("l1", l1, accepts=of_numbers("l1")),
        Loss("smooth_l1", smooth_l1, accepts=of_numbers("smooth_l1")),
        Loss("huber", huber, accepts=of_numbers("huber")),
    ]


def cross_entropy(
    *,
    label_smoothing: Annotated[float, Meta(ge=0, le=1)] = 0.0,
    reduction: Reduction = "mean",
) -> nn.Module:
    """Build cross-entropy of logits (n, classes) and classes (n,)."""
    from torch import nn

    return nn.CrossEntropyLoss(label_smoothing=label_smoothing, reduction=reduction)


def nll(*, reduction: Reduction = "mean") -> nn.Module:
    """Build the negative log-likelihood of log-probabilities (n, classes) and classes (n,)."""
    from torch import nn

    return nn.NLLLoss(reduction=reduction)


def bce_with_logits(*, reduction: Reduction = "mean") -> nn.Module:
    """Build binary cross-entropy of logits (n, 1) and targets 0.0 or 1.0 (n, 1)."""
    from torch import nn

    return nn.BCEWithLogitsLoss(reduction=reduction)


def bce(*, reduction: Reduction = "mean") -> nn.Module:
    """Build binary cross-entropy of probabilities (n, 1) and targets 0.0 or 1.0 (n, 1)."""
    from torch import nn

    return nn.BCELoss(reduction=reduction)


def mse(*, reduction: Reduction = "mean") -> nn.Module:
    """Build the squared error."""
    from torch import nn

    return nn.MSELoss(reduction=reduction)


def l1(*, reduction: Reduction = "mean") -> nn.Module:
    """Build the absolute error."""
    from torch import nn

    return nn.L1Loss(reduction=reduction)


def smooth_l1(
    *, beta: Annotated[float, Meta(ge=0)] = 1.0, reduction: Reduction = "mean"
) -> nn.Module:
    """Build the absolute error, squared and divided by 2 beta where it is below beta."""
    from torch import nn

    return nn.SmoothL1Loss(beta=beta, reduction=reduction)


def huber(*, delta: Positive = 1.0, reduction: Reduction = "mean") -> nn.Module:
    """Build `smooth_l1` times delta: half the squared error where the error is below delta."""
    from torch import nn

    return nn.HuberLoss(delta=delta, reduction=reduction)


def likeliest(outputs: Tensor) -> Tensor:
    """Predict the class with the largest output: (n, classes) to (n,)."""
    return outputs.argmax(dim=1)


def logit_above_zero(outputs: Tensor) -> Tensor:
    """Predict 1.0 where the logit is positive, else 0.0; the shape stays."""
    return (outputs > 0).to(outputs.dtype)


def probability_above_half(outputs: Tensor) -> Tensor:
    """Predict 1.0 where the probability is above one half, else 0.0; the shape stays."""
    return (outputs > 0.5).to(outputs.dtype)


def of_classes(loss: str) -> Accepts:
    """Make what refuses targets that are no classes; those of sequences may be."""
    return _refusing(("regression", "binary"), f"{loss} compares classes")


def of_one_or_zero(loss: str) -> Accepts:
    """Make what refuses targets that are not 0.0 or 1.0 for each output."""
    return _refusing(("regression", "classification"), f"{loss} compares with 0 or 1")


def of_numbers(loss: str) -> Accepts:
    """Make what refuses classes: they are names, and their differences mean nothing."""
    return _refusing(("classification",), f"{loss} compares numbers")


def _refusing(kinds: tuple[str, ...], told: str) -> Accepts:
    def accepts(task: Task) -> str | None:
        """Refuse targets of another kind."""
        if task.kind not in kinds:
            return None
        return f"{told}, not the targets of a {task.kind} task: loss={_FITTING[task.kind]} does"

    return accepts

"""Activations: those of torch, with its names and options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from harness import Activation, Meta, hookimpl

if TYPE_CHECKING:
    from torch import nn

Positive = Annotated[float, Meta(gt=0)]


@hookimpl
def bench_register_activations() -> Sequence[Activation]:
    """Hand over the activations of this module."""
    return [
        Activation("identity", identity),
        Activation("relu", relu),
        Activation("leaky_relu", leaky_relu),
        Activation("prelu", prelu),
        Activation("elu", elu),
        Activation("celu", celu),
        Activation("selu", selu),
        Activation("gelu", gelu),
        Activation("silu", silu),
        Activation("mish", mish),
        Activation("softplus", softplus),
        Activation("softsign", softsign),
        Activation("sigmoid", sigmoid),
        Activation("hardsigmoid", hardsigmoid),
        Activation("tanh", tanh),
        Activation("hardtanh", hardtanh),
        Activation("softmax", softmax),
        Activation("log_softmax", log_softmax),
    ]


def identity() -> nn.Module:
    """Change nothing."""
    from torch import nn

    return nn.Identity()


def relu() -> nn.Module:
    """Build max(0, x)."""
    from torch import nn

    return nn.ReLU()


def leaky_relu(*, negative_slope: float = 0.01) -> nn.Module:
    """Build x where it is positive, negative_slope x elsewhere."""
    from torch import nn

    return nn.LeakyReLU(negative_slope)


def prelu(*, num_parameters: Annotated[int, Meta(ge=1)] = 1, slope: float = 0.25) -> nn.Module:
    """Build leaky ReLU with slopes that are learned, `slope` at first (torch's `init`)."""
    from torch import nn

    return nn.PReLU(num_parameters, slope)


def elu(*, alpha: float = 1.0) -> nn.Module:
    """Build x where it is positive, alpha (exp(x) - 1) elsewhere."""
    from torch import nn

    return nn.ELU(alpha)


def celu(*, alpha: Positive = 1.0) -> nn.Module:
    """Build x where it is positive, alpha (exp(x / alpha) - 1) elsewhere."""
    from torch import nn

    return nn.CELU(alpha)


def selu() -> nn.Module:
    """Build ELU scaled so that mean 0 and variance 1 are kept from layer to layer.

    Source: Klambauer et al. 2017, "Self-normalizing neural networks".
    """
    from torch import nn

    return nn.SELU()


def gelu(*, approximate: Literal["tanh"] | None = None) -> nn.Module:
    """Build x times the normal distribution function of x."""
    from torch import nn

    return nn.GELU(approximate or "none")


def silu() -> nn.Module:
    """Build x sigmoid(x), also called swish."""
    from torch import nn

    return nn.SiLU()


def mish() -> nn.Module:
    """Build x tanh(softplus(x))."""
    from torch import nn

    return nn.Mish()


def softplus(*, beta: Positive = 1.0, threshold: float = 20.0) -> nn.Module:
    """Build log(1 + exp(beta x)) / beta, and x where beta x is above the threshold."""
    from torch import nn

    return nn.Softplus(beta, threshold)


def softsign() -> nn.Module:
    """Build x / (1 + |x|)."""
    from torch import nn

    return nn.Softsign()


def sigmoid() -> nn.Module:
    """Build 1 / (1 + exp(-x))."""
    from torch import nn

    return nn.Sigmoid()


def hardsigmoid() -> nn.Module:
    """Build x / 6 + 1 / 2, cut to [0, 1]."""
    from torch import nn

    return nn.Hardsigmoid()


def tanh() -> nn.Module:
    """Build the hyperbolic tangent."""
    from torch import nn

    return nn.Tanh()


def hardtanh(*, min_val: float = -1.0, max_val: float = 1.0) -> nn.Module:
    """Build x, cut to [min_val, max_val]."""
    from torch import nn

    return nn.Hardtanh(min_val, max_val)


def softmax() -> nn.Module:
    """Build exp(x) over the sum of exp(x) in the last dimension: probabilities."""
    from torch import nn

    return nn.Softmax(dim=-1)


def log_softmax() -> nn.Module:
    """Build the logarithm of softmax, whose loss is `nll`."""
    from torch import nn

    return nn.LogSoftmax(dim=-1)

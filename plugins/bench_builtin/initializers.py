"""Initializers: those of torch.nn.init, with its names and options; each draws from a generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from harness import BenchError, Initializer, Meta, hookimpl

if TYPE_CHECKING:
    from torch import Generator, Tensor

NotNegative = Annotated[float, Meta(ge=0)]
Fan: TypeAlias = Literal["fan_in", "fan_out"]
Nonlinearity: TypeAlias = Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]


@hookimpl
def bench_register_initializers() -> Sequence[Initializer]:
    """Hand over the initializers of this module."""
    return [
        Initializer("zeros", zeros),
        Initializer("ones", ones),
        Initializer("constant", constant),
        Initializer("uniform", uniform),
        Initializer("normal", normal),
        Initializer("trunc_normal", trunc_normal),
        Initializer("xavier_uniform", xavier_uniform),
        Initializer("xavier_normal", xavier_normal),
        Initializer("kaiming_uniform", kaiming_uniform),
        Initializer("kaiming_normal", kaiming_normal),
        Initializer("orthogonal", orthogonal),
    ]


def zeros(parameter: Tensor, generator: Generator) -> None:  # noqa: ARG001  # nothing is drawn
    """Fill with 0."""
    from torch.nn import init

    init.zeros_(parameter)


def ones(parameter: Tensor, generator: Generator) -> None:  # noqa: ARG001  # nothing is drawn
    """Fill with 1."""
    from torch.nn import init

    init.ones_(parameter)


def constant(parameter: Tensor, generator: Generator, *, val: float) -> None:  # noqa: ARG001  # nothing is drawn
    """Fill with `val`."""
    from torch.nn import init

    init.constant_(parameter, val)


def uniform(parameter: Tensor, generator: Generator, *, a: float = 0.0, b: float = 1.0) -> None:
    """Draw from the uniform distribution over [a, b].

    Raises:
        BenchError: b is below a.
    """
    from torch.nn import init

    _need_order("uniform", a, b)
    init.uniform_(parameter, a, b, generator=generator)


def normal(
    parameter: Tensor, generator: Generator, *, mean: float = 0.0, std: NotNegative = 1.0
) -> None:
    """Draw from the normal distribution."""
    from torch.nn import init

    init.normal_(parameter, mean, std, generator=generator)


def trunc_normal(
    parameter: Tensor,
    generator: Generator,
    *,
    mean: float = 0.0,
    std: Annotated[float, Meta(gt=0)] = 1.0,
    a: float = -2.0,
    b: float = 2.0,
) -> None:
    """Draw from the normal distribution, within [a, b] (values, not multiples of `std`).

    Raises:
        BenchError: b is below a.
    """
    from torch.nn import init

    _need_order("trunc_normal", a, b)
    init.trunc_normal_(parameter, mean, std, a, b, generator=generator)


def xavier_uniform(parameter: Tensor, generator: Generator, *, gain: NotNegative = 1.0) -> None:
    """Draw from the uniform distribution of variance 2 gain² / (fan in + fan out).

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward
    neural networks", equation 16.

    Raises:
        BenchError: the parameter has fewer than 2 dimensions.
    """
    from torch.nn import init

    _need_fans("xavier_uniform", parameter)
    init.xavier_uniform_(parameter, gain, generator=generator)


def xavier_normal(parameter: Tensor, generator: Generator, *, gain: NotNegative = 1.0) -> None:
    """Draw from the normal distribution of variance 2 gain² / (fan in + fan out).

    Source: as `xavier_uniform`, equation 12.

    Raises:
        BenchError: the parameter has fewer than 2 dimensions.
    """
    from torch.nn import init

    _need_fans("xavier_normal", parameter)
    init.xavier_normal_(parameter, gain, generator=generator)


def kaiming_uniform(
    parameter: Tensor,
    generator: Generator,
    *,
    a: float = 0.0,
    mode: Fan = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
) -> None:
    """Draw from the uniform distribution of variance gain² / fan, the nonlinearity's gain.

    With the defaults that is 2 / fan in, as ReLU wants; `a` is the negative slope of leaky ReLU.

    Source: He et al. 2015, "Delving deep into rectifiers", equations 10 and 15.

    Raises:
        BenchError: the parameter has fewer than 2 dimensions.
    """
    from torch.nn import init

    _need_fans("kaiming_uniform", parameter)
    init.kaiming_uniform_(parameter, a, mode, nonlinearity, generator=generator)


def kaiming_normal(
    parameter: Tensor,
    generator: Generator,
    *,
    a: float = 0.0,
    mode: Fan = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
) -> None:
    """Draw as `kaiming_uniform`, from the normal distribution.

    Raises:
        BenchError: the parameter has fewer than 2 dimensions.
    """
    from torch.nn import init

    _need_fans("kaiming_normal", parameter)
    init.kaiming_normal_(parameter, a, mode, nonlinearity, generator=generator)


def orthogonal(parameter: Tensor, generator: Generator, *, gain: float = 1.0) -> None:
    """Fill with `gain` times orthonormal rows or columns, whichever are fewer.

    Source: Saxe et al. 2014, "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks".

    Raises:
        BenchError: the parameter has fewer than 2 dimensions.
    """
    from torch.nn import init

    _need_fans("orthogonal", parameter)
    init.orthogonal_(parameter, gain, generator=generator)


def _need_fans(name: str, parameter: Tensor) -> None:
    if parameter.ndim < 2:
        raise BenchError(
            f"initializer {name} needs a parameter of 2 or more dimensions, not of shape"
            f" {tuple(parameter.shape)}: normal, uniform, constant and zeros fill any"
        )


def _need_order(name: str, a: float, b: float) -> None:
    if b < a:
        raise BenchError(f"initializer {name} draws from [a, b], and b={b} is below a={a}")

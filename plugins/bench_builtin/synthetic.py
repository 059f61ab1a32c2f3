"""Made data whose true weights are known: a linear map of many features, and a polynomial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from harness import Data, Dataset, Meta, Place, Split, Task, hookimpl

if TYPE_CHECKING:
    from torch import Generator, Tensor

Size = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Weights = Annotated[tuple[float, ...], Meta(min_length=1)]


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    """Hand over the data sets of this module."""
    return [
        Dataset("many_features", make_many_features, many_features_task, seeded=True),
        Dataset("polynomial", make_polynomial, polynomial_task, seeded=True),
    ]


def many_features_task(*, features: Size = 200) -> Task:
    """Predict a number that depends a little on each of many features."""
    return Task("regression", (features,), 1)


def make_many_features(
    place: Place,
    *,
    n: Size = 20,
    n_test: Count = 100,
    features: Size = 200,
    weight: float = 0.01,
    bias: float = 0.05,
    noise: NotNegative = 0.01,
) -> Data:
    """Draw y = X w + b + noise with equal weights: X from N(0, 1) (n, features), y (n, 1).

    With fewer rows than features a linear model learns the rows by heart. `truth` has `weight`
    (1, features) and `bias` (1,); with `n_test` 0 there is no test split.

    Source: https://d2l.ai/chapter_linear-regression/weight-decay.html
    """
    import torch

    weights, offset = torch.full((1, features), weight), torch.tensor([bias])

    def split(size: int, generator: Generator) -> Split:
        inputs = torch.randn(size, features, generator=generator)
        errors = noise * torch.randn(size, 1, generator=generator)
        return Split((inputs,), inputs @ weights.T + offset + errors)

    return _data(place, split, n, n_test, {"weight": weights, "bias": offset})


def polynomial_task(*, features: Size = 4) -> Task:
    """Predict a polynomial of x from the first powers of x."""
    return Task("regression", (features,), 1)


def make_polynomial(
    place: Place,
    *,
    n: Size = 100,
    n_test: Count = 100,
    features: Size = 4,
    weights: Weights = (5.0, 1.2, -3.4, 5.6),
    noise: NotNegative = 0.1,
) -> Data:
    """Draw y, the sum of weights[i] x^i / i!, plus noise; x from N(0, 1); features x^i / i!.

    x and y do not depend on `features`: fewer than the weights underfit, more can overfit. `truth`
    has `weight` (1, features): the weights that the features have, 0 where they have none.

    Source: https://d2l.ai/chapter_multilayer-perceptrons/underfit-overfit.html
    """
    import torch

    def split(size: int, generator: Generator) -> Split:
        x = torch.randn(size, 1, generator=generator)
        errors = noise * torch.randn(size, 1, generator=generator)
        return Split((_powers(x, features),), _powers(x, len(weights)) @ true[:, None] + errors)

    true = torch.tensor(weights)  # (w,)
    known = torch.zeros(1, features)
    known[0, : len(weights)] = true[:features]
    return _data(place, split, n, n_test, {"weight": known})


def _powers(x: Tensor, count: int) -> Tensor:
    """Give x^i / i! for i below count: (n, 1) to (n, count)."""
    import torch

    return torch.cat([torch.ones_like(x), x / torch.arange(1, count)], dim=1).cumprod(dim=1)


def _data(
    place: Place,
    split: Callable[[int, Generator], Split],
    n: int,
    n_test: int,
    truth: dict[str, Tensor],
) -> Data:
    """Draw the training rows first, so that they are the same whatever `n_test` is."""
    import torch

    generator = torch.Generator().manual_seed(place.seed)
    train = split(n, generator)
    return Data(train, test=split(n_test, generator) if n_test else None, truth=truth)

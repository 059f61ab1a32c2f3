"""Data sets: three small real ones that ship with scikit-learn, and a linear map with noise.

None is downloaded. The real ones come without a test split: the harness holds a quarter out,
drawn by the trial's seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from bench_builtin.augmentation import Crop, augmentation
from harness import Data, Dataset, Meta, Place, Split, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

Weights = Annotated[tuple[float, ...], Meta(min_length=1)]

HOLDOUT = 0.25


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    """Hand over the data sets of this module."""
    return [
        Dataset("digits", load_digits, digits_task, holdout=HOLDOUT),
        Dataset("breast_cancer", load_breast_cancer, breast_cancer_task, holdout=HOLDOUT),
        Dataset("diabetes_progression", load_diabetes, diabetes_task, holdout=HOLDOUT),
        Dataset("synthetic_linear", make_linear, linear_task, seeded=True),
    ]


def digits_task() -> Task:
    """Name one of ten handwritten digits, 8 x 8 pixels."""
    return Task("classification", (1, 8, 8), 10)


def load_digits(
    place: Place,  # noqa: ARG001  # scikit-learn ships the file
    *,
    crop: Crop = 0,
    flip: bool = False,
) -> Data:
    """Load 1,797 images (n, 1, 8, 8) with pixels in [0, 1].

    `crop` and `flip` transform training batches: a crop of the image padded with black by so many
    pixels, a mirror image of every second one.

    Source: the test part of https://archive.ics.uci.edu/dataset/80, as in `sklearn.datasets`.
    """
    import torch
    from sklearn import datasets  # type: ignore[import-untyped]  # ships no types

    images, targets = datasets.load_digits(return_X_y=True)
    pixels = torch.as_tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    transform = augmentation(crop=crop, flip=flip)
    return Data(Split((pixels,), torch.as_tensor(targets, dtype=torch.int64), transform=transform))


def breast_cancer_task() -> Task:
    """Tell benign (1) from malignant (0) tumours by 30 features."""
    return Task("binary", (30,), 1)


def load_breast_cancer(place: Place) -> Data:  # noqa: ARG001  # scikit-learn ships the file
    """Load 569 rows of 30 features (n, 30) with targets 0.0 or 1.0 (n, 1).

    Features have mean 0 and standard deviation 1 over the whole table: the constants are taken
    before any split, so that they know a little of the test rows.

    Source: https://archive.ics.uci.edu/dataset/17, as in `sklearn.datasets`.
    """
    from sklearn import datasets

    features, targets = datasets.load_breast_cancer(return_X_y=True)
    return Data(Split((_standardised(features),), _column(targets)))


def diabetes_task() -> Task:
    """Predict how far diabetes has gone a year on, from ten features."""
    return Task("regression", (10,), 1)


def load_diabetes(place: Place) -> Data:  # noqa: ARG001  # scikit-learn ships the file
    """Load 442 rows of ten features (n, 10) with a standardised target (n, 1).

    Features and target have mean 0 and standard deviation 1, so that an mse of 1 is what the
    mean alone reaches, and 1 - mse is the share explained; 77.0 points of the original score are 1.
    The constants are taken over the whole table, before any split: they know a little of the test
    rows.

    Source: Efron et al. 2004, "Least angle regression", as in `sklearn.datasets`.
    """
    from sklearn import datasets

    features, targets = datasets.load_diabetes(return_X_y=True, scaled=False)
    return Data(Split((_standardised(features),), _standardised(targets.reshape(-1, 1))))


def linear_task(*, weights: Weights = (2.0, -3.4)) -> Task:
    """Predict a number that is linear in the inputs but for noise."""
    return Task("regression", (len(weights),), 1)


def make_linear(
    place: Place,
    *,
    n: Annotated[int, Meta(ge=1)] = 1000,
    n_test: Annotated[int, Meta(ge=0)] = 1000,
    weights: Weights = (2.0, -3.4),
    bias: float = 4.2,
    noise: Annotated[float, Meta(ge=0)] = 0.01,
) -> Data:
    """Draw y = X w + b + noise: X from N(0, 1) (n, d), noise from N(0, noise squared), y (n, 1).

    Training rows are drawn first, so that they are the same whatever `n_test` is; with `n_test` 0
    there is no test split, and no test metrics. `truth` has `weight` (1, d) and `bias` (1,), shaped
    like the parameters of `nn.Linear(d, 1)`.
    """
    import torch

    generator = torch.Generator().manual_seed(place.seed)
    weight, offset = torch.tensor([weights]), torch.tensor([bias])

    def split(size: int) -> Split:
        inputs = torch.randn(size, len(weights), generator=generator)
        errors = noise * torch.randn(size, 1, generator=generator)
        return Split((inputs,), inputs @ weight.T + offset + errors)

    train = split(n)
    test = split(n_test) if n_test else None
    return Data(train, test=test, truth={"weight": weight, "bias": offset})


def _standardised(table: Any) -> Tensor:
    """Shift and scale the columns of a NumPy table (n, d) to mean 0 and standard deviation 1."""
    import torch

    return torch.as_tensor((table - table.mean(axis=0)) / table.std(axis=0), dtype=torch.float32)


def _column(targets: Any) -> Tensor:
    import torch

    return torch.as_tensor(targets, dtype=torch.float32).reshape(-1, 1)

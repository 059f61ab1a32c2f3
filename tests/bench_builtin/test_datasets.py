"""The built-in data sets: shapes, types, scales, and the truth behind what is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bench_builtin import datasets

from harness import Place, Task

PLACE = Place(Path("/nonexistent"))
REAL = [each for each in datasets.bench_register_datasets() if not each.seeded]
KINDS = {
    "digits": (1797, "classification", (1, 8, 8), 10, (1797,), torch.int64),
    "breast_cancer": (569, "binary", (30,), 1, (569, 1), torch.float32),
    "diabetes_progression": (442, "regression", (10,), 1, (442, 1), torch.float32),
}


@pytest.mark.parametrize("dataset", REAL, ids=lambda each: each.name)
def test_a_real_data_set_is_what_its_task_says(dataset):
    n, kind, input_shape, outputs, targets_shape, targets_type = KINDS[dataset.name]

    data = dataset.load(PLACE)

    assert dataset.task() == Task(kind, input_shape, outputs)
    (inputs,) = data.train.inputs
    assert inputs.shape == (n, *input_shape)
    assert inputs.dtype == torch.float32
    assert data.train.targets.shape == targets_shape
    assert data.train.targets.dtype == targets_type


@pytest.mark.parametrize("dataset", REAL, ids=lambda each: each.name)
def test_the_harness_holds_a_quarter_of_a_real_data_set_out(dataset):
    data = dataset.load(PLACE)

    assert dataset.holdout == 0.25
    assert data.test is None
    assert data.validation is None


def test_pixels_of_digits_are_from_0_to_1():
    (images,) = datasets.load_digits(PLACE).train.inputs

    assert (images.min().item(), images.max().item()) == (0.0, 1.0)


def test_digits_has_every_class():
    counts = datasets.load_digits(PLACE).train.targets.bincount()

    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_breast_cancer_has_357_benign_rows():
    targets = datasets.load_breast_cancer(PLACE).train.targets

    assert targets.unique().tolist() == [0.0, 1.0]
    assert targets.sum().item() == 357


@pytest.mark.parametrize("load", [datasets.load_breast_cancer, datasets.load_diabetes])
def test_features_are_standardised(load):
    (features,) = load(PLACE).train.inputs

    torch.testing.assert_close(
        features.mean(dim=0), torch.zeros(features.shape[1]), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(features.std(dim=0, correction=0), torch.ones(features.shape[1]))


def test_an_mse_of_1_is_what_the_mean_of_diabetes_progression_reaches():
    targets = datasets.load_diabetes(PLACE).train.targets

    assert torch.nn.functional.mse_loss(targets.mean().expand_as(targets), targets).item() == (
        pytest.approx(1.0, abs=1e-5)
    )


def test_a_point_of_the_diabetes_target_is_77_of_the_score():
    from sklearn.datasets import load_diabetes

    assert load_diabetes().target.std() == pytest.approx(77.0, abs=0.05)


def test_synthetic_data_has_a_split_of_each_kind_and_its_truth():
    data = datasets.make_linear(PLACE, n=30, n_test=20, weights=(1.0, 2.0, 3.0), bias=-1.0)

    assert data.train.inputs[0].shape == (30, 3)
    assert data.train.targets.shape == (30, 1)
    assert data.test is not None
    assert data.test.inputs[0].shape == (20, 3)
    assert data.test.targets.shape == (20, 1)
    assert torch.equal(data.truth["weight"], torch.tensor([[1.0, 2.0, 3.0]]))
    assert torch.equal(data.truth["bias"], torch.tensor([-1.0]))
    assert datasets.linear_task(weights=(1.0, 2.0, 3.0)) == Task("regression", (3,), 1)


def test_synthetic_data_without_test_rows_has_no_test_split():
    assert datasets.make_linear(PLACE, n_test=0).test is None


def test_synthetic_data_is_the_same_for_a_seed_and_another_for_another():
    first, again, other = (
        datasets.make_linear(Place(Path(), seed=seed)).train for seed in (1, 1, 2)
    )

    assert torch.equal(first.inputs[0], again.inputs[0])
    assert torch.equal(first.targets, again.targets)
    assert not torch.equal(first.inputs[0], other.inputs[0])


def test_synthetic_data_leaves_the_global_generator_alone():
    before = torch.get_rng_state()

    datasets.make_linear(PLACE)

    assert torch.equal(torch.get_rng_state(), before)


def test_training_rows_do_not_depend_on_the_number_of_test_rows():
    few, many = (datasets.make_linear(PLACE, n_test=n_test).train for n_test in (0, 500))

    assert torch.equal(few.inputs[0], many.inputs[0])
    assert torch.equal(few.targets, many.targets)


def test_test_rows_are_others_than_training_rows():
    data = datasets.make_linear(PLACE, n=50, n_test=50)

    assert data.test is not None
    assert not torch.equal(data.train.inputs[0], data.test.inputs[0])


@pytest.mark.parametrize("seed", range(3))
def test_least_squares_finds_the_truth_of_synthetic_data(seed):
    data = datasets.make_linear(Place(Path(), seed=seed))
    (inputs,) = data.train.inputs

    columns = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
    found = torch.linalg.lstsq(columns, data.train.targets).solution.flatten()

    # Standard error: noise / sqrt(n) = 0.01 / sqrt(1000) = 3.2e-4; five of them.
    torch.testing.assert_close(found[:2], data.truth["weight"][0], atol=1.6e-3, rtol=0)
    torch.testing.assert_close(found[2:], data.truth["bias"], atol=1.6e-3, rtol=0)


def test_synthetic_noise_has_the_standard_deviation_that_is_asked_for():
    data = datasets.make_linear(PLACE, n=20_000, noise=0.5)
    (inputs,) = data.train.inputs

    errors = data.train.targets - inputs @ data.truth["weight"].T - data.truth["bias"]

    assert errors.std().item() == pytest.approx(0.5, rel=0.03)


def test_data_without_noise_is_exact():
    data = datasets.make_linear(PLACE, noise=0.0)
    (inputs,) = data.train.inputs

    assert torch.equal(data.train.targets, inputs @ data.truth["weight"].T + data.truth["bias"])

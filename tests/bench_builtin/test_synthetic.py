"""Made data: true weights that are kept, and what does not depend on options."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from bench_builtin import synthetic
from hypothesis import given
from hypothesis import strategies as st

from harness import Place, Task


def place(seed: int = 0) -> Place:
    return Place(Path("/nonexistent"), seed=seed)


def test_many_features_are_linear_in_weights_that_are_kept():
    data = synthetic.make_many_features(place(), noise=0.0)

    (inputs,) = data.train.inputs
    assert inputs.shape == (20, 200)
    assert synthetic.many_features_task() == Task("regression", (200,), 1)
    assert data.truth["weight"].tolist() == [[pytest.approx(0.01)] * 200]
    assert data.truth["bias"].tolist() == [pytest.approx(0.05)]
    torch.testing.assert_close(
        inputs @ data.truth["weight"].T + data.truth["bias"], data.train.targets
    )


def test_many_features_have_noise():
    data = synthetic.make_many_features(place(), n=5000, features=2, noise=0.1)

    (inputs,) = data.train.inputs
    errors = data.train.targets - inputs @ data.truth["weight"].T - data.truth["bias"]
    assert errors.std().item() == pytest.approx(0.1, rel=0.05)


def test_the_features_of_a_polynomial_are_powers_by_factorials():
    (features,) = synthetic.make_polynomial(place(), features=20).train.inputs
    x = features[:, 1].double()

    expected = torch.stack([x**i / math.factorial(i) for i in range(20)], dim=1)
    torch.testing.assert_close(features.double(), expected, rtol=1e-4, atol=1e-9)


def test_a_polynomial_is_linear_in_its_powers():
    data = synthetic.make_polynomial(place(), features=6, noise=0.0)

    (features,) = data.train.inputs
    torch.testing.assert_close(features @ data.truth["weight"].T, data.train.targets)
    assert data.truth["weight"].tolist() == [pytest.approx([5.0, 1.2, -3.4, 5.6, 0.0, 0.0])]


def test_fewer_features_than_weights_know_their_own_weights():
    data = synthetic.make_polynomial(place(), features=2)

    assert data.truth["weight"].tolist() == [pytest.approx([5.0, 1.2])]
    assert synthetic.polynomial_task(features=2) == Task("regression", (2,), 1)


def test_the_points_of_a_polynomial_do_not_depend_on_its_features():
    few, many = (synthetic.make_polynomial(place(), features=count) for count in (2, 20))

    assert torch.equal(few.train.targets, many.train.targets)
    assert torch.equal(few.train.inputs[0], many.train.inputs[0][:, :2])


@pytest.mark.parametrize("make", [synthetic.make_many_features, synthetic.make_polynomial])
@given(seed=st.integers(0, 1000))
def test_a_seed_draws_the_same_training_rows_whatever_the_test_split(make, seed):
    with_test, without = make(place(seed)), make(place(seed), n_test=0)

    assert torch.equal(with_test.train.targets, without.train.targets)
    assert len(with_test.test) == 100
    assert without.test is None


@pytest.mark.parametrize("make", [synthetic.make_many_features, synthetic.make_polynomial])
def test_seeds_draw_different_data(make):
    assert not torch.equal(make(place(0)).train.targets, make(place(1)).train.targets)

"""The built-in initializers against torch.nn.init, drawing from the same generator."""

from __future__ import annotations

import re

import pytest
import torch
from bench_builtin import initializers
from torch.nn import init

from harness import BenchError

CASES = [
    (initializers.zeros, init.zeros_, {}),
    (initializers.ones, init.ones_, {}),
    (initializers.constant, init.constant_, {"val": 0.3}),
    (initializers.uniform, init.uniform_, {}),
    (initializers.uniform, init.uniform_, {"a": -0.1, "b": 0.2}),
    (initializers.normal, init.normal_, {}),
    (initializers.normal, init.normal_, {"mean": 1.0, "std": 0.01}),
    (initializers.trunc_normal, init.trunc_normal_, {}),
    (initializers.trunc_normal, init.trunc_normal_, {"std": 0.5, "a": -1.0, "b": 0.5}),
    (initializers.xavier_uniform, init.xavier_uniform_, {}),
    (initializers.xavier_uniform, init.xavier_uniform_, {"gain": 2.0}),
    (initializers.xavier_normal, init.xavier_normal_, {}),
    (initializers.xavier_normal, init.xavier_normal_, {"gain": 2.0}),
    (initializers.kaiming_uniform, init.kaiming_uniform_, {}),
    (initializers.kaiming_uniform, init.kaiming_uniform_, {"a": 0.5, "mode": "fan_out"}),
    (initializers.kaiming_normal, init.kaiming_normal_, {}),
    (initializers.kaiming_normal, init.kaiming_normal_, {"nonlinearity": "tanh"}),
    (initializers.orthogonal, init.orthogonal_, {}),
    (initializers.orthogonal, init.orthogonal_, {"gain": 2.0}),
]
DRAWS_NOTHING = {initializers.zeros, initializers.ones, initializers.constant}
NEEDS_FANS = [
    initializers.xavier_uniform,
    initializers.xavier_normal,
    initializers.kaiming_uniform,
    initializers.kaiming_normal,
    initializers.orthogonal,
]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@pytest.mark.parametrize("shape", [(6, 4), (5, 3, 2, 2)], ids=str)
@pytest.mark.parametrize(("ours", "torchs", "options"), CASES)
def test_an_initializer_fills_as_that_of_torch(ours, torchs, options, shape):
    filled, expected = torch.nn.Parameter(torch.empty(shape)), torch.empty(shape)

    ours(filled, generator(), **options)
    torchs(expected, **options, **({} if ours in DRAWS_NOTHING else {"generator": generator()}))

    assert torch.equal(filled, expected)
    assert filled.requires_grad


def test_every_initializer_is_held_against_torch():
    registered = {each.apply for each in initializers.bench_register_initializers()}

    assert registered == {ours for ours, _, _ in CASES}


@pytest.mark.parametrize(("ours", "torchs", "options"), CASES)
def test_an_initializer_leaves_the_global_generator_alone(ours, torchs, options):
    before = torch.get_rng_state()

    ours(torch.empty(6, 4), generator(), **options)

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("apply", NEEDS_FANS, ids=lambda each: each.__name__)
def test_a_bias_has_no_fans(apply):
    message = (
        f"initializer {apply.__name__} needs a parameter of 2 or more dimensions, not of shape"
        " (10,): normal, uniform, constant and zeros fill any"
    )

    with pytest.raises(BenchError, match=f"^{re.escape(message)}$"):
        apply(torch.empty(10), generator())


@pytest.mark.parametrize("apply", [initializers.uniform, initializers.trunc_normal])
def test_bounds_in_the_wrong_order_are_refused(apply):
    message = f"initializer {apply.__name__} draws from [a, b], and b=0.0 is below a=1.0"

    with pytest.raises(BenchError, match=f"^{re.escape(message)}$"):
        apply(torch.empty(3), generator(), a=1.0, b=0.0)


@pytest.mark.parametrize(
    "apply", [initializers.zeros, initializers.ones, initializers.uniform, initializers.normal]
)
def test_a_bias_can_be_filled(apply):
    bias = torch.full((10,), torch.nan)

    apply(bias, generator())

    assert bias.isfinite().all()

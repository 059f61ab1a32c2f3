"""The built-in activations against the functions of torch."""

from __future__ import annotations

import pytest
import torch
from bench_builtin import activations
from torch.nn import functional

X = torch.linspace(-30, 30, 241, dtype=torch.float64)
FUNCTIONS = {
    "identity": lambda x: x,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "prelu": lambda x: functional.leaky_relu(x, 0.25),
    "elu": functional.elu,
    "celu": functional.celu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "mish": functional.mish,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "sigmoid": torch.sigmoid,
    "hardsigmoid": functional.hardsigmoid,
    "tanh": torch.tanh,
    "hardtanh": functional.hardtanh,
    "softmax": lambda x: functional.softmax(x, dim=-1),
    "log_softmax": lambda x: functional.log_softmax(x, dim=-1),
}
REGISTERED = {each.name: each.build for each in activations.bench_register_activations()}


@pytest.mark.parametrize("name", REGISTERED)
def test_an_activation_is_the_function_of_its_name(name):
    module = REGISTERED[name]().double()

    torch.testing.assert_close(module(X), FUNCTIONS[name](X), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("build", "options", "function"),
    [
        (activations.leaky_relu, {"negative_slope": 0.1}, lambda x: functional.leaky_relu(x, 0.1)),
        (activations.prelu, {"slope": 0.5}, lambda x: functional.leaky_relu(x, 0.5)),
        (activations.elu, {"alpha": 2.0}, lambda x: functional.elu(x, 2.0)),
        (activations.celu, {"alpha": 2.0}, lambda x: functional.celu(x, 2.0)),
        (
            activations.gelu,
            {"approximate": "tanh"},
            lambda x: functional.gelu(x, approximate="tanh"),
        ),
        (
            activations.softplus,
            {"beta": 2.0, "threshold": 5.0},
            lambda x: functional.softplus(x, 2.0, 5.0),
        ),
        (
            activations.hardtanh,
            {"min_val": -2.0, "max_val": 3.0},
            lambda x: functional.hardtanh(x, -2.0, 3.0),
        ),
    ],
)
def test_the_options_of_an_activation_reach_torch(build, options, function):
    torch.testing.assert_close(build(**options).double()(X), function(X), atol=0, rtol=0)


def test_prelu_learns_as_many_slopes_as_it_is_told_to():
    (slopes,) = activations.prelu(num_parameters=3).parameters()

    assert slopes.tolist() == [0.25, 0.25, 0.25]
    assert slopes.requires_grad

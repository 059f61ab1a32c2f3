"""The built-in optimizers: torch's defaults, spared biases, frozen parameters."""

from __future__ import annotations

import inspect

import pytest
import torch
from bench_builtin import optimizers
from torch import nn

BUILDS = {
    optimizers.sgd: torch.optim.SGD,
    optimizers.adam: torch.optim.Adam,
    optimizers.adamw: torch.optim.AdamW,
}
every_optimizer = pytest.mark.parametrize("build", BUILDS, ids=lambda each: each.__name__)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))


@every_optimizer
def test_defaults_are_those_of_torch(build):
    torchs = inspect.signature(BUILDS[build]).parameters

    options = {
        name: each.default
        for name, each in inspect.signature(build).parameters.items()
        if each.kind is each.KEYWORD_ONLY and name != "decay_bias"
    }

    assert options == {name: torchs[name].default for name in options}
    assert options.keys() >= {"lr", "weight_decay"}


@every_optimizer
def test_an_optimizer_steps_as_that_of_torch(build):
    ours, theirs = net(), net()
    steppers = [build(ours, lr=0.05, weight_decay=0.1)]
    steppers.append(BUILDS[build](theirs.parameters(), lr=0.05, weight_decay=0.1))

    for model, stepper in zip((ours, theirs), steppers, strict=True):
        for _ in range(3):
            stepper.zero_grad()
            model(torch.ones(5, 4)).square().sum().backward()
            stepper.step()

    assert type(steppers[0]) is BUILDS[build]
    for mine, torchs in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, torchs, atol=0, rtol=0)


@every_optimizer
def test_biases_are_spared_from_decay_where_they_are_to_be(build):
    model = net()
    before = {name: each.detach().clone() for name, each in model.named_parameters()}
    stepper = build(model, lr=0.1, weight_decay=0.5, decay_bias=False)

    for each in model.parameters():
        each.grad = torch.zeros_like(each)
    stepper.step()

    changed = {name: not torch.equal(each, before[name]) for name, each in model.named_parameters()}
    assert changed == {"0.weight": True, "0.bias": False, "1.weight": True, "1.bias": False}


@every_optimizer
def test_biases_decay_unless_they_are_spared(build):
    (group,) = build(net(), weight_decay=0.5).param_groups

    assert group["weight_decay"] == 0.5
    assert len(group["params"]) == 4


def test_the_biases_of_recurrent_layers_are_biases():
    model = nn.GRU(3, 4)

    decayed, spared = optimizers.parameter_groups(model, 0.5, decay_bias=False)

    assert [each.ndim for each in decayed["params"]] == [2, 2]
    assert [each.ndim for each in spared["params"]] == [1, 1]
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.5, 0.0)


def test_a_model_without_biases_has_one_group():
    (group,) = optimizers.parameter_groups(nn.Linear(2, 1, bias=False), 0.5, decay_bias=False)

    assert group["weight_decay"] == 0.5


@every_optimizer
def test_frozen_parameters_are_left_out(build):
    model = net()
    model[0].requires_grad_(False)

    kept = [each for group in build(model).param_groups for each in group["params"]]

    assert {id(each) for each in kept} == {id(each) for each in model[1].parameters()}


@every_optimizer
def test_tied_parameters_are_stepped_once(build):
    shared = nn.Linear(3, 3)

    (group,) = build(nn.Sequential(shared, shared)).param_groups

    assert len(group["params"]) == 2


def test_nesterov_without_momentum_is_refused_by_torch():
    with pytest.raises(
        ValueError, match="Nesterov momentum requires a momentum and zero dampening"
    ):
        optimizers.sgd(net(), nesterov=True)


def test_the_options_of_an_optimizer_reach_torch():
    (sgd,) = optimizers.sgd(net(), lr=0.2, momentum=0.9, nesterov=True).param_groups
    (adam,) = optimizers.adam(net(), betas=(0.5, 0.6), eps=1e-3, amsgrad=True).param_groups

    assert (sgd["lr"], sgd["momentum"], sgd["nesterov"]) == (0.2, 0.9, True)
    assert (adam["betas"], adam["eps"], adam["amsgrad"]) == ((0.5, 0.6), 1e-3, True)

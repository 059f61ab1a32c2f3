"""The perceptron from scratch equals the one of torch's layers, step by step."""

from __future__ import annotations

import pytest
import torch
from bench_builtin import models, scratch
from torch import nn
from torch.nn import functional

from harness import Task

MNIST = Task("classification", (1, 28, 28), 10, activations=lambda _: nn.ReLU())
HIDDEN = [(256,), (256, 256), ()]


def pair(**options) -> tuple[nn.Module, nn.Module]:
    """Build both with the weights of one of them."""
    torch.manual_seed(0)
    built_in, own = models.mlp(MNIST, **options), scratch.mlp_scratch(MNIST, **options)
    own.load_state_dict(built_in.state_dict())
    return built_in, own


@pytest.mark.parametrize("hidden", HIDDEN)
def test_it_gives_what_the_layers_of_torch_give(hidden):
    built_in, own = pair(hidden=hidden)
    samples = torch.rand(64, 1, 28, 28)

    torch.testing.assert_close(own(samples), built_in(samples), atol=1e-5, rtol=0)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_step_changes_it_as_it_changes_the_layers_of_torch(hidden):
    samples, targets = torch.rand(64, 1, 28, 28), torch.randint(0, 10, (64,))
    both = pair(hidden=hidden)
    for model in both:
        functional.cross_entropy(model(samples), targets).backward()
        torch.optim.SGD(model.parameters(), lr=0.5).step()

    built_in, own = (each.state_dict() for each in both)
    for name, value in built_in.items():
        torch.testing.assert_close(own[name], value, atol=1e-6, rtol=0)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_its_parameters_are_called_and_shaped_as_those_of_mlp(hidden):
    built_in, own = pair(hidden=hidden)

    assert [(name, each.shape) for name, each in own.named_parameters()] == [
        (name, each.shape) for name, each in built_in.named_parameters()
    ]


def test_no_layer_of_torch_is_in_it():
    own = scratch.mlp_scratch(MNIST, hidden=(32, 16), dropout=0.5)

    assert {type(each).__name__ for each in own.modules()} == {"Scratch", "ParameterDict"}


def test_it_starts_from_small_weights_and_no_biases():
    torch.manual_seed(0)
    state = scratch.mlp_scratch(MNIST).state_dict()

    assert state["hidden1.weight"].std().item() == pytest.approx(0.01, rel=0.01)
    assert state["output.weight"].std().item() == pytest.approx(0.01, rel=0.05)
    assert not state["hidden1.bias"].any()
    assert not state["output.bias"].any()


def test_own_relu_is_that_of_torch_with_its_gradient():
    values = torch.tensor([-2.0, -0.0, 0.0, 1e-30, 3.0])
    gradients = []
    for function in (scratch.own_relu, torch.relu):
        seen = values.clone().requires_grad_()
        found = function(seen)
        found.sum().backward()
        gradients.append(seen.grad)
        torch.testing.assert_close(found, torch.relu(values), atol=0, rtol=0)

    assert torch.equal(*gradients)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9])
def test_own_dropout_leaves_out_its_share_and_scales_the_rest(share):
    torch.manual_seed(0)
    values = torch.full((200_000,), 2.0)

    found = scratch.own_dropout(values, share)

    kept = found[found != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 2 / (1 - share)))
    # Standard error of a share of 200,000: at most 0.0012; five of them.
    assert len(kept) / len(values) == pytest.approx(1 - share, abs=0.006)
    assert found.mean().item() == pytest.approx(2.0, rel=0.02)


def test_own_dropout_passes_gradients_where_it_kept_values():
    torch.manual_seed(0)
    values = torch.ones(100, requires_grad=True)

    found = scratch.own_dropout(values, 0.5)
    found.sum().backward()

    assert torch.equal(values.grad, found.detach())


def test_dropout_acts_in_training_and_not_in_use():
    _, own = pair(hidden=(64, 32), dropout=(0.3, 0.5))
    samples = torch.rand(16, 1, 28, 28)

    trained = [own.train()(samples) for _ in range(2)]
    used = [own.eval()(samples) for _ in range(2)]

    assert not torch.equal(*trained)
    assert torch.equal(*used)


@pytest.mark.parametrize("build", [models.mlp, scratch.mlp_scratch])
@pytest.mark.parametrize("shares", [(0.3, 0.5), (0.0, 0.9), (0.9, 0.0), 0.5])
def test_each_hidden_layer_has_its_own_share_of_dropout(build, shares):
    """Ones go through layers that change nothing, and lose the share of each layer."""
    width = 500
    task = Task("classification", (3,), width, activations=lambda _: nn.ReLU())
    model = build(task, hidden=(width, width), dropout=shares)
    start = {name: torch.zeros_like(each) for name, each in model.state_dict().items()}
    start["hidden1.bias"] += 1
    start["hidden2.weight"] += torch.eye(width)
    start["output.weight"] += torch.eye(width)
    model.load_state_dict(start)
    torch.manual_seed(0)

    with torch.no_grad():
        found = model(torch.zeros(200, 3))

    first, second = shares if isinstance(shares, tuple) else (shares, shares)
    left = (1 - first) * (1 - second)
    kept = found[found != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / left))
    # Standard error of a share of 100,000: at most 0.0016; five of them.
    assert len(kept) / found.numel() == pytest.approx(left, abs=0.008)


@pytest.mark.parametrize("takes", [each.accepts for each in scratch.bench_register_models()])
def test_shares_that_do_not_fit_the_layers_are_refused(takes):
    assert takes(MNIST, hidden=(256, 256), dropout=(0.3, 0.5)) is None
    assert takes(MNIST, hidden=(256, 256), dropout=0.3) is None
    assert takes(MNIST, hidden=(256,), dropout=(0.3, 0.5)) == (
        "model.dropout has 2 shares for 1 hidden layers: give one for each, or one number for all"
    )
    assert takes(Task("sequence", (20,), 18)) == (
        "fully connected layers take samples of one size, not sequences"
    )

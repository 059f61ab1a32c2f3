"""Layers of one's own: counted once where tied, equal to the built-in ones, trained as models."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bench_builtin import datasets, layers, losses, models, optimizers
from torch import Tensor, nn

from harness import Place, Protocol, Task, Workload
from harness.training import train

ACTIVATIONS = {"identity": nn.Identity, "tanh": nn.Tanh}


def task(kind: str, input_shape: tuple[int, ...], outputs: int) -> Task:
    return Task(kind, input_shape, outputs, activations=lambda name: ACTIVATIONS[name]())  # type: ignore[arg-type]


DIGITS = task("classification", (1, 8, 8), 10)
NUMBER = task("regression", (1,), 1)
BUILDS = [layers.tied, layers.nested, layers.centred, layers.own_layers]
every_model = pytest.mark.parametrize("build", BUILDS, ids=lambda each: each.__name__)


def size(model: nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())


def gradients(model: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    model(inputs).square().sum().backward()
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


@every_model
def test_outputs_are_samples_by_outputs(build):
    assert build(DIGITS)(torch.zeros(5, 1, 8, 8)).shape == (5, 10)


@every_model
def test_the_loss_falls_in_an_epoch_of_training(build):
    torch.manual_seed(0)
    model = build(DIGITS)
    data = datasets.load_digits(Place(Path("/nonexistent")))
    optimizer = optimizers.sgd(model, lr=0.05, momentum=0.9)
    workload = Workload(
        model,
        optimizer,
        losses.cross_entropy(),
        data,
        torch.device("cpu"),
        DIGITS,
        protocol=Protocol(epochs=1),
    )
    with torch.no_grad():
        before = losses.cross_entropy()(model(*data.train.inputs), data.train.targets).item()

    after = train(workload).metrics["train_loss"]

    assert after is not None
    assert after < before


def test_a_tied_layer_counts_once():
    # 64 to 8, 8 to 8, 8 to 10.
    assert size(layers.tied(DIGITS)) == 520 + 72 + 90
    assert size(layers.tied(DIGITS, tied=False)) == 520 + 2 * 72 + 90


def test_a_tied_layer_stands_third_and_fifth():
    net = layers.tied(DIGITS)

    assert net[2] is net[4]
    assert (net[2].in_features, net[2].out_features) == (8, 8)


def test_the_gradients_of_a_tied_layer_add():
    torch.manual_seed(0)
    one = layers.tied(DIGITS)
    two = layers.tied(DIGITS, tied=False)
    state = one.state_dict()
    two.load_state_dict(state)
    inputs = torch.rand(20, 1, 8, 8)

    shared, apart = gradients(one, inputs), gradients(two, inputs)

    assert shared["2.weight"].abs().max() > 0
    torch.testing.assert_close(shared["2.weight"], apart["2.weight"] + apart["4.weight"])
    torch.testing.assert_close(shared["2.bias"], apart["2.bias"] + apart["4.bias"])


def test_untied_layers_start_as_the_tied_one_does():
    net = layers.tied(DIGITS, tied=False)

    assert torch.equal(net.get_parameter("2.weight"), net.get_parameter("4.weight"))


def test_nested_blocks_are_sequentials_in_a_sequential():
    net = layers.nested(DIGITS, blocks=3, width=4)

    inner = net.get_submodule("blocks")
    assert [type(each) for each in inner.children()] == [nn.Sequential] * 3
    assert [tuple(each.shape) for each in net.parameters() if each.ndim == 2] == [
        *((8, 64), (4, 8)),
        *((8, 4), (4, 8)),
        *((8, 4), (4, 8)),
        (10, 4),
    ]


def test_centred_values_have_mean_0_over_the_batch():
    net = layers.centred(DIGITS, hidden=16)
    seen = []
    net.get_submodule("centred").register_forward_hook(
        lambda module, inputs, outputs: seen.append(outputs)
    )

    net(torch.rand(30, 1, 8, 8))

    assert seen[0].mean().item() == pytest.approx(0.0, abs=1e-6)
    assert list(net.get_submodule("centred").parameters()) == []


def test_layers_of_bare_parameters_give_what_built_in_layers_give():
    own, built = layers.own_layers(DIGITS, hidden=(16, 8)), models.mlp(DIGITS_RELU, hidden=(16, 8))
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            twin = own.get_parameter(name)
            twin.mul_(0.1)
            parameter.copy_(twin.T if twin.ndim == 2 else twin)
    inputs = torch.rand(30, 1, 8, 8)

    torch.testing.assert_close(own(inputs), built(inputs), atol=1e-5, rtol=0)


DIGITS_RELU = Task("classification", (1, 8, 8), 10, activations=lambda name: nn.ReLU())


def test_a_bare_activation_is_the_activation():
    model = layers.bare_activation(NUMBER, activation="tanh")

    assert model(torch.tensor([[0.5]])).item() == pytest.approx(0.46211716)


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (NUMBER, None),
        (Task("classification", (3,), 3), None),
        (
            DIGITS,
            "bare_activation changes no shape: it takes samples of as many numbers as there are"
            " outputs (10), not of shape (1, 8, 8)",
        ),
    ],
)
def test_a_bare_activation_refuses_samples_of_another_shape_than_their_outputs(task, reason):
    assert layers.as_many_outputs(task) == reason

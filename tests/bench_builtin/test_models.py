"""The built-in models: their layers, shapes, sizes, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from bench_builtin import models
from torch import nn

from harness import Task

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


def task(kind: str, input_shape: tuple[int, ...], outputs: int) -> Task:
    return Task(kind, input_shape, outputs, activations=lambda name: ACTIVATIONS[name]())  # type: ignore[arg-type]


DIGITS = task("classification", (1, 8, 8), 10)
MNIST = task("classification", (1, 28, 28), 10)
BINARY = task("binary", (30,), 1)
REGRESSION = task("regression", (10,), 3)
SEQUENCE = task("sequence", (20,), 18)
EVERY_MODEL = [models.linear, models.mlp]


def size(model: nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())


def layers(model: nn.Module) -> list[str]:
    return [type(each).__name__ for each in model.children()]


@pytest.mark.parametrize("build", EVERY_MODEL)
@pytest.mark.parametrize(
    "task", [DIGITS, MNIST, BINARY, REGRESSION], ids=["digits", "mnist", "binary", "regression"]
)
def test_outputs_are_samples_by_outputs(build, task):
    outputs = build(task)(torch.zeros(5, *task.input_shape))

    assert outputs.shape == (5, task.outputs)


def test_a_linear_model_of_flat_inputs_is_a_bare_linear_layer():
    model = models.linear(REGRESSION)

    assert type(model) is nn.Linear
    assert {name: tuple(each.shape) for name, each in model.named_parameters()} == {
        "weight": (3, 10),
        "bias": (3,),
    }


def test_a_linear_model_goes_without_a_bias():
    assert [name for name, _ in models.linear(BINARY, bias=False).named_parameters()] == ["weight"]


def test_an_mlp_has_an_activation_and_a_dropout_behind_each_hidden_layer():
    model = models.mlp(DIGITS, hidden=(32, 16), activation="tanh", dropout=0.25)

    assert layers(model) == [
        "Flatten",
        *("Linear", "Tanh", "Dropout"),
        *("Linear", "Tanh", "Dropout"),
        "Linear",
    ]
    assert [each.p for each in model.children() if isinstance(each, nn.Dropout)] == [0.25, 0.25]


def test_an_mlp_has_256_hidden_units_and_relu_unless_told_otherwise():
    model = models.mlp(MNIST)

    assert layers(model) == ["Flatten", "Linear", "ReLU", "Linear"]
    assert size(model) == 784 * 256 + 256 + 256 * 10 + 10


def test_an_mlp_without_hidden_layers_is_linear():
    assert layers(models.mlp(BINARY, hidden=())) == ["Flatten", "Linear"]


def test_the_parameters_of_an_mlp_are_called_the_same_with_and_without_dropout():
    names = [
        [name for name, _ in models.mlp(DIGITS, hidden=(8, 8), dropout=share).named_parameters()]
        for share in (0.0, 0.5)
    ]

    assert names[0] == names[1]
    assert names[0][::2] == ["hidden1.weight", "hidden2.weight", "output.weight"]


def test_an_mlp_starts_the_same_with_and_without_dropout():
    starts = []
    for share in (0.0, 0.5):
        torch.manual_seed(3)
        starts.append(models.mlp(DIGITS, dropout=share).state_dict())

    assert all(torch.equal(starts[0][name], starts[1][name]) for name in starts[0])


def test_lenet_on_mnist_has_61706_parameters():
    model = models.lenet(MNIST)

    assert size(model) == 61_706
    assert model.get_submodule("hidden1").in_features == 400
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_lenet_is_conv_sigmoid_and_average_pooling_twice_then_three_linear_layers():
    block = ["Conv2d", "Sigmoid", "AvgPool2d"]
    head = ["Flatten", "Linear", "Sigmoid", "Linear", "Sigmoid", "Linear"]

    assert layers(models.lenet(MNIST)) == [*block, *block, *head]


def test_lenet_takes_other_parts():
    model = models.lenet(MNIST, channels=(4, 8), hidden=(50,), activation="relu", pooling="max")

    assert layers(model).count("MaxPool2d") == 2
    assert layers(model).count("ReLU") == 3
    assert model.get_submodule("hidden1").in_features == 8 * 5 * 5
    assert model.get_submodule("output").in_features == 50


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("height", "width"), [(4, 4), (5, 7), (8, 8), (8, 28), (11, 11), (12, 12), (32, 32), (33, 40)]
)
def test_lenet_adapts_to_every_image_that_it_accepts(channels, height, width):
    images = task("classification", (channels, height, width), 7)

    assert models.image(images) is None
    assert models.lenet(images)(torch.zeros(2, channels, height, width)).shape == (2, 7)


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (BINARY, "lenet takes images (channels, height, width), not samples of shape (30,)"),
        (SEQUENCE, "lenet takes images, not sequences"),
        (
            task("classification", (1, 3, 8), 10),
            "lenet needs images of at least 4 x 4 pixels, not 3 x 8",
        ),
    ],
)
def test_lenet_says_why_it_refuses(refused, reason):
    assert models.image(refused) == reason


def test_fully_connected_models_refuse_sequences():
    assert models.fixed_size(DIGITS) is None
    assert models.fixed_size(SEQUENCE) == (
        "fully connected layers take samples of one size, not sequences"
    )


def test_every_model_has_accepts():
    assert all(each.accepts is not None for each in models.bench_register_models())

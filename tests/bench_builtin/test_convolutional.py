"""The convolutional networks: their layers, sizes and parameters, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from bench_builtin import convolutional
from torch import nn
from torch.nn import functional

from harness import Task

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "identity": nn.Identity}


def images(channels: int, height: int, width: int, outputs: int = 10) -> Task:
    return Task(
        "classification",
        (channels, height, width),
        outputs,
        activations=lambda name: ACTIVATIONS[name](),
    )


MNIST = images(1, 28, 28)
CIFAR10 = images(3, 32, 32)
DIGITS = images(1, 8, 8)
TABLE = Task("binary", (30,), 1)
SEQUENCE = Task("sequence", (20,), 18)
STAGED = {
    convolutional.cnn: convolutional.cnn_takes,
    convolutional.inception: convolutional.inception_takes,
    convolutional.residual: convolutional.residual_takes,
}


def size(model: nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())


def layers(model: nn.Module) -> list[str]:
    return [type(each).__name__ for each in model.children()]


@pytest.mark.parametrize(
    ("build", "task", "parameters", "linear"),
    [
        (convolutional.cnn, MNIST, 8_490, 320),
        (convolutional.inception, MNIST, 97_298, 1_408),
        (convolutional.residual, MNIST, 41_514, 512),
        (convolutional.cifar_cnn, CIFAR10, 145_578, 64),
    ],
)
def test_a_network_has_the_parameters_of_the_course_notes(build, task, parameters, linear):
    model = build(task)

    assert size(model) == parameters
    assert model.get_submodule("output").in_features == linear
    assert model(torch.zeros(3, *task.input_shape)).shape == (3, 10)


def test_the_plain_network_is_conv_pool_and_relu_twice_then_one_linear_layer():
    model = convolutional.cnn(MNIST)

    stage = ["Conv2d", "MaxPool2d", "ReLU"]
    assert layers(model) == [*stage, *stage, "Flatten", "Linear"]
    assert [model.get_submodule(f"conv{place}").kernel_size for place in (1, 2)] == [(5, 5)] * 2


def test_an_inception_block_joins_the_branches_of_the_notes():
    torch.manual_seed(0)
    block = convolutional.inception(MNIST).get_submodule("block1")
    seen = torch.randn(2, 10, 12, 12)

    def branch(name: str) -> torch.Tensor:
        return block.get_submodule(name)(seen)

    assert [tuple(each.shape) for each in block.parameters()] == [
        *((16, 10, 1, 1), (16,)),
        *((16, 10, 1, 1), (16,), (24, 16, 5, 5), (24,)),
        *((16, 10, 1, 1), (16,), (24, 16, 3, 3), (24,), (24, 24, 3, 3), (24,)),
        *((24, 10, 1, 1), (24,)),
    ]
    joined = torch.cat([branch("one"), branch("five"), branch("three"), branch("pool")], dim=1)
    assert torch.equal(block(seen), joined)
    assert joined.shape == (2, 88, 12, 12)
    averaged = functional.avg_pool2d(seen, kernel_size=3, stride=1, padding=1)
    last = block.get_submodule("pool.1")
    torch.testing.assert_close(branch("pool"), last(averaged))


def test_an_inception_net_reads_88_channels_behind_each_block():
    model = convolutional.inception(MNIST)

    assert layers(model)[:4] == ["Conv2d", "MaxPool2d", "ReLU", "Joined"]
    assert model.get_submodule("conv2").in_channels == 88
    assert model.get_submodule("conv2").out_channels == 20


@pytest.mark.parametrize("shortcut", [True, False])
def test_a_residual_block_adds_what_it_was_given_before_the_last_relu(shortcut):
    torch.manual_seed(0)
    block = convolutional.residual(MNIST, shortcut=shortcut).get_submodule("block1.0")
    seen = torch.randn(2, 16, 12, 12)

    changed = block.get_submodule("conv2")(torch.relu(block.get_submodule("conv1")(seen)))

    torch.testing.assert_close(block(seen), torch.relu(seen + changed if shortcut else changed))


def test_a_residual_net_starts_the_same_with_and_without_shortcuts():
    starts = []
    for shortcut in (True, False):
        torch.manual_seed(3)
        starts.append(convolutional.residual(DIGITS, padding=2, shortcut=shortcut).state_dict())

    assert all(torch.equal(starts[0][name], starts[1][name]) for name in starts[0])


def test_a_residual_net_takes_more_blocks():
    model = convolutional.residual(MNIST, blocks=3)

    assert [len(model.get_submodule(name)) for name in ("block1", "block2")] == [3, 3]  # type: ignore[arg-type]  # Sequentials
    assert size(model) == 41_514 + 2 * 2 * (16 * 16 * 9 + 16 + 32 * 32 * 9 + 32)


def test_pooling_and_relu_give_the_same_in_either_order():
    """The notes have them either way; behind the pooling ReLU has a quarter of the work."""
    seen = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))

    pooled_first = torch.relu(functional.max_pool2d(seen, 2))

    assert torch.equal(pooled_first, functional.max_pool2d(torch.relu(seen), 2))


def test_the_cifar_network_has_no_activation_unless_one_is_named():
    model = convolutional.cifar_cnn(CIFAR10)

    stage = ["Conv2d", "Identity", "MaxPool2d"]
    head = ["Flatten", "Linear", "Identity", "Linear"]
    assert layers(model) == [*stage, *stage, *stage, *head]
    assert layers(convolutional.cifar_cnn(CIFAR10, activation="relu")).count("ReLU") == 4


@pytest.mark.parametrize("build", STAGED)
@pytest.mark.parametrize("activation", ["tanh", "identity"])
def test_an_activation_takes_the_place_of_relu(build, activation):
    model = build(MNIST, activation=activation)

    assert not any(isinstance(each, nn.ReLU) for each in model.modules())


@pytest.mark.parametrize("build", STAGED)
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_takes_every_image_that_it_accepts_and_no_other(build, padding, channels):
    takes = STAGED[build]
    refused = []
    for side in (*range(1, 21), 28, 33):
        task = images(channels, side, 28, outputs=7)
        if takes(task, padding=padding) is None:
            outputs = build(task, padding=padding)(torch.zeros(2, *task.input_shape))
            assert outputs.shape == (2, 7)
        else:
            refused.append(side)

    assert refused == list(range(1, {0: 16, 1: 10, 2: 4}[padding]))


def test_the_cifar_network_takes_every_image_that_it_accepts_and_no_other():
    for side in range(8, 20):
        task = images(1, side, 32, outputs=7)

        assert convolutional.cifar_cnn_takes(task) is None
        assert convolutional.cifar_cnn(task)(torch.zeros(2, 1, side, 32)).shape == (2, 7)
    assert convolutional.cifar_cnn_takes(images(1, 7, 32)) == (
        "cifar_cnn needs images of at least 8 x 8 pixels, not 7 x 32"
    )


@pytest.mark.parametrize(
    ("padding", "task", "reason"),
    [
        (
            0,
            DIGITS,
            "cnn with model.padding=0 needs images of at least 16 x 16 pixels, not 8 x 8: "
            "model.padding=2 takes them",
        ),
        (
            1,
            images(1, 28, 9),
            "cnn with model.padding=1 needs images of at least 10 x 10 pixels, not 28 x 9: "
            "model.padding=2 takes them",
        ),
        (
            2,
            images(1, 3, 3),
            "cnn with model.padding=2 needs images of at least 4 x 4 pixels, not 3 x 3",
        ),
        (
            0,
            images(1, 12, 12),
            "cnn with model.padding=0 needs images of at least 16 x 16 pixels, not 12 x 12: "
            "model.padding=1 takes them",
        ),
    ],
)
def test_an_image_that_is_too_small_is_refused_with_a_padding_that_takes_it(padding, task, reason):
    assert convolutional.cnn_takes(task, padding=padding) == reason


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("cnn", convolutional.cnn_takes),
        ("inception", convolutional.inception_takes),
        ("residual", convolutional.residual_takes),
        ("cifar_cnn", convolutional.cifar_cnn_takes),
    ],
)
def test_what_is_no_image_is_refused(name, takes):
    assert takes(TABLE) == (
        f"{name} takes images (channels, height, width), not samples of shape (30,)"
    )
    assert takes(SEQUENCE) == f"{name} takes images, not sequences"

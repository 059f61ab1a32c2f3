"""Regression from scratch against the built-in parts: same outputs, same steps, same training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bench_builtin import datasets, initializers, linear, losses, models, optimizers, points
from torch import nn

from harness import Batch, Data, Place, Protocol, Task, Workload
from harness.training import train

PLACE = Place(Path("/nonexistent"))
TASK = Task("regression", (2,), 1)
POINTS = Task("regression", (1,), 1)
BINARY = Task(
    "binary", (3,), 1, activations=lambda name: {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[name]()
)


def workload(
    model: nn.Module, optimizer: torch.optim.Optimizer | None, loss: nn.Module, data: Data, **more
) -> Workload:
    usual = {"epochs": 3, "batch_size": 10}
    step = more.pop("step", None)
    return Workload(
        model,
        optimizer,
        loss,
        data,
        torch.device("cpu"),
        TASK,
        protocol=Protocol(**{**usual, **more}),
        step=step,
    )


def twins() -> tuple[nn.Module, nn.Module]:
    """A linear layer and its twin from scratch, with the same weights."""
    built, scratch = models.linear(TASK), linear.linear_scratch(TASK)
    with torch.no_grad():
        for name, shape in (("weight", (2, 1)), ("bias", (1,))):
            scratch.get_parameter(name).copy_(built.get_parameter(name).reshape(shape))
    return built, scratch


def values(model: nn.Module) -> list[float]:
    return [
        float(each) for parameter in model.parameters() for each in parameter.detach().flatten()
    ]


def test_a_linear_model_from_scratch_gives_what_a_linear_layer_gives():
    built, scratch = twins()
    inputs = torch.randn(50, 2)

    torch.testing.assert_close(scratch(inputs), built(inputs), atol=1e-5, rtol=0)


def test_a_linear_model_from_scratch_starts_small_and_without_bias():
    torch.manual_seed(0)
    model = linear.linear_scratch(Task("regression", (1000,), 1))

    assert model.get_parameter("weight").std().item() == pytest.approx(0.01, rel=0.1)
    assert model.get_parameter("bias").tolist() == [0.0]


def test_an_initializer_draws_the_same_for_both():
    built, scratch = twins()

    for model in (built, scratch):
        weight = model.get_parameter("weight")
        with torch.no_grad():
            initializers.normal(weight, torch.Generator().manual_seed(3), std=0.01)

    assert built.get_parameter("weight").flatten().equal(scratch.get_parameter("weight").flatten())


def test_half_the_squared_error_has_the_figures_worked_out_by_hand():
    outputs, targets = torch.tensor([[0.5], [3.0]]), torch.tensor([0.0, 1.0])

    assert linear.half_squared_error()(outputs, targets).item() == 0.125 + 2.0
    assert linear.half_squared_error(reduction="mean")(outputs, targets).item() == 1.0625
    assert linear.half_squared_error().reduction == "sum"


def test_a_step_from_scratch_is_a_step_of_sgd_at_half_the_rate():
    built, scratch = twins()
    ours, torchs = linear.sgd_scratch(scratch, lr=0.06), optimizers.sgd(built, lr=0.03)
    inputs, targets = torch.randn(7, 2), torch.randn(7, 1)

    ours.batch_size = 7
    linear.half_squared_error()(scratch(inputs), targets).backward()
    losses.mse()(built(inputs), targets).backward()
    ours.step()
    torchs.step()

    assert values(scratch) == pytest.approx(values(built), abs=1e-6)


def test_training_from_scratch_is_training_with_the_built_in_parts():
    # 1,003 rows in batches of 10: the last batch of each epoch has 3.
    data = datasets.make_linear(PLACE, n=1003, n_test=0)
    built, scratch = twins()

    by_torch = train(workload(built, optimizers.sgd(built, lr=0.03), losses.mse(), data))
    by_hand = train(
        workload(scratch, linear.sgd_scratch(scratch, lr=0.06), linear.half_squared_error(), data)
    )

    assert values(scratch) == pytest.approx(values(built), abs=1e-5)
    halves = [2 * each for each in by_hand.series["train_loss"]]
    assert halves == pytest.approx(by_torch.series["train_loss"], rel=1e-3)


def test_sgd_from_scratch_divides_by_the_real_size_of_the_last_batch():
    data = datasets.make_linear(PLACE, n=23, n_test=0)
    model = linear.linear_scratch(TASK)
    optimizer = linear.sgd_scratch(model)
    seen = []
    stepped = optimizer.step
    optimizer.step = lambda: (seen.append(optimizer.batch_size), stepped())  # type: ignore[method-assign]

    train(workload(model, optimizer, linear.half_squared_error(), data, epochs=2))

    assert seen == [10, 10, 3, 10, 10, 3]


def test_three_epochs_from_scratch_reach_the_noise():
    data = datasets.make_linear(PLACE, n_test=0)
    torch.manual_seed(0)
    model = linear.linear_scratch(TASK)

    found = train(workload(model, linear.sgd_scratch(model), linear.half_squared_error(), data))

    # CATALOG R2: in the order of 3e-2, 1e-4, 5e-5.
    first, second, third = found.series["train_loss"]
    assert first == pytest.approx(3.5e-2, rel=0.5)
    assert second == pytest.approx(1.4e-4, rel=0.9)
    assert third == pytest.approx(5e-5, rel=0.2)


@pytest.mark.parametrize("gradient", ["formula", "backward"])
def test_a_step_by_hand_is_a_step_of_sgd(gradient):
    by_hand, built = linear.one_weight(POINTS, gradient=gradient), models.linear(POINTS, bias=False)
    nn.init.ones_(built.get_parameter("weight"))
    optimizer, inputs = optimizers.sgd(built, lr=0.01), torch.tensor([[1.0], [2.0], [3.0]])
    data = points.load_three_points(PLACE)
    seen = workload(by_hand, None, losses.mse(), data, step=linear.step_by_hand)

    for size in (1, 2, 3):
        batch = Batch((inputs[:size],), 2 * inputs[:size], size)
        result = linear.step_by_hand(seen, batch)
        optimizer.zero_grad()
        loss = losses.mse()(built(*batch.inputs), batch.targets)
        loss.backward()
        optimizer.step()

        assert result.loss.item() == pytest.approx(loss.item(), abs=1e-6)
        assert result.samples == size
        assert values(by_hand) == pytest.approx(values(built), abs=1e-6)


@pytest.mark.parametrize("gradient", ["formula", "backward"])
def test_one_weight_learns_that_4_gives_8(gradient):
    model = linear.one_weight(POINTS, gradient=gradient)
    data = points.load_three_points(PLACE)
    assert values(model) == [1.0]

    found = train(
        workload(
            model, None, losses.mse(), data, epochs=100, batch_size=1, step=linear.step_by_hand
        )
    )

    assert model(torch.tensor([[4.0]])).item() == pytest.approx(8.0, abs=1e-4)
    assert len(found.series["train_loss"]) == 100


def test_one_weight_starts_where_it_is_told_to():
    assert values(linear.one_weight(POINTS, start=-0.5)) == [-0.5]


def test_logistic_regression_is_a_sigmoid_of_a_linear_layer():
    model, inputs = linear.logistic(BINARY), torch.randn(20, 3)
    layer = model.get_submodule("output")

    assert [type(each).__name__ for each in model] == ["Flatten", "Linear", "Sigmoid"]
    torch.testing.assert_close(model(inputs), torch.sigmoid(layer(inputs)))


def test_a_logistic_model_has_hidden_layers_where_it_is_told_to():
    model = linear.logistic(BINARY, hidden=(6, 4), activation="sigmoid")

    assert {name: tuple(each.shape) for name, each in model.named_parameters()} == {
        "hidden1.weight": (6, 3),
        "hidden1.bias": (6,),
        "hidden2.weight": (4, 6),
        "hidden2.bias": (4,),
        "output.weight": (1, 4),
        "output.bias": (1,),
    }
    assert [type(each).__name__ for each in model] == [
        *("Flatten", "Linear", "Sigmoid", "Linear", "Sigmoid", "Linear", "Sigmoid"),
    ]


def test_bce_of_logistic_is_bce_with_logits_of_linear():
    model, inputs = linear.logistic(BINARY), torch.randn(20, 3)
    targets = (torch.rand(20, 1) > 0.5).float()
    logits = model.get_submodule("output")(inputs)

    torch.testing.assert_close(
        losses.bce()(model(inputs), targets), losses.bce_with_logits()(logits, targets)
    )


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (BINARY, None),
        (
            Task("classification", (1, 8, 8), 10),
            "logistic gives the probability of one of two classes: it takes binary tasks with 1"
            " output, not classification with 10",
        ),
        (
            Task("regression", (1,), 1),
            "logistic gives the probability of one of two classes: it takes binary tasks with 1"
            " output, not regression with 1",
        ),
    ],
)
def test_logistic_refuses_what_has_not_two_classes(task, reason):
    assert linear.two_classes(task) == reason


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (POINTS, None),
        (
            TASK,
            "one_weight predicts one number from one number, not 1 outputs of regression from"
            " samples of shape (2,)",
        ),
        (
            Task("binary", (1,), 1),
            "one_weight predicts one number from one number, not 1 outputs of binary from samples"
            " of shape (1,)",
        ),
    ],
)
def test_one_weight_refuses_all_but_one_number_from_one_number(task, reason):
    assert linear.one_number(task) == reason

"""Metrics that explain: each against a net whose answer is worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bench_builtin import demonstrations, diagnostics, losses
from torch import nn

from harness import BenchError, Data, Metric, Split, Task, Trained

NUMBER = Task("regression", (1,), 1)


def trained(model, inputs, targets=None, *, loss=None, task=NUMBER, truth=None, **more) -> Trained:
    inputs = torch.as_tensor(inputs, dtype=torch.float32)
    targets = torch.zeros(len(inputs), 1) if targets is None else torch.as_tensor(targets)
    data = Data(Split((inputs,), targets), truth=truth or {})
    return Trained(model, None, loss, data, torch.device("cpu"), task, **more)


def linear(weight: list[list[float]], bias: list[float] | None = None) -> nn.Linear:
    values = torch.tensor(weight)
    layer = nn.Linear(values.shape[1], values.shape[0], bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(values)
        if bias is not None:
            layer.bias.copy_(torch.tensor(bias))
    return layer


def test_the_gradient_norm_of_a_linear_layer_is_that_worked_out_by_hand():
    # mean of (2x)^2 over x = 1, 3: d/dw = mean 2 * 2x * x = 2 * 2 * 5 = 20; d/db = mean 2 * 2x = 8
    seen = trained(linear([[2.0]], [0.0]), [[1.0], [3.0]], loss=losses.mse())

    assert diagnostics.gradient_norm(seen) == {"model": pytest.approx((20.0**2 + 8.0**2) ** 0.5)}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_gradient_norm_does_not_depend_on_the_reduction(reduction):
    seen = trained(linear([[2.0]]), [[1.0], [3.0]], loss=losses.mse(reduction=reduction))

    assert diagnostics.gradient_norm(seen) == {"model": pytest.approx(20.0)}


def test_the_gradient_norm_has_a_value_a_layer_in_the_order_of_the_model():
    # y = 3 (2 x): d/dw1 = 2 y * 3 x = 36, d/dw2 = 2 y * 2 x = 24 at x = 1, y = 6
    model = nn.Sequential(linear([[2.0]]), linear([[3.0]]))
    seen = trained(model, [[1.0]], loss=losses.mse())

    norms = diagnostics.gradient_norm(seen)

    assert list((norms or {}).items()) == [("0", pytest.approx(36.0)), ("1", pytest.approx(24.0))]
    assert diagnostics.gradient_ratio(seen) == pytest.approx(36.0 / 24.0)


def test_the_gradient_norm_leaves_gradients_alone_and_spares_frozen_layers():
    model = nn.Sequential(linear([[2.0]]), linear([[3.0]]))
    model[0].requires_grad_(False)

    norms = diagnostics.gradient_norm(trained(model, [[1.0]], loss=losses.mse()))

    assert norms == {"1": pytest.approx(24.0)}
    assert all(each.grad is None for each in model.parameters())


def test_the_gradient_norm_is_that_of_the_first_samples():
    seen = trained(linear([[2.0]]), [[1.0], [100.0]], loss=losses.mse())

    assert diagnostics.gradient_norm(seen, samples=1) == {"model": pytest.approx(4.0)}


def test_the_gradient_norm_is_taken_without_dropout():
    model = nn.Sequential(nn.Dropout(0.9), linear([[2.0]]))

    norms = diagnostics.gradient_norm(trained(model, [[1.0]], loss=losses.mse()))

    assert norms == {"1": pytest.approx(4.0)}


def test_a_gradient_norm_needs_a_loss():
    assert diagnostics.gradient_norm(trained(linear([[2.0]]), [[1.0]])) is None
    assert diagnostics.gradient_ratio(trained(linear([[2.0]]), [[1.0]])) is None


def test_a_relu_unit_is_dead_if_no_sample_passes_it():
    # units: x, -x, -x^0 (always -1), over x = 1, 2
    model = nn.Sequential(linear([[1.0], [-1.0], [0.0]], [0.0, 0.0, -1.0]), nn.ReLU())
    seen = trained(model, [[1.0], [2.0]])

    assert diagnostics.dead_relu_share(seen) == pytest.approx(2 / 3)
    assert diagnostics.dead_relu_share(seen, by_layer=True) == {"1": pytest.approx(2 / 3)}


def test_a_relu_unit_that_one_sample_passes_lives():
    model = nn.Sequential(linear([[1.0], [-1.0]]), nn.ReLU())

    assert diagnostics.dead_relu_share(trained(model, [[1.0], [-1.0]])) == 0.0


def test_a_relu_that_is_called_twice_is_seen_twice():
    relu = nn.ReLU()
    model = nn.Sequential(linear([[1.0], [-1.0]]), relu, linear([[1.0, 0.0]]), relu)

    shares = diagnostics.dead_relu_share(trained(model, [[1.0]]), by_layer=True)

    assert shares == {"1": 0.5, "1#2": 0.0}


def test_the_units_of_an_image_are_its_channels():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1))
        model[0].bias.zero_()

    assert diagnostics.dead_relu_share(trained(model, torch.rand(3, 1, 4, 4) + 0.1)) == 0.5


def test_a_net_without_relu_has_no_dead_share():
    assert diagnostics.dead_relu_share(trained(linear([[1.0]]), [[1.0]])) is None


@pytest.mark.parametrize(
    ("activation", "inputs", "share"),
    [
        # 4 s (1 - s) is 0.1050 at 3.6 and 0.0954 at 3.7
        (nn.Sigmoid, [[0.0], [3.6], [3.7], [-3.7]], 0.5),
        # 1 - t^2 is 0.1050 at 1.8 and below 0.1 at 1.85
        (nn.Tanh, [[0.0], [1.8], [1.85], [-5.0]], 0.5),
    ],
)
def test_a_value_is_saturated_where_the_slope_is_below_a_tenth_of_the_steepest(
    activation, inputs, share
):
    model = nn.Sequential(linear([[1.0]]), activation())

    assert diagnostics.saturated_share(trained(model, inputs)) == share


def test_another_bound_of_saturation_may_be_given():
    model = nn.Sequential(linear([[1.0]]), nn.Sigmoid())
    seen = trained(
        model, [[0.0], [1.0], [2.0], [3.0]]
    )  # slopes 1, 0.79, 0.42, 0.18 of the steepest

    assert diagnostics.saturated_share(seen, below=0.5) == 0.5
    assert diagnostics.saturated_share(seen, below=0.5, by_layer=True) == {"1": 0.5}
    assert diagnostics.saturated_share(trained(linear([[1.0]]), [[1.0]])) is None


def test_no_hook_is_left_in_the_model():
    model = nn.Sequential(linear([[1.0]]), nn.ReLU())

    diagnostics.dead_relu_share(trained(model, [[1.0]]))

    assert not model[1]._forward_hooks


def test_the_norm_of_weights_leaves_biases_out():
    model = nn.Sequential(linear([[3.0, 0.0]], [100.0]), linear([[4.0]]))

    assert diagnostics.norm_of_weights(trained(model, [[1.0, 1.0]])) == pytest.approx(5.0)


def test_the_error_of_the_truth_is_the_largest_of_each_parameter():
    truth = {"weight": torch.tensor([[2.0, -3.0]]), "bias": torch.tensor([1.0])}
    seen = trained(linear([[2.5, -3.25]], [1.5]), [[1.0, 1.0]], truth=truth)

    assert diagnostics.truth_error(seen) == {"weight": 0.5, "bias": 0.5}


def test_the_truth_is_found_in_a_parameter_of_another_shape_and_path():
    class Column(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[2.0], [-3.0]]))

    model = nn.Sequential(Column())
    truth = {"weight": torch.tensor([[2.0, -3.5]]), "bias": torch.tensor([1.0])}

    assert diagnostics.truth_error(trained(model, [[1.0]], truth=truth)) == {"weight": 0.5}


def test_no_parameter_of_the_truth_is_no_error_of_it():
    two = nn.Sequential(linear([[1.0]]), linear([[1.0]]))

    assert diagnostics.truth_error(trained(two, [[1.0]], truth={"weight": torch.ones(1)})) is None
    assert diagnostics.truth_error(trained(linear([[1.0]]), [[1.0]])) is None


def test_a_prediction_is_the_models_output_for_one_sample():
    seen = trained(linear([[2.0]], [0.5]), [[1.0]])

    assert diagnostics.prediction(seen, at=(4.0,)) == 8.5


def test_a_prediction_of_another_sample_than_the_tasks_is_refused():
    with pytest.raises(BenchError) as refused:
        diagnostics.prediction(trained(linear([[2.0]]), [[1.0]]), at=(1.0, 2.0))

    assert str(refused.value) == (
        "metric prediction: at=[1.0, 2.0] has 2 numbers, for 1 output; the task has 1 in a sample"
        " and 1 outputs"
    )


def test_the_gap_is_positive_where_the_training_split_is_known_better():
    curves = {
        "train_accuracy": [0.5, 0.9],
        "test_accuracy": [0.5, 0.75],
        "train_loss": [1.0, 0.25],
        "test_loss": [1.0, 0.5],
    }

    gap = diagnostics.generalisation_gap(trained(linear([[1.0]]), [[1.0]], curves=curves))

    assert gap == {"accuracy": pytest.approx(0.15), "loss": pytest.approx(0.25)}


def test_there_is_no_gap_without_a_test_split():
    seen = trained(linear([[1.0]]), [[1.0]], curves={"train_loss": [0.5]})

    assert diagnostics.generalisation_gap(seen) is None


@pytest.mark.parametrize("metric", diagnostics.bench_register_metrics(), ids=lambda each: each.name)
def test_a_workload_without_model_and_data_has_no_figure(metric: Metric):
    nothing = Trained(None, None, None, None, torch.device("cpu"), None)
    options = {"at": (1.0,)} if metric.name == "prediction" else {}

    assert metric.measure(nothing, **options) is None


def test_every_metric_of_lessons_stands_in_the_docs():
    page = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
    metrics = [
        *diagnostics.bench_register_metrics(),
        *demonstrations.bench_register_metrics(),
    ]

    assert [each.name for each in metrics if f"`{each.name}`" not in page] == []


def test_the_base_rate_is_the_share_of_the_commonest_class_of_what_is_tested_on():
    task = Task("classification", (1,), 3)
    train = Split((torch.zeros(4, 1),), torch.tensor([0, 1, 1, 2]))
    test = Split((torch.zeros(5, 1),), torch.tensor([2, 2, 0, 2, 1]))

    def measured(data: Data, of: Task = task) -> float | None:
        return diagnostics.base_rate(Trained(None, None, None, data, torch.device("cpu"), of))

    assert measured(Data(train, test=test)) == 0.6
    assert measured(Data(train)) == 0.5
    assert measured(Data(train), NUMBER) is None

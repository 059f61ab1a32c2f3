"""Procedures that train nothing: losses of given numbers, curves, a long product."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from bench_builtin import activations, demonstrations, losses, points
from torch import nn

from harness import BenchError, Findings, Metric, Place, Task, Workload
from harness.plugin.definitions import Measure

PLACE = Place(Path("/nonexistent"))
METRICS = {each.name: each for each in demonstrations.bench_register_metrics()}


def workload(model=None, loss=None, data=None, task=None, *, metrics=(), seed=0) -> Workload:
    return Workload(
        model,
        None,
        loss,
        data,
        torch.device("cpu"),
        task,
        seed=seed,
        measures=tuple(Measure(METRICS[each], METRICS[each].measure) for each in metrics),
    )


def test_the_losses_of_given_probabilities_are_those_of_the_course_notes():
    seen = workload(
        nn.Identity(),
        losses.bce(),
        points.load_probabilities(PLACE),
        metrics=["sample_loss", "batch_loss"],
    )

    found = demonstrations.measure(seen).metrics

    figures = [found[f"sample_loss/{place}"] for place in (1, 2, 3, 4)]
    assert figures == pytest.approx([1.6094, 0.2231, 0.3567, 1.2040], abs=5e-5)
    assert found["batch_loss"] == pytest.approx(sum(figures) / 4)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.l1(reduction="sum"), 2.0),
        (losses.l1(), 2 / 3),
        (losses.mse(), 4 / 3),
        (nn.MSELoss(reduction="none"), 4 / 3),
    ],
)
def test_the_loss_of_a_batch_has_its_own_reduction(loss, expected):
    seen = workload(nn.Identity(), loss, points.load_numbers(PLACE), metrics=["batch_loss"])

    assert demonstrations.measure(seen).metrics == {"batch_loss": pytest.approx(expected)}


@pytest.mark.parametrize(
    ("model", "loss"),
    [(nn.Identity(), losses.cross_entropy()), (activations.log_softmax(), losses.nll())],
)
def test_cross_entropy_is_log_softmax_and_nll(model, loss):
    seen = workload(model, loss, points.load_logits(PLACE), metrics=["sample_loss"])

    assert demonstrations.measure(seen).metrics == {
        "sample_loss/1": pytest.approx(0.9729, abs=5e-5)
    }


def test_measuring_without_a_metric_is_refused():
    with pytest.raises(BenchError) as refused:
        demonstrations.measure(workload(nn.Identity()))

    assert str(refused.value) == (
        "procedure measure takes what metrics=NAME names, and it names no metric of a plugin"
        " (bench list metrics shows them)"
    )


def test_a_metric_without_a_value_says_so():
    found = demonstrations.measure(workload(metrics=["batch_loss", "sample_loss"]))

    assert found == Findings(
        metrics={"batch_loss": None, "sample_loss": None},
        missing=dict.fromkeys(("batch_loss", "sample_loss"), "the metric gave no value"),
    )


LINE = Task("regression", (1,), 1)


@pytest.mark.parametrize(
    ("model", "value", "derivative", "steepest"),
    [
        (nn.ReLU(), lambda x: max(0.0, x), lambda x: float(x > 0), 1.0),
        (
            nn.Sigmoid(),
            lambda x: 1 / (1 + math.exp(-x)),
            lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2,
            0.25,
        ),
        (nn.Tanh(), math.tanh, lambda x: 1 - math.tanh(x) ** 2, 1.0),
    ],
    ids=["relu", "sigmoid", "tanh"],
)
def test_an_activation_is_tabulated_with_its_derivative(model, value, derivative, steepest):
    data = points.load_line(PLACE, points=17)

    found = demonstrations.tabulate(workload(model, None, data, LINE, metrics=["steepest_slope"]))

    x = found.series["x"]
    assert x == [float(each) for each in range(-8, 9)]
    assert found.series["value"] == pytest.approx([value(each) for each in x], abs=1e-6)
    assert found.series["derivative"] == pytest.approx([derivative(each) for each in x], abs=1e-6)
    assert found.metrics == {"steepest_slope": steepest}


def test_tabulating_leaves_the_points_and_the_models_parameters_alone():
    data, model = points.load_line(PLACE), nn.PReLU()

    demonstrations.tabulate(workload(model, None, data, LINE))

    assert not data.train.inputs[0].requires_grad
    assert model.weight.grad is None


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (
            workload(),
            "procedure tabulate needs a model and points: model=bare_activation dataset=line",
        ),
        (
            workload(
                nn.Identity(), None, points.load_logits(PLACE), Task("classification", (3,), 3)
            ),
            "procedure tabulate takes a model of one number that becomes one number: dataset=line",
        ),
    ],
)
def test_what_is_no_function_of_one_number_is_not_tabulated(seen, message):
    with pytest.raises(BenchError) as refused:
        demonstrations.tabulate(seen)

    assert str(refused.value) == message


def test_a_product_of_100_matrices_explodes():
    found = demonstrations.matrix_product(workload(metrics=["largest_entry"]))

    entries = found.series["entry"]
    assert len(entries) == 101
    assert found.metrics == {"largest_entry": entries[-1]}
    assert entries[0] < 10.0
    assert entries[-1] > 1e20


def test_a_product_of_narrow_matrices_vanishes():
    found = demonstrations.matrix_product(workload(), std=0.25)

    assert found.series["entry"][-1] < 1e-26


def test_a_product_is_that_of_the_matrices_that_the_seed_draws():
    generator = torch.Generator().manual_seed(5)
    first, second = (torch.randn(3, 3, generator=generator, dtype=torch.float64) for _ in range(2))

    found = demonstrations.matrix_product(workload(seed=5), count=1, size=3)

    expected = [first.abs().max().item(), (first @ second).abs().max().item()]
    assert found.series["entry"] == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_workload_without_model_and_series_has_no_figure(metric: Metric):
    found = demonstrations.measure(workload(metrics=[metric.name]))

    assert found.metrics == {metric.name: None}

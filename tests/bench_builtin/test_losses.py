"""The built-in losses: known figures, reductions, and the classes that they predict."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from bench_builtin import losses
from torch import nn

from harness.plugin.definitions import Kind, Task

LOGITS = torch.tensor([[0.2, 0.1, -0.1]])
CLASS = torch.tensor([0])
PROBABILITIES = torch.tensor([[0.2], [0.8], [0.3], [0.7]])
LABELS = torch.tensor([[1.0], [1.0], [0.0], [0.0]])
REGISTERED = {each.name: each for each in losses.bench_register_losses()}


def test_cross_entropy_has_the_figure_of_the_course_notes():
    assert losses.cross_entropy()(LOGITS, CLASS).item() == pytest.approx(0.9729, abs=5e-5)


def test_log_softmax_and_nll_are_cross_entropy():
    log_probabilities = nn.LogSoftmax(dim=1)(LOGITS)

    assert losses.nll()(log_probabilities, CLASS).item() == pytest.approx(0.9729, abs=5e-5)


def test_bce_has_the_figures_of_the_course_notes():
    figures = [losses.bce()(p, y).item() for p, y in zip(PROBABILITIES, LABELS, strict=True)]

    assert figures == pytest.approx([1.6094, 0.2231, 0.3567, 1.2040], abs=5e-5)


def test_bce_with_logits_is_bce_of_the_sigmoid():
    logits = torch.logit(PROBABILITIES)

    torch.testing.assert_close(
        losses.bce_with_logits()(logits, LABELS), losses.bce()(PROBABILITIES, LABELS)
    )


def test_regression_losses_have_the_figures_worked_out_by_hand():
    outputs, targets = torch.tensor([[0.5], [3.0]]), torch.tensor([[0.0], [0.0]])

    figures = {
        name: [REGISTERED[name].build(reduction=each)(outputs, targets).item() for each in kinds]
        for name in ("mse", "l1", "smooth_l1", "huber")
        for kinds in [("mean", "sum")]
    }

    assert figures == {
        "mse": [4.625, 9.25],
        "l1": [1.75, 3.5],
        "smooth_l1": [1.3125, 2.625],
        "huber": [1.3125, 2.625],
    }


def test_beta_and_delta_move_the_knee():
    outputs, targets = torch.tensor([[3.0]]), torch.tensor([[0.0]])

    assert losses.smooth_l1(beta=2.0)(outputs, targets).item() == 2.0
    assert losses.huber(delta=2.0)(outputs, targets).item() == 4.0


def test_smoothed_labels_share_some_of_the_target():
    smoothed = losses.cross_entropy(label_smoothing=0.3)(LOGITS, CLASS)

    log_probabilities = LOGITS.log_softmax(dim=1)[0]
    expected = -(0.7 * log_probabilities[0] + 0.1 * log_probabilities.sum())
    torch.testing.assert_close(smoothed, expected)


@pytest.mark.parametrize("loss", REGISTERED.values(), ids=lambda each: each.name)
def test_a_loss_is_a_mean_or_a_sum_over_samples(loss):
    outputs = torch.rand(6, 3, generator=torch.Generator().manual_seed(0))
    classes = loss.name in {"cross_entropy", "nll"}
    targets = torch.arange(6) % 3 if classes else (outputs > 0.5).float()

    mean, total = (loss.build(reduction=each)(outputs, targets) for each in ("mean", "sum"))

    assert (loss.build().reduction, loss.build(reduction="sum").reduction) == ("mean", "sum")
    torch.testing.assert_close(total, mean * (6 if classes else 18))


@pytest.mark.parametrize("name", ["cross_entropy", "nll"])
def test_the_largest_output_is_the_class(name):
    predict = REGISTERED[name].predict
    outputs = torch.tensor([[0.1, 0.7, 0.2], [2.0, -1.0, 0.0]])

    assert predict is not None
    assert predict(outputs).tolist() == [1, 0]
    assert predict(torch.zeros(4, 10, 6)).shape == (4, 6)


@pytest.mark.parametrize(
    ("name", "outputs"),
    [("bce_with_logits", [[-1.0], [0.0], [0.01]]), ("bce", [[0.2], [0.5], [0.51]])],
)
def test_a_binary_loss_predicts_what_compares_with_its_targets(name, outputs):
    predict = REGISTERED[name].predict

    assert predict is not None
    predicted = predict(torch.tensor(outputs))

    assert predicted.dtype == torch.float32
    assert torch.equal(predicted, torch.tensor([[0.0], [0.0], [1.0]]))


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (("cross_entropy", "nll"), {"classification", "sequence"}),
        (("bce_with_logits", "bce"), {"binary", "sequence"}),
        (("mse", "l1", "smooth_l1", "huber"), {"regression", "binary", "sequence"}),
    ],
)
def test_a_loss_takes_the_tasks_whose_targets_it_can_compare(names, kinds):
    for name in names:
        accepts = REGISTERED[name].accepts
        refused = {kind: accepts(Task(kind, (4,), 1)) for kind in get_args(Kind)}

        assert {kind for kind, told in refused.items() if told is None} == kinds
        for kind in refused.keys() - kinds:
            assert refused[kind].startswith(f"{name} compares ")
            fitting = REGISTERED[refused[kind].split("loss=")[1].removesuffix(" does")]
            assert fitting.accepts(Task(kind, (4,), 1)) is None


@pytest.mark.parametrize("name", ["mse", "l1", "smooth_l1", "huber"])
def test_a_regression_loss_predicts_no_classes(name):
    assert REGISTERED[name].predict is None

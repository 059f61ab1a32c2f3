from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, mean_squared_error
from torch import Tensor, nn

from harness.errors import PluginError, SettingError
from harness.plugin.definitions import (
    Data,
    Measure,
    Metric,
    Protocol,
    Split,
    Task,
    Trained,
    Workload,
)
from harness.training.evaluation import (
    SPLITS,
    chunks,
    evaluate,
    scores,
    take,
    task_metrics,
    why_missing,
)

N, FEATURES, CLASSES = 700, 5, 4


@pytest.mark.parametrize("name", SPLITS)
def test_accuracy_and_loss_are_those_of_scikit_learn(name: str, holds: Any) -> None:
    workload = classification()
    workload.data = Data(*(drawn(seed) for seed in range(3)))

    found = scores(workload) | task_metrics(workload)

    split = getattr(workload.data, name)
    shares = the_model(workload)(*split.inputs).detach().double().softmax(1).numpy()
    loss = log_loss(split.targets, shares)
    right = accuracy_score(split.targets, shares.argmax(1))
    holds(f"{name}_accuracy", "scikit-learn's accuracy_score", found[f"{name}_accuracy"], right)
    holds(f"{name}_loss", "scikit-learn's log_loss", found[f"{name}_loss"], loss, within=1e-6)
    if name == "test":
        against = "scikit-learn's log_loss"
        holds("cross_entropy", against, found["cross_entropy"], loss, within=1e-6)


def test_the_mean_squared_error_is_scikit_learn_s_whatever_the_loss(holds: Any) -> None:
    workload = regression(nn.L1Loss())
    split = the_split(workload)

    found = task_metrics(workload)["mse"]

    outputs = the_model(workload)(*split.inputs).detach()
    error = mean_squared_error(split.targets, outputs)
    holds("mse", "scikit-learn's mean_squared_error", found, error, within=1e-6)


def mean_log_loss(targets: Tensor, outputs: Tensor) -> float:
    """Take the mean of the outputs' log losses, each by scikit-learn."""
    shares = outputs.double().sigmoid()
    return float(np.mean([log_loss(targets[:, i], shares[:, i]) for i in range(targets.shape[1])]))


def half_squared(targets: Tensor, outputs: Tensor) -> float:
    return float(mean_squared_error(targets, outputs)) / 2


LOSSES: dict[str, tuple[Callable[..., nn.Module], Callable[[Tensor, Tensor], float]]] = {
    "mean_squared_error": (nn.MSELoss, mean_squared_error),
    "mean_absolute_error": (nn.L1Loss, mean_absolute_error),
    "mean_squared_error, halved": (partial(nn.HuberLoss, delta=1e6), half_squared),
    "log_loss, its mean over the outputs": (nn.BCEWithLogitsLoss, mean_log_loss),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_of_several_outputs_is_their_mean_whatever_the_reduction(
    name: str, reduction: str, holds: Any
) -> None:
    build, independent = LOSSES[name]
    workload = regression(build(reduction=reduction))
    split = the_split(workload)
    workload.data = Data(train=Split(split.inputs, (split.targets > 0).float()))

    found = evaluate(workload, the_split(workload)).loss

    outputs = the_model(workload)(*split.inputs).detach()
    expected = independent(the_split(workload).targets, outputs)
    holds("train_loss", f"scikit-learn's {name}", found, expected, within=1e-6)


def test_binary_accuracy_compares_what_predict_gives(holds: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(N, FEATURES, generator=generator)
    split = Split((inputs,), (inputs.sum(1, keepdim=True) > 0).float())
    workload = Workload(
        nn.Linear(FEATURES, 1),
        None,
        nn.BCEWithLogitsLoss(),
        Data(train=split),
        torch.device("cpu"),
        Task("binary", (FEATURES,), 1),
        predict=lambda outputs: (outputs > 0).float(),
    )

    score = evaluate(workload, split)

    outputs = the_model(workload)(inputs).detach()
    right = accuracy_score(split.targets, (outputs > 0).float())
    loss = log_loss(split.targets, outputs.double().sigmoid())
    holds("train_accuracy", "scikit-learn's accuracy_score", score.accuracy, right)
    holds("train_loss", "scikit-learn's log_loss", score.loss, loss, within=1e-6)
    assert why_missing(workload)["cross_entropy"] == "for classification only; the task is binary"


def test_sequences_with_a_class_at_each_step_are_judged_as_scikit_learn_does() -> None:
    workload = classification()
    workload.task = Task("sequence", (3, FEATURES), CLASSES, by_step=True)
    workload.data = Data(Split((torch.randn(N, 3, FEATURES),), torch.randint(CLASSES, (N, 3))))
    layer = the_model(workload)
    workload.model = nn.Sequential(layer, nn.Flatten(), nn.Unflatten(1, (3, CLASSES)), Turned())
    split = the_split(workload)

    found = scores(workload) | task_metrics(workload)

    shares = layer(*split.inputs).detach().double().softmax(2).flatten(0, 1).numpy()
    loss = log_loss(split.targets.flatten(), shares)
    right = accuracy_score(split.targets.flatten(), shares.argmax(1))
    assert found["train_accuracy"] == right
    assert found["train_loss"] == pytest.approx(loss, rel=1e-6)
    assert found["cross_entropy"] == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("outputs", [(N,), (N, CLASSES, 3)])
def test_outputs_that_are_no_logits_of_the_targets_have_no_cross_entropy(
    outputs: tuple[int, ...],
) -> None:
    workload = classification()
    workload.task = Task("sequence", (FEATURES,), CLASSES)
    workload.model = Constant(torch.zeros(outputs))

    assert task_metrics(workload) == {"cross_entropy": None}
    assert why_missing(workload)["cross_entropy"] == "outputs and targets do not fit it"


@pytest.mark.parametrize("batch_size", [1, 300, 699, "full"])
def test_the_size_of_the_chunks_does_not_matter(batch_size: Any) -> None:
    workload, other = classification(), classification(batch_size=batch_size)

    assert (
        evaluate(workload, the_split(workload)).accuracy
        == evaluate(other, the_split(other)).accuracy
    )
    assert evaluate(other, the_split(other)).loss == pytest.approx(
        evaluate(workload, the_split(workload)).loss, rel=1e-6
    )


def test_evaluation_is_in_evaluation_mode_and_modes_come_back() -> None:
    workload = classification()
    workload.model = nn.Sequential(nn.Dropout(0.5), the_model(workload))
    workload.model[0].training = True

    first = evaluate(workload, the_split(workload))

    assert first == evaluate(workload, the_split(workload))
    assert workload.model[0].training


def test_evaluation_leaves_the_generators_alone() -> None:
    before = torch.get_rng_state()

    scores(classification())

    assert torch.equal(torch.get_rng_state(), before)


def test_only_splits_that_are_there_have_scores() -> None:
    workload = classification()

    assert set(scores(workload)) == {"train_loss", "train_accuracy"}
    assert why_missing(workload)["test_loss"] == "there is no test split"


def test_a_regression_has_no_accuracy_even_with_a_loss_that_predicts() -> None:
    workload = regression(nn.MSELoss())
    workload.predict = lambda outputs: outputs

    assert evaluate(workload, the_split(workload)).accuracy is None
    assert why_missing(workload)["train_accuracy"] == "a regression has no accuracy"


def test_without_a_predict_there_is_no_accuracy() -> None:
    workload = classification()
    workload.predict = None

    assert evaluate(workload, the_split(workload)).accuracy is None
    assert why_missing(workload)["train_accuracy"] == "the loss does not say how to predict"


def test_shapes_that_torch_would_broadcast_have_no_mean_squared_error() -> None:
    workload = regression(nn.MSELoss())
    split = the_split(workload)
    workload.data = Data(train=Split(split.inputs, split.targets[:, 0]))

    assert task_metrics(workload)["mse"] is None
    assert why_missing(workload)["mse"] == "outputs and targets do not fit it"


def test_a_predict_of_another_shape_is_refused() -> None:
    workload = classification()
    workload.predict = lambda outputs: outputs.argmax(1, keepdim=True)

    with pytest.raises(PluginError) as caught:
        evaluate(workload, the_split(workload))

    assert str(caught.value) == (
        "the loss's predict gave shape (256, 1) for targets of shape (256,): they must be equal"
    )


def test_a_model_may_keep_what_it_made_in_evaluation_for_training() -> None:
    class Caching(nn.Linear):
        kept: Tensor | None = None

        def forward(self, inputs: Tensor) -> Tensor:
            if self.kept is None:
                self.kept = torch.ones(FEATURES) * 2
            return super().forward(inputs * self.kept)

    workload = classification()
    workload.model = Caching(FEATURES, CLASSES)
    evaluate(workload, the_split(workload))

    workload.model(*the_split(workload).inputs).sum().backward()

    assert workload.model.weight.grad is not None


def test_chunks_are_in_order_and_the_last_is_short() -> None:
    split = Split((torch.arange(7),), torch.arange(7))

    found = [each.targets.tolist() for each in chunks(split, 3)]

    assert found == [[0, 1, 2], [3, 4, 5], [6]]


def test_without_a_model_there_is_nothing_to_evaluate() -> None:
    workload = classification()
    workload.model = None

    with pytest.raises(SettingError, match="there is no model to evaluate"):
        scores(workload)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, {"mine": 3}),
        (np.float64(0.5), {"mine": 0.5}),
        (torch.tensor(2.0), {"mine": 2}),
        (None, {"mine": None}),
        ({"a": 1, "b": None}, {"mine/a": 1, "mine/b": None}),
        ({}, {}),
    ],
)
def test_a_plugin_s_metric_is_a_number_or_a_dictionary_of_numbers(
    value: object, expected: dict[str, float | None]
) -> None:
    assert take(made_measure(value), made_trained()) == expected


@pytest.mark.parametrize("value", ["1", [1], torch.ones(2), {"a": "x"}])
def test_junk_from_a_plugin_s_metric_is_refused_by_name(value: object) -> None:
    with pytest.raises(
        PluginError, match=r"^metric 'mine' measured .*: neither a number nor None$"
    ):
        take(made_measure(value), made_trained())


def made_measure(value: object) -> Measure:
    def give(trained: Trained) -> Any:
        return value

    return Measure(Metric("mine", "1", "higher", 0.0, give), give)


def made_trained() -> Trained:
    return Trained(None, None, None, None, torch.device("cpu"), None, curves={}, epoch=1)


def drawn(seed: int) -> Split:
    """Draw inputs, and classes that they say nothing of."""
    torch.manual_seed(seed)
    return Split((torch.randn(N, FEATURES),), torch.randint(CLASSES, (N,)))


def classification(batch_size: Any = 32) -> Workload:
    split = drawn(0)
    return Workload(
        nn.Linear(FEATURES, CLASSES),
        None,
        nn.CrossEntropyLoss(),
        Data(train=split),
        torch.device("cpu"),
        Task("classification", (FEATURES,), CLASSES),
        protocol=Protocol(batch_size=batch_size),
        predict=lambda outputs: outputs.argmax(1),
    )


def regression(loss: nn.Module) -> Workload:
    torch.manual_seed(0)
    split = Split((torch.randn(N, FEATURES),), torch.randn(N, 2))
    return Workload(
        nn.Linear(FEATURES, 2),
        None,
        loss,
        Data(train=split),
        torch.device("cpu"),
        Task("regression", (FEATURES,), 2),
    )


def the_split(workload: Workload) -> Split:
    assert workload.data is not None
    return workload.data.train


def the_model(workload: Workload) -> nn.Module:
    assert workload.model is not None
    return workload.model


class Turned(nn.Module):
    """Puts the classes before the steps."""

    def forward(self, outputs: Tensor) -> Tensor:
        return outputs.transpose(1, 2)


class Constant(nn.Module):
    """Gives the rows of a tensor, as many as there are inputs, whatever these are."""

    def __init__(self, outputs: Tensor) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, inputs: Tensor) -> Tensor:
        return self.outputs[: len(inputs)]

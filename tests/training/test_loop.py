from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.errors import SettingError
from harness.numbers.metrics import MEANINGS
from harness.plugin.definitions import (
    Batch,
    Data,
    Findings,
    Measure,
    Metric,
    Protocol,
    Split,
    StepResult,
    Task,
    Trained,
    Workload,
)
from harness.training.loop import Diverged, infer, train
from harness.training.seeding import derive

CPU = torch.device("cpu")
SAMPLES, FEATURES, CLASSES = 100, 6, 3

LEARNING = [
    *(
        f"{split}_{kind}"
        for split in ("train", "validation", "test")
        for kind in ("loss", "accuracy")
    ),
    "running_train_loss",
    "running_train_accuracy",
    "mse",
    "cross_entropy",
    "time_to_target_s",
]
SPEED = [
    "train_samples_per_s",
    "step_p50_s",
    "step_p95_s",
    "infer_samples_per_s",
    "data_wait_share",
]


def test_the_curve_is_that_of_a_loop_written_by_hand_bit_for_bit() -> None:
    found = train(make_workload(mlp(), seed=5, epochs=3, batch_size=32))

    assert list(found.series["train_loss"]) == curve_by_hand(seed=5, epochs=3, batch_size=32)


def curve_by_hand(seed: int, epochs: int, batch_size: int) -> list[float]:
    model = mlp()
    optimizer = momentum(model)
    loss_of = nn.CrossEntropyLoss()
    (inputs,), targets = samples().inputs, samples().targets
    order = torch.Generator().manual_seed(derive(seed, "order"))
    torch.manual_seed(derive(seed, "dropout"))
    curve = []
    for _ in range(epochs):
        for index in torch.split(torch.randperm(SAMPLES, generator=order), batch_size):
            optimizer.zero_grad()
            loss_of(model(inputs[index]), targets[index]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            curve.append(loss_of(model(inputs), targets).item() * SAMPLES / SAMPLES)
        model.train()
    return curve


def test_the_same_seed_twice_gives_the_same_curves_and_another_seed_others() -> None:
    first, again, other = (train(make_workload(mlp(), seed=seed)) for seed in (1, 1, 2))

    assert first.series == again.series
    assert first.series["train_loss"] != other.series["train_loss"]


def test_a_longer_window_changes_no_curve_and_no_metric_of_learning() -> None:
    short = train(make_workload(mlp(), epochs=2))
    long = train(make_workload(mlp(), epochs=2, timed_s=0.2))

    assert short.series == long.series
    assert [short.metrics[name] for name in LEARNING] == [long.metrics[name] for name in LEARNING]
    assert short.metrics["train_samples_per_s"] is None
    assert long.metrics["train_samples_per_s"] is not None


def test_every_metric_of_learning_and_speed_has_a_value_or_a_reason() -> None:
    for found in (train(make_workload(mlp())), infer(make_workload(mlp()))):
        assert set(LEARNING + SPEED) <= set(found.metrics)
        assert {name for name, value in found.metrics.items() if value is None} == set(
            found.missing
        )
        assert all(found.missing.values())
        assert set(found.metrics) <= set(MEANINGS)


def test_final_metrics_are_those_of_the_last_epoch() -> None:
    found = train(make_workload(mlp(), epochs=3))

    assert {len(curve) for curve in found.series.values()} == {3}
    assert all(found.metrics[name] == curve[-1] for name, curve in found.series.items())


def test_without_test_and_validation_splits_their_metrics_have_a_reason() -> None:
    found = train(make_workload(mlp(), data=Data(train=samples())))

    assert found.metrics["test_accuracy"] is None
    assert found.missing["test_accuracy"] == "there is no test split"
    assert found.missing["validation_loss"] == "there is no validation split"
    assert found.metrics["cross_entropy"] == pytest.approx(found.metrics["train_loss"])


def test_few_steps_have_no_speed_and_the_reason_counts_them() -> None:
    found = train(make_workload(mlp(), epochs=6, batch_size=32))  # 24 steps, 4 of them warm

    assert found.metrics["train_samples_per_s"] is not None

    found = train(make_workload(mlp(), epochs=5, batch_size=32))

    assert found.metrics["train_samples_per_s"] is None
    assert found.missing["step_p50_s"] == "16 steady steps of 20: fewer than 20"


def test_speed_is_told_by_the_clock_that_is_given() -> None:
    clock = Clock()

    def slow(inputs: tuple[Tensor, ...], targets: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        clock.now_s += 1
        return inputs, targets

    class Computing(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            clock.now_s += 3
            return super().forward(inputs)

    plain = samples()
    data = Data(train=Split(plain.inputs, plain.targets, slow))
    workload = make_workload(
        Computing(FEATURES, CLASSES), data=data, epochs=7, batch_size=20, timed_s=150
    )

    found = train(workload, now=clock)

    assert {name: found.metrics[name] for name in SPEED} == {
        "train_samples_per_s": 20 / 4,
        "step_p50_s": 4,
        "step_p95_s": 4,
        "infer_samples_per_s": None,
        "data_wait_share": 1 / 4,
    }


def test_inference_is_told_by_the_clock_that_is_given(holds: Any) -> None:
    clock = Clock()

    class Computing(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            clock.now_s += 2
            return super().forward(inputs)

    workload = make_workload(
        Computing(FEATURES, CLASSES), data=Data(train=samples()), batch_size=25, timed_s=30
    )

    found = infer(workload, now=clock).metrics["infer_samples_per_s"]

    holds("infer_samples_per_s", "a made-up clock", found, 25 / 2)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Breaks(nn.Module):
    """Gives `value` in the n-th call in training mode (or, with n = 0, in every other mode)."""

    def __init__(self, call: int, value: float) -> None:
        super().__init__()
        self.inner = nn.Linear(FEATURES, CLASSES)
        self.call, self.value, self.calls = call, value, 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += self.training
        broken = self.calls == self.call if self.training else self.call == 0
        outputs: Tensor = self.inner(inputs)
        return outputs * self.value if broken else outputs


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_training_with_its_epoch_and_step(value: float) -> None:
    workload = make_workload(Breaks(10, value), epochs=4, batch_size=25)  # 4 steps an epoch

    with pytest.raises(Diverged) as caught:
        train(workload)

    assert str(caught.value) == "loss is nan in epoch 3, step 2"
    assert (caught.value.epoch, caught.value.step) == (3, 2)
    assert {len(curve) for curve in caught.value.curves.values()} == {2}
    assert all(map(math.isfinite, caught.value.curves["train_loss"]))  # type: ignore[arg-type]  # the claim


def test_an_evaluated_loss_that_is_not_finite_ends_training_too() -> None:
    with pytest.raises(Diverged) as caught:
        train(make_workload(Breaks(0, math.nan), batch_size=25))

    assert str(caught.value) == "the training split's loss is nan after epoch 1, step 4"
    assert dict(caught.value.curves) == {}


def test_what_breaks_after_the_last_epoch_is_ignored() -> None:
    found = train(make_workload(Breaks(9, math.nan), epochs=2, batch_size=25, timed_s=2))

    assert found.metrics["train_loss"] is not None
    assert found.metrics["train_samples_per_s"] is not None


def test_a_test_loss_that_is_not_finite_is_none_with_its_value_as_the_reason() -> None:
    bad = Split((torch.full((4, FEATURES), math.inf),), torch.zeros(4, dtype=torch.long))

    found = train(make_workload(nn.Linear(FEATURES, CLASSES), data=Data(train=samples(), test=bad)))

    assert found.metrics["test_loss"] is None
    assert found.missing["test_loss"] == "it is nan"
    assert "test_loss" not in found.series


def test_a_schedule_gives_each_group_its_share_before_each_step() -> None:
    seen: list[tuple[float, ...]] = []
    model = mlp()
    groups: list[dict[str, Any]] = [
        {"params": model[0].parameters(), "lr": 1.0},
        {"params": model[3].parameters()},
    ]

    class Noting(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no loss to give
            seen.append(tuple(group["lr"] for group in self.param_groups))

    workload = make_workload(model, epochs=2, batch_size=50)
    workload.optimizer = Noting(groups, lr=0.1)
    workload.factor = lambda progress: 1 - progress

    train(workload)

    assert seen == [(1 - i / 4, 0.1 * (1 - i / 4)) for i in range(4)]


def test_after_the_schedule_s_end_the_rate_stays() -> None:
    seen: list[float] = []

    def factor(progress: float) -> float:
        seen.append(progress)
        return 1 - progress

    workload = make_workload(mlp(), epochs=1, batch_size=50, timed_s=0.05)
    workload.factor = factor

    train(workload)

    assert seen == [0, 0.5]
    assert workload.optimizer is not None
    assert workload.optimizer.param_groups[0]["lr"] == 0.05 * 0.5


def test_an_optimizer_that_asks_is_told_the_size_of_each_batch() -> None:
    class Asking(torch.optim.SGD):
        batch_size = 0
        seen: list[int] = []  # noqa: RUF012  # one instance

        def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no loss to give
            self.seen.append(self.batch_size)

    model = mlp()
    workload = make_workload(model, epochs=1, batch_size=40)
    workload.optimizer = Asking(model.parameters())

    train(workload)

    assert Asking.seen == [40, 40, 20]


def test_a_full_batch_is_one_step_an_epoch() -> None:
    sizes: list[int] = []
    workload = make_workload(mlp(), epochs=2, batch_size="full")
    workload.step = lambda workload, batch: own_step(workload, batch, sizes)

    train(workload)

    assert sizes == [SAMPLES, SAMPLES]


def own_step(workload: Workload, batch: Batch, sizes: list[int]) -> StepResult:
    sizes.append(batch.size)
    assert batch.targets.shape == (batch.size,)
    return StepResult(torch.tensor(0.5), batch.size)


def test_every_sample_is_seen_once_an_epoch_in_another_order_each() -> None:
    seen: list[list[float]] = []

    def step(workload: Workload, batch: Batch) -> StepResult:
        seen.append(batch.inputs[0][:, 0].tolist())
        return StepResult(torch.zeros(()), batch.size)

    numbered = Split((torch.arange(10.0)[:, None],), torch.zeros(10, dtype=torch.long))
    workload = make_workload(nn.Linear(1, 3), data=Data(train=numbered), epochs=2, batch_size=4)
    workload.step = step

    train(workload)

    first, second = list(chain(*seen[:3])), list(chain(*seen[3:]))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_a_model_s_own_step_needs_no_optimizer_and_no_loss() -> None:
    class Line(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.zeros(FEATURES, 1)

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs @ self.weight

    def step(workload: Workload, batch: Batch) -> StepResult:
        model = workload.model
        assert isinstance(model, Line)
        error = model(*batch.inputs) - batch.targets
        model.weight -= 0.2 * batch.inputs[0].T @ error / batch.size
        return StepResult((error**2).mean() / 2, batch.size)

    inputs = samples().inputs[0]
    truth = torch.arange(1.0, FEATURES + 1)[:, None]
    workload = Workload(
        Line(),
        None,
        None,
        Data(train=Split((inputs,), inputs @ truth)),
        CPU,
        Task("regression", (FEATURES,), 1),
        protocol=Protocol(epochs=40, batch_size=10),
        step=step,
    )

    found = train(workload)

    assert found.metrics["mse"] == pytest.approx(0, abs=1e-6)
    assert found.metrics["train_loss"] is None
    assert found.missing["train_loss"] == "loss is none"
    assert found.series["running_train_loss"][-1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("missing", ["model", "data", "optimizer", "loss"])
def test_what_cannot_be_trained_is_refused(missing: str) -> None:
    workload = make_workload(mlp())
    setattr(workload, missing, None)

    with pytest.raises(SettingError, match="procedure train needs"):
        train(workload)


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_losses_are_per_sample_whatever_the_reduction(reduction: str) -> None:
    """With a rate of zero the weights, and so the losses, are the same."""
    losses = [nn.CrossEntropyLoss(), nn.CrossEntropyLoss(reduction=reduction)]

    mean, other = (
        train(make_workload(nn.Linear(FEATURES, CLASSES), loss=loss, rate=0.0)) for loss in losses
    )

    for name in ("train_loss", "test_loss", "running_train_loss"):
        assert other.metrics[name] == pytest.approx(mean.metrics[name], rel=1e-5)


def test_the_running_loss_is_the_mean_over_samples_not_over_steps() -> None:
    """The last batch is short; with a rate of zero both losses speak of the same weights."""
    found = train(make_workload(nn.Linear(FEATURES, CLASSES), rate=0.0, batch_size=30))

    assert found.metrics["running_train_loss"] == pytest.approx(found.metrics["train_loss"])


def test_several_inputs_and_a_collate_reach_the_model() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(FEATURES, CLASSES)

        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            assert left.shape == right.shape
            assert (right == 2 * left).all()
            outputs: Tensor = self.inner(left + right)
            return outputs

    def doubled(inputs: tuple[Tensor, ...], targets: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        return (inputs[0], inputs[1] * 2), targets

    plain = samples()
    split = Split((plain.inputs[0], plain.inputs[0]), plain.targets, doubled)

    found = train(make_workload(Sum(), data=Data(train=split, test=split)))

    assert found.metrics["test_loss"] == found.metrics["train_loss"]


@pytest.mark.parametrize("precision", ["float64", "bfloat16"])
def test_other_precisions_train(precision: str) -> None:
    dtype = torch.float64 if precision == "float64" else torch.float32
    plain = samples()
    data = Data(train=Split((plain.inputs[0].to(dtype),), plain.targets))
    workload = make_workload(mlp().to(dtype), data=data, precision=precision, epochs=10)

    found = train(workload)

    curve = found.series["train_loss"]
    assert curve[-1] < curve[0]  # type: ignore[operator]  # neither is None: the claim
    assert workload.model is not None
    assert {each.dtype for each in workload.model.parameters()} == {dtype}


def test_bfloat16_rounds_where_float32_does_not() -> None:
    wide, narrow = (train(make_workload(mlp(), precision=name)) for name in ("float32", "bfloat16"))

    assert wide.series["train_loss"] != narrow.series["train_loss"]
    assert narrow.metrics["train_loss"] == pytest.approx(wide.metrics["train_loss"], rel=0.05)


def test_the_first_step_is_watched_closely_and_phases_end_around_each_evaluation() -> None:
    events: list[str] = []

    class Telling(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            events.append("step" if self.training else "evaluation")
            return super().forward(inputs)

    workload = make_workload(
        Telling(FEATURES, CLASSES), data=Data(train=samples()), epochs=2, batch_size=50
    )
    workload.mark = lambda: events.append("mark")

    @contextmanager
    def closely() -> Iterator[None]:
        events.append("closely")
        yield
        events.append("over")

    workload.closely = closely

    train(workload)

    epoch = ["step", "mark", "evaluation", "mark"]
    assert events == ["closely", "step", "over", *epoch, "step", *epoch, "evaluation"]


def test_inference_evaluates_closely_and_measures_alone() -> None:
    watching = False
    seen: list[bool] = []

    @contextmanager
    def closely() -> Iterator[None]:
        nonlocal watching
        watching = True
        yield
        watching = False

    class Telling(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            seen.append(watching)
            return super().forward(inputs)

    workload = make_workload(Telling(FEATURES, CLASSES), data=Data(train=samples()))
    workload.closely = closely

    infer(workload)

    evaluations = seen.index(False)
    assert evaluations > 0
    assert not any(seen[evaluations:])


def measure(take: Callable[[Trained], Any], when: Any = "epoch") -> Measure:
    return Measure(Metric("mine", "1", "higher", 0.0, take, when=when), take)


def test_a_plugin_s_metric_has_a_curve_or_a_final_value() -> None:
    def epochs(trained: Trained) -> float:
        assert len(trained.curves.get("train_loss", ())) == trained.epoch - 1
        return trained.epoch * 10

    each, end = (make_workload(mlp(), epochs=2) for _ in range(2))
    each.measures = (measure(epochs),)
    end.measures = (measure(lambda trained: len(trained.curves["train_loss"]), "end"),)

    found = train(each)
    assert found.series["mine"] == [10, 20]
    assert found.metrics["mine"] == 20

    found = train(end)
    assert "mine" not in found.series
    assert found.metrics["mine"] == 2


def test_a_dictionary_gives_a_value_a_layer() -> None:
    def norms(trained: Trained) -> dict[str, float]:
        assert trained.model is not None
        return {
            name: each.grad.norm().item()
            for name, each in trained.model.named_parameters()
            if each.grad is not None
        }

    workload = make_workload(nn.Sequential(nn.Linear(FEATURES, CLASSES)), epochs=2)
    workload.measures = (measure(norms),)

    found = train(workload)

    assert len(found.series["mine/0.weight"]) == 2
    assert found.metrics["mine/0.bias"] == found.series["mine/0.bias"][-1]


def test_a_layer_that_comes_late_has_none_before() -> None:
    workload = make_workload(mlp(), epochs=2)
    workload.measures = (measure(lambda trained: {f"epoch {trained.epoch}": 1.0}),)

    found = train(workload)

    assert found.series["mine/epoch 2"] == [None, 1]
    assert found.series["mine/epoch 1"] == [1, None]


def give(value: float | None, trained: Trained) -> float | None:
    return value


def test_a_plugin_s_metric_that_gives_nothing_is_none_with_a_reason() -> None:
    for value, reason in ((None, "the metric gave no value"), (math.inf, "it is inf")):
        workload = make_workload(mlp())
        workload.measures = (measure(partial(give, value), "end"),)

        found = train(workload)

        assert found.metrics["mine"] is None
        assert found.missing["mine"] == reason


def test_what_a_plugin_s_metric_draws_and_switches_does_not_reach_training() -> None:
    def careless(trained: Trained) -> float:
        assert trained.model is not None
        trained.model.eval()
        return torch.rand(100).sum().item()

    plain, measured = (make_workload(mlp(), epochs=3) for _ in range(2))
    measured.measures = (measure(careless),)

    assert train(plain).series["train_loss"] == train(measured).series["train_loss"]


def test_a_module_that_is_frozen_in_evaluation_mode_stays_so() -> None:
    frozen = nn.BatchNorm1d(FEATURES)
    model = nn.Sequential(frozen, nn.Linear(FEATURES, CLASSES))
    frozen.eval()

    train(make_workload(model))

    assert [each.training for each in model] == [False, True]
    assert frozen.running_mean is not None
    assert torch.equal(frozen.running_mean, torch.zeros(FEATURES))


def test_inference_evaluates_and_trains_nothing() -> None:
    model = mlp()
    before = [each.clone() for each in model.parameters()]

    found = infer(make_workload(model))

    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert dict(found.series) == {}
    rate = found.metrics["infer_samples_per_s"]
    assert rate is not None
    assert rate > 0
    assert found.metrics["test_accuracy"] is not None
    assert found.missing["train_samples_per_s"] == "procedure infer trains nothing"


def test_inference_needs_a_model_and_data() -> None:
    workload = make_workload(mlp())
    workload.data = None

    with pytest.raises(SettingError, match="procedure infer needs a model and a dataset"):
        infer(workload)


def test_the_running_accuracy_has_a_curve_where_it_is_asked_for() -> None:
    asked = train(make_workload(mlp(), epochs=3, metrics=("running_train_accuracy",)))
    plain = train(make_workload(mlp(), epochs=3))

    assert len(asked.series["running_train_accuracy"]) == 3
    assert asked.series["train_loss"] == plain.series["train_loss"]
    assert plain.missing["running_train_accuracy"] == (
        "it takes time from the steps: metrics=running_train_accuracy asks for it"
    )


def test_the_running_accuracy_is_missing_with_its_reason() -> None:
    def missing(workload: Workload) -> str:
        return train(workload).missing["running_train_accuracy"]

    unpredicted, own, numbers = (
        make_workload(mlp(), metrics=("running_train_accuracy",)) for _ in range(3)
    )
    unpredicted.predict = None
    own.step = lambda workload, batch: StepResult(torch.ones(()), batch.size)
    numbers.task = Task("regression", (FEATURES,), CLASSES)

    assert missing(unpredicted) == "the loss does not say how to predict"
    assert missing(own) == "the model's own step keeps its outputs to itself"
    assert missing(numbers) == "a regression has no accuracy"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
def test_a_gpu_learns_what_the_cpu_learns() -> None:
    def on(place: torch.device) -> Findings:
        plain = samples()
        data = Data(train=Split((plain.inputs[0].to(place),), plain.targets.to(place)))
        workload = make_workload(mlp(dropout=0).to(place), data=data, epochs=8, batch_size=10)
        workload.device = place
        return train(workload)

    here, there = on(CPU), on(torch.device("cuda"))

    assert there.metrics["train_loss"] == pytest.approx(here.metrics["train_loss"], rel=1e-3)
    assert there.metrics["step_p50_s"] is not None
    assert there.metrics["step_p50_s"] > 0


def samples(seed: int = 0) -> Split:
    """Three clouds, one a class."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(CLASSES, (SAMPLES,), generator=generator)
    centres = torch.eye(FEATURES)[:CLASSES] * 2
    noise = torch.randn(SAMPLES, FEATURES, generator=generator)
    return Split((centres[targets] + noise,), targets)


def mlp(dropout: float = 0.5) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(FEATURES, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, CLASSES)
    )


def momentum(model: nn.Module, rate: float = 0.05) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)


def make_workload(
    model: nn.Module,
    *,
    data: Data | None = None,
    seed: int = 0,
    loss: nn.Module | None = None,
    rate: float = 0.05,
    epochs: int = 1,
    batch_size: Any = 32,
    timed_s: float = 0.0,
    precision: Any = "float32",
    metrics: tuple[str, ...] = (),
) -> Workload:
    if rate == 0:
        torch.manual_seed(1)
        for each in model.parameters():
            nn.init.normal_(each)
    return Workload(
        model,
        momentum(model, rate),
        loss if loss is not None else nn.CrossEntropyLoss(),
        data if data is not None else Data(samples(), samples(1), samples(2)),
        CPU,
        Task("classification", (FEATURES,), CLASSES),
        protocol=Protocol(
            epochs=epochs,
            batch_size=batch_size,
            timed_s=timed_s,
            precision=precision,
            metrics=metrics,
        ),
        seed=seed,
        predict=lambda outputs: outputs.argmax(1),
    )

"""What one trial does with its settings, and what it hands back, in a real run."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import bench_builtin
import numpy as np
import pytest
import torch
import torch._dynamo  # as in the server: else the first optimizer imports it in the trial
from forked import in_child

from harness.measuring.devices import Cpu
from harness.measuring.readings import Reading
from harness.numbers.metrics import MEANINGS
from harness.planning.resolve import Resolver
from harness.plugin.definitions import (
    Data,
    Dataset,
    Findings,
    Loss,
    Model,
    Place,
    Procedure,
    Split,
    Task,
    Workload,
)
from harness.plugin.hookspecs import hookimpl
from harness.plugin.registry import registry_of
from harness.running.messages import Outcome, Request
from harness.suites.settings import level_of
from harness.trial import worker
from harness.trial.worker import run_request

MB = 10**6

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which is Linux's")


def test_a_trial_with_two_threads_trains(varied: Any) -> None:
    assert [each["status"] for each in varied.records("threads")] == ["ok", "ok"]
    assert [each["threads"] for each in varied.metrics("look at two threads")] == [2, 2]
    assert [each["threads"] for each in varied.metrics("look")] == [1, 1]


def test_a_model_with_its_own_step_trains_without_optimizer_and_loss(varied: Any) -> None:
    for record in varied.records("own step"):
        assert record["status"] == "ok"
        assert record["settings"]["optimizer"] is record["settings"]["loss"] is None
        assert len(record["curves"]["running_train_loss"]) == 1
        assert record["metrics"]["test_loss"] is None
        assert record["missing"]["test_loss"]


def test_a_procedure_of_a_plugin_needs_neither_model_nor_data(varied: Any) -> None:
    assert [each["held"] for each in varied.metrics("look at nothing")] == [0, 0]


def test_a_procedure_of_a_plugin_leaves_a_reason_for_each_metric_it_does_not_take(
    varied: Any,
) -> None:
    [record, _] = varied.records("look")

    assert record["metrics"]["test_accuracy"] is None
    assert record["missing"]["test_accuracy"] == "this procedure does not measure it"


def test_every_metric_has_a_value_or_a_reason(varied: Any) -> None:
    for record in varied.run.records:
        absent = {name for name, value in record["metrics"].items() if value is None}
        assert absent == record["missing"].keys()
        assert all(record["missing"].values())
        assert record["metrics"].keys() >= MEANINGS.keys()


def test_a_record_says_what_was_measured_on(varied: Any) -> None:
    [record, _] = varied.records("usual")

    assert record["sizes"] == {"train": 64, "test": 64}
    assert len(record["data"]) == 16
    assert record["sources"].keys() == {
        "model",
        "dataset",
        "optimizer",
        "schedule",
        "loss",
        "procedure",
    }
    assert record["environment"]["threads"] == 1
    assert record["environment"]["torch"]
    assert record["metrics"]["parameters"] == 4 * 8 + 8 + 8 * 2 + 2
    assert record["metrics"]["wall_s"] > 0
    assert record["metrics"]["host_peak_bytes"] > 0


def test_the_global_generators_are_seeded_by_the_trial(varied: Any) -> None:
    [usual, other] = varied.records("usual")
    [threads, _] = varied.records("preload")

    assert usual["curves"]["train_loss"] == threads["curves"]["train_loss"]
    assert usual["curves"]["train_loss"] != other["curves"]["train_loss"]


def few(place: Place, *, mb: int = 0) -> Data:
    """Load eight samples, by way of an array of so many bytes that lasts two tenths of a second."""
    array = np.ones(mb * MB // 8)
    time.sleep(0.2 if mb else 0)
    del array
    return Data(Split((torch.zeros(8, 4),), torch.zeros(8, dtype=torch.int64)))


def few_task(*, mb: int = 0) -> Task:
    return Task("classification", (4,), 2)


def filled(task: Task, *, features: int = 64) -> torch.nn.Module:
    """Build three layers of weights alone; nearly all of them stand in the second."""
    return torch.nn.Sequential(
        torch.nn.Linear(task.features, features, bias=False),
        torch.nn.Linear(features, features, bias=False),
        torch.nn.Linear(features, task.outputs, bias=False),
    )


def hold(workload: Workload, *, mb: int = 0) -> Findings:
    """Hold so many bytes for a moment, and tell nobody."""
    torch.ones(mb * MB // 4)
    return Findings()


HOLDING = ModuleType("holding")
HOLDING.datasets = hookimpl(  # type: ignore[attr-defined]
    lambda: [Dataset("few", few, few_task)], specname="bench_register_datasets"
)
HOLDING.models = hookimpl(  # type: ignore[attr-defined]
    lambda: [Model("filled", filled)], specname="bench_register_models"
)
HOLDING.procedures = hookimpl(  # type: ignore[attr-defined]
    lambda: [Procedure("hold", hold)], specname="bench_register_procedures"
)
REGISTRY = registry_of(builtin=bench_builtin, holding=HOLDING)


def ended(prepare: Path | None = None, **given: Any) -> Outcome:
    """Do a trial here, or load its data into a file, however that ends."""
    levels = {name: level_of(value) for name, value in given.items()}
    base = {"model": "mlp", "optimizer": "sgd", "dataset": "few"}
    settings = dict(Resolver(REGISTRY).resolve(base, levels).settings)
    request = Request(number=1, settings=settings, prepare=prepare and str(prepare))
    return run_request(request, REGISTRY)


def tried(prepare: Path | None = None, **given: Any) -> Outcome:
    """Do a trial here, or load its data into a file."""
    outcome = ended(prepare, **given)
    assert outcome.status == "ok", outcome.reason
    return outcome


def taken(metric: str, prepare: Path | None = None, **given: Any) -> Any:
    """Take a metric in a process like a trial's."""
    return in_child(lambda: tried(prepare, **given).metrics[metric])


@linux
def test_what_a_loader_holds_for_a_moment_counts(tmp_path: Path, holds: Any) -> None:
    found = taken("load_peak_bytes", tmp_path / "data", dataset="few[mb=100]")

    holds("load_peak_bytes", "an array of 100 MB in the loader", found, 100 * MB, within=0.05)


@linux
def test_what_a_plugin_s_procedure_holds_for_a_moment_counts_though_it_marks_no_phase(
    holds: Any,
) -> None:
    found = taken("host_peak_bytes", procedure="hold[mb=100]")

    against = "100 MB held for a moment in a procedure"
    holds("host_peak_bytes", against, found, 100 * MB, within=0.05)


@dataclass(frozen=True)
class CountedDevice(Cpu):
    """The CPU, posing as a device whose allocator counts as it is told."""

    def allocated_bytes(self) -> Reading:
        return Reading(300)

    def peak_bytes(self) -> Reading:
        return Reading(1000)

    def reserved_bytes(self) -> Reading:
        return Reading(4096)


@pytest.mark.parametrize(
    ("metric", "expected"), [("device_peak_bytes", 700), ("device_reserved_bytes", 4096)]
)
def test_the_device_s_peak_is_over_what_the_data_took(
    metric: str, expected: int, monkeypatch: pytest.MonkeyPatch, holds: Any
) -> None:
    monkeypatch.setattr(worker, "open_device", lambda name: CountedDevice())

    found = taken(metric, epochs=1)

    holds(metric, "made-up counters of an allocator", found, expected)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
def test_a_gpu_s_peak_is_that_of_weights_gradients_and_moments(holds: Any) -> None:
    """1.8 GB of them: what cuBLAS takes to work in, some 32 MiB, is little beside it."""
    features = 12288
    outcome = tried(
        model=f"filled[features={features}]",
        optimizer="sgd[momentum=0.9]",
        device="cuda",
        epochs=2,
        batch_size=4,
    )
    reserved = torch.cuda.max_memory_reserved()

    weights = 4 * (4 * features + features * features + features * 2)
    found = outcome.metrics
    holds("parameter_bytes", "weights on a GPU, by hand", found["parameter_bytes"], weights)
    against = "weights, gradients and moments on a GPU, by hand"
    holds("device_peak_bytes", against, found["device_peak_bytes"], 3 * weights, within=0.05)
    against = "torch.cuda.max_memory_reserved"
    holds("device_reserved_bytes", against, found["device_reserved_bytes"], reserved, within=0.05)


STEPS = Task("sequence", (4,), 2, by_step=True)


def letters(place: Place) -> Data:
    """Load eight sequences whose steps have classes."""
    return Data(Split((torch.zeros(8, 4),), torch.zeros(8, 4, dtype=torch.int64)))


def waves(place: Place) -> Data:
    """Load eight sequences whose steps have numbers."""
    return Data(Split((torch.zeros(8, 4),), torch.zeros(8, 4)))


def aligned() -> torch.nn.Module:
    return torch.nn.CrossEntropyLoss()


def of_sequences(task: Task) -> str | None:
    return None if task.kind == "sequence" else "it aligns sequences"


SEQUENCES = ModuleType("sequences")
SEQUENCES.losses = hookimpl(  # type: ignore[attr-defined]
    lambda: [Loss("aligned", aligned, accepts=of_sequences)],
    specname="bench_register_losses",
)
SEQUENCES.datasets = hookimpl(  # type: ignore[attr-defined]
    lambda: [Dataset("letters", letters, lambda: STEPS), Dataset("waves", waves, lambda: STEPS)],
    specname="bench_register_datasets",
)


@pytest.mark.parametrize(
    ("dataset", "loss", "kind", "fits"),
    [
        ("letters", "mse", "classification", "cross_entropy"),
        ("letters", "bce_with_logits", "classification", "cross_entropy"),
        ("waves", "cross_entropy", "regression", "mse"),
    ],
)
def test_a_loss_that_the_targets_of_a_sequence_do_not_fit_is_unsupported(
    monkeypatch: pytest.MonkeyPatch, dataset: str, loss: str, kind: str, fits: str
) -> None:
    registry = registry_of(builtin=bench_builtin, holding=HOLDING, sequences=SEQUENCES)
    monkeypatch.setattr(sys.modules[__name__], "REGISTRY", registry)

    outcome = ended(dataset=dataset, loss=loss)

    assert outcome.status == "unsupported"
    assert outcome.reason is not None
    assert outcome.reason.endswith(f"not the targets of a {kind} task: loss={fits} does")


@pytest.mark.parametrize(
    ("dataset", "loss"),
    [("waves", "mse"), ("waves", "bce_with_logits"), ("letters", "aligned"), ("waves", "aligned")],
)
def test_a_loss_that_may_fit_the_targets_of_a_sequence_is_tried(
    monkeypatch: pytest.MonkeyPatch, dataset: str, loss: str
) -> None:
    registry = registry_of(builtin=bench_builtin, holding=HOLDING, sequences=SEQUENCES)
    monkeypatch.setattr(sys.modules[__name__], "REGISTRY", registry)

    assert ended(dataset=dataset, loss=loss).status != "unsupported"

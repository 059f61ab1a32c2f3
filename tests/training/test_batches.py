"""The same batches, however they are loaded; workers that die with their trial.

Workers are started in real trials only: a fork of this process would be one of many threads.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from living import lives
from torch import Tensor, nn

from harness.errors import SettingError
from harness.plugin.definitions import Batch, Data, Protocol, Split, StepResult, Task, Workload
from harness.training import train
from harness.training.batches import batches_of

SAMPLES = 23
MIB = 1 << 20
WAYS = ("memory", "loader", "loader[workers=2]", "loader[persistent=true,workers=2]")
BAD = {
    "hangs": ("timeout", r"^killed at its deadline, after 2\.00 s$"),
    "takes": ("oom-host", r"; memory_limit is 400 MiB: memory_limit=BYTES sets another$"),
    "is_killed": (
        "error",
        r"^RuntimeError: DataLoader worker \(pid\S*( \d+(, \d+)*)?\) "  # one of them, or all
        r"(exited unexpectedly|is killed by signal: Killed\.)",
    ),
}


@pytest.mark.parametrize("transform", [None, "noise"])
@pytest.mark.parametrize("collate", [None, "pairs"])
@pytest.mark.parametrize("size", [5, SAMPLES])
def test_batches_are_the_same_from_memory_and_from_a_loader(
    transform: str | None, collate: str | None, size: int
) -> None:
    split = made(transform, collate)

    here, there = (
        epochs(batches_of(workload(loading), split, size)) for loading in ("memory", "loader")
    )

    assert len(here) == len(there) == 3 * -(-SAMPLES // size)
    for (inputs, targets, count), (loaded, wanted, counted) in zip(here, there, strict=True):
        assert all(map(torch.equal, inputs, loaded))
        assert torch.equal(targets, wanted)
        assert (count, len(inputs)) == (counted, len(loaded))
    assert sum(count for _, _, count in here) == 3 * SAMPLES


def test_each_epoch_has_every_sample_once_in_an_order_of_its_own() -> None:
    taken = epochs(batches_of(workload("loader"), made(), SAMPLES))

    orders = [targets.tolist() for _, targets, _ in taken]
    assert all(sorted(each) == list(range(SAMPLES)) for each in orders)
    assert len({tuple(each) for each in orders}) == 3


def test_each_batch_is_transformed_by_draws_of_its_own_that_the_seed_gives() -> None:
    split = made("noise")

    first, again, other = (
        epochs(batches_of(workload("memory", seed=seed), split, 5)) for seed in (0, 0, 1)
    )

    added = [inputs[0][:, 0] - targets for inputs, targets, _ in first]
    assert all(map(torch.equal, added, [inputs[0][:, 0] - wanted for inputs, wanted, _ in again]))
    assert len({tuple(each.tolist()) for each in added}) == len(added)
    unlike = [inputs[0][:, 0] - wanted for inputs, wanted, _ in other]
    assert not any(map(torch.equal, added, unlike))


def test_only_training_batches_are_transformed() -> None:
    def counted(inputs: tuple[Tensor, ...], _: torch.Generator) -> tuple[Tensor, ...]:
        calls.append(len(inputs[0]))
        return inputs

    calls: list[int] = []
    inputs = torch.randn(SAMPLES, 2)
    split = Split((inputs,), (inputs[:, :1] > 0).float(), transform=counted)
    built = workload("memory")
    built.data = Data(split, test=split)

    train(built)

    assert sum(calls) == 2 * SAMPLES
    assert len(calls) == 2 * -(-SAMPLES // 5)


@pytest.mark.parametrize("batch_size", [5, "full"])
@pytest.mark.parametrize("own", [False, True])
def test_curves_are_bit_equal_however_batches_are_loaded(own: bool, batch_size: Any) -> None:
    def step(workload: Workload, batch: Batch) -> StepResult:
        assert workload.model is not None
        assert workload.optimizer is not None
        workload.optimizer.zero_grad()
        loss = nn.functional.mse_loss(workload.model(*batch.inputs), batch.targets)
        loss.backward()
        workload.optimizer.step()
        return StepResult(loss.detach(), batch.size)

    curves = []
    for loading in ("memory", "loader"):
        built = workload(loading, batch_size=batch_size, timed_s=0.01)
        built.step = step if own else None
        curves.append(train(built).series)

    assert curves[0] == curves[1]
    assert len(set(curves[0]["train_loss"])) == 2


def test_memory_cannot_be_pinned_for_the_cpu() -> None:
    with pytest.raises(SettingError) as caught:
        batches_of(workload("loader[pinned=true]"), made(), 5)

    assert str(caught.value) == "memory is pinned for copies to a CUDA device, not to cpu"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("loading", ["loader", "loader[pinned=true]"])
def test_batches_of_a_loader_go_to_the_device(loading: str) -> None:
    built = workload(loading)
    built.device = torch.device("cuda")
    split = made("noise", "pairs")

    there = epochs(batches_of(built, split, 5))

    here = epochs(batches_of(workload("memory"), split, 5))
    assert {each.device.type for inputs, _, _ in there for each in inputs} == {"cuda"}
    assert all(torch.equal(a[1], b[1].cpu()) for a, b in zip(here, there, strict=True))


@pytest.fixture(scope="module")
def loaded(trained: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A run of every way of loading, and of workers that do what workers should not."""
    rows = [{"dataset": "shifted", "loading": each} for each in WAYS]
    rows += [
        {"dataset": each, "loading": "loader[workers=2]", "memory_limit": 400 * MIB} for each in BAD
    ]
    rows.append({"dataset": "shifted", "loading": "loader[pinned=true,workers=2]"})
    for each in rows:
        each.setdefault("memory_limit", "none")
        each["timeout_s"] = 2 if each["dataset"] == "hangs" else 60
    tables = "\n".join(
        "[[suites.s.together]]\n" + "\n".join(f"{key} = {json.dumps(row[key])}" for key in row)
        for row in rows
    )
    base = 'base = { model = "drops", optimizer = "sgd", epochs = 3, batch_size = 8 }'
    plugin = json.dumps([str(Path(__file__).parents[1] / "plugins" / "loaders.py")])
    file = tmp_path_factory.mktemp("loaded") / "suite.toml"
    file.write_text(f"plugins = {plugin}\n[suites.s]\nseeds = 1\n{base}\n{tables}\n")
    run = trained("--file", file, "--suite", "s")
    yield run
    for each in run.noted("shm"):
        Path(each).unlink(missing_ok=True)


linux = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux")


@linux
def test_trials_learn_the_same_bit_by_bit_however_their_batches_are_loaded(loaded: Any) -> None:
    records = [loaded.record(dataset="shifted", loading=each) for each in WAYS]

    assert {each["status"] for each in records} == {"ok"}
    curves = [each["curves"] for each in records]
    assert all(each == curves[0] for each in curves)
    assert len(set(curves[0]["train_loss"])) == 3
    assert all(0 < each["metrics"]["data_wait_share"] < 1 for each in records)


@linux
@pytest.mark.parametrize("dataset", BAD)
def test_a_trial_whose_worker_misbehaves_has_the_status_that_it_earned(
    loaded: Any, dataset: str
) -> None:
    status, reason = BAD[dataset]

    record = loaded.record(dataset=dataset)

    assert record["status"] == status, record
    assert re.search(reason, record["reason"]), record["reason"]


@linux
def test_workers_have_one_thread_and_leave_nothing_behind(loaded: Any) -> None:
    pids, left = map(int, loaded.noted("pids")), loaded.noted("shm")

    assert set(loaded.noted("threads")) == {"1"}
    assert not [each for each in pids if lives(each)]
    assert left
    assert not [each for each in left if Path(each).exists()]
    assert loaded.ended.left() == []


@linux
def test_pinned_memory_without_a_cuda_device_is_unsupported_and_says_why(loaded: Any) -> None:
    record = loaded.record(loading="loader[pinned=true,workers=2]")

    assert (record["status"], record["reason"]) == (
        "unsupported",
        "loading=loader[pinned=true,workers=2]: memory is pinned for copies to a CUDA device, and"
        " device=cpu",
    )


def made(transform: str | None = None, collate: str | None = None) -> Split:
    places = torch.arange(SAMPLES, dtype=torch.float32)
    return Split(
        (torch.stack([places, -places], dim=1), places + 100),
        places,
        pairs if collate else None,
        partial(noisy, by=0.25) if transform else None,
    )


def workload(loading: str, seed: int = 0, **protocol: Any) -> Workload:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    inputs = torch.randn(SAMPLES, 2)
    return Workload(
        model,
        torch.optim.SGD(model.parameters(), lr=0.05),
        nn.MSELoss(),
        Data(Split((inputs,), inputs[:, :1], transform=partial(noisy, by=0.1))),
        torch.device("cpu"),
        Task("regression", (2,), 1),
        protocol=Protocol(**{"epochs": 2, "batch_size": 5, **protocol}, loading=loading),
        seed=seed,
    )


def epochs(batches: Any, count: int = 3) -> list[Any]:
    """Take the batches of some epochs."""
    return [batches.take(each) for _ in range(count) for each in batches.epoch()]


def noisy(
    inputs: tuple[Tensor, ...], generator: torch.Generator, *, by: float
) -> tuple[Tensor, ...]:
    first, *others = inputs
    return first + by * torch.randn(first.shape, generator=generator), *others


def pairs(inputs: tuple[Tensor, ...], targets: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
    """Put two samples' targets in a row, so that there are fewer rows than samples."""
    even = len(targets) // 2 * 2
    return inputs, targets[:even].reshape(-1, 2)

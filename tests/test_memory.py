from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch._dynamo  # as in the server: else the first optimizer imports it in the trial
from torch import Tensor, nn

from harness.definitions import Batch, Data, Protocol, Split, StepResult, Task, Workload
from harness.memory import (
    HostPeak,
    activation_bytes,
    gradient_bytes,
    optimizer_state_bytes,
    parameter_counts,
    trim_heap,
)
from harness.training import train

MB = 10**6
STATUS = """Name:\tpython
VmHWM:\t  {peak} kB
VmRSS:\t  900 kB
RssAnon:\t  {anonymous} kB
RssFile:\t  {files} kB
RssShmem:\t  {shared} kB
"""

_M_MMAP_THRESHOLD = -3
"""malloc.h: blocks from this size on are mapped by themselves."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which is Linux's")


def made_proc(folder: Path, *, peak: int, anonymous: int, files: int = 0, shared: int = 0) -> Path:
    """Write what the kernel would say, in KiB."""
    text = STATUS.format(peak=peak, anonymous=anonymous, files=files, shared=shared)
    (folder / "status").write_text(text)
    return folder


def test_the_peak_is_resident_less_file_backed_and_shared_pages(tmp_path: Path) -> None:
    host = HostPeak(made_proc(tmp_path, peak=700, anonymous=400, files=200, shared=100), "linux")
    host.start()
    made_proc(tmp_path, peak=1500, anonymous=450, files=250, shared=100)
    host.mark()

    assert host.reading().value == (1500 - 350 - 400) * 1024
    assert (tmp_path / "clear_refs").read_text() == "5"


def test_file_pages_that_came_within_a_phase_do_not_hide_what_is_held_at_its_end(
    tmp_path: Path,
) -> None:
    host = HostPeak(made_proc(tmp_path, peak=600, anonymous=400, files=200), "linux")
    host.start()
    made_proc(tmp_path, peak=1000, anonymous=700, files=900)
    host.mark()

    assert host.reading().value == 300 * 1024


def test_the_highest_phase_counts(tmp_path: Path) -> None:
    host = HostPeak(made_proc(tmp_path, peak=400, anonymous=400), "linux")
    host.start()
    for peak in (500, 900, 600):
        made_proc(tmp_path, peak=peak, anonymous=410)
        host.mark()

    assert host.reading().value == 500 * 1024


def test_without_a_mark_all_since_the_start_is_one_phase(tmp_path: Path) -> None:
    host = HostPeak(made_proc(tmp_path, peak=400, anonymous=400), "linux")
    host.start()
    made_proc(tmp_path, peak=900, anonymous=410)

    assert host.reading().value == 500 * 1024


def test_what_comes_after_the_last_mark_does_not_count(tmp_path: Path) -> None:
    host = HostPeak(made_proc(tmp_path, peak=400, anonymous=400), "linux")
    host.start()
    made_proc(tmp_path, peak=500, anonymous=410)
    host.mark()
    made_proc(tmp_path, peak=900, anonymous=410)

    assert host.reading().value == 100 * 1024


def test_a_peak_that_was_not_watched_is_none() -> None:
    host = HostPeak()
    host.mark()

    assert host.reading().value is None
    assert host.reading().reason == "the peak of host memory was not watched"


def test_elsewhere_than_on_linux_there_is_no_peak() -> None:
    host = HostPeak(platform="darwin")
    host.start()
    host.mark()

    assert host.reading().reason == "the peak of anonymous memory is read on Linux only"


def test_without_proc_there_is_no_peak_and_the_path_is_named(tmp_path: Path) -> None:
    host = HostPeak(tmp_path / "absent", "linux")
    host.start()

    reason = host.reading().reason
    assert reason is not None
    assert reason.startswith("the peak of memory cannot be reset: ")
    assert "absent/clear_refs" in reason


def test_a_status_without_the_lines_gives_no_peak(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("VmHWM:\t 1 kB\n")
    host = HostPeak(tmp_path, "linux")
    host.start()

    assert host.reading().reason == "the peak of memory cannot be read from /proc: 'RssAnon'"


def test_a_kernel_that_does_not_reset_the_peak_is_found_out(tmp_path: Path) -> None:
    host = HostPeak(made_proc(tmp_path, peak=900_000, anonymous=400, files=200), "linux")
    host.start()

    assert host.reading().reason == "the kernel did not reset the peak of memory (clear_refs)"


@linux
@pytest.mark.parametrize("size", [10 * MB, 100 * MB, 500 * MB])
def test_held_tensors_are_seen_within_5_percent(size: int) -> None:
    def hold() -> float | None:
        host = HostPeak()
        host.start()
        held = [torch.ones(size // 40) for _ in range(10)]  # 4 bytes each
        host.mark()
        assert len(held) == 10
        return host.reading().value

    assert in_child(hold) == pytest.approx(size, rel=0.05)


@linux
@pytest.mark.parametrize("size", [10 * MB, 100 * MB, 500 * MB])
def test_a_model_and_its_adam_are_seen_within_5_percent(size: int) -> None:
    """What the libraries keep for themselves, half a megabyte, is there before.

    One step: with more, glibc's heap falls into pieces and takes more (see below).
    """

    def trained() -> float | None:
        # Blocks of their own: how the holes that earlier tests left in glibc's heap are filled
        # (5.9 % once, after 1,900 tests) is no matter of this test.
        assert ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 1 << 16) == 1
        host = HostPeak()
        train(narrow_model(size, steps=1)())
        trim_heap()
        build = narrow_model(size, steps=1)
        host.start()
        workload = build()
        train(workload, memory=host)
        assert workload.model is not None
        assert workload.optimizer is not None
        known = (
            parameter_counts(workload.model).size_bytes
            + gradient_bytes(workload.model)
            + optimizer_state_bytes(workload.optimizer)
        )
        assert known == pytest.approx(size, rel=0.05)
        value = host.reading().value
        return None if value is None else value / known

    assert in_child(trained) == pytest.approx(1, rel=0.05)


@linux
@pytest.mark.parametrize("size", [10 * MB, 100 * MB])
def test_many_steps_are_seen_as_the_kernel_s_page_tables_show_them(size: int) -> None:
    """Gradients are freed and made anew at each step, between Adam's moments: the heap grows."""

    def trained() -> float | None:
        host = HostPeak()
        train(narrow_model(MB, steps=1)())
        trim_heap()
        build = narrow_model(size, steps=6)
        before = anonymous_in_page_tables()
        host.start()
        workload = build()
        train(workload, memory=host)
        held = anonymous_in_page_tables() - before
        value = host.reading().value
        return None if value is None else value / held

    assert in_child(trained) == pytest.approx(1, rel=0.05)


@linux
@pytest.mark.parametrize("moment", [1, 4])
def test_a_step_that_holds_200_mb_for_a_moment_is_seen_within_5_percent(moment: int) -> None:
    def trained() -> float | None:
        host = HostPeak()
        steps = 0

        def step(workload: Workload, batch: Batch) -> StepResult:
            nonlocal steps
            steps += 1
            if steps == moment:
                torch.ones(50 * MB)  # 4 bytes each
            return StepResult(torch.zeros(()), batch.size)

        workload = small_workload(step=step, protocol=Protocol(epochs=2, batch_size=4))
        train(small_workload())  # faults in torch's code, which the first step would
        trim_heap()
        host.start()
        train(workload, memory=host)
        return host.reading().value

    assert in_child(trained) == pytest.approx(200 * MB, rel=0.05)


@linux
def test_a_file_that_is_mapped_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(50 * MB))

    def read() -> float | None:
        host = HostPeak()
        host.start()
        mapped = torch.from_file(str(path), size=50 * MB, dtype=torch.uint8)
        mapped.max()  # a sum would make numbers of 8 bytes of all
        host.mark()
        return host.reading().value

    value = in_child(read)
    assert value is not None
    assert value < 5 * MB


@linux
def test_a_trimmed_heap_is_not_reused_unseen() -> None:
    def allocate() -> float | None:
        freed = [torch.ones(10_000) for _ in range(1000)]  # 40 kB each: from the heap, not mapped
        del freed
        assert trim_heap()
        host = HostPeak()
        host.start()
        held = [torch.ones(10_000) for _ in range(1000)]
        host.mark()
        assert len(held) == 1000
        return host.reading().value

    assert in_child(allocate) == pytest.approx(40 * MB, rel=0.05)


def test_parameters_are_counted_with_their_bytes_and_tied_ones_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3))
    model[1].weight = model[0].weight

    found = parameter_counts(model)

    assert found.count == 9 + 3 + 3 + 3 + 3
    assert found.size_bytes == 4 * found.count


def test_fixed_parameters_count_and_half_ones_take_half() -> None:
    model = nn.Linear(4, 4, dtype=torch.bfloat16)
    model.weight.requires_grad_(False)

    found = parameter_counts(model)

    assert (found.count, found.size_bytes) == (20, 40)


def test_gradients_are_those_that_are_held() -> None:
    model = nn.Linear(4, 2)
    assert gradient_bytes(model) == 0

    model.weight.requires_grad_(False)
    model(torch.ones(1, 4)).sum().backward()

    assert gradient_bytes(model) == 4 * 2


def test_a_sparse_gradient_takes_its_values_and_indices() -> None:
    model = nn.Embedding(100, 8, sparse=True)
    model(torch.tensor([1, 5])).sum().backward()

    assert gradient_bytes(model) == 2 * 8 * 4 + 2 * 8


OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], int]] = {
    "sgd": (lambda p: torch.optim.SGD(p, lr=0.1), 0),
    "momentum": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), 40),
    "adam": (torch.optim.Adam, 2 * 40 + 2 * 4),  # a step count a parameter
    "adagrad": (torch.optim.Adagrad, 40 + 2 * 4),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_s_tensors_are_counted_exactly(name: str) -> None:
    build, expected = OPTIMIZERS[name]
    model = nn.Linear(4, 2)  # 10 parameters, 40 bytes
    optimizer = build(model.parameters())
    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()

    assert optimizer_state_bytes(optimizer) == expected


def test_tensors_in_lists_of_the_state_count_too() -> None:
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    shared = torch.ones(10)
    optimizer.state[model.weight]["history"] = [shared, (shared, torch.ones(5))]

    assert optimizer_state_bytes(optimizer) == 40 + 20


N = 4  # samples in a batch of the models below; MSE keeps its input and target
MODELS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    # (n, 6) -> (n, 3): the input is left out; the loss keeps outputs (n, 3)
    "linear": (lambda: nn.Linear(6, 3), N * 3 * 4),
    # Linear's output is kept by nobody; ReLU keeps its result for itself and the next layer
    "relu": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)),
        N * 5 * 4 + N * 3 * 4,
    ),
    "relu in place": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(inplace=True), nn.Linear(5, 3)),
        N * 5 * 4 + N * 3 * 4,
    ),
    # GELU keeps its input, the next layer GELU's result
    "gelu": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 3)),
        2 * N * 5 * 4 + N * 3 * 4,
    ),
    # dropout keeps its mask as floats on the CPU, the next layer dropout's result
    "dropout": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5), nn.Linear(5, 3)),
        2 * N * 5 * 4 + N * 3 * 4,
    ),
    # batch norm keeps its input, mean and deviation of the batch; running ones are buffers
    "batch norm": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)),
        2 * N * 5 * 4 + 2 * 5 * 4 + N * 3 * 4,
    ),
    # (n, 6) -> (n, 1, 2, 3) is a view of the input; convolved to (n, 2, 1, 2), flattened to (n, 4)
    "convolution": (
        lambda: nn.Sequential(
            nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(4, 3)
        ),
        N * 4 * 4 + N * 3 * 4,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_activation_bytes_are_those_worked_out_by_hand(name: str) -> None:
    build, expected = MODELS[name]

    found = activation_bytes(small_workload(build()))

    assert found.value == expected


def test_taking_activation_bytes_leaves_everything_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3))
    workload = small_workload(model)
    train(workload)
    gradients = [each.grad for each in model.parameters()]
    before = {name: each.clone() for name, each in model.state_dict().items()}
    drawn = torch.get_rng_state()

    activation_bytes(workload)

    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    assert all(a.grad is b for a, b in zip(model.parameters(), gradients, strict=True))
    assert torch.equal(torch.get_rng_state(), drawn)


def test_a_model_s_own_step_is_undone() -> None:
    model = nn.Linear(6, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    workload = small_workload(model, step=plain_step, optimizer=optimizer)
    train(workload)
    weights = model.weight.detach().clone()
    moments = optimizer.state[model.weight]["exp_avg"].clone()

    found = activation_bytes(workload)

    assert found.value == N * 3 * 4
    assert torch.equal(model.weight, weights)
    assert torch.equal(optimizer.state[model.weight]["exp_avg"], moments)
    assert optimizer.state[model.weight]["step"].item() == 2


def test_without_a_loss_nothing_is_kept_for_backward() -> None:
    found = activation_bytes(small_workload(loss=None))

    assert found.reason == "there is no loss, so nothing is kept for backward"


def test_without_a_model_there_are_no_activations() -> None:
    workload = small_workload()
    workload.model = None

    assert activation_bytes(workload).reason == "there is no model, or no data to give it"


def plain_step(workload: Workload, batch: Batch) -> StepResult:
    assert workload.model is not None
    assert workload.optimizer is not None
    workload.optimizer.zero_grad()
    loss: Tensor = nn.functional.mse_loss(workload.model(*batch.inputs), batch.targets)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
    workload.optimizer.step()
    return StepResult(loss, batch.size)


def small_workload(
    model: nn.Module | None = None,
    *,
    step: Callable[[Workload, Batch], StepResult] | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    loss: nn.Module | None = nn.MSELoss(),  # noqa: B008  # it holds no state
    protocol: Protocol = Protocol(epochs=1, batch_size=N),  # noqa: B008  # it is frozen
) -> Workload:
    model = nn.Linear(6, 3) if model is None else model
    return Workload(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1) if optimizer is None else optimizer,
        loss,
        Data(train=Split((torch.ones(2 * N, 6),), torch.zeros(2 * N, 3))),
        torch.device("cpu"),
        Task("regression", (6,), 3),
        protocol=protocol,
        step=step,
    )


def anonymous_in_page_tables() -> int:
    """Read anonymous memory from another place than HostPeak: by walking, not from counters."""
    found = re.search(
        r"^Anonymous:\s+(\d+) kB$", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE
    )
    assert found
    return 1024 * int(found[1])


def narrow_model(size: int, steps: int) -> Callable[[], Workload]:
    """Make a workload whose weights, gradients and Adam take so much; activations are small.

    Its 40 equal weights are few enough for Python's objects to be small beside them, and many
    enough for what Adam needs for one of them, for a moment, to be so too.
    """
    features = round((size / 16 / 40) ** 0.5)
    data = Data(train=Split((torch.ones(8, features),), torch.zeros(8, features)))

    def build() -> Workload:
        model = nn.Sequential(*(nn.Linear(features, features, bias=False) for _ in range(40)))
        return Workload(
            model,
            torch.optim.Adam(model.parameters()),
            nn.MSELoss(),
            data,
            torch.device("cpu"),
            Task("regression", (features,), features),
            protocol=Protocol(epochs=steps, batch_size="full"),
        )

    return build


def in_child(measure: Callable[[], float | None]) -> float | None:
    """Measure in a forked process whose heap is trimmed, as a trial's is."""
    train(small_workload())
    trim_heap()
    gc.freeze()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = json.dumps(measure())
        except BaseException:  # noqa: BLE001  # told to the parent, which fails
            text = json.dumps(traceback.format_exc())
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    gc.unfreeze()
    with os.fdopen(reader) as stream:
        found = json.loads(stream.read())
    os.waitpid(child, 0)
    assert found is None or isinstance(found, float | int), found
    return found

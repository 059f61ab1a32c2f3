"""torch.cuda and torch.mps are faked at the edge; what needs the real ones is marked so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from harness.measuring.clock import EventClock, HostClock
from harness.measuring.devices import (
    Cpu,
    Cuda,
    DeviceAbsent,
    Mps,
    autocast,
    open_device,
    random_state_kept,
)


class FakeCuda:
    """Counts like torch.cuda for as many devices as it is told."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.current: torch.device | None = None
        self.peak = 700
        self.waited: list[torch.device] = []
        self.state = torch.tensor([1, 2], dtype=torch.uint8)

    def is_available(self) -> bool:
        return self.count > 0

    def device_count(self) -> int:
        return self.count

    def set_device(self, place: torch.device) -> None:
        self.current = place

    def synchronize(self, place: torch.device) -> None:
        self.waited.append(place)

    def memory_allocated(self, place: torch.device) -> int:
        return 500

    def max_memory_allocated(self, place: torch.device) -> int:
        return self.peak

    def max_memory_reserved(self, place: torch.device) -> int:
        return 1024

    def reset_peak_memory_stats(self, place: torch.device) -> None:
        self.peak = 500

    def get_rng_state(self, place: torch.device) -> torch.Tensor:
        return self.state.clone()

    def set_rng_state(self, state: torch.Tensor, place: torch.device) -> None:
        self.state = state

    def get_device_properties(self, place: torch.device) -> SimpleNamespace:
        return SimpleNamespace(
            name="H200", major=9, minor=0, total_memory=2**37, multi_processor_count=132, uuid="ab"
        )


class FakeMps:
    """Counts like torch.mps."""

    def __init__(self, *, available: bool = True) -> None:
        self.available = available
        self.waits = 0

    def is_available(self) -> bool:
        return self.available

    def synchronize(self) -> None:
        self.waits += 1

    def current_allocated_memory(self) -> int:
        return 300

    def recommended_max_memory(self) -> int:
        return 2**34


def test_the_cpu_is_always_there_and_its_clock_is_the_host_s() -> None:
    device = open_device("cpu")

    assert device == Cpu()
    assert device.place == torch.device("cpu")
    assert device.on_host
    assert isinstance(device.step_clock(), HostClock)
    device.synchronize()
    device.reset_peak()


def test_the_cpu_counts_no_device_bytes_and_says_why() -> None:
    device = open_device("cpu")

    for reading in (device.allocated_bytes(), device.peak_bytes(), device.reserved_bytes()):
        assert reading.value is None
        assert reading.reason == "the CPU is no device of its own: see host_peak_bytes"


def test_the_cpu_describes_itself() -> None:
    described = open_device("cpu").describe()

    assert described["kind"] == "cpu"
    assert described["name"]
    assert isinstance(described["memory_bytes"], int)
    assert described["memory_bytes"] > 2**20


@pytest.mark.parametrize("name", ["tpu", "cuda:", "cuda:x", "cpu:1", "mps:1", ""])
def test_other_names_are_no_devices(name: str) -> None:
    with pytest.raises(ValueError, match="is none of cpu, cuda, cuda:N, mps"):
        open_device(name, cuda=FakeCuda())


@pytest.mark.parametrize(("name", "index"), [("cuda", 0), ("cuda:0", 0), ("cuda:1", 1)])
def test_an_opened_cuda_device_is_the_current_one(name: str, index: int) -> None:
    cuda = FakeCuda(count=2)

    device = open_device(name, cuda=cuda)

    assert device.place == torch.device("cuda", index)
    assert cuda.current == device.place
    assert not device.on_host
    assert isinstance(device.step_clock(), EventClock)


def test_a_cuda_index_past_the_last_is_absent() -> None:
    with pytest.raises(DeviceAbsent) as caught:
        open_device("cuda:3", cuda=FakeCuda(count=2))

    assert caught.value.reason == "there is no cuda:3 here: torch sees 2, from cuda:0 on"


def test_hidden_cuda_devices_are_absent_and_the_variable_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(torch.version, "cuda", "13.2")

    with pytest.raises(DeviceAbsent) as caught:
        open_device("cuda", cuda=FakeCuda(count=0))

    assert caught.value.reason == "torch sees no CUDA device with CUDA_VISIBLE_DEVICES=''"


def test_a_torch_without_cuda_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)

    with pytest.raises(DeviceAbsent, match="is built without CUDA"):
        open_device("cuda", cuda=FakeCuda(count=0))


def test_what_torch_warns_of_becomes_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.version, "cuda", "13.2")

    class OldDriver(FakeCuda):
        def is_available(self) -> bool:
            import warnings

            warnings.warn("the NVIDIA driver is too old", stacklevel=1)
            return False

    with pytest.raises(DeviceAbsent) as caught:
        open_device("cuda", cuda=OldDriver())

    assert caught.value.reason == "torch sees no CUDA device: the NVIDIA driver is too old"


def test_cuda_counts_its_allocator_s_bytes(holds: Any) -> None:
    cuda = FakeCuda()
    device = open_device("cuda", cuda=cuda)

    assert device.peak_bytes().value == 700
    device.reset_peak()
    assert device.peak_bytes().value == 500
    assert device.allocated_bytes().value == 500
    reserved = device.reserved_bytes().value
    holds("device_reserved_bytes", "made-up counters of torch.cuda", reserved, 1024)
    device.synchronize()
    assert cuda.waited == [torch.device("cuda", 0)]


def test_cuda_describes_the_gpu() -> None:
    described = open_device("cuda", cuda=FakeCuda()).describe()

    assert described["name"] == "H200"
    assert described["capability"] == "9.0"
    assert described["memory_bytes"] == 2**37
    assert described["uuid"] == "ab"


def test_mps_is_absent_where_torch_sees_none() -> None:
    with pytest.raises(DeviceAbsent, match=r"^torch sees no MPS device here \(.+\)$"):
        open_device("mps", mps=FakeMps(available=False))


def test_mps_counts_what_is_allocated_now_and_no_peak() -> None:
    mps = FakeMps()
    device = open_device("mps", mps=mps)

    assert isinstance(device, Mps)
    assert device.allocated_bytes().value == 300
    assert device.peak_bytes().reason == "torch counts on MPS what is allocated now, not the peak"
    assert device.reserved_bytes().value is None
    assert device.describe()["memory_bytes"] == 2**34
    assert isinstance(device.step_clock(), EventClock)
    device.synchronize()
    device.reset_peak()
    assert mps.waits == 1


@pytest.mark.parametrize("api", [torch.cuda, torch.mps])
def test_torch_has_what_the_devices_call(api: Any) -> None:
    fake = FakeCuda if api is torch.cuda else FakeMps
    called = [name for name in vars(fake) if not name.startswith("_")]

    assert [name for name in [*called, "Event"] if not hasattr(api, name)] == []


def test_what_is_drawn_inside_leaves_the_generators_as_they_were() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    cuda = FakeCuda()

    with random_state_kept(Cuda(torch.device("cuda", 0), cuda)):
        torch.rand(100)
        cuda.state[0] = 9

    assert torch.equal(torch.rand(2), expected)
    assert cuda.state.tolist() == [1, 2]


def test_generators_come_back_after_an_error_too() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()

    with pytest.raises(ZeroDivisionError), random_state_kept(Cpu()):
        torch.rand(int(1 / (torch.rand(1).item() * 0)))

    assert torch.equal(torch.get_rng_state(), before)


def test_bfloat16_is_cast_to_and_other_precisions_are_not() -> None:
    weights = torch.ones(2, 2)

    with autocast(torch.device("cpu"), "bfloat16"):
        assert (weights @ weights).dtype == torch.bfloat16
    with autocast(torch.device("cpu"), "float32"):
        assert (weights @ weights).dtype == torch.float32


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
def test_a_real_gpu_times_steps_and_counts_bytes() -> None:
    device = open_device("cuda")
    device.reset_peak()
    base = device.allocated_bytes().value
    clock = device.step_clock()
    mark = clock.marker()
    for _ in range(3):
        mark(0.0)
        torch.ones(2**20, device=device.place).sum()
    mark(0.0)
    device.synchronize()

    assert len(clock.durations()) == 3
    peak = device.peak_bytes().value
    assert base is not None
    assert peak is not None
    assert peak - base >= 4 * 2**20


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
@pytest.mark.parametrize("size", [10 * 2**20, 100 * 2**20, 2**30])
def test_a_real_gpu_s_peak_is_that_of_known_tensors(size: int, holds: Any) -> None:
    device = open_device("cuda")
    device.synchronize()
    base = device.allocated_bytes().value
    device.reset_peak()
    torch.ones(size, dtype=torch.uint8, device=device.place)
    device.synchronize()

    peak, reserved = device.peak_bytes().value, device.reserved_bytes().value
    assert base is not None
    assert peak is not None
    holds("device_peak_bytes", "tensors of a known size on a GPU", peak - base, size, within=0.01)
    against = "torch.cuda.max_memory_reserved"
    holds("device_reserved_bytes", against, reserved, torch.cuda.max_memory_reserved())


@pytest.mark.mps
@pytest.mark.skipif(not torch.mps.is_available(), reason="torch sees no MPS device here")
def test_a_real_mps_device_times_steps() -> None:
    device = open_device("mps")
    clock = device.step_clock()
    for _ in range(2):
        clock.marker()(0.0)
        torch.ones(2**20, device=device.place).sum()
    device.synchronize()

    assert len(clock.durations()) == 1

"""The module pynvml is faked, because it talks to a driver; what is made of its answers is real."""

from __future__ import annotations

import statistics
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from harness.measuring.nvml import GpuWatch, open_nvml
from harness.numbers.metrics import GPU

OURS = 4711
HEAT = 0x40
IDLE = 0x01


class FakeNvml:
    """Answers like pynvml for one GPU; each list is read from, its last answer again and again."""

    class NVMLError(Exception):
        """What pynvml raises."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {
            "utilisation": [50],
            "used": [1000],
            "power_mw": [200_000],
            "energy_mj": [5_000, 65_000],
            "reasons": [0],
            "pids": [[OURS]],
            **answers,
        }
        self.asked: list[str] = []

    def _next(self, name: str) -> Any:
        answers = self.answers[name]
        if isinstance(answers, Exception):
            raise answers
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def nvmlInit(self) -> None:  # noqa: N802  # pynvml's name, as are those below
        if "init" in self.answers:
            raise self.answers["init"]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802  # see above
        self.asked.append(uuid)
        return uuid

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> SimpleNamespace:  # noqa: N802  # see above
        return SimpleNamespace(gpu=self._next("utilisation"))

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> SimpleNamespace:  # noqa: N802  # see above
        return SimpleNamespace(used=self._next("used"))

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:  # noqa: N802  # see above
        return int(self._next("power_mw"))

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802  # see above
        return int(self._next("energy_mj"))

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: str) -> int:  # noqa: N802  # see above
        return int(self._next("reasons"))

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[SimpleNamespace]:  # noqa: N802  # see above
        return [SimpleNamespace(pid=pid) for pid in self._next("pids")]


def watched(nvml: Any, samples: int = 0) -> dict[str, Any]:
    """Watch a block that samples so often, and once at its end, and no more."""
    watch = GpuWatch(nvml, "1234", period_s=3600, pid=OURS)
    with watch:
        for _ in range(samples):
            watch.sample()
    return watch.readings()


def test_samples_are_summed_up_in_si_units(holds: Any) -> None:
    nvml = FakeNvml(utilisation=[50, 100], used=[3000, 1000], power_mw=[100_000, 300_000])

    found = watched(nvml, samples=1)

    expected = {
        "gpu_utilisation": 0.75,
        "gpu_memory_bytes": 3000,
        "gpu_power_w": 200,
        "gpu_energy_j": 60,
        "gpu_throttled_share": 0,
        "gpu_other_processes": 0,
    }
    assert found.keys() == expected.keys() == GPU
    for name, figure in expected.items():
        holds(name, "made-up answers of NVML", found[name].value, figure)
    assert nvml.asked == ["GPU-1234"]


def test_heat_slows_a_clock_and_idleness_does_not(holds: Any) -> None:
    found = watched(FakeNvml(reasons=[HEAT, IDLE]), samples=1)["gpu_throttled_share"]

    holds("gpu_throttled_share", "made-up answers of NVML", found.value, 0.5)


def test_other_processes_are_counted_without_this_one(holds: Any) -> None:
    found = watched(FakeNvml(pids=[[OURS, 1, 2]]))["gpu_other_processes"]

    holds("gpu_other_processes", "made-up answers of NVML", found.value, 2)


def test_where_nvml_does_not_list_this_process_the_others_are_unknown() -> None:
    found = watched(FakeNvml(pids=[[1]]))

    assert found["gpu_other_processes"].value is None
    assert found["gpu_other_processes"].reason == (
        "NVML does not list this process (a container?), so it cannot tell others"
    )


def test_a_counter_that_fails_says_why_and_the_others_go_on() -> None:
    found = watched(FakeNvml(power_mw=FakeNvml.NVMLError("Not Supported")), samples=2)

    assert found["gpu_power_w"].reason == "NVML: Not Supported"
    assert found["gpu_utilisation"].value == 0.5


def test_without_the_driver_every_counter_says_why() -> None:
    found = watched(FakeNvml(init=FakeNvml.NVMLError("NVML Shared Library Not Found")))

    reasons = {each.reason for each in found.values()}
    assert reasons == {"NVML: NVML Shared Library Not Found"}
    assert all(each.value is None for each in found.values())


def test_without_the_module_every_counter_says_why() -> None:
    found = watched("nvidia-ml-py is not installed: no module")

    assert {each.reason for each in found.values()} == {"nvidia-ml-py is not installed: no module"}


def test_a_thread_samples_while_the_block_runs() -> None:
    nvml = FakeNvml(used=list(range(1, 1001)))
    watch = GpuWatch(nvml, "GPU-1", period_s=0.001, pid=OURS)

    with watch:
        while len(nvml.answers["used"]) > 990:
            torch.ones(10).sum()

    value = watch.readings()["gpu_memory_bytes"].value
    assert value is not None
    assert value >= 10


def test_the_real_pynvml_has_every_call_that_is_made() -> None:
    pynvml = open_nvml()

    calls = [name for name in vars(FakeNvml) if name.startswith("nvml")]
    assert len(calls) == 8
    assert all(callable(getattr(pynvml, name)) for name in calls)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
def test_a_real_gpu_is_seen_as_torch_sees_it(holds: Any) -> None:
    """Every counter that this driver answers; one that it does not has a reason."""
    uuid = str(torch.cuda.get_device_properties(0).uuid)
    held = torch.ones(8192, 8192, device="cuda")
    utilisation, power_w = [], []
    began = time.perf_counter()
    with GpuWatch(open_nvml(), uuid, period_s=0.05) as watch:
        while time.perf_counter() - began < 5:
            for _ in range(20):
                held = (held @ held).clamp_(0, 1)
            torch.cuda.synchronize()
            utilisation.append(torch.cuda.utilization() / 100)
            power_w.append(torch.cuda.power_draw() / 1000)
        elapsed_s = time.perf_counter() - began
    free, total = torch.cuda.mem_get_info()

    found = {name: each.value for name, each in watch.readings().items()}

    expected = {
        "gpu_utilisation": (statistics.mean(utilisation), 0.15, "torch.cuda.utilization"),
        "gpu_memory_bytes": (total - free, 0.05, "torch.cuda.mem_get_info"),
        "gpu_power_w": (statistics.mean(power_w), 0.15, "torch.cuda.power_draw"),
        "gpu_energy_j": (
            statistics.mean(power_w) * elapsed_s,
            0.2,
            "torch.cuda.power_draw times the time",
        ),
    }
    for name, (figure, within, against) in expected.items():
        if found[name] is not None:
            holds(name, against, found[name], figure, within=within)
    assert found["gpu_memory_bytes"] is not None

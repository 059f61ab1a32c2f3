"""What would spoil a measurement, from made-up machines, and with the real command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness import doctor
from harness.doctor import Finding
from harness.system.contention import Usage


def governed(root: Path, *names: str) -> Path:
    for index, name in enumerate(names):
        folder = root / f"cpu{index}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(name + "\n")
    return root


def test_more_threads_than_processors_are_a_problem() -> None:
    found = list(doctor.processors(threads="4096"))

    usable = doctor.cores()
    assert found[1] == Finding(
        "threads",
        "problem",
        f"OMP_NUM_THREADS=4096 on {usable} processors",
        f"unset it: trials take the setting threads (1 unless given; at most {usable} here)",
    )
    assert len(list(doctor.processors(threads="1"))) == 1


def test_a_container_below_the_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(doctor, "cores", lambda: 1)
    monkeypatch.setattr(doctor.container, "processors", lambda: 1)

    [found] = doctor.processors(threads="")

    assert found == Finding(
        "processors",
        "note",
        "1 of 8 usable; the container allows the time of 1",
        "the parent shares the only core with the trial: expect noise",
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), Finding("frequency", "note", "not told here, as on most virtual machines")),
        (("performance",) * 2, Finding("frequency", "fine", "governor performance")),
        (
            ("performance", "powersave"),
            Finding(
                "frequency",
                "problem",
                "governor performance, powersave: the clock follows the load",
                "sudo cpupower frequency-set -g performance",
            ),
        ),
    ],
)
def test_the_governor_is_read(tmp_path: Path, names: Sequence[str], expected: Finding) -> None:
    assert list(doctor.governor(governed(tmp_path, *names))) == [expected]


def usages(monkeypatch: pytest.MonkeyPatch, *found: Usage | None) -> None:
    waiting = list(found)
    monkeypatch.setattr(doctor, "read_usage", lambda: waiting.pop(0))


def test_a_process_that_computes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    usages(monkeypatch, Usage(0.0, 0.0, 0.0), Usage(0.5, 0.6, 0.1))
    times = [{7: ("cc1\n", 1.0), 8: ("idle", 1.0)}, {7: ("cc1\n", 1.5), 8: ("idle", 1.0)}]
    monkeypatch.setattr(doctor, "_process_times", lambda: times.pop(0))
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 2)

    [found] = doctor.load(sleep=lambda _: None)

    assert found == Finding(
        "load",
        "problem",
        "others keep 1.0 of 2 processors busy: cc1\\n (pid 7, 100 %)",
        "end them, or wait: throughput is measured beside them",
    )


def test_a_quiet_machine_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    usages(monkeypatch, Usage(0.0, 0.0, 0.0), Usage(0.5, 0.05, 0.0))
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 2)

    assert list(doctor.load(sleep=lambda _: None)) == [
        Finding("load", "fine", "others keep 0.1 of 2 processors busy")
    ]


def test_load_that_cannot_be_read_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    usages(monkeypatch, None, None)

    assert list(doctor.load(sleep=lambda _: None)) == [
        Finding("load", "note", "not told here: no /proc?")
    ]


def test_little_memory_is_a_problem_and_swap_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "memory_bytes", lambda: 8 << 30)
    monkeypatch.setattr(doctor, "free_memory_bytes", lambda: 1 << 30)
    swapped = type("swap", (), {"used": 3 << 20})
    monkeypatch.setattr(psutil, "swap_memory", lambda: swapped)

    assert list(doctor.memory()) == [
        Finding(
            "memory",
            "problem",
            "1.00 GiB of 8.00 GiB free",
            "a trial may take three quarters of what is free: end what takes the rest",
        ),
        Finding(
            "swap",
            "note",
            "3.00 MiB swapped out",
            "what is swapped in while a trial measures slows it: sudo swapoff -a, if memory allows",
        ),
    ]


def test_memory_that_cannot_be_read_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "free_memory_bytes", lambda: None)

    assert list(doctor.memory()) == [Finding("memory", "note", "not told here: no /proc?")]


def test_a_results_folder_that_cannot_be_written_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)

    assert list(doctor.disk(tmp_path / "results")) == [
        Finding(
            "results",
            "problem",
            f"{tmp_path}/results cannot be written",
            "give --results DIR",
        )
    ]


def test_a_full_disk_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("usage", (), {"free": 5 << 20}))

    assert list(doctor.disk(tmp_path)) == [
        Finding(
            "results",
            "problem",
            f"{tmp_path}, 5.00 MiB free",
            "make room, or give --results DIR: a full disk ends a run",
        )
    ]


class Nvml:
    """What NVML says of one GPU."""

    NVML_CLOCK_SM = 1

    class NVMLError(Exception):
        pass

    def __init__(self, slowed: int = 0, others: int = 0, broken: str = "") -> None:
        self.slowed, self.others, self.broken = slowed, others, broken
        self.open = 0

    def nvmlInit(self) -> None:  # noqa: N802  # NVML's names
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if self.broken:
            raise self.NVMLError(self.broken)
        return index

    def nvmlDeviceGetName(self, _: int) -> bytes:  # noqa: N802
        return b"H200"

    def nvmlDeviceGetClockInfo(self, _: int, __: int) -> int:  # noqa: N802
        return 345

    def nvmlDeviceGetMaxClockInfo(self, _: int, __: int) -> int:  # noqa: N802
        return 1980

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, _: int) -> int:  # noqa: N802
        return self.slowed

    def nvmlDeviceGetComputeRunningProcesses(self, _: int) -> list[int]:  # noqa: N802
        return [1] * self.others


@pytest.mark.parametrize(
    ("nvml", "expected"),
    [
        (Nvml(), Finding("gpu 0", "fine", "H200, 345 of 1980 MHz")),
        (
            Nvml(slowed=0x20),
            Finding(
                "gpu 0",
                "problem",
                "H200, 345 of 1980 MHz, throttled",
                "let it cool, or raise its power limit",
            ),
        ),
        (Nvml(slowed=0x01), Finding("gpu 0", "fine", "H200, 345 of 1980 MHz")),
        (
            Nvml(others=2),
            Finding(
                "gpu 0",
                "problem",
                "H200, 345 of 1980 MHz, 2 other processes on it",
                "end them, or choose another GPU with CUDA_VISIBLE_DEVICES",
            ),
        ),
        (Nvml(broken="Insufficient"), Finding("gpu 0", "note", "NVML says Insufficient")),
    ],
    ids=["idle", "throttled", "idle clocks", "shared", "broken"],
)
def test_a_gpu_is_read_through_nvml(nvml: Nvml, expected: Finding) -> None:
    assert list(doctor.gpus(nvml)) == [expected]
    assert nvml.open == 0


def test_a_machine_without_a_gpu_says_why() -> None:
    assert list(doctor.gpus(Nvml(), absent="no NVIDIA GPU: none")) == [
        Finding("gpu", "note", "no NVIDIA GPU: none")
    ]


def test_the_data_root_is_listed(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"set{number}").mkdir()

    assert list(doctor.data(tmp_path)) == [
        Finding(
            "data", "fine", f"{tmp_path} has set0, set1, set2, set3, set4, set5, set6, set7 ..."
        )
    ]
    assert list(doctor.data(tmp_path / "no")) == [
        Finding("data", "note", f"nothing in {tmp_path}/no: what ships with scikit-learn is here")
    ]


@pytest.mark.parametrize(
    ("torch", "vision", "needs", "expected"),
    [
        (
            "2.15.0",
            "0.30.0",
            ["numpy", "torch==2.15.0"],
            Finding("versions", "fine", "torch 2.15.0, torchvision 0.30.0"),
        ),
        (
            "2.15.0+cpu",
            "0.30.0",
            ["torch==2.15.0"],
            Finding("versions", "fine", "torch 2.15.0+cpu, torchvision 0.30.0"),
        ),
        (
            "2.14.1",
            "0.30.0",
            ["torch (==2.15.0)"],
            Finding(
                "versions",
                "problem",
                "torch 2.14.1, torchvision 0.30.0, which was built for torch 2.15.0",
                "pip install torch==2.15.0",
            ),
        ),
        (
            None,
            None,
            None,
            Finding(
                "versions",
                "problem",
                "torch absent, torchvision absent",
                "pip install torch torchvision",
            ),
        ),
    ],
)
def test_a_torchvision_that_was_built_for_another_torch_is_a_problem(
    torch: str | None, vision: str | None, needs: list[str] | None, expected: Finding
) -> None:
    known = {"torch": torch, "torchvision": vision}

    assert list(doctor.versions(known.get, lambda _: needs)) == [expected]


def test_the_command_prints_a_table_or_json_and_imports_no_torch(
    bench: Callable[..., Any],
) -> None:
    table = bench("doctor")
    found = bench("doctor", "--format", "json")

    assert table.code == found.code == 0
    assert not table.torch
    assert table.out.splitlines()[0].split() == ["what", "is", "found", "do"]
    assert table.out.rstrip().endswith("would spoil a measurement")
    subjects = [each["subject"] for each in found.json["findings"]]
    for each in ("processors", "frequency", "load", "memory", "results", "data", "versions"):
        assert each in subjects

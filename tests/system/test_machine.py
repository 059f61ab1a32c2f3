"""The machine as it is seen without torch, and what is expected to be absent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import psutil
import pynvml
import pytest

from harness.session import usual_memory_limit
from harness.system import container, machine


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | str], None]:
    """Say how many GPUs NVML sees."""

    def say(count: int | str) -> None:
        monkeypatch.setattr(machine, "gpu_count", lambda: count)

    return say


@pytest.fixture(autouse=True)
def forgotten() -> None:
    machine.commit.cache_clear()


def test_the_environment_has_versions_machine_and_commit() -> None:
    found = machine.environment()

    assert found["torch"] == version("torch")
    assert found["harness"] == version("bench-harness")
    assert found["python"] == sys.version.split()[0]
    assert found["cores"] == machine.cores()
    assert 0 < found["memory_bytes"] <= psutil.virtual_memory().total
    assert found["cpu"]
    assert set(found) >= {"platform", "machine", "host", "commit", "numpy", "torchvision"}


def test_what_is_not_installed_has_no_version() -> None:
    assert machine.package_version("no-such-distribution") is None


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.cores() >= 1

    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cores() == 1


@pytest.mark.parametrize(
    "error",
    [
        PermissionError("/proc/meminfo"),
        FileNotFoundError("/proc/meminfo"),
        KeyError(b"MemTotal:"),
        ValueError("no number"),
        psutil.AccessDenied(1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_memory_that_cannot_be_read_is_none(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def denied() -> None:
        raise error

    monkeypatch.setattr(psutil, "virtual_memory", denied)
    for name in ("memory_limit", "memory_left"):
        monkeypatch.setattr(container, name, lambda: None)

    assert machine.memory_bytes() is None
    assert machine.free_memory_bytes() is None


@pytest.fixture
def contained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Put this process into a container's group of control, and name its folder."""
    root, own = tmp_path / "cgroup", tmp_path / "own"
    root.mkdir()
    own.write_text("0::/\n")
    for name in ("memory_limit", "memory_left", "processors"):
        monkeypatch.setattr(container, name, partial(getattr(container, name), root, own))
    return root


def test_limits_of_a_container_below_the_machines_count(contained: Path) -> None:
    (contained / "memory.max").write_text("64000000\n")
    (contained / "memory.current").write_text("24000000\n")
    (contained / "cpu.max").write_text("50000 100000\n")

    assert machine.memory_bytes() == 64_000_000
    assert machine.free_memory_bytes() == 40_000_000
    assert machine.cores() == 1
    found = machine.environment()
    assert (found["memory_bytes"], found["cores"]) == (64_000_000, 1)


def test_limits_of_a_container_above_the_machines_do_not_count(
    contained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3}, raising=False)
    (contained / "memory.max").write_text(f"{1 << 59}\n")
    (contained / "cpu.max").write_text("6400000 100000\n")

    assert machine.memory_bytes() == psutil.virtual_memory().total
    assert machine.cores() == 2


def test_a_trial_may_take_its_share_of_what_the_container_leaves(contained: Path) -> None:
    (contained / "memory.max").write_text("64000000\n")
    (contained / "memory.current").write_text("24000000\n")

    assert usual_memory_limit(1) == 30_000_000
    assert usual_memory_limit(3) == 10_000_000


def test_the_processor_is_named_by_the_kernel_or_by_python(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor : 0\nmodel name\t: Some CPU: 3 GHz\nmodel name : other\n")

    assert machine.processor(info) == "Some CPU: 3 GHz"
    assert machine.processor(tmp_path / "absent")


@pytest.mark.parametrize(
    ("cores", "found"),
    [
        ([], None),
        (["performance", "performance"], "performance"),
        (["powersave", "performance"], "performance, powersave"),
    ],
)
def test_the_governor_is_that_of_all_cores(
    tmp_path: Path, cores: list[str], found: str | None
) -> None:
    for number, name in enumerate(cores):
        folder = tmp_path / f"cpu{number}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(f"{name}\n")

    assert machine.governor(tmp_path) == found


def test_the_commit_is_that_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    wanted = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    elsewhere = machine.commit()
    assert machine.commit(tmp_path) == wanted.stdout.strip() != elsewhere
    machine.commit.cache_clear()
    monkeypatch.chdir(tmp_path)

    assert machine.commit() == wanted.stdout.strip()


def test_there_is_no_commit_outside_of_a_repository_or_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert machine.commit() is None

    machine.commit.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.commit() is None


def test_a_cpu_is_never_absent() -> None:
    assert machine.absence("cpu") is None


def test_mps_is_absent_elsewhere_than_on_a_mac() -> None:
    assert machine.absence("mps", "darwin") is None
    assert machine.absence("mps", "linux") == "mps is Apple's: this is linux"


def test_a_gpu_is_expected_by_what_nvml_counts(gpus: Callable[[int | str], None]) -> None:
    gpus(2)

    assert machine.absence("cuda", variables={}) is None
    assert machine.absence("cuda:1", variables={}) is None
    assert machine.absence("cuda:2", variables={}) == "cuda:2 is not here: 2 GPUs"
    assert machine.absence("cuda:1", variables={"CUDA_VISIBLE_DEVICES": "1"}) == (
        "cuda:1 is not here: 1 GPU"
    )


def test_a_reason_why_nvml_sees_nothing_is_told(gpus: Callable[[int | str], None]) -> None:
    gpus("NVML says Driver Not Loaded")

    assert machine.absence("cuda", variables={}) == "no NVIDIA GPU: NVML says Driver Not Loaded"


@pytest.mark.parametrize("hidden", ["", " ", "-1"])
def test_gpus_may_be_hidden(hidden: str) -> None:
    assert machine.absence("cuda", variables={"CUDA_VISIBLE_DEVICES": hidden}) == (
        f"CUDA_VISIBLE_DEVICES={hidden!r} hides every GPU"
    )


def test_gpus_are_counted_by_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: told.append("init"))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 3)
    monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: told.append("shutdown"))

    assert machine.gpu_count() == 3
    assert told == ["init", "shutdown"]


def test_without_a_driver_nvml_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", absent)

    assert machine.gpu_count() == "NVML says NVML Shared Library Not Found"

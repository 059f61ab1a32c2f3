"""Limits of a container, read from folders made for the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.system.container import memory_left, memory_limit, processors


@pytest.fixture
def version_2(tmp_path: Path) -> tuple[Path, Path]:
    """Make a group `/work/job` whose parent has the tighter limit of memory."""
    root, own = tmp_path / "cgroup", tmp_path / "own"
    job = root / "work" / "job"
    job.mkdir(parents=True)
    (job / "memory.max").write_text("max\n")
    (job / "cpu.max").write_text("150000 100000\n")
    (root / "work" / "memory.max").write_text("1000000\n")
    (root / "work" / "memory.current").write_text("400000\n")
    own.write_text("0::/work/job\n")
    return root, own


def test_the_tightest_limit_up_to_the_root_counts(version_2: tuple[Path, Path]) -> None:
    assert memory_limit(*version_2) == 1_000_000
    assert memory_left(*version_2) == 600_000


def test_pages_of_files_that_the_kernel_can_drop_count_as_free(
    version_2: tuple[Path, Path],
) -> None:
    stat = version_2[0] / "work" / "memory.stat"
    stat.write_text("anon 10000\nfile 350000\ninactive_file 300000\nactive_file 50000\n")

    assert memory_left(*version_2) == 900_000
    stat.write_text("inactive_file 999999\n")
    assert memory_left(*version_2) == 1_000_000


def test_a_share_of_processors_is_rounded_up(version_2: tuple[Path, Path]) -> None:
    assert processors(*version_2) == 2


def test_version_1_has_a_folder_a_controller(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "own"
    for controller in ("memory", "cpu"):
        (root / controller / "job").mkdir(parents=True)
    (root / "memory" / "job" / "memory.limit_in_bytes").write_text("5000\n")
    (root / "memory" / "job" / "memory.usage_in_bytes").write_text("6000\n")
    (root / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (root / "cpu" / "job" / "cpu.cfs_quota_us").write_text("50000\n")
    (root / "cpu" / "job" / "cpu.cfs_period_us").write_text("100000\n")
    own.write_text("5:cpu,cpuacct:/job\n4:memory:/job\n0::/\n")

    assert memory_limit(root, own) == 5000
    assert memory_left(root, own) == 0
    assert processors(root, own) == 1


@pytest.mark.parametrize("quota", ["max 100000", "-1 100000", "100000 0", ""])
def test_no_quota_is_no_limit(tmp_path: Path, quota: str) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    (tmp_path / "own").write_text("0::/\n")

    assert processors(tmp_path, tmp_path / "own") is None


def test_a_machine_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    absent = tmp_path / "absent"

    assert (
        memory_limit(absent, absent),
        memory_left(absent, absent),
        processors(absent, absent),
    ) == (
        None,
        None,
        None,
    )

"""What is tested is the built wheel, in this process and in those that tests start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import harness

pytestmark = pytest.mark.skipif(
    "TOX_ENV_NAME" not in os.environ,
    reason="only tox installs the wheel; elsewhere it is the source tree",
)


def test_the_package_under_test_lies_in_site_packages() -> None:
    assert Path(harness.__file__).parents[1].name == "site-packages"


def test_a_subprocess_imports_the_package_from_site_packages(tmp_path: Path) -> None:
    code = "import harness, bench_builtin; print(harness.__file__); print(bench_builtin.__file__)"

    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout

    assert [Path(line).parents[1].name for line in printed.split()] == ["site-packages"] * 2
    assert os.environ.get("PYTHONSAFEPATH") == "1"


def test_the_wheel_says_that_it_is_typed() -> None:
    assert (Path(harness.__file__).parent / "py.typed").exists()

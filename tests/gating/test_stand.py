"""Where a side stands."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import BenchError
from harness.gating.stand import Stand, interpreter


def test_without_a_choice_it_is_this_interpreter() -> None:
    assert interpreter(None, "--base-env") == sys.executable


def test_an_interpreter_is_found_by_path_by_command_and_in_a_virtual_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.symlink_to(sys.executable)

    assert interpreter(str(python), "--base-env") == str(python)
    assert interpreter(str(tmp_path), "--base-env") == str(python)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert interpreter("python", "--base-env") == str(python)
    monkeypatch.chdir(tmp_path)
    assert interpreter("bin/python", "--base-env") == str(python)


def test_an_interpreter_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError) as caught:
        interpreter(f"{tmp_path}/python", "--head-env")

    assert str(caught.value) == (
        f"--head-env {tmp_path}/python: there is no such interpreter; give the path of a python, or"
        " the folder of a virtual environment"
    )


def test_a_stand_is_named_with_its_path() -> None:
    assert str(Stand(role="base", interpreter="/p")) == "base (/p)"
    assert str(Stand(role="head", interpreter="/p", path=Path("/d"))) == (
        "head (/p, /d first on its path)"
    )

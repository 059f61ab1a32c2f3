"""A new package is written whole or not at all; what is wrong with its name is told in a line."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BenchError
from harness.plugin.interface import INTERFACE
from harness.plugin.package import FILES, Names, names_of, write_package
from harness.plugin.registry import load

REGISTRY = load()


@pytest.mark.parametrize("given", ["two-rings", "two_rings", "bench-two-rings", "bench_two_rings"])
def test_a_package_is_named_with_or_without_bench(given: str) -> None:
    names = names_of(given, REGISTRY)

    assert (names.suite, names.package, names.stem, names.module) == (
        "two-rings",
        "bench-two-rings",
        "two_rings",
        "bench_two_rings",
    )


FORM = " cannot name a package: small letters, digits and '-', a letter first, 60 at most"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("My Rings", f"'My Rings'{FORM}: did you mean 'my-rings'?"),
        ("3d", f"'3d'{FORM}: did you mean 'd'?"),
        ("", f"''{FORM}"),
        ("../../etc", f"'../../etc'{FORM}: did you mean 'etc'?"),
        ("größe", f"'größe'{FORM}: did you mean 'groe'?"),
        ("rings\n[x]", f"'rings\\n[x]'{FORM}: did you mean 'rings-x'?"),
        ("a" * 61, f"'{'a' * 61}'{FORM}: did you mean '{'a' * 60}'?"),
        ("smoke", "a suite is called 'smoke' already (bench list shows them): choose another name"),
        (
            "builtin",
            "a plugin is called 'builtin' already (bench list shows them): choose another name",
        ),
    ],
)
def test_a_name_that_no_package_can_have_is_refused_with_one_that_it_can(
    given: str, told: str
) -> None:
    with pytest.raises(BenchError) as caught:
        names_of(given, REGISTRY)
    assert str(caught.value) == told


def test_every_template_becomes_a_file_and_nothing_is_left_to_fill_in(tmp_path: Path) -> None:
    folder = write_package(Names("rings"), tmp_path)

    written = sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())
    assert written == [
        ".gitignore",
        "README.md",
        "bench_rings/__init__.py",
        "bench_rings/datasets.py",
        "bench_rings/models.py",
        "bench_rings/optimizers.py",
        "bench_rings/suites.toml",
        "pyproject.toml",
        "tests/test_bench_rings.py",
    ]
    assert not [each for each in written if "$" in (folder / each).read_text()]
    assert f"bench_interface = {INTERFACE}\n" in (folder / "bench_rings/__init__.py").read_text()
    there = {each.name for each in (resources.files("harness.plugin") / "templates").iterdir()}
    assert there == set(FILES)


def test_no_line_of_a_new_package_is_longer_than_100_columns(tmp_path: Path) -> None:
    folder = write_package(Names("a-name-of-some-length"), tmp_path)

    lines = [line for file in folder.rglob("*.py") for line in file.read_text().splitlines()]
    assert max(map(len, lines)) <= 100


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    kept = tmp_path / "bench-rings" / "kept.txt"
    kept.parent.mkdir()
    kept.touch()

    with pytest.raises(BenchError) as caught:
        write_package(Names("rings"), tmp_path)

    assert str(caught.value) == (
        f"{kept.parent} is there already: choose another name, or another folder with --into"
    )
    assert [each.name for each in kept.parent.iterdir()] == ["kept.txt"]


def test_a_folder_that_is_absent_or_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    with pytest.raises(BenchError) as absent:
        write_package(Names("rings"), tmp_path / "nowhere")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", refuse)
        with pytest.raises(BenchError) as read_only:
            write_package(Names("rings"), tmp_path)
    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(BenchError) as full:
        write_package(Names("rings"), tmp_path)

    folder = tmp_path / "bench-rings"
    assert str(absent.value) == f"--into {tmp_path / 'nowhere'}: there is no such folder"
    assert str(read_only.value) == f"{folder} cannot be made: Permission denied"
    assert str(full.value) == f"{folder} cannot be written: Permission denied"
    assert not folder.exists()


def test_the_command_writes_without_torch_and_says_what_comes_next(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()

    ended = bench("new-plugin", "rings", "--into", "here")
    again = bench("new-plugin", "rings", "--into", "here")

    assert (ended.code, ended.torch, ended.err) == (0, False, "")
    assert ended.out == (
        "here/bench-rings has a model, a data set, an optimizer, a suite and tests\n"
        "  cd here/bench-rings\n"
        "  pip install -e .\n"
        "  pytest\n"
        "  bench run --suite rings\n"
    )
    assert (again.code, again.out) == (2, "")
    assert again.err == (
        "bench: here/bench-rings is there already: choose another name, or another folder with"
        " --into\n"
    )

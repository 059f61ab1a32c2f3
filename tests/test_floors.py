"""The floors of docs/design.md, and what a look at the source alone can show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = sorted(
    path.stem
    for path in (ROOT / "harness").iterdir()
    if (path.suffix == ".py" or (path / "__init__.py").is_file()) and path.stem != "__init__"
)
PACKAGES = sorted(each for each in NAMES if (ROOT / "harness" / each).is_dir())
TOLD_BY_THEIR_NAMES = ("cli", "report", "testing")
"""Packages whose modules the design need not list."""


def floors() -> dict[str, str]:
    """The rows of the design's tables, by what stands first in them."""
    page = (ROOT / "docs/design.md").read_text()
    return {
        name.strip("`"): told for name, told in re.findall(r"^\| (\S.*?) \| (.*) \|$", page, re.M)
    }


def test_every_package_and_module_of_the_root_stands_in_the_design() -> None:
    page = (ROOT / "docs/design.md").read_text()

    assert [name for name in NAMES if f"`{name}`" not in page] == []


@pytest.mark.parametrize("package", [each for each in PACKAGES if each not in TOLD_BY_THEIR_NAMES])
def test_every_module_of_a_package_stands_on_its_floor_and_no_other_does(package: str) -> None:
    told = floors()[package]
    modules = {path.stem for path in (ROOT / "harness" / package).glob("*.py")} - {"__init__"}
    everywhere = {path.stem for path in (ROOT / "harness").glob("*/*.py")}

    named = set(re.findall(r"`(\w+)`", told))
    assert (modules - named, (named & everywhere) - modules) == (set(), set())


def test_the_floors_of_the_design_are_those_that_are_held() -> None:
    contracts = (ROOT / "pyproject.toml").read_text()
    layers = contracts.split("layers = [")[1].split("]")[0]
    depth = {
        name: place
        for place, layer in enumerate(re.findall(r'"([\w |]+)"', layers))
        for name in layer.split(" | ")
    }
    above = [name for name in floors() if name in depth and depth[name] > depth["measuring"]]

    assert above == sorted(above, key=depth.__getitem__)


def test_a_test_of_a_module_lies_where_its_module_does() -> None:
    wrong = [
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / "tests" / package).glob("test_*.py")
        if not (ROOT / "harness" / package / f"{path.stem.removeprefix('test_')}.py").is_file()
    ]

    assert wrong == []


def test_every_package_above_the_torch_line_is_forbidden_to_import_torch() -> None:
    contracts = (ROOT / "pyproject.toml").read_text()
    source, forbidden = contracts.split("source_modules = [")[1].split("forbidden_modules = [")
    above = set(re.findall(r'"harness\.(\w+)"', source))
    below = set(re.findall(r'"harness\.(\w+)"', forbidden.split("]")[0]))

    assert (above | below, above & below) == (set(NAMES), set())


def test_no_module_imports_from_the_package_itself() -> None:
    names = "|".join(NAMES)
    wrong = [
        f"{path.name}: {line}"
        for path in sorted((ROOT / "harness").rglob("*.py"))
        if path != ROOT / "harness/__init__.py"
        for line in path.read_text().splitlines()
        if re.match(r"\s*(import harness\s*$|from harness import (?!" + names + "))", line)
    ]

    assert wrong == []


def test_built_in_plugins_use_what_the_package_exports_alone() -> None:
    wrong = [
        f"{path.name}: {line}"
        for path in sorted((ROOT / "plugins/bench_builtin").glob("*.py"))
        for line in path.read_text().splitlines()
        if re.search(r"from harness\.(?!training import)", line)
    ]

    assert wrong == []

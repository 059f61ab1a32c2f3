"""The floors of docs/design.md, and what a look at the source alone can show."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path.stem
    for path in (ROOT / "harness").iterdir()
    if (path.suffix == ".py" or (path / "__init__.py").is_file()) and path.stem != "__init__"
)


def test_every_module_stands_in_the_design() -> None:
    page = (ROOT / "docs/design.md").read_text()

    assert [name for name in MODULES if f"`{name}`" not in page] == []


def test_every_module_above_the_torch_line_is_forbidden_to_import_torch() -> None:
    contracts = (ROOT / "pyproject.toml").read_text()
    source, forbidden = contracts.split("source_modules = [")[1].split("forbidden_modules = [")
    above = set(re.findall(r'"harness\.(\w+)"', source))
    below = set(re.findall(r'"harness\.(\w+)"', forbidden.split("]")[0]))

    assert (above | below, above & below) == (set(MODULES) - {"readings", "seeding"}, set())


def test_no_module_imports_from_the_package_itself() -> None:
    names = "|".join(MODULES)
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

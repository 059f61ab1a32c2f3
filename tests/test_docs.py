"""The documents say what the code does: examples run, headings match signatures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import harness
from harness import hookspecs
from harness.definitions import Definition
from harness.metrics import MEANINGS, Meaning

ROOT = Path(__file__).parents[1]
BENCH = Path(sys.executable).with_name("bench")


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def bench(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BENCH), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_the_plugin_of_the_readme_runs_as_the_readme_says(tmp_path: Path) -> None:
    (code,) = blocks("README.md", "python")
    (tmp_path / "my_model.py").write_text(code)
    readme = (ROOT / "README.md").read_text().splitlines()
    command = next(line for line in readme if line.startswith("bench run -p my_model.py"))

    ended = bench(*command.split()[1:], "--seeds", "1", folder=tmp_path)

    assert ended.returncode == 0, ended.stderr
    rows = [line.split()[:2] for line in ended.stdout.splitlines()]
    assert ["two_layers", "16"] in rows
    assert ["two_layers", "64"] in rows
    assert ["mlp", "-"] in rows


def test_the_plugin_of_the_guide_runs_with_every_kind_of_definition(tmp_path: Path) -> None:
    (tmp_path / "my_plugin.py").write_text("\n\n".join(blocks("docs/plugins.md", "python")))

    ended = bench("run", "-p", "my_plugin.py", "--suite", "signs", folder=tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count(" ok 2") == 4
    for arguments in (
        ["model=stepped", "optimizer=none", "loss=none", "dataset=rings", "--seeds", "1"],
        ["model=two_layers", "procedure=output_spread", "init=two_values", "--seeds", "1"],
        ["model=two_layers", "optimizer=sgd", "loss=margin", "schedule=halves", "--seeds", "1"],
    ):
        ended = bench("run", "-p", "my_plugin.py", "epochs=1", *arguments, folder=tmp_path)
        assert (ended.returncode, " ok 1" in ended.stdout) == (0, True), ended.stderr


def test_every_hook_has_a_heading_in_the_guide() -> None:
    headings = re.findall(
        r"^### `(bench_\w+)", (ROOT / "docs/plugins.md").read_text(), re.MULTILINE
    )

    assert sorted(headings) == sorted(each for each in dir(hookspecs) if each.startswith("bench_"))


@pytest.mark.parametrize("definition", Definition.__args__, ids=lambda each: each.__name__)
def test_the_heading_of_a_definition_is_its_signature(definition: type[msgspec.Struct]) -> None:
    defaults = definition.__struct_defaults__
    fields = definition.__struct_fields__
    required = fields[: len(fields) - len(defaults)]
    given = zip(fields[len(required) :], defaults, strict=True)
    signature = ", ".join([*required, *(f"{name}={default!r}" for name, default in given)])

    assert f"`{definition.__name__}({signature})`" in (ROOT / "docs/plugins.md").read_text()


def test_every_public_name_is_documented() -> None:
    pages = "".join(
        page.read_text() for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    )

    assert [name for name in harness.__all__ if not re.search(rf"\b{name}\b", pages)] == []


def test_the_table_of_metrics_is_the_one_in_the_code() -> None:
    table = "\n".join(
        [
            "| metric | unit | better | margin | what it is |",
            "|---|---|---|---|---|",
            *map(row, MEANINGS.values()),
        ]
    )

    assert table in (ROOT / "docs/metrics.md").read_text(), f"docs/metrics.md should have:\n{table}"


def test_every_metric_was_held_against_something() -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    table = page.split("<!-- held: begin -->")[1].split("<!-- held: end -->")[0]
    held = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line.partition(" | ")[0])
    }

    assert held == set(MEANINGS)


def row(meaning: Meaning) -> str:
    margin = f"{meaning.margin:.0%}" if meaning.scale == "ratio" else f"{meaning.margin:g}"
    return (
        f"| `{meaning.name}` | {meaning.unit} | {meaning.direction} | {margin} | {meaning.about} |"
    )

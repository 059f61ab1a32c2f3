"""The documents say what the code does: examples run, headings match signatures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import harness
import harness.testing
from harness.listing.catalog import description
from harness.numbers.metrics import MEANINGS, Meaning
from harness.planning.resolve import PROTOCOL
from harness.plugin import hookspecs
from harness.plugin.definitions import Definition
from harness.plugin.registry import registry_of

ROOT = Path(__file__).parents[1]
BENCH = Path(sys.executable).with_name("bench")


def page(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page(document), re.DOTALL)


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


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    """The plugin of the guide and the tests of it, in a folder."""
    code = blocks("docs/plugins.md", "python")
    tests = [each for each in code if each.startswith("# test_my_plugin.py")]
    (tmp_path / "test_my_plugin.py").write_text("\n\n".join(tests))
    (tmp_path / "my_plugin.py").write_text("\n\n".join(each for each in code if each not in tests))
    return tmp_path


def test_the_suite_of_the_guide_s_plugin_runs(guide: Path) -> None:
    ended = bench("run", "-p", "my_plugin.py", "--suite", "signs", folder=guide)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count(" ok 2") == 4


def test_the_tests_of_the_guide_pass_with_a_line_for_each_check(guide: Path) -> None:
    command = ["-m", "pytest", "-v", "-W", "error", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [sys.executable, *command, "--rootdir", str(guide), str(guide)],
        cwd=guide,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert ended.returncode == 0, ended.stdout[-3000:]
    for claim in re.findall(r"^    ((?:model|dataset) .*)$", page("docs/plugins.md"), re.MULTILINE):
        assert f"test_definition[{claim}] PASSED" in ended.stdout
    skipped = re.findall(r"test_definition\[dataset (\w+).*SKIPPED", ended.stdout)
    assert (set(skipped), len(skipped)) == ({"numbers"}, 4)  # its file is not here


def test_the_suite_of_the_guide_is_planned_and_holds_what_it_expects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    [text] = blocks("docs/suites.md", "toml")
    (tmp_path / "bench.toml").write_text(text)

    ended = bench("run", "--suite", "width", "--seeds", "2", "--check", folder=tmp_path)

    assert ended.returncode == 0, ended.stderr
    cases = ended.stdout.split("\n\n")[0].splitlines()
    assert cases[0].split() == [
        "hidden",
        "dropout",
        "test_accuracy",
        "generalisation_gap/accuracy",
        "generalisation_gap/loss",
        "parameters",
        "status",
    ]
    levels = ["[16] 0", "[64] 0", "[64] 0.5", "[256] 0.5"]
    assert [" ".join(line.split()[:2]) for line in cases[2:]] == levels


def test_the_table_of_settings_is_the_one_in_the_code() -> None:
    registry = registry_of()
    told = {name: description(registry, name)["about"] for name in PROTOCOL.options}
    table = "\n".join(f"| `{name}` | {about} |" for name, about in told.items())

    assert table in (ROOT / "docs/suites.md").read_text(), f"docs/suites.md should have:\n{table}"


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

    names = [*harness.__all__, *harness.testing.__all__]
    assert [name for name in names if not re.search(rf"\b{name}\b", pages)] == []


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

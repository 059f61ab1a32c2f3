"""The package in examples/, and a new one, as a stranger has them: wheels, in an environment.

The environment has the libraries of this one (torch takes 5 GB), and nothing of the source tree.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples/bench-kan"
GUIDE = Path(__file__).parents[1] / "docs/plugins.md"
PATIENCE_S = 100
_BUILD = "import hatchling.build as build, sys; build.build_wheel(sys.argv[1])"
_BENCH = "from harness.cli import main; main()"


@dataclass(frozen=True)
class Environment:
    """An environment of its own: where it is, and an empty folder to be in."""

    home: Path
    cwd: Path

    def __call__(
        self, *arguments: str, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("BENCH_", "PYTHON", "COV_"))
        }
        return subprocess.run(
            [
                str(self.home / "bin/python"),
                "-P",
                *arguments,
            ],  # -P: not from the folder that it is in
            cwd=cwd or self.cwd,
            env={**kept, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def bench(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self("-c", _BENCH, *arguments, cwd=cwd)

    def pytest(self, package: Path) -> subprocess.CompletedProcess[str]:
        """Run the tests of a package, with its own options; the package is not imported from it."""
        return self("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=package)

    def install(self, wheel: Path) -> None:
        """Unpack a wheel where packages lie, as pip does; there is no pip, and no network."""
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(_site(self.home))


def fresh(folder: Path) -> Environment:
    """Make an environment beside the libraries of this one."""
    home, cwd = folder / "venv", folder / "cwd"
    command = [sys.executable, "-m", "venv", "--without-pip", str(home)]
    subprocess.run(command, check=True, capture_output=True)
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (_site(home) / "libraries.pth").write_text(
        "".join(f"import site; site.addsitedir({each!r})\n" for each in sorted(libraries))
    )
    cwd.mkdir()
    return Environment(home, cwd)


def built(source: Path, into: Path) -> Path:
    """Build the wheel of a package with the backend that is here; no network."""
    pytest.importorskip("hatchling", reason="hatchling builds wheels: pip install hatchling")
    into.mkdir()
    command = [sys.executable, "-c", _BUILD, str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [wheel] = into.glob("*.whl")
    return wheel


def _site(home: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)}))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("stranger")
    environment = fresh(folder)
    environment.install(built(EXAMPLE, folder / "wheel"))
    return environment


@pytest.fixture(scope="module")
def ran(stranger: Environment) -> subprocess.CompletedProcess[str]:
    return stranger.bench("run", "--suite", "kan", "--seeds", "3", "--check", "--format", "json")


def test_the_example_lies_in_its_environment_and_not_where_it_was_written(
    stranger: Environment,
) -> None:
    seen = stranger("-c", "import bench_kan, sys; print(bench_kan, *sys.path)").stdout

    assert str(stranger.home) in seen.split(" ", 4)[3]
    assert str(EXAMPLE) not in seen


def test_the_suite_of_the_example_runs_and_shows_what_it_expects(ran: Any) -> None:
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)

    assert [each["outcome"] for each in found["expectations"]] == ["holds"] * 3
    assert {each["metrics"]["parameters"]["mean"] for each in found["cases"]} == {282}
    compared = {each["metric"] for each in found["comparisons"]}
    assert "kan_calibration_error" in compared


def test_every_record_says_which_package_and_version_it_came_from(
    ran: Any, stranger: Environment
) -> None:
    shown = stranger.bench("show", "kan", "--format", "json", "--trials")
    sources = [each["sources"] for each in json.loads(shown.stdout)["trials"]]

    named = {source["dataset"].rpartition(" ")[0] for source in sources}
    assert (len(sources), named) == (18, {"kan (bench-kan 0.2.0)"})
    listed = stranger.bench("list", "models").stdout
    [line] = [each for each in listed.splitlines() if "kan_net" in each]
    assert line.endswith("  kan (bench-kan 0.2.0)")


def test_the_example_passes_its_own_tests(stranger: Environment) -> None:
    copy = shutil.copytree(EXAMPLE / "tests", stranger.cwd / "package" / "tests")
    shutil.copy(EXAMPLE / "pyproject.toml", copy.parent)

    ended = stranger.pytest(copy.parent)

    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr
    assert re.match(r"\d\d passed in ", ended.stdout.splitlines()[-1])


def test_the_ten_minutes_of_the_guide_lead_to_a_table(tmp_path: Path) -> None:
    environment, cwd = fresh(tmp_path), tmp_path / "cwd"
    [block] = re.findall(r"```bash\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    ended: dict[str, subprocess.CompletedProcess[str]] = {}

    for line in block.splitlines():
        match shlex.split(line):
            case ["cd", folder]:
                cwd = cwd / folder
            case ["pip", "install", "-e", "."]:
                environment.install(built(cwd, tmp_path / "wheel"))
            case ["pytest"]:
                ended["pytest"] = environment.pytest(cwd)
            case ["bench", *arguments]:
                ended[arguments[0]] = environment.bench(*arguments, cwd=cwd)
            case _:
                pytest.fail(f"nobody has tried this line: {line}")

    assert {name: each.returncode for name, each in ended.items()} == {
        "new-plugin": 0,
        "pytest": 0,
        "run": 0,
    }, ended
    assert re.match(r"\d\d passed in ", ended["pytest"].stdout.splitlines()[-1])
    assert ended["run"].stdout.count(" ok 3") == 2
    assert "1 of 1 expectations of the suite hold" in ended["run"].stdout

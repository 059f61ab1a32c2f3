"""The commands `bench report` and `bench plot`, and `bench run --report`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from made import made_case, made_plan

from harness.cli import main  # noqa: F401  # it adds the commands
from harness.cli.group import bench as commands
from harness.errors import BenchError, StoreError
from tests.test_report import record
from tests.test_show import laid

LEVELS = ({"init": "zeros"}, {"init": "xavier"})
PLAN = made_plan(*(made_case(each, baseline=0, epochs=3) for each in LEVELS))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("results")
    laid(results, PLAN, [record(PLAN, case, seed, 0.5) for case in (0, 1) for seed in PLAN.seeds])
    return results


def called(results: Path, *arguments: object) -> Any:
    """Run a command in this process."""
    given = ["--results", str(results), *map(str, arguments)]
    return commands.main(given, prog_name="bench", standalone_mode=False)


def test_a_report_is_written_into_the_folder_of_its_run_and_its_path_is_printed(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [folder] = (results / "init").iterdir()

    assert called(results, "report", "init") == 0

    assert capsys.readouterr().out == f"report in {folder / 'report.html'}\n"
    page = (folder / "report.html").read_text("utf-8")
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert page.count("<section") == 1


def test_a_report_of_two_runs_goes_where_it_is_asked_for(results: Path, tmp_path: Path) -> None:
    assert called(results, "report", "init", "init", "--out", tmp_path / "both.html") == 0

    assert (tmp_path / "both.html").read_text("utf-8").count("<section") == 2


def test_a_report_that_cannot_be_written_is_an_error(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "absent" / "page.html"

    with pytest.raises(StoreError) as error:
        called(results, "report", "init", "--out", out)

    assert str(error.value) == f"{out} cannot be written: No such file or directory"


@pytest.mark.parametrize("name", ["curves.svg", "curves.PDF", "curves.png"])
def test_a_plot_is_written_in_the_format_of_its_suffix(
    results: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(results, "plot", "init", "--kind", "curves", "--out", tmp_path / name) == 0

    assert capsys.readouterr().out == f"{tmp_path / name}\n"
    assert (tmp_path / name).stat().st_size > 1000


def test_a_plot_of_more_cases_than_colours_is_several_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = made_plan(*(made_case({"lr": each}, baseline=0) for each in range(7)), seeds=[0])
    laid(tmp_path / "results", plan, [record(plan, case, 0, 0.5) for case in range(7)])

    out = tmp_path / "curves.png"
    assert called(tmp_path / "results", "plot", "--kind", "curves", "--out", out) == 0

    assert capsys.readouterr().out.split() == [str(tmp_path / f"curves-{n}.png") for n in (1, 2)]
    assert sorted(each.name for each in tmp_path.glob("*.png")) == ["curves-1.png", "curves-2.png"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            ("--kind", "pie", "--out", "pie.svg"),
            "unknown kind of picture 'pie' (known: activations, curves,"
            " differences, effects, frontier, gradients, memory, strips, time)",
        ),
        (
            ("--kind", "curves", "--out", "curves.jpg"),
            "unknown suffix of a picture 'jpg': did you mean 'png'? (known: pdf, png, svg)",
        ),
        (
            ("--kind", "activations", "--out", "shapes.svg"),
            "run {run} has no picture activations: no trial has tabulated a function:"
            " procedure=tabulate does",
        ),
    ],
)
def test_a_plot_that_there_is_not_is_told_with_what_would_work(
    results: Path, given: Sequence[str], told: str
) -> None:
    [folder] = (results / "init").iterdir()

    with pytest.raises(BenchError) as error:
        called(results, "plot", "init", *given)

    assert str(error.value) == told.format(run=folder.name)


@pytest.mark.parametrize(
    "given",
    [
        ("report",),
        ("plot", "--kind", "curves", "--out", "curves.svg"),
        ("run", "--suite", "smoke", "--report"),
    ],
    ids=["report", "plot", "run"],
)
def test_without_matplotlib_each_command_says_how_to_get_it(
    results: Path, monkeypatch: pytest.MonkeyPatch, given: Sequence[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    with pytest.raises(BenchError) as error:
        called(results, *given)

    assert str(error.value) == (
        "pictures need matplotlib, which is not installed: pip install 'bench-harness[plots]'"
    )


def test_only_the_commands_that_draw_import_matplotlib_and_none_imports_torch(
    results: Path, tmp_path: Path
) -> None:
    script = (
        "import sys; from harness.cli import main; from harness.cli.group import bench\n"
        "def seen(): return {'matplotlib', 'torch'} & set(sys.modules)\n"
        "where = ['--results', sys.argv[1]]\n"
        "bench.main([*where, 'show'], standalone_mode=False); first = seen()\n"
        "bench.main([*where, 'report', '--out', sys.argv[2]], standalone_mode=False)\n"
        "print(sorted(first), sorted(seen()))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script, str(results), str(tmp_path / "page.html")],
        check=True,
        capture_output=True,
        text=True,
    )

    assert ended.stdout.splitlines()[-1] == "[] ['matplotlib']"


def test_a_run_writes_its_report_and_prints_where_it_lies(
    bench: Callable[..., Any], tiny: Path, tmp_path: Path
) -> None:
    given = ("model=two_layers", "dataset=few", "optimizer=sgd", "epochs=1", "--seeds", "1")

    ended = bench("run", "-p", tiny, *given, "--report")

    [page] = tmp_path.glob("results/sweep/*/report.html")
    assert (ended.code, ended.torch) == (0, False)
    assert ended.out.splitlines()[-1] == f"report in {page.relative_to(tmp_path)}"
    assert "<svg" in page.read_text("utf-8")

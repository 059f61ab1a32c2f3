"""Effects as a table and as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pytest
from made import made_case, made_plan

from harness.judging.tables import summaries
from harness.showing.factorial import render_effects
from tests.judging.test_effects import LEVELS, PLAN, VALUES, records

NAMES = ("test_accuracy",)


def shown(found: Any, plan: Any = PLAN, names: Any = NAMES, **more: Any) -> list[str]:
    return render_effects(plan, summaries(plan, found), names, **more).splitlines()


def test_an_effect_is_a_row_main_effects_first() -> None:
    assert shown(records(name="test_accuracy")) == [
        "effects against init=normal activation=relu; paired by seed, n = 5",
        "",
        "effect                         test_accuracy, points",
        "-----------------------------  --------------------------",
        "main init=xavier               +28.0 [27.0, 29.0] better",
        "main init=zeros                -42.5 [-44.3, -40.7] worse",
        "main activation=tanh           +8.7 [8.1, 9.3] better",
        "init=xavier x activation=tanh  +15.2 [13.6, 16.8] better",
        "init=zeros x activation=tanh   -5.4 [-7.3, -3.5] worse",
        "",
        "margins: test_accuracy 1 point",
        "intervals are 95 %, of each effect alone; words after Holm over the 5 effects of each"
        " metric",
        "main: the mean over the other factors' cells at a level, less that at the reference",
        "x: what two levels change together, beyond the sum of what each changes alone",
    ]


def test_what_cannot_be_given_says_so_above_the_simple_effects_that_stand_for_it() -> None:
    found = [each for each in records(name="test_accuracy") if each.levels != LEVELS[3]]

    lines = shown(found)

    assert [each.split("  ")[0] for each in lines[4:12]] == [
        "main init=xavier",
        "init=xavier at activation=relu",
        "main init=zeros",
        "main activation=tanh",
        "activation=tanh at init=normal",
        "activation=tanh at init=zeros",
        "init=xavier x activation=tanh",
        "init=zeros x activation=tanh",
    ]
    assert lines[4].split()[-2:] == ["-", "(a)"]
    assert lines[15] == "(a) no result in 1 of 4 cells: simple effects instead"
    assert lines[-1] == "at: the level alone, where the others have these levels"


@pytest.mark.parametrize("width", [60, 80])
def test_a_terminal_is_kept_to(width: int) -> None:
    assert max(map(len, shown(records(name="test_accuracy"), width=width))) <= width


def test_memory_without_a_word_is_a_line_unless_it_was_asked_for() -> None:
    found = [
        msgspec.structs.replace(each, metrics={**each.metrics, "host_peak_bytes": 2e6 + each.seed})
        for each in records(name="test_accuracy")
    ]
    names = ["test_accuracy", "memory"]

    assert shown(found, names=names)[2].split() == ["effect", "test_accuracy,", "points"]
    assert "host_peak_bytes: no word, both below 16 MiB; 0 %" in shown(found, names=names)
    assert shown(found, names=names, chosen=True)[2].endswith("  host_peak_bytes, %")


def test_markdown_and_latex_are_escaped() -> None:
    markdown = shown(records(name="test_accuracy"), style="markdown")
    latex = shown(records(name="test_accuracy"), style="latex")

    assert markdown[4].startswith("| main init=xavier              | +28.0 [27.0, 29.0] better")
    assert r"main init=xavier & +28.0 [27.0, 29.0] better \\" in latex


def test_csv_has_a_row_an_effect_and_metric_with_raw_numbers() -> None:
    found = [
        msgspec.structs.replace(each, metrics={**each.metrics, "score": 1.0})
        for each in records(name="test_accuracy")
    ]
    lines = shown(found, names=["test_accuracy", "score"], style="csv")
    rows = list(csv.DictReader(io.StringIO("\n".join(lines))))

    assert len(rows) == 10
    both = next(
        each
        for each in rows
        if (each["effect"], each["metric"]) == ("interaction", "test_accuracy")
    )
    assert both["levels"] == "init=xavier model.activation=tanh"
    assert both["baseline"] == "init=normal model.activation=relu"
    assert (both["at"], both["verdict"], both["pairs"], both["margin"]) == (
        "",
        "better",
        "5",
        "0.01",
    )
    mean = sum(
        VALUES[3][seed] - VALUES[2][seed] - VALUES[1][seed] + VALUES[0][seed] for seed in range(5)
    )
    assert float(both["difference"]) == pytest.approx(mean / 5)
    assert float(both["low"]) < mean / 5 < float(both["high"])
    assert {each["note"] for each in rows if each["metric"] == "score"} == {
        "identical on all 5 seeds"
    }


def test_hostile_levels_are_escaped() -> None:
    plan = made_plan(made_case({"a": "\x1b[31m|"}, 0), made_case({"a": "b"}, 0), seeds=range(5))
    found = [
        msgspec.structs.replace(each, levels=plan.cases[0].levels, settings=plan.cases[0].settings)
        for each in records(name="test_accuracy")[:5]
    ]

    for style in ("table", "markdown", "latex", "csv"):
        assert all(each.isprintable() for each in shown(found, plan, style=style))

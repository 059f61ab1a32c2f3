"""What `bench show` prints of a run, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from made import made_run

from harness.api import Run
from harness.errors import UnknownName
from harness.judging.tables import CaseSummary, summaries
from harness.records.planned import Plan
from harness.records.record import Record
from harness.records.store import StoredRun
from harness.showing.layout import Style
from harness.showing.page import (
    cases_page,
    effects_page,
    headed,
    judged_by_case,
    pivot_page,
    trials_page,
)
from tests.showing.test_versus import BY_FIRST, BY_INIT, records

STYLES: tuple[Style, ...] = ("table", "markdown", "latex", "csv")


def stored(plan: Plan = BY_INIT, found: Sequence[Record] = ()) -> StoredRun:
    kept = tuple(found or records(plan))
    return StoredRun(folder=Path("r"), run=made_run(plan, command=["run"]), records=kept)


def rows_of(run: StoredRun) -> tuple[CaseSummary, ...]:
    return summaries(run.plan, run.records)


def page(run: StoredRun, **more: Any) -> str:
    return cases_page(run, rows_of(run), **more)


def test_cases_come_first_then_comparisons_then_sentences() -> None:
    cases, title, versus, below, said = page(stored()).split("\n\n")

    assert cases.splitlines()[0].split()[:3] == ["init", "activation", "test_accuracy"]
    assert title == "against init=normal[std=0.01], same activation; paired by seed, n = 5"
    assert versus.splitlines()[0].split()[:3] == ["init", "activation", "test_accuracy,"]
    assert below.startswith("margins: ")
    assert said == (
        "xavier_uniform instead of normal[std=0.01] (init): test_accuracy better in both cases"
        " (by 81 points); train_samples_per_s undecided in both cases"
        " (about 30 seeds would decide)"
    )


def test_csv_is_one_table() -> None:
    lines = page(stored(), style="csv").splitlines()

    assert len(lines) == 5
    assert len({len(each.split(",")) for each in lines}) == 1
    assert "train_samples_per_s_seeds_needed" in lines[0]


def test_the_suite_chooses_the_columns_where_nobody_asks_for_others() -> None:
    plan = msgspec.structs.replace(BY_INIT, columns=("memory", "train_samples_per_s", "gone"))
    found = stored(plan, records(BY_INIT))

    chosen = page(found).splitlines()[0].split()
    assert chosen == ["init", "activation", "memory", "train_samples_per_s", "status"]
    asked = page(found, metrics=["test_accuracy"]).splitlines()[0].split()
    assert asked == ["init", "activation", "test_accuracy", "status"]
    trials = trials_page(found).splitlines()[0].split()
    assert trials[2:6] == ["seed", "status", "memory", "train_samples_per_s"]


def test_metrics_choose_the_columns_of_both_tables() -> None:
    cases, _, versus, *_ = page(stored(), metrics=["wall-s", "memory"]).split("\n\n")

    assert cases.splitlines()[0].split() == ["init", "activation", "wall_s", "memory", "status"]
    assert versus.splitlines()[0].split() == ["init", "activation", "memory,", "%"]


def test_a_run_in_which_nothing_ended_is_a_table_of_cases_alone() -> None:
    run = StoredRun(folder=Path("r"), run=made_run(BY_INIT))

    assert "\n\n" not in page(run)
    assert page(run).count("not run 5") == 4


SHOWS: dict[str, Callable[..., str]] = {
    "cases": cases_page,
    "effects": effects_page,
    "pivot": lambda run, rows, **more: pivot_page(run, rows, "init", **more),
    "trials": lambda run, _, **more: trials_page(run, **more),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("show", SHOWS.values(), ids=SHOWS)
def test_every_page_has_every_style_and_refuses_an_unknown_metric(
    show: Callable[..., str], style: Style
) -> None:
    run = stored(BY_FIRST)

    assert "xavier" in show(run, rows_of(run), style=style)
    with pytest.raises(UnknownName, match=r"^unknown metric 'nonsense' "):
        show(run, rows_of(run), style=style, metrics=["nonsense"])


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("show", SHOWS.values(), ids=SHOWS)
def test_every_page_keeps_to_a_terminal(show: Callable[..., str], width: int) -> None:
    run = stored(BY_FIRST)
    shown = headed(run, show(run, rows_of(run), width=width), width=width)

    assert max(map(len, shown.splitlines())) <= width


def test_a_header_stands_above_a_page_but_not_above_csv() -> None:
    run = stored()

    assert headed(run, "page") == "init : bench run\n\npage"
    assert headed(run, "page", style="markdown") == "- init : bench run\n\npage"
    assert headed(run, "page", style="csv") == "page"


def test_comparisons_are_found_by_case_and_metric() -> None:
    judged = judged_by_case(BY_INIT, rows_of(stored()), {"test_accuracy"})

    assert sorted(judged) == [(2, "test_accuracy"), (3, "test_accuracy")]
    assert all((each.case, each.metric) == key for key, each in judged.items())


def test_a_run_from_python_prints_as_the_command_does() -> None:
    assert repr(Run(stored())) == page(stored())

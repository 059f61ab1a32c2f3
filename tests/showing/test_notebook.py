"""A run in a notebook: its table as HTML, in which hostile texts stay text."""

from __future__ import annotations

import xml.etree.ElementTree as Tree
from pathlib import Path

import pytest
from made import made_case, made_plan, made_record, made_records, made_run

from harness.api import Run
from harness.records.store import StoredRun

HOSTILE = "<script>alert('&')</script>"
PLAN = made_plan(
    made_case({"init": "zeros"}, baseline=0),
    made_case({"init": HOSTILE}, baseline=0),
    made_case({"init": "ones"}, baseline=0),
)


@pytest.fixture
def shown() -> str:
    records = [
        *made_records(PLAN, 0, test_accuracy=[0.5, 0.6, 0.7]),
        *made_records(PLAN, 2, test_accuracy=[0.9, 0.98, 1.0]),
        *(made_record(PLAN, 1, seed, "error", reason=f"{HOSTILE} raised") for seed in range(3)),
    ]
    run = made_run(PLAN, id="1", command=["run", HOSTILE])
    stored = StoredRun(folder=Path("r"), run=run, records=tuple(records))
    return Run(stored)._repr_html_()


def test_it_is_the_table_with_the_cases_that_failed(shown: str) -> None:
    tree = Tree.fromstring(shown.replace("<br>", "<br/>"))
    rows = [[cell.text for cell in row] for row in tree.iter("tr")]

    assert rows[0] == ["init", "test_accuracy", "memory", "status"]
    assert rows[1] == ["zeros", "0.600 ±0.100 (3)", "-", "ok 3"]
    assert rows[2][1:] == ["-", "-", "error 3"]
    assert rows[3] == ["ones", "0.960 ±0.053 (3)", "-", "ok 3"]


def test_what_it_says_stands_below(shown: str) -> None:
    said = [each.text or "" for each in Tree.fromstring(shown.replace("<br>", "<br/>")).iter("p")]

    assert any("ones instead of zeros" in each for each in said)
    assert f"error: {HOSTILE} raised (3 trials)" in said


def test_hostile_levels_reasons_and_commands_stay_text(shown: str) -> None:
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") >= 3

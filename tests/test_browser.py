"""A page in a real browser: nothing complains, the table sorts by keyboard, it fits a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest
from made import made_case, made_plan, made_record

from harness.report.document import report_page
from tests.test_report import HOSTILE, record, stored

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no chromium here"),
]

CASES = 9
ACCURACIES = [0.5, 0.9, 0.7, 0.6, 0.8, 0.4, 0.3, 0.2]
FIRST = "Array.from(document.querySelectorAll('tbody tr'), (row) => row.cells[0].textContent)"
SORTED = "Array.from(document.querySelectorAll('th'), (head) => head.getAttribute('aria-sort'))"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run with hostile names, whose last case diverged."""
    names = [*HOSTILE, "wild"]
    plan = made_plan(*(made_case({"init": each}, baseline=0) for each in names), seeds=[0, 1])
    found = [
        record(plan, case, seed, accuracy)
        for case, accuracy in enumerate(ACCURACIES)
        for seed in (0, 1)
    ]
    found += [made_record(plan, 8, seed, "diverged", reason=HOSTILE[0]) for seed in (0, 1)]
    path = tmp_path_factory.mktemp("page") / "report.html"
    run = stored(plan, found, command=["run", HOSTILE[1]])
    path.write_text(report_page([run]), "utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    with chromium.browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


def test_a_page_opens_without_a_complaint_and_asks_for_nothing_but_itself(
    browser: chromium.Browser, page: Path
) -> None:
    browser.open(page)

    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    assert browser.value("document.querySelectorAll('svg[role=img]').length") > 10
    assert browser.value("document.images.length") == 0


def test_the_table_sorts_by_keyboard_and_rows_without_a_figure_stay_last(
    browser: chromium.Browser, page: Path
) -> None:
    browser.open(page)
    browser.value("document.querySelectorAll('th button')[1].focus()")

    browser.press("Tab")
    browser.press("Enter", "\r")
    up = browser.value(FIRST), browser.value(SORTED)[2]
    browser.press(" ", " ")
    down = browser.value(FIRST), browser.value(SORTED)[2]

    order = sorted(range(8), key=lambda case: ACCURACIES[case])
    assert up == ([str(case + 1) for case in order] + ["9"], "ascending")
    assert down == ([str(case + 1) for case in reversed(order)] + ["9"], "descending")
    assert browser.value(SORTED).count("none") == len(browser.value(SORTED)) - 1
    assert browser.complaints() == []


def test_the_command_is_copied_or_selected_by_its_button(
    browser: chromium.Browser, page: Path
) -> None:
    browser.open(page)
    browser.value("document.querySelector('button.copy').focus()")

    browser.press("Enter", "\r")

    seen = "document.querySelector('button.copy').textContent"
    while browser.value(seen) == "copy":
        pass
    said = browser.value(seen)
    assert said in {"copied", "selected: press Ctrl+C"}
    if said != "copied":
        assert "onerror=alert(1)" in browser.value("getSelection().toString()")


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_page_fits_its_window_and_its_text_stands_out(
    browser: chromium.Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width, dark=dark)

    assert browser.value("document.documentElement.scrollWidth") <= width
    back = browser.value("getComputedStyle(document.body).backgroundColor")
    drawn = browser.value("getComputedStyle(document.querySelector('svg text')).fill")
    assert _contrast(back, drawn) > 7
    assert browser.complaints() == []


def _contrast(one: str, other: str) -> float:
    """Reckon the contrast of two colours (https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio)."""
    low, high = sorted(_luminance(each) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(each) / 255 for each in colour.removeprefix("rgb(").rstrip(")").split(",")]
    parts = [
        each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in shares
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_hostile_names_are_text_and_no_part_of_the_page(
    browser: chromium.Browser, page: Path
) -> None:
    browser.open(page)

    cells = browser.value("Array.from(document.querySelectorAll('tbody td'), (c) => c.textContent)")
    assert "<script>alert(1)</script>" in cells
    assert browser.value("document.scripts.length") == 1
    assert browser.value("document.querySelectorAll('[onerror], b, img').length") == 0

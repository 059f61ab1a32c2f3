"""Texts as a table that fits its terminal."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.showing.layout import Column, csv_text, listed, printed, titled
from harness.units import one_line

CELLS = st.text(max_size=40).map(one_line)
TABLES = st.integers(0, 4).flatmap(
    lambda rows: st.lists(
        st.builds(
            lambda header, cells, wraps: Column(header=header, cells=cells, wraps=wraps),
            CELLS,
            st.lists(CELLS, min_size=rows, max_size=rows),
            st.booleans(),
        ),
        min_size=1,
        max_size=5,
    )
)
INIT = Column(header="init", cells=["normal[std=0.01]", "xavier_uniform"], wraps=True)
SPEED = Column(header="train_samples_per_s", cells=["12.3 k/s", "-"])
STATUS = Column(header="status", cells=["ok 3, timeout 2", "ok 5"], wraps=True)


def test_a_table_has_a_line_a_row() -> None:
    assert printed([INIT, SPEED, STATUS]).splitlines() == [
        "init              train_samples_per_s  status",
        "----------------  -------------------  ---------------",
        "normal[std=0.01]  12.3 k/s             ok 3, timeout 2",
        "xavier_uniform    -                    ok 5",
    ]


def test_a_table_that_is_too_wide_breaks_headers_first() -> None:
    assert printed([INIT, SPEED, STATUS], width=46).splitlines() == [
        "init              train_    status",
        "                  samples_",
        "                  per_s",
        "----------------  --------  ---------------",
        "normal[std=0.01]  12.3 k/s  ok 3, timeout 2",
        "xavier_uniform    -         ok 5",
    ]


def test_a_table_that_is_wider_still_breaks_cells_behind_separators() -> None:
    assert printed([INIT, SPEED, STATUS], width=32).splitlines() == [
        "init       train_    status",
        "           samples_",
        "           per_s",
        "---------  --------  ---------",
        "normal[    12.3 k/s  ok 3,",
        "std=0.01]            timeout 2",
        "xavier_    -         ok 5",
        "uniform",
    ]


def test_a_table_that_cannot_be_broken_becomes_a_block_a_row() -> None:
    assert printed([INIT, SPEED, STATUS], width=26).splitlines() == [
        "init           normal[std=",
        "               0.01]",
        "train_         12.3 k/s",
        "samples_per_s",
        "status         ok 3,",
        "               timeout 2",
        "",
        "init           xavier_",
        "               uniform",
        "train_         -",
        "samples_per_s",
        "status         ok 5",
    ]


@given(TABLES, st.integers(10, 100))
def test_no_line_is_wider_than_the_terminal(columns: list[Column], width: int) -> None:
    below = ["a reason that is long, and longer, and as long as reasons are"]

    assert max(map(len, printed(columns, width=width, below=below).splitlines())) <= width


@given(CELLS.map(str.strip).filter(bool), st.integers(3, 30))
def test_breaking_a_cell_loses_no_character(cell: str, width: int) -> None:
    lines = printed([Column(header="h", cells=[cell], wraps=True)], width=width).splitlines()
    parts = lines[2:] if lines[0] == "h" else [each[3:] for each in lines]

    assert "".join("".join(parts).split()) == "".join(cell.split())


def test_lines_below_stand_apart_and_are_broken_too() -> None:
    assert printed([SPEED], width=20, below=["skipped: there is no GPU here"]).splitlines()[
        -3:
    ] == [
        "",
        "skipped: there is no",
        "  GPU here",
    ]


def test_lines_are_a_list_in_markdown_and_paragraphs_in_latex() -> None:
    lines = ["a | b", "50 % of c_d"]

    assert listed(lines) == "a | b\n50 % of c_d"
    assert listed(lines, "markdown") == "- a \\| b\n- 50 % of c_d"
    assert listed(lines, "latex") == "a \\ensuremath{|} b\n\n50 \\% of c\\_d"
    assert listed([]) == listed([], "markdown") == listed([], "latex") == ""


def test_a_title_stands_above_and_is_escaped_as_the_table_is() -> None:
    assert titled("a_b | c", "table") == "a_b | c\n\ntable"
    assert titled("a_b | c", "table", "markdown") == "a_b \\| c\n\ntable"
    assert titled("a_b | c", "table", "latex") == "a\\_b \\ensuremath{|} c\n\ntable"
    assert titled("a long title", "table", width=10) == "a long\n  title\n\ntable"


def test_latex_has_the_rules_of_booktabs() -> None:
    assert printed([INIT, STATUS], "latex", below=["50 %"]).splitlines() == [
        r"\begin{tabular}{ll}",
        r"\toprule",
        r"init & status \\",
        r"\midrule",
        r"normal[std=0.01] & ok 3, timeout 2 \\",
        r"xavier\_uniform & ok 5 \\",
        r"\bottomrule",
        r"\end{tabular}",
        "",
        r"50 \%",
    ]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("a & b % c $ d # e _ f", r"a \& b \% c \$ d \# e \_ f"),
        ("~^`\"<>|", r"\textasciitilde{}\textasciicircum{}\textasciigrave{}\char34{}"
         r"\ensuremath{<}\ensuremath{>}\ensuremath{|}"),
        ("[128,64]", "{[}128,64]"),
        ("*", "{*}"),
        ("0.95 ±0.01", r"0.95 \ensuremath{\pm}0.01"),
        ("-5 [-12, 31] a-1 1e-4", "$-$5 [$-$12, 31] a-1 1e-4"),
        ("a---b ,, ''", "a-{}-{}-b ,{}, '{}'"),
    ],
)  # fmt: skip
def test_no_text_is_a_command_of_latex(cell: str, shown: str) -> None:
    line = printed([Column(header="h", cells=[cell])], "latex").splitlines()[4]

    assert line == shown + r" \\"


@given(CELLS)
def test_latex_has_as_many_braces_open_as_closed_and_no_bare_sign(cell: str) -> None:
    shown = listed([cell], "latex")
    bare = re.sub(r"\\pm|\\[a-z]+\d*\{|\\[{}&%$#_]", "", shown)

    assert re.sub(r"\\[{}]", "", shown).count("{") == re.sub(r"\\[{}]", "", shown).count("}")
    assert not re.search(r"[&%#_~^\\]", bare)


def test_a_table_without_rows_has_its_headers() -> None:
    assert printed([Column(header="a", cells=[])]) == "a\n-"


def test_markdown_is_escaped() -> None:
    column = Column(header="a|b", cells=["x|y", "{*.w=`z`}", "<b>", "back\\slash"])

    assert printed([column], "markdown", below=["error: <|>"]).splitlines() == [
        "| a\\|b         |",
        "|--------------|",
        "| x\\|y         |",
        "| {\\*.w=\\`z\\`} |",
        "| \\<b>         |",
        "| back\\\\slash  |",
        "",
        "- error: \\<\\|>",
    ]


@pytest.mark.parametrize("width", [None, 10])
def test_markdown_has_no_width(width: int | None) -> None:
    assert len(printed([INIT, SPEED], "markdown", width).splitlines()) == 4


@given(st.lists(st.lists(CELLS | st.none() | st.integers(), min_size=2, max_size=2)))
def test_csv_reads_back(rows: list[list[object]]) -> None:
    found = list(csv.reader(io.StringIO(csv_text(["a", "b"], rows) + "\n")))

    assert found == [["a", "b"], *(["" if c is None else str(c) for c in row] for row in rows)]


def test_csv_has_raw_numbers_and_escaped_texts() -> None:
    assert csv_text(["x"], [[0.1], [None], ["a\nb,\x00"]]) == 'x\n0.1\n""\n"a\\nb,\\u0000"'

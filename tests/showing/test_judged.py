"""Cells of what was judged, and the lines below that explain them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from harness.judging.compare import Comparison
from harness.judging.effects import Effect
from harness.numbers.metrics import MEANINGS
from harness.numbers.verdicts import MORE_THAN_MOST, NO_SPREAD
from harness.showing.judged import Judged, judged_table, notes_of, usual_n
from harness.showing.layout import Column

NAMES = {"accuracy": "test_accuracy", "speed": "train_samples_per_s", "memory": "host_peak_bytes"}
LOOKED_AT = {name: MEANINGS[metric] for name, metric in NAMES.items()}


def made(verdict: Any = "better", name: str = "accuracy", **more: Any) -> Comparison:
    usual: dict[str, Any] = {"difference": 0.79, "ci95": (0.72, 0.86), "n": 5, "margin": 0.01}
    return Comparison(
        levels={}, baseline={}, metric=NAMES[name], verdict=verdict, **{**usual, **more}
    )


def lines(cells: dict[str, Sequence[Judged | None]], **more: Any) -> list[str]:
    rows = len(next(iter(cells.values())))
    lead = Column(header="case", cells=[str(each) for each in range(rows)])
    settings = {"kind": "comparison", **more}
    return judged_table([lead], cells, LOOKED_AT, **settings).splitlines()


def test_a_cell_has_the_difference_its_interval_and_the_word() -> None:
    worse = made("worse", "speed", difference=-0.12, ci95=(-0.2, -0.03), margin=0.03)

    assert lines({"accuracy": [made(), None], "speed": [worse, worse]}) == [
        "case  accuracy, points     speed, %",
        "----  -------------------  -------------------",
        "0     +79 [72, 86] better  -12 [-20, -3] worse",
        "1     -                    -12 [-20, -3] worse",
        "",
        "margins: accuracy 1 point, speed 3 %",
        "intervals are 95 %, of each comparison alone; words after Holm over the comparisons of"
        " each metric (test_accuracy 1, train_samples_per_s 2)",
    ]


def test_what_a_reader_must_know_of_a_cell_stands_below_under_a_letter() -> None:
    found = [
        made("undecided", seeds_needed=20),
        made("undecided", note=MORE_THAN_MOST),
        made("undecided", note="1 of 5 seeds collapsed"),
        made("undecided", n=4, note=f"failed 1 of 5; {MORE_THAN_MOST}"),
        made("same", difference=0.0, ci95=(0.0, 0.0), note="identical on all 5 seeds"),
        made("better", difference=0.25, ci95=(0.25, 0.25), note=NO_SPREAD),
        made(None, difference=None, ci95=None, n=0, note="failed 5 of 5; no result"),
        made("undecided", seeds_needed=20),
    ]

    shown = lines({"accuracy": found})

    assert [each[6:] for each in shown[2:10]] == [
        "+79 [72, 86] undecided(a)",
        "+79 [72, 86] undecided(b)",
        "+79 [72, 86] undecided(c)",
        "+79 [72, 86] undecided(d)",
        "0 same(e)",
        "+25 better(f)",
        "- (g)",
        "+79 [72, 86] undecided(a)",
    ]
    assert shown[13:] == [
        "(a) a fresh run of about 20 seeds would decide",
        "(b) more than 50 seeds would decide",
        "(c) 1 of 5 seeds collapsed: let the learning rate decay, or take 20 seeds",
        "(d) n = 4; failed 1 of 5; more than 50 seeds would decide",
        "(e) identical on all 5 seeds: the factor may have had no effect",
        "(f) no spread: the mean alone decides",
        "(g) failed 5 of 5; no result",
    ]


def test_letters_go_on_behind_z() -> None:
    found = [made(note=f"note {place}") for place in range(53)]

    shown = [each for each in lines({"accuracy": found}) if each.startswith("(")]

    assert [shown[place] for place in (25, 26, 51, 52)] == [
        "(z) note 25",
        "(aa) note 26",
        "(az) note 51",
        "(ba) note 52",
    ]


@pytest.mark.parametrize(
    ("found", "looks", "told"),
    [
        ([made()], 1, "; words are of one comparison of each metric"),
        ([made(), made("same")], 0, "; words after Holm over the 2 comparisons of each metric"),
        (
            [made(), made()],
            3,
            "; words after Holm over the 2 comparisons of each metric, at 5 % shared by 3 looks",
        ),
        ([made(None, note="2 pairs: a word needs 3")], 1, ""),
    ],
)
def test_it_is_said_of_what_intervals_and_words_hold(
    found: list[Comparison], looks: int, told: str
) -> None:
    below = lines({"accuracy": found}, looks=looks)[-1 if found[0].verdict else -2]

    assert below == f"intervals are 95 %, of each comparison alone{told}"


def test_memory_without_a_word_is_a_line_unless_it_is_all_there_is() -> None:
    note = "both below 16 MiB"
    quiet = [
        made(None, "memory", difference=each, ci95=(each - 0.01, each + 0.01), note=note)
        for each in (0.1, -0.04)
    ]
    judged: list[Judged | None] = [made(), made()]

    both = lines({"accuracy": judged, "memory": quiet}, brief=["memory"])
    alone = lines({"memory": quiet}, brief=["memory"])

    assert both[0] == "case  accuracy, points"
    assert both[-1] == "memory: no word, both below 16 MiB; -4.0 to +10.0 %"
    assert alone[2:4] == ["0     +10.0 [9.0, 11.0] (a)", "1     -4.0 [-5.0, -3.0] (a)"]
    assert alone[-1] == "(a) both below 16 MiB"


def test_memory_with_a_word_is_a_column() -> None:
    judged: list[Judged | None] = [made(), made()]
    memory = [made(None, "memory", note="both below 16 MiB"), made("same", "memory", margin=0.01)]

    header, *_ = lines({"accuracy": judged, "memory": memory}, brief=["memory"])

    assert header == "case  accuracy, points     memory, %"


def test_the_usual_number_of_seeds_is_that_of_most_cells() -> None:
    assert usual_n({"accuracy": [made(n=4), made(n=5), None], "speed": [made(n=5)]}) == 5
    assert usual_n({"accuracy": [made(n=0), None]}) == usual_n({}) == 0


def test_an_effect_is_shown_as_a_comparison_is() -> None:
    effect = Effect(
        kind="main", levels={}, baseline={}, metric="test_accuracy", verdict="better",
        difference=0.79, ci95=(0.72, 0.86), n=5, margin=0.01,
    )  # fmt: skip

    shown = lines({"accuracy": [effect, effect]}, kind="effect")

    assert shown[2] == "0     +79 [72, 86] better"
    assert shown[-1].startswith("intervals are 95 %, of each effect alone; words after Holm over ")


def test_what_would_decide_is_no_note() -> None:
    assert notes_of(made("undecided", note=f"failed 1 of 5; {MORE_THAN_MOST}")) == ["failed 1 of 5"]
    assert notes_of(made()) == []

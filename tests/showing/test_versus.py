"""Cases against their baselines, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from made import made_case, made_plan, made_record, made_records

from harness.judging.tables import summaries
from harness.records.planned import Plan
from harness.records.record import Record
from harness.showing.columns import metrics_of
from harness.showing.page import judged_by_case
from harness.showing.versus import baseline_text, render_comparisons

LEVELS = [
    {"init": init, "model.activation": activation}
    for init in ("normal[std=0.01]", "xavier_uniform")
    for activation in ("relu", "tanh")
]
BY_INIT = made_plan(
    *(made_case(each, baseline=place % 2) for place, each in enumerate(LEVELS)), seeds=range(5)
)
BY_FIRST = made_plan(*(made_case(each, baseline=0) for each in LEVELS), seeds=range(5))
BASE = [0.10, 0.11, 0.10, 0.12, 0.10]


def records(plan: Plan = BY_INIT, **more: Any) -> list[Record]:
    """Make records of four cases: two that learn nothing, two that learn."""
    speeds = [1000.0, 1100.0, 900.0, 1050.0, 1000.0]
    found = []
    for case in range(4):
        metrics: dict[str, Any] = {
            "test_accuracy": [each + (0.8 + 0.1 * each) * (case > 1) for each in BASE],
            "train_samples_per_s": speeds[case:] + speeds[:case],
            "host_peak_bytes": [2e6 + 1e5 * case] * 5,
        }
        found += made_records(plan, case, **{**metrics, **more})
    return found


def shown(plan: Plan, found: Sequence[Record], names: Sequence[str] = (), **more: Any) -> list[str]:
    names = names or ("test_accuracy", "train_samples_per_s", "memory")
    rows = summaries(plan, found)
    judged = judged_by_case(plan, rows, metrics_of(names))
    return render_comparisons(plan, rows, judged, names, **more).splitlines()


def test_a_case_that_has_a_baseline_is_a_row_and_below_stands_what_holds_of_all() -> None:
    assert shown(BY_INIT, records()) == [
        "against init=normal[std=0.01], same activation; paired by seed, n = 5",
        "",
        "init            activation  test_accuracy, points         train_samples_per_s, %",
        "--------------  ----------  ----------------------------  ------------------------",
        "xavier_uniform  relu        +81.06 [80.95, 81.17] better  0 [-11, 12] undecided(a)",
        "xavier_uniform  tanh        +81.06 [80.95, 81.17] better  0 [-11, 12] undecided(a)",
        "",
        "margins: test_accuracy 1 point, train_samples_per_s 3 %",
        "intervals are 95 %, of each comparison alone; words after Holm over the 2 comparisons of"
        " each metric",
        "(a) a fresh run of about 30 seeds would decide",
        "memory: no word, both below 16 MiB; +9.5 to +10.0 %",
    ]


@pytest.mark.parametrize("width", [60, 80])
def test_a_terminal_is_kept_to(width: int) -> None:
    lines = shown(BY_INIT, records(), width=width)

    assert max(map(len, lines)) <= width
    assert sum("+81.06" in each for each in lines) == 2


def test_markdown_and_latex_have_the_same_columns() -> None:
    markdown = shown(BY_INIT, records(), style="markdown")
    latex = shown(BY_INIT, records(), style="latex")

    assert markdown[2] == (
        "| init           | activation   | test_accuracy, points        "
        "| train_samples_per_s, %   |"
    )
    assert markdown[4].split("|")[3:5] == [
        " +81.06 [80.95, 81.17] better ",
        " 0 [-11, 12] undecided(a) ",
    ]
    assert markdown[-2] == "- (a) a fresh run of about 30 seeds would decide"
    assert r"init & activation & test\_accuracy, points & train\_samples\_per\_s, \% \\" in latex
    assert latex[-1] == "memory: no word, both below 16 MiB; +9.5 to +10.0 \\%"


def test_memory_that_was_asked_for_is_a_column_though_it_has_no_word() -> None:
    header, _, first, *_ = shown(BY_INIT, records(), ["test_accuracy", "memory"], chosen=True)[2:]

    assert header.endswith("  memory, %")
    assert first.endswith("  +10.0 (a)")


def test_memory_of_two_devices_is_not_compared() -> None:
    plan = made_plan(
        made_case({"device": "cpu"}, baseline=0), made_case({"device": "cuda"}, baseline=0)
    )
    found = made_records(plan, 0, wall_s=[1, 2, 3], host_peak_bytes=[1e9, 1e9, 1e9])
    found += made_records(plan, 1, wall_s=[1, 2, 3], device_peak_bytes=[1e9, 1e9, 1e9])

    why = "another device: the two figures do not mean the same"
    chosen = shown(plan, found, ["wall_s", "memory"], chosen=True)
    assert chosen[2:5] == [
        "device  wall_s, %  memory, %",
        "------  ---------  ---------",
        "cuda    0 same(a)  - (b)",
    ]
    assert chosen[-1] == f"(b) {why}"
    assert shown(plan, found, ["wall_s", "memory"])[-1] == f"memory: no word, {why}"


def test_a_case_without_a_word_shows_the_difference_and_why() -> None:
    found = [
        each for each in records() if each.seed < 2 or each.levels["init"] == "normal[std=0.01]"
    ]
    found += [made_record(BY_INIT, 3, seed, "diverged", reason="loss is nan") for seed in (2, 3, 4)]

    lines = shown(BY_INIT, found, ["test_accuracy"])

    assert lines[0] == "against init=normal[std=0.01], same activation; paired by seed, n = 2"
    assert [each[28:] for each in lines[4:6]] == [
        "+81.0 [80.4, 81.7] (a)",
        "+81.0 [80.4, 81.7] (b)",
    ]
    assert lines[-3:] == [
        "intervals are 95 %, of each comparison alone",
        "(a) 2 pairs: a word needs 3",
        "(b) failed 3 of 5; 2 pairs: a word needs 3",
    ]


def test_a_case_that_failed_altogether_is_a_row_too() -> None:
    found = [each for each in records() if each.levels != LEVELS[3]]
    found += [made_record(BY_INIT, 3, seed, "error", reason="no") for seed in range(5)]

    lines = shown(BY_INIT, found, ["test_accuracy"])

    assert lines[5].split() == ["xavier_uniform", "tanh", "-", "(a)"]
    assert lines[-1] == "(a) failed 5 of 5; no result"


def test_where_nothing_has_a_figure_to_compare_there_is_no_table() -> None:
    single = made_plan(made_case({"init": "zeros"}, baseline=0))

    assert shown(BY_INIT, []) == []
    assert shown(BY_INIT, made_records(BY_INIT, 0, test_accuracy=BASE)) == []
    assert shown(single, made_records(single, 0, test_accuracy=[1, 1, 1])) == []


def test_seeds_that_a_cell_lacks_are_told() -> None:
    found = [each for each in records() if (each.levels, each.seed) != (LEVELS[3], 4)]

    lines = shown(BY_INIT, found, ["test_accuracy"])

    assert lines[0].endswith("n = 5")
    assert lines[5].endswith("better(a)")
    assert lines[-1] == "(a) n = 4"


def test_looks_share_the_error_and_that_is_said() -> None:
    plan = msgspec.structs.replace(BY_INIT, looks=(5, 10, 20))

    assert shown(plan, records(plan))[8].endswith("of each metric, at 5 % shared by 3 looks")


def with_levels(*levels: dict[str, Any], baseline: Sequence[int | None] = ()) -> Plan:
    bases = baseline or [0] * len(levels)
    return made_plan(
        *(made_case(each, baseline=base) for each, base in zip(levels, bases, strict=True))
    )


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (BY_INIT, "init=normal[std=0.01], same activation"),
        (BY_FIRST, "init=normal[std=0.01] activation=relu"),
        (
            with_levels(
                {"model": "linear", "model.hidden": None}, {"model": "mlp", "model.hidden": 8}
            ),
            "model=linear",
        ),
        (
            with_levels({"lr": 1, "wd": 0}, {"lr": 2, "wd": 0}, {"lr": 3, "wd": 0}),
            "lr=1, same wd",
        ),
        (
            with_levels({"lr": 1}, {"lr": 2}, {"lr": 3}, {"lr": 4}, baseline=[0, 0, 2, 2]),
            "the baseline",
        ),
        (
            with_levels({"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 1, "c": 1}),
            "a=1, same b and c",
        ),
        (with_levels({"odd\n": "\x1b"}, {"odd\n": "x"}), 'odd\\n="\\u001b"'),
    ],
)  # fmt: skip
def test_what_cases_are_compared_with_is_told_by_the_levels_that_were_replaced(
    plan: Plan, told: str
) -> None:
    assert baseline_text(plan) == told

"""Two runs printed against each other."""

from __future__ import annotations

import csv
import io
import re

import pytest
from made import made_case, made_plan
from pairs import MIB, made_pair, made_stored, no_default, records_of

from harness.comparing.against import against
from harness.comparing.sheet import plan_of, render_against, what_differs
from harness.errors import UnknownName

GOOD = [0.95, 0.94, 0.96, 0.95, 0.95]
BAD = [0.85, 0.83, 0.87, 0.86, 0.85]
FAST = [1000.0, 1010.0, 990.0, 1005.0, 995.0]
BASE = {"test_accuracy": GOOD, "train_samples_per_s": FAST, "host_peak_bytes": [100.0 * MIB] * 5}
HEAD = {"test_accuracy": BAD, "train_samples_per_s": FAST, "host_peak_bytes": [105.0 * MIB] * 5}
ROWS = [
    ["model", "metric", "base", "head", "difference", "n", "margin", "verdict", "note"],
    ["mlp", "test_accuracy", "0.95", "0.852", "-9.8 [-10.8, -8.8] points", "5", "1 point",
     "worse", "-"],
    ["mlp", "train_samples_per_s", "1.00 k/s", "1.00 k/s", "0 %", "5", "3 %",
     "-", "not interleaved"],
    ["mlp", "host_peak_bytes", "100 MiB", "105 MiB", "+5.0 %", "5", "1 %", "worse", "no spread"],
]  # fmt: skip
BELOW = [
    "",
    "intervals are 95 %, of each comparison alone; words are of one comparison of each metric",
    "differs, base -> head: torch: 2.15.0 -> 2.16.0",
    "not interleaved: the two runs did not take turns, and a machine's speed drifts by a fifth"
    " within minutes: bench gate --suite NAME measures both in turns, --force gives words anyway",
]


def test_a_row_is_a_case_and_a_metric_and_what_differs_stands_below() -> None:
    lines = render_against(made_pair(BASE, HEAD, there={"torch": "2.16.0"})).splitlines()

    assert lines[0] == "head init/head against base init/base; paired by seed, 5 seeds in both"
    assert [re.split(r"  +", lines[place]) for place in (2, 4, 5, 6)] == ROWS
    assert lines[7:] == BELOW


def test_what_was_forced_is_said_in_the_table() -> None:
    row = render_against(made_pair(BASE, HEAD), force=True).splitlines()[5]

    assert row.endswith("same     forced: not interleaved; identical on all 5 seeds")


def test_another_machine_says_what_gets_no_word() -> None:
    lines = render_against(made_pair(BASE, HEAD, there={"cpu": "y"})).splitlines()

    assert lines[6].endswith("-        another machine (cpu)")
    assert lines[-1] == "differs, base -> head: cpu: x -> y (no word on speed and memory)"


def test_markdown_is_a_table_with_a_list_below() -> None:
    lines = render_against(made_pair(BASE, HEAD), style="markdown").splitlines()

    assert lines[2].startswith("| model | metric ".replace(" | ", "   | ")[:7])
    assert [each[:2] for each in lines[2:7]] == ["| ", "|-", "| ", "| ", "| "]
    assert lines[8].startswith("- intervals are 95 %")


def test_csv_has_raw_numbers() -> None:
    rows = list(csv.DictReader(io.StringIO(render_against(made_pair(BASE, HEAD), style="csv"))))

    assert [each["metric"] for each in rows] == [*BASE]
    assert rows[2]["base"] == "104857600.0"
    assert float(rows[2]["difference"]) == pytest.approx(0.05)
    assert (rows[0]["verdict"], rows[0]["pairs"], rows[1]["note"]) == (
        "worse", "5", "not interleaved",
    )  # fmt: skip


def test_metrics_are_chosen_by_name() -> None:
    pair = made_pair(BASE, HEAD)

    assert [each.split()[1] for each in chosen(pair, "host-peak-bytes")] == ["host_peak_bytes"]
    assert [each.split()[1] for each in chosen(pair, "memory")] == ["host_peak_bytes"]
    with pytest.raises(UnknownName) as caught:
        render_against(pair, metrics=["test_acuracy"])
    assert str(caught.value).startswith("unknown metric 'test_acuracy': did you mean ")


def chosen(pair: object, name: str) -> list[str]:
    lines = render_against(pair, metrics=[name]).splitlines()  # type: ignore[arg-type]
    return lines[4 : lines.index("", 4)]


def test_an_undecided_difference_says_what_would_decide() -> None:
    noisy = [0.97, 0.92, 0.99, 0.91, 0.95]
    row = render_against(made_pair({"test_accuracy": GOOD}, {"test_accuracy": noisy})).split("\n")[
        4
    ]

    assert "undecided" in row
    assert "seeds would decide" in row


def test_cases_and_seeds_of_one_run_alone_are_listed() -> None:
    base = made_plan(
        *(made_case({"model": "mlp", "model.dropout": each}) for each in (0.0, 0.5)), seeds=(0, 1)
    )
    head = made_plan(
        *(made_case({"model": "mlp", "model.dropout": each}) for each in (0.5, 0.7)),
        seeds=tuple(range(1, 12)),
    )
    pair = against(made_stored(base, ()), made_stored(head, ()), no_default)

    assert list(what_differs(pair)) == [
        "only in the base: model=mlp dropout=0.0",
        "seeds in the base alone: 0",
        "only in the head: model=mlp dropout=0.7",
        "seeds in the head alone: 2, 3, 4, 5, 6, 7, 8, 9, ...",
    ]


def test_many_differences_and_cases_are_cut() -> None:
    there = {f"version{place}": "2" for place in range(10)}
    base = made_plan(*(made_case({"epochs": each}) for each in range(12)), seeds=(0,))
    head = made_plan(made_case({"epochs": 0}), seeds=(0,))
    old = records_of(base, environment=dict.fromkeys(there, "1"), test_accuracy=[0.5])
    new = records_of(head, environment=there, test_accuracy=[0.5])

    lines = list(what_differs(against(made_stored(base, old), made_stored(head, new), no_default)))

    assert len(lines) == 10
    assert lines[7] == "differs, base -> head: version7: 1 -> 2"
    assert lines[8] == "and 2 more that differ: --format json has all"
    assert (
        lines[9] == f"only in the base: {'; '.join(f'epochs={n}' for n in range(1, 9))}; and 3 more"
    )


def test_runs_without_a_common_seed_say_so() -> None:
    plans = [made_plan(made_case({"model": "mlp"}), seeds=each) for each in ((0,), (1,))]
    found = [records_of(each, test_accuracy=[0.5]) for each in plans]
    runs = [made_stored(plan, each) for plan, each in zip(plans, found, strict=True)]
    pair = against(*runs, default_of=no_default)

    assert list(what_differs(pair))[-1] == "no seed is in both runs: nothing can be paired"
    assert render_against(pair).startswith(
        "head init/r against base init/r; paired by seed, 0 seeds"
    )


def test_the_factors_of_the_table_tell_its_cases_apart() -> None:
    base = made_plan(*(made_case({"epochs": each}) for each in (1, 2)), seeds=(0,))
    head = made_plan(*(made_case({"epochs": each}) for each in (2, 3)), seeds=(0,))
    pair = against(made_stored(base, ()), made_stored(head, ()), no_default)

    assert plan_of(pair).factors == ("epochs",)
    assert [case.levels for case in plan_of(pair).cases] == [{"epochs": 2}]

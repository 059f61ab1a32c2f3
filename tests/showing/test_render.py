"""What a reader sees of summaries and trials."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pytest
from made import made_case, made_plan, made_record

from harness.errors import UnknownName
from harness.judging.tables import summaries
from harness.numbers.metrics import Meaning
from harness.records.planned import Plan
from harness.records.record import Record
from harness.showing.render import render_cases, render_trials

FAST = {"train_samples_per_s": 12_300.0, "host_peak_bytes": 3_586_130}
PLAN = made_plan(
    made_case({"init": "normal[std=0.01]", "model.activation": "relu"}),
    made_case({"init": "zeros", "model.activation": None}, baseline=0),
    seeds=(0, 1, 2),
)


def records(*accuracies: float, case: int = 0, plan: Plan = PLAN, **more: Any) -> list[Record]:
    return [
        made_record(plan, case, seed, metrics={"test_accuracy": each, **FAST, **more})
        for seed, each in zip(plan.seeds, accuracies, strict=False)
    ]


def shown(found: list[Record], plan: Plan = PLAN, **more: Any) -> list[str]:
    return render_cases(plan, summaries(plan, found), **more).splitlines()


def rows(found: list[Record], plan: Plan = PLAN, **more: Any) -> list[dict[str, str]]:
    lines = shown(found, plan, style="csv", **more)
    return list(csv.DictReader(io.StringIO("\n".join(lines))))


def test_a_case_is_a_row_and_one_that_failed_too() -> None:
    failed = [made_record(PLAN, 1, 0, "timeout", reason="60 s have\npassed")]

    assert shown(records(0.949, 0.953, 0.957) + failed) == [
        "init              activation  test_accuracy     train_samples_per_s  memory    status",
        "----------------  ----------  ----------------  -------------------  --------  "
        "--------------------",
        "normal[std=0.01]  relu        0.953 ±0.004 (3)  12.3 k/s             3.42 MiB  ok 3",
        "zeros             -           -                 -                    -         "
        "timeout 1, not run 2",
        "",
        "timeout: 60 s have\\npassed (1 trial)",
    ]


def test_the_same_table_in_markdown() -> None:
    lines = shown(records(0.949, 0.953, 0.957), style="markdown")

    assert lines[0].startswith("| init             | activation   | test_accuracy    |")
    assert lines[2].startswith("| normal[std=0.01] | relu         | 0.953 ±0.004 (3) | 12.3 k/s")
    assert lines[3].endswith("| not run 3 |")


def test_csv_has_raw_numbers_with_spread_and_n_in_columns_of_their_own() -> None:
    failed = [made_record(PLAN, 1, 0, "timeout", reason="60 s have passed")]
    first, second = rows(records(0.5, 0.75, 1.0) + failed)

    assert first == {
        "init": "normal[std=0.01]",
        "model.activation": "relu",
        "planned": "3",
        "status": "ok 3",
        "test_accuracy": "0.75",
        "test_accuracy_std": "0.25",
        "test_accuracy_n": "3",
        "train_samples_per_s": "12300.0",
        "train_samples_per_s_std": "0.0",
        "train_samples_per_s_n": "3",
        "memory": "3586130.0",
        "memory_std": "0.0",
        "memory_n": "3",
        "reason": "",
    }
    assert (second["model.activation"], second["test_accuracy"]) == ("", "")
    assert (second["test_accuracy_n"], second["reason"]) == ("0", "timeout: 60 s have passed")


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_is_kept_to(width: int) -> None:
    lines = shown(records(0.949, 0.953, 0.957), width=width)

    assert max(map(len, lines)) <= width
    assert any("0.953 ±0.004 (3)" in each for each in lines)


@pytest.mark.parametrize(
    ("metrics", "columns"),
    [
        ({"test_accuracy": 1, "test_loss": 1}, ["test_accuracy", "memory"]),
        ({"test_loss": 1, "train_accuracy": 1}, ["test_loss", "memory"]),
        (
            {"train_loss": 1, "train_samples_per_s": 1},
            ["train_loss", "train_samples_per_s", "memory"],
        ),
        ({"infer_samples_per_s": 1}, ["infer_samples_per_s", "memory"]),
        ({"d": 1, "b": 1, "a": 1, "c": 1}, ["a", "b", "c", "memory"]),
        ({}, ["memory"]),
    ],
)
def test_the_columns_follow_what_there_is(metrics: dict[str, float], columns: list[str]) -> None:
    found = [made_record(PLAN, 0, 0, metrics=metrics)]

    assert shown(found)[0].split() == ["init", "activation", *columns, "status"]
    by_trial = render_trials(PLAN, found).splitlines()[0].split()
    assert by_trial == ["init", "activation", "seed", "status", *columns, "reason"]


def test_where_nothing_ended_ok_the_usual_columns_stand_empty() -> None:
    header, _, first, *_ = shown([made_record(PLAN, 0, 0, "error")])

    columns = ["test_accuracy", "train_samples_per_s", "memory"]
    assert header.split() == ["init", "activation", *columns, "status"]
    assert first.split()[2:5] == ["-", "-", "-"]


def test_memory_is_the_devices_on_a_device() -> None:
    plan = made_plan(made_case({"device": "cuda"}), made_case({"device": "cpu"}), seeds=(0,))
    metrics = {"device_peak_bytes": 2048, "host_peak_bytes": 1024}
    found = [made_record(plan, case, 0, metrics=metrics) for case in (0, 1)]

    assert [each["memory"] for each in rows(found, plan)] == ["2048.0", "1024.0"]
    by_trial = render_trials(plan, found, style="csv").splitlines()
    assert [each.split(",")[-2] for each in by_trial] == ["memory", "2048", "1024"]


def test_metrics_choose_columns_with_spread_and_n() -> None:
    found = records(0.5, 0.7, 0.9, parameters=12_345, test_loss=0.5)
    found[0] = msgspec.structs.replace(
        found[0], metrics={**found[0].metrics, "train_samples_per_s": 9000.0, "test_loss": 0.4}
    )
    wanted = ["parameters", "test-loss", "train_samples_per_s", "Memory"]
    header, _, first, *_ = shown(found, metrics=wanted)

    assert header.split()[2:-1] == ["parameters", "test_loss", "train_samples_per_s", "memory"]
    assert first.split("  ")[2:] != []
    assert "12,345 (3)  0.467 ±0.058 (3)  11.2 k/s ±17 % (3)   3.42 MiB (3)" in first


def test_a_metric_stands_for_all_its_layers() -> None:
    layers: dict[str, Any] = {"norm/0.weight": 1.0, "norm/1.weight": 2.0}
    found = records(0.5, **layers)
    header, *_ = shown(found, metrics=["norm"])

    assert header.split()[2:-1] == ["norm/0.weight", "norm/1.weight"]


def test_an_unknown_metric_is_refused_with_the_nearest() -> None:
    for render in (
        lambda: shown([], metrics=["test_acuracy"]),
        lambda: render_trials(PLAN, [], metrics=["test_acuracy"]),
    ):
        with pytest.raises(UnknownName) as caught:
            render()
        assert str(caught.value).startswith(
            "unknown metric 'test_acuracy': did you mean 'test_accuracy'? (known: activation_bytes,"
        )


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        ((0.9532,), "0.953 (1)"),
        ((0.9, 0.9), "0.900 ±0.000 (2)"),
        ((1.0, 1.0), "1.000 ±0.000 (2)"),
        ((0.5, 0.50001), "0.500005 ±0.000007 (2)"),
        ((0.0, 0.0), "0.000 ±0.000 (2)"),
        ((12.0, 13.0), "12.5 ±0.7 (2)"),
        ((1e9, 3e9), "2,000,000,000 ±1.414e+09 (2)"),
        ((1e-9, 3e-9), "2e-09 ±1.414e-09 (2)"),
    ],
)
def test_a_spread_decides_how_many_decimals_a_mean_shows(
    values: tuple[float, ...], cell: str
) -> None:
    assert cell in shown(records(*values), metrics=["test_accuracy"])[2]


def test_a_count_without_spread_is_shown_alone() -> None:
    [line] = [
        each for each in shown(records(1, 1, parameters=99), metrics=["parameters"]) if "99" in each
    ]
    assert "99 (2)" in line


def test_hostile_texts_are_escaped_and_cut() -> None:
    evil = "\x1b[31m|\n\u202e" + "x" * 10_000
    plan = made_plan(made_case({"model.name": evil}), seeds=(0,))
    found = [made_record(plan, 0, 0, "error", reason=evil)]

    for lines in (
        shown(found, plan),
        shown(found, plan, width=60),
        shown(found, plan, style="markdown"),
        render_trials(plan, found).splitlines(),
        render_trials(plan, found, width=60).splitlines(),
    ):
        assert all(each.isprintable() for each in lines)
        assert sum(map(len, lines)) < 3000


def test_many_reasons_are_counted() -> None:
    plan = made_plan(made_case({"init": "zeros"}), seeds=range(10))
    found = [made_record(plan, 0, seed, "error", reason=f"reason {seed}") for seed in range(10)]
    lines = shown(found, plan)

    assert lines[-9] == "error: reason 0 (1 trial)"
    assert lines[-1] == "... and 2 other reasons: --trials shows them"


def test_a_reason_of_many_trials_is_told_once() -> None:
    found = [
        made_record(PLAN, case, seed, "timeout", reason="late")
        for case in (0, 1)
        for seed in (0, 1)
    ]

    assert shown(found)[-1] == "timeout: late (4 trials)"


def test_what_is_expected_to_be_skipped_says_so_before_it_ran() -> None:
    case = msgspec.structs.replace(
        made_case({"device": "cuda"}), expected="skipped", reason="there is no GPU"
    )
    lines = shown([], made_plan(case))

    assert lines[2].split()[-1] == "skipped"
    assert lines[-1] == "skipped: there is no GPU"


def test_a_plan_without_factors_is_a_row() -> None:
    plan = made_plan(made_case({}), seeds=(0,), factors=())

    assert len(shown([made_record(plan, 0, 0)], plan)) == 3


def test_a_trial_is_a_row_by_case_and_seed_and_one_that_was_not_run_too() -> None:
    found = [
        made_record(PLAN, 1, 0, "error", reason="a, b"),
        *records(0.5, 0.75),
    ]

    assert render_trials(PLAN, found).splitlines() == [
        "init              activation  seed  status   test_accuracy  train_samples_per_s  memory"
        "    reason",
        "----------------  ----------  ----  -------  -------------  -------------------  --------"
        "  ------",
        "normal[std=0.01]  relu        0     ok       0.5            12.3 k/s             3.42 MiB"
        "  -",
        "normal[std=0.01]  relu        1     ok       0.75           12.3 k/s             3.42 MiB"
        "  -",
        "normal[std=0.01]  relu        2     not run  -              -                    -       "
        "  -",
        "zeros             -           0     error    -              -                    -       "
        "  a, b",
        "zeros             -           1     not run  -              -                    -       "
        "  -",
        "zeros             -           2     not run  -              -                    -       "
        "  -",
    ]


def test_folds_and_attempts_are_columns_where_they_say_something() -> None:
    plan = made_plan(made_case({"init": "zeros"}), seeds=(0,), folds=(0, 1))
    found = [made_record(plan, 0, 0, fold=0, attempt=2)]
    header, _, first, second = render_trials(plan, found).splitlines()

    assert header.split()[:5] == ["init", "seed", "fold", "attempt", "status"]
    assert first.split()[:5] == ["zeros", "0", "0", "2", "ok"]
    assert second.split()[:4] == ["zeros", "0", "1", "-"]


def test_trials_as_csv_have_raw_numbers_and_every_column() -> None:
    found = [made_record(PLAN, 1, 0, "error", reason="a, b"), *records(0.5)]
    lines = render_trials(PLAN, found, style="csv").splitlines()

    assert lines[0] == (
        "init,model.activation,seed,fold,attempt,status,test_accuracy,train_samples_per_s,memory,"
        "reason"
    )
    assert lines[1] == "normal[std=0.01],relu,0,,1,ok,0.5,12300.0,3586130,"
    assert lines[2] == "normal[std=0.01],relu,1,,,not run,,,,"
    assert lines[4] == 'zeros,,0,,1,error,,,,"a, b"'


def test_a_plugins_unit_is_printed_with_its_trials() -> None:
    told = Meaning("power", "W", "lower", 0.1, "ratio", "Of the fan.")
    found = [made_record(PLAN, 0, 0, metrics={"power": 42})]

    assert "42 W" in render_trials(PLAN, found, meanings={"power": told})

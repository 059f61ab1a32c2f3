"""Cases and trials as CSV: raw numbers."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from made import made_case, made_plan, made_record

from harness.judging.compare import Comparison
from harness.judging.effects import Effect
from harness.judging.tables import summaries
from harness.showing.page import judged_by_case
from harness.showing.raw import JUDGED, cases_csv, judged_values, levels, trials_csv
from tests.showing.test_versus import BASE, BY_INIT, records

NAMES = ["test_accuracy", "memory"]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_what_is_known_of_a_comparison_stands_behind_the_figures_of_its_metric() -> None:
    rows = summaries(BY_INIT, records())
    judged = judged_by_case(BY_INIT, rows, {"test_accuracy", "host_peak_bytes"})
    found = read(cases_csv(BY_INIT, rows, NAMES, judged))

    case = found[2]
    assert list(case)[4:16] == [
        "test_accuracy",
        "test_accuracy_std",
        "test_accuracy_n",
        *(f"test_accuracy_{each}" for each in JUDGED),
    ]
    differences = [0.8 + 0.1 * each for each in BASE]
    assert float(case["test_accuracy_difference"]) == pytest.approx(sum(differences) / 5)
    low, high = (float(case[f"test_accuracy_{each}"]) for each in ("low", "high"))
    assert low < sum(differences) / 5 < high
    assert 0 < float(case["test_accuracy_p_adjusted"]) < 1e-9
    assert [case[f"test_accuracy_{each}"] for each in JUDGED[4:]] == ["better", "5", "0.01", "", ""]
    assert [case[f"memory_{each}"] for each in JUDGED[4:]] == [
        "", "5", "0.01", "", "both below 16 MiB",
    ]  # fmt: skip


def test_a_baseline_has_empty_cells_there() -> None:
    rows = summaries(BY_INIT, records())
    judged = judged_by_case(BY_INIT, rows, {"test_accuracy"})
    first = read(cases_csv(BY_INIT, rows, ["test_accuracy"], judged))[0]

    assert [first[f"test_accuracy_{each}"] for each in JUDGED] == [""] * len(JUDGED)


def test_where_nothing_is_compared_there_are_no_columns_for_it() -> None:
    rows = summaries(BY_INIT, records())

    header = cases_csv(BY_INIT, rows, NAMES, {}).splitlines()[0]
    assert header == (
        "init,model.activation,planned,status,test_accuracy,test_accuracy_std,test_accuracy_n,"
        "memory,memory_std,memory_n,reason"
    )


@pytest.mark.parametrize("kind", [Comparison, Effect])
def test_a_comparison_and_an_effect_have_the_same_values(kind: Any) -> None:
    more = {"kind": "main"} if kind is Effect else {}
    found = kind(
        levels={}, baseline={}, metric="m", difference=0.1, ci95=(0.0, 0.2), p_adjusted=0.04,
        verdict="better", seeds_needed=None, note="n", n=5, margin=0.01, **more,
    )  # fmt: skip

    assert judged_values(found) == [0.1, 0.0, 0.2, 0.04, "better", 5, 0.01, None, "n"]
    assert judged_values(None) == [None] * len(JUDGED)


def test_a_level_that_does_not_apply_is_empty() -> None:
    case = made_case({"a": None, "b": [1, 2]})

    assert levels(case, ["a", "b"]) == [None, "[1,2]"]


def test_a_trial_without_a_record_is_a_row() -> None:
    plan = made_plan(made_case({"init": "zeros"}), seeds=(0, 1))
    record = made_record(plan, 0, 0, metrics={"wall_s": float("nan")})
    pairs = list(zip(plan.trials, [record, None], strict=True))

    assert trials_csv(plan, pairs, ["wall_s"]).splitlines() == [
        "init,seed,fold,attempt,status,wall_s,reason",
        "zeros,0,,1,ok,,",
        "zeros,1,,,not run,,",
    ]

"""The JSON of a run: the contract of the design."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from made import made_case, made_plan, made_record, made_records, made_run
from scipy.stats import ttest_rel

from harness.numbers.metrics import MEANINGS, Meaning
from harness.records.planned import Expectation, Plan
from harness.records.record import Record
from harness.records.store import StoredRun
from harness.showing.document import document, trials_document

BASE = {"init": "normal[std=0.01]", "model.activation": "relu"}
XAVIER = {"init": "xavier_uniform", "model.activation": "relu"}
PLAN = made_plan(made_case(BASE, baseline=0), made_case(XAVIER, baseline=0), seeds=(0, 1, 2))
EXPECTED = Expectation(text="t", cases=(1,), metric="test_accuracy", min=0.7)


def stored(found: list[Record], plan: Plan = PLAN, **more: Any) -> StoredRun:
    run = msgspec.structs.replace(
        made_run(plan, environment={"torch": "2.15.0"}, **more), id="20261121T101500Z-3f2a"
    )
    return StoredRun(folder=Path("r"), run=run, records=tuple(found), notes=("a note",))


def printed(value: object) -> Any:
    """Read back what the command would print."""
    return msgspec.json.decode(msgspec.json.encode(value))


def test_the_document_is_the_contract_of_the_design() -> None:
    plan = msgspec.structs.replace(PLAN, expectations=(EXPECTED,), notes=("dropped",))
    found = made_records(PLAN, 0, test_accuracy=[0.25, 0.5, 0.5]) + made_records(
        PLAN, 1, test_accuracy=[0.5, 0.75, 0.75]
    )

    shown = printed(document(stored(found, plan)))

    assert shown["schema"] == 1
    assert (shown["suite"], shown["run"]) == ("init", "20261121T101500Z-3f2a")
    assert shown["environment"] == {"torch": "2.15.0"}
    assert shown["notes"] == ["dropped", "a note"]
    assert shown["expectations"] == [{"text": "t", "outcome": "fails", "why": "seed 0 has 0.5"}]
    [compared_one] = shown["comparisons"]
    assert compared_one == {
        "levels": XAVIER,
        "baseline": BASE,
        "metric": "test_accuracy",
        "difference": 0.25,
        "ci95": [0.25, 0.25],
        "p_adjusted": None,
        "verdict": "better",
        "seeds_needed": None,
        "note": "no spread",
        "n": 3,
        "margin": 0.01,
        "case": 1,
        "against": 0,
    }
    first, second = shown["cases"]
    assert first["settings"] == {
        "model": "mlp",
        "device": "cpu",
        "loss": "cross_entropy",
        **BASE,
    }
    assert (first["levels"], first["planned"], first["statuses"]) == (BASE, 3, {"ok": 3})
    figures = second["metrics"]["test_accuracy"]
    low, high = figures.pop("ci95")
    assert low < figures["mean"] < high
    assert figures == {
        "unit": "1",
        "direction": "higher",
        "scale": "difference",
        "n": 3,
        "mean": pytest.approx(2 / 3),
        "std": pytest.approx(0.25 / math.sqrt(3)),
        "values": {"0": 0.5, "1": 0.75, "2": 0.75},
    }


def test_a_comparison_has_a_word_and_what_it_rests_on_as_the_design_says() -> None:
    found = made_records(PLAN, 0, test_accuracy=[0.5, 0.6, 0.7], wall_s=[1.0, 1.1, 1.2])
    found += made_records(PLAN, 1, test_accuracy=[0.9, 0.96, 0.98], wall_s=[1.0, 1.2, 1.3])

    accuracy, wall = printed(document(stored(found)))["comparisons"]

    assert accuracy["verdict"] == "better"
    assert accuracy["difference"] == pytest.approx((0.4 + 0.36 + 0.28) / 3)
    test = ttest_rel([0.9, 0.96, 0.98], [0.5, 0.6, 0.7])
    assert accuracy["p_adjusted"] == pytest.approx(test.pvalue)
    assert accuracy["ci95"] == pytest.approx(test.confidence_interval())
    assert (accuracy["seeds_needed"], accuracy["note"]) == (None, None)
    assert (wall["metric"], wall["verdict"]) == ("wall_s", "undecided")
    assert isinstance(wall["seeds_needed"], int)
    assert wall["difference"] == pytest.approx((1.0 * 1.2 / 1.1 * 1.3 / 1.2) ** (1 / 3) - 1)


def test_the_document_has_every_metric_of_every_case() -> None:
    found = [made_record(PLAN, 0, 0, metrics={"norm/0.weight": 1.0})]
    told = {"norm": Meaning("norm", "m", "lower", 0.1, "ratio", "")}

    first, second = printed(document(stored(found, meanings=told)))["cases"]

    for case in (first, second):
        assert list(case["metrics"]) == [*MEANINGS, "norm/0.weight"]
        assert all(each["unit"] for each in case["metrics"].values())
        assert all(set(each["values"]) == {"0", "1", "2"} for each in case["metrics"].values())
    assert first["metrics"]["norm/0.weight"]["unit"] == "m"
    assert second["metrics"]["wall_s"]["mean"] is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_and_infinity_never_reach_json(value: float) -> None:
    found = [
        made_record(PLAN, case, 0, metrics={"test_accuracy": value, "wall_s": value})
        for case in (0, 1)
    ]

    encoded = msgspec.json.encode(document(stored(found)))

    assert b"nan" not in encoded.lower()
    assert b"Infinity" not in encoded
    assert printed(document(stored(found)))["cases"][0]["metrics"]["wall_s"]["n"] == 0


def test_the_trials_document_has_the_last_attempt_of_each_planned_trial() -> None:
    other = made_plan(made_case({"init": "other"}), seeds=(0,))
    again = made_record(PLAN, 1, 0, attempt=2, metrics={"wall_s": None}, missing={"wall_s": "why"})
    found = [
        made_record(other, 0, 0),
        again,
        made_record(PLAN, 1, 0, "error", attempt=1, reason="no"),
        made_record(PLAN, 0, 0, curves={"test_accuracy": [0.5, None]}),
    ]

    shown = printed(trials_document(stored(found)))

    assert shown["schema"] == 1
    first, second = shown["trials"]
    assert first["curves"] == {"test_accuracy": [0.5, None]}
    assert (second["attempt"], second["status"], second["reason"]) == (2, "ok", None)
    assert (second["metrics"], second["missing"]) == ({"wall_s": None}, {"wall_s": "why"})
    wanted = {
        "settings",
        "levels",
        "seed",
        "fold",
        "attempt",
        "status",
        "reason",
        "metrics",
        "missing",
        "curves",
    }
    assert wanted <= set(first)


def test_a_run_without_a_record_has_a_document() -> None:
    shown = printed(document(stored([])))

    assert [each["statuses"] for each in shown["cases"]] == [{}, {}]
    assert shown["comparisons"] == []

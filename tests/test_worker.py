"""What one trial does with its settings, and what it hands back, in a real run."""

from __future__ import annotations

from typing import Any

from harness.metrics import MEANINGS


def test_a_trial_with_two_threads_trains(varied: Any) -> None:
    assert [each["status"] for each in varied.records("threads")] == ["ok", "ok"]
    assert [each["threads"] for each in varied.metrics("look at two threads")] == [2, 2]
    assert [each["threads"] for each in varied.metrics("look")] == [1, 1]


def test_a_model_with_its_own_step_trains_without_optimizer_and_loss(varied: Any) -> None:
    for record in varied.records("own step"):
        assert record["status"] == "ok"
        assert record["settings"]["optimizer"] is record["settings"]["loss"] is None
        assert len(record["curves"]["running_train_loss"]) == 1
        assert record["metrics"]["test_loss"] is None
        assert record["missing"]["test_loss"]


def test_a_procedure_of_a_plugin_needs_neither_model_nor_data(varied: Any) -> None:
    assert [each["held"] for each in varied.metrics("look at nothing")] == [0, 0]


def test_a_procedure_of_a_plugin_leaves_a_reason_for_each_metric_it_does_not_take(
    varied: Any,
) -> None:
    [record, _] = varied.records("look")

    assert record["metrics"]["test_accuracy"] is None
    assert record["missing"]["test_accuracy"] == "this procedure does not measure it"


def test_every_metric_has_a_value_or_a_reason(varied: Any) -> None:
    for record in varied.run.records:
        absent = {name for name, value in record["metrics"].items() if value is None}
        assert absent == record["missing"].keys()
        assert all(record["missing"].values())
        assert record["metrics"].keys() >= MEANINGS.keys()


def test_a_record_says_what_was_measured_on(varied: Any) -> None:
    [record, _] = varied.records("usual")

    assert record["sizes"] == {"train": 64, "test": 64}
    assert len(record["data"]) == 16
    assert record["sources"].keys() == {
        "model",
        "dataset",
        "optimizer",
        "schedule",
        "loss",
        "procedure",
    }
    assert record["environment"]["threads"] == 1
    assert record["environment"]["torch"]
    assert record["metrics"]["parameters"] == 4 * 8 + 8 + 8 * 2 + 2
    assert record["metrics"]["wall_s"] > 0
    assert record["metrics"]["host_peak_bytes"] > 0


def test_the_global_generators_are_seeded_by_the_trial(varied: Any) -> None:
    [usual, other] = varied.records("usual")
    [threads, _] = varied.records("preload")

    assert usual["curves"]["train_loss"] == threads["curves"]["train_loss"]
    assert usual["curves"]["train_loss"] != other["curves"]["train_loss"]

"""A record has all that is known of a trial when it has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made import made_case, made_plan

from harness.numbers.metrics import MEANINGS
from harness.records.record import Record
from harness.running.loads import Prepared
from harness.running.messages import Ended, Outcome
from harness.running.recording import record_of

PLAN = made_plan(made_case({"init": "zeros"}, threads=2), seeds=(7,))
LOADED = Prepared(
    Path("data.pt"), Outcome(status="ok", metrics={"load_peak_bytes": 5}, data="of all"), ""
)
ENDED = Ended(
    number=1,
    ending="exit code 0",
    timed_out=False,
    wall_s=1.5,
    outcome=None,
    output="a line\n",
)


def record(
    outcome: Outcome,
    ended: Ended | None = ENDED,
    loaded: Prepared | None = LOADED,
    loading: str = "",
) -> Record:
    rest: dict[str, Any] = {"shared": False, "foreign_cpus": 0.25, "sources": {"model": "mine"}}
    return record_of(
        PLAN.trials[0],
        PLAN.cases[0],
        outcome,
        ended,
        loaded,
        attempt=2,
        started="now",
        environment={"torch": "2.15.0", "device": "none"},
        loading=loading,
        **rest,
    )


def test_what_was_planned_and_what_was_found_stand_together() -> None:
    outcome = Outcome(
        status="ok",
        metrics={"test_accuracy": 0.5},
        missing={"mse": "no regression"},
        curves={"test_accuracy": [0.5]},
        sizes={"train": 8},
        environment={"device": "cpu"},
    )

    found = record(outcome)

    assert (found.key, found.seed, found.attempt) == (PLAN.trials[0].key, 7, 2)
    assert (found.settings, found.levels) == (PLAN.cases[0].settings, {"init": "zeros"})
    assert found.environment == {"torch": "2.15.0", "device": "cpu", "threads": 2}
    assert found.metrics == {"test_accuracy": 0.5, "wall_s": 1.5, "load_peak_bytes": 5}
    assert found.missing == {"mse": "no regression"}
    assert (found.data, found.sizes, found.curves) == ("of all", {"train": 8}, outcome.curves)
    assert (found.sources, found.started, found.foreign_cpus) == ({"model": "mine"}, "now", 0.25)


def test_a_trial_that_loaded_its_data_itself_has_its_own_digest_and_no_peak_of_a_loader() -> None:
    found = record(Outcome(status="ok", data="its own"), loaded=None)

    assert found.data == "its own"
    assert "load_peak_bytes" not in found.metrics
    assert found.missing["load_peak_bytes"] == ("the data was not prepared in a process of its own")


def test_a_trial_that_is_not_ok_has_no_figure_and_a_reason_for_each() -> None:
    found = record(Outcome(status="oom-host", reason="too much", metrics={"test_accuracy": 0.5}))

    assert found.metrics == dict.fromkeys(MEANINGS)
    assert found.missing == dict.fromkeys(MEANINGS, "the trial ended as oom-host")
    assert found.reason == "too much"


def test_what_the_loader_printed_stands_before_what_the_trial_printed() -> None:
    ok = Outcome(status="ok")

    assert record(ok, loading="reading").output == "reading\na line"
    assert record(ok).output == "a line"
    assert record(ok, None, loading="reading").output == "reading"
    assert record(ok, None).output == ""

"""Why a trial has no figures, or a figure is missing."""

from __future__ import annotations

from made import made_case, made_plan, made_record

from harness.judging.tables import summaries
from harness.showing.reasons import reasons_of_figures, reasons_of_trials

PLAN = made_plan(made_case({"init": "zeros"}), made_case({"init": "ones"}), seeds=range(10))
WHY = "fewer than 20 steady steps"


def test_a_reason_of_many_trials_is_a_line() -> None:
    found = [made_record(PLAN, 0, seed, "timeout", reason="late") for seed in range(3)]
    found += [made_record(PLAN, 1, 0, "error", reason="a\nb")]

    assert reasons_of_trials(summaries(PLAN, found)) == [
        "timeout: late (3 trials)",
        "error: a\\nb (1 trial)",
    ]


def test_a_figure_that_is_missing_has_its_reason_if_it_is_shown() -> None:
    missing = {"train_samples_per_s": WHY, "mse": "for regression only"}
    found = [made_record(PLAN, 0, seed, missing=missing) for seed in range(3)]
    found += [made_record(PLAN, 1, 0, missing=missing)]

    assert reasons_of_figures(PLAN, found, ["test_accuracy", "train_samples_per_s"]) == [
        f"train_samples_per_s: {WHY} (4 trials)"
    ]
    assert reasons_of_figures(PLAN, found, ["test_accuracy"]) == []


def test_the_memory_of_a_case_is_missing_for_its_devices_reason() -> None:
    plan = made_plan(made_case({"device": "cpu"}), made_case({"device": "cuda"}), seeds=(0,))
    missing = {"host_peak_bytes": "no host", "device_peak_bytes": "no device"}
    found = [made_record(plan, case, 0, missing=missing) for case in (0, 1)]

    assert reasons_of_figures(plan, found, ["memory"]) == [
        "memory: no host (1 trial)",
        "memory: no device (1 trial)",
    ]


def test_a_trial_that_did_not_end_ok_has_another_reason() -> None:
    failed = made_record(PLAN, 0, 0, "error", missing={"wall_s": "no"})
    first = made_record(PLAN, 0, 1, missing={"wall_s": "no"})
    again = made_record(PLAN, 0, 1, attempt=2)

    assert reasons_of_figures(PLAN, [failed, first, again], ["wall_s"]) == []


def test_many_reasons_are_counted() -> None:
    failed = [made_record(PLAN, 0, seed, "error", reason=f"{seed}") for seed in range(10)]
    missing = [made_record(PLAN, 0, seed, missing={"wall_s": f"{seed}"}) for seed in range(10)]

    assert reasons_of_trials(summaries(PLAN, failed))[-1] == (
        "... and 2 other reasons: --trials shows them"
    )
    assert reasons_of_figures(PLAN, missing, ["wall_s"])[-1] == (
        "... and 2 other reasons for a missing figure: --format json --trials has them"
    )

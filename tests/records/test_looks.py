"""Looks at an adaptive run: what of its plan is due, in memory and with the real command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from made import made_case, made_plan, made_record
from msgspec.structs import replace

from harness.judging.compare import decided
from harness.judging.tables import summaries
from harness.records.looks import due, up_to
from harness.records.planned import Plan
from harness.records.record import Record

LOOKS = (5, 10, 20)


def adaptive(until: Sequence[str] = ()) -> Plan:
    plan = made_plan(made_case({"x": 1}), made_case({"x": 2}, baseline=0), seeds=range(20))
    return replace(plan, looks=LOOKS, until=tuple(until))


def records(plan: Plan, seeds: int, gain: float, **noise: float) -> list[Record]:
    """Make records in which the second case is better by `gain`, give or take the noise."""
    spread = noise.get("spread", 0.001)
    return [
        made_record(
            plan,
            case,
            seed,
            metrics={"test_accuracy": 0.5 + case * (gain + spread * (-1) ** seed) + seed / 1000},
        )
        for seed in range(seeds)
        for case in (0, 1)
    ]


def is_decided(plan: Plan, found: Sequence[Record]) -> bool:
    part = due(plan, found)
    return decided(part, summaries(part, found))


def test_a_plan_without_looks_is_due_as_a_whole() -> None:
    plan = made_plan(made_case({"x": 1}), seeds=range(20))

    assert due(plan, []) is plan


def test_an_adaptive_plan_is_due_up_to_the_look_that_its_last_seed_waits_for() -> None:
    plan = adaptive()

    begun = {0: 5, 1: 5, 5: 5, 6: 10, 10: 10, 11: 20, 20: 20}
    assert {n: len(due(plan, records(plan, n, 0.1)).seeds) for n in begun} == begun


def test_the_part_that_is_due_has_the_trials_of_its_seeds_alone() -> None:
    part = up_to(adaptive(), {7})

    assert part.seeds == tuple(range(10))
    assert {each.seed for each in part.trials} == set(range(10))
    assert len(part.trials) == 20
    assert part.looks == LOOKS


def test_a_clear_difference_is_decided_at_the_first_look() -> None:
    plan = adaptive()

    assert is_decided(plan, records(plan, 5, 0.1))


def test_a_difference_within_its_noise_is_not_decided() -> None:
    plan = adaptive()

    assert not is_decided(plan, records(plan, 5, 0.02, spread=0.05))


def test_a_look_shares_the_error_with_the_others() -> None:
    """One that p = 0.03 decides alone is left undecided at a third of 0.05."""
    plan = adaptive()
    found = records(plan, 5, 0.02, spread=0.0134)
    part = due(plan, found)

    alone = replace(part, looks=())
    assert decided(alone, summaries(alone, found))
    assert not decided(part, summaries(part, found))


def test_a_case_that_fails_as_often_as_its_baseline_waits_for_no_more_seeds() -> None:
    plan = adaptive()
    found = records(plan, 4, 0.02, spread=0.05)
    found += [made_record(plan, 0, 4, metrics={"test_accuracy": 0.5})]
    found += [made_record(plan, 1, 4, "timeout")]

    assert is_decided(plan, found)


def test_other_metrics_may_be_what_is_waited_for() -> None:
    found = records(adaptive(), 5, 0.1)
    noisy = [
        replace(each, metrics={**each.metrics, "wall_s": 1.0 + (each.seed % 2) * each.levels["x"]})
        for each in found
    ]

    assert is_decided(adaptive(), noisy)
    assert not is_decided(adaptive(["wall_s"]), noisy)


def test_an_adaptive_run_stops_when_all_is_decided_and_resume_finds_nothing_to_do(
    bench: Callable[..., Any], only_run: Callable[..., Any], tmp_path: Any, reading: Any
) -> None:
    ended = bench("run", "--adaptive", "model=linear", "optimizer=sgd", "lr=0.1,1e-6", "epochs=2")
    again = bench("resume")
    shown = bench("show", "--format", "json")

    assert ended.code == again.code == 0
    assert "note: looked after 5 seeds: all is decided" in ended.err
    assert len(reading(only_run(tmp_path))) == 10
    assert "nothing is left to do" in again.err
    assert shown.json["seeds"] == [0, 1, 2, 3, 4]
    assert [each["planned"] for each in shown.json["cases"]] == [5, 5]
    [word] = [
        each["verdict"] for each in shown.json["comparisons"] if each["metric"] == "test_accuracy"
    ]
    assert word == "worse"


def test_an_adaptive_run_chooses_its_seeds_itself(bench: Callable[..., Any]) -> None:
    ended = bench("run", "--adaptive", "--seeds", "3", "model=linear")

    assert ended.code == 2
    assert ended.err == "bench: run: --adaptive looks after 5, 10 and 20 seeds: leave --seeds out\n"

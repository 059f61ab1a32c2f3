"""Why a case has not learned, in a sentence, where a metric tells it."""

from __future__ import annotations

from typing import Any

from made import made_case, made_plan, made_records

from harness.judging.tables import summaries
from harness.showing.explained import explanations

PLAN = made_plan(*(made_case({"model.activation": each}) for each in ("relu", "sigmoid")))


def told(of_sigmoid: dict[str, Any], **of_relu: Any) -> list[str]:
    """Explain a run whose first arm learns and whose second is as given; figures of all seeds."""
    arms = [{"test_accuracy": 0.97, "base_rate": 0.1135, **of_relu}, of_sigmoid]
    found = [
        record
        for case, arm in enumerate(arms)
        for record in made_records(PLAN, case, **{name: [each] * 3 for name, each in arm.items()})
    ]
    return explanations(PLAN, summaries(PLAN, found))


def test_a_case_at_the_base_rate_is_told_with_the_gradient_that_vanished() -> None:
    arm = {"test_accuracy": 0.1135, "base_rate": 0.1135, "gradient_ratio": 2.5e-9}

    assert told(arm) == [
        "activation=sigmoid: it never leaves the base rate (test_accuracy 0.114), and the gradient"
        " of its first layer is 2.5e-09 times that of its last"
    ]


def test_a_case_that_left_the_base_rate_on_one_seed_is_not_said_to_stay() -> None:
    arms = {"test_accuracy": [0.1, 0.1, 0.4], "base_rate": [0.1] * 3}
    records = made_records(PLAN, 1, **arms) + made_records(PLAN, 0, test_accuracy=[0.9] * 3)

    assert explanations(PLAN, summaries(PLAN, records)) == []


def test_dead_and_saturated_units_are_told_by_their_share() -> None:
    arm = {"test_accuracy": 0.5, "dead_relu_share": 0.97, "saturated_share": 0.5}

    assert told(arm) == [
        "activation=sigmoid: 97% of its ReLU units are 0 for every sample, and 50% of what its"
        " sigmoid and tanh units give is saturated"
    ]


def test_a_gradient_that_does_not_arrive_or_explodes_is_told() -> None:
    assert told({"test_accuracy": 0.1, "gradient_ratio": 0.0}) == [
        "activation=sigmoid: no gradient reaches its first layer"
    ]
    assert told({"test_accuracy": 0.1, "gradient_ratio": 5000.0}) == [
        "activation=sigmoid: the gradient of its first layer is 5.0e+03 times that of its last"
    ]


def test_of_a_case_that_learned_about_as_well_nothing_is_said() -> None:
    assert told({"test_accuracy": 0.93, "gradient_ratio": 1e-9}) == []


def test_without_such_metrics_or_without_accuracy_nothing_is_said() -> None:
    assert told({"test_accuracy": 0.1}) == []
    losses = [each for case in (0, 1) for each in made_records(PLAN, case, train_loss=[1.0] * 3)]
    assert explanations(PLAN, summaries(PLAN, losses)) == []
    assert explanations(PLAN, summaries(PLAN, [])) == []


def test_many_such_cases_are_counted() -> None:
    plan = made_plan(*(made_case({"epochs": each}) for each in range(14)))
    found = [
        record
        for case in range(14)
        for record in made_records(
            plan,
            case,
            test_accuracy=[0.9 if case == 0 else 0.1] * 3,
            dead_relu_share=[1.0] * 3,
        )
    ]

    lines = explanations(plan, summaries(plan, found))

    assert len(lines) == 11
    assert lines[-1] == "... and 3 more cases"

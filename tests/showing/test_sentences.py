"""What a student reads below the tables: a sentence a level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from made import made_case, made_plan, made_record, made_records

from harness.judging.tables import summaries
from harness.records.planned import Plan
from harness.records.record import Record
from harness.showing.columns import metrics_of
from harness.showing.page import judged_by_case
from harness.showing.sentences import sentences

NOISE = [0.000, 0.004, -0.003, 0.001, -0.002]
NAMES = ("test_accuracy", "train_samples_per_s", "memory")


def planned(*levels: Mapping[str, Any], baselines: Sequence[int] = ()) -> Plan:
    bases = baselines or [0] * len(levels)
    cases = (made_case(each, baseline=base) for each, base in zip(levels, bases, strict=True))
    return made_plan(*cases, seeds=range(5))


def learned(plan: Plan, *accuracies: float | None, **more: Any) -> list[Record]:
    """Make the records of cases that reach some accuracies, noise of half a point around them."""
    return [
        record
        for case, accuracy in enumerate(accuracies)
        if accuracy is not None
        for record in made_records(
            plan,
            case,
            test_accuracy=[accuracy + each * (1 + case % 3) for each in NOISE],
            **{name: each[case] for name, each in more.items()},
        )
    ]


def told(plan: Plan, found: Sequence[Record], names: Sequence[str] = NAMES) -> list[str]:
    rows = summaries(plan, found)
    return sentences(plan, rows, judged_by_case(plan, rows, metrics_of(names)), names)


PRODUCT = [
    {"init": init, "model.activation": each}
    for init in ("normal", "xavier")
    for each in ("relu", "tanh")
]


def test_a_level_of_one_factor_is_a_sentence() -> None:
    plan = planned({"init": "normal[std=0.01]"}, {"init": "xavier_uniform"}, {"init": "zeros"})
    speeds = [[1000, 1100, 900, 1050, 1000], [1010, 1000, 950, 1000, 980], [1000] * 5]
    memory = [[1e6] * 5] * 3
    found = learned(plan, 0.1, 0.9, 0.1, train_samples_per_s=speeds, host_peak_bytes=memory)

    assert told(plan, found) == [
        "xavier_uniform instead of normal[std=0.01] (init): test_accuracy better by 80.0 points"
        " [79.7, 80.3], 5 of 5 seeds; train_samples_per_s undecided, more than 50 seeds would"
        " decide",
        "zeros instead of normal[std=0.01] (init): test_accuracy the same within 1 point,"
        " 5 of 5 seeds; train_samples_per_s undecided, a fresh run of about 50 seeds would decide",
    ]


def test_of_many_levels_that_go_together_the_one_that_names_the_cases_is_told() -> None:
    plan = planned(
        {"model": "mlp", "optimizer": "sgd", "init": "ones", "batch_size": 8},
        {"model": "cnn", "optimizer": "adam", "init": "zeros", "batch_size": 8},
        {"model": "rnn", "optimizer": "adam", "init": "ones", "batch_size": 8},
    )

    assert told(plan, learned(plan, 0.5, 0.9, 0.9)) == [
        "cnn instead of mlp (model, and with it optimizer and init): test_accuracy better by 40.0"
        " points [39.7, 40.3], 5 of 5 seeds",
        "model=rnn optimizer=adam instead of model=mlp optimizer=sgd: test_accuracy better by"
        " 40.0 points [39.3, 40.7], 5 of 5 seeds",
    ]


def test_memory_is_called_memory() -> None:
    plan = planned({"model.width": 8}, {"model.width": 16})
    found = learned(plan, 0.5, 0.5, host_peak_bytes=[[2e8] * 5, [3e8] * 5])

    assert told(plan, found) == [
        "16 instead of 8 (width): test_accuracy the same within 1 point, 5 of 5 seeds;"
        " memory worse by 50 % (no spread: the mean alone decides)"
    ]


def test_a_factor_without_effect_is_suspected() -> None:
    plan = planned({"threads": 1}, {"threads": 2})

    assert told(
        plan, made_records(plan, 0, own=NOISE) + made_records(plan, 1, own=NOISE), ["own"]
    ) == [
        "2 instead of 1 (threads): own the same within 0 (identical on all 5 seeds:"
        " the factor may have had no effect), 5 of 5 seeds"
    ]


def test_a_level_in_several_cases_is_counted_by_its_words() -> None:
    plan = planned(*PRODUCT, baselines=[0, 1, 0, 1])

    assert told(plan, learned(plan, 0.1, 0.1, 0.9, 0.105)) == [
        "xavier instead of normal (init): test_accuracy better in 1 of 2 cases (by 80 points),"
        " the same in 1"
    ]


def test_a_full_product_with_one_baseline_has_the_main_effect_of_each_level() -> None:
    plan = planned(*PRODUCT)

    assert told(plan, learned(plan, 0.1, 0.2, 0.3, 0.4)) == [
        "xavier instead of normal (init), on average: test_accuracy better by 20.00 points"
        " [19.83, 20.17], 5 of 5 seeds",
        "tanh instead of relu (activation), on average: test_accuracy better by 10.00 points"
        " [9.83, 10.17], 5 of 5 seeds",
    ]


def test_a_main_effect_that_depends_on_another_factor_says_so() -> None:
    plan = planned(*PRODUCT)

    assert told(plan, learned(plan, 0.1, 0.2, 0.3, 0.7)) == [
        "xavier instead of normal (init), on average: test_accuracy better by 35.00 points"
        " [34.83, 35.17], 5 of 5 seeds, but it depends on activation (--effects)",
        "tanh instead of relu (activation), on average: test_accuracy better by 25.00 points"
        " [24.83, 25.17], 5 of 5 seeds, but it depends on init (--effects)",
    ]


def test_where_a_cell_has_no_result_the_simple_effects_are_told() -> None:
    plan = planned(*PRODUCT)
    three = [
        {"init": init, "model.activation": each}
        for init in "ab"
        for each in ("relu", "tanh", "elu")
    ]
    larger = planned(*three)

    assert told(plan, learned(plan, 0.1, None, 0.3, 0.7)) == [
        "xavier instead of normal (init) at activation=relu: test_accuracy better by 20.0 points"
        " [19.3, 20.7], 5 of 5 seeds",
        "tanh instead of relu (activation) at init=xavier: test_accuracy better by 40.0 points"
        " [39.3, 40.7], 5 of 5 seeds",
    ]
    assert told(larger, learned(larger, 0.1, 0.2, None, 0.5, 0.6, 0.7))[0] == (
        "b instead of a (init): test_accuracy better in both cases (by 40 points; no spread:"
        " the mean alone decides)"
    )


def test_a_level_that_always_failed_is_told() -> None:
    one, two = planned({"lr": 1}, {"lr": 2}), planned(*PRODUCT)
    diverged = [made_record(one, 1, seed, "diverged") for seed in range(5)]
    crashed = [made_record(two, case, seed, "crashed") for case in (2, 3) for seed in range(5)]

    assert told(one, learned(one, 0.1) + diverged) == [
        "2 instead of 1 (lr): no word, failed 5 of 5; no result"
    ]
    assert told(two, learned(two, 0.1, 0.2) + crashed) == [
        "xavier instead of normal (init), on average: no word, test_accuracy has no result in 2 of"
        " 4 cells",
        "tanh instead of relu (activation) at init=normal: test_accuracy better by 10.0 points"
        " [9.7, 10.3], 5 of 5 seeds",
    ]


def test_seeds_that_a_side_lacks_are_counted() -> None:
    plan = planned({"lr": 1}, {"lr": 2})
    [sentence] = told(plan, learned(plan, 0.1, 0.3)[:8])

    assert sentence.endswith(", 3 of 5 seeds")


def test_fewer_than_three_pairs_make_no_sentence() -> None:
    plan = planned({"lr": 1}, {"lr": 2})

    assert told(plan, learned(plan, 0.1, 0.3)[:7]) == []
    assert told(plan, learned(plan, 0.1)) == []
    assert told(plan, []) == []
    assert told(made_plan(made_case({"lr": 1}, baseline=0)), []) == []


def test_each_level_by_itself_is_told_where_the_base_is_ablated() -> None:
    plan = planned({"lr": 1, "wd": 0}, {"lr": 2, "wd": 0}, {"lr": 1, "wd": 1})

    assert [each.partition(":")[0] for each in told(plan, learned(plan, 0.1, 0.2, 0.3))] == [
        "2 instead of 1 (lr)",
        "1 instead of 0 (wd)",
    ]


def test_levels_that_go_together_are_told_together() -> None:
    plan = planned({"lr": 1, "wd": 0}, {"lr": 2, "wd": 1}, {"lr": 3, "wd": 2})

    assert [each.partition(":")[0] for each in told(plan, learned(plan, 0.1, 0.2, 0.3))] == [
        "lr=2 wd=1 instead of lr=1 wd=0",
        "lr=3 wd=2 instead of lr=1 wd=0",
    ]


def test_cases_that_differ_in_more_than_the_told_levels_are_counted() -> None:
    plan = planned({"lr": 1, "wd": 0}, {"lr": 2, "wd": 0}, {"lr": 3, "wd": 2})
    more = planned({"lr": 1, "wd": 0}, {"lr": 2, "wd": 0}, {"lr": 3, "wd": 2}, {"lr": 4, "wd": 3})

    assert told(plan, learned(plan, 0.1, 0.2, 0.3))[1:] == [
        "1 case differs from its baseline in several factors: see the table"
    ]
    assert told(more, learned(more, 0.1, 0.2, 0.3, 0.4))[1:] == [
        "2 cases differ from theirs in several factors: see the table"
    ]


def test_an_option_that_the_baseline_does_not_have_is_no_change_of_its_own() -> None:
    plan = planned(
        {"model": "linear", "model.hidden": None},
        {"model": "mlp", "model.hidden": 8},
        {"model": "mlp", "model.hidden": 16},
    )

    assert told(plan, learned(plan, 0.1, 0.2, 0.3)) == [
        "mlp instead of linear (model): test_accuracy better in both cases (by 10.0 to 20.0 points)"
    ]


def test_many_levels_are_cut_with_a_word() -> None:
    plan = planned(*({"lr": each} for each in range(30)))
    found = learned(plan, *(each / 100 for each in range(30)))

    lines = told(plan, found)

    assert len(lines) == 21
    assert lines[-1] == "... and 9 more levels: see the table"


def test_hostile_levels_are_escaped_and_cut() -> None:
    plan = planned({"a\x1b": "\x1b[31m\n"}, {"a\x1b": "x" * 1000})

    [line] = told(plan, learned(plan, 0.1, 0.2))

    assert line.isprintable()
    assert len(line) < 300
    assert line.startswith("x" * 57 + '... instead of "\\u001b[31m\\n" (a\\u001b): ')

"""Main effects, interactions and simple effects of a full product."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import msgspec
import pytest
from made import made_case, made_plan, made_record, made_records
from scipy.stats import ttest_1samp

from harness.errors import BenchError
from harness.judging.compare import comparisons
from harness.judging.effects import Effect, effects
from harness.judging.tables import summaries
from harness.numbers.statistics import t_quantile
from harness.numbers.verdicts import MORE_THAN_MOST
from harness.records.planned import Plan
from harness.records.record import Record

INITS, ACTIVATIONS = ("normal", "xavier", "zeros"), ("relu", "tanh")
LEVELS = [
    {"init": init, "model.activation": each} for init, each in itertools.product(INITS, ACTIVATIONS)
]
PLAN = made_plan(*(made_case(each, baseline=0) for each in LEVELS), seeds=range(5))
VALUES = [
    [0.50, 0.52, 0.49, 0.51, 0.50],  # normal relu
    [0.55, 0.58, 0.53, 0.57, 0.56],  # normal tanh
    [0.70, 0.73, 0.68, 0.71, 0.72],  # xavier relu
    [0.90, 0.95, 0.88, 0.93, 0.91],  # xavier tanh
    [0.10, 0.11, 0.10, 0.12, 0.10],  # zeros relu
    [0.10, 0.10, 0.11, 0.12, 0.10],  # zeros tanh
]


def records(values: Sequence[Sequence[float | None]] = VALUES, name: str = "score") -> list[Record]:
    return [
        record
        for case, each in enumerate(values)
        for record in made_records(PLAN, case, **{name: each})
    ]


def found(given: Sequence[Record], plan: Plan = PLAN, **kind: str) -> dict[tuple[str, ...], Effect]:
    """Make effects; find them by their levels and those of the others."""
    made = effects(plan, summaries(plan, given))
    return {
        tuple(map(str, (*each.levels.values(), *each.at.values()))): each
        for each in made
        if each.kind == kind.get("kind", each.kind)
    }


def test_a_main_effect_is_the_mean_over_the_other_factors_cells_less_that_at_the_reference() -> (
    None
):
    effect = found(records(), kind="main")["xavier",]

    contrast = [
        (VALUES[2][seed] + VALUES[3][seed]) / 2 - (VALUES[0][seed] + VALUES[1][seed]) / 2
        for seed in range(5)
    ]
    test = ttest_1samp(contrast, 0)
    assert effect.difference == pytest.approx(sum(contrast) / 5)
    assert effect.ci95 == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert (effect.levels, effect.baseline) == ({"init": "xavier"}, {"init": "normal"})
    assert (effect.at, effect.n, effect.verdict, effect.note) == ({}, 5, "better", None)


def test_an_interaction_is_a_difference_of_differences() -> None:
    effect = found(records(), kind="interaction")["xavier", "tanh"]

    contrast = [
        VALUES[3][seed] - VALUES[2][seed] - (VALUES[1][seed] - VALUES[0][seed]) for seed in range(5)
    ]
    assert effect.difference == pytest.approx(sum(contrast) / 5)
    assert effect.ci95 == pytest.approx(tuple(ttest_1samp(contrast, 0).confidence_interval(0.95)))
    assert effect.levels == {"init": "xavier", "model.activation": "tanh"}
    assert effect.baseline == {"init": "normal", "model.activation": "relu"}


def per_seed(effect: tuple[str, ...]) -> list[float]:
    """Work the contrast of an effect out by hand."""

    def value(init: str, activation: str, seed: int) -> float:
        return VALUES[LEVELS.index({"init": init, "model.activation": activation})][seed]

    def at(seed: int) -> float:
        if effect == ("tanh",):
            return sum(value(i, "tanh", seed) - value(i, "relu", seed) for i in INITS) / 3
        change = [value(effect[0], a, seed) - value("normal", a, seed) for a in ACTIVATIONS]
        return change[1] - change[0] if len(effect) == 2 else sum(change) / 2

    return [at(seed) for seed in range(5)]


def test_all_effects_on_a_metric_are_one_family() -> None:
    made = found(records())

    assert list(made) == [
        ("xavier",),
        ("zeros",),
        ("tanh",),
        ("xavier", "tanh"),
        ("zeros", "tanh"),
    ]
    raw = {each: ttest_1samp(per_seed(each), 0).pvalue for each in made}
    highest = 0.0
    for place, each in enumerate(sorted(raw, key=raw.__getitem__)):
        highest = max(highest, min(1.0, (len(raw) - place) * raw[each]))
        assert made[each].p_adjusted == pytest.approx(highest, rel=1e-6)


def test_effects_on_a_ratio_are_of_logarithms() -> None:
    made = found(records(name="wall_s"))

    logs = [[math.log(each) for each in values] for values in VALUES]
    main = [(logs[2][s] + logs[3][s] - logs[0][s] - logs[1][s]) / 2 for s in range(5)]
    both = [logs[3][s] - logs[2][s] - logs[1][s] + logs[0][s] for s in range(5)]
    assert made["xavier",].difference == pytest.approx(math.expm1(sum(main) / 5))
    assert made["xavier", "tanh"].difference == pytest.approx(math.expm1(sum(both) / 5))
    assert (made["xavier",].verdict, made["zeros",].verdict) == ("worse", "better")


def test_one_factor_has_the_effects_that_its_comparisons_have() -> None:
    cases = [made_case({"init": init}, baseline=0) for init in INITS]
    plan = made_plan(*cases, seeds=range(5))
    given = [
        record
        for case in range(3)
        for record in made_records(plan, case, test_accuracy=VALUES[2 * case])
    ]
    rows = summaries(plan, given)

    compared = comparisons(plan, rows)
    assert [
        (each.difference, each.ci95, each.p_adjusted, each.verdict, each.margin)
        for each in effects(plan, rows)
    ] == [
        (
            pytest.approx(each.difference),
            pytest.approx(each.ci95),
            pytest.approx(each.p_adjusted),
            each.verdict,
            each.margin,
        )
        for each in compared
    ]


def test_a_seed_that_lacks_a_cell_is_left_out_of_its_effects_and_that_is_said() -> None:
    values = [list(each) for each in VALUES]
    given = [each for each in records(values) if (each.levels, each.seed) != (LEVELS[3], 4)]

    made = found(given)

    assert {each: effect.n for each, effect in made.items()} == {
        ("xavier",): 4,
        ("zeros",): 5,
        ("tanh",): 4,
        ("xavier", "tanh"): 4,
        ("zeros", "tanh"): 5,
    }
    assert made["xavier",].note == "1 of 5 seeds lack a cell"
    assert made["xavier",].difference == pytest.approx(sum(per_seed(("xavier",))[:4]) / 4)
    assert made["zeros",].note is None


def test_over_a_cell_without_a_result_there_are_simple_effects_instead() -> None:
    given = [each for each in records() if each.levels != LEVELS[3]]

    made = effects(PLAN, summaries(PLAN, given))

    instead = "cells: simple effects instead"
    assert [(each.kind, each.levels, each.at, each.note) for each in made] == [
        ("main", {"init": "xavier"}, {}, f"no result in 1 of 4 {instead}"),
        ("simple", {"init": "xavier"}, {"model.activation": "relu"}, None),
        ("main", {"init": "zeros"}, {}, None),
        ("main", {"model.activation": "tanh"}, {}, f"no result in 1 of 6 {instead}"),
        ("simple", {"model.activation": "tanh"}, {"init": "normal"}, None),
        ("simple", {"model.activation": "tanh"}, {"init": "zeros"}, MORE_THAN_MOST),
        (
            "interaction",
            {"init": "xavier", "model.activation": "tanh"},
            {},
            "no result in 1 of 4 cells",
        ),
        ("interaction", {"init": "zeros", "model.activation": "tanh"}, {}, None),
    ]
    simple = made[1]
    assert simple.difference == pytest.approx(
        sum(a - b for a, b in zip(VALUES[2], VALUES[0], strict=True)) / 5
    )
    assert [each.verdict is None and each.difference is None for each in made] == [
        True, False, False, True, False, False, True, False,
    ]  # fmt: skip


def test_a_level_without_any_result_has_no_effects() -> None:
    given = [each for each in records() if each.levels["init"] != "xavier"]

    made = effects(PLAN, summaries(PLAN, given))

    assert [each.note for each in made if each.levels == {"init": "xavier"}] == [
        "no result in 2 of 4 cells"
    ]


def failed(case: int, *seeds: int) -> list[Record]:
    return [made_record(PLAN, case, seed, "diverged") for seed in seeds]


def test_a_level_that_failed_as_often_as_the_reference_is_never_better() -> None:
    kept = [each for each in records() if (each.levels, each.seed) != (LEVELS[3], 4)]
    lost = [each for each in records() if (each.levels, each.seed) != (LEVELS[0], 4)]

    better = found(kept + failed(3, 4))["xavier",]
    worse = found([*records()[:20], *records()[21:], *failed(4, 0)])["zeros",]
    safer = found(lost + failed(0, 4))["xavier",]

    assert (better.verdict, better.note) == (
        "undecided",
        "failed 1 of 10; 1 of 5 seeds lack a cell",
    )
    assert (worse.verdict, worse.note) == (
        "worse",
        "failed 1 of 10; worse on the seeds that finished; 1 of 5 seeds lack a cell",
    )
    assert (safer.verdict, safer.note) == (
        "better",
        "the baseline failed 1 of 10; 1 of 5 seeds lack a cell",
    )


def test_an_effect_over_seeds_that_collapsed_is_undecided() -> None:
    values = [
        [0.90, 0.91, 0.92, 0.90, 0.91],
        *([each + 0.02 for each in VALUES[0]] for _ in "12345"),
    ]
    values[3] = [*values[3][:4], 0.1]

    made = found(records(values, "test_accuracy"))

    hit = made["xavier",]
    assert (hit.verdict, hit.seeds_needed) == ("undecided", None)
    assert hit.note == "1 of 20 seeds of its cells collapsed"
    assert made["zeros",].verdict == "worse"


def test_what_comparisons_withhold_effects_withhold() -> None:
    given = [
        made_record(PLAN, case, seed, metrics={"wall_s": value, "score": value}, shared=True)
        for case, values in enumerate(VALUES)
        for seed, value in enumerate(values)
    ]
    made = effects(PLAN, summaries(PLAN, given))

    assert {(each.metric, each.verdict is None) for each in made} == {
        ("wall_s", True),
        ("score", False),
    }
    assert {each.note for each in made if each.metric == "wall_s"} == {
        "trials ran side by side: speed and memory were shared"
    }


def test_losses_that_mean_something_else_are_not_set_against_each_other() -> None:
    cases = [made_case({"loss": loss}, baseline=0) for loss in ("mse", "l1")]
    plan = made_plan(*cases)
    given = [
        record
        for case in (0, 1)
        for record in made_records(plan, case, test_loss=[1, 2, 3], mse=[1, 2, 3])
    ]

    mse, loss = sorted(effects(plan, summaries(plan, given)), key=lambda each: each.metric)

    assert (loss.verdict, loss.note) == (None, "another loss: the two figures do not mean the same")
    assert mse.verdict == "same"


def test_a_ratio_of_what_is_not_positive_is_told_so() -> None:
    values = [list(each) for each in VALUES]
    values[2][0] = 0.0
    values[4][1] = 1e-320
    values[5][1] = 1.7e308

    made = found(records(values, "wall_s"))

    assert (made["xavier",].difference, made["xavier",].note) == (
        None,
        "no ratio: a value is not positive",
    )
    assert made["zeros", "tanh"].difference is None
    assert made["zeros",].verdict == "undecided"


def test_one_step_of_a_test_set_is_no_effect() -> None:
    """The spread of means over cells is held up by what the test set can show."""
    values = [[0.5] * 5, [0.5] * 5, [0.5, 0.5, 0.5, 0.5, 0.52], [0.5] * 5, [0.5] * 5, [0.5] * 5]
    given = [
        msgspec.structs.replace(each, sizes={"test": 50})
        for each in records(values, "test_accuracy")
    ]
    floored, bare = found(given), found(records(values, "test_accuracy"))

    step = 0.02
    wide = floored["zeros", "tanh"].ci95
    assert bare["zeros", "tanh"].ci95 == (0.0, 0.0)
    assert wide is not None
    assert wide[1] == pytest.approx(
        t_quantile(0.975, 4) * step * math.sqrt(2) / math.sqrt(6) / math.sqrt(5)
    )
    main = floored["zeros",].ci95
    assert main is not None
    assert wide[1] / main[1] == pytest.approx(2)


def test_metrics_are_those_that_were_asked_for_and_have_a_figure() -> None:
    given = [
        made_record(PLAN, case, seed, metrics={"score": value, "other": value})
        for case, values in enumerate(VALUES)
        for seed, value in enumerate(values)
    ]
    rows = summaries(PLAN, given)

    assert {each.metric for each in effects(PLAN, rows)} == {"score", "other"}
    assert {each.metric for each in effects(PLAN, rows, ["other", "test_loss"])} == {"other"}


def test_margins_of_the_suite_hold_for_effects() -> None:
    plan = msgspec.structs.replace(PLAN, margins={"score": 0.5})

    assert {each.verdict for each in found(records(), plan).values()} == {"same"}
    assert {each.margin for each in found(records(), plan).values()} == {0.5}


def test_two_seeds_have_effects_without_a_word() -> None:
    given = [each for each in records() if each.seed < 2]

    assert {(each.n, each.verdict, each.note) for each in found(given).values()} == {
        (2, None, "2 pairs: a word needs 3")
    }


def test_cases_that_form_no_product_have_no_effects() -> None:
    plan = made_plan(*(made_case(each) for each in LEVELS[:5]))

    with pytest.raises(BenchError, match=r"^there are no effects: the cases form no full product"):
        effects(plan, summaries(plan, []))

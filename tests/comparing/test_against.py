"""Two runs judged against each other: words, withheld words, forced words, and the JSON."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from made import made_case, made_plan
from msgspec.structs import replace
from pairs import MIB, made_pair, made_stored, no_default, records_of

from harness.comparing.against import against, compared, document
from harness.judging.compare import Comparison
from harness.numbers.metrics import Meaning
from harness.records.record import Record

GOOD = [0.95, 0.94, 0.96, 0.95, 0.95]
BAD = [0.85, 0.83, 0.87, 0.86, 0.85]
FAST = [1000.0, 1010.0, 990.0, 1005.0, 995.0]
SLOW = [500.0, 505.0, 495.0, 502.0, 498.0]
LARGE = [100.0 * MIB] * 5
LARGER = [110.0 * MIB] * 5


def judged(base: dict[str, Any], head: dict[str, Any], **more: Any) -> Comparison:
    """Compare one case on one metric."""
    force = more.pop("force", False)
    [family] = compared(made_pair(base, head, **more), force=force).values()
    [found] = family
    return found


def test_the_head_gets_the_word_against_the_base() -> None:
    assert judged({"test_accuracy": GOOD}, {"test_accuracy": BAD}).verdict == "worse"
    found = judged({"test_accuracy": BAD}, {"test_accuracy": GOOD})
    assert found.verdict == "better"
    assert found.difference == pytest.approx(0.098)
    assert (found.n, found.margin, found.metric) == (5, 0.01, "test_accuracy")


def test_the_same_figures_are_the_same() -> None:
    found = judged({"test_accuracy": GOOD}, {"test_accuracy": GOOD})

    assert (found.verdict, found.note) == ("same", "identical on all 5 seeds")


def test_seeds_are_paired_by_seed_and_not_by_place() -> None:
    plan = made_plan(made_case({"model": "mlp"}), seeds=(0, 1, 2, 3))
    turned = replace(plan, seeds=(3, 2, 1, 0))
    base = records_of(plan, test_accuracy=[0.1, 0.2, 0.3, 0.4])
    head = records_of(turned, test_accuracy=[0.4, 0.3, 0.2, 0.1])

    found = against(made_stored(plan, base), made_stored(turned, head), no_default)

    [comparison] = compared(found)["test_accuracy"]
    assert (comparison.verdict, comparison.note) == ("same", "identical on all 4 seeds")


def test_speed_gets_no_word_where_runs_were_not_interleaved() -> None:
    found = judged({"train_samples_per_s": FAST}, {"train_samples_per_s": SLOW})

    assert (found.verdict, found.note) == (None, "not interleaved")
    assert found.difference == pytest.approx(-0.5, abs=0.01)
    assert found.p_adjusted is None


def test_speed_gets_its_word_where_both_took_turns() -> None:
    found = judged({"train_samples_per_s": FAST}, {"train_samples_per_s": SLOW}, interleaved=True)

    assert (found.verdict, found.note) == ("worse", None)


def test_speed_gets_a_word_by_force_and_the_note_says_so() -> None:
    found = judged({"train_samples_per_s": FAST}, {"train_samples_per_s": SLOW}, force=True)

    assert (found.verdict, found.note) == ("worse", "forced: not interleaved")


def test_another_machine_withholds_memory_and_force_gives_it() -> None:
    base, head = {"host_peak_bytes": LARGE}, {"host_peak_bytes": LARGER}

    withheld = judged(base, head, there={"cpu": "y"})
    forced = judged(base, head, there={"cpu": "y"}, force=True)

    assert (withheld.verdict, withheld.note) == (None, "another machine (cpu)")
    assert (forced.verdict, forced.note) == ("worse", "forced: another machine (cpu); no spread")


def test_another_torch_leaves_memory_its_word() -> None:
    found = judged(
        {"host_peak_bytes": LARGE}, {"host_peak_bytes": LARGER}, there={"torch": "2.16.0"}
    )

    assert found.verdict == "worse"


def test_another_machine_leaves_learning_its_word() -> None:
    found = judged({"test_accuracy": GOOD}, {"test_accuracy": BAD}, there={"cpu": "y", "host": "b"})

    assert found.verdict == "worse"


def test_force_gives_no_word_where_figures_say_nothing() -> None:
    small = [float(MIB)] * 5

    found = judged({"host_peak_bytes": small}, {"host_peak_bytes": small}, force=True)

    assert (found.verdict, found.note) == (None, "both below 16 MiB")


def test_trials_that_shared_the_machine_get_no_word_by_force() -> None:
    plan = made_plan(made_case({"model": "mlp"}), seeds=range(5))
    shared = records_of(plan, train_samples_per_s=FAST, fields={"shared": True})
    alone = records_of(plan, train_samples_per_s=SLOW)

    found = against(made_stored(plan, shared), made_stored(plan, alone), no_default)

    [comparison] = compared(found, force=True)["train_samples_per_s"]
    assert comparison.verdict is None
    assert comparison.note == "trials ran side by side: speed and memory were shared"


def meant(unit: str = "1", direction: Any = "higher", scale: Any = "difference") -> dict[str, Any]:
    return {"own": Meaning("own", unit, direction, 0.01, scale, "")}


@pytest.mark.parametrize(
    ("head", "note"),
    [
        (meant(unit="ms"), "another metric: unit 1 in the base, ms in the head"),
        (
            meant(direction="lower", scale="ratio"),
            "another metric: direction higher in the base, lower in the head,"
            " scale difference in the base, ratio in the head",
        ),
    ],
)
def test_a_metric_that_means_something_else_in_the_two_runs_is_not_compared(
    head: dict[str, Any], note: str
) -> None:
    plan = made_plan(made_case({"model": "mlp"}), seeds=range(5))
    found = records_of(plan, own=GOOD)
    runs = [made_stored(plan, found, meanings=each) for each in (meant(), head)]

    [comparison] = compared(against(*runs, default_of=no_default), force=True)["own"]

    assert (comparison.verdict, comparison.difference, comparison.note) == (None, None, note)


def test_a_metric_of_one_run_alone_is_told() -> None:
    base = judged({"own": GOOD}, {"own": [None] * 5})
    plan = made_plan(made_case({"model": "mlp"}), seeds=range(5))
    with_it, without = records_of(plan, own=GOOD), records_of(plan)
    found = against(made_stored(plan, without), made_stored(plan, with_it), no_default)

    [head] = compared(found)["own"]

    assert base.verdict is base.difference is None
    assert base.note
    assert (head.verdict, head.note) == (None, "only the head has this metric")
    found = against(made_stored(plan, with_it), made_stored(plan, without), no_default)
    assert compared(found)["own"][0].note == "only the base has this metric"


def test_a_failing_head_gets_no_good_word() -> None:
    found = judged({"test_accuracy": BAD}, {"test_accuracy": [*GOOD[:4], "crashed"]})

    assert (found.verdict, found.note) == ("undecided", "failed 1 of 5")


def test_a_base_that_failed_altogether_leaves_no_word() -> None:
    found = judged({"test_accuracy": ["error"] * 5}, {"test_accuracy": GOOD})

    assert (found.verdict, found.difference) == (None, None)
    assert found.note is not None
    assert "the baseline failed 5 of 5" in found.note


def test_the_family_of_a_metric_is_all_cases_of_both_runs() -> None:
    cases = [made_case({"epochs": each}) for each in range(6)]
    plan = made_plan(*cases, seeds=range(3))
    slightly = [0.93, 0.91, 0.96]
    base, head = [], []
    for case in range(6):
        base += records_of(plan, case, test_accuracy=[0.95, 0.94, 0.97])
        values = slightly if case == 0 else [0.95, 0.94, 0.97]
        head += records_of(plan, case, test_accuracy=values)

    found = compared(against(made_stored(plan, base), made_stored(plan, head), no_default))

    alone = judged({"test_accuracy": [0.95, 0.94, 0.97]}, {"test_accuracy": slightly}).p_adjusted
    first = found["test_accuracy"][0]
    assert alone is not None
    assert first.p_adjusted == pytest.approx(min(1.0, 6 * alone))


def test_the_margin_is_that_of_the_suite_of_the_base() -> None:
    found = judged({"test_accuracy": GOOD}, {"test_accuracy": BAD}, margins={"test_accuracy": 0.2})

    assert (found.verdict, found.margin) == ("same", 0.2)


def test_an_adaptive_run_shares_its_error_between_its_looks() -> None:
    plan = replace(made_plan(made_case({"model": "mlp"}), seeds=range(5)), looks=(5, 10, 20))
    found = records_of(plan, test_accuracy=GOOD)

    pair = against(made_stored(plan, found), made_stored(plan, found), no_default)

    assert pair.scope("test_accuracy").looks == 3


def test_seeds_that_collapsed_take_the_word_unless_it_is_told_otherwise() -> None:
    cases = [made_case({"epochs": each}) for each in range(4)]
    plan = made_plan(*cases, seeds=range(6))
    usual = [0.90, 0.91, 0.92, 0.93, 0.94, 0.95]
    base = [each for case in range(4) for each in records_of(plan, case, test_accuracy=usual)]
    head: list[Record] = []
    for case in range(4):
        values = [*usual[:5], 0.1] if case == 0 else usual
        head += records_of(plan, case, test_accuracy=values)
    pair = against(made_stored(plan, base), made_stored(plan, head), no_default)

    first = compared(pair)["test_accuracy"][0]

    assert (first.verdict, first.note) == ("undecided", "1 of 6 seeds collapsed")
    assert compared(pair, tails=False)["test_accuracy"][0].note != first.note


def test_names_choose_the_metrics() -> None:
    pair = made_pair(
        {"test_accuracy": GOOD, "test_loss": GOOD}, {"test_accuracy": GOOD, "test_loss": GOOD}
    )

    assert list(compared(pair, {"test_loss", "unheard_of"})) == ["test_loss"]


def test_levels_name_the_factors_of_both_runs() -> None:
    base = made_plan(
        *(made_case({"epochs": each}, model="mlp", lr=1) for each in (1, 2)), seeds=(0,)
    )
    head = made_plan(made_case({"model": "mlp"}, epochs=1, lr=1), seeds=(0,))
    both = made_plan(
        *(made_case({"epochs": each}, model="mlp", lr=1) for each in (1, 2)), seeds=(0,)
    )

    one = against(made_stored(base, ()), made_stored(head, ()), no_default)
    two = against(made_stored(both, ()), made_stored(base, ()), no_default)

    assert one.levels(0) == {"model": "mlp"}
    assert [two.levels(case) for case in (0, 1)] == [{"epochs": 1}, {"epochs": 2}]


def test_the_document_keeps_its_contract() -> None:
    pair = made_pair(
        {"test_accuracy": GOOD, "wall_s": FAST},
        {"test_accuracy": BAD, "wall_s": SLOW},
        there={"torch": "2.16.0"},
    )

    found = json.loads(msgspec.json.encode(document(pair)))

    assert list(found) == [
        "schema", "base", "head", "interleaved", "differs", "only_in_base", "only_in_head",
        "seeds", "forced", "comparisons",
    ]  # fmt: skip
    assert (found["schema"], found["forced"], found["interleaved"]) == (1, False, False)
    assert found["base"] == {"suite": "init", "run": "base", "created": ""}
    assert found["head"]["run"] == "head"
    assert found["differs"] == [{"name": "torch", "base": "2.15.0", "head": "2.16.0", "voids": []}]
    assert found["only_in_base"] == found["only_in_head"] == []
    assert found["seeds"] == {"both": [0, 1, 2, 3, 4], "only_in_base": [], "only_in_head": []}
    first, second = found["comparisons"]
    assert first.keys() >= {
        "levels", "baseline", "metric", "difference", "ci95", "p_adjusted", "verdict",
        "seeds_needed", "note",
    }  # fmt: skip
    assert (first["metric"], first["verdict"]) == ("test_accuracy", "worse")
    assert first["levels"] == first["baseline"] == {"model": "mlp"}
    assert (second["metric"], second["verdict"]) == ("wall_s", None)
    assert document(pair, force=True)["forced"] is True


def test_the_document_tells_cases_and_seeds_of_one_run_alone() -> None:
    base = made_plan(*(made_case({"epochs": each}) for each in (1, 2)), seeds=(0, 1))
    head = made_plan(*(made_case({"epochs": each}) for each in (2, 3)), seeds=(1, 2))

    found = document(against(made_stored(base, ()), made_stored(head, ()), no_default))

    assert [each["levels"] for each in found["only_in_base"]] == [{"epochs": 1}]
    assert [each["settings"]["epochs"] for each in found["only_in_head"]] == [3]
    assert found["seeds"] == {"both": (1,), "only_in_base": (0,), "only_in_head": (2,)}
    assert found["comparisons"] == []

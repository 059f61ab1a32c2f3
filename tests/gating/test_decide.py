"""A gate decided: what is a regression, what is a trend, and what could have been seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from made import made_case, made_plan
from pairs import MIB, made_pair, made_stored, no_default, records_of

from harness.comparing.against import Against, against, compared
from harness.gating.decide import TREND, decide, throughput_stages
from harness.gating.decision import Decision, Failure, Gated, document

GOOD = [0.95, 0.94, 0.96, 0.95, 0.95]
BAD = [0.85, 0.83, 0.87, 0.86, 0.85]
FAST = [1000.0, 1010.0, 990.0, 1005.0, 995.0]
SLOW = [800.0, 805.0, 795.0, 802.0, 798.0]
LARGE = [100.0 * MIB] * 5
LARGER = [105.0 * MIB] * 5


def stored(base: dict[str, Any], head: dict[str, Any], **more: Any) -> Decision:
    return decide(made_pair(base, head, **more), form="stored")


def interleaved(
    base: Sequence[float], head: Sequence[float], *, fresh: Sequence[float] | None = None
) -> Gated:
    """Gate the throughput of one case; `fresh` is the head's in the second set of rounds."""
    first = made_pair(
        {"train_samples_per_s": base}, {"train_samples_per_s": head}, interleaved=True
    )
    second = fresh and made_pair(
        {"train_samples_per_s": base}, {"train_samples_per_s": fresh}, interleaved=True
    )
    [row] = decide(first, second or None, form="interleaved").gated
    return row


def test_a_less_accurate_head_is_a_regression() -> None:
    found = stored({"test_accuracy": GOOD}, {"test_accuracy": BAD})

    [row] = found.gated
    assert (found.regressions, row.regression) == (1, True)
    assert row.comparison.verdict == "worse"
    assert (row.base, row.head) == (pytest.approx(0.95), pytest.approx(0.852))
    assert (row.unit, row.scale) == ("1", "difference")


def test_a_hungrier_head_is_a_regression() -> None:
    assert stored({"host_peak_bytes": LARGE}, {"host_peak_bytes": LARGER}).regressions == 1


def test_a_metric_that_the_suite_gives_a_margin_to_is_gated_too_but_no_time() -> None:
    base = {"test_accuracy": GOOD, "parameters": [100.0] * 5, "wall_s": [1.0, 1.1, 1.2, 1.0, 1.1]}
    head = {**base, "parameters": [120.0] * 5, "wall_s": [9.0, 9.1, 9.2, 9.0, 9.1]}

    found = stored(base, head, margins={"parameters": 0.1, "wall_s": 0.1})
    unasked = stored(base, head)

    assert [each.comparison.metric for each in found.gated] == ["test_accuracy", "parameters"]
    assert [each.regression for each in found.gated] == [False, True]
    assert [each.comparison.metric for each in unasked.gated] == ["test_accuracy"]


def test_equal_figures_and_better_ones_are_none() -> None:
    metrics = {"test_accuracy": GOOD, "host_peak_bytes": LARGE}

    assert stored(metrics, metrics).regressions == 0
    better = {"test_accuracy": [0.99] * 5, "host_peak_bytes": [50.0 * MIB] * 5}
    assert stored(metrics, better).regressions == 0


def test_the_throughput_of_stored_runs_is_a_trend() -> None:
    [row] = stored({"train_samples_per_s": FAST}, {"train_samples_per_s": SLOW}).gated

    assert (row.regression, row.comparison.verdict, row.detectable) == (False, None, None)
    assert row.comparison.note == TREND == "a trend, not gated: not interleaved"
    assert row.comparison.difference == pytest.approx(-0.2, abs=0.01)


def test_what_took_turns_is_a_trend_too_once_it_is_stored() -> None:
    found = stored({"train_samples_per_s": FAST}, {"train_samples_per_s": SLOW}, interleaved=True)

    assert found.regressions == 0
    assert found.gated[0].comparison.verdict is None


def test_a_slower_head_is_a_regression_where_fresh_rounds_say_so_too() -> None:
    row = interleaved(FAST, SLOW, fresh=[700.0, 701.0, 699.0, 700.5, 700.0])

    assert row.regression
    assert row.comparison.verdict == "worse"
    assert row.comparison.note == "slower in 5 rounds and in 5 fresh ones"
    assert [each.fires for each in row.stages] == [True, True]
    assert row.comparison.difference == pytest.approx(-0.3, abs=0.01)
    assert (row.base, row.head) == (1000.0, pytest.approx(700.1))


@pytest.mark.parametrize(
    ("head", "fresh", "note"),
    [
        (FAST, None, "not seen slower"),
        (SLOW, FAST, "not slower in 5 fresh ones"),
        (SLOW, None, "slower, and no fresh rounds to confirm it"),
        (
            SLOW,
            [700.0, *["crashed"] * 4],
            "slower, but of the fresh rounds: 1 round with both figures: a gate needs 5",
        ),
        ([*FAST[:3], "crashed", "error"], None, "3 rounds with both figures: a gate needs 5"),
    ],
)
def test_less_than_that_is_none(head: Any, fresh: Any, note: str) -> None:
    row = interleaved(FAST, head, fresh=fresh)

    assert (row.regression, row.comparison.verdict) == (False, None)
    assert row.comparison.note == note


def test_a_better_throughput_gets_no_word() -> None:
    row = interleaved(SLOW, FAST)

    assert (row.regression, row.comparison.verdict) == (False, None)
    assert row.comparison.difference is not None
    assert row.comparison.difference > 0.2


def test_inference_is_gated_where_nothing_is_trained() -> None:
    pair = made_pair({"infer_samples_per_s": FAST}, {"infer_samples_per_s": SLOW}, interleaved=True)

    assert [each.fires for each in throughput_stages(pair, 1).values()] == [True]
    assert [each.comparison.metric for each in decide(pair, form="interleaved").gated] == [
        "infer_samples_per_s"
    ]


def test_one_throughput_of_a_case_is_gated() -> None:
    metrics = {"train_samples_per_s": FAST, "infer_samples_per_s": FAST}

    found = stored(metrics, metrics)

    assert [each.comparison.metric for each in found.gated] == ["train_samples_per_s"]


def test_gates_of_a_job_share_the_error() -> None:
    head = [each * factor for each, factor in zip(FAST, [1, 0.9, 0.95, 0.97, 0.9], strict=True)]
    pair = made_pair({"train_samples_per_s": FAST}, {"train_samples_per_s": head}, interleaved=True)

    alone, among = (throughput_stages(pair, gates)[0] for gates in (1, 100))

    assert alone.p == among.p
    assert alone.detectable is not None
    assert among.detectable is not None
    assert alone.detectable < among.detectable


def test_a_regression_model_is_gated_on_its_error() -> None:
    found = stored({"mse": [1.0, 1.1, 0.9, 1.0, 1.0]}, {"mse": [2.0, 2.2, 1.8, 2.0, 2.0]})

    [row] = found.gated
    assert (row.comparison.metric, row.regression, row.scale) == ("mse", True, "ratio")


def test_memory_is_that_of_the_device() -> None:
    metrics = {"host_peak_bytes": LARGE, "device_peak_bytes": LARGER}
    on_gpu = made_case({"model": "mlp"}, device="cuda")

    host, device = (stored(metrics, metrics, case=case) for case in (None, on_gpu))

    assert [each.comparison.metric for each in host.gated] == ["host_peak_bytes"]
    assert [each.comparison.metric for each in device.gated] == ["device_peak_bytes"]


def test_memory_of_another_machine_is_not_gated() -> None:
    found = stored({"host_peak_bytes": LARGE}, {"host_peak_bytes": LARGER}, there={"cpu": "y"})

    assert found.regressions == 0
    assert found.gated[0].comparison.note == "another machine (cpu)"


def test_what_could_have_been_seen_is_told_where_something_was_judged() -> None:
    metrics = {"test_accuracy": GOOD, "host_peak_bytes": LARGE}
    noisy = {"test_accuracy": [0.95, 0.93, 0.97, 0.94, 0.96], "host_peak_bytes": LARGE}

    accuracy, memory = stored(metrics, noisy).gated

    assert accuracy.detectable is not None
    assert 0.01 < accuracy.detectable < 0.1
    assert memory.detectable == pytest.approx(0.01)


def test_collapsed_seeds_of_the_head_excuse_nothing() -> None:
    plan = made_plan(*(made_case({"epochs": each}) for each in range(4)), seeds=range(20))
    usual = [0.90 + 0.001 * each for each in range(20)]
    base = [each for case in range(4) for each in records_of(plan, case, test_accuracy=usual)]
    head = records_of(plan, 0, test_accuracy=[0.1] * 8 + usual[:12])
    for case in (1, 2, 3):
        head += records_of(plan, case, test_accuracy=usual)
    pair = against(made_stored(plan, base), made_stored(plan, head), no_default)

    assert compared(pair)["test_accuracy"][0].verdict == "undecided"
    assert decide(pair, form="stored").gated[0].regression


def failing(base: int, head: int) -> Decision:
    """Let some of five seeds fail: the first ones."""
    sides = [["crashed"] * count + GOOD[count:] for count in (base, head)]
    return stored({"test_accuracy": sides[0]}, {"test_accuracy": sides[1]})


def test_a_case_that_fails_on_more_seeds_is_a_regression() -> None:
    found = failing(1, 2)

    assert found.regressions == 1
    assert found.failures == (
        Failure(
            levels={"model": "mlp"},
            base=1,
            head=2,
            seeds=5,
            reason="crashed: no luck",
            regression=True,
        ),
    )


def test_a_case_that_fails_on_as_many_or_fewer_is_none() -> None:
    assert failing(0, 0).failures == ()
    assert failing(2, 2).regressions == 0
    assert failing(2, 1).regressions == 0
    assert [each.regression for each in failing(2, 1).failures] == [False]


def test_a_head_that_fails_altogether_is_a_regression() -> None:
    found = failing(0, 5)

    assert (found.regressions, found.is_blind) == (1, False)


def test_skipped_trials_have_not_failed() -> None:
    found = stored({"test_accuracy": GOOD}, {"test_accuracy": ["skipped", *GOOD[1:]]})

    assert (found.failures, found.regressions) == ((), 0)


def test_failures_are_counted_over_the_seeds_of_both() -> None:
    old = made_plan(made_case({"model": "mlp"}), seeds=range(5))
    new = made_plan(made_case({"model": "mlp"}), seeds=range(10))
    head = records_of(new, test_accuracy=[*GOOD, *["crashed"] * 5])
    pair = against(
        made_stored(old, records_of(old, test_accuracy=GOOD)), made_stored(new, head), no_default
    )

    assert decide(pair, form="stored").failures == ()


@pytest.mark.parametrize(
    ("base", "head"),
    [
        ({"test_accuracy": GOOD[:2]}, {"test_accuracy": GOOD[:2]}),
        ({"test_accuracy": ["crashed"] * 5}, {"test_accuracy": GOOD}),
        ({"test_accuracy": ["crashed"] * 5}, {"test_accuracy": ["crashed"] * 5}),
        ({"train_samples_per_s": FAST}, {"train_samples_per_s": FAST}),
        ({"host_peak_bytes": [1.0] * 5}, {"host_peak_bytes": [1.0] * 5}),
    ],
)
def test_a_gate_that_could_see_nothing_is_blind(base: Any, head: Any) -> None:
    assert stored(base, head).is_blind
    assert not stored({"test_accuracy": GOOD}, {"test_accuracy": GOOD}).is_blind


def several() -> Against:
    """Match two runs of three cases, of which the second is slower."""
    plan = made_plan(*(made_case({"epochs": each}) for each in range(3)), seeds=range(5))
    runs = []
    for name, speeds in (("base", [FAST] * 3), ("head", [FAST, SLOW, FAST])):
        found = []
        for case, each in enumerate(speeds):
            metrics = {"test_accuracy": GOOD, "train_samples_per_s": each}
            found += records_of(plan, case, environment={"interleaved": "g"}, **metrics)
        runs.append(made_stored(plan, found, name))
    return against(*runs, default_of=no_default)


def test_rows_go_case_by_case_and_fresh_rounds_find_their_case() -> None:
    first = several()
    assert [case for case, each in throughput_stages(first, 3).items() if each.fires] == [1]
    plan = made_plan(made_case({"epochs": 1}), seeds=range(5, 10))
    here = {"interleaved": "g"}
    second = against(
        made_stored(plan, records_of(plan, environment=here, train_samples_per_s=FAST)),
        made_stored(plan, records_of(plan, environment=here, train_samples_per_s=SLOW)),
        no_default,
    )

    found = decide(first, second, form="interleaved", gates=3)

    assert [(each.comparison.levels["epochs"], each.comparison.metric) for each in found.gated] == [
        (epochs, metric)
        for epochs in range(3)
        for metric in ("test_accuracy", "train_samples_per_s")
    ]
    assert [each.regression for each in found.gated] == [False, False, False, True, False, False]
    assert [len(each.stages) for each in found.gated] == [0, 1, 0, 2, 0, 1]


def test_the_document_keeps_its_contract() -> None:
    pair = several()

    found = json.loads(msgspec.json.encode(document(pair, decide(pair, form="interleaved"))))

    assert list(found) == [
        "schema", "form", "base", "head", "interleaved", "differs", "only_in_base", "only_in_head",
        "seeds", "passed", "regressions", "gated", "failures",
    ]  # fmt: skip
    assert (found["schema"], found["form"], found["passed"]) == (1, "interleaved", True)
    row = found["gated"][1]
    assert row.keys() == {
        "levels", "baseline", "metric", "difference", "ci95", "p_adjusted", "verdict",
        "seeds_needed", "note", "n", "margin", "unit", "scale", "base_mean", "head_mean",
        "detectable", "stages", "regression",
    }  # fmt: skip
    assert (row["metric"], row["unit"], row["base_mean"]) == ("train_samples_per_s", "1/s", 1000.0)
    assert row["stages"][0].keys() == {
        "n", "difference", "ci95", "p", "detectable", "fires", "note",
    }  # fmt: skip
    worse = made_pair({"test_accuracy": GOOD}, {"test_accuracy": ["error", *BAD[1:]]})
    found = json.loads(msgspec.json.encode(document(worse, decide(worse, form="stored"))))
    assert (found["passed"], found["regressions"]) == (False, 2)
    assert found["failures"] == [
        {
            "levels": {"model": "mlp"},
            "base": 0,
            "head": 1,
            "seeds": 5,
            "reason": "error: no luck",
            "regression": True,
        }
    ]

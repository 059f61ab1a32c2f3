"""How often verdicts are wrong, in short: fixed seeds, a few of the figures of docs/verdicts.md.

    python -m benchmarks.verdicts

makes all of them, of more draws.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.numbers.verdicts import Scope

ROOT = Path(__file__).parents[1]
DRAWS = 500
SIZES = [(1, 3), (6, 5), (12, 10)]
"""Numbers of comparisons, and of seeds."""

METRICS = ["test_accuracy", "test_loss", "train_samples_per_s"]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests import `benchmarks`, behind everything else."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])


def benchmarks(name: str) -> Any:
    return importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def pools() -> Mapping[str, Any]:
    found = benchmarks("pools")
    folder = found.trials_folder()
    if not (folder / "calm.jsonl.gz").exists():
        pytest.skip(f"the real trials are not there: {folder} ({found.TRIALS} names another)")
    return {name: found.read_pool(folder, name) for name in ("calm", "storm")}


def rng() -> np.random.Generator:
    return np.random.default_rng(20261121)


def trial(metric: str, *, margin: bool = False, flagged: bool = False) -> Any:
    found = benchmarks("pools")
    return benchmarks("trying").Trial(
        scope=found.scope_of(metric, margin=margin), step=found.step_of(metric), flagged=flagged
    )


def false_words(drawn: Any, judged: Any) -> Any:
    return benchmarks("trying").false_words(drawn, judged)


@pytest.mark.parametrize(("comparisons", "n"), SIZES)
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_gaussian_arms_that_do_not_differ_get_a_word_one_time_in_twenty(
    comparisons: int, n: int, correlation: float
) -> None:
    drawn = benchmarks("pools").gaussian(comparisons, n, 2 * DRAWS, rng(), correlation)

    assert false_words(drawn, trial("test_accuracy")).within(5)


@pytest.mark.parametrize(("comparisons", "n"), SIZES)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("pool", ["calm", "storm"])
def test_real_arms_that_are_exchangeable_get_a_word_one_time_in_twenty(
    pools: Mapping[str, Any], pool: str, metric: str, comparisons: int, n: int
) -> None:
    drawing, judged = benchmarks("pools"), trial(metric)
    values = drawing.recentred(pools[pool].values(metric), judged.scope.scale)
    alike = pools[pool].values(metric, drawing.ARMS)

    swapped = drawing.swapped(values, comparisons, n, DRAWS, rng())
    other_seeds = drawing.other_seeds(alike, comparisons, n, DRAWS, rng())

    assert false_words(swapped, judged).within(5)
    assert false_words(other_seeds, judged).within(5)


@pytest.mark.parametrize(("comparisons", "n"), SIZES)
@pytest.mark.parametrize("metric", METRICS)
def test_real_arms_with_one_mean_get_a_word_one_time_in_twenty_if_none_collapses(
    pools: Mapping[str, Any], metric: str, comparisons: int, n: int
) -> None:
    drawing, judged = benchmarks("pools"), trial(metric, margin=True)
    values = drawing.recentred(pools["calm"].values(metric), judged.scope.scale)

    assert false_words(drawing.paired(values, comparisons, n, DRAWS, rng()), judged).within(5)


def test_real_differences_are_found_as_often_as_was_reported(pools: Mapping[str, Any]) -> None:
    table = benchmarks("finding").power(pools, 800, rng())

    assert table.broken == []
    assert len(table.rows) == 3


def test_a_power_that_is_not_as_reported_is_told(pools: Mapping[str, Any]) -> None:
    finding = benchmarks("finding")
    swapped = {name: pools[{"calm": "storm", "storm": "calm"}[name]] for name in pools}

    assert len(finding.power(swapped, 200, rng()).broken) >= 3


@pytest.mark.parametrize("n", [3, 5, 10])
def test_a_difference_of_the_margin_is_called_the_same_one_time_in_twenty(n: int) -> None:
    drawing, trying = benchmarks("pools"), benchmarks("trying")
    drawn = 0.5 / np.sqrt(2) * drawing.gaussian(1, n, 2 * DRAWS, rng())
    drawn[:, 1] += 1
    scope = Scope(scale="difference", direction="higher", margin=1.0)

    judged = trying.families(drawn, trying.Trial(scope=scope))

    share = trying.each_of(judged, frozenset({"same"}))
    assert share.within(5)
    assert share.percent > 2


def test_looks_that_share_the_error_are_wrong_one_time_in_twenty_and_others_more_often() -> None:
    drawing, trying = benchmarks("pools"), benchmarks("trying")
    drawn = drawing.gaussian(1, 20, 2 * DRAWS, rng())
    scope = Scope(scale="difference", direction="higher", margin=0.0)
    judged = trying.Trial(scope=scope)

    shared, often = (trying.family_wise(trying.looked(drawn, judged, looks)) for looks in (3, 1))

    assert shared.within(5)
    assert not often.within(5)


def test_seeds_that_collapse_are_seen_in_storm_and_hardly_ever_in_calm(
    pools: Mapping[str, Any],
) -> None:
    table = benchmarks("finding").collapsing(pools, DRAWS, rng())

    raised = {arms: [float(each) for each in runs.split(" / ")] for arms, runs, _ in table.rows}
    assert max(raised["calm, 6"]) < 2
    assert max(raised["calm, 12 and 3 stuck at the base rate"]) < 3
    assert min(raised["storm, 6"]) > 60


def test_swapping_labels_makes_the_arms_alike_and_keeps_what_a_seed_has() -> None:
    drawing = benchmarks("pools")
    values = np.arange(12.0).reshape(3, 4)  # (arms, seeds): arm 4 i, seed j: 4 i + j

    drawn = drawing.swapped(values, 2, 4, 500, rng())

    assert drawn.shape == (500, 3, 4)
    assert (np.sort(drawn % 4, axis=2) == np.arange(4)).all()  # each seed once an arm
    assert ((drawn % 4) == (drawn % 4)[:, :1]).all()  # the same seeds in all arms
    assert (np.sort(drawn // 4, axis=1) == np.arange(3)[:, None]).all()  # each arm once a seed
    assert np.ptp((drawn // 4).mean(axis=(0, 2))) < 0.1  # and as often at each place


def test_arms_that_stand_twice_beside_a_baseline_have_other_seeds() -> None:
    drawing = benchmarks("pools")
    values = np.arange(8.0).reshape(2, 4)

    drawn = drawing.paired(values, 2, 3, 200, rng())

    assert (drawn[:, 0] < 4).all()
    assert (drawn[:, 1:] >= 4).all()
    assert (drawn[:, 1] - drawn[:, 0] == 4).all()
    assert not (drawn[:, 2] - drawn[:, 0] == 4).all()


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_arms_are_moved_to_one_mean_of_their_scale(scale: str) -> None:
    drawing = benchmarks("pools")
    values = np.array([[1.0, 2.0, 4.0], [3.0, 8.0, 9.0]])

    moved = drawing.recentred(values, scale, 0.5)

    on_scale = np.log(moved) if scale == "ratio" else moved
    assert (moved[0] == values[0]).all()
    assert np.diff(on_scale.mean(axis=1)) == pytest.approx([0.5])


@pytest.mark.parametrize(
    ("hits", "of", "within"), [(5, 100, True), (11, 100, True), (12, 100, False), (56, 1000, True)]
)
def test_a_share_may_be_above_its_bound_by_three_standard_errors(
    hits: int, of: int, within: bool
) -> None:
    assert benchmarks("trying").Share(hits, of).within(5) is within


def test_a_share_out_of_bounds_is_told() -> None:
    trying = benchmarks("trying")
    table = trying.Table("Title", "Text.", ["arms", "n = 3", "n = 5"])

    table.add(["some"], [trying.Share(1, 100), trying.Share(30, 100)], bounded=True)

    assert table.broken == ["Title: some, n = 5: 30.0 %"]
    assert str(table).startswith("### Title\n\nText.\n\n| arms   | n = 3   | n = 5   |\n")


def test_the_document_has_every_table_of_the_command(pools: Mapping[str, Any]) -> None:
    document = (ROOT / "docs/verdicts.md").read_text(encoding="utf-8")

    for table in benchmarks("verdicts").tables(pools, 4, 1):
        assert f"### {table.title}\n" in document
        header = str(table).split("\n")[4]
        assert header.replace(" ", "") in document.replace(" ", "")
        for row in table.rows:
            assert f"| {row[0]} " in document


def comparison(metric: str, verdict: str | None) -> dict[str, Any]:
    return {"metric": metric, "verdict": verdict}


def test_runs_with_a_false_word_are_counted_a_metric_and_a_run() -> None:
    one = [comparison("a", "better"), comparison("a", "worse"), comparison("b", "same")]
    other = [comparison("a", "undecided"), comparison("b", None)]

    count = benchmarks("end_to_end").counted([one, other, one])

    assert (count.runs, count.wrong["a"], count.wrong["b"]) == (3, 2, 0)
    assert count.words["a"] == {"better": 2, "worse": 2, "undecided": 1}
    assert count.too_often == ["a"]
    assert count.table().splitlines()[2].replace(" ", "") == "|`a`|3|2|0|1|0|"


def test_four_runs_of_twenty_may_be_wrong() -> None:
    end_to_end = benchmarks("end_to_end")
    right, wrong = [comparison("a", "same")], [comparison("a", "better")]

    assert end_to_end.counted([wrong] * 4 + [right] * 16).too_often == []
    assert end_to_end.counted([wrong] * 5 + [right] * 15).too_often == ["a"]


def test_the_option_of_the_idle_net_changes_its_start_and_nothing_else(
    bench: Callable[..., Any], tmp_path: Path, reading: Any, only_run: Any
) -> None:
    ended = bench(
        "run",
        *("-p", ROOT / "benchmarks" / "idle.py"),
        "model=idle[skipped=0],idle[skipped=1000],idle",
        *("dataset=digits", "optimizer=sgd[lr=0.3]", "epochs=1", "--seeds", "1"),
    )

    assert ended.code == 0, ended.err
    first, other = (
        each["metrics"]
        for each in sorted(reading(only_run(tmp_path)), key=lambda r: str(r["levels"]))
    )
    assert first["test_loss"] != other["test_loss"]
    assert first["parameters"] == other["parameters"]

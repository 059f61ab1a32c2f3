"""The suites of sequences: they plan as written, hold on few seeds, and say what is missing."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bench_builtin
import pytest
from bench_builtin import suites

from harness.planning.plan import make_plan
from harness.plugin.registry import registry_of
from harness.records.planned import Plan
from harness.suites.draft import draft

FILE = Path(suites.__file__).with_name("suites") / "sequences.toml"
SUITES: Mapping[str, dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))["suites"]
CASES = {"hello-rnn": (6, 30), "names": (3, 3), "names-packing": (4, 3)}
SMALL = ("dataset.rows=none", "dataset.classes=3", "model.embedding=4", "model.hidden=4")
every_suite = pytest.mark.parametrize("name", SUITES)


def plan(name: str) -> Plan:
    registry = registry_of(builtin=bench_builtin)
    return make_plan(draft(registry.suite(name)), registry)


def expected(suite: str, metric: str) -> dict[str, tuple[float | None, ...]]:
    """List the bounds of the expectations on a metric by what they are of."""
    return {
        str(each.get("where", {})): (each.get("min"), each.get("max"), each.get("share"))
        for each in SUITES[suite]["expect"]
        if each.get("metric") == metric and "same_as" not in each
    }


@pytest.fixture(scope="module")
def hello(trained: Callable[..., Any]) -> Any:
    return trained("--suite", "hello-rnn", "--check", "--seeds", "1:4")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write names of three countries, told by their last letter."""
    root = tmp_path_factory.mktemp("names")
    countries = {"a": "Italian", "y": "Irish", "v": "Russian"}
    made = [f"{'Bcd' * (index % 5)}l{end}" for index in range(20) for end in countries]
    lines = [f'"{each}","{countries[each[-1]]}"' for each in made]
    (root / "names_train.csv").write_text("\n".join(lines))
    (root / "names_test.csv").write_text("\n".join(lines[:9]))
    return root


def test_the_package_registers_the_file():
    assert FILE in suites.bench_register_suites()
    assert SUITES.keys() == CASES.keys()


@every_suite
def test_a_suite_of_sequences_plans_as_written(name):
    planned = plan(name)

    assert (len(planned.cases), len(planned.seeds)) == CASES[name]
    assert planned.notes == ()
    assert all(each.reason is None and each.baseline is not None for each in planned.cases)
    assert len(planned.expectations) == len(SUITES[name]["expect"])


@every_suite
def test_a_summary_is_one_question(name):
    summary = SUITES[name]["summary"]

    assert summary.endswith("?")
    assert summary.count("?") == 1
    assert ". " not in summary


def test_names_are_trained_as_the_catalog_says():
    for case in plan("names").cases:
        found = case.settings
        assert (found["model"], found["dataset"], found["model.packed"]) == ("rnn", "names", True)
        assert [found[f"model.{each}"] for each in ("embedding", "hidden", "layers")] == [
            *(100, 100, 2),
        ]
        assert found["model.bidirectional"] is True
        assert (found["optimizer"], found["optimizer.lr"]) == ("adam", 0.001)
        assert (found["loss"], found["batch_size"]) == ("cross_entropy", 256)


def test_expectations_carry_the_figures_of_the_catalog():
    assert expected("hello-rnn", "train_loss") == {"{'model': 'bare_rnn'}": (0.34, 0.44, None)}
    assert expected("hello-rnn", "train_accuracy") == {
        "{'model': 'bare_rnn'}": (1, None, 0.8),
        "{'model': 'rnn[cell=rnn]'}": (1, None, None),
        "{'model': 'rnn[cell=lstm]'}": (1, None, 0.8),
        "{'model': 'rnn[cell=lstm_scratch]'}": (1, None, 0.8),
        "{'model': 'rnn[cell=gru]'}": (1, None, None),
    }
    assert expected("names", "test_accuracy") == {"{}": (0.8, None, None)}
    assert expected("names", "parameters") == {
        "{'model.cell': 'lstm'}": (419_618, 419_618, None),
        "{'model.cell': 'gru'}": (318_818, 318_818, None),
        "{'model.cell': 'rnn'}": (117_218, 117_218, None),
    }


def test_what_hello_shows_holds_on_three_seeds(hello):
    assert hello.ended.code == 0, hello.ended.out
    assert "12 of 12 expectations of the suite hold" in hello.ended.out
    assert {each["status"] for each in hello.records} == {"ok"}


@pytest.mark.long
def test_what_hello_shows_holds_on_all_its_seeds(trained):
    seen = trained("--suite", "hello-rnn", "--check")

    assert seen.ended.code == 0, seen.ended.out
    assert len(seen.records) == 6 * 30


def test_a_cell_stepped_by_hand_learns_what_the_built_in_one_learns(hello):
    curves: dict[tuple[str, int], list[float]] = {
        (each["levels"]["model"], each["seed"]): each["curves"]["train_loss"]
        for each in hello.records
    }

    for seed in (1, 2, 3):
        by_hand = curves["bare_rnn[by_hand=true]", seed]
        assert by_hand == pytest.approx(curves["bare_rnn[by_hand=false]", seed], rel=1e-4)
        assert len(by_hand) == 100


def test_packed_batches_learn_alike_sorted_or_not_and_padded_ones_otherwise(trained, names):
    seen = trained(
        *("--data-root", names, "--suite", "names-packing", "--seeds", "1", *SMALL),
        *("epochs=2", "batch_size=8", "optimizer.lr=0.05"),
    )

    found = {
        (each["levels"]["model.packed"], each["levels"]["dataset.sort"]): each
        for each in seen.records
    }
    assert {each["status"] for each in seen.records} == {"ok"}
    assert all(each["metrics"]["activation_bytes"] > 0 for each in seen.records)
    assert all(each["sizes"] == {"train": 60, "test": 9} for each in seen.records)
    losses = {key: each["metrics"]["test_loss"] for key, each in found.items()}
    assert losses[True, True] == pytest.approx(losses[True, False], rel=1e-4)
    assert losses[False, True] == pytest.approx(losses[False, False], rel=1e-4)
    assert losses[True, True] != pytest.approx(losses[False, True], rel=1e-2)


def test_names_that_are_not_here_are_skipped_with_how_to_bring_them(bench, tmp_path):
    nothing = tmp_path / "nothing"

    planned = bench("plan", "--suite", "names", "--data-root", nothing, "--format", "json")

    cases = json.loads(planned.out)["cases"]
    reason = (
        f"dataset names: names_train.csv.gz or names_train.csv is not in {nothing}: put the file"
        " there, or name its folder with --data-root or BENCH_DATA"
    )
    assert [(each["expected"], each["reason"]) for each in cases] == [("skipped", reason)] * 3
    assert planned.torch is False


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            ["model=mlp", "dataset=names"],
            "fully connected layers take samples of one size, not sequences",
        ),
        (
            ["model=cnn", "dataset=hello"],
            "cnn takes images, not sequences",
        ),
        (
            ["model=rnn", "dataset=digits"],
            "rnn takes sequences, not the samples of a classification task",
        ),
        (
            ["model=bare_rnn", "dataset=names"],
            "bare_rnn takes sequences of vectors (steps, numbers), not of symbols: model=rnn embeds"
            " those",
        ),
    ],
)
def test_what_does_not_fit_a_sequence_is_unsupported_at_the_plan(bench, settings, reason):
    planned = bench("plan", *settings, "optimizer=adam", "--format", "json")

    assert planned.code == 0, planned.err
    (case,) = json.loads(planned.out)["cases"]
    assert (case["expected"], case["reason"]) == ("unsupported", reason)
    assert planned.torch is False

"""The suites of lessons on regression and on parts: they plan as written, and hold."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import bench_builtin
import pytest
from bench_builtin import suites

from harness.planning.plan import make_plan
from harness.plugin.registry import registry_of
from harness.suites.draft import draft

FILES = [path for path in suites.bench_register_suites() if path.stem in {"regression", "parts"}]
SUITES: Mapping[str, dict[str, Any]] = {
    name: suite
    for path in FILES
    for name, suite in tomllib.loads(path.read_text(encoding="utf-8"))["suites"].items()
}
REGISTRY = registry_of(builtin=bench_builtin)
QUICK = ("one-weight", "losses", "activation-curves", "matrix-product")
HELD_BELOW = ("linear-regression",)
NEEDS_A_FILE = ("diabetes",)
every_suite = pytest.mark.parametrize("name", SUITES)


@pytest.mark.parametrize(
    ("name", "cases", "seeds"),
    [
        ("linear-regression", 3, 5),
        ("one-weight", 3, 5),
        ("three-points", 2, 5),
        ("logistic-regression", 2, 5),
        ("weight-decay-linear", 2, 5),
        ("capacity", 3, 5),
        ("diabetes", 4, 5),
        ("activation-curves", 10, 1),
        ("initialisation", 9, 5),
        ("initialisation-rate", 12, 5),
        ("losses", 6, 1),
        ("tied-weights", 2, 5),
        ("custom-layers", 4, 5),
        ("matrix-product", 3, 5),
        ("gradients", 12, 5),
        ("saturation", 8, 5),
        ("inference-memory", 4, 3),
    ],
)
def test_every_suite_of_a_lesson_plans_as_written(name, cases, seeds):
    plan = make_plan(draft(REGISTRY.suite(name)), REGISTRY)

    assert (len(plan.cases), len(plan.seeds)) == (cases, seeds)
    assert plan.notes == ()
    assert all(each.expected is None and each.baseline is not None for each in plan.cases)
    assert len(plan.expectations) == len(SUITES[name]["expect"])


def test_every_suite_of_a_lesson_is_held_here():
    planned = next(
        mark.args[1]
        for mark in test_every_suite_of_a_lesson_plans_as_written.pytestmark  # type: ignore[attr-defined]
        if mark.name == "parametrize"
    )

    assert {each[0] for each in planned} == set(SUITES)
    assert {path.stem for path in FILES} == {"regression", "parts"}


@every_suite
def test_the_summary_of_a_lesson_is_one_question(name):
    summary = SUITES[name]["summary"]

    assert summary.endswith("?")
    assert summary.count("?") == 1
    assert ". " not in summary


@every_suite
def test_a_lesson_gives_its_speed_no_time(name):
    assert "timed_s" not in SUITES[name]["base"]


def test_rates_of_initialisation_rate_are_compared_with_xavier_at_the_same_rate():
    cases = make_plan(draft(REGISTRY.suite("initialisation-rate")), REGISTRY).cases

    for case in cases:
        assert cases[case.baseline].levels == {**case.levels, "init": "xavier_uniform"}


@pytest.mark.parametrize("name", QUICK)
def test_what_a_quick_lesson_shows_holds(name, trained: Callable[..., Any]):
    seen = trained("--suite", name, "--check", "--seeds", "1")

    assert seen.ended.code == 0, seen.ended.out
    assert {each["status"] for each in seen.records} == {"ok"}
    assert len(seen.records) == len(make_plan(draft(REGISTRY.suite(name)), REGISTRY).cases)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", sorted({*SUITES} - {*QUICK, *HELD_BELOW, *NEEDS_A_FILE}))
def test_what_a_lesson_shows_holds(name, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "harness.cli", "run", "--suite", name, "--check"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr


def test_from_scratch_and_built_in_parts_give_the_same_figures_on_every_seed(trained):
    seen = trained("--suite", "linear-regression", "--check", "--seeds", "2")
    errors: dict[str, list[float]] = {}
    for record in sorted(seen.records, key=lambda each: each["seed"]):
        errors.setdefault(record["levels"]["optimizer"], []).append(record["metrics"]["mse"])

    assert seen.ended.code == 0, seen.ended.out
    built, half, whole = (
        errors[each] for each in ("sgd[lr=0.03]", "sgd_scratch[lr=0.03]", "sgd_scratch[lr=0.06]")
    )
    assert whole == pytest.approx(built, rel=1e-3)
    assert half != pytest.approx(built, rel=1e-3)


def table(rows: int) -> bytes:
    lines = [f"{index % 7 / 7},{','.join(['0.5'] * 7)},{index % 2}" for index in range(rows)]
    return gzip.compress("\n".join(lines).encode())


def test_diabetes_reads_its_table_from_the_data_root(trained, tmp_path):
    (tmp_path / "diabetes.csv.gz").write_bytes(table(759))

    seen = trained(*("--data-root", tmp_path, "--suite", "diabetes"), *("epochs=1", "--seeds", "1"))

    assert seen.ended.code == 0, seen.ended.err
    assert {each["status"] for each in seen.records} == {"ok"}
    assert all(each["sizes"] == {"train": 759} for each in seen.records)


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (None, "skipped", "dataset diabetes: diabetes.csv.gz or diabetes.csv is not in "),
        (table(759)[:-9], "error", "loading dataset diabetes: {path} is truncated: its end is"),
    ],
    ids=["absent", "truncated"],
)
def test_a_table_that_is_not_there_or_not_whole_is_the_reason_of_every_trial(
    trained, tmp_path, content, status, told
):
    path = tmp_path / "diabetes.csv.gz"
    if content is not None:
        path.write_bytes(content)

    seen = trained("--data-root", tmp_path, "--suite", "diabetes", "--seeds", "1")

    assert seen.ended.code == 4
    assert {each["status"] for each in seen.records} == {status}
    for record in seen.records:
        assert record["reason"].startswith(told.format(path=path))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            ["model=logistic", "dataset=digits", "optimizer=sgd"],
            "logistic gives the probability of one of two classes: it takes binary tasks with 1"
            " output, not classification with 10",
        ),
        (
            ["model=one_weight", "dataset=polynomial", "optimizer=none"],
            "one_weight predicts one number from one number, not 1 outputs of regression from"
            " samples of shape (4,)",
        ),
        (
            ["model=bare_activation", "dataset=digits", "optimizer=none", "procedure=measure"],
            "bare_activation changes no shape: it takes samples of as many numbers as there are"
            " outputs (10), not of shape (1, 8, 8)",
        ),
    ],
)
def test_a_dataset_that_does_not_fit_is_unsupported_at_the_plan(bench, settings, reason):
    planned = bench("plan", *settings, "metrics=sample_loss", "--format", "json")

    assert planned.code == 0, planned.err
    (case,) = json.loads(planned.out)["cases"]
    assert (case["expected"], case["reason"]) == ("unsupported", reason)
    assert planned.torch is False


def test_a_batch_larger_than_the_data_is_the_whole_data(trained):
    seen = trained(
        *("model=linear", "dataset=three_points", "optimizer=sgd[lr=0.01]", "epochs=5"),
        *("batch_size=3,100,full", "--seeds", "1"),
    )

    losses = [each["curves"]["train_loss"] for each in seen.records]
    assert len(losses) == 3
    assert losses[0] == losses[1] == losses[2]

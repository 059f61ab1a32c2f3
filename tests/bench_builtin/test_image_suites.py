"""The suites of images: what they plan, what they need on the disk, what they say without it."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bench_builtin
import pytest
from bench_builtin import suites

from harness.planning.plan import make_plan
from harness.plugin.registry import registry_of
from harness.records.planned import Plan
from harness.suites.draft import draft

FILE = Path(suites.__file__).with_name("suites") / "images.toml"
SUITES: Mapping[str, dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))["suites"]
SHARED = Path(__file__).parents[3] / "shared/datasets"
CASES = {
    "from-scratch": 4,
    "architectures": 5,
    "inception": 2,
    "residual": 4,
    "heads": 3,
    "cifar-reduced": 2,
    "mnist-mlp": 2,
    "mnist-activation": 3,
    "mnist-dropout": 4,
    "mnist-architectures": 5,
    "mnist-channels": 2,
    "cifar": 2,
    "cifar-heads": 3,
}
every_suite = pytest.mark.parametrize("name", SUITES)


@functools.cache
def plan(name: str) -> Plan:
    registry = registry_of(builtin=bench_builtin)
    return make_plan(draft(registry.suite(name)), registry)


def expected(suite: str, **where: object) -> list[tuple[str | None, float | None, float | None]]:
    """List the metric and the bounds of every expectation of these levels."""
    levels = {address.replace("__", "."): level for address, level in where.items()}
    return [
        (each.get("metric"), each.get("min"), each.get("max"))
        for each in SUITES[suite]["expect"]
        if each.get("where", {}) == levels
    ]


def test_the_package_registers_the_file():
    assert FILE in suites.bench_register_suites()
    assert SUITES.keys() == CASES.keys()


@every_suite
def test_a_suite_plans_as_written(name):
    planned = plan(name)

    assert len(planned.cases) == CASES[name]
    assert planned.notes == ()
    assert [case.reason for case in planned.cases if case.expected is not None] == []
    assert all(case.baseline is not None for case in planned.cases)
    assert len(planned.expectations) == len(SUITES[name]["expect"])


@every_suite
def test_a_summary_is_one_question(name):
    summary = SUITES[name]["summary"]

    assert summary.endswith("?")
    assert summary.count("?") == 1
    assert ". " not in summary


@every_suite
def test_the_name_of_a_suite_says_which_data_it_needs(name):
    needed = {case.settings["dataset"] for case in plan(name).cases}

    if name.startswith("mnist-"):
        assert needed == {"mnist"}
    elif name.startswith("cifar") and not name.endswith("reduced"):
        assert needed == {"cifar10"}
    else:
        assert needed == {"digits"}


@pytest.mark.parametrize("name", ["heads", "cifar-reduced"])
def test_a_suite_at_a_reduced_size_says_so(name):
    assert SUITES[name]["summary"].startswith("At a reduced size (")


@every_suite
def test_a_suite_that_is_asked_about_costs_measures_for_two_seconds(name):
    asks = "cost" in SUITES[name]["summary"] and "mnist" not in name and "cifar" not in name

    assert not asks or SUITES[name]["base"]["timed_s"] >= 2


def test_the_rows_of_the_catalog_are_trained_as_it_says():
    rows = {case.settings["model"]: case.settings for case in plan("mnist-architectures").cases}

    def recipe(model: str) -> tuple[object, ...]:
        found = rows[model]
        names = ("dataset.normalize", "optimizer.lr", "optimizer.momentum", "batch_size", "init")
        return tuple(found[each] for each in (*names, "epochs"))

    assert recipe("mlp") == (False, 0.1, 0.0, 256, "normal", 10)
    assert recipe("lenet") == (False, 0.9, 0.0, 256, "xavier_uniform", 10)
    for model in ("cnn", "inception", "residual"):
        assert recipe(model) == (True, 0.01, 0.5, 64, "as_built", 10)
        assert rows[model]["model.padding"] == 0


def test_expectations_carry_the_figures_of_the_catalog():
    assert expected("mnist-activation", model__activation="sigmoid") == [
        ("test_accuracy", None, 0.12)
    ]
    assert expected("mnist-activation", model__activation="relu") == [
        ("test_accuracy", 0.965, None)
    ]
    for model in ("cnn", "inception", "residual"):
        assert expected("mnist-architectures", model=model) == [("test_accuracy", 0.98, None)]
    for head, parameters in (
        ("last", 134_301_514),
        ("added", 138_367_554),
        ("whole", 14_965_578),
    ):
        assert expected("cifar-heads", model__head=head) == [("parameters", parameters, parameters)]


def test_a_run_without_mnist_says_which_file_is_missing_and_how_to_get_it(
    bench, only_run, reading, tmp_path
):
    nothing = tmp_path / "nothing"

    ended = bench("run", "--suite", "mnist-mlp", "--seeds", "1", "--data-root", nothing)

    assert [(each["status"], each["reason"]) for each in reading(only_run(tmp_path))] == [
        (
            "skipped",
            f"{nothing}/MNIST/raw/train-images-idx3-ubyte is missing: "
            "`bench data fetch mnist` gets it, "
            "or give --data-root (BENCH_DATA)",
        )
    ] * 2
    assert "`bench data fetch mnist` gets it" in ended.err
    assert ended.code == 4
    assert not nothing.exists()


@pytest.mark.skipif(not SHARED.is_dir(), reason="MNIST is not beside the project")
def test_the_channel_statistics_of_mnist_are_those_of_the_catalog(bench):
    ended = bench(
        *("run", "--suite", "mnist-channels", "dataset.normalize=false"),
        *("--check", "--data-root", SHARED),
    )

    assert ended.code == 0, ended.err + ended.out
    assert "2 of 2 expectations of the suite hold" in ended.out


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (
            "inception",
            "inception with model.padding=0 needs images of at least 16 x 16 pixels, not 8 x 8: "
            "model.padding=2 takes them",
        ),
        (
            "vgg16",
            "vgg16 needs images of at least 32 x 32 pixels, not 8 x 8: model.resize=32 scales them",
        ),
        (
            "mlp[hidden=[64],dropout=[0.3,0.5]]",
            "model.dropout has 2 shares for 1 hidden layers: "
            "give one for each, or one number for all",
        ),
    ],
)
def test_a_plan_refuses_what_does_not_fit_without_torch(bench, model, reason):
    ended = bench("plan", f"model={model}", "dataset=digits", "optimizer=sgd")

    assert f"1 of 1 cases refused: {reason}" in ended.out
    assert (ended.code, ended.torch) == (0, False)

"""The built-in suites: what they name exists, their levels parse, and they ask something."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import bench_builtin
import pytest
from bench_builtin import activations, datasets, initializers, models, optimizers, schedules, suites

from harness.numbers.metrics import MEANINGS
from harness.planning.plan import make_plan
from harness.plugin.options import schema_of
from harness.plugin.registry import registry_of
from harness.suites.draft import draft
from harness.suites.settings import (
    AS_BUILT,
    Level,
    address_of,
    flat_table,
    level_of,
    parse_level,
    root_of,
    split_name,
    text,
)

FILE = suites.bench_register_suites()[0]
SUITES: Mapping[str, dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))["suites"]
every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)

REGISTERED = {
    "model": {each.name: (each.build, 1) for each in models.bench_register_models()},
    "dataset": {each.name: (each.load, 1) for each in datasets.bench_register_datasets()},
    "optimizer": {each.name: (each.build, 1) for each in optimizers.bench_register_optimizers()},
    "schedule": {each.name: (each.factor, 1) for each in schedules.bench_register_schedules()},
    "init": {each.name: (each.apply, 2) for each in initializers.bench_register_initializers()},
    "model.activation": {
        each.name: (each.build, 0) for each in activations.bench_register_activations()
    },
}


def settings(suite: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Walk every (address, level) of a suite, wherever it stands."""
    tables = [suite["base"], suite.get("baseline", {})]
    for expect in suite.get("expect", []):
        tables += [expect.get("where", {}), expect.get("better_than", {})]
    for table in tables:
        yield from flat_table(table)
    for address, levels in flat_table(suite["factors"]):
        yield from ((address, each) for each in levels)


def check_named(address: str, level: Level) -> None:
    taken = split_name(level)
    assert taken is not None
    name, given = taken
    if name == AS_BUILT:
        return
    function, places = REGISTERED[address][str(name)]
    schema_of(f"{address} {name}", {"function": (function, places)}).resolve(given, address)


def test_the_file_is_toml_beside_the_package():
    assert Path(suites.__file__).with_name("suites.toml") == FILE
    assert set(SUITES) == {"smoke", "init", "activation", "dropout", "weight-decay", "device"}


@every_suite
def test_every_level_parses_and_its_canonical_text_parses_back(suite):
    levels = [level_of(level) for _, level in settings(suite)]

    assert levels
    assert [parse_level(text(each)) for each in levels] == levels


@every_suite
def test_every_name_and_option_of_a_suite_exists(suite):
    checked = [
        check_named(address, level_of(level))
        for address, level in settings(suite)
        if address in REGISTERED
    ]

    assert len(checked) >= 3


@every_suite
def test_a_factor_over_an_option_is_one_of_the_definition_in_the_base(suite):
    for address, levels in flat_table(suite["factors"]):
        root, _, option = address_of(address).partition(".")
        if option:
            taken = split_name(level_of(suite["base"][root]))
            assert taken is not None
            function, places = REGISTERED[root][str(taken[0])]
            schema = schema_of(root, {"function": (function, places)})
            for level in levels:
                schema.resolve({option: level_of(level)}, root_of(address))


@every_suite
def test_an_expectation_speaks_of_levels_that_the_suite_has(suite):
    factors = dict(flat_table(suite["factors"]))

    for expect in suite["expect"]:
        for table in (expect.get("where", {}), expect.get("better_than", {})):
            assert all(level in factors[address] for address, level in flat_table(table))
        assert expect["metric"] in MEANINGS
        assert expect.keys() & {"min", "max", "better_than"}


@every_suite
def test_a_summary_is_one_question(suite):
    assert suite["summary"].endswith("?")
    assert suite["summary"].count("?") == 1
    assert ". " not in suite["summary"]


@pytest.mark.parametrize(
    ("name", "cases", "trials"),
    [
        ("smoke", 2, 4),
        ("init", 15, 75),
        ("activation", 7, 35),
        ("dropout", 3, 15),
        ("weight-decay", 5, 25),
        ("device", 2, 10),
    ],
)
def test_every_suite_plans_as_written(name, cases, trials):
    registry = registry_of(builtin=bench_builtin)

    plan = make_plan(draft(registry.suite(name)), registry)

    assert (len(plan.cases), len(plan.trials)) == (cases, trials)
    assert plan.notes == ()
    assert all(each.expected is None and each.baseline is not None for each in plan.cases)


def test_the_cases_of_init_are_compared_with_the_normal_start_under_their_own_activation():
    registry = registry_of(builtin=bench_builtin)

    cases = make_plan(draft(registry.suite("init")), registry).cases

    for case in cases:
        baseline = cases[case.baseline].levels
        assert baseline == {**case.levels, "init": "normal[std=0.01]"}


def test_a_suite_about_speed_measures_for_two_seconds():
    assert SUITES["device"]["base"]["timed_s"] == 2

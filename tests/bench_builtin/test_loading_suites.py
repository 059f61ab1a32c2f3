"""The suites on loading and on transforms: what they plan, and what they compare with."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

import bench_builtin
import pytest
from bench_builtin import suites

from harness.planning.overrides import overridden, parse_override
from harness.planning.plan import make_plan
from harness.plugin.registry import registry_of
from harness.records.planned import Plan
from harness.suites.draft import draft

FILE = Path(suites.__file__).with_name("suites") / "loading.toml"
NAMES = ("loading", "augmentation")


@functools.cache
def plan(name: str, *settings: str) -> Plan:
    registry = registry_of(builtin=bench_builtin)
    given = [parse_override(each) for each in settings]
    drafted = overridden(draft(registry.suite(name)), given, registry)
    return make_plan(drafted, registry, overridden=bool(given))


def test_the_package_registers_the_file() -> None:
    assert FILE in suites.bench_register_suites()
    assert tuple(tomllib.loads(FILE.read_text(encoding="utf-8"))["suites"]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_suite_plans_four_cases_on_digits_with_five_seeds_and_drops_nothing(
    name: str,
) -> None:
    found = plan(name)

    assert len(found.cases) == 4
    assert len(found.trials) == 20
    assert found.summary.endswith("?")
    assert found.notes == ()
    assert {case.settings["dataset"] for case in found.cases} == {"digits"}
    assert {case.expected for case in found.cases} == {None}
    assert {case.baseline for case in found.cases} == {0}
    assert all(each.cases for each in found.expectations)


def test_ways_of_loading_stand_in_one_column_as_they_are_written() -> None:
    found = plan("loading")

    assert [case.levels["loading"] for case in found.cases] == [
        "memory",
        "loader",
        "loader[workers=2]",
        "loader[persistent=true,workers=2]",
    ]
    assert [case.settings["loading"] for case in found.cases] == [
        case.levels["loading"] for case in found.cases
    ]


def test_pinned_memory_is_planned_for_cuda_and_unsupported_on_the_cpu() -> None:
    loading = "loading=memory,loader[workers=2,pinned=true]"

    here, there = plan("loading", loading), plan("loading", loading, "device=cuda")

    assert [case.expected for case in here.cases] == [None, "unsupported"]
    assert [case.reason for case in here.cases] == [
        None,
        "loading=loader[pinned=true,workers=2]: memory is pinned for copies to a CUDA device, and"
        " device=cpu",
    ]
    assert "unsupported" not in [case.expected for case in there.cases]

"""What is said above a run's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from made import made_case, made_plan, made_record, made_run

from harness.records.planned import Plan
from harness.records.record import Record
from harness.records.store import StoredRun
from harness.showing.header import header_lines

PLAN = made_plan(made_case({"init": "zeros"}), seeds=(0,))
HERE = {"cpu": "AMD EPYC", "cores": 2, "torch": "2.15.0", "host": "h"}


def told(plan: Plan = PLAN, found: tuple[Record, ...] = (), **more: Any) -> list[str]:
    usual: dict[str, Any] = {
        "command": ["run", "--suite", "init"],
        "environment": HERE,
        "created": "2026-11-21T14:15:33.963023+00:00",
    }
    run = msgspec.structs.replace(made_run(plan, **{**usual, **more}), id="20261121T141533Z-3f2a")
    return header_lines(StoredRun(folder=Path("r"), run=run, records=found))


def test_a_run_is_told_by_command_time_and_machine() -> None:
    assert told() == [
        "init 20261121T141533Z-3f2a: bench run --suite init",
        "2026-11-21 14:15 UTC; AMD EPYC, 2 cores, torch 2.15.0",
    ]


def test_what_the_suite_sets_in_all_cases_is_told() -> None:
    plan = msgspec.structs.replace(PLAN, base={"model": "mlp[hidden=[8,4]]", "epochs": "20"})

    assert told(plan)[2:] == ["all cases: model=mlp[hidden=[8,4]] epochs=20"]


@pytest.mark.parametrize(
    ("options", "how"), [({"jobs": 4}, " (--jobs 4)"), ({}, "")], ids=["jobs", "unknown"]
)
def test_trials_that_shared_the_machine_are_marked(options: dict[str, Any], how: str) -> None:
    found = (made_record(PLAN, 0, 0, shared=True),)

    assert told(found=found, options=options)[2:] == [
        f"shared: trials ran side by side{how}, speed and memory get no word"
    ]
    assert told(found=(made_record(PLAN, 0, 0),), options=options)[2:] == []


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["run", "model=mlp[hidden=[8]]"], ": bench run 'model=mlp[hidden=[8]]'"),
        (["harness.run", "epochs=5"], ": harness.run epochs=5"),
        ([], ""),
    ],
)
def test_a_command_is_told_as_a_shell_reads_it_back(command: list[str], shown: str) -> None:
    assert told(command=command)[0] == f"init 20261121T141533Z-3f2a{shown}"


@pytest.mark.parametrize(
    ("environment", "created", "shown"),
    [
        ({}, "2026-11-21T14:15:33+00:00", "2026-11-21 14:15 UTC"),
        ({"cores": 1}, "", "1 core"),
        ({"torch": None, "cpu": "A; B", "cores": "2; 4"}, "odd", "odd; A; B, 2; 4 cores"),
    ],
)
def test_what_is_not_known_is_left_out(
    environment: dict[str, Any], created: str, shown: str
) -> None:
    assert told(environment=environment, created=created)[1] == shown


def test_a_run_of_which_nothing_is_known_has_its_name() -> None:
    assert told(environment={}, created="", command=[]) == ["init 20261121T141533Z-3f2a"]


def test_hostile_texts_are_escaped_and_cut() -> None:
    evil = "\x1b[31m\n" + "x" * 1000
    plan = msgspec.structs.replace(PLAN, suite=evil, base={evil: evil})

    lines = told(plan, command=[evil], created=evil, environment={"cpu": evil, "torch": evil})

    assert all(each.isprintable() and len(each) <= 300 for each in lines)
    assert len(lines) == 3


def test_trials_that_ran_while_others_computed_are_counted() -> None:
    busy = (0.0, 0.3, None, 1.5)
    found = tuple(made_record(PLAN, 0, seed, foreign_cpus=each) for seed, each in enumerate(busy))

    crowd = (
        "crowded: 2 of 3 trials (of 1 more it is not known) ran while other processes kept"
        " 0.25 processors or more busy, speed is noisier (bench doctor)"
    )
    assert crowd in told(found=found)
    assert crowd not in told(found=found[:1])

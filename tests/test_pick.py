"""One trial of a run, picked by some of its case's levels, its seed and its fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import BenchError, LevelError
from harness.pick import case_text, parse_case, picked
from harness.planning.plan import make_plan
from harness.plugin.registry import load
from harness.records.planned import Plan
from harness.records.record import Record
from harness.records.store import RunFile, StoredRun
from harness.suites.draft import draft
from harness.suites.settings import Named
from harness.suites.suite import Suite

REGISTRY = load()


def planned(**more: Any) -> Plan:
    base = {"model": "mlp[hidden=[8]]", "optimizer": "sgd", "dataset": "digits"}
    factors = {"init": ["normal[std=0.1]", "xavier_uniform"], "model.activation": ["relu", "tanh"]}
    suite = Suite("s", base=base, factors=factors, seeds=[3, 4], **more)
    return make_plan(draft(suite), REGISTRY)


def stored(plan: Plan, records: tuple[Record, ...] | None = None) -> StoredRun:
    """Make a run whose trials have all ended, unless records are given."""
    all_ended = tuple(
        Record(
            key=each.key,
            settings=plan.cases[each.case].settings,
            levels=plan.cases[each.case].levels,
            seed=each.seed,
            fold=each.fold,
            status="ok",
        )
        for each in plan.trials
    )
    run = RunFile(suite="s", plan=plan)
    return StoredRun(
        folder=Path("there"), run=run, records=all_ended if records is None else records
    )


RUN = stored(planned())
CASES = (
    "init=normal[std=0.1],model.activation=relu or init=normal[std=0.1],model.activation=tanh or"
    " init=xavier_uniform,model.activation=relu or init=xavier_uniform,model.activation=tanh"
)


def pick(*case: str, seed: int | None = None, fold: int | None = None) -> tuple[Any, ...]:
    found = picked(RUN, REGISTRY, parse_case(case), seed, fold)
    return found.levels["init"], found.levels["model.activation"], found.seed


def refused(*case: str, seed: int | None = None, fold: int | None = None) -> str:
    with pytest.raises(BenchError) as told:
        pick(*case, seed=seed, fold=fold)
    return str(told.value)


def test_levels_stand_in_one_text_or_in_several() -> None:
    one = parse_case(["init=normal[std=0.1,mean=0],model.hidden=[8,4]"])
    several = parse_case(["init=normal[std=0.1,mean=0]", "model.hidden=[8,4]"])

    assert one == several
    assert one == {"init": Named("normal", (("std", 0.1), ("mean", 0))), "model.hidden": (8, 4)}


def test_globs_and_texts_in_quotes_keep_their_commas() -> None:
    found = parse_case(['init={0.*=zeros,*=ones},dataset.file="a,b"'])

    assert list(found) == ["init", "dataset.file"]
    assert found["dataset.file"] == "a,b"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("init", "'init' is no level of a case: write ADDRESS=LEVEL,ADDRESS=LEVEL"),
        ("init=", "'init=' is no level of a case: write ADDRESS=LEVEL,ADDRESS=LEVEL"),
        ("init=a,b", "'b' is no level of a case: write ADDRESS=LEVEL,ADDRESS=LEVEL"),
        ("init=a,init=b", "init is given twice"),
    ],
)
def test_what_is_no_case_is_told(text: str, told: str) -> None:
    with pytest.raises(LevelError) as raised:
        parse_case([text])

    assert str(raised.value) == told


def test_some_levels_that_one_case_has_pick_it() -> None:
    assert pick("init=xavier_uniform,model.activation=relu") == ("xavier_uniform", "relu", 3)
    assert pick("init=normal,activation=tanh", seed=4) == ("normal[std=0.1]", "tanh", 4)
    assert pick("init=normal[std=0.1]", "model.activation=tanh")[:2] == ("normal[std=0.1]", "tanh")


def test_a_list_is_a_level_like_any_other() -> None:
    assert pick("model.hidden=[8],init=xavier_uniform,activation=relu")[0] == "xavier_uniform"
    assert refused("model.hidden=[9]") == f"no case has these levels: give {CASES}"


def test_levels_that_several_cases_have_ask_for_more() -> None:
    assert refused() == f"4 cases have these levels: give more of {CASES}"
    assert refused("init=xavier_uniform") == (
        "2 cases have these levels: give more of init=xavier_uniform,model.activation=relu or"
        " init=xavier_uniform,model.activation=tanh"
    )


def test_a_seed_and_a_fold_that_were_not_planned_are_told_with_those_that_were() -> None:
    case = "init=xavier_uniform,activation=relu"
    told = "init=xavier_uniform,model.activation=relu has seeds 3, 4, no folds"

    assert refused(case, seed=5) == told
    assert refused(case, fold=0) == told


def test_unknown_names_and_addresses_are_told_with_the_nearest() -> None:
    assert refused("init=xavier_unifrom").startswith(
        "unknown initializer 'xavier_unifrom': did you mean 'xavier_uniform'? (known: "
    )
    assert refused("modle=mlp").startswith("unknown address 'modle': did you mean 'model'? (known:")


def test_a_bare_option_that_two_definitions_have_is_told() -> None:
    plan = make_plan(
        draft(
            Suite(
                "s",
                base={
                    "model": "linear",
                    "dataset": "digits",
                    "init": "normal",
                    "bias_init": "normal",
                }
                | {"optimizer": "sgd"},
                seeds=1,
            )
        ),
        REGISTRY,
    )

    with pytest.raises(BenchError) as told:
        picked(stored(plan), REGISTRY, parse_case(["std=0.1"]))

    assert str(told.value) == (
        "'std' stands for init.std and for bias_init.std: write the address in full"
    )


def test_a_run_of_one_case_needs_no_levels() -> None:
    plan = make_plan(
        draft(Suite("s", base={"model": "linear", "optimizer": "sgd"}, seeds=2)), REGISTRY
    )

    assert picked(stored(plan), REGISTRY, {}).seed == 0
    assert case_text(plan, 0) == "the only case"


def test_a_trial_that_has_not_ended_is_told() -> None:
    with pytest.raises(BenchError) as told:
        picked(stored(RUN.plan, ()), REGISTRY, parse_case(["init=xavier_uniform,activation=relu"]))

    assert str(told.value) == (
        "seed 3 of init=xavier_uniform,model.activation=relu has not ended: `bench resume` goes on"
    )


def test_the_first_fold_is_picked_and_any_can_be_asked_for() -> None:
    plan = make_plan(
        draft(Suite("s", base={"model": "linear", "optimizer": "sgd", "folds": 3}, seeds=2)),
        REGISTRY,
    )
    run = stored(plan)

    assert (picked(run, REGISTRY, {}).seed, picked(run, REGISTRY, {}).fold) == (0, 0)
    assert picked(run, REGISTRY, {}, 1, 2).fold == 2
    with pytest.raises(BenchError) as told:
        picked(run, REGISTRY, {}, 1, 3)
    assert str(told.value) == "the only case has seeds 0, 1, folds 0 to 2"


def test_the_attempt_that_counts_is_picked() -> None:
    plan = make_plan(
        draft(Suite("s", base={"model": "linear", "optimizer": "sgd"}, seeds=1)), REGISTRY
    )
    (first,) = stored(plan).records
    second = Record(
        key=first.key, settings=first.settings, levels={}, seed=0, attempt=2, status="error"
    )

    assert picked(stored(plan, (second, first)), REGISTRY, {}).attempt == 2

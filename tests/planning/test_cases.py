"""Cases are combined, excluded, included, merged where equal, and found by their levels."""

from __future__ import annotations

import math
from typing import Any

import bench_builtin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import BenchError, SettingError, SuiteError, UnknownName
from harness.planning.cases import Cases, words
from harness.planning.resolve import Resolver
from harness.plugin.registry import registry_of
from harness.suites.draft import draft
from harness.suites.settings import level_of
from harness.suites.suite import Suite

REGISTRY = registry_of(builtin=bench_builtin)
BASE = {"model": "mlp", "optimizer": "sgd"}


def drawn(*, forgiving: bool = False, **fields: Any) -> Cases:
    suite = Suite("s", **{"base": BASE, **fields})
    cases = Cases(draft(suite), Resolver(REGISTRY), forgiving)
    cases.draw()
    return cases


def refused(**fields: Any) -> str:
    with pytest.raises(BenchError) as caught:
        drawn(**fields)
    return str(caught.value)


def column(cases: Cases, address: str) -> list[Any]:
    return [each.resolved.settings.get(address) for each in cases.drawn]


EPOCHS = st.lists(st.integers(1, 6), min_size=1, max_size=4)
RATES = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=4)


@settings(deadline=None, max_examples=40)
@given(EPOCHS, RATES)
def test_equal_combinations_are_one_case(epochs: list[int], rates: list[float]) -> None:
    cases = drawn(factors={"epochs": epochs, "optimizer.lr": rates})

    pairs = [(e, r) for e in epochs for r in rates]
    assert list(zip(column(cases, "epochs"), column(cases, "optimizer.lr"), strict=True)) == list(
        dict.fromkeys(pairs)
    )
    equal = len(pairs) - len(set(pairs))
    told = f"{equal} of {len(pairs)} combinations are equal to others: each is run once"
    assert cases.notes == ([told] if equal else [])


@settings(deadline=None, max_examples=40)
@given(st.sets(st.integers(1, 6), min_size=2), st.data())
def test_what_is_excluded_and_included_again_is_there_once(
    epochs: set[int], data: st.DataObject
) -> None:
    out = data.draw(st.sampled_from(sorted(epochs)))
    factors = {"epochs": sorted(epochs)}

    without = drawn(factors=factors, exclude=[{"epochs": out}])
    again = drawn(factors=factors, exclude=[{"epochs": out}], include=[{"epochs": out}])
    beside = drawn(factors=factors, include=[{"epochs": out}])

    assert set(column(without, "epochs")) == epochs - {out}
    assert column(again, "epochs") == [*column(without, "epochs"), out]
    assert column(beside, "epochs") == sorted(epochs)


def test_an_exclude_matches_by_all_of_its_levels() -> None:
    cases = drawn(
        factors={"init": ["normal[std=0.01]", "zeros"], "epochs": [1, 2]},
        exclude=[{"init": "normal", "epochs": 2}],
    )

    assert list(zip(column(cases, "init"), column(cases, "epochs"), strict=True)) == [
        ("normal", 1),
        ("zeros", 1),
        ("zeros", 2),
    ]


def test_an_include_adds_to_the_base_alone() -> None:
    cases = drawn(factors={"epochs": [1, 2]}, include=[{"init": "zeros"}])

    assert column(cases, "epochs") == [1, 2, 10]
    assert column(cases, "init") == ["as_built", "as_built", "zeros"]
    assert cases.factors == ("epochs", "init")


def test_an_include_is_not_excluded() -> None:
    cases = drawn(
        factors={"epochs": [1, 2]},
        exclude=[{"epochs": 1}],
        include=[{"epochs": 1, "init": "zeros"}],
    )

    assert column(cases, "epochs") == [2, 1]


def test_levels_that_go_together_are_one_axis() -> None:
    cases = drawn(
        factors={"init": ["zeros", "ones"]},
        together=[{"epochs": 1, "batch_size": 8}, {"epochs": 2, "batch_size": "full"}],
    )

    assert column(cases, "init") == ["zeros", "zeros", "ones", "ones"]
    assert column(cases, "batch_size") == [8, "full", 8, "full"]
    assert cases.factors == ("init", "epochs", "batch_size")


def test_an_ablation_has_the_base_and_each_level_alone() -> None:
    cases = drawn(design="ablate", factors={"epochs": [3, 4], "init": ["zeros"]})

    assert column(cases, "epochs") == [10, 3, 4, 10]
    assert column(cases, "init") == ["as_built", "as_built", "as_built", "zeros"]


def test_a_zip_takes_levels_in_step() -> None:
    cases = drawn(design="zip", factors={"epochs": [3, 4], "init": ["zeros", "ones"]})

    assert column(cases, "epochs") == [3, 4]
    assert column(cases, "init") == ["zeros", "ones"]


def test_a_factor_over_an_option_applies_to_the_cases_that_have_it() -> None:
    cases = drawn(factors={"model": ["mlp", "lenet"], "model.dropout": [0, 0.5]})

    assert column(cases, "model") == ["mlp", "mlp", "lenet"]
    assert column(cases, "model.dropout") == [0.0, 0.5, None]
    assert cases.notes == ["1 of 4 combinations are equal to others: each is run once"]


def test_without_factors_there_is_one_case() -> None:
    assert column(drawn(), "model") == ["mlp"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"exclude": [{"epochs": 3}]}, "suite 's': exclude epochs=3 matches no case"),
        (
            {"exclude": [{"model.nonsense": 3}]},
            "suite 's': exclude model.nonsense=3 matches no case",
        ),
        (
            {"base": {**BASE, "model.nonsense": 3}},
            "suite 's': model.nonsense applies to no case: model mlp has no such option",
        ),
        (
            {"factors": {"model": ["mlp", "lenet"], "model.bias": [True, False]}},
            "suite 's': model.bias applies to no case: model lenet and mlp has no such option",
        ),
        (
            {"include": [{"model.nonsense": 3}]},
            "suite 's': model.nonsense applies to no case: model mlp has no such option",
        ),
        (
            {"base": {**BASE, "epochs.x": 3}},
            "suite 's': epochs.x applies to no case: epochs 10 has no such option",
        ),
        (
            {"exclude": [{"model": "mlp"}]},
            "suite 's' has no cases left: everything is excluded",
        ),
        (
            {"factors": {"timeout_s": [1, 2]}},
            "suite 's': two cases differ only in timeout_s, which says what a trial may take,"
            " not what it does: give it one level",
        ),
        (
            {"seeds": 1000, "factors": {"epochs": list(range(1, 1002))}},
            "suite 's' has 1,001,000 trials: 1,000,000 is the most",
        ),
        (
            {"seeds": 500_000, "factors": {"epochs": [1, 2]}, "design": "ablate"},
            "suite 's' has 1,500,000 trials: 1,000,000 is the most",
        ),
        (
            {
                "seeds": 500_000,
                "factors": {"epochs": [1, 2]},
                "design": "zip",
                "include": [{"epochs": 3}],
            },
            "suite 's' has 1,500,000 trials: 1,000,000 is the most",
        ),
    ],
)
def test_a_part_of_a_suite_that_means_nothing_is_an_error(
    fields: dict[str, Any], told: str
) -> None:
    assert refused(**fields) == told


def test_huge_products_are_refused_before_they_are_made() -> None:
    names = ["epochs", "batch_size", "threads", "optimizer.lr", "model.dropout", "timed_s"]
    factors = {name: list(range(1, 101)) for name in names}

    assert refused(factors=factors, seeds=1) == (
        f"suite 's' has {math.prod([100] * 6):,} trials: 1,000,000 is the most"
    )


def test_unknown_names_are_errors_also_after_an_override() -> None:
    with pytest.raises(UnknownName, match="unknown model 'mpl'"):
        drawn(forgiving=True, exclude=[{"model": "mpl"}])


def test_after_an_override_what_means_nothing_is_dropped_with_a_note() -> None:
    cases = drawn(
        forgiving=True,
        base={"model": "lenet", "optimizer": "sgd", "optimizer.beta": 1},
        factors={"model.dropout": [0, 0.5], "epochs": [1, 2]},
        exclude=[{"epochs": 3}],
    )

    assert column(cases, "epochs") == [1, 2]
    assert cases.factors == ("epochs",)
    assert cases.notes == [
        "exclude epochs=3 matches no case: dropped",
        "2 of 4 combinations are equal to others: each is run once",
        "optimizer.beta applies to no case: optimizer sgd has no such option: dropped",
        "model.dropout applies to no case: model lenet has no such option: dropped",
    ]


def test_settings_that_limit_a_trial_may_differ_between_cases_that_differ_anyway() -> None:
    cases = drawn(together=[{"epochs": 1, "timeout_s": 5}, {"epochs": 2, "timeout_s": 9}])

    assert column(cases, "timeout_s") == [5.0, 9.0]


def test_a_counterpart_has_the_levels_of_a_pattern_in_place_of_its_own() -> None:
    cases = drawn(factors={"init": ["normal[std=0.01]", "zeros"], "epochs": [1, 2]})

    assert cases.counterparts({"init": level_of("normal[std=0.01]")}, range(4)) == [0, 1, 0, 1]
    assert cases.counterparts({"init": "normal"}, range(4)) == [0, 1, 0, 1]
    assert cases.counterparts({"init": "zeros", "epochs": 2}, [0, 3]) == [3, 3]


@pytest.mark.parametrize(
    "pattern", [{"epochs": 7}, {"model.nonsense": 1}, {"model": "linear"}, {"init": "normal"}]
)
def test_a_pattern_that_no_case_has_has_no_counterpart(pattern: dict[str, Any]) -> None:
    cases = drawn(factors={"init": ["normal[std=2]", "normal[std=3]"], "epochs": [1, 2]})

    assert cases.counterparts(pattern, range(4)) is None


def test_a_name_in_a_pattern_stands_for_the_one_level_of_that_name() -> None:
    cases = drawn(base={"model": "mlp[hidden=[8]]", "optimizer": "sgd"}, factors={"epochs": [1, 2]})

    assert cases.counterparts({"model": "mlp", "epochs": 1}, range(2)) == [0, 0]


def test_a_counterpart_may_be_missing_for_some_cases() -> None:
    cases = drawn(
        factors={"init": ["zeros", "ones"], "epochs": [1, 2]},
        exclude=[{"init": "zeros", "epochs": 2}],
    )

    assert cases.counterparts({"init": "zeros"}, range(3)) == [0, 0, None]


def test_an_option_in_brackets_has_no_counterpart_with_that_option_by_itself() -> None:
    cases = drawn(factors={"model": ["mlp[dropout=0.1]", "mlp"]})

    assert cases.counterparts({"model.dropout": 0}, range(2)) == [None, 1]


def test_a_value_of_a_pattern_that_does_not_fit_is_an_error() -> None:
    cases = drawn(factors={"epochs": [1, 2]})

    with pytest.raises(SettingError, match="epochs=many does not fit the protocol"):
        cases.counterparts({"epochs": "many"}, range(2))


def test_the_first_case_has_the_first_level_of_every_factor() -> None:
    factors = {"epochs": [2, 1], "init": ["zeros", "ones"]}
    together = [{"batch_size": 8, "threads": 2}, {"batch_size": 4, "threads": 1}]

    first = drawn(factors=factors, together=together).first()

    assert first == 0
    assert drawn(factors=factors, exclude=[{"epochs": 2}]).first() is None
    assert drawn(factors=factors, design="ablate").first() == 0


def test_a_pattern_is_told_as_a_command_line_would() -> None:
    assert words({"init": level_of("normal[std=0.01]"), "epochs": 3}) == (
        "init=normal[std=0.01] epochs=3"
    )


def test_errors_name_the_suite() -> None:
    assert issubclass(SuiteError, BenchError)
    assert refused(exclude=[{"epochs": 3}]).startswith("suite 's': ")

"""A draft reads the addresses and levels of a suite; a file is read whole, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import SuiteError
from harness.suites.draft import draft, read_file, seed_range, suite_of
from harness.suites.settings import ROOTS, Globs, Named, text
from harness.suites.suite import Expect, Suite

DESIGN_EXAMPLE = """
plugins = ["my_model.py"]

[suites.init]
summary = "Xavier against normal initialisation, under sigmoid and ReLU"
seeds = 5
base = { model = "mlp[hidden=[128,64]]", dataset = "digits", optimizer = "sgd[lr=0.1]", epochs = 3 }
baseline = { init = "normal[std=0.01]" }

[suites.init.factors]
init = ["normal[std=0.01]", "xavier_uniform"]
"model.activation" = ["sigmoid", "relu"]

[[suites.init.exclude]]
init = "xavier_uniform"
"model.activation" = "sigmoid"

[[suites.init.expect]]
where = { init = "xavier_uniform" }
metric = "test_accuracy"
min = 0.9
"""


def written(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "bench.toml"
    path.write_text(content)
    return path


def refused(**fields: Any) -> str:
    with pytest.raises(SuiteError) as caught:
        draft(Suite("s", **fields))
    return str(caught.value).removeprefix("suite 's': ")


def test_a_file_holds_plugins_and_suites(tmp_path: Path) -> None:
    path = written(tmp_path, DESIGN_EXAMPLE)

    file = read_file(path)

    [suite] = file.suites
    assert file.plugins == ("my_model.py",)
    assert (suite.name, suite.origin) == ("init", str(path))
    read = draft(suite)
    assert read.seeds == (0, 1, 2, 3, 4)
    assert read.base["model"] == Named("mlp", (("hidden", (128, 64)),))
    assert read.factors["model.activation"] == ("sigmoid", "relu")
    assert read.baseline == {"init": Named("normal", (("std", 0.01),))}
    assert read.exclude == ({"init": "xavier_uniform", "model.activation": "sigmoid"},)
    assert read.expect[0].where == {"init": "xavier_uniform"}


def test_a_file_may_hold_nothing(tmp_path: Path) -> None:
    file = read_file(written(tmp_path, ""))

    assert (file.plugins, file.suites) == ((), ())


def test_a_nested_table_means_the_same_as_a_quoted_key(tmp_path: Path) -> None:
    nested = """
[suites.a.base]
model = { hidden = [8], dropout = 0.1 }
[suites.a.factors.optimizer]
weight_decay = [0, 0.1]
"""
    quoted = """
[suites.a]
base = { "model.hidden" = [8], "model.dropout" = 0.1 }
[suites.a.factors]
"optimizer.weight_decay" = [0, 0.1]
"""

    [one] = read_file(written(tmp_path, nested)).suites
    [other] = read_file(written(tmp_path, quoted)).suites

    assert draft(one) == draft(other)


def test_a_table_under_init_is_a_level_and_no_nested_address() -> None:
    read = draft(Suite("s", base={"init": {"0.*": "normal[std=1]", "*": "zeros"}}))

    globs = read.base["init"]
    assert isinstance(globs, Globs)
    assert text(globs) == "{0.*=normal[std=1],*=zeros}"


def test_a_suite_from_python_reads_as_one_from_a_file(tmp_path: Path) -> None:
    [suite] = read_file(written(tmp_path, DESIGN_EXAMPLE)).suites

    made = Suite(
        "init",
        "Xavier against normal initialisation, under sigmoid and ReLU",
        base={
            "model": "mlp[hidden=[128,64]]",
            "dataset": "digits",
            "optimizer": Named("sgd", (("lr", 0.1),)),
            "epochs": 3,
        },
        factors={
            "init": ("normal[std=0.01]", "xavier_uniform"),
            "model": {"activation": ["sigmoid", "relu"]},
        },
        baseline={"init": "normal[std=0.01]"},
        exclude=[{"init": "xavier_uniform", "model.activation": "sigmoid"}],
        expect=[Expect(where={"init": "xavier_uniform"}, metric="test_accuracy", min=0.9)],
    )

    assert draft(made) == draft(suite)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a = [", "is no TOML: Invalid value (at end of document)"),
        ("suite = 1", ": unknown key 'suite': did you mean 'suites'? (known: plugins, suites)"),
        (
            "plugins = 'a.py'",
            ": plugins must be a list of module names or files, not 'a.py'",
        ),
        ("plugins = [1]", ": plugins must be a list of module names or files, not [1]"),
        ("suites = 1", ": suites must be a table, not 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_its_path(
    tmp_path: Path, content: str, told: str
) -> None:
    path = written(tmp_path, content)

    with pytest.raises(SuiteError) as caught:
        read_file(path)
    assert str(caught.value) == f"{path}{'' if told.startswith(':') else ' '}{told}"


def test_an_absent_file_and_one_of_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        read_file(tmp_path / "absent.toml")
    assert str(caught.value) == (
        f"{tmp_path}/absent.toml cannot be read: No such file or directory"
    )

    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SuiteError) as caught:
        read_file(path)
    assert str(caught.value) == f"{path} is no UTF-8 text"


def test_a_table_of_a_suite_is_checked_as_it_is_read() -> None:
    with pytest.raises(SuiteError) as caught:
        suite_of("s", {"factor": {}}, "f.toml")
    assert str(caught.value) == (
        "suite 's' (f.toml): unknown key 'factor': did you mean 'factors'? (known: base, baseline,"
        " columns, design, exclude, expect, factors, include, margins, seeds, summary, together)"
    )

    with pytest.raises(SuiteError) as caught:
        suite_of("s", 5, "f.toml")
    assert str(caught.value) == "suite 's' (f.toml) must be a table, not 5"

    with pytest.raises(SuiteError) as caught:
        suite_of("s", {"base": {"epochs": "[1"}}, "f.toml")
    assert str(caught.value) == (
        "suite 's' (f.toml): base: epochs: '[1' is no level: ',' or ']' is wanted"
        " where the end stands"
    )


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"design": "grid"}, "design is 'grid' (known: ablate, product, zip)"),
        (
            {"design": "prodct"},
            "design is 'prodct': did you mean 'product'? (known: ablate, product, zip)",
        ),
        ({"base": 5}, "base must be a table, not 5"),
        (
            {"base": {"epochs": float("nan")}},
            "base: epochs: nan is no level: numbers must be finite",
        ),
        ({"base": {"epochs": "inf"}}, "base: epochs: inf is no level: numbers must be finite"),
        ({"base": {"model.x": 1, "model": {"x": 2}}}, "base: model.x is given twice"),
        (
            {"base": {"a.b.c": 1}},
            "'a.b.c' is no address: write NAME or NAME.OPTION, for example model.dropout",
        ),
        (
            {"base": {"modl": "mlp"}},
            "unknown address 'modl': did you mean 'model'? (known: batch_size, bias_init, dataset,"
            " device, epochs, folds, init, loading, loss, memory_limit, metrics, model, ..."
            f" ({len(ROOTS)} in all))",
        ),
        ({"factors": {"epochs": 5}}, "factors: epochs must be a list, not 5"),
        ({"factors": {"epochs": "5,6"}}, "factors: epochs must be a list, not '5,6'"),
        ({"factors": {"epochs": []}}, "the factor epochs has no levels: give at least one"),
        (
            {"factors": {"model": ["a[b"]}},
            "factors: model: 'a[b' is no level: OPTION=LEVEL is wanted where the end stands",
        ),
        (
            {"factors": {"model.x": [1], "model": {"x": [2]}}},
            "factors: model.x is given twice",
        ),
        ({"together": [{}]}, "together: a table is empty: it needs at least one level"),
        ({"include": [{}]}, "include: a table is empty: it needs at least one level"),
        ({"exclude": {"model": "a"}}, "exclude must be a list, not {'model': 'a'}"),
        (
            {"together": [{"epochs": 1}, {"init": "zeros"}]},
            "together: every row must have the same addresses",
        ),
        (
            {"together": [{"epochs": 1}], "factors": {"epochs": [2]}},
            "epochs stands in factors and in together",
        ),
        ({"margins": {"mse": -1}}, "margins: mse=-1 is no margin: it is a number from 0"),
        ({"margins": {"mse": True}}, "margins: mse=True is no margin: it is a number from 0"),
        ({"margins": {"mse": "1"}}, "margins: mse='1' is no margin: it is a number from 0"),
        (
            {"expect": [{"metric": "mse"}]},
            "expect: give a metric with min, max, better_than or same_as, or a status",
        ),
        (
            {"expect": [{"min": 1}]},
            "expect: give a metric with min, max, better_than or same_as, or a status",
        ),
        (
            {"expect": [{"metric": "mse", "minimum": 1}]},
            "expect: unknown key 'minimum': did you mean 'min'? (known: better_than, by_epoch,"
            " epoch, max, metric, min, of, same_as, share, status, where)",
        ),
        (
            {"expect": [{"metric": "mse", "min": 1, "share": 0}]},
            "expect: share=0.0 is no share: it lies above 0 and up to 1",
        ),
        (
            {"expect": [{"metric": "mse", "min": float("nan")}]},
            "expect: min=nan is no bound: numbers must be finite",
        ),
        (
            {"expect": [{"metric": "mse", "max": float("inf")}]},
            "expect: max=inf is no bound: numbers must be finite",
        ),
        (
            {"expect": [{"metric": "mse", "min": 1, "epoch": 0}]},
            "expect: epoch=0 is no epoch: they are counted from 1",
        ),
        (
            {"expect": [{"metric": "mse", "min": 1, "epoch": 1, "by_epoch": 2}]},
            "expect: epoch and by_epoch exclude each other",
        ),
        (
            {"expect": [{"metric": "mse", "better_than": {"modl": "a"}}]},
            "unknown address 'modl': did you mean 'model'? (known: batch_size, bias_init, dataset,"
            " device, epochs, folds, init, loading, loss, memory_limit, metrics, model, ..."
            f" ({len(ROOTS)} in all))",
        ),
        ({"seeds": 0}, "seeds=0 plans no seed: give a number from 1, FIRST:END, or a list"),
    ],
)
def test_a_suite_that_means_nothing_is_refused(fields: dict[str, Any], told: str) -> None:
    assert refused(**fields) == told


@pytest.mark.parametrize("name", ["", " ", 5, None])
def test_a_suite_without_a_name_is_refused(name: Any) -> None:
    with pytest.raises(SuiteError, match=r"a suite needs a name$"):
        draft(Suite(name))


def test_margins_and_expectations_are_kept() -> None:
    read = draft(
        Suite(
            "s",
            margins={"mse": 1},
            expect=[{"metric": "mse", "same_as": {"init": "zeros"}}, {"status": "diverged"}],
        )
    )

    assert read.margins == {"mse": 1.0}
    assert read.expect[0].same_as == {"init": "zeros"}
    assert read.expect[0].better_than is None
    assert read.expect[1].expect.status == "diverged"


@given(st.integers(1, 200))
def test_a_number_plans_that_many_seeds_from_0(count: int) -> None:
    assert seed_range(count) == seed_range(str(count)) == tuple(range(count))


@given(st.integers(0, 1000), st.integers(1, 50))
def test_a_span_plans_the_seeds_from_its_first_to_before_its_end(first: int, count: int) -> None:
    assert seed_range(f"{first}:{first + count}") == tuple(range(first, first + count))


@given(st.lists(st.integers(0, 9999), min_size=1, unique=True))
def test_a_list_of_seeds_is_itself(seeds: list[int]) -> None:
    assert seed_range(seeds) == tuple(seeds)


def test_five_to_ten_are_five_more_seeds() -> None:
    assert seed_range("5:10") == (5, 6, 7, 8, 9)
    assert seed_range("3, 1") == (3, 1)


@pytest.mark.parametrize("given", [-1, 0, "0", "5:5", "7:5", []])
def test_no_seed_is_refused(given: object) -> None:
    with pytest.raises(SuiteError) as caught:
        seed_range(given)
    assert str(caught.value) == (
        f"seeds={given!r} plans no seed: give a number from 1, FIRST:END, or a list"
    )


@pytest.mark.parametrize("given", [[1, 1], [-1, 2], "4,4"])
def test_equal_or_negative_seeds_are_refused(given: object) -> None:
    with pytest.raises(SuiteError) as caught:
        seed_range(given)
    assert str(caught.value) == (
        f"seeds={given!r} has a negative seed, or one twice: seeds are different from 0 on"
    )


@pytest.mark.parametrize("given", [True, 2.0, "five", "-1", "1:", None, [True], ["1"]])
def test_what_is_no_seeds_is_refused(given: object) -> None:
    with pytest.raises(SuiteError) as caught:
        seed_range(given)
    assert str(caught.value) == (
        f"seeds={given!r} is neither a number, FIRST:END nor a list of numbers"
    )

"""The words that help after a mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import errors
from harness.errors import BenchError, UnknownName, nearest, same_name, what_would_work


def test_an_unknown_name_offers_the_nearest_then_the_known_ones() -> None:
    error = UnknownName("model", "mpl", ["linear", "mlp", "lenet"])

    assert str(error) == ("unknown model 'mpl': did you mean 'mlp'? (known: lenet, linear, mlp)")


def test_an_unknown_name_that_is_like_none_shows_the_known_ones() -> None:
    assert str(UnknownName("model", "xyz", ["mlp"])) == "unknown model 'xyz' (known: mlp)"


def test_an_unknown_name_among_none_says_so() -> None:
    assert str(UnknownName("suite", "init", [])) == "unknown suite 'init' (there are none)"


def test_an_unknown_name_can_carry_a_note() -> None:
    error = UnknownName("model", "x", [], note="plugin 'p' failed to load")

    assert str(error) == "unknown model 'x' (there are none); plugin 'p' failed to load"


def test_many_known_names_are_counted() -> None:
    shown = what_would_work("zzz", [f"name{each:02d}" for each in range(20)], most=2)

    assert shown == " (known: name00, name01, ... (20 in all))"


def test_known_names_are_shown_once() -> None:
    assert what_would_work("zzz", ["a", "a"]) == " (known: a)"


@given(st.text("abcdefgh_", min_size=1))
def test_a_name_is_nearest_to_itself_however_it_is_written(name: str) -> None:
    assert nearest(name.replace("_", "-").upper(), [name]) == name


def test_nothing_is_near_to_what_is_like_nothing() -> None:
    assert nearest("weight_decay", ["relu"]) is None
    assert nearest("nope", ["line", "names"]) is None


def test_a_name_that_has_the_word_as_a_part_is_nearest_where_none_is_written_alike() -> None:
    assert nearest("slope", ["model.activation.negative_slope", "size"]) == (
        "model.activation.negative_slope"
    )


@given(st.text())
def test_folding_a_name_twice_is_folding_it_once(name: str) -> None:
    assert same_name(same_name(name)) == same_name(name)


@pytest.mark.parametrize(
    "name",
    ["LevelError", "SettingError", "SuiteError", "PluginError", "StoreError", "UnknownName"],
)
def test_every_error_of_a_user_is_a_bench_error_and_stands_in_the_tree(name: str) -> None:
    assert issubclass(getattr(errors, name), BenchError)
    assert name in (errors.__doc__ or "")

"""Designs are algebra over axes: what they combine, how much of it, in which order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import SuiteError
from harness.suites.design import Axis, ablate, axis, combine, product, zipped

ADDRESSES = ("model", "init", "epochs", "device", "loss")


@st.composite
def axes(draw: st.DrawFn, *, alike: bool = False) -> list[Axis]:
    count = draw(st.integers(0, 4))
    length = draw(st.integers(1, 4))
    return [
        axis(address, range(length if alike else draw(st.integers(1, 4))))
        for address in ADDRESSES[:count]
    ]


def distinct(assignments: Sequence[Mapping[str, object]]) -> set[frozenset[tuple[str, object]]]:
    return {frozenset(each.items()) for each in assignments}


def test_an_axis_has_a_row_for_each_level() -> None:
    assert axis("init", ["normal", "zeros"]) == ({"init": "normal"}, {"init": "zeros"})


def test_in_a_product_the_last_axis_varies_fastest() -> None:
    assert product([axis("model", ["a", "b"]), axis("epochs", [1, 2])]) == (
        {"model": "a", "epochs": 1},
        {"model": "a", "epochs": 2},
        {"model": "b", "epochs": 1},
        {"model": "b", "epochs": 2},
    )


@given(axes())
def test_a_product_has_as_many_cases_as_the_product_of_the_lengths(given: list[Axis]) -> None:
    cases = product(given)

    assert len(cases) == len(distinct(cases)) == math.prod(len(each) for each in given)


@given(axes())
def test_every_case_of_a_product_has_a_row_of_every_axis(given: list[Axis]) -> None:
    assert all(
        any(row.items() <= case.items() for row in each)
        for case in product(given)
        for each in given
    )


@given(axes())
def test_an_ablation_is_the_base_and_each_level_alone(given: list[Axis]) -> None:
    cases = ablate(given)

    assert cases[0] == {}
    assert len(cases) == 1 + sum(len(each) for each in given)
    assert all(len(each) == 1 for each in cases[1:])


@given(axes(alike=True))
def test_a_zip_is_as_long_as_its_axes_and_takes_rows_together(given: list[Axis]) -> None:
    cases = zipped(given)

    assert len(cases) == (len(given[0]) if given else 1)
    assert all(
        cases[place].items() >= row.items() for each in given for place, row in enumerate(each)
    )


@given(axes(alike=True))
def test_a_zip_is_part_of_the_product(given: list[Axis]) -> None:
    assert distinct(zipped(given)) <= distinct(product(given))


def test_a_zip_of_unequal_axes_is_refused_with_their_lengths() -> None:
    together = ({"model": "a", "init": "zeros"}, {"model": "b", "init": "ones"})

    with pytest.raises(SuiteError) as caught:
        zipped([axis("epochs", [1, 2, 3]), together])
    assert str(caught.value) == (
        "the design zip needs as many levels of every factor: epochs has 3, model+init has 2"
    )


def test_rows_with_several_levels_stay_together_in_every_design() -> None:
    together = ({"model": "a", "epochs": 1}, {"model": "b", "epochs": 2})

    assert combine("product", [together]) == together
    assert combine("ablate", [together]) == ({}, *together)
    assert combine("zip", [together]) == together


@pytest.mark.parametrize("design", ["product", "ablate", "zip"])
def test_without_factors_there_is_the_base_alone(design: str) -> None:
    assert combine(design, []) == ({},)  # type: ignore[arg-type]  # one of the three

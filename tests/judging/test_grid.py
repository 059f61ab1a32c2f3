"""The full product that the cases of a plan form, or why they form none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_case, made_plan

from harness.errors import BenchError
from harness.judging.grid import grid_of
from harness.records.planned import Plan


def planned(*levels: Mapping[str, Any], baselines: Sequence[int | None] = ()) -> Plan:
    bases = baselines or [None] * len(levels)
    return made_plan(
        *(made_case(each, baseline=base) for each, base in zip(levels, bases, strict=True))
    )


FOUR = [{"lr": lr, "model.width": width} for lr in (1, 2) for width in ([8], [16])]


def test_every_combination_of_levels_is_a_cell() -> None:
    grid = grid_of(planned(*FOUR))

    assert grid.factors == ("lr", "model.width")
    assert grid.levels == ((1, 2), ([8], [16]))
    assert grid.cells == {(0, 0): 0, (0, 1): 1, (1, 0): 2, (1, 1): 3}
    assert grid.assignment({1: 1, 0: 0}) == {"model.width": [16], "lr": 1}


def test_the_reference_is_the_level_that_is_compared_with() -> None:
    by_width = planned(*FOUR, baselines=[1, 1, 3, 3])
    by_last = planned(*FOUR, baselines=[3, 3, 3, 3])

    assert grid_of(by_width).levels == ((1, 2), ([16], [8]))
    assert grid_of(by_last).levels == ((2, 1), ([16], [8]))
    assert grid_of(by_last).cells == {(0, 0): 3, (0, 1): 2, (1, 0): 1, (1, 1): 0}


def test_a_factor_with_one_level_is_no_dimension() -> None:
    grid = grid_of(planned({"lr": 1, "wd": 0}, {"lr": 2, "wd": 0}))

    assert (grid.factors, dict(grid.cells)) == (("lr",), {(0,): 0, (1,): 1})


NO_PRODUCT = "there are no effects: the cases form no full product, "


@pytest.mark.parametrize(
    ("levels", "why"),
    [
        ([{"lr": 1}, {"lr": 1}], "there are no effects: every case has the same levels"),
        ([{}], "there are no effects: every case has the same levels"),
        (
            FOUR[:3],
            f"{NO_PRODUCT}1 of 4 combinations are not there (lr=2 width=[16] for one)",
        ),
        (
            [{"lr": each, "wd": each} for each in range(3)],
            f"{NO_PRODUCT}6 of 9 combinations are not there (lr=0 wd=1 for one)",
        ),
        (
            [
                {"model": "linear", "model.hidden": None},
                {"model": "mlp", "model.hidden": 8},
                {"model": "mlp", "model.hidden": 16},
            ],
            f"{NO_PRODUCT}hidden does not apply to 1 of 3 cases",
        ),
        ([*FOUR, FOUR[0]], f"{NO_PRODUCT}two cases have the same levels"),
    ],
)
def test_what_is_no_product_is_refused_with_the_reason(
    levels: Sequence[Mapping[str, Any]], why: str
) -> None:
    with pytest.raises(BenchError) as caught:
        grid_of(planned(*levels))

    assert str(caught.value) == why


@given(st.lists(st.integers(2, 4), min_size=1, max_size=4))
def test_a_product_has_as_many_cells_as_the_product_of_its_sizes(sizes: list[int]) -> None:
    rows: list[dict[str, Any]] = [{}]
    for place, size in enumerate(sizes):
        rows = [{**row, f"f{place}": level} for row in rows for level in range(size)]

    grid = grid_of(planned(*rows))

    assert sorted(grid.cells.values()) == list(range(len(rows)))
    assert [len(each) for each in grid.levels] == sizes

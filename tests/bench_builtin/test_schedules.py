"""The built-in schedules: where they start, pass and end."""

from __future__ import annotations

import math

import pytest
from bench_builtin import schedules
from hypothesis import given
from hypothesis import strategies as st

POINTS = {
    "constant": (1.0, 1.0, 1.0),
    "linear": (1.0, 0.5, 0.0),
    "polynomial": (1.0, 0.25, 0.0),
    "cosine": (1.0, 0.5, 0.0),
    "exponential": (1.0, 0.1, 0.01),
    "step": (1.0, 0.01, 1e-4),
    "warmup_cosine": (0.01, (1 + math.cos(math.pi * 0.4 / 0.9)) / 2, 0.0),
}
REGISTERED = {each.name: each.factor for each in schedules.bench_register_schedules()}


@pytest.mark.parametrize("name", REGISTERED)
def test_a_schedule_passes_its_points_at_0_a_half_and_1(name):
    factors = [REGISTERED[name](progress) for progress in (0.0, 0.5, 1.0)]

    assert factors == pytest.approx(POINTS[name], abs=1e-12)


@pytest.mark.parametrize(
    ("factor", "options"),
    [
        (schedules.linear, {}),
        (schedules.polynomial, {"power": 3.0}),
        (schedules.cosine, {}),
        (schedules.exponential, {}),
        (schedules.warmup_cosine, {}),
    ],
)
def test_a_schedule_ends_where_it_is_told_to(factor, options):
    assert factor(1.0, end=0.2, **options) == pytest.approx(0.2)


@given(st.floats(0, 1), st.sampled_from(sorted(set(REGISTERED) - {"warmup_cosine"})))
def test_factors_lie_between_0_and_1(progress, name):
    assert -1e-12 <= REGISTERED[name](progress) <= 1.0


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(sorted(set(REGISTERED) - {"warmup_cosine"})),
)
def test_a_rate_never_rises_without_a_warm_up(one, other, name):
    early, late = sorted((one, other))

    assert REGISTERED[name](early) >= REGISTERED[name](late) - 1e-12


def test_a_step_falls_at_each_multiple_of_its_size():
    factors = [schedules.step(progress / 10, size=0.2, gamma=0.5) for progress in range(10)]

    assert factors == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625]


def test_a_warm_up_rises_in_a_straight_line_and_then_falls():
    factors = [
        schedules.warmup_cosine(progress, warmup=0.2, start=0.0) for progress in (0.1, 0.2, 0.6)
    ]

    assert factors == pytest.approx([0.5, 1.0, 0.5])


def test_no_warm_up_is_a_cosine():
    assert schedules.warmup_cosine(0.3, warmup=0.0) == schedules.cosine(0.3)

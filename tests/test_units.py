"""How numbers and foreign texts are printed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.units import byte_count, duration, figures, one_line, plain, quantity, scaled


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, "bytes", "-"),
        (0.9532, "1", "0.9532"),
        (12345, "1", "12,345"),
        (12345.0, "1", "12,345"),
        (3_586_130, "bytes", "3.42 MiB"),
        (0, "bytes", "0 B"),
        (-2048, "bytes", "-2.00 KiB"),
        (12_345.6, "1/s", "12.3 k/s"),
        (12_345.6, "bytes/s", "12.3 k bytes/s"),
        (0.0123, "s", "12.3 ms"),
        (42, "W", "42 W"),
        (math.nan, "s", "nan"),
        (math.inf, "bytes", "inf"),
    ],
)
def test_a_quantity_is_scaled_and_has_its_unit(value: float | None, unit: str, shown: str) -> None:
    assert quantity(value, unit) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (12.34e-6, "12.3 us"),
        (4.56e-3, "4.56 ms"),
        (1.234, "1.23 s"),
        (99.4, "99.4 s"),
        (99.6, "1 min 40 s"),
        (125, "2 min 05 s"),
        (11_220, "3 h 07 min"),
    ],
)
def test_a_duration_is_read_at_a_glance(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1024**2, "1.00 MiB"),
        (1.5 * 1024**3, "1.50 GiB"),
        (1024**6, "1024 PiB"),
    ],
)
def test_bytes_have_binary_prefixes(size: float, shown: str) -> None:
    assert byte_count(size) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(999.4, "999"), (999.6, "1.00 k"), (1234, "1.23 k"), (12.3e6, "12.3 M"), (5e9, "5.00 G")],
)
def test_numbers_have_decimal_prefixes(value: float, shown: str) -> None:
    assert scaled(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0.00"),
        (1.234, "1.23"),
        (0.0125, "0.0125"),
        (0.9996, "1.00"),
        (9.996, "10.0"),
        (99.96, "100"),
        (12345, "1.23e+04"),
    ],
)
def test_three_figures_are_shown(value: float, shown: str) -> None:
    assert figures(value) == shown


@given(st.integers(-(10**14), 10**14))
def test_whole_numbers_are_printed_whole(value: int) -> None:
    assert int(plain(value).replace(",", "")) == value


@given(st.floats(1e-3, 9.99e3))
def test_three_figures_lie_within_half_a_percent(value: float) -> None:
    assert float(figures(value)) == pytest.approx(value, rel=0.006)


def test_control_characters_are_escaped() -> None:
    assert one_line("a\nb\t\r\x1b[31m\x00\u202e\ud800") == (
        "a\\nb\\t\\r\\u001b[31m\\u0000\\u202e\\ud800"
    )


def test_a_character_beyond_the_first_plane_is_escaped_so_that_it_can_be_told() -> None:
    assert one_line("\U000e0041") == "\\U000e0041"


def test_a_plugins_unit_is_escaped_and_cut() -> None:
    assert quantity(2.5, "\x1b[31m\n") == "2.5 \\u001b[31m\\n"
    assert len(quantity(2.5, "x" * 10_000 + "/s")) < 40


@given(st.text(), st.integers(3, 60))
def test_a_foreign_text_is_one_printable_line_of_bounded_length(text: str, most: int) -> None:
    shown = one_line(text, most)

    assert shown.isprintable()
    assert len(shown) <= most


@given(st.text("abc ü±", max_size=200))
def test_a_harmless_text_is_left_alone(text: str) -> None:
    assert one_line(text) == text


def test_a_long_text_is_cut() -> None:
    assert one_line("x" * 10_000, 10) == "xxxxxxx..."

"""This machine's noise: from made-up trials, and how it is kept."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from harness.errors import StoreError
from harness.records.calibration import (
    FILE,
    Calibration,
    Window,
    detectable,
    differences,
    keep,
    kept,
    propose,
    window,
)

HERE = {"host": "h", "cpu": "c", "cores": 2, "python": "3.11.7", "torch": "2.15.0", "commit": "a"}


def made(*windows: Window) -> Calibration:
    return Calibration(
        run="r", created="2026-11-21T00:00:00Z", device="cpu", environment=HERE, windows=windows
    )


def a_window(timed_s: float, noise: float) -> Window:
    return Window(timed_s=timed_s, noise=noise, pairs=10, trial_s=timed_s + 0.3)


def test_noise_is_the_spread_of_the_ratios_of_pairs() -> None:
    found = window(2.0, [100.0, 110.0, 100.0, 100.0, 100.0, 90.0, 77.0], [2.5, 3.5])

    ratios = [math.log(100 / 110), 0.0, math.log(100 / 90)]
    mean = sum(ratios) / 3
    assert found.pairs == 3
    assert found.noise == pytest.approx(math.sqrt(sum((each - mean) ** 2 for each in ratios) / 2))
    assert found.trial_s == 3.0


def test_drift_between_pairs_is_no_noise() -> None:
    assert window(1.0, [100.0, 100.0, 50.0, 50.0, 25.0, 25.0], [1.0]).noise == 0.0


@pytest.mark.parametrize("speeds", [[], [1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 2.0, 0.0, 1.0]])
def test_fewer_than_two_pairs_are_no_measurement(speeds: list[float]) -> None:
    with pytest.raises(StoreError) as raised:
        window(0.5, speeds, [1.0])

    pairs = len(speeds) // 2
    assert str(raised.value) == (
        f"timed_s=0.5: {pairs} pairs of trials have a throughput, and 2 are needed"
    )


@pytest.mark.parametrize(
    ("noise", "rounds", "percent"),
    [(0.19, 5, 27), (0.19, 10, 18), (0.10, 5, 15), (0.10, 10, 10), (0.053, 5, 8), (0.053, 10, 5)],
)
def test_what_can_be_seen_is_the_closed_form_of_statistics_section_4(
    noise: float, rounds: int, percent: int
) -> None:
    assert round(100 * detectable(noise, rounds)) == percent


def test_the_cheapest_window_that_suffices_is_proposed() -> None:
    found = propose([a_window(0.25, 0.19), a_window(2.0, 0.053), a_window(8.0, 0.027)], 0.05)

    assert found is not None
    rounds = found.rounds
    assert detectable(0.053, rounds) <= 0.05 < detectable(0.053, rounds - 1)
    assert found.timed_s == 2.0
    assert found.total_s == pytest.approx(2 * rounds * 2.3)


def test_no_window_is_proposed_where_none_suffices() -> None:
    assert propose([a_window(0.25, 0.5)], 0.01) is None


def test_a_calibration_is_read_as_it_was_kept(tmp_path: Path) -> None:
    written = made(a_window(2.0, 0.05))

    assert kept(tmp_path) is None
    path = keep(written, tmp_path)

    assert kept(tmp_path) == written
    assert [each.name for each in tmp_path.iterdir()] == [path.name] == [FILE]


def test_a_file_that_is_no_calibration_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"{")
    with pytest.raises(StoreError) as raised:
        kept(tmp_path)
    assert str(raised.value).startswith(f"{tmp_path / FILE} is no calibration (")
    assert str(raised.value).endswith("): bench calibrate makes a new one")

    keep(made(), tmp_path)
    newer = (tmp_path / FILE).read_text().replace('"schema": 1', '"schema": 7')
    (tmp_path / FILE).write_text(newer)
    with pytest.raises(StoreError) as raised:
        kept(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path / FILE} has schema 7, and 1 is known: bench calibrate makes a new one"
    )


def test_a_calibration_that_cannot_be_written_leaves_nothing_half(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as raised:
        keep(made(), tmp_path / "no")

    assert str(raised.value) == (
        f"{tmp_path}/no/{FILE} cannot be written: No such file or directory"
    )


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (HERE, []),
        ({**HERE, "commit": "b"}, []),
        ({**HERE, "torch": "2.16.0"}, ["torch 2.15.0 then, 2.16.0 now"]),
        ({**HERE, "host": "g", "cores": 4}, ["host h then, g now", "cores 2 then, 4 now"]),
    ],
)
def test_it_is_stale_when_machine_or_versions_change(now: dict[str, Any], told: list[str]) -> None:
    assert differences(made(), now) == told

from __future__ import annotations

from array import array

import pytest

from harness.measuring.clock import FEWEST_STEADY, Event, EventClock, HostClock, Window, warm_steps


class FakeEvent:
    """An event of a device whose queue is at `at_ms` when the event is recorded."""

    at_ms = 0.0

    def __init__(self) -> None:
        self.mark_ms: float | None = None

    def record(self) -> None:
        self.mark_ms = FakeEvent.at_ms

    def elapsed_time(self, end_event: Event, /) -> float:
        assert isinstance(end_event, FakeEvent)
        assert self.mark_ms is not None
        assert end_event.mark_ms is not None
        return end_event.mark_ms - self.mark_ms


def test_the_host_clock_tells_the_times_between_its_marks() -> None:
    clock = HostClock()
    mark = clock.marker()
    for now in (10.0, 10.5, 12.0):
        mark(now)

    assert clock.durations().tolist() == [0.5, 1.5]


def test_the_host_clock_forgets_what_it_told() -> None:
    clock = HostClock()
    for now in (1.0, 2.0):
        clock.marker()(now)
    clock.durations()

    assert clock.durations().tolist() == []


def test_one_mark_borders_no_step() -> None:
    clock = HostClock()
    clock.marker()(1.0)

    assert clock.durations().tolist() == []


def test_the_event_clock_tells_the_device_s_times_not_the_host_s() -> None:
    clock = EventClock(FakeEvent)
    for at_ms in (0.0, 3.0, 4.0):
        FakeEvent.at_ms = at_ms
        clock.marker()(99.0)

    assert clock.durations().tolist() == [0.003, 0.001]
    assert clock.durations().tolist() == []


@pytest.mark.parametrize(
    ("planned", "warm"), [(1, 1), (4, 1), (10, 2), (24, 4), (450, 90), (500, 100), (10**6, 100)]
)
def test_the_first_fifth_of_the_steps_up_to_100_is_not_steady(planned: int, warm: int) -> None:
    assert warm_steps(planned) == warm


def test_a_window_of_fewer_than_20_steps_has_no_figures() -> None:
    window = Window()
    window.add(32 * 19, 1.9, 0.1, array("d", [0.1] * (FEWEST_STEADY - 1)))

    assert window.figures() is None


def test_figures_are_taken_over_all_sections_of_a_window() -> None:
    window = Window()
    window.add(320, 1.0, 0.25, array("d", [0.1] * 10))
    window.add(320, 3.0, 0.75, array("d", [0.3] * 9 + [0.5]))

    figures = window.figures()

    assert figures is not None
    assert figures["train_samples_per_s"] == 160
    assert figures["data_wait_share"] == 0.25
    assert figures["step_p50_s"] == pytest.approx(0.2)  # between the 10th and the 11th of 20
    assert figures["step_p95_s"] == pytest.approx(0.31)  # 19.05th of 20 by linear interpolation

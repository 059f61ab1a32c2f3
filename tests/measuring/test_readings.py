from __future__ import annotations

import pytest

from harness.measuring.readings import Reading


@pytest.mark.parametrize(("value", "reason"), [(None, None), (1.0, "why")])
def test_a_reading_is_a_value_or_a_reason(value: float | None, reason: str | None) -> None:
    with pytest.raises(ValueError, match="a reading is a value or a reason"):
        Reading(value, reason)


def test_zero_is_a_value() -> None:
    assert Reading(0).value == 0

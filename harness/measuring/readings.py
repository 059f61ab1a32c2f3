"""A value that was read from the machine, or the reason why it could not be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """A value, or None with a reason: never both, never neither."""

    value: float | None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError(
                f"a reading is a value or a reason, not {self.value!r}, {self.reason!r}"
            )

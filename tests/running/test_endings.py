"""What the end of a process makes of its trial: status, reason, and the lines that are kept."""

from __future__ import annotations

from typing import Any

import pytest

from harness.running.endings import lines_of, outcome_of
from harness.running.messages import Ended, Outcome

MIB = 1 << 20
FAULT = """Fatal Python error: Segmentation fault

Current thread 0x00007f1 (most recent call first):
  File "net.py", line 3 in forward
"""


def ended(**given: Any) -> Ended:
    usual: dict[str, Any] = {
        "number": 1,
        "ending": "exit code 0",
        "timed_out": False,
        "wall_s": 1.0,
        "outcome": None,
        "output": "",
    }
    return Ended(**{**usual, **given})


def numbered(count: int, name: str) -> str:
    return "".join(f"{name} {each}\n" for each in range(count))


def test_what_a_process_found_is_its_outcome() -> None:
    outcome = Outcome(status="ok", metrics={"test_accuracy": 0.5})

    assert outcome_of(ended(outcome=outcome, memory_limit=MIB), 5.0) is outcome


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        ({"timed_out": True}, "timeout", "killed at its deadline, after 700 ms"),
        (
            {"ending": "exit code 3"},
            "crashed",
            "the process died with exit code 3 before it had a result",
        ),
        (
            {"ending": "signal 6 (SIGABRT)", "output": "what(): std::bad_alloc\n"},
            "oom-host",
            "std::bad_alloc, and died with signal 6 (SIGABRT)",
        ),
        (
            {"over_bytes": 412 * MIB, "memory_limit": 400 * MIB},
            "oom-host",
            "killed: it took 412 MiB of host memory; memory_limit is 400 MiB: memory_limit=BYTES"
            " sets another",
        ),
        (
            {"outcome": Outcome(status="oom-host", reason="MemoryError"), "memory_limit": 3 * MIB},
            "oom-host",
            "MemoryError; memory_limit is 3.00 MiB: memory_limit=BYTES sets another",
        ),
        ({"outcome": Outcome(status="oom-host", reason="MemoryError")}, "oom-host", "MemoryError"),
    ],
)
def test_a_process_that_failed_has_a_status_and_a_reason(
    given: dict[str, Any], status: str, reason: str
) -> None:
    outcome = outcome_of(ended(**given), 0.7)

    assert (outcome.status, outcome.reason) == (status, reason)


def test_the_last_lines_that_were_printed_are_kept_then_the_end_of_the_traceback() -> None:
    outcome = Outcome(status="error", reason="no", trace=numbered(40, "frame"))

    lines = lines_of(ended(output=numbered(20_000, "epoch"), outcome=outcome)).splitlines()

    assert lines[:12] == [f"epoch {each}" for each in range(19_988, 20_000)]
    assert lines[12:] == [f"frame {each}" for each in range(28, 40)]


def test_what_was_printed_before_a_signal_is_kept_beside_where_it_struck() -> None:
    output = numbered(30, "epoch") + FAULT + numbered(40, "  File")

    lines = lines_of(ended(output=output)).splitlines()

    assert lines[:12] == [f"epoch {each}" for each in range(18, 30)]
    assert lines[12:16] == FAULT.splitlines()
    assert len(lines) == 24


def test_lines_are_escaped_and_cut() -> None:
    assert lines_of(ended(output="\x1b[31mred\n" + "x" * 300)).splitlines() == [
        "\\u001b[31mred",
        "x" * 197 + "...",
    ]
    assert lines_of(ended()) == ""

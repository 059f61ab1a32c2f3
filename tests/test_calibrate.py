"""`bench calibrate` with the real command, short."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.calibrate import calibration_table, proposal_text
from harness.records.calibration import Calibration, Proposal, Window

SHORT = ("--windows", "0.05,0.1", "--rounds", "2")


def test_a_table_says_what_each_window_lets_see() -> None:
    found = Calibration(
        run="r",
        created="",
        device="cpu",
        environment={},
        windows=(Window(timed_s=0.25, noise=0.19, pairs=10, trial_s=0.5),),
    )

    lines = calibration_table(found).splitlines()

    header = "window noise pairs a trial seen in 5 rounds seen in 10 rounds seen in 20 rounds"
    assert " ".join(lines[0].split()) == header
    assert " ".join(lines[2].split()) == "250 ms 19 % 10 500 ms 27 % 18 % 12 %"


def test_a_proposal_names_window_rounds_and_time() -> None:
    found = Proposal(timed_s=2.0, rounds=12, detectable=0.049, total_s=60.0)

    assert proposal_text(found, 0.05) == (
        "to see 5 % of throughput here: timed_s=2 and 12 rounds (seeds), about 60.0 s for two arms"
    )
    assert proposal_text(None, 0.05) == (
        "to see 5 % of throughput here: 100 rounds of no window are enough;"
        " make the machine quieter (bench doctor)"
    )


def test_calibrate_keeps_what_it_found_and_run_prints_the_proposal(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    ended = bench("calibrate", *SHORT, "--resolution", "0.9")
    path = tmp_path / "results" / "calibration.json"
    after = bench("run", "model=linear", "optimizer=sgd", "epochs=1", "--seeds", "1")

    assert ended.code == 0
    assert not ended.torch
    assert [line.split()[0] for line in ended.out.splitlines()[2:4]] == ["50.0", "100"]
    assert "to see 90 % of throughput here: timed_s=" in ended.out
    assert "kept in results/calibration.json" in ended.out
    assert "note: to see 5 % of throughput here: " in after.err

    path.write_text(path.read_text().replace('"torch": "', '"torch": "0.'))
    stale = bench("run", "model=linear", "optimizer=sgd", "epochs=1", "--seeds", "1")
    assert stale.code == 0
    assert "note: the calibration is stale (torch 0." in stale.err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            ("lr=0.1,0.2",),
            "calibrate measures one case against itself, and was given more: optimizer.lr",
        ),
        (
            ("timed_s=3",),
            "calibrate measures one case against itself, and was given more:"
            " timed_s is what varies: --windows 0.5,2",
        ),
        (
            ("--windows", "1,x"),
            "calibrate: invalid value for '--windows':"
            " '1,x' is no list of seconds above 0, as in 0.5,2",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(
    bench: Callable[..., Any], given: tuple[str, ...], told: str
) -> None:
    ended = bench("calibrate", *given)

    assert ended.code == 2
    assert ended.err == f"bench: {told}\n"
    assert not ended.torch

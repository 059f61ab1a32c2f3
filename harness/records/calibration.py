"""This machine's noise: how far two measurements of the same throughput lie apart, by window.

A longer window has less noise (STATISTICS.md, sections 2 and 4): how much less is the machine's.

Schema of `calibration.json`:
    1  2026-11  first
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from harness.errors import StoreError
from harness.numbers.statistics import mean_of, std_of, t_quantile
from harness.records.journal import cannot
from harness.units import one_line

SCHEMA = 1
FILE = "calibration.json"

FEWEST_ROUNDS, MOST_ROUNDS = 5, 100
_MATTER = ("host", "cpu", "cores", "python", "torch")
"""Of the environment, what makes a calibration stale when it changes."""


class Window(Struct, frozen=True, kw_only=True):
    """The noise of one length of the measured window.

    Args:
        timed_s: Its length in seconds.
        noise: Standard deviation of the logarithm of the ratio of two throughputs of one case.
        pairs: How many pairs it was taken from.
        trial_s: Seconds that a trial with it takes, in the mean.
    """

    timed_s: float
    noise: float
    pairs: int
    trial_s: float


class Calibration(Struct, frozen=True, kw_only=True):
    """What a calibration found, and where it holds.

    Args:
        run: The folder of its trials.
        created: UTC, ISO 8601.
        device: Where the trials ran.
        environment: Machine and versions.
        windows: By length.
    """

    schema: int = SCHEMA
    run: str
    created: str
    device: str
    environment: dict[str, Any]
    windows: tuple[Window, ...]


class Proposal(Struct, frozen=True, kw_only=True):
    """How to see a difference of throughput of a wanted size.

    Args:
        timed_s: The window to measure.
        rounds: How many rounds (seeds) it takes.
        detectable: The slowdown that is then seen in four runs of five.
        total_s: Seconds of all its trials, for two arms.
    """

    timed_s: float
    rounds: int
    detectable: float
    total_s: float


def window(timed_s: float, throughputs: Sequence[float], walls_s: Sequence[float]) -> Window:
    """Take the noise of a window from trials that followed each other, two and two.

    Args:
        timed_s: Its length in seconds.
        throughputs: Of the trials, in the order of running; an odd last one is left out.
        walls_s: How long the trials took.

    Raises:
        StoreError: there are fewer than two pairs, or a throughput is not positive.
    """
    pairs = list(zip(throughputs[::2], throughputs[1::2], strict=False))
    if len(pairs) < 2 or any(min(pair) <= 0 for pair in pairs):
        raise StoreError(
            f"timed_s={timed_s:g}: {len(pairs)} pairs of trials have a throughput, and 2 are needed"
        )
    ratios = [math.log(first / second) for first, second in pairs]
    noise = std_of(ratios, mean_of(ratios))
    return Window(timed_s=timed_s, noise=noise, pairs=len(pairs), trial_s=mean_of(walls_s))


def detectable(noise: float, rounds: int) -> float:
    """Give the slowdown that two stages of a gate see in four runs of five (section 7, step 11)."""
    quantiles = t_quantile(0.95, rounds - 1) + t_quantile(0.90, rounds - 1)
    return 1 - math.exp(-quantiles * noise / math.sqrt(rounds))


def propose(windows: Sequence[Window], resolution: float) -> Proposal | None:
    """Choose the window and the rounds that see a difference in the least time.

    Args:
        windows: What is known.
        resolution: The slowdown to be seen, as a share.

    Returns:
        None where 100 rounds of no window are enough.
    """
    found = []
    for each in windows:
        rounds = next(
            (
                n
                for n in range(FEWEST_ROUNDS, MOST_ROUNDS + 1)
                if detectable(each.noise, n) <= resolution
            ),
            None,
        )
        if rounds is not None:
            found.append(
                Proposal(
                    timed_s=each.timed_s,
                    rounds=rounds,
                    detectable=detectable(each.noise, rounds),
                    total_s=2 * rounds * each.trial_s,
                )
            )
    return min(found, key=lambda each: each.total_s, default=None)


def keep(calibration: Calibration, results: Path) -> Path:
    """Write a calibration into the folder of runs; a reader sees the old one or the new one.

    Raises:
        StoreError: it cannot be written.
    """
    path = results / FILE
    half = path.with_name(f"{FILE}.{os.getpid()}")
    try:
        half.write_bytes(msgspec.json.format(msgspec.json.encode(calibration), indent=2) + b"\n")
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise cannot(path, "be written", error) from None
    return path


def kept(results: Path) -> Calibration | None:
    """Read the calibration of a folder of runs; None where there is none.

    Raises:
        StoreError: the file is no calibration of this schema.
    """
    path = results / FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise cannot(path, "be read", error) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{path} is no calibration ({one_line(str(error))}): bench calibrate makes a new one"
        ) from None
    if found.schema != SCHEMA:
        raise StoreError(
            f"{path} has schema {found.schema}, and {SCHEMA} is known:"
            " bench calibrate makes a new one"
        )
    return found


def differences(calibration: Calibration, here: Mapping[str, Any]) -> list[str]:
    """Say what has changed since a calibration, so that it tells nothing any more."""
    then = calibration.environment
    return [
        f"{name} {one_line(str(then.get(name)), 60)} then, {one_line(str(here.get(name)), 60)} now"
        for name in _MATTER
        if then.get(name) != here.get(name)
    ]

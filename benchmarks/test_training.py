"""What the training loop costs beside one written by hand over the same tensors.

    OMP_NUM_THREADS=1 python -m pytest benchmarks/test_training.py -s

One process, one thread; the two loops take turns (benchmarks/bare.py). The figure is the median
over the pairs of (samples by time as `train` reports them) / (the bare loop's, over the same
epochs). What `metrics=running_train_accuracy` takes of it is printed too: it is why that metric is
taken only where it is asked for.
"""

from __future__ import annotations

import statistics
from functools import partial
from typing import TYPE_CHECKING

import pytest

from benchmarks.bare import digits, make_workload, ratio_of_a_pair

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

FLOOR = 0.95
PAIRS = 12
STEPS = 1500
ASKED = ("running_train_accuracy",)


@pytest.mark.usefixtures("alone", "one_thread")
@pytest.mark.parametrize("batch_size", [32, 256])
def test_training_is_at_least_095_as_fast_as_a_bare_loop(
    benchmark: BenchmarkFixture, batch_size: int
) -> None:
    median = measured(benchmark, f"batch size {batch_size}", batch_size)

    assert median >= FLOOR


@pytest.mark.usefixtures("alone", "one_thread")
@pytest.mark.parametrize("batch_size", [32, 256])
def test_the_running_accuracy_takes_less_than_a_fifth(
    benchmark: BenchmarkFixture, batch_size: int
) -> None:
    named = f"batch size {batch_size}, with the running accuracy"

    assert measured(benchmark, named, batch_size, ASKED) > 0.8


def measured(
    benchmark: BenchmarkFixture, named: str, batch_size: int, metrics: tuple[str, ...] = ()
) -> float:
    """Measure the pairs, print what they show, and give the median."""
    epochs = -(-STEPS * batch_size // len(digits().train))
    make = partial(make_workload, batch_size=batch_size, metrics=metrics)
    ratios: list[float] = []
    benchmark.pedantic(
        lambda: ratios.append(ratio_of_a_pair(make, epochs)), rounds=PAIRS, warmup_rounds=1
    )
    ratios = ratios[1:]
    median = statistics.median(ratios)
    low, *_, high = statistics.quantiles(ratios, n=10)
    benchmark.extra_info |= {"ratio": median, "pairs": PAIRS, "p10": low, "p90": high}
    print(
        f"\n{named}: train / bare = {median:.3f},"
        f" 10 to 90 % [{low:.3f}, {high:.3f}], n = {PAIRS} pairs"
    )
    return median

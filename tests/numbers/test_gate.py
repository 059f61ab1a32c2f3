"""One stage of a gate: when it fires, what it could have seen, and how often both are wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.numbers.gate import (
    FEWEST_ROUNDS,
    Stage,
    alpha_of_a_stage,
    detectable_loss,
    is_slower,
    lost_by,
    stage,
)
from harness.numbers.statistics import t_quantile

BASE = [100.0, 104.0, 97.0, 101.0, 99.0, 103.0, 100.5, 98.0, 102.0, 100.0]
NOISE = [0.01, -0.02, 0.00, 0.02, -0.01, 0.01, -0.01, 0.02, -0.02, 0.00]


def rounds(values: Sequence[float]) -> dict[int, float]:
    return dict(enumerate(values))


def slowed(share: float) -> Stage:
    """Look at ten rounds in which the head is slower by a share of the base's throughput."""
    head = [each * (1 - share) * math.exp(noise) for each, noise in zip(BASE, NOISE, strict=True)]
    return stage(rounds(BASE), rounds(head))


def test_a_stage_is_a_one_sided_paired_t_test_of_logarithms() -> None:
    found = slowed(0.1)
    head = [each * 0.9 * math.exp(noise) for each, noise in zip(BASE, NOISE, strict=True)]
    logs = [[math.log(each) for each in side] for side in (BASE, head)]

    expected = stats.ttest_rel(*logs, alternative="greater")
    low, high = stats.ttest_rel(logs[1], logs[0]).confidence_interval()
    assert found.n == 10
    assert found.p == pytest.approx(expected.pvalue)
    assert found.difference == pytest.approx(0.9 - 1)
    assert found.ci95 == pytest.approx((math.expm1(low), math.expm1(high)))


def test_a_slowdown_beyond_noise_and_margin_fires() -> None:
    assert slowed(0.1).fires
    assert not slowed(0.0).fires
    assert not slowed(-0.1).fires


def test_a_slowdown_within_the_margin_does_not_fire_however_sure_it_is() -> None:
    found = slowed(0.028)

    assert found.p is not None
    assert found.p < 0.01
    assert not found.fires


def test_a_slowdown_that_the_noise_hides_does_not_fire() -> None:
    wild = [100.0, 50.0, 130.0, 80.0, 60.0, 120.0]

    found = stage(rounds([100.0] * 6), rounds(wild))

    assert found.difference is not None
    assert found.difference < -0.1
    assert not found.fires


def test_a_head_whose_best_round_is_as_good_does_not_fire() -> None:
    head = [each * 0.85 for each in BASE]
    head[0] = max(BASE)

    found = stage(rounds(BASE), rounds(head))

    assert found.p is not None
    assert found.p < 0.05
    assert found.difference is not None
    assert found.difference < -0.03
    assert not found.fires


def test_rounds_that_one_side_lacks_are_left_out() -> None:
    base, head = rounds(BASE), rounds([each * 0.9 for each in BASE])
    del base[0], head[9]

    assert stage(base, head).n == 8


def test_rounds_without_speed_are_left_out() -> None:
    found = stage(rounds([0.0, *BASE[1:]]), rounds([*BASE[:9], -1.0]))

    assert found.n == 8


@pytest.mark.parametrize(
    ("n", "note"),
    [
        (0, "0 rounds with both figures: a gate needs 5"),
        (1, "1 round with both figures: a gate needs 5"),
        (4, "4 rounds with both figures: a gate needs 5"),
    ],
)
def test_fewer_than_five_rounds_decide_nothing(n: int, note: str) -> None:
    assert stage(rounds(BASE[:n]), rounds(BASE[:n])) == Stage(n=n, note=note)
    assert stage(rounds(BASE[:5]), rounds(BASE[:5])).note is None
    assert FEWEST_ROUNDS == 5


def test_rounds_without_spread_have_a_defined_answer() -> None:
    equal = stage(rounds([100.0] * 5), rounds([100.0] * 5))
    slower = stage(rounds([100.0] * 5), rounds([90.0] * 5))

    assert (equal.p, equal.difference, equal.ci95, equal.fires) == (1.0, 0.0, (0.0, 0.0), False)
    assert (slower.p, slower.fires) == (0.0, True)
    assert slower.difference == pytest.approx(-0.1)
    assert equal.detectable == pytest.approx(0.03)


def test_a_margin_can_be_another_and_one_of_everything_never_fires() -> None:
    head = rounds([each * 0.9 for each in BASE])

    assert stage(rounds(BASE), head, margin=0.05).fires
    assert not stage(rounds(BASE), head, margin=0.2).fires
    never = stage(rounds(BASE), head, margin=1.0)
    assert (never.fires, never.detectable) == (False, 1.0)
    assert lost_by(0.03) == pytest.approx(-math.log(0.97))


def test_gates_of_one_job_share_the_error() -> None:
    assert alpha_of_a_stage(1) == 0.05
    assert alpha_of_a_stage(4) == pytest.approx(0.025)
    # sure at 0.05, not at 0.05 / sqrt(16)
    lost = [0.02, 0.20, 0.01, 0.02, 0.17, 0.01, 0.15, 0.02, -0.08, 0.12]
    base = [100.0, 130.0, *BASE[2:]]
    head = [each * math.exp(-share) for each, share in zip(base, lost, strict=True)]
    alone, among = (stage(rounds(base), rounds(head), gates=gates) for gates in (1, 16))
    assert alone.p is not None
    assert 0.05 / 4 < alone.p < 0.05
    assert (alone.p, alone.fires, among.fires) == (among.p, True, False)
    assert alone.detectable is not None
    assert among.detectable is not None
    assert alone.detectable < among.detectable


def test_the_detectable_slowdown_is_that_of_the_procedure_where_noise_passes_the_margin() -> None:
    head = [each * math.exp(4 * noise) for each, noise in zip(BASE, NOISE, strict=True)]
    lost = [-4 * noise for noise in NOISE]
    mean = sum(lost) / 10
    spread = math.sqrt(sum((each - mean) ** 2 for each in lost) / 9)

    found = stage(rounds(BASE), rounds(head))

    factor = stats.t.ppf(0.95, 9) + stats.t.ppf(0.90, 9)
    assert found.detectable == pytest.approx(1 - math.exp(-factor * spread / math.sqrt(10)))


def test_what_is_within_the_margin_is_never_called_detectable() -> None:
    quiet = stage(rounds(BASE), rounds([each * 1.0001 for each in BASE]))

    assert quiet.detectable is not None
    assert quiet.detectable >= 0.03


def test_two_stages_must_fire() -> None:
    fires, not_so = slowed(0.1), slowed(0.0)

    assert is_slower(fires, fires)
    assert not is_slower(fires, not_so)
    assert not is_slower(not_so, fires)
    assert not is_slower(fires, None)


FIGURES = st.lists(st.floats(1e-3, 1e9), min_size=5, max_size=12)


@given(FIGURES, st.randoms(use_true_random=False))
def test_of_two_sides_at_most_one_is_slower(base: list[float], shuffle: random.Random) -> None:
    head = shuffle.sample(base, len(base))

    forth, back = stage(rounds(base), rounds(head)), stage(rounds(head), rounds(base))

    assert [forth.fires, back.fires] == [False, False]  # their best rounds are equal


@given(FIGURES, FIGURES, st.sampled_from([1e-3, 8.0, 1e3]))
def test_the_scale_of_throughput_does_not_matter(
    base: list[float], head: list[float], factor: float
) -> None:
    found = stage(rounds(base), rounds(head))
    scaled = stage(
        rounds([each * factor for each in base]), rounds([each * factor for each in head])
    )

    assert scaled.n == found.n
    if found.difference is not None and scaled.difference is not None:
        assert scaled.difference == pytest.approx(found.difference, rel=1e-6, abs=1e-9)


def share_of_alarms(share: float, *, gates: int, spread: float = 0.12) -> float:
    """Count the gates of both stages that call a head slower.

    A machine takes time away and never gives any: the noise has one side.
    """
    draw = random.Random(1)

    def figures(loss: float) -> dict[int, float]:
        return rounds([(1 - loss) * math.exp(-abs(draw.gauss(0, spread))) for _ in range(10)])

    alarms = 0
    for _ in range(gates):
        first = stage(figures(0.0), figures(share))
        alarms += first.fires and is_slower(first, stage(figures(0.0), figures(share)))
    return alarms / gates


def detectable_of(spread: float) -> float:
    """Average what stages say that they could have seen."""
    draw = random.Random(2)
    found = []
    for _ in range(200):
        sides = [[math.exp(-abs(draw.gauss(0, spread))) for _ in range(10)] for _ in range(2)]
        seen = stage(rounds(sides[0]), rounds(sides[1])).detectable
        assert seen is not None
        found.append(seen)
    return sum(found) / len(found)


def test_a_against_a_alarms_less_than_once_in_two_hundred() -> None:
    assert share_of_alarms(0.0, gates=2000) < 0.005


@pytest.mark.parametrize("spread", [0.12, 0.05, 0.02])
def test_the_detectable_slowdown_is_seen_about_four_times_in_five(spread: float) -> None:
    """Of quiet machines too, where the margin, not the noise, says what can be seen."""
    assert 0.7 < share_of_alarms(detectable_of(spread), gates=400, spread=spread) < 0.92


def test_a_detectable_loss_of_accuracy_is_seen_about_four_times_in_five() -> None:
    """With a margin of 0 the formula is that of a t-test of one comparison at 0.05."""
    draw, n, spread = random.Random(3), 10, 0.02
    error = spread / math.sqrt(n)
    half = t_quantile(0.975, n - 1) * error
    loss = detectable_loss((-half, half), n, scale="difference", bound=0.0, family=1)
    gates = [[draw.gauss(-loss, spread) for _ in range(n)] for _ in range(2000)]
    found = stats.ttest_1samp(gates, 0, axis=1)
    seen = (found.pvalue <= 0.05) & (found.statistic < 0)

    assert 0.75 < seen.mean() < 0.87


def test_a_detectable_loss_grows_with_noise_and_family_and_passes_the_margin() -> None:
    def loss(half: float, family: int = 1, bound: float = 0.01) -> float:
        return detectable_loss((-half, half), 10, scale="difference", bound=bound, family=family)

    assert loss(0.0) == 0.01
    assert 0.01 < loss(0.001) < loss(0.01) < loss(0.01, family=6) < loss(0.1)


def test_a_detectable_loss_on_scale_ratio_is_a_share() -> None:
    bound = math.log(1.01)
    exact = detectable_loss((0.0, 0.0), 5, scale="ratio", bound=bound, family=3)
    noisy = detectable_loss((-0.1, 0.1), 5, scale="ratio", bound=bound, family=3)

    assert exact == pytest.approx(0.01)
    assert 0.1 < noisy < 1
    boundless = detectable_loss((-1.0, 1e9), 3, scale="ratio", bound=bound, family=1)
    assert boundless == math.inf

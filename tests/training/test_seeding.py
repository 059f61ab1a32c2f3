from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.training.seeding import derive


def test_derived_seeds_are_the_same_in_every_version() -> None:
    assert derive(0, "order") == 5231958647509549229
    assert derive(7, "dropout") == 3422261212948167458


@given(st.integers(0, 2**32), st.text(max_size=20))
def test_a_derived_seed_has_63_bits(seed: int, name: str) -> None:
    assert 0 <= derive(seed, name) < 2**63


def test_generators_of_one_trial_and_of_its_neighbours_differ() -> None:
    names = ("order", "split", "init", "dropout", "augmentation")

    seeds = {derive(seed, name) for seed in range(100) for name in names}

    assert len(seeds) == 500

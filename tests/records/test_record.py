"""What is kept of a trial, and its key."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records.record import BROKEN, NOT_IN_KEY, RESULTS, STATUSES, Record, Status, trial_key

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SETTINGS = st.dictionaries(NAMES, VALUES, max_size=8)
FIGURES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e300, 1e300)

RECORDS = st.builds(
    Record,
    key=st.text("0123456789abcdef", min_size=16, max_size=16),
    settings=SETTINGS,
    levels=SETTINGS,
    seed=st.integers(0, 2**63 - 1),
    fold=st.none() | st.integers(0, 9),
    attempt=st.integers(1, 9),
    status=st.sampled_from(STATUSES),
    reason=st.none() | NAMES,
    metrics=st.dictionaries(NAMES, FIGURES, max_size=5),
    missing=st.dictionaries(NAMES, NAMES, max_size=5),
    curves=st.dictionaries(NAMES, st.lists(FIGURES, max_size=5), max_size=3),
    environment=SETTINGS,
    output=NAMES,
    shared=st.booleans(),
)


@given(RECORDS)
def test_a_record_comes_back_from_json_as_it_was(record: Record) -> None:
    line = msgspec.json.encode(record)

    assert b"\n" not in line
    assert msgspec.json.decode(line, type=Record) == record


@given(SETTINGS, st.integers(0, 99))
def test_a_key_does_not_depend_on_the_order_of_settings(
    settings: dict[str, Any], seed: int
) -> None:
    backwards = dict(reversed(settings.items()))

    assert trial_key(settings, seed) == trial_key(backwards, seed)


@given(SETTINGS, st.integers(0, 99))
def test_a_key_outlives_json(settings: dict[str, Any], seed: int) -> None:
    back = msgspec.json.decode(msgspec.json.encode(settings))

    assert trial_key(back, seed) == trial_key(settings, seed)


def test_a_key_names_settings_seed_and_fold() -> None:
    keys = {
        trial_key({"model": "mlp"}, 0),
        trial_key({"model": "linear"}, 0),
        trial_key({"model": "mlp"}, 1),
        trial_key({"model": "mlp"}, 0, 0),
        trial_key({"model": "mlp"}, 0, 1),
    }

    assert len(keys) == 5
    assert all(len(key) == 16 for key in keys)


def test_a_key_stays_what_it_is_between_versions() -> None:
    settings = {"model": "mlp", "model.hidden": [128, 64], "optimizer.lr": 0.1, "init": "as_built"}

    assert trial_key(settings, 3) == "5a48326feb958467"


@pytest.mark.parametrize("address", sorted(NOT_IN_KEY))
def test_deadlines_and_limits_are_not_in_a_key(address: str) -> None:
    assert trial_key({"model": "mlp", address: 1}, 0) == trial_key({"model": "mlp"}, 0)


def test_every_status_is_known_once() -> None:
    assert typing.get_args(Status) == STATUSES
    assert set(STATUSES) - BROKEN - RESULTS == {"skipped", "unsupported"}

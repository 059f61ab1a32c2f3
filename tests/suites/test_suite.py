"""A suite is what plugins and files write; only its fields are fixed."""

from __future__ import annotations

import msgspec
import pytest

from harness.suites.suite import Expect, Suite


def test_a_suite_needs_a_name_only() -> None:
    suite = Suite("smoke")

    assert (suite.seeds, suite.design, suite.baseline) == (5, "product", None)


def test_a_suite_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        Suite("smoke").seeds = 3  # type: ignore[misc]  # what is tested


def test_an_expectation_speaks_of_every_seed_of_every_case_unless_it_says_otherwise() -> None:
    expect = Expect(metric="test_accuracy", min=0.9)

    assert (expect.where, expect.of, expect.share, expect.epoch) == ({}, "seeds", 1.0, None)


def test_a_field_that_an_expectation_does_not_have_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `minimum`"):
        msgspec.convert({"metric": "test_accuracy", "minimum": 0.9}, Expect)

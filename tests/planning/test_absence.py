"""What a plan asks of data that may not be here."""

from __future__ import annotations

from pathlib import Path

from harness.planning.absence import absences
from harness.planning.plan import make_plan
from harness.plugin.registry import Registry, load
from harness.suites.draft import draft
from harness.suites.suite import Suite
from tests.listing.test_holdings import registry


def test_a_plan_says_which_cases_lack_their_data(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("")
    base = {"model": "none", "procedure": "infer", "optimizer": "none", "dataset": "filed"}
    suite = Suite("s", base=base, factors={"dataset.name": ["a", "b"]})
    both = _with_builtin(registry())

    plan = make_plan(draft(suite), both, lacking=absences(both, tmp_path))

    assert [(each.expected, each.reason) for each in plan.cases] == [
        ("skipped", f"{tmp_path}/a.txt is missing: `bench data fetch filed` gets it"),
        (None, None),
    ]


def test_a_combination_that_cannot_be_is_refused_whether_its_data_is_here_or_not(
    tmp_path: Path,
) -> None:
    both = load()
    suite = Suite("s", base={"model": "cnn", "dataset": "diabetes", "optimizer": "sgd"})

    plan = make_plan(draft(suite), both, lacking=absences(both, tmp_path))

    assert [each.expected for each in plan.cases] == ["unsupported"]


def _with_builtin(own: Registry) -> Registry:
    builtin = load()
    return Registry(builtin.plugins + own.plugins, {**builtin.entries, **own.entries})

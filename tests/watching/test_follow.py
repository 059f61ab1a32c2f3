"""A run of another process is told as its journal grows, until nobody works on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from made import made_case, made_plan, made_record, made_run

from harness.records.planned import Case, Plan, Trial
from harness.records.record import Record
from harness.records.store import Journal, create_run, read_run
from harness.watching.follow import follow

PLAN = made_plan(made_case({"init": "zeros"}), made_case({"init": "ones"}), seeds=(0, 1))


class Listener:
    def __init__(self) -> None:
        self.heard: list[object] = []

    def begun(self, total: int, done: int) -> None:
        self.heard.append(f"begun {done} of {total}")

    def started(self, case: Case, trial: Trial) -> None:
        self.heard.append("started")

    def ended(self, case: Case, trial: Trial, record: Record) -> None:
        assert (trial.key, case.levels) == (record.key, record.levels)
        self.heard.append((record.levels["init"], record.seed, record.status))

    def note(self, text: str) -> None:
        self.heard.append(text)


class Steps:
    """What another process does while the follower sleeps; it sleeps no more often than that."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.left = list(steps)

    def __call__(self, seconds: float) -> None:
        self.left.pop(0)()


def nothing() -> None:
    """Let time pass."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return create_run(tmp_path, made_run(PLAN)).folder


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    with Journal(folder) as found:
        yield found


def heard(folder: Path, steps: Steps) -> list[object]:
    stored, listener = read_run(folder), Listener()
    follow(stored, listener, steps)
    assert steps.left == []
    return listener.heard


def test_each_record_is_told_once_and_the_end_is_that_of_the_lock(
    folder: Path, journal: Journal
) -> None:
    journal.append(made_record(PLAN, 0, 0))
    records = [made_record(PLAN, 1, 0, "crashed"), made_record(PLAN, 0, 1), made_record(PLAN, 1, 1)]
    steps = Steps(
        lambda: journal.append(records[0]),
        nothing,
        lambda: (journal.append(records[1]), journal.append(records[2])),
        nothing,  # all have ended, but the other still holds the run: it may try again
        journal.close,
    )

    assert heard(folder, steps) == [
        "begun 1 of 4",
        ("ones", 0, "crashed"),
        ("zeros", 1, "ok"),
        ("ones", 1, "ok"),
    ]


def test_a_run_that_was_killed_ends_it_after_a_second_look(folder: Path, journal: Journal) -> None:
    def killed() -> None:
        journal.append(made_record(PLAN, 0, 0))
        journal.close()

    assert heard(folder, Steps(nothing, killed, nothing)) == ["begun 0 of 4", ("zeros", 0, "ok")]


def test_a_run_that_has_not_taken_its_lock_yet_is_waited_for(folder: Path) -> None:
    taken: list[Journal] = []

    def finish() -> None:
        for seed in range(2):
            for case in range(2):
                taken[0].append(made_record(PLAN, case, seed))
        taken[0].close()

    steps = Steps(lambda: taken.append(Journal(folder)), finish)

    assert len(heard(folder, steps)) == 5


def test_a_run_that_has_ended_is_told_at_once(folder: Path, journal: Journal) -> None:
    for case, seed in ((0, 0), (1, 0), (0, 1), (1, 1)):
        journal.append(made_record(PLAN, case, seed))
    journal.close()

    assert heard(folder, Steps()) == ["begun 4 of 4"]


def test_a_folder_that_is_removed_ends_it(folder: Path, journal: Journal) -> None:
    def removed() -> None:
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()

    assert heard(folder, Steps(removed, nothing)) == ["begun 0 of 4"]


def test_where_locks_are_not_kept_it_ends_with_the_last_trial(
    folder: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.watching.follow.is_held", lambda folder: None)
    trials = [(0, 0), (1, 0), (0, 1), (1, 1)]
    steps = [lambda each=each: journal.append(made_record(PLAN, *each)) for each in trials]

    assert len(heard(folder, Steps(nothing, nothing, nothing, *steps))) == 5


def test_the_next_look_of_an_adaptive_run_is_begun(tmp_path: Path) -> None:
    cases = (made_case({"init": "zeros"}), made_case({"init": "ones"}))
    plan: Plan = msgspec.structs.replace(made_plan(*cases, seeds=(0, 1)), looks=(1, 2))
    folder = create_run(tmp_path, made_run(plan)).folder
    with Journal(folder) as journal:
        for case in (0, 1):
            journal.append(made_record(plan, case, 0))
        steps = Steps(
            nothing,
            lambda: journal.append(made_record(plan, 1, 1)),
            lambda: journal.append(made_record(plan, 0, 1)),
            journal.close,
        )

        assert heard(folder, steps) == [
            "begun 2 of 2",
            "begun 2 of 4",
            ("ones", 1, "ok"),
            ("zeros", 1, "ok"),
        ]

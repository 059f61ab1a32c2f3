"""Loading each dataset once: again where the loader dies, never where the data has changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from made import made_case, made_plan, made_record

from harness.errors import StoreError
from harness.records.planned import Case
from harness.records.record import Record
from harness.running.client import ServerGone
from harness.running.loads import Loads
from harness.running.messages import Ended, Outcome, Request

MIB = 1 << 20
USUAL = {"dataset": "few", "dataset.rows": 64, "timeout_s": 600.0, "memory_limit": None}


def case(**changed: Any) -> Case:
    return made_case({}, **{**USUAL, **changed})


def loaded(digest: str = "aa", output: str = "") -> Ended:
    return ended(outcome=Outcome(status="ok", data=digest), output=output)


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


class Played:
    """What answers requests in turn, and keeps what it was asked and told."""

    def __init__(self, *answers: Ended | ServerGone, partial: bytes = b"") -> None:
        self.answers = list(answers)
        self.partial = partial
        self.asked: list[Request] = []
        self.told: list[str] = []

    def do(self, request: Request) -> Ended:
        self.asked.append(request)
        if self.partial:
            Path(str(request.prepare)).with_suffix(".partial").write_bytes(self.partial)
        answer = self.answers.pop(0)
        if isinstance(answer, ServerGone):
            raise answer
        return answer


Made = Callable[..., Loads]


@pytest.fixture
def loads(tmp_path: Path) -> Made:
    def make(
        played: Played,
        *cases: Case,
        before: Sequence[Record] = (),
        memory_limit: int | None = 8 * MIB,
    ) -> Loads:
        return Loads(
            tmp_path / "data",
            tmp_path,
            cases or [case()],
            memory_limit,
            before,
            do=played.do,
            tell=played.told.append,
        )

    return make


def test_a_dataset_is_loaded_once_for_each_set_of_its_options(loads: Made) -> None:
    cases = [case(), case(model="lenet"), case(dataset__rows=128)]
    played = Played(loaded(), loaded("bb"))
    made = loads(played, *cases)

    found = [made.prepared(each.settings) for each in cases]

    assert [each.outcome.data for each in found] == ["aa", "aa", "bb"]
    assert found[0].path == found[1].path != found[2].path
    assert made.known(cases[1].settings) is found[0]
    assert made.known(case(dataset__rows=1).settings) is None
    assert [each.settings["dataset.rows"] for each in played.asked] == [64, 128]


@pytest.mark.parametrize(
    ("limits", "asked"), [((2 * MIB, 4 * MIB), 4 * MIB), ((2 * MIB, None), 8 * MIB)]
)
def test_a_load_may_take_what_the_most_generous_case_of_it_may(
    loads: Made, limits: tuple[int | None, ...], asked: int
) -> None:
    cases = [
        case(model=str(place), memory_limit=limit, timeout_s=5.0 + place)
        for place, limit in enumerate(limits)
    ]
    played = Played(loaded())

    loads(played, *cases).prepared(cases[0].settings)

    [request] = played.asked
    assert (request.memory_limit, request.timeout_s) == (asked, 6.0)


def test_a_load_without_any_limit_has_none(loads: Made) -> None:
    played = Played(loaded())

    loads(played, memory_limit=None).prepared(case().settings)

    assert played.asked[0].memory_limit is None


def test_a_loader_that_dies_is_tried_again_at_once_and_each_time_is_told(loads: Made) -> None:
    died = ended(ending="signal 9 (SIGKILL)", output="half of it\n")
    played = Played(died, ServerGone("it ended with signal 9 (SIGKILL)"), loaded(output="whole\n"))
    made = loads(played)

    assert made.prepared(case().settings).outcome.data == "aa"
    assert made.printed(case().settings) == "half of it\nwhole"
    assert played.told == [
        "loading dataset few: the process died with signal 9 (SIGKILL) before it had a result:"
        " it is loaded again, 2 more times at most",
        "loading dataset few: the process that starts trials was killed: it ended with signal 9"
        " (SIGKILL): it is loaded again, 1 more time at most",
    ]


def test_a_loader_that_always_dies_is_left_alone_after_three_loads(loads: Made) -> None:
    played = Played(*[ended(ending="signal 6 (SIGABRT)")] * 3)
    made = loads(played)

    found = [made.prepared(case().settings).outcome for _ in range(2)]

    assert [each.status for each in found] == ["crashed"] * 2
    assert found[0].reason == (
        "loading dataset few: the process died with signal 6 (SIGABRT) before it had a result"
    )
    assert len(played.asked) == 3


def test_a_loader_that_raises_is_not_tried_again_and_leaves_no_half_of_a_file(loads: Made) -> None:
    failed = Outcome(status="error", reason="OSError: full", trace="Traceback\n  here\n")
    made = loads(Played(ended(outcome=failed, output="reading\n"), partial=b"half"))

    found = made.prepared(case().settings)

    assert (found.outcome.status, found.outcome.reason) == (
        "error",
        "loading dataset few: OSError: full",
    )
    assert list(found.path.parent.iterdir()) == []
    assert [made.printed(case().settings) for _ in range(2)] == ["reading\nTraceback\n  here"] * 2


def test_what_a_loader_printed_goes_to_the_first_record_alone(loads: Made) -> None:
    made = loads(Played(loaded(output="reading\n")))

    assert made.printed(case().settings) == ""
    made.prepared(case().settings)
    assert [made.printed(case().settings) for _ in range(2)] == ["reading", ""]


def records(*digests: str | None) -> list[Record]:
    plan = made_plan(case(), case(model="lenet"), seeds=range(len(digests)))
    return [made_record(plan, 0, seed, data=each) for seed, each in enumerate(digests)]


def test_data_that_is_as_it_was_is_taken(loads: Made) -> None:
    made = loads(Played(loaded("aa")), before=records("aa", None, "bb"))

    assert made.prepared(case().settings).outcome.status == "ok"
    made.check(case().settings, 2, "bb")
    made.check(case().settings, 1, "never seen at this seed")
    made.check(case().settings, 0, None)
    made.check(case(dataset__rows=1).settings, 0, "of another dataset")


def test_data_that_has_changed_is_refused_with_both_digests(loads: Made) -> None:
    made = loads(Played(loaded("cc")), before=records("aa", "bb"))

    with pytest.raises(StoreError) as once:
        made.prepared(case().settings)
    with pytest.raises(StoreError) as seeded:
        made.check(case().settings, 1, "cc")

    rest = "so that its trials would not be comparable; --force goes on all the same"
    assert str(once.value) == (
        f"the data of dataset few has changed: its digest was aa or bb and is cc, {rest}"
    )
    assert str(seeded.value) == (
        f"the data of dataset few of seed 1 has changed: its digest was bb and is cc, {rest}"
    )


def test_a_folder_that_cannot_be_made_is_told(loads: Made, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with pytest.raises(StoreError) as caught:
        loads(Played()).prepared(case().settings)
    assert str(caught.value) == f"{tmp_path / 'data'} cannot be made: File exists"

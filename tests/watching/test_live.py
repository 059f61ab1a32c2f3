"""A run on a terminal while it goes: its table, filling."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable

import pytest
from made import made_case, made_plan, made_record

from harness.records.planned import Plan
from harness.watching.board import Board
from harness.watching.live import Live

PLAN = made_plan(*(made_case({"init": each}) for each in ("zeros", "ones")), seeds=(0, 1))


class Terminal(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A run that is watched on a terminal, its clock held."""

    def __init__(self, plan: Plan = PLAN, columns: int = 80, lines: int = 24) -> None:
        self.plan, self.clock, self.out = plan, Clock(), Terminal()
        self.board = Board(plan)
        self.live = Live(self.out, lambda: (columns, lines), self.board, self.clock)

    def start(self, case: int, seed: int, after_s: float = 1.0) -> None:
        self.clock.now += after_s
        [trial] = [each for each in self.plan.trials if (each.case, each.seed) == (case, seed)]
        self.live.started(self.plan.cases[case], trial)

    def end(self, case: int, seed: int, *status: str, after_s: float = 1.0, **more: object) -> None:
        self.clock.now += after_s
        [trial] = [each for each in self.plan.trials if (each.case, each.seed) == (case, seed)]
        record = made_record(self.plan, case, seed, *status, **more)  # type: ignore[arg-type]
        self.live.ended(self.plan.cases[case], trial, record)

    @property
    def frame(self) -> list[str]:
        """The lines of what was written last, without what moves the cursor."""
        text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]|\r", "", self.out.writes[-1])
        return [each.rstrip() for each in text.split("\n")]


@pytest.fixture
def watched() -> Callable[..., Watched]:
    made: list[Watched] = []

    def make(*arguments: object, **more: int) -> Watched:
        made.append(Watched(*arguments, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make  # type: ignore[misc]
    for each in made:
        each.live.close()


def test_the_table_fills(watched: Callable[..., Watched]) -> None:
    run = watched()
    run.live.begun(4, 0)
    run.start(0, 0)
    run.end(0, 0, metrics={"test_accuracy": 0.75}, after_s=10)
    run.start(1, 0)

    assert run.frame == [
        "[1/4]  33.0 s left",
        "init   test_accuracy  memory  status",
        "zeros  0.750 (1)      -       ok 1",
        "ones   -              -       running 1",
        "init=ones seed 0",
    ]


def test_it_is_redrawn_at_most_once_a_second_in_one_write(watched: Callable[..., Watched]) -> None:
    run = watched()
    run.live.begun(4, 0)
    run.start(0, 0)
    before = len(run.out.writes)

    run.end(0, 0, after_s=0.4)
    run.start(1, 0, after_s=0.5)
    assert len(run.out.writes) == before
    run.end(1, 0, after_s=0.1)

    assert len(run.out.writes) == before + 1
    assert run.frame[0] == "[2/4]  1.00 s left"


def test_a_trial_that_began_soon_after_another_is_drawn_later_and_then_nothing_ticks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.watching.pace._REDRAW_S", 0.05)
    out = Terminal()
    live = Live(out, lambda: (80, 24), Board(PLAN))
    live.begun(4, 0)
    live.started(PLAN.cases[1], PLAN.trials[1])
    deadline = time.monotonic() + 10
    while "init=ones seed 0" not in out.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    drawn = len(out.writes)
    time.sleep(0.2)

    assert "init=ones seed 0" in out.getvalue()
    assert len(out.writes) == drawn
    live.close()


def test_what_failed_stays_above_the_table_and_is_counted(watched: Callable[..., Watched]) -> None:
    run = watched(columns=40)
    run.live.begun(4, 0)
    run.start(0, 0)
    run.end(0, 0, "crashed", reason="\x1b[31msignal\n9 [bold]x[/bold]", after_s=0.5)
    run.live.close()

    assert "init=zeros seed 0: crashed: \\u001b[3...\n" in run.out.getvalue()
    run.start(1, 0)
    assert run.frame[0].startswith("[1/4, 1 not ok]")


def test_a_note_stands_on_a_line_of_its_own_before_and_during_the_table(
    watched: Callable[..., Watched],
) -> None:
    run = watched()
    run.live.begun(4, 1)
    assert run.out.getvalue() == "note: 1 of 4 trials were done before\n"

    run.start(0, 0)
    run.live.note("a\nb")

    assert "note: a\\nb" in run.frame
    assert run.frame[-1] == "init=zeros seed 0"


def test_a_hostile_level_is_text_and_cut(watched: Callable[..., Watched]) -> None:
    level = "\x1b[2J[red]" + "x" * 500
    run = watched(made_plan(made_case({"init": level}), seeds=(0,)))
    run.live.begun(1, 0)
    run.start(0, 0)

    assert "\x1b[2J" not in run.out.getvalue()
    assert "[red]" in run.frame[2]
    assert max(map(len, run.frame)) <= 80


@pytest.mark.parametrize("columns", [80, 40, 20])
def test_many_factors_fit_a_narrow_terminal_and_figures_are_whole(
    columns: int, watched: Callable[..., Watched]
) -> None:
    levels = {f"model.factor{place}": "level" * 5 for place in range(3)}
    run = watched(made_plan(made_case(levels), seeds=(0, 1)), columns=columns)
    run.live.begun(2, 0)
    run.start(0, 0)
    run.end(0, 0, metrics={"test_accuracy": 0.75, "train_samples_per_s": 1e4, "host_peak_bytes": 1})

    assert max(map(len, run.frame)) <= columns
    if columns >= 40:
        assert "0.750 (1)" in run.frame[2]


def test_more_cases_than_lines_show_those_that_changed_and_a_count(
    watched: Callable[..., Watched],
) -> None:
    cases = [made_case({"init": f"i{place}"}) for place in range(100)]
    run = watched(made_plan(*cases, seeds=(0,)), lines=10)
    run.live.begun(100, 0)
    run.end(40, 0)
    run.start(70, 0)

    assert [each.split()[0] for each in run.frame[2:-2]] == ["i0", "i1", "i2", "i40", "i70"]
    assert run.frame[-2:] == ["and 95 more cases: 0 done, 0 begun", "init=i70 seed 0"]
    assert len(run.frame) < 10


def test_at_the_end_the_table_is_cleared_and_the_cursor_is_there(
    watched: Callable[..., Watched],
) -> None:
    run = watched()
    run.live.begun(4, 0)
    run.start(0, 0)
    run.live.close()
    out = run.out.getvalue()

    lines = len(["count", "header", "zeros", "ones", "current"])
    assert out.count("\x1b[2K") >= lines
    assert out.rfind("\x1b[?25h") > out.rfind("\x1b[?25l")


def test_what_another_process_starts_is_timed_from_the_first_that_ends(
    watched: Callable[..., Watched],
) -> None:
    run = watched()
    run.live.begun(4, 1)
    run.end(0, 0)
    assert run.frame[0] == "[2/4]"

    run.end(1, 0, after_s=10)

    assert run.frame[0] == "[3/4]  10.0 s left"

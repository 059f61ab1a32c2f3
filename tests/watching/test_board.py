"""What is known of a run while it goes, case by case."""

from __future__ import annotations

from made import made_case, made_plan, made_record

from harness.numbers.metrics import Meaning
from harness.watching.board import Board

PLAN = made_plan(*(made_case({"init": each}) for each in ("zeros", "ones", "twos", "threes")))


def figures(board: Board, *shown: int) -> dict[str, list[str]]:
    return {each.header: list(each.cells) for each in board.figures(shown)}


def test_figures_are_means_over_the_seeds_that_have_ended_so_far() -> None:
    board = Board(PLAN)
    board.take(made_record(PLAN, 0, 0, metrics={"test_accuracy": 0.8, "train_samples_per_s": 100}))

    assert figures(board, 0, 1) == {
        "test_accuracy": ["0.800 (1)", "-"],
        "train_samples_per_s": ["100/s", "-"],
        "memory": ["-", "-"],
    }
    board.take(made_record(PLAN, 0, 1, metrics={"test_accuracy": 0.9, "host_peak_bytes": 2048}))
    assert figures(board, 0)["test_accuracy"] == ["0.850 ±0.071 (2)"]
    assert figures(board, 0)["memory"] == ["2.00 KiB"]


def test_a_seed_with_folds_counts_once() -> None:
    plan = made_plan(made_case({"init": "ones"}), folds=(0, 1))
    board = Board(plan)
    for fold, value in enumerate((0.5, 0.7)):
        board.take(made_record(plan, 0, 0, fold=fold, metrics={"validation_accuracy": value}))

    assert figures(board, 0)["validation_accuracy"] == ["0.600 (1)"]


def test_a_failed_trial_gives_no_figure_and_is_counted() -> None:
    board = Board(PLAN, [made_record(PLAN, 1, 0, "diverged", metrics={"test_accuracy": 0.1})])
    board.start(PLAN.trials[0])

    assert figures(board, 1)["test_accuracy"] == ["-"]
    assert board.statuses([0, 1, 2]).cells == ["running 1", "diverged 1", "-"]
    assert board.failed == 1


def test_the_last_attempt_counts_whatever_comes_last() -> None:
    board = Board(PLAN, [made_record(PLAN, 0, 0, attempt=2)])
    board.take(made_record(PLAN, 0, 0, "crashed"))

    assert board.statuses([0]).cells == ["ok 1"]
    assert board.failed == 0


def test_a_record_that_was_not_planned_is_left_out() -> None:
    stranger = made_record(made_plan(made_case({"init": "other"})), 0, 0, "diverged")
    board = Board(PLAN, [stranger])

    assert (board.failed, board.statuses([0, 1, 2]).cells) == (0, ["-", "-", "-"])


def test_the_columns_are_those_of_the_suite_and_plugins_tell_units() -> None:
    import msgspec

    plan = msgspec.structs.replace(PLAN, columns=("slowness", "absent"))
    meaning = Meaning("slowness", "s", "lower", 0.1, "ratio", "")
    board = Board(plan, [made_record(PLAN, 0, 0, metrics={"slowness": 2})], {"slowness": meaning})

    assert figures(board, 0) == {"slowness": ["2.00 s"]}


def test_all_cases_are_shown_in_their_order_where_there_is_room() -> None:
    board = Board(PLAN)
    board.start(PLAN.trials[2])

    assert board.shown(4) == [0, 1, 2, 3]
    assert board.rest([0, 1, 2, 3]) == ""


def test_where_there_is_little_room_those_that_changed_last_are_shown_and_the_others_counted() -> (
    None
):
    board = Board(PLAN)
    for seed in range(3):
        board.take(made_record(PLAN, 3, seed))
    board.take(made_record(PLAN, 0, 0))
    board.take(made_record(PLAN, 1, 0))
    board.start(PLAN.trials[2])

    assert board.shown(2) == [1, 2]
    assert board.rest([1, 2]) == "and 2 more cases: 1 done, 1 begun"
    assert board.rest([0, 1, 2]) == "and 1 more case: 1 done, 0 begun"
    assert board.shown(-3) == [2]

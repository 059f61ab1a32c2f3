"""What becomes of trials: their statuses, reasons and order, in real runs of the command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from living import lives

from harness.planning.overrides import parse_override
from harness.plugin.registry import load
from harness.records.journal import Journal
from harness.running import execute
from harness.running.messages import Ended, Outcome, Request
from harness.session import Asked, Loaded, plan_asked

NO_RESULT = "before it had a result"
LIMIT = r"; memory_limit is \d\S* \wiB: memory_limit=BYTES sets another$"
ENDINGS = {
    "raises_in_build": ("error", "ValueError: no such layer ({file}:{line} in raises_in_build)"),
    "raises_in_step_7": (
        "error",
        r"RuntimeError: the seventh step\nis the last ({file}:{line} in raises_in_step_7)",
    ),
    "raises_in_evaluation": (
        "error",
        "KeyError: 'evaluation' ({file}:{line} in raises_in_evaluation)",
    ),
    "becomes_nan": ("diverged", "loss is nan in epoch 2, step 3"),
    "becomes_infinite": ("diverged", "loss is inf in epoch 1, step 1"),
    "endless": ("timeout", "killed at its deadline, after 1.00 s"),
    "sleeps": ("timeout", "killed at its deadline, after 1.00 s"),
    "stops_itself": ("timeout", "killed at its deadline, after 1.00 s"),
    "leaves_a_child_and_sleeps": ("timeout", "killed at its deadline, after 1.00 s"),
    "exits": ("crashed", f"the process died with exit code 3 {NO_RESULT}"),
    "exits_politely": ("error", "SystemExit: that is all ({file}:{line} in exits_politely)"),
    "is_killed": ("crashed", f"the process died with signal 9 (SIGKILL) {NO_RESULT}"),
    "segfaults": ("crashed", f"the process died with signal 11 (SIGSEGV) {NO_RESULT}"),
    "is_interrupted": ("error", "KeyboardInterrupt ({file}:{line} in is_interrupted)"),
    "raises_an_error_without_text": (
        "error",
        "NoTextError: (its text cannot be made) ({file}:{line} in raises_an_error_without_text)",
    ),
    "raises_memory_error": (
        "oom-host",
        "MemoryError: too much ({file}:{line} in raises_memory_error)",
    ),
    "prints_a_lot": ("error", "RuntimeError: all printed ({file}:{line} in prints_a_lot)"),
    "linear": ("ok", None),
    "prints_bytes": ("ok", None),
    "closes_its_output": ("ok", None),
    "leaves_a_child": ("ok", None),
    "leaves_a_thread": ("ok", None),
}


@pytest.mark.parametrize("model", ENDINGS)
def test_a_trial_that_misbehaves_has_the_status_and_the_reason_that_it_earned(
    misbehaved: Any, misbehaving: Path, model: str
) -> None:
    status, reason = ENDINGS[model]

    record = misbehaved.record(model=model)

    assert record["status"] == status
    found = record["reason"] and re.sub(LIMIT, "", record["reason"])
    assert found == (reason and filled(reason, misbehaving))
    assert (found != record["reason"]) == (status == "oom-host")


def filled(reason: str, file: Path) -> str:
    """Put the file's name and the line that raises into a reason."""
    function = reason.partition(" in ")[2].removesuffix(")")
    lines = file.read_text().splitlines()
    start = next((n for n, each in enumerate(lines) if each.startswith(f"def {function}(")), 0)
    raising = next(
        (
            n
            for n, each in enumerate(lines[start:], start)
            if "raise " in each or "sys.exit" in each
        ),
        0,
    )
    return reason.replace("{file}", file.name).replace("{line}", str(raising + 1))


def test_a_model_that_builds_no_module_is_told_what_it_built(misbehaved: Any) -> None:
    record = misbehaved.record(model="builds_no_module")

    assert record["status"] == "error"
    assert record["reason"] == ("model builds_no_module built str, which is no torch.nn.Module")


def test_every_planned_trial_has_one_record_whatever_the_others_did(misbehaved: Any) -> None:
    planned = [each["key"] for each in misbehaved.plan["trials"]]

    assert [each["key"] for each in misbehaved.records] == planned


def test_a_run_with_broken_trials_ends_with_3_and_prints_its_table(misbehaved: Any) -> None:
    assert misbehaved.ended.code == 3
    assert misbehaved.ended.out.startswith("model ")
    assert "crashed 1" in misbehaved.ended.out
    assert "Traceback" not in misbehaved.ended.err


def test_a_trial_that_is_not_ok_has_no_figure_and_every_metric_a_reason(misbehaved: Any) -> None:
    for record in misbehaved.records:
        if record["status"] != "ok":
            assert set(record["metrics"].values()) == {None}, record["settings"]["model"]
            assert record["missing"].keys() == record["metrics"].keys()


def test_a_diverged_trial_keeps_the_curves_of_the_epochs_before(misbehaved: Any) -> None:
    curves = misbehaved.record(model="becomes_nan")["curves"]

    assert [len(each) for each in curves.values()] == [1] * len(curves)
    assert "train_loss" in curves


def test_what_a_trial_printed_is_kept_in_its_record_and_reaches_no_stream(misbehaved: Any) -> None:
    assert misbehaved.record(model="exits")["output"] == "about to leave"
    assert "about to leave" not in misbehaved.ended.out + misbehaved.ended.err
    assert "line 19999" not in misbehaved.ended.out + misbehaved.ended.err


def test_only_the_last_lines_of_an_output_are_kept_with_control_characters_escaped(
    misbehaved: Any,
) -> None:
    lines = misbehaved.record(model="prints_a_lot")["output"].splitlines()

    printed = [f"\\u001b[31mline {each} " + "x" * 40 for each in range(19_988, 20_000)]
    assert lines[:12] == printed
    assert lines[-1] == "RuntimeError: all printed"
    assert len(lines) <= 24


def test_nothing_is_left_running_of_what_trials_started(misbehaved: Any) -> None:
    pids = [int(each) for each in misbehaved.noted("pids")]

    assert len(pids) >= 2
    assert [each for each in pids if lives(each)] == []
    assert misbehaved.ended.left() == []


def test_the_data_is_loaded_once_for_a_whole_run(misbehaved: Any) -> None:
    assert misbehaved.noted("loaded") == ["few 64 0"]


def test_the_prepared_data_is_removed_when_the_run_ends(misbehaved: Any) -> None:
    assert sorted(each.name for each in misbehaved.folder.iterdir()) == [
        "lock",
        "run.json",
        "trials.jsonl",
    ]


class Playing:
    """A runner whose trials that are discarded hang, and whose others end well."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def submit(self, request: Request) -> None:
        self.asked.append(request)

    def wait(self) -> Ended:
        request = self.asked[-1]
        return Ended(
            number=request.number,
            ending="exit code 0",
            timed_out=request.discarded,
            wall_s=1.0,
            outcome=None if request.discarded else Outcome(status="ok"),
            output="",
        )

    def has_begun(self, number: int) -> bool:
        return True

    def pids(self) -> tuple[int, ...]:
        return ()


class Listening:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def begun(self, total: int, done: int) -> None:
        pass

    def started(self, *_: object) -> None:
        pass

    def ended(self, *_: object) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize(("timeout_s", "shown"), [(600.0, "60.0 s"), (5.0, "5.00 s")])
def test_a_discarded_trial_that_hangs_costs_a_minute_at_most_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path, timeout_s: float, shown: str
) -> None:
    playing, listening = Playing(), Listening()
    monkeypatch.setattr(execute, "open_runner", lambda *_, **__: playing)
    registry = load([str(tiny)])
    given = ("model=two_layers", "dataset=few_seeded", "optimizer=sgd", f"timeout_s={timeout_s}")
    asked = Asked(overrides=[parse_override(each) for each in given], seeds=1)
    plan = plan_asked(asked, Loaded(registry, ()))
    conditions = execute.Conditions(
        registry=registry, plugins=(), folder=tmp_path, data_root=tmp_path, environment={}
    )

    with Journal(tmp_path) as journal:
        execute.execute(plan, [(plan.trials[0], 1)], conditions, journal, listening)

    found = [(each.discarded, each.timeout_s) for each in playing.asked]
    assert found == [(True, min(timeout_s, 60.0)), (False, timeout_s)]
    assert listening.notes == [
        f"the trial that is discarded before others on cpu was killed after {shown}"
    ]

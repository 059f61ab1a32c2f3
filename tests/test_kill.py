"""The command that kills processes at random moments: a short form, and that it sees what is wrong.

python -m benchmarks.kill --rounds 300 --seed 1
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from signal import SIGINT, SIGKILL
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it finds processes under /proc")

ROOT = Path(__file__).parents[1]
COMMAND = f"import sys; sys.path.append({str(ROOT)!r}); from benchmarks.kill import main; main()"
"""Not `-m`: the harness under test is the installed one, which stands before the source."""

OF_TRIAL = "the process died with signal 9 (SIGKILL) before it had a result"
OF_SERVER = "the process that starts trials was killed: it ended with signal 9 (SIGKILL)"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests import `benchmarks`, behind everything else."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])


def benchmarks(name: str) -> Any:
    return importlib.import_module(f"benchmarks.{name}")


@pytest.mark.timeout(600)  # under 30 s where nothing else runs
def test_a_few_rounds_of_kills_lose_double_and_mislabel_nothing_and_leave_nothing() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND, "--rounds", "2", "--seed", "388", "--jobs", "2"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    rows = {
        cells[0]: [int(each) for each in cells[1:]]
        for line in ended.stdout.splitlines()
        if len(cells := re.split(r"\s{2,}", line.strip())) == 7 and cells[1].isdigit()
    }
    killed, *found = rows["all"]
    assert found == [0, 0, 0, 0, 0]
    assert killed >= 3
    assert {"server", "parent, SIGKILL"} <= rows.keys()


def test_every_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs/reliability.md").read_text()

    named = set(re.findall(r"`(test_\w+)`", page))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(named) > 10
    assert named - there == set()


def test_the_same_seed_draws_the_same_rounds_and_another_one_others() -> None:
    drawn_script = benchmarks("sweeps").drawn_script

    drawn = [drawn_script(number, 1) for number in range(20)]

    assert drawn == [drawn_script(number, 1) for number in range(20)]
    assert drawn != [drawn_script(number, 2) for number in range(20)]
    assert {each.sweep for each in drawn[:3]} != {drawn[0].sweep}


def test_the_moments_and_victims_that_are_drawn_are_all_there_are() -> None:
    sweeps = benchmarks("sweeps")

    scripts = [sweeps.drawn_script(number, 1) for number in range(200)]
    aims = [aim for each in scripts for _, aims in each.commands for aim in aims]

    assert {each.victim for each in aims} == {"parent", "server", "trial", "loader"}
    assert {each.moment for each in aims} == {"any", "kill", "fork", "append", "note"}
    assert {label for each in scripts for label in each.sweep.labels} == set(
        benchmarks("trouble").CASES
    )
    alike = [aim for _, aims in sweeps.drawn_script(1, 1, together=True).commands for aim in aims]
    assert "parent" not in {each.victim for each in alike}


def record(key: str, *, attempt: int = 1, status: str = "ok", **more: Any) -> dict[str, Any]:
    """Make a record of the trial `usual`, or of another label."""
    label = more.pop("label", "usual")
    return {
        "key": key,
        "attempt": attempt,
        "seed": 0,
        "status": status,
        "reason": None,
        "curves": {"train_loss": [0.5, 0.25]},
        "started": "2026-11-21T10:00:00.000+00:00",
        "settings": {"procedure.label": label, "dataset": "few"},
        **more,
    }


def lines(*records: Mapping[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


CRASHED = {"status": "crashed", "reason": OF_TRIAL, "curves": {}}


@pytest.fixture
def seen(tmp_path: Path) -> Callable[..., list[tuple[str, str]]]:
    """Judge a command of a plan of two trials: what was there, what is there, who was killed."""
    judging, strikes, sweeps = map(benchmarks, ("judging", "strikes", "sweeps"))

    def judged(
        before: bytes,
        after: bytes,
        *killed: tuple[str, int],
        code: int | None = 0,
        notes: tuple[Mapping[str, Any], ...] = (),
        said: str = "",
        at: str = "2026-11-21T10:00:01.000+00:00",
    ) -> list[tuple[str, str]]:
        done = [
            {"what": "done", "pid": 1, "label": label, "seed": 0} for label in ("usual", "quick")
        ]
        (tmp_path / "notes").write_bytes(lines(*done, *notes))
        (tmp_path / "err").write_text(said)
        scene = judging.Scene(
            folder=tmp_path,
            truths={
                "a": judging.truth_of(record("a")),
                "b": judging.truth_of(record("b", label="quick")),
            },
            planned=frozenset("ab"),
            before=before,
            after=after,
            strikes=[
                strikes.Strike(
                    aim=sweeps.Aim(victim=victim, numbers=(number,)),
                    pid=7,
                    at=at,
                    kept=frozenset(),
                    locked=True,
                )
                for victim, number in killed
            ],
            code=code,
            jobs=1,
        )
        return [(each.kind, each.text) for each in judging.faults(scene)]

    return judged


A, B = record("a"), record("b", label="quick")
BEGUN = {"what": "begins", "pid": 7, "label": "usual", "seed": 0}
WHOLE = lines(A, B)


def test_a_run_that_is_as_undisturbed_has_no_fault(seen: Callable[..., Any]) -> None:
    assert seen(b"", WHOLE) == []
    assert seen(lines(A), WHOLE) == []


def test_a_record_that_is_gone_or_was_told_as_kept_is_lost(seen: Callable[..., Any]) -> None:
    kept = {"what": "kept", "pid": 1, "key": "b", "attempt": 1}

    assert seen(lines(A), lines(B), code=-9) == [
        ("lost", "usual 0, attempt 1: ok (None) was there before"),
        ("lost", "the file was written anew"),
        ("ended wrongly", "exit code -9, not []"),
    ]
    assert seen(b"", lines(A), ("parent", SIGKILL), code=-9, notes=(kept,)) == [
        ("lost", "attempt 1 of b had been kept")
    ]


def test_records_that_are_there_twice_or_in_no_plan_are_doubled(seen: Callable[..., Any]) -> None:
    assert seen(b"", lines(A, A, B)) == [("doubled", "usual has the attempts [1, 1]")]
    assert seen(WHOLE, lines(A, B, record("a", attempt=3))) == [
        ("doubled", "usual has the attempts [1, 3]")
    ]
    assert seen(b"", lines(A, B, record("c")))[0] == ("doubled", "c is not in the plan")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"status": "timeout", "reason": "late"}, "timeout (late)"),
        ({"curves": {"train_loss": [0.5, 0.250001]}}, "ok (None)"),
        (CRASHED, f"crashed ({OF_TRIAL})"),
    ],
)
def test_a_record_that_no_kill_explains_is_mislabelled(
    seen: Callable[..., Any], wrong: Mapping[str, Any], told: str
) -> None:
    code = 3 if wrong.get("reason") else 0

    found = seen(b"", lines(record("a", **wrong), B), ("server", SIGKILL), code=code)

    assert found == [("mislabelled", f"usual 0, attempt 1: {told}, and no kill explains it")]


def test_a_record_of_a_trial_that_did_not_come_to_its_end_cannot_be_ok(
    seen: Callable[..., Any],
) -> None:
    other = record("b", label="long")

    assert ("mislabelled", "long 0, attempt 1: ok (None), but no process came to its end") in seen(
        b"", lines(A, other)
    )


def test_a_kill_explains_the_crash_of_its_own_trial_alone_and_once(
    seen: Callable[..., Any],
) -> None:
    own, other = record("a", **CRASHED), record("b", label="quick", **CRASHED)
    blamed = ("mislabelled", f"quick 0, attempt 1: crashed ({OF_TRIAL}), and no kill explains it")

    assert seen(b"", lines(own, B), ("trial", SIGKILL), code=3, notes=(BEGUN,)) == []
    assert seen(b"", lines(own, other), ("trial", SIGKILL), code=4, notes=(BEGUN,)) == [blamed]
    assert seen(b"", lines(own, other), ("trial", SIGKILL), code=4) == [blamed]  # it was young


def test_a_kill_explains_no_trial_that_started_later(seen: Callable[..., Any]) -> None:
    later = record("a", **CRASHED, started="2026-11-21T10:00:02.000+00:00")

    assert [kind for kind, _ in seen(b"", lines(later, B), ("trial", SIGKILL), code=3)] == [
        "mislabelled"
    ]


def test_a_killed_server_explains_as_many_crashes_as_trials_ran_side_by_side(
    seen: Callable[..., Any],
) -> None:
    gone = {**CRASHED, "reason": OF_SERVER}
    first, second = record("a", **gone), record("b", label="quick", **gone)

    assert seen(b"", lines(first, B), ("server", SIGKILL), code=3) == []
    assert [kind for kind, _ in seen(b"", lines(first, second), ("server", SIGKILL), code=4)] == [
        "mislabelled"
    ]


def test_an_end_that_is_not_promised_is_told(seen: Callable[..., Any]) -> None:
    imports = "bench: the process that starts trials could not start: it ended with signal 9"
    imports += " (SIGKILL)\n"

    assert seen(b"", WHOLE, code=None) == [("ended wrongly", "it did not end")]
    assert seen(b"", WHOLE, code=3) == [("ended wrongly", "exit code 3, not [0]")]
    assert seen(b"", lines(A), ("parent", SIGINT), code=130) == []
    assert seen(b"", lines(A), ("parent", SIGINT), code=-2) == [
        ("ended wrongly", "exit code -2, not [130]")
    ]
    assert seen(b"", lines(A), ("server", SIGKILL), code=2, said=imports) == []
    assert seen(b"", WHOLE, said="Traceback ...\nValueError: why\n") == [
        ("ended wrongly", "a traceback: ValueError: why")
    ]


@pytest.fixture
def sleeping() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A process in a session of its own, known by its command alone, and its mark."""
    mark = f"{os.getpid()}777"
    process = subprocess.Popen(["/bin/sleep", f"600.{mark}"], start_new_session=True, env={})
    yield mark, process
    process.kill()
    process.wait()


def test_a_process_that_is_left_is_told_and_killed(
    sleeping: tuple[str, subprocess.Popen[bytes]],
) -> None:
    mark, process = sleeping

    found = list(benchmarks("kill").left(mark))

    assert [(each.kind, each.text) for each in found] == [
        ("left", f"/bin/sleep 600.{mark} (sleeping)")
    ]
    assert process.wait() == -SIGKILL


def test_a_torn_line_is_no_record_and_a_whole_one_without_its_end_is(tmp_path: Path) -> None:
    journal = benchmarks("strikes").journal
    folder = tmp_path / "results/stress/1"
    folder.mkdir(parents=True)

    (folder / "trials.jsonl").write_bytes(WHOLE + b'{"key": "c"')
    assert journal(tmp_path) == WHOLE
    (folder / "trials.jsonl").write_bytes(WHOLE[:-1])
    assert journal(tmp_path) == WHOLE[:-1]

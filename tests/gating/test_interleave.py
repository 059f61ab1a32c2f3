"""Two environments measured in turns, in real processes; the figures are reported, not measured."""

from __future__ import annotations

import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from reporting import side_folder, suite_file

from harness.errors import BenchError
from harness.gating.interleave import Answered, Question, Turn, interleave, turns
from harness.gating.stand import Stand, interpreter
from harness.records.planned import Case, Trial
from harness.records.record import Record
from harness.records.store import StoredRun, read_run

KINDS = ["steady", "bad", "failing"]


class Told:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.trials: list[str] = []

    def begun(self, total: int, done: int) -> None:
        self.trials.append(f"{total} {done}")

    def started(self, case: Case, trial: Trial) -> None:
        pass

    def ended(self, case: Case, trial: Trial, record: Record) -> None:
        self.trials.append(f"{case.levels['side']} {record.seed} {record.status}")

    def note(self, text: str) -> None:
        self.notes.append(text)


def stands(base: Path | None, head: Path | None, python: str | None = None) -> list[Stand]:
    here = interpreter(python, "--head-env")
    return [
        Stand(role="base", interpreter=interpreter(None, ""), path=base),
        Stand(role="head", interpreter=here, path=head),
    ]


def question(folder: Path, *settings: str, **more: Any) -> Question:
    usual: dict[str, Any] = {
        "suite": "sides",
        "settings": settings,
        "rounds": 5,
        "least_timed_s": 0.0,
        "file": suite_file(folder),
        "plugins": ("reporting",),
        "results": folder / "results",
        "data_root": folder / "data",
    }
    return Question(**{**usual, **more})


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another interpreter, which sees the libraries of this one."""
    folder = tmp_path_factory.mktemp("other") / "env"
    venv.create(folder, with_pip=False)
    [libraries] = (folder / "lib").glob("python*/site-packages")
    here = [each for each in sys.path if each.endswith("site-packages")]
    lines = [f"import site; site.addsitedir({each!r})" for each in here]
    (libraries / "those_of_tests.pth").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, other: Path) -> tuple[Answered, Told]:
    """A head that is slower, hungrier and less accurate in one case, and fails in another."""
    folder = tmp_path_factory.mktemp("planted")
    told = Told()
    base = side_folder(folder / "old", is_head=False)
    head = side_folder(folder / "new", is_head=True, more=", extra: int = 3")
    return interleave(question(folder), stands(base, head, str(other)), told), told


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answered, Told]:
    """A against A."""
    folder = tmp_path_factory.mktemp("alike")
    told = Told()
    base = side_folder(folder / "old", is_head=False)
    asked = question(
        folder, "procedure.kind=steady,bad", plugins=("reporting.py",), least_timed_s=1.5
    )
    return interleave(asked, stands(base, base), told), told


def runs(answered: Answered) -> list[StoredRun]:
    return [read_run(each) for each in answered.folders]


def test_a_head_is_gated_in_all_that_it_does_worse(planted: tuple[Answered, Told]) -> None:
    decision = planted[0].decision

    found = {
        (each.comparison.levels["procedure.kind"], each.comparison.metric)
        for each in decision.gated
        if each.regression
    }
    assert found == {
        ("bad", "train_samples_per_s"),
        ("bad", "host_peak_bytes"),
        ("bad", "test_accuracy"),
    }
    [failure] = decision.failures
    assert (failure.base, failure.head, failure.seeds, failure.regression) == (0, 2, 5, True)
    assert failure.levels == {"procedure.kind": "failing"}
    assert failure.reason.startswith("error: RuntimeError: no luck")
    assert decision.regressions == 4


def test_only_what_fires_gets_fresh_rounds(planted: tuple[Answered, Told]) -> None:
    base, head, fresh_base, fresh_head = runs(planted[0])

    for each in (base, head):
        assert each.run.plan.seeds == (0, 1, 2, 3, 4)
        assert [case.settings["procedure.kind"] for case in each.run.plan.cases] == KINDS
        assert len(each.records) == 15
    for each in (fresh_base, fresh_head):
        assert each.run.plan.seeds == (5, 6, 7, 8, 9)
        assert [case.settings["procedure.kind"] for case in each.run.plan.cases] == ["bad"]
        assert len(each.records) == 5
    assert "1 case is slower in 5 rounds: 5 fresh ones follow" in planted[1].notes


def test_an_option_that_the_head_alone_has_is_at_its_default(
    planted: tuple[Answered, Told],
) -> None:
    base, head, *_ = runs(planted[0])

    assert "procedure.extra" not in base.run.plan.cases[0].settings
    assert head.run.plan.cases[0].settings["procedure.extra"] == 3
    assert planted[0].found.head.only == ()


def test_what_differs_between_the_sides_is_known(planted: tuple[Answered, Told]) -> None:
    environments = planted[0].found.environments

    assert environments.interleaved
    names = [each.name for each in environments.differs]
    assert names == ["interpreter", "path", "source of procedure reported"]


def test_a_against_a_passes_without_fresh_rounds_and_says_what_it_is(
    alike: tuple[Answered, Told],
) -> None:
    answered, told = alike

    assert (answered.decision.regressions, answered.decision.is_blind) == (0, False)
    assert len(answered.folders) == 2
    assert "base and head are one interpreter with one import path: A against A" in told.notes


def test_short_windows_are_raised_and_that_is_said(alike: tuple[Answered, Told]) -> None:
    answered, told = alike

    assert told.notes[-1] == (
        "timed_s is raised from 0 s to 1.50 s: throughput is gated over windows that are long"
        " enough"
    )
    for run in runs(answered):
        assert {each.settings["timed_s"] for each in run.records} == {1.5}


def test_a_file_of_a_plugin_is_looked_for_in_the_folder_of_its_side(
    alike: tuple[Answered, Told],
) -> None:
    for run in runs(alike[0]):
        [plugin] = run.run.plugins
        assert plugin.endswith("/old/reporting.py")


def test_sides_take_turns_in_the_drawn_order(alike: tuple[Answered, Told]) -> None:
    base, head = runs(alike[0])
    order = [(each.case, each.seed) for each in base.run.plan.trials]
    place = {each.key: (each.case, each.seed) for each in base.run.plan.trials}

    kept = [("base", each) for each in base.records] + [("head", each) for each in head.records]
    kept.sort(key=lambda each: each[1].started)

    expected = list(turns(order, 0))
    assert [Turn(role, *place[each.key]) for role, each in kept] == expected  # type: ignore[arg-type]
    assert alike[1].trials == ["20 0", *(f"{each.role} {each.seed} ok" for each in expected)]


def test_the_order_of_sides_is_drawn_for_each_case_and_seed() -> None:
    order = [(case, seed) for seed in range(20) for case in range(3)]
    found = list(turns(order, 0))

    pairs: Sequence[tuple[Turn, Turn]] = list(zip(found[::2], found[1::2], strict=True))
    assert [(each.case, each.seed) for each, _ in pairs] == order
    assert all({one.role, other.role} == {"base", "head"} for one, other in pairs)
    assert 15 < sum(one.role == "base" for one, _ in pairs) < 45
    assert found == list(turns(order, 0))
    assert found != list(turns(order, 1))


def test_both_runs_are_ordinary_ones_that_know_their_gate(alike: tuple[Answered, Told]) -> None:
    base, head = runs(alike[0])

    assert base.run.options["gate"] == head.run.options["gate"]
    assert [each.run.options["side"] for each in (base, head)] == ["base", "head"]
    gates = {each.environment["interleaved"] for run in (base, head) for each in run.records}
    assert gates == {base.run.options["gate"]}
    assert base.folder.parent.name == "sides"
    assert base.notes == ()


def refused(folder: Path, *settings: str, head: Path | None = None, **more: Any) -> str:
    """Ask what cannot be answered."""
    base = side_folder(folder / "old", is_head=False)
    python = more.pop("python", None)
    with pytest.raises(BenchError) as caught:
        interleave(question(folder, *settings, **more), stands(base, head or base, python), Told())
    return str(caught.value)


def test_an_unknown_suite_is_refused_by_the_side_that_was_asked(tmp_path: Path) -> None:
    told = refused(tmp_path, suite="sidse")

    python = interpreter(None, "")
    assert told.startswith(
        f"base ({python}, {tmp_path}/old first on its path): unknown suite 'sidse':"
        " did you mean 'sides'?"
    )


def test_a_plugin_that_one_side_lacks_is_refused_by_that_side(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()

    told = refused(tmp_path, head=tmp_path / "new")

    assert told == (
        f"head ({interpreter(None, '')}, {tmp_path}/new first on its path): plugin reporting:"
        " cannot be imported: ModuleNotFoundError: No module named 'reporting'"
    )


def test_an_interpreter_without_bench_harness_is_refused(bare: Path, tmp_path: Path) -> None:
    told = refused(tmp_path, python=str(bare))

    assert told == (
        f"head ({bare}/bin/python, {tmp_path}/old first on its path) has no bench-harness:"
        " install it there"
    )


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that has nothing in it."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    venv.create(folder, with_pip=False)
    return folder


SPEAKER = """#!{python}
import re, socket, sys
number = int(re.search(r"main\\((\\d+)\\)", sys.argv[-1]).group(1))
line = socket.socket(fileno=number)
line.sendall({said!r})
line.recv(1 << 16)
"""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            b'{"type": "Greeting", "version": 99, "harness": "9.0"}\n',
            " speaks version 99 of what the sides of a gate say to each other, and this"
            " bench-harness version 1: install the same bench-harness in both",
        ),
        (
            b'{"type": "Unheard"}\n',
            " said what cannot be read: Invalid value 'Unheard' - at `$.type`",
        ),
        (b'{"type": "Over"}\n', " said Over out of turn"),
    ],
)
def test_a_side_that_says_something_else_is_refused(tmp_path: Path, said: bytes, told: str) -> None:
    speaker = tmp_path / "speaker"
    speaker.write_text(SPEAKER.format(python=interpreter(None, ""), said=said))
    speaker.chmod(0o755)

    found = refused(tmp_path, python=str(speaker))

    assert found == f"head ({speaker}, {tmp_path}/old first on its path){told}"


def test_a_side_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    speaker = tmp_path / "speaker"
    speaker.write_text("#!/bin/sh\necho first >&2\necho 'no room' >&2\nexit 3\n")
    speaker.chmod(0o755)

    found = refused(tmp_path, python=str(speaker))

    assert found == (
        f"head ({speaker}, {tmp_path}/old first on its path) ended with exit code 3: no room"
    )


@pytest.mark.parametrize("module", [None, "gating.py", "gating/__init__.py"])
def test_a_bench_harness_without_the_gate_is_refused(tmp_path: Path, module: str | None) -> None:
    old = tmp_path / "ancient" / "harness"
    old.mkdir(parents=True)
    (old / "__init__.py").write_text("__version__ = '0.0'\n")
    if module is not None:
        (old / module).parent.mkdir(exist_ok=True)
        (old / module).touch()

    found = refused(tmp_path, head=old.parent)

    assert found == (
        f"head ({interpreter(None, '')}, {old.parent} first on its path) has a bench-harness"
        " without this gate: upgrade it"
    )


def test_an_interpreter_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no program")
    text.chmod(0o755)

    found = refused(tmp_path, python=str(text))

    assert found == (
        f"head ({text}, {tmp_path}/old first on its path) cannot be started: Exec format error"
    )


def test_an_interpreter_that_is_too_old_is_told(tmp_path: Path) -> None:
    old = tmp_path / "python3.8"
    old.write_text(
        "#!/bin/sh\necho 'Unknown option: -P' >&2\n"
        "echo 'usage: python3.8 [option] ... [-c cmd | -m mod | file | -] [arg] ...' >&2\nexit 2\n"
    )
    old.chmod(0o755)

    found = refused(tmp_path, python=str(old))

    assert found == f"head ({old}, {tmp_path}/old first on its path) is older than Python 3.11"

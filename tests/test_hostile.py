"""Hostile names and texts, from plugins, suites and the runs of others; clocks that lie."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bench_builtin
import msgspec
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import made_case, made_plan, made_record, made_run

from harness import session
from harness.cli import main  # noqa: F401  # it adds the commands
from harness.cli.group import bench as commands
from harness.errors import BenchError, LevelError, SettingError
from harness.numbers.metrics import Meaning
from harness.planning.overrides import parse_override
from harness.planning.plan import make_plan
from harness.plugin.definitions import Data, Split
from harness.plugin.registry import registry_of
from harness.records.journal import Journal
from harness.records.planned import Expectation
from harness.records.store import create_run
from harness.running import execute
from harness.running.messages import Ended, Function, Outcome, Request
from harness.suites.draft import draft, suite_of
from harness.suites.settings import level_of
from harness.system.machine import environment
from harness.training.prepare import fingerprint, map_data, write_data
from harness.units import one_line

SUITES = Path(bench_builtin.__file__).with_name("suites.toml")
REGISTRY = registry_of(builtin=bench_builtin)
SUITE = "e\x1b[31m\nvil\u202e|`<b>/../x"
TEXT = "\x1b[2J\n\t\u202e\u2066|`<b>\x00\U000e0041 [bold]"
LONG = "x" * 10_000
RUNNING = {"dataset": "few", "optimizer": "sgd", "epochs": 1, "metrics": ["named"]}

PLUGIN = '''
from harness import Metric, Model, hookimpl

TEXT = {text!r} + "\\ud800"

def net(task, *, text: str = "a"):
    """Build a net.\\x1b[31m

    More \\x1b]0;title\\x07 of it \\u202e.
    """
    from torch import nn
    print(TEXT)
    return nn.Linear(task.features, task.outputs)

def raises(task, *, text: str = "a"):
    print(TEXT, "y" * 10000)
    raise ValueError(TEXT + "z" * 10000)

def named(trained):
    return {{{text!r}: 1.0, "y" * 10000: 2.0}}

@hookimpl
def bench_register_models():
    return [Model("net", net), Model("raises", raises)]

@hookimpl
def bench_register_metrics():
    return [Metric("named", TEXT[:-1], "higher", 0.01, named)]

@hookimpl
def bench_trial_finished(record):
    raise ValueError(TEXT)
'''


def quoted(text: str) -> str:
    """Write a text as TOML has it."""
    escaped = "".join(f"\\U{ord(each):08x}" for each in text)
    return f'"{escaped}"'


@pytest.fixture(scope="session")
def hostile(
    trained: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, tiny: Path
) -> Any:
    """A run whose suite, settings, metrics, prints and errors are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "evil.py").write_text(PLUGIN.format(text=TEXT))
    name = quoted(SUITE)
    levels = [quoted(json.dumps(each)) for each in (TEXT, LONG)]
    (folder / "evil.toml").write_text(
        f"plugins = ['evil.py', '{tiny}']\n[suites.{name}]\nsummary = {quoted(TEXT)}\nseeds = 1\n"
        + "".join(f"base.{each} = {json.dumps(level)}\n" for each, level in RUNNING.items())
        + f"factors.model = ['net', 'raises']\nfactors.'model.text' = [{', '.join(levels)}]\n"
        f"[[suites.{name}.expect]]\nwhere = {{ 'model.text' = {levels[0]} }}\n"
        "metric = 'test_accuracy'\nmin = 2\n"
    )
    return trained("--file", folder / "evil.toml", "--suite", SUITE)


def harmless(text: str, longest: int = 2000) -> bool:
    lines = text.split("\n")
    return all(each.isprintable() for each in lines) and max(map(len, lines)) < longest


def test_a_hostile_run_is_kept_whole_in_files_that_are_valid(hostile: Any) -> None:
    assert hostile.ended.code == 3
    assert sorted(each["status"] for each in hostile.records) == ["error", "error", "ok", "ok"]
    assert hostile.folder.parent.name.isascii()
    assert hostile.folder.parent.parent == hostile.cwd / "results"
    assert hostile.plan["suite"] == SUITE
    assert hostile.plan["summary"] == TEXT
    kept = {each["settings"]["model.text"] for each in hostile.records}
    assert kept == {TEXT, LONG}
    metrics = [each["metrics"] for each in hostile.records if each["status"] == "ok"]
    assert {each[f"named/{TEXT}"] for each in metrics} == {1.0}


def test_a_hostile_run_prints_lines_that_are_escaped_and_cut(hostile: Any) -> None:
    assert harmless(hostile.ended.out)
    assert harmless(hostile.ended.err)
    assert "\\u001b[2J\\n\\t\\u202e\\u2066|`<b>\\u0000\\U000e0041" in hostile.ended.err


def test_errors_and_output_are_escaped_and_cut_in_the_record(hostile: Any) -> None:
    for record in hostile.records:
        assert harmless(record["output"])
        if record["status"] == "error":
            assert record["reason"].isprintable()
            assert (
                "\\u001b[2J\\n\\t\\u202e\\u2066|`<b>\\u0000\\U000e0041 [bold]\\ud800zzz"
                in (record["reason"])
            )
            assert len(record["reason"]) < 500


@pytest.mark.parametrize(
    "given",
    [
        ("show",),
        ("show", SUITE, "--metrics", "named,memory"),
        ("show", "--trials"),
        ("show", "--format", "markdown"),
        ("list", "runs"),
        ("list", "--file", "FILE", "suites"),
        ("describe", "--file", "FILE", "net"),
        ("describe", "--file", "FILE", f"suite:{SUITE}"),
        ("plan", "--file", "FILE", "--suite", SUITE),
        ("plan", "--file", "FILE", "--suite", SUITE, "--trials"),
        ("run", "--file", "FILE", "--suite", SUITE[:-1]),
        ("run", "--file", "FILE", "--suite", SUITE, TEXT.replace("\x00", "")),
        ("show", TEXT.replace("\x00", "") + LONG),
    ],
    ids=lambda given: " ".join(given).encode("unicode_escape").decode()[:50],
)
def test_every_command_prints_a_hostile_run_harmlessly(
    bench: Callable[..., Any], hostile: Any, given: tuple[str, ...]
) -> None:
    file = json.loads((hostile.folder / "run.json").read_text())["command"][2]

    ended = bench(*(file if each == "FILE" else each for each in given), cwd=hostile.cwd)

    assert harmless(ended.out)
    assert harmless(ended.err)
    assert "Traceback" not in ended.err
    assert ended.code == (2 if ended.err else 0)


def test_json_and_csv_of_a_hostile_run_are_whole(bench: Callable[..., Any], hostile: Any) -> None:
    document = bench("show", "--format", "json", cwd=hostile.cwd)
    trials = bench("show", "--format", "json", "--trials", cwd=hostile.cwd)
    table = bench("show", "--format", "csv", "--trials", cwd=hostile.cwd)

    assert document.json["suite"] == SUITE
    assert {each["settings"]["model.text"] for each in document.json["cases"]} == {TEXT, LONG}
    assert {each["levels"]["model.text"] for each in trials.json["trials"]} == {TEXT, LONG}
    assert LONG in table.out
    assert harmless(table.out, 20_000)


def test_the_run_of_another_is_printed_harmlessly(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    place, metric = 0, f"m/{TEXT}"
    expectation = Expectation(text=TEXT + LONG, cases=(place,), metric="test_accuracy", min=2.0)
    case = made_case({"model": TEXT}, place)
    plan = made_plan(case, seeds=(0,), suite=SUITE, expectations=[expectation])
    meaning = Meaning("m", TEXT + LONG, "higher", 0.1, "difference", TEXT)
    made = create_run(
        tmp_path / "results", made_run(plan, meanings={"m": meaning}, environment={TEXT: TEXT})
    )
    record = made_record(plan, place, 0, metrics={"test_accuracy": 0.5, metric: 3.5})
    strange = msgspec.structs.replace(record, key=TEXT, status="error", reason=TEXT + LONG)
    with Journal(made.folder) as journal:
        for each in (record, strange, strange):
            journal.append(each)
    trials = made.folder / "trials.jsonl"
    trials.write_bytes(trials.read_bytes() + b'{"key": "' + b"\x1b[31m" * 9)

    shown = bench("show", "--metrics", "m,test_accuracy")
    resumed = bench("resume")
    by_trial = bench("show", "--trials", "--metrics", "m")

    for ended in (shown, resumed, by_trial):
        assert harmless(ended.out)
        assert harmless(ended.err)
        assert "Traceback" not in ended.err
    assert (shown.code, resumed.code) == (0, 0)
    assert len(shown.err.splitlines()) == 3
    assert "expected, but it fails: \\u001b[2J\\n" in resumed.out


@pytest.mark.parametrize("given", ["\ud800", "a\udcffb", '"\\ud800"', ["x", "\udfff"]])
def test_half_a_character_is_no_level(given: object) -> None:
    with pytest.raises(LevelError, match=r"it is no text that UTF-8 can hold$"):
        level_of(given)


def test_bytes_that_are_no_utf_8_are_refused_in_a_line(
    bench: Callable[..., Any], tmp_path: Path, tiny: Path
) -> None:
    odd = tmp_path / os.fsdecode(b"\xff\n\x1b")
    odd.mkdir()
    (odd / "mine.py").write_text(tiny.read_text())
    given = ("run", "-p", tiny, "model=two_layers", "dataset=few", "optimizer=sgd")

    level = bench(*given[:3], os.fsdecode(b"model=\xff"))
    results = bench(*given, "--results", odd)
    data = bench(*given, "--data-root", odd)
    plugin = bench("plugins", "-p", odd / "mine.py")

    for ended in (level, results, data, plugin):
        assert (ended.code, ended.out) == (2, "")
        assert harmless(ended.err)
        assert len(ended.err.splitlines()) == 1
    assert "\\udcff" in level.err
    shown = f"{tmp_path}/\\udcff\\n\\u001b"
    no_utf_8 = "has a name that is no UTF-8"
    assert results.err == (f"bench: {shown} {no_utf_8}: give another folder: --results DIR\n")
    assert data.err == f"bench: {shown} {no_utf_8}: give another folder: --data-root DIR\n"
    assert plugin.err == (f"bench: {shown}/mine.py {no_utf_8}: rename the folder, or the file\n")
    assert list(odd.iterdir()) == [odd / "mine.py"]


def test_a_results_folder_of_a_hostile_name_is_used_and_printed_escaped(
    bench: Callable[..., Any], tmp_path: Path, smoke: Any
) -> None:
    odd = tmp_path / "\x1b[31m\n\u202ex"
    smoke.folder.parent.parent.rename(odd)
    try:
        shown, listed = bench("resume", "--results", odd), bench("list", "runs", "--results", odd)
    finally:
        odd.rename(smoke.folder.parent.parent)

    assert (shown.code, listed.code) == (0, 0)
    assert harmless(shown.out)
    assert harmless(listed.out)
    assert "\\u001b[31m\\n\\u202ex/smoke/" in shown.out


LYING = """
import time
from itertools import count

back = count(2e9, -3600.0)
time.time = lambda: next(back)

from harness import hookimpl, Model

def net(task):
    from torch import nn
    return nn.Linear(task.features, task.outputs)

@hookimpl
def bench_register_models():
    return [Model("net", net)]
"""


def test_a_clock_that_jumps_back_changes_no_duration(
    trained: Callable[..., Any], tmp_path: Path, tiny: Path
) -> None:
    (tmp_path / "lying.py").write_text(LYING)

    run = trained(
        "-p", tiny, "-p", tmp_path / "lying.py", "model=net", "dataset=few", "dataset.rows=4096",
        "optimizer=sgd", "epochs=2", "--seeds", "1",
    )  # fmt: skip

    [record] = run.records
    durations = {
        name: value
        for name, value in record["metrics"].items()
        if name.endswith(("_s", "_per_s")) and value is not None
    }
    assert run.ended.code == 0
    assert {"wall_s", "train_samples_per_s", "step_p50_s"} <= durations.keys()
    assert all(value > 0 for value in durations.values())
    assert 0 < record["metrics"]["wall_s"] < 60


def without_proc(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a command where no /proc is mounted."""
    script = 'mount -t tmpfs none /proc && exec "$@"'
    line = ["unshare", "--mount", "sh", "-c", script, "sh", *map(str, command)]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=100)


def test_without_proc_figures_are_absent_with_a_reason_and_a_server_is_refused(
    tmp_path: Path, tiny: Path, reading: Callable[[Path], list[dict[str, Any]]]
) -> None:
    if sys.platform != "linux" or without_proc("true").returncode:
        pytest.skip("mounting is not permitted here")
    bench = Path(sys.executable).with_name("bench")
    given = ("-p", tiny, "model=two_layers", "dataset=few", "optimizer=sgd", "--seeds", "1")

    planned = without_proc(bench, "plan", *given)
    refused = without_proc(bench, "run", *given, "--results", tmp_path / "refused")
    alone = without_proc(bench, "run", *given, "--results", tmp_path / "alone", "--in-process")

    assert (planned.returncode, planned.stderr) == (0, "")
    assert refused.returncode == 2
    assert refused.stderr.startswith("bench: no processes can be seen here (")
    assert refused.stderr.endswith("): mount /proc, or train with --in-process\n")
    assert len(refused.stderr.splitlines()) == 1
    assert alone.returncode == 0, alone.stderr
    [folder] = tmp_path.glob("alone/*/*/")
    [record] = reading(folder)
    assert record["metrics"]["host_peak_bytes"] is None
    assert "/proc/self/clear_refs" in record["missing"]["host_peak_bytes"]
    assert record["environment"]["memory_bytes"] is None
    assert record["environment"]["cores"] >= 1
    assert record["environment"]["cpu"]


HOSTILE: list[Any] = [
    None, True, 0, -1, 2**70, -(2**63), 1e308, 1e-320, "", "nan", "none", "[", "sgd[", "{a=b}",
    "1:999999999", TEXT, LONG, [], {}, [[]], [None], {"": None}, {"a": [{}]}, ["test_accuracy"],
    "diverged", 10**9, 10**400, [[[[[[[["deep"]]]]]]]], "mlp[hidden=[8]]", "as_built", "full",
]  # fmt: skip
"""Values for the place of any other."""


def places(document: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List all places in a document, by keys and indices."""
    if place:
        yield place
    if isinstance(document, dict):
        for key, value in document.items():
            yield from places(value, (*place, key))
    if isinstance(document, list):
        for index, value in enumerate(document):
            yield from places(value, (*place, index))


def changed(document: Any, data: st.DataObject) -> Any:
    """Take something out of a document, or put something else there."""
    document = json.loads(json.dumps(document))
    *outer, last = data.draw(st.sampled_from(list(places(document))))
    table = document
    for key in outer:
        table = table[key]
    if isinstance(table, dict) and data.draw(st.booleans()):
        del table[last]
    else:
        table[last] = data.draw(st.sampled_from(HOSTILE))
    return document


def flipped(content: bytes, data: st.DataObject) -> bytes:
    found = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        found[data.draw(st.integers(0, len(found) - 1))] = data.draw(st.integers(0, 255))
    return bytes(found)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four cases that waits for its last two trials."""
    given = ["init=as_built,xavier_uniform", "activation=relu,sigmoid", "epochs=1"]
    loaded = session.load_all(session.Places())
    asked = session.Asked(suite="init", overrides=[parse_override(each) for each in given], seeds=3)
    plan = session.plan_asked(asked, loaded)
    run = made_run(
        plan,
        environment=environment(),
        sources=session.plan_sources(loaded.registry, plan),
        options={"jobs": 1, "in_process": False, "data_root": "/nowhere"},
        meanings={"m": Meaning("m", "1", "higher", 0.1, "difference", "mine")},
    )
    made = create_run(tmp_path_factory.mktemp("good"), run)
    with Journal(made.folder) as journal:
        for trial in plan.trials[:-2]:
            found = {"test_accuracy": 0.5 + trial.seed / 100, "wall_s": 1.0, "m/layer": 2}
            record = made_record(
                plan,
                trial.case,
                trial.seed,
                metrics=found,
                missing={"mse": "no regression"},
                curves={"test_accuracy": [0.5]},
                environment={"torch": "2.15.0"},
                data="0123",
            )
            journal.append(record)
    return made.folder


def damaged(good: Path, folder: Path, data: st.DataObject) -> Path:
    """Write the run again, with something wrong in it."""
    run, trials = (good / "run.json").read_bytes(), (good / "trials.jsonl").read_bytes()
    way = data.draw(st.sampled_from(["flip run", "flip trials", "change run", "change trials"]))
    if way == "flip run":
        run = flipped(run, data)
    elif way == "flip trials":
        trials = flipped(trials, data)
    elif way == "change run":
        document = json.loads(run)
        for _ in range(data.draw(st.integers(1, 3))):
            document = changed(document, data)
        run = json.dumps(document).encode()
    else:
        lines = trials.splitlines()
        place = data.draw(st.integers(0, len(lines) - 1))
        lines[place] = json.dumps(changed(json.loads(lines[place]), data)).encode()
        trials = b"\n".join(lines) + b"\n"
    place = folder / "suite" / good.name
    shutil.rmtree(folder, ignore_errors=True)
    place.mkdir(parents=True)
    (place / "run.json").write_bytes(run)
    (place / "trials.jsonl").write_bytes(trials)
    return place


def told(*arguments: object) -> str:
    """Run a command in this process; what it prints, or the sentence that refuses it."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            commands.main([str(each) for each in arguments], standalone_mode=False)
        except BenchError as error:
            return one_line(str(error), 1000)
    return out.getvalue() + err.getvalue()


READERS = (
    ("show", "RUN"),
    ("show", "RUN", "--metrics", "test_accuracy,m,memory", "--format", "markdown"),
    ("show", "RUN", "--trials"),
    ("list", "runs", "--results", "FOLDER"),
    ("compare", "RUN", "GOOD"),
    ("compare", "GOOD", "RUN"),
    ("merge", "RUN", "GOOD", "--results", "MERGED"),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_run_with_anything_wrong_in_it_is_read_or_refused_in_a_sentence(
    tmp_path: Path, good: Path, data: st.DataObject
) -> None:
    folder = tmp_path / "results"
    words = {
        "RUN": damaged(good, folder, data),
        "GOOD": good,
        "FOLDER": folder,
        "MERGED": tmp_path / "merged",
    }

    for reader in READERS:
        assert harmless(told(*(words.get(each, each) for each in reader)))
    told("show", words["RUN"], "--format", "json")
    told("show", words["RUN"], "--format", "json", "--trials")


class Agreeable:
    """A runner that does nothing, and says that it went well."""

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def submit(self, request: Request) -> None:
        self.request = request

    def wait(self) -> Ended:
        outcome = Outcome(status="ok", data="0123")
        return Ended(
            number=self.request.number,
            ending="exit code 0",
            timed_out=False,
            wall_s=1.0,
            outcome=outcome,
            output="",
        )

    def has_begun(self, number: int) -> bool:
        return True

    def pids(self) -> tuple[int, ...]:
        return ()


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_run_with_anything_wrong_in_it_is_resumed_or_refused_in_a_sentence(
    tmp_path: Path, good: Path, data: st.DataObject
) -> None:
    run = damaged(good, tmp_path / "results", data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "open_runner", lambda *_, **__: Agreeable())
        assert harmless(told("resume", run, "--force"))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_suite_with_anything_wrong_in_it_is_planned_or_refused_in_a_sentence(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "suites.toml"
    written = SUITES.read_bytes()
    name = data.draw(st.sampled_from(sorted(tomllib.loads(written.decode())["suites"])))

    if data.draw(st.booleans()):
        path.write_bytes(flipped(written, data))
        assert harmless(told("plan", "--file", path, "--suite", name))
    else:
        body = changed(tomllib.loads(written.decode())["suites"][name], data)
        with contextlib.suppress(BenchError):
            make_plan(draft(suite_of(name, body, "theirs")), REGISTRY)


@pytest.mark.parametrize(
    ("written", "told_so"),
    [
        ("plugins = " + "[" * 100_000, "cannot be read: it is nested too deep"),
        ("suites.a.seeds = " + "9" * 5000, "is no TOML: Exceeds the limit (4300 digits)"),
        (
            "[suites.a]\nbase.model = " + "[" * 300 + "]" * 300,
            "base: model: a level is nested deeper than 32",
        ),
    ],
)
def test_a_file_of_suites_without_an_end_is_refused(
    tmp_path: Path, written: str, told_so: str
) -> None:
    (tmp_path / "deep.toml").write_text(written)

    assert told_so in told("plan", "--file", tmp_path / "deep.toml", "--suite", "a")


def test_levels_in_a_run_that_go_on_for_ever_are_refused(good: Path, tmp_path: Path) -> None:
    deep = "[" * 300 + "]" * 300
    run = json.loads((good / "run.json").read_text())
    run["plan"]["cases"][1]["levels"]["init"] = json.loads(deep)
    (tmp_path / "run.json").write_text(json.dumps(run))

    assert told("show", tmp_path) == (
        f"{tmp_path / 'run.json'} cannot be read: settings of case 1: init is nested deeper than 32"
    )


SPY = "from pathlib import Path\nPath({place!r}).write_text('it ran')\n"


def test_no_command_that_reads_runs_the_plugins_that_a_run_names(
    good: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "spy.py").write_text(SPY.format(place=str(ran)))
    theirs = tmp_path / "theirs" / good.name
    shutil.copytree(good, theirs)
    run = json.loads((good / "run.json").read_text())
    run["plugins"] = [str(tmp_path / "spy.py"), "this"]
    for case in run["plan"]["cases"]:
        del case["settings"]["optimizer.nesterov"]
    (theirs / "run.json").write_text(json.dumps(run))

    for reader in READERS:
        words = {"RUN": theirs, "GOOD": good, "FOLDER": theirs.parent, "MERGED": tmp_path / "m"}
        told(*(words.get(each, each) for each in reader))
    assert not ran.exists()
    assert "this" not in sys.modules

    assert "implements no hook" in told("resume", theirs)  # which is asked to run them
    assert ran.exists()


DATA = Data(
    Split((torch.arange(80.0).reshape(20, 4),), torch.arange(20) % 3),
    test=Split((torch.ones(8, 4), torch.arange(8)), torch.arange(8) % 3),
    truth={"weight": torch.ones(3)},
)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of torch, about the numbers in its header
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_prepared_data_with_anything_wrong_in_it_is_mapped_or_refused_in_a_sentence(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "data.pt"
    write_data(DATA, path)
    content = path.read_bytes()
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(content) - 1)))
    path.unlink()  # what is mapped of the last example stays as it is
    path.write_bytes(flipped(content, data) if cut is None else content[:cut])

    with contextlib.suppress(SettingError):
        assert fingerprint(map_data(path))


class Evil:
    """An object that runs a command where a pickle of it is read."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.place}",)


@pytest.mark.parametrize("place", ["truth", "train"])
def test_prepared_data_runs_no_code(tmp_path: Path, place: str) -> None:
    path, ran = tmp_path / "data.pt", tmp_path / "ran"
    write_data(DATA, path)
    content = torch.load(path, weights_only=True)
    torch.save({**content, place: Evil(ran)}, path)

    with pytest.raises(SettingError) as caught:
        map_data(path)
    assert str(caught.value).startswith(f"{path} is damaged: UnpicklingError: Weights only load")
    assert str(caught.value).isprintable()
    assert not ran.exists()


def test_prepared_data_names_no_function(tmp_path: Path) -> None:
    split = Split(DATA.train.inputs, DATA.train.targets, collate)
    path = tmp_path / "data.pt"

    named = write_data(Data(split), path)

    assert named == {"train.collate": Function(f"{__name__}:collate")}
    assert b"collate" not in path.read_bytes()
    assert map_data(path).train.collate is None
    assert map_data(path, named).train.collate is collate


def collate(inputs: Any, targets: Any) -> Any:
    return inputs, targets

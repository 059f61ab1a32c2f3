"""The command line: what it loads, prints and where; how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from harness.numbers.metrics import MEANINGS

TRAINS_NOT = (
    ("show",),
    ("show", "--format", "json"),
    ("show", "--format", "json", "--trials"),
    ("show", "--format", "markdown"),
    ("show", "--format", "csv", "--trials"),
    ("list", "runs"),
    ("list",),
    ("list", "models"),
    ("describe", "mlp"),
    ("describe", "init", "--format", "json"),
    ("plugins",),
    ("plan", "--suite", "init"),
    ("plan", "--suite", "device", "--format", "json"),
    ("data", "list"),
    ("data", "fetch", "digits"),
    ("resume",),
    ("--help",),
    ("run", "--help"),
    ("--version",),
)


@pytest.mark.parametrize("given", TRAINS_NOT, ids=" ".join)
def test_a_command_that_does_not_train_imports_no_torch(
    bench: Callable[..., Any], smoke: Any, given: tuple[str, ...]
) -> None:
    ended = bench(*given, cwd=smoke.cwd)

    assert ended.torch is False
    assert ended.code == 0
    assert ended.out


def test_the_data_root_of_a_list_may_stand_before_the_commands(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "diabetes.csv").write_text("1")

    ended = bench("--data-root", tmp_path, "data", "list", "--format", "json")

    found = {each["name"]: each for each in ended.json["datasets"]}
    assert (ended.json["schema"], ended.json["data_root"]) == (1, str(tmp_path))
    assert found["diabetes"] == {
        "name": "diabetes",
        "plugin": "builtin",
        "state": "here",
        "files": [f"{tmp_path}/diabetes.csv"],
        "size_bytes": 1,
        "reason": None,
    }
    assert (found["digits"]["state"], found["mnist"]["state"]) == ("unneeded", "absent")


def test_a_run_imports_no_torch_in_its_own_process(smoke: Any) -> None:
    assert smoke.ended.torch is False
    assert smoke.ended.code == 0


@pytest.mark.parametrize("given", [("--help",), ("-h",), ("run", "--help"), ("--version",), ()])
def test_help_and_version_load_no_plugins(
    bench: Callable[..., Any], tmp_path: Path, given: tuple[str, ...]
) -> None:
    info = tmp_path / "site" / "bench_spy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-spy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench]\nspy = bench_spy\n")
    (tmp_path / "site" / "bench_spy.py").write_text("open('loaded', 'w').close()\n")
    env = {"PYTHONPATH": str(tmp_path / "site")}

    ended = bench(*given, env=env)

    assert (ended.code, ended.err) == (0, "")
    assert not (tmp_path / "loaded").exists()
    bench("plugins", env=env)
    assert (tmp_path / "loaded").exists()


def test_the_version_names_the_distribution(bench: Callable[..., Any]) -> None:
    assert re.fullmatch(r"bench-harness \d+\.\d+\.\d+\S*\n", bench("--version").out)


def test_shared_options_stand_before_or_after_the_subcommand(
    bench: Callable[..., Any], smoke: Any, tiny: Path
) -> None:
    results = smoke.cwd / "results"

    assert bench("--results", results, "show").out == bench("show", "--results", results).out != ""
    before = bench("-p", tiny, "--data-root", "data", "list", "models")
    after = bench("list", "models", "-p", tiny, "--data-root", "data")
    assert before.out == after.out
    assert "two_layers" in before.out
    both = bench("-p", tiny, "list", "models", "-p", "no:builtin")
    assert "two_layers" in both.out
    assert "lenet" not in both.out


def test_the_results_folder_can_stand_in_the_environment(
    bench: Callable[..., Any], smoke: Any, tmp_path: Path
) -> None:
    env = {"BENCH_RESULTS": str(smoke.cwd / "results")}

    assert bench("show", env=env).out == bench("show", cwd=smoke.cwd).out
    assert bench("show", "--results", tmp_path, env=env).code == 2


def test_dashes_and_underscores_are_equal_in_names(bench: Callable[..., Any]) -> None:
    plans = [
        bench("plan", "--suite", suite, f"{option}=0,0.1", "--format", "json").out
        for suite, option in (
            ("weight-decay", "weight-decay"),
            ("weight_decay", "optimizer.weight_decay"),
        )
    ]

    assert plans[0] == plans[1] != ""


def test_files_of_plugins_are_relative_to_the_file_that_names_them(
    bench: Callable[..., Any], tmp_path: Path, tiny: Path
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mine.py").write_text(tiny.read_text())
    (tmp_path / "sub" / "bench.toml").write_text(
        "plugins = ['mine.py']\n[suites.own]\nbase = { model = 'linear', optimizer = 'sgd' }\n"
    )

    here = bench("plan", "--suite", "own", cwd=tmp_path / "sub")
    there = bench("list", "--file", "sub/bench.toml", "models")

    assert here.out.startswith("own\n5 trials: 1 case x 5 seeds (0 to 4)\n")
    assert "two_layers" in there.out


def shown(bench: Callable[..., Any], smoke: Any, *given: str) -> Any:
    return bench("show", *given, cwd=smoke.cwd)


def test_the_json_of_a_run_keeps_its_contract(bench: Callable[..., Any], smoke: Any) -> None:
    found = shown(bench, smoke, "--format", "json").json

    assert found["schema"] == 1
    assert found["suite"] == "smoke"
    assert found["run"] == smoke.folder.name
    assert found["environment"]["torch"]
    assert [each["levels"] for each in found["cases"]] == [
        {"model": "linear"},
        {"model": "mlp[hidden=[32]]"},
    ]
    mlp = found["cases"][1]
    assert mlp["settings"]["model"] == "mlp"
    assert mlp["settings"]["model.hidden"] == [32]
    assert mlp["settings"]["model.activation"] == "relu"
    assert mlp["settings"]["timeout_s"] == 600
    assert mlp["planned"] == 2
    assert mlp["statuses"] == {"ok": 2}
    accuracy = mlp["metrics"]["test_accuracy"]
    assert (accuracy["unit"], accuracy["direction"], accuracy["n"]) == ("1", "higher", 2)
    assert accuracy["mean"] == pytest.approx(sum(accuracy["values"].values()) / 2)
    assert accuracy["ci95"][0] < accuracy["mean"] < accuracy["ci95"][1]
    assert accuracy["std"] > 0
    assert accuracy["values"].keys() == {"0", "1"}
    assert mlp["metrics"].keys() >= MEANINGS.keys()
    for metric in mlp["metrics"].values():
        assert metric["unit"]
        assert metric["direction"] in {"higher", "lower"}
        assert metric["values"].keys() == {"0", "1"}
        assert metric["n"] == sum(each is not None for each in metric["values"].values())


def test_the_json_of_a_run_compares_each_case_with_its_baseline(
    bench: Callable[..., Any], smoke: Any
) -> None:
    found = shown(bench, smoke, "--format", "json").json
    [compared] = [each for each in found["comparisons"] if each["metric"] == "test_accuracy"]
    means = [each["metrics"]["test_accuracy"]["mean"] for each in found["cases"]]

    assert compared["levels"] == {"model": "mlp[hidden=[32]]"}
    assert compared["baseline"] == {"model": "linear"}
    assert compared["difference"] == pytest.approx(means[1] - means[0])
    assert compared["ci95"][0] <= compared["difference"] <= compared["ci95"][1]
    assert compared["verdict"] is compared["p_adjusted"] is compared["seeds_needed"] is None
    assert compared["note"] == "2 pairs: a word needs 3"
    assert found["expectations"] == [
        {"text": "test_accuracy of every case is at least 0.7", "outcome": "holds"}
    ]


def test_the_json_of_trials_keeps_its_contract(bench: Callable[..., Any], smoke: Any) -> None:
    found = shown(bench, smoke, "--format", "json", "--trials").json

    assert found["schema"] == 1
    assert len(found["trials"]) == 4
    fields = (
        "settings levels seed fold attempt status reason metrics missing curves sources environment"
    )
    for trial in found["trials"]:
        assert trial.keys() >= set(fields.split())
        assert (trial["status"], trial["reason"], trial["attempt"]) == ("ok", None, 1)
        assert len(trial["curves"]["test_accuracy"]) == 2
        assert trial["curves"]["test_accuracy"][-1] == trial["metrics"]["test_accuracy"]


def test_the_table_of_a_run_is_what_the_run_printed(bench: Callable[..., Any], smoke: Any) -> None:
    header, table = shown(bench, smoke).out.split("\n\n", 1)

    assert smoke.ended.out.startswith(table)
    assert smoke.ended.out.endswith(f"kept in results/smoke/{smoke.folder.name}\n")
    run, machine, *crowd, shared = header.splitlines()
    assert all(each.startswith("crowded: ") for each in crowd)  # as the machine is
    assert run == f"smoke {smoke.folder.name}: bench run --suite smoke"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC; .+, \d+ cores?, torch .+", machine)
    assert shared == "all cases: dataset=digits optimizer=sgd[lr=0.1,momentum=0.9] epochs=2"
    cases, title, versus, _ = table.split("\n\n")
    assert title == "against model=linear; paired by seed, n = 2"
    assert [each.count("[") for each in versus.splitlines()] == [0, 0, 4]
    lines = cases.splitlines()
    assert len(lines) == 4
    assert re.split(r"  +", lines[0]) == [
        "model", "test_accuracy", "train_samples_per_s", "memory", "status",
    ]  # fmt: skip
    assert lines[3].startswith("mlp[hidden=[32]]")
    assert lines[3].endswith("ok 2")


def test_progress_is_a_line_a_trial_where_no_terminal_watches(smoke: Any) -> None:
    lines = smoke.ended.err.splitlines()

    assert [each.partition("]")[0] for each in lines] == ["[1/4", "[2/4", "[3/4", "[4/4"]
    assert all(": ok, test_accuracy 0." in each for each in lines)


def test_markdown_and_csv_have_the_same_rows(bench: Callable[..., Any], smoke: Any) -> None:
    _, cases, _, versus, notes = shown(bench, smoke, "--format", "markdown").out.split("\n\n")
    markdown = cases.splitlines()
    rows = list(csv.reader(io.StringIO(shown(bench, smoke, "--format", "csv").out)))
    trials = list(
        csv.DictReader(io.StringIO(shown(bench, smoke, "--format", "csv", "--trials").out))
    )

    assert len(markdown) == 4
    for each in (*markdown, *versus.splitlines()):
        assert each.startswith("|")
        assert each.endswith("|")
    assert all(each.startswith("- ") for each in notes.splitlines())
    assert len(rows) == 3
    assert len({len(each) for each in rows}) == 1
    assert [each["status"] for each in trials] == ["ok"] * 4


def test_metrics_choose_the_columns(bench: Callable[..., Any], smoke: Any) -> None:
    _, table = shown(bench, smoke, "--metrics", "train-loss,parameters").out.split("\n\n", 1)
    head = table.splitlines()[0]

    assert re.split(r"  +", head) == ["model", "train_loss", "parameters", "status"]


def test_runs_are_listed(bench: Callable[..., Any], smoke: Any) -> None:
    table = bench("list", "runs", cwd=smoke.cwd).out
    [row] = bench("list", "runs", "--format", "json", cwd=smoke.cwd).json["runs"]

    assert table.splitlines()[-1].split()[:2] == ["smoke", smoke.folder.name]
    assert "4 of 4: ok 4" in table
    assert row["statuses"] == {"ok": 4}


def test_a_plan_expects_the_time_that_earlier_records_took(
    bench: Callable[..., Any], smoke: Any, tmp_path: Path
) -> None:
    before = bench("plan", "--suite", "smoke").out
    after = bench("plan", "--suite", "smoke", cwd=smoke.cwd).out
    third = before.splitlines()[2]

    assert third == "expected time: unknown, there are no earlier records of these cases"
    assert re.search(r"^expected time: about \d.*, as earlier records say$", after, re.M)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_tells_its_size_and_what_will_be_skipped(bench: Callable[..., Any]) -> None:
    text = bench("plan", "--suite", "device").out
    found = bench("plan", "--suite", "device", "--format", "json").json

    assert "10 trials: 2 cases x 5 seeds (0 to 4)" in text
    assert "1 of 2 cases expected to be skipped: CUDA_VISIBLE_DEVICES='' hides every GPU" in text
    assert len(found["trials"]) == 10
    assert [each["expected"] for each in found["cases"]] == [None, "skipped"]


def test_a_plan_lists_its_trials_seed_by_seed(bench: Callable[..., Any]) -> None:
    lines = bench("plan", "--suite", "smoke", "--trials").out.splitlines()

    assert [each.split()[-1] for each in lines[-4:]] == ["0", "0", "1", "1"]


def test_a_definition_is_described_with_options_types_and_defaults(
    bench: Callable[..., Any],
) -> None:
    text = bench("describe", "mlp").out
    schema = bench("describe", "mlp", "--format", "json").json

    assert "dropout" in text
    assert "float, from 0, below 1" in text
    assert "(256)" in text or "[256]" in text
    assert "dropout" in json.dumps(schema)


def test_plugins_are_listed_with_package_and_version(bench: Callable[..., Any]) -> None:
    [plugin] = bench("plugins", "--format", "json").json["plugins"]

    assert (plugin["name"], plugin["package"], plugin["error"]) == (
        "builtin",
        "bench-harness",
        None,
    )
    assert plugin["version"]


@pytest.mark.parametrize(
    "given", [("show",), ("show", "--format", "json"), ("--help",), ("plan", "--suite", "init")]
)
def test_a_reader_that_has_gone_is_no_error(
    start: Callable[..., Any], smoke: Any, given: tuple[str, ...]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        ended = start(*given, cwd=smoke.cwd, stdout=pipe).end()

    assert (ended.code, ended.err) == (0, "")


def test_a_run_whose_readers_have_gone_is_finished_all_the_same(
    start: Callable[..., Any], tmp_path: Path, tiny: Path, only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:  # fmt: skip
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        started = start(
            "run", "-p", tiny, "model=two_layers", "dataset=few", "optimizer=sgd", "--seeds", "2",
            stdout=pipe, stderr=pipe,
        )  # fmt: skip
        ended = started.end()

    assert ended.code == 0
    assert len(reading(only_run(tmp_path))) == 2


def test_closed_streams_are_no_error(start: Callable[..., Any], smoke: Any) -> None:
    ended = start("show", cwd=smoke.cwd, stdout=None, preexec_fn=_close_all).end()

    assert (ended.code, ended.err) == (0, "")


def _close_all() -> None:
    os.close(0)
    os.close(1)


def test_a_file_gets_the_table_as_it_is(
    start: Callable[..., Any], bench: Callable[..., Any], smoke: Any, tmp_path: Path
) -> None:
    with (tmp_path / "table").open("w") as file:
        start("show", cwd=smoke.cwd, stdout=file).end()

    assert (tmp_path / "table").read_text() == shown(bench, smoke).out


def test_a_narrow_terminal_is_kept_to(bench: Callable[..., Any], smoke: Any) -> None:
    for command in (("show",), ("show", "--trials"), ("list",), ("plan", "--suite", "init")):
        out = bench(*command, cwd=smoke.cwd, env={"COLUMNS": "60"}).out

        assert out
        assert max(map(len, out.splitlines()[3:])) <= 60, command


def test_no_escape_sequence_is_printed_without_a_terminal(
    bench: Callable[..., Any], smoke: Any
) -> None:
    for env in ({"NO_COLOR": "1"}, {}):
        assert "\x1b" not in bench("show", cwd=smoke.cwd, env=env).out
    assert "\x1b" not in smoke.ended.out + smoke.ended.err


def test_an_encoding_without_the_signs_of_a_table_is_no_error(
    bench: Callable[..., Any], smoke: Any
) -> None:
    ended = bench("show", cwd=smoke.cwd, env={"PYTHONIOENCODING": "ascii"})

    assert (ended.code, ended.err) == (0, "")
    assert "0.9" in ended.out


def test_a_terminal_sees_the_table_fill_and_then_nothing_of_it(
    start: Callable[..., Any], tmp_path: Path, tiny: Path
) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    started = start(
        "run", "-p", tiny, "model=slow[build_s=0.1]", "dataset=few", "optimizer=sgd",
        "--seeds", "2", stderr=theirs, env={"COLUMNS": "60", "NO_COLOR": "1"},
    )  # fmt: skip
    os.close(theirs)
    ended = started.end()
    seen = os.read(ours, 1 << 16).decode()
    os.close(ours)

    assert (ended.code, ended.torch) == (0, False)
    assert "[0/2]" in seen
    assert "running 1" in seen
    assert "seed 0" in seen
    assert "\x1b[3" not in seen
    assert seen.endswith("\x1b[2K")
    frames = re.split(r"\x1b\[[?0-9;]*[A-Za-z]|\r\n?", seen)
    assert max(map(len, frames)) <= 60


def test_both_commands_are_one() -> None:
    [bench, other] = entry_points(group="console_scripts", value="harness.cli:main")

    assert {bench.name, other.name} == {"bench", "bench-harness"}


@pytest.fixture(scope="session")
def more(trained: Callable[..., Any]) -> Any:
    """The suite `smoke` with another seed."""
    return trained("--suite", "smoke", "--seeds", "2:3")


def test_runs_of_other_seeds_are_merged_into_one_that_has_them_all(
    bench: Callable[..., Any], smoke: Any, more: Any, tmp_path: Path, only_run: Callable[..., Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:  # fmt: skip
    ended = bench("merge", smoke.folder, more.folder)

    folder = only_run(tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.torch is False
    assert ended.out.count("ok 3") == 2
    assert ended.out.endswith(f"kept in results/smoke/{folder.name}\n")
    assert reading(folder) == smoke.records + more.records
    [row] = bench("list", "runs", "--format", "json").json["runs"]
    assert (row["planned"], row["statuses"]) == (6, {"ok": 6})
    document = bench("show", "--format", "json").json
    values = document["cases"][0]["metrics"]["test_accuracy"]["values"]
    assert values.keys() == {"0", "1", "2"}
    assert None not in values.values()
    assert bench("resume").code == 0
    assert len(reading(folder)) == 6


def test_a_run_merged_with_itself_and_merged_twice_has_every_trial_once(
    bench: Callable[..., Any], smoke: Any, more: Any, tmp_path: Path,
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:  # fmt: skip
    first = bench("merge", smoke.folder, smoke.folder, more.folder, "--results", "first")
    [folder] = (tmp_path / "first").glob("*/*")
    again = bench("merge", folder, more.folder, smoke.folder, "--results", "again")
    [twice] = (tmp_path / "again").glob("*/*")

    assert (first.code, again.code) == (0, 0)
    assert reading(folder) == smoke.records + more.records
    assert reading(twice) == reading(folder)


def test_a_merge_that_contradicts_makes_no_run(
    bench: Callable[..., Any], smoke: Any, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(smoke.folder, other)
    lines = (other / "trials.jsonl").read_text().splitlines(keepends=True)
    record = json.loads(lines[1])
    record["metrics"]["test_accuracy"] = 0.125
    (other / "trials.jsonl").write_text("".join([lines[0], json.dumps(record) + "\n", *lines[2:]]))

    ended = bench("merge", smoke.folder, other)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"bench: {other} contradicts a run before it: trial {record['key']} (seed {record['seed']},"
        " attempt 1) was recorded in the same environment with other content\n"
    )
    assert not (tmp_path / "results").exists()


def test_a_merge_with_another_machine_counts_its_trials_as_later_attempts(
    bench: Callable[..., Any], smoke: Any, tmp_path: Path, only_run: Callable[..., Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:  # fmt: skip
    other = tmp_path / "other"
    shutil.copytree(smoke.folder, other)
    moved = []
    for record in smoke.records:
        record["environment"]["host"] = "elsewhere"
        record["metrics"]["test_accuracy"] = 0.125
        moved.append(json.dumps(record) + "\n")
    (other / "trials.jsonl").write_text("".join(moved))

    ended = bench("merge", smoke.folder, other)

    assert ended.code == 0
    found = reading(only_run(tmp_path))
    assert [each["attempt"] for each in found] == [1] * 4 + [2] * 4
    shown = bench("show", "--format", "json").json
    assert {each["metrics"]["test_accuracy"]["mean"] for each in shown["cases"]} == {0.125}


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("smoke",), "bench: merge: merge needs two runs or more, and was given 'smoke' alone\n"),
        (("smoke", "smokes"), "bench: unknown run 'smokes': did you mean 'smoke'?"),
        ((), "bench: merge: missing argument 'RUN RUN...'.\n"),
    ],
)
def test_a_merge_of_less_than_two_runs_is_refused(
    bench: Callable[..., Any], smoke: Any, names: tuple[str, ...], told: str
) -> None:
    ended = bench("merge", *names, cwd=smoke.cwd)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(told)
    assert len(list(smoke.cwd.glob("results/*/*"))) == 1


def test_a_merge_reads_what_is_whole_of_a_damaged_run_and_says_what_is_not(
    bench: Callable[..., Any], smoke: Any, more: Any, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(more.folder, other)
    with (other / "trials.jsonl").open("ab") as file:
        file.write(b"garbage\n")

    ended = bench("merge", smoke.folder, other)

    assert ended.code == 0
    assert ended.err == (
        f"note: {other}/trials.jsonl: line 3 is no record and was left out:"
        " JSON is malformed: invalid character (byte 0)\n"
    )


def test_every_attempt_is_kept_and_the_last_one_counts(
    bench: Callable[..., Any], trained: Callable[..., Any], tiny: Path
) -> None:
    run = trained("-p", tiny, "model=fickle,linear", "dataset=few", "optimizer=sgd", "--seeds", "1")
    first = run.records
    again = bench("resume", "--retry", "failed", cwd=run.cwd)
    (run.cwd / "mended").touch()
    plain = bench("resume", cwd=run.cwd)
    mended = bench("resume", "--retry", "failed", cwd=run.cwd)
    whole = (run.folder / "trials.jsonl").read_bytes()
    idle = bench("resume", "--retry", "failed", cwd=run.cwd)

    assert (run.ended.code, again.code, plain.code, mended.code, idle.code) == (3, 3, 3, 0, 0)
    assert "note: 1 of 2 trials were done before" in again.err
    assert run.records[:2] == first
    model = [(each["settings"]["model"], each["attempt"], each["status"]) for each in run.records]
    assert sorted(model) == [
        ("fickle", 1, "error"),
        ("fickle", 2, "error"),
        ("fickle", 3, "ok"),
        ("linear", 1, "ok"),
    ]
    note = f"note: nothing is left to do in {run.folder.relative_to(run.cwd)}"
    broken = "; --retry failed tries 1 broken trial again"
    assert (plain.err, idle.err) == (f"{note}{broken}\n", f"{note}\n")
    assert idle.out == mended.out
    assert (run.folder / "trials.jsonl").read_bytes() == whole
    shown = bench("show", "--trials", "--format", "json", cwd=run.cwd).json["trials"]
    assert sorted((each["attempt"], each["status"]) for each in shown) == [(1, "ok"), (3, "ok")]


LATE = """
import os, signal
from harness import hookimpl

@hookimpl
def bench_register_models():
    return []

class Late:
    def __init__(self, number):
        self.end = (os.kill, os.getpid(), number)

    def __del__(self):
        kill, pid, number = self.end
        kill(pid, number)

held = Late(signal.{name})
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_behind_the_last_line_of_a_command_changes_no_exit_code(
    bench: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    (tmp_path / "late.py").write_text(LATE.format(name=name))

    ended = bench("plugins", "-p", "late.py")

    assert (ended.code, ended.err) == (0, "")

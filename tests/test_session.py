"""Runs that are interrupted, killed, resumed and repeated, with the real command."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from living import lives

SWEEP = ("model=slow", "dataset=few", "optimizer=sgd", "lr=0.1,0.2", "epochs=2", "--seeds", "3")
CHILDREN = {"BENCH_TESTS_CHILD": "yes"}


@pytest.fixture(scope="session")
def steady(trained: Callable[..., Any], tiny: Path) -> Any:
    """The sweep that the others interrupt, run without a disturbance."""
    return trained("-p", tiny, *SWEEP)


@pytest.fixture
def plugin(tmp_path: Path, tiny: Path) -> Path:
    """A copy of the plugin, which a test may change."""
    return Path(shutil.copy(tiny, tmp_path / "tiny.py"))


def curves(records: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: each["curves"] for each in records if each["status"] == "ok"}


def living(cwd: Path) -> list[int]:
    path = cwd / "pids"
    pids = [int(each) for each in path.read_text().split()] if path.exists() else []
    return [each for each in pids if lives(each)]


@pytest.fixture
def halfway(
    start: Callable[..., Any],
    tmp_path: Path,
    plugin: Path,
    patiently: Callable[..., bool],
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> Any:
    """The sweep, with some trials done, one at work, and children in sessions of their own."""
    started = start("run", "-p", plugin, *SWEEP, env=CHILDREN)
    assert patiently(lambda: list(tmp_path.glob("results/*/*/lock")))
    folder = only_run(tmp_path)
    assert patiently(lambda: len(reading(folder)) >= 2 and living(tmp_path))
    return started


def test_a_run_that_is_interrupted_keeps_what_was_finished_and_can_be_resumed(
    halfway: Any,
    bench: Callable[..., Any],
    tmp_path: Path,
    steady: Any,
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    folder = only_run(tmp_path)
    halfway.send(signal.SIGSTOP)  # else it may be done before the other command has begun
    second = bench("resume")
    halfway.send(signal.SIGCONT)
    halfway.send(signal.SIGINT)
    ended = halfway.end()

    assert second.code == 2
    assert second.err.startswith(
        f"bench: results/{folder.parent.name}/{folder.name} is being written by process"
        f" {halfway.process.pid} (run -p "
    )
    assert second.err.endswith("): wait until it ends\n")
    assert ended.code == 130
    assert ended.err.endswith(
        "bench: interrupted: finished trials are kept;"
        f" bench resume {folder.relative_to(tmp_path)} goes on\n"
    )
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert ended.left() == []
    assert living(tmp_path) == []
    kept = reading(folder)
    assert 2 <= len(kept) < 6

    resumed = bench("resume", env={})

    assert resumed.code == 0
    assert f"note: {len(kept)} of 6 trials were done before" in resumed.err
    assert resumed.torch is False
    assert reading(folder)[: len(kept)] == kept
    assert sorted(each["key"] for each in reading(folder)) == sorted(
        each["key"] for each in steady.records
    )
    assert curves(reading(folder)) == curves(steady.records)


def test_a_run_whose_command_is_killed_leaves_nothing_running_and_can_be_resumed(
    halfway: Any,
    bench: Callable[..., Any],
    plugin: Path,
    tmp_path: Path,
    steady: Any,
    patiently: Callable[..., bool],
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    halfway.send(signal.SIGKILL)
    ended = halfway.end()
    folder = only_run(tmp_path)

    assert ended.code == -signal.SIGKILL
    assert ended.left() == []
    assert patiently(lambda: not living(tmp_path), 2.0)

    source = plugin.read_text()
    plugin.write_text(source + "\n# changed\n")
    refused = bench("resume")
    plugin.write_text(source)
    resumed = bench("resume")

    assert refused.code == 2
    assert refused.out == ""
    assert refused.err == (
        f"bench: results/sweep/{folder.name} began with other versions (the source of dataset:few"
        " has changed; the source of model:slow has changed): its trials would not be comparable;"
        " --force goes on all the same\n"
    )
    assert resumed.code == 0
    assert curves(reading(folder)) == curves(steady.records)
    assert len(reading(folder)) == 6


def test_impatient_signals_while_the_server_imports_leave_nothing_running(
    start: Callable[..., Any], tiny: Path, patiently: Callable[..., bool]
) -> None:
    started = start("run", "-p", tiny, *SWEEP)
    assert patiently(lambda: psutil.Process(started.process.pid).children())
    for number in (signal.SIGTERM, *[signal.SIGINT] * 4):
        started.send(number)
        time.sleep(0.01)
    ended = started.end()

    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert ended.left() == []


def test_a_server_that_imports_dies_with_its_command_and_the_run_is_resumed_by_force(
    start: Callable[..., Any],
    bench: Callable[..., Any],
    plugin: Path,
    tmp_path: Path,
    patiently: Callable[..., bool],
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    started = start("run", "-p", plugin, *SWEEP)
    assert patiently(lambda: list(tmp_path.glob("results/*/*/lock")))
    assert patiently(lambda: psutil.Process(started.process.pid).children())
    started.send(signal.SIGKILL)

    assert started.end().left() == []
    assert reading(only_run(tmp_path)) == []

    plugin.write_text(plugin.read_text() + "\n# changed\n")
    resumed = bench("resume", "--force")

    assert resumed.code == 0
    assert len(reading(only_run(tmp_path))) == 6


def both_stand_still(server: psutil.Process, building: Path) -> bool:
    """Stop two trials of a server that build their models, so that none of them ends.

    One that is stopped between its fork and its request for PDEATHSIG outlives its server.
    """
    told = set(building.read_text().split()) if building.exists() else set()
    try:
        trials = server.children()
        if len(trials) != 2 or not {str(each.pid) for each in trials} <= told:
            return False
        for each in trials:
            each.suspend()
        return [each.status() for each in trials] == [psutil.STATUS_STOPPED] * 2
    except psutil.NoSuchProcess:
        return False


def test_a_server_that_is_killed_takes_its_trials_with_it_and_the_run_goes_on(
    start: Callable[..., Any],
    tmp_path: Path,
    tiny: Path,
    patiently: Callable[..., bool],
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    env = {"BENCH_TESTS_CHILD": "bare"}
    given = (*SWEEP[:-1], "6", "--jobs", "2", "model.build_s=1")
    started = start("run", "-p", tiny, *given, env=env)
    assert patiently(lambda: list(tmp_path.glob("results/*/*/lock")))
    folder = only_run(tmp_path)
    assert patiently(lambda: reading(folder))
    [server] = psutil.Process(started.process.pid).children()
    assert patiently(lambda: both_stand_still(server, tmp_path / "building"))
    orphans, before = living(tmp_path), len(reading(folder))
    server.kill()
    assert patiently(lambda: len(reading(folder)) >= before + 2)
    left = [each for each in orphans if lives(each)]
    ended = started.end()

    statuses = [each["status"] for each in reading(folder)]
    assert (statuses.count("crashed"), statuses.count("ok")) == (2, 10)
    assert {each["reason"] for each in reading(folder) if each["status"] == "crashed"} == {
        "the process that starts trials was killed: it ended with signal 9 (SIGKILL)"
    }
    assert ended.code == 3
    assert left == []
    assert ended.left() == []
    assert living(tmp_path) == []


def test_a_server_that_is_killed_while_it_imports_is_started_again_and_no_trial_is_lost(
    start: Callable[..., Any],
    tmp_path: Path,
    tiny: Path,
    patiently: Callable[..., bool],
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    started = start("run", "-p", tiny, *SWEEP[:-2], "--seeds", "1")
    assert patiently(lambda: list(tmp_path.glob("results/*/*/lock")))
    command = psutil.Process(started.process.pid)
    assert patiently(command.children)
    command.children()[0].kill()
    ended = started.end()

    assert ended.code == 0
    assert [each["status"] for each in reading(only_run(tmp_path))] == ["ok", "ok"]
    assert (
        "note: the process that starts trials was killed while it imported (it ended with signal 9"
        " (SIGKILL)): another one is started\n"
    ) in ended.err
    assert ended.left() == []


@pytest.mark.parametrize(
    ("dataset", "named"),
    [("few_filed", "few_filed"), ("few_filed_seeded", "few_filed_seeded of seed 0")],
)
def test_data_that_has_changed_since_a_run_began_is_refused_unless_forced(
    bench: Callable[..., Any],
    tmp_path: Path,
    tiny: Path,
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
    dataset: str,
    named: str,
) -> None:
    number = tmp_path / "number"
    number.write_text("7")
    given = ("model=two_layers,linear", f"dataset={dataset}", "optimizer=sgd", "epochs=1")
    root = ("--data-root", tmp_path)
    assert bench("run", "-p", tiny, *given, "--seeds", "1", *root).code == 0
    path = only_run(tmp_path) / "trials.jsonl"
    first, _ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first)
    number.write_text("8")

    refused = bench("resume")
    kept = path.read_bytes()
    forced = bench("resume", "--force")

    digests = [each["data"] for each in reading(path.parent)]
    assert (refused.code, refused.out, kept) == (2, "", first)
    assert refused.err.splitlines()[-1] == (
        f"bench: the data of dataset {named} has changed: its digest was {digests[0]} and is"
        f" {digests[1]}, so that its trials would not be comparable; --force goes on all the same"
    )
    assert forced.code == 0
    assert digests[0] != digests[1]


def test_a_run_is_resumed_with_the_plugins_and_the_data_root_that_are_given(
    bench: Callable[..., Any],
    tmp_path: Path,
    plugin: Path,
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    (tmp_path / "number").write_text("7")
    given = ("model=two_layers", "dataset=few_filed", "optimizer=sgd", "epochs=1", "--seeds", "2")
    assert bench("run", "-p", plugin, *given, "--data-root", tmp_path).code == 0
    path = only_run(tmp_path) / "trials.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in (plugin.name, "number"):
        (tmp_path / name).rename(moved / name)

    gone = bench("resume")
    resumed = bench("-p", "moved/tiny.py", "resume", "--data-root", "moved")

    assert gone.code == 2
    assert gone.err.startswith(f"bench: plugin {plugin}: there is no such file")
    assert resumed.code == 0
    assert f"note: plugins {moved / plugin.name} in place of {plugin}\n" in resumed.err
    assert f"note: data root {moved} in place of {tmp_path}\n" in resumed.err
    assert [each["status"] for each in reading(path.parent)] == ["ok", "ok"]


def test_an_interrupt_of_a_run_in_one_process_ends_the_run_and_not_a_trial(
    start: Callable[..., Any],
    tmp_path: Path,
    tiny: Path,
    patiently: Callable[..., bool],
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    started = start("run", "-p", tiny, *SWEEP, "--in-process", "model.build_s=60")
    assert patiently((tmp_path / "building").exists)
    started.send(signal.SIGINT)
    ended = started.end()

    assert ended.code == 130
    assert reading(only_run(tmp_path)) == []


def test_a_finished_run_is_resumed_without_training(bench: Callable[..., Any], smoke: Any) -> None:
    before = (smoke.folder / "trials.jsonl").read_bytes()

    resumed = bench("resume", "smoke", cwd=smoke.cwd)

    assert resumed.out == smoke.ended.out
    assert resumed.code == smoke.ended.code == 0
    assert resumed.torch is False
    assert (smoke.folder / "trials.jsonl").read_bytes() == before


def test_a_finished_run_that_was_killed_before_it_was_tidy_is_made_tidy(
    bench: Callable[..., Any], smoke: Any, tmp_path: Path
) -> None:
    shutil.copytree(smoke.cwd / "results", tmp_path / "results")
    [records] = tmp_path.glob("results/*/*/trials.jsonl")
    before = records.read_bytes()
    data = records.with_name("data")
    data.mkdir()
    (data / "0123456789abcdef.pt").write_bytes(b"what trials mapped")

    resumed = bench("resume")

    assert (resumed.code, resumed.torch) == (0, False)
    assert not data.exists()
    assert records.read_bytes() == before


def test_a_finished_run_is_resumed_with_the_exit_code_that_it_had(
    bench: Callable[..., Any], misbehaved: Any
) -> None:
    resumed = bench("resume", cwd=misbehaved.cwd)

    assert (resumed.code, resumed.out) == (3, misbehaved.ended.out)


ARMS = ("dataset=few_held", "optimizer=sgd", "epochs=2", "batch_size=8")


@pytest.fixture(scope="session")
def arms(trained: Callable[..., Any], tiny: Path) -> Any:
    """Two initialisers, with and without dropout."""
    return trained(
        "-p", tiny, "model=two_layers", *ARMS, "init=drawn,xavier_uniform", "dropout=0,0.5",
        "--seeds", "2",
    )  # fmt: skip


def test_a_curve_does_not_depend_on_other_arms_nor_on_the_order_nor_on_jobs(
    arms: Any, trained: Callable[..., Any], tiny: Path
) -> None:
    other = trained(
        "-p", tiny, "model=linear,two_layers", *ARMS, "init=xavier_uniform,zeros", "dropout=0.5,0",
        "--seeds", "2", "--plan-seed", "7", "--jobs", "2",
    )  # fmt: skip

    here, there = curves(arms.records), curves(other.records)
    common = [key for key in here if key in there]
    assert len(common) == 4
    assert [here[key] for key in common] == [there[key] for key in common]
    assert {each["shared"] for each in other.records} == {True}
    assert {each["shared"] for each in arms.records} == {False}


def test_a_run_in_one_process_has_the_same_curves(
    arms: Any, trained: Callable[..., Any], tiny: Path
) -> None:
    alone = trained(
        "-p", tiny, "model=two_layers", *ARMS, "init=drawn,xavier_uniform", "dropout=0,0.5",
        "--seeds", "2", "--in-process", "--format", "json",
    )  # fmt: skip

    assert curves(alone.records) == curves(arms.records)
    assert alone.ended.torch is True
    assert len(alone.ended.json["cases"]) == 4  # what the model prints is not in it


def test_seeds_and_arms_differ(arms: Any) -> None:
    losses = [tuple(each["curves"]["train_loss"]) for each in arms.records]

    assert len(losses) == len(set(losses)) == 8


LESSON = """
from pathlib import Path
from harness import Model, hookimpl

def net(task):
    from torch import nn
    return nn.Linear(task.features, task.outputs)

@hookimpl
def bench_register_models():
    return [Model("lesson", net)]

@hookimpl
def bench_trial_finished(record):
    with Path("seen").open("a") as file:
        file.write(f"{record.settings['model']} {record.seed} {record.status}\\n")
    if record.seed == 1:
        raise RuntimeError("the observer\\nfell asleep")
"""


def test_a_package_with_an_entry_point_brings_models_and_observers(
    trained: Callable[..., Any], tiny: Path, tmp_path: Path
) -> None:
    info = tmp_path / "bench_lesson-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-lesson\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[bench]\nlesson = bench_lesson\n")
    (tmp_path / "bench_lesson.py").write_text(LESSON)

    run = trained(
        "-p", tiny, "model=lesson", "dataset=few", "optimizer=sgd", "--seeds", "2",
        env={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip

    assert run.ended.code == 0
    assert run.noted("seen") == ["lesson 0 ok", "lesson 1 ok"]
    assert (
        "note: plugin 'lesson': bench_trial_finished: RuntimeError: the observer\\nfell asleep\n"
        in run.ended.err
    )
    assert run.records[0]["sources"]["model"].startswith("lesson (bench-lesson 0.3) ")


@pytest.fixture(scope="session")
def expecting(
    trained: Callable[..., Any],
    tiny: Path,
    misbehaving: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """A run with an expectation that fails, and a trial that diverges."""
    file = tmp_path_factory.mktemp("expecting") / "mine.toml"
    file.write_text(EXPECTING.format(tiny=tiny, bad=misbehaving))
    return trained("--file", file, "--suite", "mine", "--check")


def test_an_expectation_that_fails_is_exit_1_and_diverged_trials_are_results(
    expecting: Any,
) -> None:
    assert sorted(each["status"] for each in expecting.records) == ["diverged", "ok"]
    assert expecting.ended.code == 1
    assert "fails: test_accuracy of model=linear is at least 2" in expecting.ended.out


def test_strict_counts_diverged_trials_as_failed(
    expecting: Any, bench: Callable[..., Any], tmp_path: Path
) -> None:
    shutil.copytree(expecting.cwd, tmp_path, dirs_exist_ok=True)
    [file] = tmp_path.glob("results/*/*/run.json")
    content = json.loads(file.read_text())
    content["options"]["strict"] = True
    file.write_text(json.dumps(content))

    assert bench("resume", cwd=expecting.cwd).code == 1
    assert bench("resume").code == 3


EXPECTING = """
plugins = ["{tiny}", "{bad}"]
[suites.mine]
seeds = 1
base = {{ dataset = "few", optimizer = "sgd", batch_size = 8 }}
factors = {{ model = ["linear", "becomes_nan"] }}
[[suites.mine.expect]]
where = {{ model = "linear" }}
metric = "test_accuracy"
min = 2
"""


def test_a_run_without_a_result_is_exit_4_and_says_why(
    trained: Callable[..., Any], tiny: Path
) -> None:
    run = trained(
        "-p", tiny, "model=linear,lenet", "dataset=few", "optimizer=sgd", "device=cuda",
        "--seeds", "1",
    )  # fmt: skip

    refused, absent = run.record(model="lenet"), run.record(model="linear")
    assert run.ended.code == 4
    assert (refused["status"], refused["reason"]) == (
        "unsupported",
        "lenet takes images (channels, height, width), not samples of shape (4,)",
    )
    assert absent["status"] == "skipped"
    assert absent["reason"]
    assert "expected to be skipped" in run.ended.err


def test_a_run_file_is_whole_before_the_first_trial(
    steady: Any,
) -> None:
    found = json.loads((steady.folder / "run.json").read_text())

    assert found["schema"] == 1
    assert found["id"] == steady.folder.name
    assert found["command"][:2] == ["run", "-p"]
    assert len(found["plan"]["trials"]) == 6
    assert found["environment"]["torch"]

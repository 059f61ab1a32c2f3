"""Trials that hang, die, take too much and change what is global; kills and signals at any moment.

Statuses and reasons of simpler misbehaviour are in test_execute.py, interrupted runs in
test_session.py, processes alone in test_processes.py and test_server.py.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from living import lives

from harness.numbers.metrics import MEANINGS
from harness.planning.overrides import parse_override
from harness.plugin.registry import load
from harness.running.client import Server
from harness.running.messages import Request
from harness.session import Asked, Loaded, plan_asked
from harness.system.machine import absence

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills and limits are Linux's")

MIB = 1 << 20
AT_DEADLINE = "killed at its deadline, after 700 ms"
NO_RESULT = "before it had a result"
LIMIT = "; memory_limit is 400 MiB: memory_limit=BYTES sets another"
TOO_MUCH = r"^killed: it took \S+ [MG]iB of host memory" + LIMIT + "$"

HANGING = dict.fromkeys(
    ("loops", "multiplies", "hides_daemons", "awaits_workers", "blocks_signals", "floods"),
    ("timeout", AT_DEADLINE),
)
DYING = {
    "behaves": ("ok", None),
    "leaves_a_flood": ("ok", None),
    "forks_and_goes_on": ("ok", None),
    "aborts": ("crashed", f"the process died with signal 6 (SIGABRT) {NO_RESULT}"),
    "is_terminated": ("crashed", f"the process died with signal 15 (SIGTERM) {NO_RESULT}"),
    "is_killed_from_outside": ("crashed", f"the process died with signal 9 (SIGKILL) {NO_RESULT}"),
    "leaves_politely": ("crashed", f"the process died with exit code 0 {NO_RESULT}"),
    "forks_and_leaves": ("crashed", f"the process died with exit code 0 {NO_RESULT}"),
    "prints_a_megabyte": ("crashed", f"the process died with exit code 4 {NO_RESULT}"),
    "closes_all_files": ("crashed", f"the process died with exit code 70 {NO_RESULT}"),
    "raises_what_cannot_be_pickled": ("error", "Unpicklable: holds a lock ({})"),
    "raises_at_length": ("error", f"ValueError: {'far too much ' * 100}"[:397] + "... ({})"),
    "raises_without_stderr": ("error", "ValueError: nobody hears ({})"),
    "raises_with_stderr_closed": ("error", "ValueError: nobody hears ({})"),
    "recurses": ("error", "RecursionError: maximum recursion depth exceeded ({})"),
    "prints_and_recurses": ("error", "RecursionError: maximum recursion depth exceeded ({})"),
    "prints_and_faults": ("crashed", f"the process died with signal 11 (SIGSEGV) {NO_RESULT}"),
    "asks": ("error", "EOFError: EOF when reading a line ({})"),
    "finds_a_tensor": (
        "error",
        "the procedure found the metric found as Tensor, which is no number: float(...) makes one",
    ),
    "finds_a_word": (
        "error",
        "the procedure found the metric found as str, which is no number: float(...) makes one",
    ),
    "finds_the_wall": (
        "error",
        "the procedure found the metric wall_s, which the harness takes itself: give it another"
        " name",
    ),
    "finds_the_peak": (
        "error",
        "the procedure found the metric host_peak_bytes, which the harness takes itself: give it"
        " another name",
    ),
    "finds_a_surrogate": ("ok", None),
    "finds_a_small_float": ("ok", None),
}
TAKING = {
    "takes_tensors": ("oom-host", r"DefaultCPUAllocator: can't allocate memory"),
    "takes_objects": ("oom-host", r"^MemoryError \(faults\.py:"),
    "takes_arrays": ("oom-host", r"^MemoryError: Unable to allocate 8\.00 TiB"),
    "takes_tensors_in_a_worker": (
        "oom-host",
        r"^RuntimeError: Caught RuntimeError in DataLoader worker process 0\. \.\.\. .*"
        r"DefaultCPUAllocator: can't allocate memory",
    ),
    "takes_objects_in_a_worker": (
        "oom-host",
        r"^MemoryError: Caught MemoryError in DataLoader worker process 0\. \.\.\. MemoryError \(",
    ),
    "shares_tensors": ("oom-host", TOO_MUCH),
    "shares_a_map": ("oom-host", TOO_MUCH),
    "fills_a_memfd": ("oom-host", TOO_MUCH),
    "fills_files_in_memory": ("oom-host", TOO_MUCH),
    "takes_with_many": ("oom-host", TOO_MUCH),
    "hears_bad_alloc": ("oom-host", r"^RuntimeError: std::bad_alloc \(faults\.py:"),
    "dies_of_bad_alloc": ("oom-host", r"^std::bad_alloc, and died with signal 6 \(SIGABRT\);"),
    "cannot_fork": ("oom-host", r"^OSError: \[Errno 12\] Cannot allocate memory \(faults\.py:"),
    "lacks_device_memory": (
        "oom-device",
        r"^CUDA out of memory\. Tried to allocate 20\.00 GiB\. GPU 0 has a total capacity of"
        r" 15\.77 GiB of which 14\.02 GiB is free\.$",
    ),
}
NOTHING = {"model": "none", "dataset": "none", "optimizer": "none", "loss": "none"}
TINY = {"model": "linear", "dataset": "few", "optimizer": "sgd"}


@pytest.fixture(scope="session")
def faults() -> Path:
    """A plugin whose procedures do what trials should not."""
    return Path(__file__).parent / "plugins" / "faults.py"


@pytest.fixture(scope="module")
def suited(
    trained: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    tiny: Path,
    faults: Path,
) -> Callable[..., Any]:
    """Run a suite of rows, each a case."""

    def run(rows: list[Mapping[str, Any]], *arguments: object, seeds: int = 1, **more: Any) -> Any:
        file = tmp_path_factory.mktemp("suited") / "suite.toml"
        tables = "\n".join(
            "[[suites.bad.together]]\n"
            + "\n".join(f"{address} = {json.dumps(level)}" for address, level in row.items())
            for row in rows
        )
        plugins = json.dumps([str(tiny), str(faults)])
        base = "base = { epochs = 1 }"
        file.write_text(f"plugins = {plugins}\n[suites.bad]\nseeds = {seeds}\n{base}\n{tables}\n")
        return trained("--file", file, "--suite", "bad", *arguments, **more)

    return run


def row(procedure: str, timeout_s: float = 60.0, limit: object = "none") -> dict[str, Any]:
    return {
        **NOTHING,
        "procedure": procedure,
        "timeout_s": timeout_s,
        "memory_limit": limit,
    }


@pytest.fixture(scope="module")
def bad(suited: Callable[..., Any]) -> Iterator[Any]:
    """A run of everything that hangs, dies or takes memory."""
    run = suited(
        [
            *(row(each, timeout_s=0.7) for each in HANGING),
            *(row(each) for each in DYING),
            *(row(each, limit=400 * MIB) for each in TAKING),
            {
                **row("train", limit=400 * MIB),
                "model": "linear",
                "dataset": "takes_too_much",
                "optimizer": "sgd",
                "loss": "cross_entropy",
            },
        ]
    )
    yield run
    for each in run.noted("shm"):
        Path(each).unlink(missing_ok=True)


@pytest.mark.parametrize("procedure", [*HANGING, *DYING])
def test_a_trial_that_hangs_or_dies_has_the_status_and_the_reason_that_it_earned(
    bad: Any, procedure: str
) -> None:
    status, reason = {**HANGING, **DYING}[procedure]

    record = bad.record(procedure=procedure)

    assert (record["status"], place_blanked(record["reason"])) == (status, reason)


@pytest.mark.parametrize("procedure", TAKING)
def test_a_trial_that_takes_too_much_memory_is_told_from_other_failures(
    bad: Any, procedure: str
) -> None:
    status, pattern = TAKING[procedure]

    record = bad.record(procedure=procedure)

    assert record["status"] == status, record
    assert re.search(pattern, record["reason"]), record
    assert record["reason"].endswith(LIMIT) == (status == "oom-host")


def place_blanked(reason: str | None) -> str | None:
    """Blank the place at the end of a reason."""
    return reason and re.sub(r"\(\S+\.py:\d+ in \w+\)$", "({})", reason)


def test_data_that_takes_too_much_memory_is_told_with_its_dataset(bad: Any) -> None:
    record = bad.record(dataset="takes_too_much")

    assert record["status"] == "oom-host"
    assert record["reason"].startswith("loading dataset takes_too_much: RuntimeError: ")
    assert record["reason"].endswith(LIMIT)


def test_every_planned_trial_has_one_record_whatever_the_others_took(bad: Any) -> None:
    planned = [each["key"] for each in bad.plan["trials"]]

    assert [each["key"] for each in bad.records] == planned
    assert bad.ended.code == 3
    assert max(map(len, bad.ended.err.splitlines())) < 800


def test_what_a_trial_printed_is_cut_to_a_few_lines(bad: Any) -> None:
    assert bad.record(procedure="prints_a_megabyte")["output"] == "x" * 197 + "..."
    assert bad.record(procedure="floods")["output"] == "\n".join(["once more"] * 12)
    assert "xxx" not in bad.ended.out + bad.ended.err


def test_what_a_trial_printed_before_it_failed_is_kept_beside_where_it_failed(bad: Any) -> None:
    raised = bad.record(procedure="prints_and_recurses")["output"].splitlines()
    struck = bad.record(procedure="prints_and_faults")["output"].splitlines()

    assert raised[:12] == struck[:12] == [f"step {each}" for each in range(88, 100)]
    assert raised[-1] == "RecursionError: maximum recursion depth exceeded"
    assert struck[12] == "Fatal Python error: Segmentation fault"
    assert any("in prints_and_faults" in each for each in struck[13:])
    assert max(len(raised), len(struck)) <= 24


def test_numbers_that_are_not_of_python_are_kept_as_numbers(bad: Any) -> None:
    metrics = bad.record(procedure="finds_a_small_float")["metrics"]

    assert (metrics["found"], metrics["counted"]) == (0.5, 2)
    assert bad.record(procedure="finds_a_surrogate")["metrics"]["found\\udcff"] == 1.0


def test_nothing_is_left_of_what_they_started(bad: Any) -> None:
    pids = [int(each) for each in bad.noted("pids")]

    assert len(pids) >= 3 + 2 + 4 + 1 + 2
    assert [each for each in pids if lives(each)] == []
    assert bad.ended.left() == []


@pytest.fixture(scope="module")
def lateness(
    tiny: Path, faults: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], list[float]]]:
    """Measure by the server's own clock how late a trial ends whose deadline has come."""
    plugins = (str(tiny), str(faults))
    registry = load(plugins)

    def requested(procedure: str) -> Request:
        given = [*(f"{root}=none" for root in NOTHING), f"procedure={procedure}"]
        asked = Asked(overrides=[parse_override(each) for each in given])
        settings = plan_asked(asked, Loaded(registry, plugins)).cases[0].settings
        return Request(number=1, settings=settings, timeout_s=0.5)

    with pytest.MonkeyPatch.context() as patch, closing(Server(plugins)) as server:
        patch.setenv("BENCH_TESTS_FOLDER", str(tmp_path_factory.mktemp("late")))
        server.start()

        def measure(procedure: str) -> list[float]:
            late_s = []
            for _ in range(3):
                server.submit(requested(procedure))
                ended = server.wait()
                assert ended.timed_out
                late_s.append(ended.wall_s - 0.5)
            return late_s

        yield measure


@pytest.mark.parametrize("procedure", HANGING)
def test_a_trial_that_hangs_ends_within_a_second_of_its_deadline_and_never_before(
    lateness: Callable[[str], list[float]], procedure: str
) -> None:
    """The least of three is the harness's own; what a busy machine adds is in `benchmarks/`."""
    late_s = lateness(procedure)

    assert min(late_s) >= 0
    assert min(late_s) < 1


@pytest.mark.cuda
@pytest.mark.skipif(absence("cuda") is not None, reason="no NVIDIA GPU is seen here")
def test_a_trial_that_fills_a_real_gpu_leaves_it_clean_to_the_next(
    trained: Callable[..., Any], tiny: Path, faults: Path
) -> None:
    run = trained(
        "-p", tiny, "-p", faults, *(f"{root}=none" for root in NOTHING), "device=cuda",
        "procedure=fills_the_device,weighs_the_device", "--seeds", "3",
        env={"CUDA_VISIBLE_DEVICES": "0"},
    )  # fmt: skip

    weighed = [each["metrics"] for each in run.records if each["status"] == "ok"]
    filled = [each for each in run.records if each["status"] == "oom-device"]
    assert [len(filled), len(weighed)] == [3, 3]
    for each in filled:
        assert re.search(r"Tried to allocate 256\.00 MiB\..* total capacity of", each["reason"])
    free = [each["free"] for each in weighed]
    assert max(free) - min(free) < 0.02 * weighed[0]["total"]


class Container:
    """A control group of this machine, below the one that this process is in."""

    def __init__(self) -> None:
        self.folders: list[Path] = []

    def limit(
        self, controller: str, values: Mapping[str, str], values_2: Mapping[str, str]
    ) -> None:
        """Set limits, under version 1 or else version 2 of control groups."""
        root, own = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup").read_text().splitlines()
        paths = {each.split(":")[1]: each.split(":", 2)[2] for each in own}
        version_1 = (root / controller).is_dir()
        above = root / controller / paths.get(controller, "/").lstrip("/")
        folder = (above if version_1 else root / paths[""].lstrip("/")) / f"bench-{os.getpid()}"
        folder.mkdir(exist_ok=True)
        self.folders.append(folder)
        for name, value in (values if version_1 else values_2).items():
            (folder / name).write_text(value)

    def enter(self) -> None:
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self) -> None:
        for folder in dict.fromkeys(self.folders):
            folder.rmdir()


@pytest.fixture
def container() -> Iterator[Container]:
    """A container of 3 GiB and one processor."""
    made = Container()
    try:
        size, quota = str(3 << 30), "100000"
        made.limit("memory", {"memory.limit_in_bytes": size}, {"memory.max": size})
        cpu = {"cpu.cfs_period_us": quota, "cpu.cfs_quota_us": quota}
        made.limit("cpu", cpu, {"cpu.max": f"{quota} {quota}"})
    except OSError as error:
        made.remove()
        pytest.skip(f"control groups cannot be made here: {error}")
    yield made
    made.remove()


def test_limits_come_from_the_container_and_a_trial_that_takes_all_of_it_ends_alone(
    container: Container, trained: Callable[..., Any], tiny: Path, faults: Path
) -> None:
    run = trained(
        "-p", tiny, "-p", faults, *(f"{root}=none" for root in NOTHING),
        "procedure=takes_tensors,behaves", "--seeds", "1", preexec_fn=container.enter,
    )  # fmt: skip

    taking, behaving = run.record(procedure="takes_tensors"), run.record(procedure="behaves")
    assert (taking["status"], behaving["status"]) == ("oom-host", "ok")
    found = re.search(r"; memory_limit is ([12]\.\d\d) GiB: memory_limit=BYTES", taking["reason"])
    assert found is not None, taking["reason"]
    assert 1.0 < float(found[1]) < 0.75 * 3
    assert behaving["environment"]["memory_bytes"] == 3 << 30
    assert behaving["environment"]["cores"] == 1
    assert run.ended.code == 3


@pytest.fixture(scope="module")
def changed(suited: Callable[..., Any]) -> Any:
    """A run in which trials change all that is global, between trials that look at it."""
    return suited(
        [
            {**TINY, "procedure": "changes_everything", "epochs": 1},
            {**TINY, "procedure": "changes_everything", "epochs": 2},
            *({**TINY, "procedure": "notices", "epochs": each} for each in (1, 2, 3)),
        ],
        seeds=2,
    )


def test_what_one_trial_changes_no_other_notices(changed: Any) -> None:
    order = [each["settings"]["procedure"] for each in changed.records]
    noticed: dict[int, list[dict[str, Any]]] = {0: [], 1: []}
    for each in changed.records:
        if each["settings"]["procedure"] == "notices":
            assert each["status"] == "ok"
            found = {name: each["metrics"][name] for name in each["metrics"].keys() - MEANINGS}
            noticed[each["seed"]].append(found)

    assert order.index("changes_everything") < order[5:].index("notices") + 5
    assert [len(each) for each in noticed.values()] == [3, 3]
    assert all(each == same[0] for same in noticed.values() for each in same)
    first, second = noticed[0][0], noticed[1][0]
    assert {name for name in first if first[name] != second[name]} == {
        "python_draw",
        "numpy_draw",
        "torch_draw",
    }
    assert first["double"] == 0
    assert (first["threads"], first["grad"], first["niceness"]) == (1, 1, os.nice(0))
    assert len(set(changed.noted("noticed"))) == 1


def test_what_a_trial_prints_goes_to_its_record_and_never_into_the_table(changed: Any) -> None:
    broken = [each for each in changed.records if each["status"] == "crashed"]

    assert [each["output"] for each in broken] == ["a word for the table"] * 4
    assert "a word for the table" not in changed.ended.out + changed.ended.err


SWEEP = ("model=slow", "dataset=few", "optimizer=sgd", "lr=0.1,0.2", "epochs=2", "--seeds", "3")


@pytest.fixture(scope="module")
def undisturbed(trained: Callable[..., Any], tiny: Path) -> Any:
    """The sweep that others interrupt."""
    return trained("-p", tiny, *SWEEP)


def curves(records: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: each["curves"] for each in records}


def check_whole(records: list[dict[str, Any]], undisturbed: Any) -> None:
    """Check that a sweep has each planned trial once, with the curves that it has undisturbed."""
    planned = sorted(each["key"] for each in undisturbed.plan["trials"])

    assert sorted(each["key"] for each in records) == planned
    assert {(each["status"], each["attempt"]) for each in records} == {("ok", 1)}
    assert curves(records) == curves(undisturbed.records)


SIGNALS = {
    "SIGINT twice": [signal.SIGINT, signal.SIGINT],
    "SIGTERM, then SIGINT often": [signal.SIGTERM, *[signal.SIGINT] * 5],
    "SIGHUP, then SIGTERM": [signal.SIGHUP, signal.SIGTERM],
}


def test_signals_keep_what_is_finished_and_the_last_resume_ends_with_every_trial_once(
    start: Callable[..., Any],
    tmp_path: Path,
    tiny: Path,
    undisturbed: Any,
    patiently: Callable[..., bool],
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    kept: list[dict[str, Any]] = []
    for name, numbers in SIGNALS.items():
        command = ("resume",) if kept else ("run", "-p", tiny, *SWEEP)
        started = start(*command, env={"BENCH_TESTS_CHILD": "bare"})
        assert patiently(lambda: list(tmp_path.glob("results/*/*/lock")))
        folder = only_run(tmp_path)
        assert patiently(partial(grown, len(kept), folder, reading)), name
        for number in numbers:
            started.send(number)
            time.sleep(0.02)
        ended = started.end()

        assert ended.code == 130, name
        assert ended.err.endswith(
            "\nbench: interrupted: finished trials are kept;"
            f" bench resume {folder.relative_to(tmp_path)} goes on\n"
        ), name
        assert "Traceback" not in ended.err, name
        assert ended.out == "", name
        assert ended.left() == [], name
        assert not (folder / "data").exists(), name
        assert reading(folder)[: len(kept)] == kept, name
        kept = reading(folder)

    building = len(lines(tmp_path / "building"))
    resumed = start(
        "resume", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )  # as under nohup
    assert patiently(lambda: len(lines(tmp_path / "building")) > building)
    resumed.send(signal.SIGHUP)

    assert resumed.end().code == 0
    check_whole(reading(folder), undisturbed)


def grown(before: int, folder: Path, reading: Callable[[Path], list[dict[str, Any]]]) -> bool:
    return len(reading(folder)) > before


def test_a_command_that_is_killed_while_a_trial_hangs_in_native_code_leaves_nothing_running(
    start: Callable[..., Any],
    tmp_path: Path,
    faults: Path,
    tiny: Path,
    patiently: Callable[..., bool],
) -> None:
    started = start("run", "-p", tiny, "-p", faults, "procedure=multiplies",
                    *(f"{root}={level}" for root, level in NOTHING.items()),
                    "--seeds", "1")  # fmt: skip
    assert patiently(lambda: lines(tmp_path / "hanging"))
    started.send(signal.SIGKILL)
    ended = started.end()

    assert ended.left(within_s=2.0) == []
    assert not any(lives(int(each)) for each in lines(tmp_path / "hanging"))


def test_a_loader_that_is_killed_loads_again_at_once_and_no_trial_is_lost(
    start: Callable[..., Any],
    tmp_path: Path,
    tiny: Path,
    faults: Path,
    patiently: Callable[..., bool],
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    (tmp_path / "hangs").write_text("2")
    started = start("run", "-p", tiny, "-p", faults, "model=linear", "dataset=waits_at_first",
                    "optimizer=sgd", "epochs=1", "--seeds", "2")  # fmt: skip
    for place in range(2):
        assert patiently(lambda place=place: len(lines(tmp_path / "loading")) > place)
        os.kill(int(lines(tmp_path / "loading")[place]), signal.SIGKILL)
    ended = started.end()

    records = reading(only_run(tmp_path))
    assert [each["status"] for each in records] == ["ok", "ok"]
    assert ended.code == 0
    told = (
        "note: loading dataset waits_at_first: the process died with signal 9 (SIGKILL) before it"
        " had a result: it is loaded again, {} more time{} at most"
    )
    notes = [each for each in ended.err.splitlines() if "loading dataset" in each]
    assert notes == [told.format(2, "s"), told.format(1, "")]
    assert len(lines(tmp_path / "loading")) == 3
    assert [each["output"] for each in records] == ["load 1\nload 2\nload 3", ""]


def test_a_loader_that_dies_again_and_again_is_left_alone(
    bench: Callable[..., Any],
    tmp_path: Path,
    tiny: Path,
    faults: Path,
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
) -> None:
    (tmp_path / "hangs").write_text("-1")
    ended = bench("run", "-p", tiny, "-p", faults, "model=linear", "dataset=waits_at_first",
                  "optimizer=sgd", "--seeds", "5")  # fmt: skip

    records = reading(only_run(tmp_path))
    assert ended.code == 4
    assert {(each["status"], each["reason"]) for each in records} == {
        (
            "crashed",
            f"loading dataset waits_at_first: the process died with signal 6 (SIGABRT) {NO_RESULT}",
        )
    }
    assert len(lines(tmp_path / "loading")) == 3
    for each in records:
        assert each["output"].startswith("load 1\nFatal Python error: Aborted\n")
        assert each["output"].count("in load_late") == 3


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


@dataclass
class Sweeps:
    """Sweeps that are killed at random moments, resumed, and killed again, until they are whole."""

    start: Callable[..., Any]
    tiny: Path
    folder: Path
    only_run: Callable[[Path], Path]
    patiently: Callable[..., bool]
    moments: random.Random
    kills: int = 0
    whole: list[Path] = field(default_factory=list)

    def kill(self, rounds: int) -> None:
        """Kill so many commands, none of which had ended."""
        while self.kills < rounds:
            self._sweep(rounds)

    def _sweep(self, rounds: int) -> None:
        cwd = self.folder / str(len(self.whole))
        cwd.mkdir()
        while True:
            begun = any(cwd.glob("results/*/*/run.json"))
            command = ("resume",) if begun else ("run", "-p", self.tiny, *SWEEP)
            started = self.start(*command, cwd=cwd, env={"BENCH_TESTS_CHILD": "bare"})
            if self.kills >= rounds:
                assert started.end().code == 0
                break
            time.sleep(self._moment_s(begun))
            killed = started.process.poll() is None
            started.send(signal.SIGKILL)
            ended = started.end()
            assert ended.left(within_s=2.0) == []
            assert self.patiently(lambda: not living(cwd), 2.0)
            self.kills += killed
            if not killed:
                assert ended.code == 0
                break
        self.whole.append(self.only_run(cwd))

    def _moment_s(self, begun: bool) -> float:
        """Draw a moment: while it imports, while it trains, or anywhere."""
        return self.moments.uniform(*self.moments.choice([(0.0, 2.0), (2.0, 4.5)]))


def living(cwd: Path) -> list[int]:
    return [int(each) for each in lines(cwd / "pids") if lives(int(each))]


@pytest.mark.parametrize(
    "rounds",
    [5, pytest.param(50, marks=[pytest.mark.long, pytest.mark.timeout(1200)])],
)
def test_commands_that_are_killed_at_random_moments_lose_and_double_no_trial(
    start: Callable[..., Any],
    tmp_path: Path,
    tiny: Path,
    undisturbed: Any,
    patiently: Callable[..., bool],
    only_run: Callable[[Path], Path],
    reading: Callable[[Path], list[dict[str, Any]]],
    rounds: int,
) -> None:
    moments = random.Random(rounds)
    sweeps = Sweeps(start, tiny, tmp_path, only_run, patiently, moments)

    sweeps.kill(rounds)

    assert sweeps.kills == rounds
    for folder in sweeps.whole:
        check_whole(reading(folder), undisturbed)

"""The installed command in real processes, and the runs that many tests look at."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

PLUGINS = Path(__file__).parent / "plugins"
SCRIPT = Path(sys.executable).with_name("bench")
PATIENCE_S = 100.0

FOLDER = "BENCH_TESTS_FOLDER"
"""Where the plugins of tests note what they do."""

_MARK = "BENCH_TESTS_MARK"
_TELLS = '''
"""Tell at the end of a process whether it had imported torch."""
import atexit, os, sys

@atexit.register
def tell():
    with open(os.path.join({folder!r}, str(os.getpid())), "w") as file:
        file.write("yes" if {{"torch", "torchvision"}} & set(sys.modules) else "no")
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended; `torch` is whether its process had imported it (None: it was killed)."""

    code: int
    out: str
    err: str
    torch: bool | None
    mark: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def left(self, within_s: float = 2.0) -> list[str]:
        """List what still runs of all that the command started, after giving it some time to go."""
        wait_for(lambda: not _marked(self.mark), within_s)
        return _marked(self.mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A command that runs."""

    process: subprocess.Popen[str]
    mark: str
    told: Path

    def end(self) -> Ended:
        try:
            out, err = self.process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            for each in _marked(self.mark):
                os.kill(int(each.partition(" ")[0]), signal.SIGKILL)
            self.process.communicate()
            raise
        told = self.told / str(self.process.pid)
        torch = told.read_text() == "yes" if told.exists() else None
        told.unlink(missing_ok=True)
        return Ended(
            code=self.process.returncode, out=out or "", err=err or "", torch=torch, mark=self.mark
        )

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@dataclass(frozen=True, slots=True)
class Command:
    """The console script `bench` of this interpreter."""

    told: Path
    started: list[Started] = field(default_factory=list)

    def __call__(
        self, *arguments: object, cwd: Path, env: Mapping[str, str] | None = None, **more: Any
    ) -> Ended:
        return self.start(*arguments, cwd=cwd, env=env, **more).end()

    def start(
        self,
        *arguments: object,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        stdout: int | IO[Any] | None = subprocess.PIPE,
        stderr: int | IO[Any] = subprocess.PIPE,
        **more: Any,
    ) -> Started:
        mark = secrets.token_hex(8)
        process = subprocess.Popen(
            [str(SCRIPT), *map(str, arguments)],
            cwd=cwd,
            env=self._variables(mark, cwd, env or {}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            **more,
        )
        found = Started(process=process, mark=mark, told=self.told)
        self.started.append(found)
        return found

    def _variables(self, mark: str, cwd: Path, given: Mapping[str, str]) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("BENCH_") and name not in {"COLUMNS", "NO_COLOR"}
        }
        fixed = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", _MARK: mark, FOLDER: str(cwd)}
        paths = [str(self.told), given.get("PYTHONPATH"), os.environ.get("PYTHONPATH")]
        joined = os.pathsep.join(each for each in paths if each)
        return {**kept, **fixed, **given, "PYTHONPATH": joined}


def wait_for(seen: Callable[[], object], within_s: float = PATIENCE_S) -> bool:
    """Wait until something is seen; tell whether it was."""
    deadline = time.monotonic() + within_s
    while not seen():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(scope="session")
def patiently() -> Callable[..., bool]:
    return wait_for


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    folder = tmp_path_factory.mktemp("told")
    (folder / "sitecustomize.py").write_text(_TELLS.format(folder=str(folder)))
    command = Command(folder)
    yield command
    for each in command.started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()
        for pipe in (each.process.stdout, each.process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def bench(command: Command, tmp_path: Path) -> Callable[..., Ended]:
    """Run the command, in a fresh folder unless told otherwise."""

    def run(*arguments: object, cwd: Path = tmp_path, **more: Any) -> Ended:
        return command(*arguments, cwd=cwd, **more)

    return run


@pytest.fixture
def start(command: Command, tmp_path: Path) -> Callable[..., Started]:
    """Start the command, and go on while it runs."""

    def run(*arguments: object, cwd: Path = tmp_path, **more: Any) -> Started:
        return command.start(*arguments, cwd=cwd, **more)

    return run


@pytest.fixture(scope="session")
def tiny() -> Path:
    """A plugin with small data and small models that behave."""
    return PLUGINS / "tiny.py"


@pytest.fixture(scope="session")
def misbehaving() -> Path:
    """A plugin whose models do what models should not."""
    return PLUGINS / "misbehaving.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that has ended: the folder it was started in, its own folder, its end."""

    cwd: Path
    folder: Path
    ended: Ended

    @property
    def records(self) -> list[dict[str, Any]]:
        return records_in(self.folder)

    def noted(self, name: str) -> list[str]:
        """Read what the plugins of tests noted under a name."""
        path = self.cwd / name
        return path.read_text().splitlines() if path.exists() else []

    @property
    def plan(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "run.json").read_text())["plan"])

    def record(self, **levels: Any) -> dict[str, Any]:
        """Find the one record with these settings (`seed` too; `__` stands for a dot)."""
        wanted = {name.replace("__", "."): value for name, value in levels.items()}
        [found] = [
            each
            for each in self.records
            if all({**each["settings"], "seed": each["seed"]}[k] == v for k, v in wanted.items())
        ]
        return found


def records_in(folder: Path) -> list[dict[str, Any]]:
    """Read the records of a run, without a line that is being written."""
    path = folder / "trials.jsonl"
    content = path.read_text() if path.exists() else ""
    return [json.loads(each) for each in content.split("\n")[:-1]]


def run_folder(cwd: Path) -> Path:
    """Find the only run under a working directory."""
    [folder] = (cwd / "results").glob("*/*")
    return folder


@pytest.fixture(scope="session")
def reading() -> Callable[[Path], list[dict[str, Any]]]:
    return records_in


@pytest.fixture(scope="session")
def only_run() -> Callable[[Path], Path]:
    return run_folder


@pytest.fixture(scope="session")
def trained(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Run `bench run` with some arguments in a folder of its own; look at what it left."""

    def run(*arguments: object, **more: Any) -> Run:
        cwd = tmp_path_factory.mktemp("run")
        ended = command("run", *arguments, cwd=cwd, **more)
        assert (cwd / "results").exists(), ended.err
        return Run(cwd=cwd, folder=run_folder(cwd), ended=ended)

    return run


@pytest.fixture(scope="session")
def smoke(trained: Callable[..., Run]) -> Run:
    """The suite `smoke`, run once."""
    return trained("--suite", "smoke")


_SHORT = (
    "endless",
    "sleeps",
    "stops_itself",
    "leaves_a_child_and_sleeps",
)
_LONG = (
    "linear",
    "raises_in_build",
    "raises_in_step_7",
    "raises_in_evaluation",
    "builds_no_module",
    "becomes_nan",
    "becomes_infinite",
    "exits",
    "exits_politely",
    "is_killed",
    "segfaults",
    "raises_an_error_without_text",
    "raises_memory_error",
    "is_interrupted",
    "prints_a_lot",
    "prints_bytes",
    "closes_its_output",
    "leaves_a_child",
    "leaves_a_thread",
)


@pytest.fixture(scope="session")
def misbehaved(
    trained: Callable[..., Run],
    tmp_path_factory: pytest.TempPathFactory,
    tiny: Path,
    misbehaving: Path,
) -> Run:
    """A run of every misbehaving model, between models that behave."""
    folder = tmp_path_factory.mktemp("misbehaved")
    rows = [{"model": f'"{each}"', "timeout_s": 1} for each in _SHORT]
    rows += [{"model": f'"{each}"', "timeout_s": 60} for each in _LONG]
    together = "\n".join(
        "[[suites.bad.together]]\n" + "\n".join(f"{key} = {value}" for key, value in row.items())
        for row in rows
    )
    (folder / "bad.toml").write_text(
        f"""
plugins = ["{tiny}", "{misbehaving}"]
[suites.bad]
seeds = 1
base = {{ dataset = "few", optimizer = "sgd", epochs = 2, batch_size = 8 }}
{together}
"""
    )
    return trained("--file", folder / "bad.toml", "--suite", "bad")


USUAL = {
    "model": "two_layers",
    "dataset": "few",
    "optimizer": "sgd[lr=0.1]",
    "loss": "cross_entropy",
    "procedure": "train",
    "init": "as_built",
    "bias_init": "as_built",
    "precision": "float32",
    "threads": 1,
    "metrics": [],
}
STILL = {"optimizer": "sgd[lr=0]", "metrics": ["start"]}
VARIED: dict[str, dict[str, Any]] = {
    "usual": {},
    "threads": {"threads": 2},
    "own step": {"model": "steps_itself", "optimizer": "none", "loss": "none"},
    "preload": {"model": "preloads"},
    "seeded": {"dataset": "few_seeded", "procedure": "look"},
    "held": {"dataset": "few_held", "procedure": "look"},
    "look": {"procedure": "look"},
    "look at two threads": {"procedure": "look", "threads": 2},
    "look at doubles": {"procedure": "look", "precision": "float64"},
    "look at nothing": {
        "procedure": "look",
        "model": "none",
        "dataset": "none",
        "optimizer": "none",
        "loss": "none",
    },
    "unloadable": {"dataset": "unloadable"},
    "no glob": {"init": "{second.*=zeros}"},
    "start": STILL,
    "zeros": {**STILL, "init": "zeros"},
    "ones for biases": {**STILL, "bias_init": "ones"},
    "drawn": {**STILL, "init": "drawn"},
    "globs": {**STILL, "init": "{first.*=zeros,*=drawn}"},
    "doubles": {**STILL, "precision": "float64"},
}
"""What the cases of the run `varied` change in the usual settings, by a name for tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Varied:
    """The run of all the cases above, two seeds each."""

    run: Run

    def records(self, name: str) -> list[dict[str, Any]]:
        place = list(VARIED).index(name)
        keys = [each["key"] for each in self.run.plan["trials"] if each["case"] == place]
        return sorted(
            (each for each in self.run.records if each["key"] in keys),
            key=lambda each: each["seed"],
        )

    def metrics(self, name: str) -> list[dict[str, Any]]:
        return [each["metrics"] for each in self.records(name)]


@pytest.fixture(scope="session")
def varied(
    trained: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory, tiny: Path
) -> Varied:
    """One run of cases that differ in everything."""
    file = tmp_path_factory.mktemp("varied") / "varied.toml"
    rows = [{**USUAL, **each} for each in VARIED.values()]
    tables = "\n".join(
        "[[suites.varied.together]]\n"
        + "\n".join(f"{address} = {json.dumps(level)}" for address, level in row.items())
        for row in rows
    )
    file.write_text(
        f'plugins = ["{tiny}"]\n[suites.varied]\nseeds = 2\n'
        f"base = {{ epochs = 1, batch_size = 16 }}\n{tables}\n"
    )
    return Varied(run=trained("--file", file, "--suite", "varied"))


def _marked(mark: str) -> list[str]:
    found = []
    for each in psutil.process_iter():
        try:
            if each.environ().get(_MARK) == mark and each.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{each.pid} {' '.join(each.cmdline())[:80]}")
        except (psutil.Error, OSError):
            continue
    return found

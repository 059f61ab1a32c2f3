"""A plugin for tests: procedures that hang, die, take much memory, and change what is global."""

from __future__ import annotations

import fcntl
import locale
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import Data, Dataset, Findings, Place, Procedure, Split, Task, Workload, hookimpl

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

MIB = 1 << 20
CHANGED = "BENCH_TESTS_CHANGED"


@hookimpl
def bench_register_procedures() -> Sequence[Procedure]:
    acts: list[Callable[[], Mapping[str, Any] | None]] = [
        *(behaves, loops, multiplies, hides_daemons, awaits_workers, blocks_signals, floods),
        *(leaves_a_flood, aborts, is_terminated, is_killed_from_outside, leaves_politely),
        *(forks_and_leaves, forks_and_goes_on, raises_what_cannot_be_pickled, raises_at_length),
        *(raises_without_stderr, raises_with_stderr_closed, recurses, asks, prints_a_megabyte),
        *(closes_all_files, finds_a_tensor, finds_a_surrogate, finds_a_word, finds_a_small_float),
        *(finds_the_wall, finds_the_peak),
        *(takes_tensors, takes_objects, takes_arrays, takes_tensors_in_a_worker),
        *(takes_objects_in_a_worker, shares_tensors, shares_a_map, takes_with_many),
        *(fills_a_memfd, fills_files_in_memory, prints_and_recurses, prints_and_faults),
        *(hears_bad_alloc, dies_of_bad_alloc, cannot_fork, lacks_device_memory),
    ]
    return [
        *(Procedure(each.__name__, does(each)) for each in acts),
        Procedure("fills_the_device", fills_the_device),
        Procedure("weighs_the_device", weighs_the_device),
        Procedure("changes_everything", changes_everything),
        Procedure("notices", notices),
    ]


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    return [
        Dataset("takes_too_much", load_too_much, two_classes),
        Dataset("waits_at_first", load_late, two_classes),
    ]


def does(act: Callable[[], Mapping[str, Any] | None]) -> Callable[[Workload], Findings]:
    def run(workload: Workload) -> Findings:
        return Findings(metrics=act() or {})

    return run


def noted(name: str, content: object) -> None:
    with Path(os.environ["BENCH_TESTS_FOLDER"], name).open("a") as file:
        file.write(f"{content}\n")


def behaves() -> None:
    pass


# What hangs.


def loops() -> None:
    while True:
        pass


def multiplies() -> None:
    import torch

    noted("hanging", os.getpid())
    many = torch.ones(5000, 5000, dtype=torch.float64)
    while True:
        many @ many


def hides_daemons() -> None:
    """Start processes that leave by two forks, in sessions of their own, without environment."""
    code = "import os, sys, time; os.fork() and os._exit(0); os.setsid(); print(os.getpid()); "
    code += "sys.stdout.flush(); os.close(1); os.close(2); time.sleep(600)"
    for _ in range(3):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={})
        noted("pids", int(done.stdout))
    time.sleep(600)


def awaits_workers() -> None:
    for _ in loader(lambda: time.sleep(600), workers=2):
        pass


def blocks_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(600)


def floods() -> None:
    while True:
        print("once more")


def leaves_a_flood() -> None:
    """Leave writers that fill a pipe faster than anybody empties it."""
    fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, MIB)
    for _ in range(4):
        process = subprocess.Popen(["yes", "and on" * 1000], start_new_session=True)
        noted("pids", process.pid)
    time.sleep(0.1)


# What dies.


def aborts() -> None:
    import ctypes

    ctypes.CDLL(None).abort()


def is_terminated() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(600)


def is_killed_from_outside() -> None:
    subprocess.Popen(["sh", "-c", f"sleep 0.1; kill -9 {os.getpid()}"], start_new_session=True)
    time.sleep(600)


def leaves_politely() -> None:
    os._exit(0)


def forks_and_leaves() -> None:
    if os.fork():
        os._exit(0)
    noted("pids", os.getpid())
    time.sleep(600)


def forks_and_goes_on() -> Mapping[str, float]:
    """Come back twice: the process that was forked has no say."""
    return {"child": float(os.fork() == 0)}


# What raises.


class Unpicklable(Exception):
    def __init__(self, *held: object) -> None:
        super().__init__(*held)
        self.held = held

    def __reduce__(self) -> Any:
        raise TypeError("never")

    def __str__(self) -> str:
        return "holds a lock"


def raises_what_cannot_be_pickled() -> None:
    raise Unpicklable(threading.Lock(), lambda: 0, sys.stdout)


def raises_at_length() -> None:
    raise ValueError("far too much " * 100_000)


def raises_without_stderr() -> None:
    os.close(1)
    os.close(2)
    raise ValueError("nobody hears")


def raises_with_stderr_closed() -> None:
    sys.stderr.close()
    raise ValueError("nobody hears")


def recurses() -> None:
    recurses()


def prints_and_recurses() -> None:
    for step in range(100):
        print("step", step)
    recurses()


def prints_and_faults() -> None:
    import ctypes

    for step in range(100):
        print("step", step)
    ctypes.string_at(0)


def asks() -> None:
    input("What now? ")


def prints_a_megabyte() -> None:
    sys.stdout.write("x" * MIB)
    sys.stdout.flush()
    os._exit(4)


def closes_all_files() -> None:
    os.closerange(0, 1000)


def finds_a_tensor() -> Mapping[str, Any]:
    import torch

    return {"found": torch.ones(())}


def finds_a_surrogate() -> Mapping[str, Any]:
    return {"found\udcff": 1.0}


def finds_a_word() -> Mapping[str, Any]:
    return {"found": "much"}


def finds_the_wall() -> Mapping[str, Any]:
    return {"wall_s": 0.001}


def finds_the_peak() -> Mapping[str, Any]:
    return {"host_peak_bytes": 1.0}


def finds_a_small_float() -> Mapping[str, Any]:
    import numpy as np

    return {"found": np.float32(0.5), "counted": np.int64(2)}


# What takes memory.


def takes_tensors() -> None:
    import torch

    kept = []
    while True:
        kept.append(torch.ones(4 * MIB))


def takes_objects() -> None:
    kept: list[bytes] = []
    while True:
        kept.append(b"%d" % len(kept) * 20_000)


def takes_arrays() -> None:
    import numpy as np

    np.ones(1 << 40)


def takes_tensors_in_a_worker() -> None:
    for _ in loader(takes_tensors):
        pass


def takes_objects_in_a_worker() -> None:
    for _ in loader(takes_objects):
        pass


def shares_tensors() -> None:
    import torch

    kept = []
    for _ in range(64):
        kept.append(torch.ones(4 * MIB).share_memory_())
        time.sleep(0.02)
    time.sleep(600)


def shares_a_map() -> None:
    import mmap

    with mmap.mmap(-1, 1024 * MIB) as shared:
        for place in range(0, len(shared), 4096):
            shared[place] = 1
        time.sleep(600)


def fills_a_memfd() -> None:
    file = os.memfd_create("bench-tests")
    for _ in range(128):
        os.write(file, bytes(8 * MIB))
        time.sleep(0.02)
    time.sleep(600)


def fills_files_in_memory() -> None:
    """Fill a file and close it, then another: none of them alone is too much."""
    for place in range(3):
        with Path(f"/dev/shm/bench-tests-{os.getpid()}-{place}").open("wb") as file:
            noted("shm", file.name)
            for _ in range(32):
                file.write(bytes(8 * MIB))
                file.flush()
                time.sleep(0.03)
    time.sleep(600)


def takes_with_many() -> None:
    """Take with five processes what each of them might take alone."""

    def take() -> None:
        kept = bytearray(b"x") * (150 * MIB)
        time.sleep(600)
        del kept

    children = [multiprocessing.get_context("fork").Process(target=take) for _ in range(5)]
    for each in children:
        each.start()
    for each in children:
        each.join()


def hears_bad_alloc() -> None:
    raise RuntimeError("std::bad_alloc")


def dies_of_bad_alloc() -> None:
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def cannot_fork() -> None:
    raise OSError(12, "Cannot allocate memory")


def lacks_device_memory() -> None:
    import torch

    raise torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 15.77 GiB"
        " of which 14.02 GiB is free."
    )


def fills_the_device(workload: Workload) -> Findings:
    import torch

    kept = []
    while True:
        kept.append(torch.empty(256 * MIB, dtype=torch.uint8, device=workload.device))


def weighs_the_device(workload: Workload) -> Findings:
    import torch

    free, total = torch.cuda.mem_get_info(workload.device)
    return Findings(metrics={"free": float(free), "total": float(total)})


def loader(act: Callable[[], object], workers: int = 1) -> DataLoader[Any]:
    from torch.utils.data import DataLoader, IterableDataset

    class Acting(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            noted("pids", os.getpid())
            act()
            yield 0

    return DataLoader(Acting(), num_workers=workers, multiprocessing_context="fork")


# What is global.


def changes_everything(workload: Workload) -> Findings:
    """Change all that a process has, print, and leave."""
    import numpy as np
    import torch

    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(5)
    if workload.data is not None:
        workload.data.train.inputs[0].fill_(7)
    os.chdir("/")
    os.environ[CHANGED] = "yes"
    os.umask(0o777)
    os.nice(5)
    sys.path.insert(0, "/nowhere")
    sys.setrecursionlimit(10_000)
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    print("a word for the table", flush=True)
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    for file in range(3, 40):
        try:
            os.ftruncate(file, 0)
        except OSError:
            continue
    os._exit(9)


def notices(workload: Workload) -> Findings:
    """Tell what a trial finds of all this."""
    import numpy as np
    import torch

    noted("noticed", f"{Path.cwd()} {locale.setlocale(locale.LC_ALL)}")
    assert workload.data is not None
    handlers = [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP]
    mask = os.umask(0)
    os.umask(mask)
    found: dict[str, float] = {
        "double": torch.get_default_dtype() == torch.float64,
        "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "python_draw": random.random(),
        "numpy_draw": float(np.random.rand()),
        "torch_draw": float(torch.rand(())),
        "inputs": float(workload.data.train.inputs[0].sum()),
        "environment": len(os.environ) + (CHANGED in os.environ),
        "umask": mask,
        "niceness": os.nice(0),
        "path": len(sys.path),
        "recursion": sys.getrecursionlimit(),
        "filters": len(warnings.filters),
        "files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "handlers": sum(
            (signal.getsignal(each) == signal.SIG_DFL) << place
            for place, each in enumerate(handlers)
        ),
        "own_output": sys.stdout.fileno(),
    }
    return Findings(metrics={name: float(value) for name, value in found.items()})


# Data.


def two_classes() -> Task:
    return Task("classification", (4,), 2)


def load_too_much(place: Place) -> Data:
    takes_tensors()
    raise AssertionError


def load_late(place: Place) -> Data:
    """Hang as often as the file `hangs` says in letters, then load; below 0, abort."""
    import torch

    noted("loading", os.getpid())
    folder = Path(os.environ["BENCH_TESTS_FOLDER"])
    print("load", len((folder / "loading").read_text().split()))
    hangs = int((folder / "hangs").read_text())
    if hangs < 0:
        os.abort()
    if len((folder / "loading").read_text().split()) <= hangs:
        time.sleep(600)
    return Data(Split((torch.ones(8, 4),), torch.zeros(8, dtype=torch.long)))

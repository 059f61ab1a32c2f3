"""A plugin for tests: models that raise, hang, die, print, and leave things behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import Model, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn


@hookimpl
def bench_register_models() -> Sequence[Model]:
    forwards = [
        raises_in_step_7,
        raises_in_evaluation,
        becomes_nan,
        becomes_infinite,
        endless,
        sleeps,
        stops_itself,
        exits,
        exits_politely,
        is_killed,
        segfaults,
        raises_an_error_without_text,
        raises_memory_error,
        is_interrupted,
        prints_a_lot,
        prints_bytes,
        closes_its_output,
        leaves_a_child,
        leaves_a_child_and_sleeps,
        leaves_a_thread,
    ]
    return [
        Model("raises_in_build", raises_in_build),
        Model("builds_no_module", builds_no_module),
        *(Model(each.__name__, building(each)) for each in forwards),
    ]


def building(act: Callable[[int, bool, Tensor], Tensor | None]) -> Callable[[Task], nn.Module]:
    """Make the builder of a linear model that acts in every forward pass."""

    def build(task: Task) -> nn.Module:
        from torch import nn

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = nn.Linear(task.features, task.outputs)
                self.steps = 0

            def forward(self, inputs: Tensor) -> Tensor:
                self.steps += self.training
                outputs: Tensor = self.inner(inputs)
                changed = act(self.steps, self.training, outputs)
                return outputs if changed is None else changed

        return Net()

    return build


def raises_in_build(task: Task) -> nn.Module:
    raise ValueError("no such layer")


def builds_no_module(task: Task) -> Any:
    return "a network"


def raises_in_step_7(step: int, training: bool, outputs: Tensor) -> None:
    if training and step == 7:
        raise RuntimeError("the seventh step\nis the last")


def raises_in_evaluation(step: int, training: bool, outputs: Tensor) -> None:
    if not training:
        raise KeyError("evaluation")


def becomes_nan(step: int, training: bool, outputs: Tensor) -> Tensor | None:
    return outputs * float("nan") if step >= 11 and training else None


def becomes_infinite(step: int, training: bool, outputs: Tensor) -> Tensor | None:
    import torch

    return outputs * 0 + torch.tensor([3e38, -3e38]) if training else None


def endless(step: int, training: bool, outputs: Tensor) -> None:
    while True:
        pass


def sleeps(step: int, training: bool, outputs: Tensor) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def stops_itself(step: int, training: bool, outputs: Tensor) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def exits(step: int, training: bool, outputs: Tensor) -> None:
    print("about to leave", flush=True)
    os._exit(3)


def exits_politely(step: int, training: bool, outputs: Tensor) -> None:
    sys.exit("that is all")


def is_killed(step: int, training: bool, outputs: Tensor) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def segfaults(step: int, training: bool, outputs: Tensor) -> None:
    import ctypes

    ctypes.string_at(0)


class NoTextError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def raises_an_error_without_text(step: int, training: bool, outputs: Tensor) -> None:
    raise NoTextError


def raises_memory_error(step: int, training: bool, outputs: Tensor) -> None:
    raise MemoryError("too much")


def is_interrupted(step: int, training: bool, outputs: Tensor) -> None:
    raise KeyboardInterrupt


def prints_a_lot(step: int, training: bool, outputs: Tensor) -> None:
    if training and step == 3:
        for place in range(20_000):
            print(f"\x1b[31mline {place} " + "x" * 40)
        raise RuntimeError("all printed")


def prints_bytes(step: int, training: bool, outputs: Tensor) -> None:
    os.write(1, b"\xff\xfe\x00 no text\n")
    os.write(2, b"\xc3\x28\n")
    print("\udcff a lone surrogate")


def closes_its_output(step: int, training: bool, outputs: Tensor) -> None:
    if step == 1 and training:
        os.close(1)
        os.close(2)


def leaves_a_child(step: int, training: bool, outputs: Tensor) -> None:
    if step == 1 and training:
        child()


def leaves_a_child_and_sleeps(step: int, training: bool, outputs: Tensor) -> None:
    child()
    time.sleep(600)


def leaves_a_thread(step: int, training: bool, outputs: Tensor) -> None:
    if step == 1 and training:
        threading.Thread(target=time.sleep, args=(600,)).start()


def child() -> None:
    """Start a process in a session of its own that outlives this one; note its id."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    with Path(os.environ["BENCH_TESTS_FOLDER"], "pids").open("a") as file:
        file.write(f"{process.pid}\n")

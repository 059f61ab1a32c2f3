"""Plugin folders for both sides of a gate: a procedure that reports figures, and trains nothing."""

from __future__ import annotations

from pathlib import Path

_PLUGIN = """
import os, time
from pathlib import Path
from typing import Literal
from harness import Findings, Procedure, Workload, hookimpl

NOISE = (0.0, 0.004, -0.003, 0.002, -0.001)
RATE = {rate}


def reported(workload: Workload, *, kind: Literal[
    "steady", "bad", "failing", "waiting"
] = "steady"{more}) -> Findings:
    noise = NOISE[workload.seed % 5]
    metrics = dict(
        train_samples_per_s=1000.0 * (1 + noise),
        test_accuracy=0.9 + noise,
    )
    if kind == "bad":
        held = b"x" * ((96 if {is_head} else 64) << 20)
    if kind == "waiting" and workload.protocol.epochs > 1:  # one that is kept
        Path(os.environ["BENCH_TESTS_FOLDER"], "waiting").write_text(str(os.getpid()))
        time.sleep(600)
    if {is_head}:
        if kind == "failing" and workload.seed in (1, 2):
            raise RuntimeError("no luck")
        metrics["train_samples_per_s"] *= RATE if kind == "bad" else 1.0
        metrics["test_accuracy"] -= 0.02 if kind == "bad" else 0.0
    return Findings(metrics=metrics)


@hookimpl
def bench_register_procedures():
    return [Procedure("reported", reported)]
"""

SUITES = """
[suites.sides.base]
procedure = "reported"
model = "none"
dataset = "none"
optimizer = "none"
loss = "none"
[suites.sides.factors]
"procedure.kind" = ["steady", "bad", "failing"]
"""


def side_folder(folder: Path, *, is_head: bool, more: str = "", rate: float = 0.8) -> Path:
    """Write the plugin of a side: the head is worse in the kind `bad`, slower by a rate."""
    folder.mkdir(parents=True)
    text = _PLUGIN.format(is_head=is_head, more=more, rate=rate)
    (folder / "reporting.py").write_text(text)
    return folder


def suite_file(folder: Path) -> Path:
    """Write the suite of both sides."""
    path = folder / "sides.toml"
    path.write_text(SUITES)
    return path

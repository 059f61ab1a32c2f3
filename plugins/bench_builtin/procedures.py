"""Procedures: what a trial does. Both are the harness's own: a plugin may build on them."""

from __future__ import annotations

from collections.abc import Sequence

from harness import Findings, Procedure, Workload, hookimpl


@hookimpl
def bench_register_procedures() -> Sequence[Procedure]:
    """Hand over the procedures of this module."""
    return [Procedure("train", train), Procedure("infer", infer)]


def train(workload: Workload) -> Findings:
    """Train for the protocol's epochs and measure learning, speed and memory."""
    from harness.training import train as run

    return run(workload)


def infer(workload: Workload) -> Findings:
    """Measure the forward pass alone, in evaluation mode and without gradients."""
    from harness.training import infer as run

    return run(workload)

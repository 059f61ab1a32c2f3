"""The training loop, what it steps on and what it evaluates: `train` and `infer` are public."""

from harness.training.loop import infer, train

__all__ = ["infer", "train"]

"""Files that torch saves: written as the disk allows, read though they may be anything.

What each file is for, and what is refused in it, is its reader's: `prepare` and `weights`.
"""

from __future__ import annotations

import pickle
import struct
from typing import IO, Any

import torch

DAMAGED = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What torch raises for a file that is none of its own, or not as it was written."""


def save(content: Any, file: IO[bytes]) -> None:
    """Write content that `torch.load` reads with `weights_only=True`.

    Raises:
        OSError: the disk refuses; torch hides that behind an assertion of its own.
    """
    try:
        torch.save(content, file)
    except RuntimeError as error:
        raise error.__context__ if isinstance(error.__context__, OSError) else error from None

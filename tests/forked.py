"""Measuring in a process like a trial's: forked from one that has imported torch, heap trimmed."""

from __future__ import annotations

import gc
import json
import os
import traceback
from collections.abc import Callable
from typing import Any

from harness.measuring.memory import trim_heap


def in_child(measure: Callable[[], Any]) -> Any:
    """Measure in a forked process; what is measured must be plain."""
    trim_heap()
    gc.freeze()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = json.dumps({"found": measure()})
        except BaseException:  # noqa: BLE001  # told to the parent, which fails
            text = json.dumps({"raised": traceback.format_exc()})
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    gc.unfreeze()
    with os.fdopen(reader) as stream:
        found = json.loads(stream.read())
    os.waitpid(child, 0)
    assert "raised" not in found, found["raised"]
    return found["found"]

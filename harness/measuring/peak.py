"""A process's anonymous memory at its peak, as Linux lets it be read; never a sample of now.

Only anonymous memory is counted: torch's own code that faults in, and data that is mapped, are not
the model's.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.measuring.readings import Reading

_FIELD = re.compile(r"^(VmHWM|RssAnon|RssFile|RssShmem):\s+(\d+) kB$", re.MULTILINE)
_RESET_PEAK = "5"
_SLACK = 16 * 2**20
_CLOSELY_S = 0.001


class HostPeak:
    """Anonymous memory of this process at its peak, less that at the start.

    Linux keeps the peak of all resident memory (VmHWM) and lets it be reset (proc(5), clear_refs).
    A phase's anonymous peak is that peak less the file-backed and shared pages at the phase's start
    or end, whichever were more, and at least the anonymous memory at the phase's end. A kernel that
    is short of memory takes file-backed pages away (17 MB of torch's were seen to go), so those at
    the end alone would count what went as the model's. The error left is how many were added
    between the peak and the phase's end. In a first step torch's code faults
    in: 13 to 30 MB were seen to come after what such a step held for a moment, and hid as much of
    it. So build and take the first step `closely`; later phases add next to none.

    Args:
        proc: The folder of this process under /proc.
        platform: As `sys.platform`.
        closely_s: Length of the phases inside of `closely`, where the machine has time for them.

    Attributes:
        phases: How many have ended.
    """

    def __init__(
        self,
        proc: Path = Path("/proc/self"),
        platform: str = sys.platform,
        closely_s: float = _CLOSELY_S,
    ) -> None:
        self.phases = 0
        self._proc = proc
        self._failure: str | None = "the peak of host memory was not watched"
        self._start = 0
        self._peak = 0
        self._other = 0
        self._marked = False
        self._linux = platform == "linux"
        self._closely_s = closely_s

    def start(self) -> None:
        """Take the memory of now as the base, and watch for a peak from here on."""
        self._marked = False
        self._failure = (
            None if self._linux else "the peak of anonymous memory is read on Linux only"
        )
        self._reset()
        pages = self._read()
        if pages is None:
            return
        self._start = self._peak = pages.anonymous
        self._other = pages.other
        if pages.peak > pages.anonymous + pages.other + _SLACK:
            self._failure = "the kernel did not reset the peak of memory (clear_refs)"

    def mark(self) -> None:
        """End a phase, and begin the next; from the last one on nothing counts."""
        self._end_phase()
        self._marked = True

    @contextmanager
    def closely(self) -> Iterator[None]:
        """End a phase each millisecond while a block runs, and one at its end.

        A thread does it, so nothing that is timed belongs in such a block.
        """
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over,), name="peak", daemon=True)
        with suppress(RuntimeError):  # no memory for a thread: one phase is less exact, not wrong
            watcher.start()
        try:
            yield
        finally:
            over.set()
            if watcher.ident is not None:
                watcher.join()
            self._end_phase()

    def reading(self) -> Reading:
        """Tell the bytes over the start, up to the last mark; or why they could not be read.

        Where nobody marked a phase, everything since the start counts.
        """
        if not self._marked:
            self._end_phase()
        if self._failure is not None:
            return Reading(None, self._failure)
        return Reading(self._peak - self._start)

    def _watch(self, over: threading.Event) -> None:
        while self._failure is None and not over.wait(self._closely_s):
            self._end_phase()

    def _end_phase(self) -> None:
        ended = self._read()
        if ended is not None:
            other = max(self._other, ended.other)
            self._peak = max(self._peak, ended.anonymous, ended.peak - other)
            self._other = ended.other
            self._reset()
            self.phases += 1

    def _reset(self) -> None:
        if self._failure is not None:
            return
        try:
            (self._proc / "clear_refs").write_text(_RESET_PEAK)
        except OSError as error:
            self._failure = f"the peak of memory cannot be reset: {error}"

    def _read(self) -> _Pages | None:
        if self._failure is not None:
            return None
        try:
            found = dict(_FIELD.findall((self._proc / "status").read_text()))
            sizes = {name: 1024 * int(kib) for name, kib in found.items()}
            return _Pages(
                sizes["VmHWM"], sizes["RssAnon"], sizes["RssFile"] + sizes.get("RssShmem", 0)
            )
        except (OSError, KeyError) as error:
            self._failure = f"the peak of memory cannot be read from /proc: {error}"
            return None


@dataclass(frozen=True, slots=True)
class _Pages:
    """Resident bytes: all at the peak; anonymous now; file-backed and shared now."""

    peak: int
    anonymous: int
    other: int

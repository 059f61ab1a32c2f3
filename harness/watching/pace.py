"""How far a run is, when it will end, and how often that is drawn anew."""

from __future__ import annotations

import threading
from collections.abc import Callable

from harness.units import duration

_REDRAW_S = 1.0


class Pace:
    """Counts the trials of a run: `[3/12, 1 not ok]  2 min 5 s left`.

    Args:
        now: Seconds that only go forward.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._total = self._done = self._before = 0
        self._started: float | None = None
        self._waits = True

    def begin(self, total: int, done: int) -> None:
        """Count from here: how many trials there are, and how many were done before."""
        self._total, self._done, self._before = total, done, done
        self._started, self._waits = None, True

    def start(self) -> None:
        """Take the time of the first trial that starts: the server starts once, not for each."""
        if self._waits:
            self._started, self._before, self._waits = self._now(), self._done, False

    def end(self) -> None:
        """Count a trial that has ended."""
        self._done += 1
        if self._started is None:  # another process starts them, or this one was not tried
            self._started, self._before = self._now(), self._done

    def count(self, failed: int) -> str:
        """Say how many trials are done, of how many, and how many of them are not ok."""
        told = f", {failed} not ok" if failed else ""
        return f"[{self._done}/{self._total}{told}]"

    def left(self) -> str:
        """Say how long the rest will take, as the trials so far did; empty where none tells."""
        done = self._done - self._before
        if not done or self._started is None or self._done >= self._total:
            return ""
        left_s = (self._now() - self._started) / done * (self._total - self._done)
        return f"  {duration(max(1.0, left_s))} left"


class Redraw:
    """Draws at most once a second: now, or once when the last drawing is old enough.

    Nothing ticks, so that a trial that takes long is measured in peace.

    Args:
        draw: What draws; it is called with the lock held, perhaps by a timer's thread.
        now: Seconds that only go forward.
        lock: What guards all that is drawn.
    """

    def __init__(
        self, draw: Callable[[], object], now: Callable[[], float], lock: threading.RLock
    ) -> None:
        self._draw = draw
        self._now = now
        self._lock = lock
        self._drawn = now()
        self._later: threading.Timer | None = None

    def soon(self) -> None:
        """Draw now, or within a second."""
        with self._lock:
            early_s = _REDRAW_S - (self._now() - self._drawn)
            if early_s <= 0:
                self._at_once()
            elif self._later is None:
                self._later = threading.Timer(early_s, self._late)
                self._later.daemon = True
                self._later.start()

    def close(self) -> None:
        """Draw no more, not even what is due."""
        with self._lock:
            if self._later is not None:
                self._later.cancel()
                self._later = None

    def _late(self) -> None:
        with self._lock:
            if self._later is not None:  # it was not closed meanwhile
                self._at_once()

    def _at_once(self) -> None:
        self.close()
        self._drawn = self._now()
        self._draw()

"""The streams of the command: they bear closed files, readers that go away, narrow encodings."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, ClassVar, TextIO


def bear_everything() -> None:
    """Make stdout and stderr such that printing never raises.

    What the shell has closed (`bench show >&-`) becomes the null device, or the next files would
    take its place.
    """
    for place in range(3):
        try:
            os.fstat(place)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _patient(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _patient(sys.stderr, 2)


def columns(stream: TextIO) -> int | None:
    """Count the columns of a terminal, or take `COLUMNS`; None where the stream is no terminal."""
    if os.environ.get("COLUMNS", "").isdecimal():
        return max(20, int(os.environ["COLUMNS"]))
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def lines(stream: TextIO) -> int:
    """Count the lines of a terminal, or take `LINES`; 24 where neither is known."""
    if os.environ.get("LINES", "").isdecimal():
        return max(1, int(os.environ["LINES"]))
    try:
        return os.get_terminal_size(stream.fileno()).lines or 24
    except (OSError, ValueError):
        return 24


def redraws(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal that can go back to lines that it has."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def lost() -> str | None:
    """Say why something that was printed to stdout did not get there; None: nobody misses any."""
    sys.stdout.flush()
    return _Patient.lost.get(1)


class _Patient(io.FileIO):
    """A file whose failures end nothing: a run goes on when nobody reads, or the disk is full.

    That nobody reads any more (`bench show | head -1`) is no failure.
    """

    lost: ClassVar[dict[int, str]] = {}

    def write(self, content: Any) -> int:
        try:
            return super().write(content) or 0
        except BrokenPipeError:
            pass
        except OSError as error:
            self.lost[self.fileno()] = error.strerror or str(error)
        return len(content)


def _patient(stream: TextIO | None, place: int) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(_Patient(place, "w", closefd=False)),
        encoding=stream.encoding if stream is not None else "utf-8",
        errors="replace" if place == 1 else "backslashreplace",
        line_buffering=True,
    )

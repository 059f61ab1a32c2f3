"""The errors that a user can cause, and the words that help after one.

    BenchError               one line on stderr, exit 2
    |-- LevelError           a text that is no level
    |-- SettingError         an address or a value that no definition takes
    |-- UnknownName          a name that nothing is registered under
    |-- SuiteError           a suite that cannot be read or planned
    |-- PluginError          a plugin that cannot be loaded, or breaks the interface
    `-- StoreError           results that cannot be read or written

Anything else that reaches the command line is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class BenchError(Exception):
    """A mistake of the user, told in one line."""


class LevelError(BenchError):
    """A text that is no level."""


class SettingError(BenchError):
    """An address that nothing has, or a value that its option refuses."""


class SuiteError(BenchError):
    """A suite that cannot be read or planned."""


class PluginError(BenchError):
    """A plugin that cannot be loaded, or that breaks the interface."""


class StoreError(BenchError):
    """Results that cannot be found, read or written."""


class UnknownName(BenchError):  # its base says that it is an error
    """A name that nothing is registered under; the message offers the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str], note: str = "") -> None:
        message = f"unknown {kind} {name!r}{what_would_work(name, known)}"
        super().__init__(f"{message}; {note}" if note else message)


def what_would_work(name: str, known: Iterable[str], most: int = 12) -> str:
    """Say the nearest of the known names, then the known names, as the end of a message."""
    names = sorted(set(known))
    if not names:
        return " (there are none)"
    shown = ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")
    near = nearest(name, names)
    return f": did you mean {near!r}? (known: {shown})" if near else f" (known: {shown})"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Find the known name that is most like this one, or has it as a part, if there is any."""
    folded = {same_name(each): each for each in known}
    wanted = same_name(name)
    found = difflib.get_close_matches(wanted, folded, n=1, cutoff=0.6)
    found = found or [each for each in folded if wanted in re.split(r"[._]", each)]
    return folded[found[0]] if found else None


def same_name(name: str) -> str:
    """Fold what is equal in names: `-` and `_`, upper and lower case."""
    return name.replace("-", "_").lower()

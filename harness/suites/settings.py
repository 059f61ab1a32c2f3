"""Addresses and levels: the small language in which settings are written.

    levels  = level {"," level}
    level   = NAME "[" option {"," option} "]" | "[" [levels] "]" | "{" row {"," row} "}"
            | true | false | none | number | "string" | bare word
    option  = NAME "=" level          row = GLOB "=" level

A level is kept as a plain value (None, bool, int, float, str, tuple), a `Named` (a name with
options) or a `Globs` (levels by parameter name). `text` writes the canonical form, which parses
back to the same level.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import force_setattr

from harness.errors import LevelError, same_name

DEFINITION_ROOTS: Mapping[str, str] = {
    "model": "model",
    "dataset": "dataset",
    "optimizer": "optimizer",
    "schedule": "schedule",
    "init": "initializer",
    "bias_init": "initializer",
    "loss": "loss",
    "procedure": "procedure",
}
"""The addresses at which a definition stands, and its kind."""

PROTOCOL_ROOTS = (
    "epochs",
    "batch_size",
    "device",
    "threads",
    "precision",
    "validation",
    "folds",
    "loading",
    "timed_s",
    "timeout_s",
    "memory_limit",
    "metrics",
    "target",
    "target_metric",
)
"""The addresses that say how to train and measure."""

ROOTS = (*DEFINITION_ROOTS, *PROTOCOL_ROOTS)
AS_BUILT = "as_built"
"""The level of `init` and `bias_init` that leaves parameters as the model made them."""

Level: TypeAlias = "None | bool | int | float | str | tuple[Level, ...] | Named | Globs"
Value: TypeAlias = "None | bool | int | float | str | tuple[Value, ...]"

_T = TypeVar("_T")

DEEPEST = 32
"""How deep lists, names with options and tables of globs may stand in each other."""

_WORD = re.compile(r"[^\s,=\[\]{}\"\x00-\x1f\x7f]+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_INTEGER = re.compile(r"[+-]?[0-9]{1,400}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "none": None}


class Named(Struct, frozen=True):
    """A definition's name with options: `sgd[lr=0.1]`; the options are sorted by name."""

    name: str
    options: tuple[tuple[str, Level], ...]

    def __post_init__(self) -> None:
        force_setattr(self, "options", tuple(sorted(self.options, key=lambda each: each[0])))


class Globs(Struct, frozen=True):
    """Levels by globs over the names of parameters; the first that matches wins."""

    rows: tuple[tuple[str, Level], ...]


def parse_levels(text: str) -> tuple[Level, ...]:
    """Read levels that are separated by commas outside of brackets.

    Raises:
        LevelError: the text is empty, or a part of it is no level.
    """
    _check_text(text, text)
    reader = _Reader(text)
    levels = [reader.level()]
    while reader.take(","):
        levels.append(reader.level())
    reader.end()
    return tuple(levels)


def parse_level(text: str) -> Level:
    """Read one level.

    Raises:
        LevelError: the text is no level, or several.
    """
    levels = parse_levels(text)
    if len(levels) > 1:
        raise LevelError(
            f"{text!r} is {len(levels)} levels where one is wanted; a list is written [a,b]"
        )
    return levels[0]


def level_of(value: object, depth: int = 0) -> Level:
    """Make a level of what TOML or Python hands over: lists become tuples, tables globs.

    Raises:
        LevelError: a text is no level, a number is not finite, the type has no level, or lists in
            lists go on for ever.
    """
    if isinstance(value, str):
        return parse_level(value)
    if value is None or isinstance(value, bool | Named | Globs):
        return value
    if isinstance(value, int | float):
        return _number(value, repr(value))
    if depth >= DEEPEST:
        raise LevelError(f"a level is nested deeper than {DEEPEST}")
    if isinstance(value, list | tuple):
        return tuple(level_of(each, depth + 1) for each in value)
    if isinstance(value, Mapping):
        return Globs(tuple((str(glob), level_of(each, depth + 1)) for glob, each in value.items()))
    raise LevelError(f"{value!r} is no level: a {type(value).__name__} has no place in settings")


def text(level: Level) -> str:
    """Write a level in its canonical form, which `parse_level` reads back."""
    if isinstance(level, Named):
        return f"{level.name}[{_pairs(level.options)}]" if level.options else level.name
    if isinstance(level, Globs):
        return "{" + _pairs(level.rows) + "}"
    if isinstance(level, tuple):
        return "[" + ",".join(text(each) for each in level) + "]"
    if isinstance(level, str):
        return _word(level)
    if isinstance(level, bool) or level is None:
        return "none" if level is None else str(level).lower()
    return repr(level)


def plain(level: Level) -> Value:
    """Make the value that JSON keeps: names with options and globs become their text."""
    if isinstance(level, Named | Globs):
        return text(level)
    if isinstance(level, tuple):
        return tuple(plain(each) for each in level)
    return level


def split_name(level: Level) -> tuple[str | None, Mapping[str, Level]] | None:
    """Take a level at a definition's address apart: its name (None for `none`) and options.

    Returns None where the level is no name.
    """
    if isinstance(level, Named):
        return level.name, dict(level.options)
    if level is None or isinstance(level, str):
        return level, {}
    return None


def join_name(name: str | None, options: Mapping[str, Level]) -> Level:
    """Make the level of a name with options; the inverse of `split_name`."""
    return Named(name, tuple(options.items())) if name is not None and options else name


def address_of(text: str) -> str:
    """Normalise an address: `-` is `_`.

    Raises:
        LevelError: the text is no address.
    """
    address = text.strip().replace("-", "_")
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?", address):
        raise LevelError(
            f"{text!r} is no address: write NAME or NAME.OPTION, for example model.dropout"
        )
    return address


def root_of(address: str) -> str:
    """Name the root of an address: `model` of `model.hidden`."""
    return address.partition(".")[0]


def flat_table(table: Mapping[str, object], prefix: str = "") -> Iterable[tuple[str, object]]:
    """Walk a table as (address, value); `{model = {dropout = 0.1}}` means `model.dropout`.

    A table under `init` and `bias_init` is a level (globs), not a nested address.
    """
    for key, value in table.items():
        address = address_of(prefix + key)
        if isinstance(value, Mapping) and not _is_globs(address):
            yield from flat_table(value, prefix=f"{address}.")
        else:
            yield address, value


def _is_globs(address: str) -> bool:
    return DEFINITION_ROOTS.get(address) == "initializer"


def _pairs(pairs: Iterable[tuple[str, Level]]) -> str:
    return ",".join(f"{_key(name)}={text(level)}" for name, level in pairs)


def _key(name: str) -> str:
    return name if _WORD.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _word(word: str) -> str:
    bare = _WORD.fullmatch(word) and word.lower() not in _CONSTANTS and not _is_number(word)
    return word if bare else json.dumps(word, ensure_ascii=False)


def _is_number(word: str) -> bool:
    return any(each.fullmatch(word) for each in (_INTEGER, _FLOAT, _NOT_FINITE))


def _number(value: int | float, shown: str) -> int | float:
    if isinstance(value, float) and not math.isfinite(value):
        raise LevelError(f"{shown} is no level: numbers must be finite")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise LevelError(f"{shown} is no level: whole numbers must fit in 64 bits")
    return value


def _check_text(word: str, source: str) -> None:
    """Refuse half a character (from bytes that are no UTF-8, say): no record could keep it."""
    if any("\ud800" <= each <= "\udfff" for each in word):
        raise LevelError(f"{source!r} is no level: it is no text that UTF-8 can hold")


class _Reader:
    """Reads levels from the left; every method leaves the place behind what it read."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.place = 0
        self.depth = 0

    def level(self) -> Level:
        if self.take("["):
            return self._inside(self._list)
        if self.take("{"):
            return Globs(self._inside(lambda: self._pairs("}", "GLOB=LEVEL")))
        quoted = self._match(_STRING)
        if quoted is not None:
            return self._unquote(quoted)
        word = self._match(_WORD)
        if word is None:
            raise self._wrong("a level")
        if self.take("["):
            options = self._inside(lambda: self._pairs("]", "OPTION=LEVEL"))
            return join_name(word, dict(options))
        return _bare(word)

    def take(self, sign: str) -> bool:
        self._skip()
        found = self.source.startswith(sign, self.place)
        self.place += found
        return found

    def end(self) -> None:
        self._skip()
        if self.place < len(self.source):
            raise self._wrong("a comma or the end")

    def _inside(self, read: Callable[[], _T]) -> _T:
        if self.depth >= DEEPEST:
            raise LevelError(f"a level is nested deeper than {DEEPEST}")
        self.depth += 1
        found = read()
        self.depth -= 1
        return found

    def _list(self) -> tuple[Level, ...]:
        if self.take("]"):
            return ()
        levels = [self.level()]
        while self.take(","):
            levels.append(self.level())
        if not self.take("]"):
            raise self._wrong("',' or ']'")
        return tuple(levels)

    def _pairs(self, closing: str, form: str) -> tuple[tuple[str, Level], ...]:
        pairs: dict[str, Level] = {}
        while not self.take(closing):
            if pairs and not self.take(","):
                raise self._wrong(f"',' or {closing!r}")
            key = self._key(form)
            name = key if closing == "}" else key.replace("-", "_")
            if name in pairs:
                raise LevelError(f"{self.source!r} is no level: {name!r} is given twice")
            pairs[name] = self.level()
        return tuple(pairs.items())

    def _key(self, form: str) -> str:
        self._skip()
        quoted = self._match(_STRING)
        key = self._unquote(quoted) if quoted is not None else self._match(_WORD)
        if key is None or not self.take("="):
            raise self._wrong(form)
        return key

    def _unquote(self, quoted: str) -> str:
        try:
            word = str(json.loads(quoted, strict=False))
        except ValueError:
            raise LevelError(f"{self.source!r} is no level: {quoted} is no string") from None
        _check_text(word, self.source)
        return word

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        self._skip()
        found = pattern.match(self.source, self.place)
        if found is None:
            return None
        self.place = found.end()
        return found.group()

    def _skip(self) -> None:
        while self.source[self.place : self.place + 1].isspace():
            self.place += 1

    def _wrong(self, wanted: str) -> LevelError:
        if not self.source.strip():
            return LevelError("a level is missing: write NAME, NAME[option=value] or a value")
        found = (
            repr(self.source[self.place : self.place + 20])
            if self.place < len(self.source)
            else "the end"
        )
        return LevelError(f"{self.source!r} is no level: {wanted} is wanted where {found} stands")


def _bare(word: str) -> Level:
    folded = same_name(word)
    if folded in _CONSTANTS:
        return _CONSTANTS[folded]
    if _NOT_FINITE.fullmatch(word):
        raise LevelError(f"{word} is no level: numbers must be finite")
    if _INTEGER.fullmatch(word):
        return _number(int(word), word)
    if _FLOAT.fullmatch(word):
        return _number(float(word), word)
    return word

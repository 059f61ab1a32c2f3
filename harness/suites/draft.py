"""Drafts: suites with their addresses and levels read; and the TOML files that suites stand in."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import LevelError, SuiteError, what_would_work
from harness.suites.settings import ROOTS, Level, flat_table, level_of, root_of
from harness.suites.suite import Design, Expect, Suite

_SUITE_KEYS = (
    "summary",
    "seeds",
    "base",
    "factors",
    "together",
    "baseline",
    "design",
    "include",
    "exclude",
    "expect",
    "margins",
    "columns",
)
_FILE_KEYS = ("plugins", "suites")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """An expectation with its levels read."""

    expect: Expect
    where: Mapping[str, Level]
    better_than: Mapping[str, Level] | None
    same_as: Mapping[str, Level] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A suite with its addresses and levels read, its names not yet looked up."""

    name: str
    summary: str
    base: Mapping[str, Level]
    factors: Mapping[str, tuple[Level, ...]]
    together: tuple[Mapping[str, Level], ...]
    seeds: tuple[int, ...]
    baseline: Mapping[str, Level] | None
    design: Design
    include: tuple[Mapping[str, Level], ...]
    exclude: tuple[Mapping[str, Level], ...]
    expect: tuple[Expected, ...]
    margins: Mapping[str, float]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFile:
    """What a TOML file holds: the plugins it names (as written) and its suites."""

    plugins: tuple[str, ...] = ()
    suites: tuple[Suite, ...] = ()


def read_file(path: Path) -> SuiteFile:
    """Read a TOML file with suites.

    Raises:
        SuiteError: the file is absent, is no TOML, or has keys that mean nothing.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SuiteError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SuiteError(f"{path} is no UTF-8 text") from None
    except RecursionError:
        raise SuiteError(f"{path} cannot be read: it is nested too deep") from None
    except ValueError as error:
        raise SuiteError(f"{path} is no TOML: {error}") from None
    _check_keys(table, _FILE_KEYS, str(path))
    plugins = table.get("plugins", [])
    if not isinstance(plugins, list) or not all(isinstance(each, str) for each in plugins):
        raise SuiteError(
            f"{path}: plugins must be a list of module names or files, not {plugins!r}"
        )
    suites = _table(table.get("suites", {}), f"{path}: suites")
    return SuiteFile(
        plugins=tuple(plugins),
        suites=tuple(suite_of(name, body, str(path)) for name, body in suites.items()),
    )


def suite_of(name: str, body: object, origin: str) -> Suite:
    """Make a suite of a table, and check it.

    Raises:
        SuiteError: a key means nothing, or a value is of another type.
    """
    where = f"suite {name!r} ({origin})"
    table = _table(body, where)
    _check_keys(table, _SUITE_KEYS, where)
    suite = Suite(name, origin=origin, **table)
    draft(suite)
    return suite


def draft(suite: Suite) -> Draft:
    """Read the addresses and levels of a suite.

    Raises:
        SuiteError: a field is of another type, a level does not parse, a factor has no levels.
    """
    where = f"suite {suite.name!r}" + (f" ({suite.origin})" if suite.origin else "")
    try:
        return _draft(suite)
    except (LevelError, SuiteError) as error:
        raise SuiteError(f"{where}: {error}") from None


def seed_range(given: object) -> tuple[int, ...]:
    """Read seeds: 5 plans 0 to 4, `5:10` 5 to 9, a list itself.

    Raises:
        SuiteError: there is no seed, one is negative, or one stands twice.
    """
    seeds = _seeds(given)
    if not seeds:
        raise SuiteError(
            f"seeds={given!r} plans no seed: give a number from 1, FIRST:END, or a list"
        )
    if min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise SuiteError(
            f"seeds={given!r} has a negative seed, or one twice: seeds are different from 0 on"
        )
    return seeds


def _draft(suite: Suite) -> Draft:
    if not isinstance(suite.name, str) or not suite.name.strip():
        raise SuiteError("a suite needs a name")
    factors: dict[str, tuple[Level, ...]] = {}
    for address, levels in flat_table(_table(suite.factors, "factors")):
        if address in factors:
            raise SuiteError(f"factors: {address} is given twice")
        factors[address] = _levels(address, levels)
    design = suite.design
    if design not in ("product", "ablate", "zip"):
        raise SuiteError(
            f"design is {design!r}{what_would_work(str(design), ('product', 'ablate', 'zip'))}"
        )
    built = Draft(
        name=suite.name,
        summary=str(suite.summary),
        base=_assignment(suite.base, "base"),
        factors=factors,
        together=_rows(suite.together, "together"),
        seeds=seed_range(suite.seeds),
        baseline=None if suite.baseline is None else _assignment(suite.baseline, "baseline"),
        design=design,
        include=_rows(suite.include, "include"),
        exclude=_rows(suite.exclude, "exclude"),
        expect=tuple(_expected(each) for each in _list(suite.expect, "expect")),
        margins=_margins(suite.margins),
        columns=_columns(suite.columns),
    )
    _check_draft(built)
    return built


def _check_draft(built: Draft) -> None:
    if len({frozenset(row) for row in built.together}) > 1:
        raise SuiteError("together: every row must have the same addresses")
    columns = set(built.together[0]) if built.together else set()
    twice = columns & set(built.factors)
    if twice:
        raise SuiteError(f"{sorted(twice)[0]} stands in factors and in together")
    rows = [*built.together, *built.include, *built.exclude]
    for each in built.expect:
        rows += [each.where, each.better_than or {}, each.same_as or {}]
    for table in (built.base, built.factors, *rows, built.baseline or {}):
        for address in table:
            if root_of(address) not in ROOTS:
                raise SuiteError(
                    f"unknown address {address!r}{what_would_work(root_of(address), ROOTS)}"
                )


def _assignment(table: object, where: str) -> dict[str, Level]:
    found: dict[str, Level] = {}
    for address, value in flat_table(_table(table, where)):
        if address in found:
            raise SuiteError(f"{where}: {address} is given twice")
        try:
            found[address] = level_of(value)
        except LevelError as error:
            raise SuiteError(f"{where}: {address}: {error}") from None
    return found


def _rows(rows: object, where: str) -> tuple[dict[str, Level], ...]:
    tables = tuple(_assignment(each, where) for each in _list(rows, where))
    if not all(tables):
        raise SuiteError(f"{where}: a table is empty: it needs at least one level")
    return tables


def _levels(address: str, levels: object) -> tuple[Level, ...]:
    read = []
    for each in _list(levels, f"factors: {address}"):
        try:
            read.append(level_of(each))
        except LevelError as error:
            raise SuiteError(f"factors: {address}: {error}") from None
    if not read:
        raise SuiteError(f"the factor {address} has no levels: give at least one")
    return tuple(read)


def _expected(given: object) -> Expected:
    if isinstance(given, Mapping):
        _check_keys(given, Expect.__struct_fields__, "expect")
    try:
        expect = given if isinstance(given, Expect) else msgspec.convert(given, Expect)
    except msgspec.ValidationError as error:
        raise SuiteError(f"expect: {str(error)[:1].lower()}{str(error)[1:]}") from None
    claims = [expect.min, expect.max, expect.better_than, expect.same_as]
    if expect.status is None and (expect.metric is None or all(each is None for each in claims)):
        raise SuiteError("expect: give a metric with min, max, better_than or same_as, or a status")
    if not 0 < expect.share <= 1:
        raise SuiteError(f"expect: share={expect.share} is no share: it lies above 0 and up to 1")
    for name in ("min", "max"):
        value = getattr(expect, name)
        if value is not None and not math.isfinite(value):
            raise SuiteError(f"expect: {name}={value} is no bound: numbers must be finite")
    for name in ("epoch", "by_epoch"):
        value = getattr(expect, name)
        if value is not None and value < 1:
            raise SuiteError(f"expect: {name}={value} is no epoch: they are counted from 1")
    if expect.epoch is not None and expect.by_epoch is not None:
        raise SuiteError("expect: epoch and by_epoch exclude each other")
    return Expected(
        expect=expect,
        where=_assignment(expect.where, "expect: where"),
        better_than=_optional(expect.better_than, "expect: better_than"),
        same_as=_optional(expect.same_as, "expect: same_as"),
    )


def _optional(table: object, where: str) -> dict[str, Level] | None:
    return None if table is None else _assignment(table, where)


def _margins(given: object) -> dict[str, float]:
    margins = _table(given, "margins")
    for metric, margin in margins.items():
        if (
            isinstance(margin, bool)
            or not isinstance(margin, int | float)
            or not 0 <= margin < 1e300
        ):
            raise SuiteError(f"margins: {metric}={margin!r} is no margin: it is a number from 0")
    return {metric: float(margin) for metric, margin in margins.items()}


def _columns(given: object) -> tuple[str, ...]:
    found = tuple(_list(given, "columns"))
    for each in found:
        if not isinstance(each, str) or not each.strip():
            raise SuiteError(f"columns: {each!r} names no metric: give a list of their names")
    return found


def _seeds(given: object) -> tuple[int, ...]:
    if isinstance(given, str):
        return _seed_text(given)
    if isinstance(given, int) and not isinstance(given, bool):
        return tuple(range(min(given, 1_000_000)))
    if isinstance(given, Sequence) and all(type(each) is int for each in given):
        return tuple(given)
    raise SuiteError(f"seeds={given!r} is neither a number, FIRST:END nor a list of numbers")


def _seed_text(given: str) -> tuple[int, ...]:
    span = re.fullmatch(r"\s*([0-9]{1,9})\s*:\s*([0-9]{1,9})\s*", given)
    if span:
        return tuple(range(int(span[1]), int(span[2])))
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", given):
        return _seeds(int(given))
    if re.fullmatch(r"\s*[0-9]{1,9}(\s*,\s*[0-9]{1,9})+\s*", given):
        return tuple(int(each) for each in given.split(","))
    raise SuiteError(f"seeds={given!r} is neither a number, FIRST:END nor a list of numbers")


def _table(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SuiteError(f"{where} must be a table, not {value!r}")
    return dict(value)


def _list(value: object, where: str) -> list[Any]:
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise SuiteError(f"{where} must be a list, not {value!r}")
    return list(value)


def _check_keys(table: Mapping[str, object], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise SuiteError(f"{where}: unknown key {key!r}{what_would_work(key, known)}")

"""`ADDRESS=VALUE` on the command line: what it means, and what it does to a draft."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from harness.errors import LevelError, SettingError, UnknownName, same_name
from harness.planning.resolve import DEFAULT_LEVELS, LOSS_BY_KIND
from harness.plugin.definitions import Dataset, Task
from harness.plugin.registry import Registry
from harness.suites.draft import Draft, Expected
from harness.suites.settings import (
    AS_BUILT,
    DEFINITION_ROOTS,
    ROOTS,
    Globs,
    Level,
    Named,
    address_of,
    join_name,
    parse_levels,
    root_of,
    split_name,
    text,
)

SWEEP = "sweep"
"""The name of a sweep of one's own."""


_FLAGS = ("seeds", "suite", "jobs", "file", "results")
"""Words that stand with two dashes on the command line."""


@dataclass(frozen=True, slots=True)
class Override:
    """One `ADDRESS=V1,V2`: a setting where there is one level, a factor where there are several."""

    address: str
    levels: tuple[Level, ...]


def parse_override(given: str) -> Override:
    """Read `ADDRESS=VALUE` or `ADDRESS=V1,V2`.

    Raises:
        LevelError: it has no `=`, no address, or a level that does not parse.
    """
    address, sign, value = given.partition("=")
    if not sign:
        raise LevelError(
            f"{given!r} is no setting: write ADDRESS=VALUE, for example model.dropout=0,0.5;"
            " a suite is named by --suite"
        )
    if not value.strip():
        raise LevelError(f"{given!r} has no level: write {address}=VALUE or {address}=V1,V2")
    try:
        return Override(address_of(address), parse_levels(value))
    except LevelError as error:
        shown = f"{address}: " if address not in str(error) else ""
        raise LevelError(f"{shown}{error}") from None


def overridden(draft: Draft, overrides: Sequence[Override], registry: Registry) -> Draft:
    """Replace settings and factors of a draft.

    Raises:
        UnknownName: an address is no setting, and no option of a chosen definition.
        SettingError: a bare name is an option of several, or an address is given twice.
    """
    ordered = sorted(overrides, key=lambda each: "." in each.address or each.address not in ROOTS)
    seen: set[str] = set()
    for each in ordered:
        address = _full_address(each.address, draft, overrides, registry)
        if address in seen:
            raise SettingError(f"{address} is given twice on the command line")
        seen.add(address)
        draft = _replaced(draft, address, each.levels)
    return draft


def _full_address(
    address: str, draft: Draft, overrides: Sequence[Override], registry: Registry
) -> str:
    root, _, option = address.partition(".")
    if address in ROOTS:
        return address
    chosen = _chosen_options(draft, overrides, registry)
    if option:
        if root not in DEFINITION_ROOTS:
            raise UnknownName("address", address, [*ROOTS, *chosen])
        if address not in chosen:
            raise UnknownName(
                "address", address, [each for each in chosen if root_of(each) == root] or chosen
            )
        return address
    found = [each for each in chosen if each.partition(".")[2] == address]
    if not found and address in _FLAGS:
        raise SettingError(
            f"{address} is no setting: give --{address}, before or after the settings"
        )
    if not found:
        known = [*ROOTS, *(each.partition(".")[2] for each in chosen), *chosen]
        raise UnknownName("address", address, known, _owners(address, registry))
    if len(found) > 1:
        raise SettingError(
            f"{address!r} stands for {' and for '.join(found)}: write the address in full"
        )
    return found[0]


def _owners(option: str, registry: Registry) -> str:
    """Name the definitions that have such an option, though the plan has not chosen them."""
    owners = [
        f"{root}={entry.name}"
        for root, kind in DEFINITION_ROOTS.items()
        for (each, _), entry in sorted(registry.entries.items(), key=lambda item: item[0])
        if each == kind and option in entry.schema.options
    ]
    return f"it is an option of {' and of '.join(owners)}, not chosen here" if owners else ""


def _chosen_options(
    draft: Draft, overrides: Sequence[Override], registry: Registry
) -> dict[str, None]:
    """List the option addresses of all definitions that this plan chooses, in order."""
    chosen = dict(_chosen_names(draft, overrides))
    if "loss" not in {root for root, _ in chosen}:
        chosen |= dict.fromkeys(_default_losses([n for r, n in chosen if r == "dataset"], registry))
    addresses: dict[str, None] = {}
    for root, name in chosen:
        entry = registry.find(DEFINITION_ROOTS[root], name)
        addresses |= dict.fromkeys(f"{root}.{option}" for option in entry.schema.options)
    return addresses


def _chosen_names(
    draft: Draft, overrides: Sequence[Override]
) -> Iterable[tuple[tuple[str, str], None]]:
    tables: list[Mapping[str, tuple[Level, ...]]] = [
        {address: (level,) for address, level in draft.base.items()},
        draft.factors,
        *({address: (level,) for address, level in row.items()} for row in draft.together),
        *({address: (level,) for address, level in row.items()} for row in draft.include),
        {each.address: each.levels for each in overrides if each.address in ROOTS},
    ]
    for root in DEFINITION_ROOTS:
        levels = [each for table in tables for each in table.get(root, ())]
        for level in levels or [DEFAULT_LEVELS.get(root)]:
            for name in _names(level):
                yield (root, name), None


def _names(level: Level) -> list[str]:
    levels = [each for _, each in level.rows] if isinstance(level, Globs) else [level]
    splits = [split_name(each) for each in levels]
    names = [each[0] for each in splits if each and each[0] is not None]
    return [each for each in names if same_name(each) != AS_BUILT]


def _default_losses(datasets: Iterable[str], registry: Registry) -> list[tuple[str, str]]:
    losses = []
    for name in datasets:
        entry = registry.find("dataset", name)
        needed = any(each.required for each in entry.schema.options.values())
        task = None if needed else entry.call(cast(Dataset, entry.definition).task)
        if isinstance(task, Task) and task.kind in LOSS_BY_KIND:
            losses.append(("loss", LOSS_BY_KIND[task.kind]))
    return losses


def _replaced(draft: Draft, address: str, levels: tuple[Level, ...]) -> Draft:
    replaces_root = address in DEFINITION_ROOTS
    added = draft.design == "ablate" and len(levels) > 1  # the base stays what levels are put into
    gone = {
        each
        for each in draft.base
        if not added and (each == address or (replaces_root and root_of(each) == address))
    }
    included = [row for row in (_without(row, address) for row in draft.include) if row]
    if len(levels) > 1 and not added:  # what is included takes each of them, as all other cases do
        included = [{**row, address: level} for row in included for level in levels]
    draft = replace(
        draft,
        base={each: level for each, level in draft.base.items() if each not in gone},
        together=_dropped_column(draft.together, address),
        include=tuple(included),
    )
    if "." in address:
        base = draft.base
        draft = _stripped(draft, address)
        draft = replace(draft, base=base) if added else draft
    factors = dict(draft.factors)
    if len(levels) > 1:
        factors[address] = levels
        return replace(draft, factors=factors)
    factors.pop(address, None)
    return replace(draft, factors=factors, base={**draft.base, address: levels[0]})


def _dropped_column(
    rows: tuple[Mapping[str, Level], ...], address: str
) -> tuple[Mapping[str, Level], ...]:
    kept = {repr(each): each for each in (_without(row, address) for row in rows) if each}
    return tuple(kept.values())


def _without(row: Mapping[str, Level], address: str) -> Mapping[str, Level]:
    return {each: level for each, level in row.items() if each != address}


def _stripped(draft: Draft, address: str) -> Draft:
    """Take the option at this address out of every `NAME[option=...]`."""
    root, _, option = address.partition(".")

    def level_without(level: Level) -> Level:
        if not isinstance(level, Named):
            return level
        return join_name(level.name, {key: each for key, each in level.options if key != option})

    def table_without(table: Mapping[str, Level]) -> Mapping[str, Level]:
        return {key: level_without(each) if key == root else each for key, each in table.items()}

    def optional(table: Mapping[str, Level] | None) -> Mapping[str, Level] | None:
        return None if table is None else table_without(table)

    def expected_without(each: Expected) -> Expected:
        return replace(
            each,
            where=table_without(each.where),
            better_than=optional(each.better_than),
            same_as=optional(each.same_as),
        )

    factors = {
        key: tuple({text(new): new for new in map(level_without, each)}.values())
        if key == root
        else each
        for key, each in draft.factors.items()
    }
    return replace(
        draft,
        base=table_without(draft.base),
        factors=factors,
        together=tuple(table_without(row) for row in draft.together),
        include=tuple(table_without(row) for row in draft.include),
        exclude=tuple(table_without(row) for row in draft.exclude),
        baseline=optional(draft.baseline),
        expect=tuple(expected_without(each) for each in draft.expect),
    )

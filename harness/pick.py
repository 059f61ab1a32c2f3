"""Pick one trial of a stored run by some of its case's levels, its seed and its fold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.errors import LevelError, SettingError, StoreError, UnknownName
from harness.planning.patterns import Patterns
from harness.planning.resolve import Resolver
from harness.plugin.registry import Registry
from harness.records.naming import level_text
from harness.records.planned import Case, Plan, Trial
from harness.records.record import Record
from harness.records.shape import missing_address
from harness.records.store import StoredRun, last_attempts
from harness.suites.settings import Level, Value, address_of, parse_level

_OPENING, _CLOSING = "[{", "]}"
_MOST_SHOWN = 6


def parse_case(texts: Iterable[str]) -> dict[str, Level]:
    """Read `ADDRESS=LEVEL,ADDRESS=LEVEL`, in one text or in several.

    Raises:
        LevelError: a part has no `=`, or a level does not parse; or an address is given twice.
    """
    found: dict[str, Level] = {}
    for part in (part for text in texts for part in _parts(text)):
        address, sign, value = part.partition("=")
        if not sign or not value.strip():
            raise LevelError(f"{part!r} is no level of a case: write ADDRESS=LEVEL,ADDRESS=LEVEL")
        if address_of(address) in found:
            raise LevelError(f"{address_of(address)} is given twice")
        found[address_of(address)] = parse_level(value)
    return found


def picked(
    stored: StoredRun,
    registry: Registry,
    levels: Mapping[str, Level],
    seed: int | None = None,
    fold: int | None = None,
) -> Record:
    """Find the record that counts of a trial.

    Args:
        stored: The run.
        registry: Where names are looked up.
        levels: Those that its case has, among others; a bare option stands for its one address.
        seed: None: the first that was planned.
        fold: None: the first.

    Raises:
        StoreError: no case, or several, have these levels; no such trial was planned, or it has no
            record.
        UnknownName: an address or a name is unknown.
    """
    plan = stored.plan
    place = _case(plan, registry, _in_full(levels, plan))
    if absent := missing_address(plan.cases[place].settings):
        raise StoreError(f"{stored.folder} cannot be predicted with: case {place} has no {absent}")
    trial = _trial(plan, place, seed, fold)
    record = last_attempts(stored.records).get(trial.key)
    if record is None:
        named = f"{_trial_text(trial)} of {case_text(plan, place)}"
        raise StoreError(f"{named} has not ended: `bench resume` goes on")
    return record


def case_text(plan: Plan, place: int) -> str:
    """Name a case by its levels."""
    levels = plan.cases[place].levels
    shown = [
        f"{address}={level_text(each)}" for address, each in levels.items() if each is not None
    ]
    return ",".join(shown) or "the only case"


def _parts(text: str) -> list[str]:
    """Split at the commas outside of brackets and quotes."""
    parts, depth, quoted = [""], 0, False
    for each in text:
        if each == '"':
            quoted = not quoted
        elif not quoted:
            depth += (each in _OPENING) - (each in _CLOSING)
        if each == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += each
    return parts


def _in_full(levels: Mapping[str, Level], plan: Plan) -> dict[str, Level]:
    known = dict.fromkeys(address for case in plan.cases for address in case.settings)
    found: dict[str, Level] = {}
    for address, level in levels.items():
        named = [each for each in known if each.partition(".")[2] == address]
        if address not in known and not named:
            raise UnknownName("address", address, known)
        if address not in known and len(named) > 1:
            raise SettingError(
                f"{address!r} stands for {' and for '.join(named)}: write the address in full"
            )
        found[address if address in known else named[0]] = level
    return found


def _case(plan: Plan, registry: Registry, pattern: Mapping[str, Level]) -> int:
    patterns = Patterns(Resolver(registry))
    patterns.check(pattern)
    places = [
        place for place, case in enumerate(plan.cases) if patterns.match(pattern, _tupled(case))
    ]
    if len(places) == 1:
        return places[0]
    if places:
        raise StoreError(
            f"{len(places)} cases have these levels: give more of {_shown(plan, places)}"
        )
    raise StoreError(f"no case has these levels: give {_shown(plan, range(len(plan.cases)))}")


def _tupled(case: Case) -> dict[str, Value]:
    """Make the lists that JSON has the tuples that levels are."""

    def tupled(value: Any) -> Value:
        return tuple(map(tupled, value)) if isinstance(value, list) else value

    return {address: tupled(value) for address, value in case.settings.items()}


def _shown(plan: Plan, places: Sequence[int]) -> str:
    shown = " or ".join(case_text(plan, place) for place in places[:_MOST_SHOWN])
    return shown + (f" ... ({len(places)} in all)" if len(places) > _MOST_SHOWN else "")


def _trial(plan: Plan, place: int, seed: int | None, fold: int | None) -> Trial:
    of_case = [each for each in plan.trials if each.case == place]
    found = [each for each in of_case if seed in (None, each.seed) and fold in (None, each.fold)]
    if found:
        return min(found, key=lambda each: (each.seed, each.fold or 0))
    seeds = ", ".join(map(str, sorted({each.seed for each in of_case})))
    folds = sorted({each.fold for each in of_case if each.fold is not None})
    of_folds = f", folds {folds[0]} to {folds[-1]}" if folds else ", no folds"
    raise StoreError(f"{case_text(plan, place)} has seeds {seeds}{of_folds}")


def _trial_text(trial: Trial) -> str:
    return f"seed {trial.seed}" + ("" if trial.fold is None else f", fold {trial.fold}")

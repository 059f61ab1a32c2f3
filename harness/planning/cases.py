"""The cases of a draft: combined, resolved, excluded, and found again by their levels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.errors import SuiteError
from harness.planning.patterns import Patterns
from harness.planning.resolve import Resolved, Resolver
from harness.records.record import NOT_IN_KEY
from harness.suites.design import Assignment, Axis, axis, combine
from harness.suites.draft import Draft
from harness.suites.settings import DEFINITION_ROOTS, Level, root_of, text
from harness.units import one_line

MOST_TRIALS = 1_000_000
DROPPED = ": dropped"
"""How a note ends that tells of a part of the suite that was left out."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A case being planned: how it came about, its settings, and what it is told apart by."""

    assignment: Assignment
    resolved: Resolved
    key: str


@dataclass(slots=True)
class Cases:
    """The cases of one draft.

    Attributes:
        forgiving: Whether parts of the draft that match nothing are dropped with a note.
        factors: Addresses that vary.
    """

    draft: Draft
    resolver: Resolver
    forgiving: bool
    notes: list[str] = field(default_factory=list)
    drawn: list[Drawn] = field(default_factory=list)
    factors: tuple[str, ...] = ()
    _places: dict[str, int] = field(default_factory=dict)
    _patterns: Patterns = field(init=False)

    def __post_init__(self) -> None:
        self._patterns = Patterns(self.resolver)

    def draw(self) -> None:
        """Combine the factors by the design, leave out what is excluded, add what is included.

        Raises:
            BenchError: a name is unknown, a value does not fit, a part of the suite matches
                nothing, or nothing is left.
        """
        for pattern in self.draft.exclude:
            self._patterns.check(pattern)
        axes = _axes(self.draft)
        self._check_size(axes)
        combined = combine(self.draft.design, axes)
        equal = self._add_combined(combined)
        for each in self.draft.include:
            equal += not self._add(each, self.resolver.resolve(self.draft.base, each))
        if equal:
            whole = len(combined) + len(self.draft.include)
            self.notes.append(
                f"{equal} of {whole} combinations are equal to others: each is run once"
            )
        if not self.drawn:
            raise SuiteError(f"suite {self.draft.name!r} has no cases left: everything is excluded")
        unapplied = self._unapplied()
        self.factors = tuple(each for each in _addresses(self.draft) if each not in unapplied)

    def forgive(self, told: str) -> None:
        """Note a part that an override has left without meaning; refuse it in a file as written."""
        if not self.forgiving:
            raise SuiteError(f"suite {self.draft.name!r}: {told}")
        self.notes.append(f"{told}{DROPPED}")

    def first(self) -> int | None:
        """Find the case with the first level of every factor; under `ablate`, the base."""
        rows = [] if self.draft.design == "ablate" else [each[0] for each in _axes(self.draft)]
        return self._place({address: level for row in rows for address, level in row.items()})

    def matching(self, pattern: Mapping[str, Level]) -> list[int]:
        """Find the cases that have the levels of a pattern."""
        self._patterns.check(pattern)
        return [
            place
            for place, each in enumerate(self.drawn)
            if self._patterns.match(pattern, each.resolved.settings)
        ]

    def counterparts(
        self, pattern: Mapping[str, Level], places: Sequence[int]
    ) -> list[int | None] | None:
        """Find, for each of some cases, the one with a pattern's levels in place of its own.

        Returns None where no case that is found has these levels: the pattern means nothing.
        """
        wanted = {address: self._snapped(address, level) for address, level in pattern.items()}
        found = [self._place({**self.drawn[each].assignment, **wanted}) for each in places]
        having = set(self.matching(wanted))
        return found if having & set(found) else None

    def _add_combined(self, combined: Sequence[Assignment]) -> int:
        """Add the combinations that are not excluded; count those that were there already."""
        hits = [0] * len(self.draft.exclude)
        equal = 0
        for assignment in combined:
            resolved = self.resolver.resolve(self.draft.base, assignment)
            found = [self._patterns.match(each, resolved.settings) for each in self.draft.exclude]
            hits = [hit + here for hit, here in zip(hits, found, strict=True)]
            if not any(found):
                equal += not self._add(assignment, resolved)
        for pattern, hit in zip(self.draft.exclude, hits, strict=True):
            if not hit:
                self.forgive(f"exclude {words(pattern)} matches no case")
        return equal

    def _add(self, assignment: Assignment, resolved: Resolved) -> bool:
        key = _key(resolved)
        if key in self._places:
            known = self.drawn[self._places[key]].resolved.settings
            for address in sorted(NOT_IN_KEY):
                if known[address] != resolved.settings[address]:
                    raise SuiteError(
                        f"suite {self.draft.name!r}: two cases differ only in {address}, which says"
                        " what a trial may take, not what it does: give it one level"
                    )
            return False
        self._places[key] = len(self.drawn)
        self.drawn.append(Drawn(assignment, resolved, key))
        return True

    def _place(self, assignment: Assignment) -> int | None:
        try:
            resolved = self.resolver.resolve(self.draft.base, assignment)
        except SuiteError:  # an option that is given by itself and in brackets: no such case
            return None
        return self._places.get(_key(resolved))

    def _check_size(self, axes: Sequence[Axis]) -> None:
        lengths = [len(each) for each in axes]
        sizes = {"product": math.prod(lengths), "ablate": 1 + sum(lengths)}
        cases = sizes.get(self.draft.design, max(lengths, default=1)) + len(self.draft.include)
        trials = cases * len(self.draft.seeds)
        if trials > MOST_TRIALS:
            raise SuiteError(
                f"suite {self.draft.name!r} has {trials:,} trials: {MOST_TRIALS:,} is the most"
            )

    def _unapplied(self) -> set[str]:
        """Find the options that no case has, and forgive them."""
        applied = {address for each in self.drawn for address in each.resolved.applied}
        unapplied = {
            address: None
            for address in (*self.draft.base, *_addresses(self.draft))
            if "." in address and address not in applied
        }
        for address in unapplied:
            root = root_of(address)
            chosen = sorted({str(each.resolved.settings[root]) for each in self.drawn})
            self.forgive(
                f"{address} applies to no case: {root} {' and '.join(chosen)} has no such option"
            )
        return set(unapplied)

    def _snapped(self, address: str, level: Level) -> Level:
        """Take the suite's level that a pattern names by less: `normal` for `normal[std=1]`."""
        if address not in DEFINITION_ROOTS:
            return level
        rows = [*self.draft.together, *self.draft.include, self.draft.base]
        known = [
            *self.draft.factors.get(address, ()),
            *(row[address] for row in rows if address in row),
        ]
        texts = dict.fromkeys(map(text, known))
        if text(level) in texts:
            return level
        named = [each for each in texts if each.partition("[")[0] == text(level)]
        return known[list(map(text, known)).index(named[0])] if len(named) == 1 else level


def words(pattern: Mapping[str, Level]) -> str:
    """Say a pattern as a command line would: `init=xavier_uniform model.activation=relu`."""
    return one_line(" ".join(f"{address}={text(level)}" for address, level in pattern.items()))


def _axes(draft: Draft) -> list[Axis]:
    axes = [axis(address, levels) for address, levels in draft.factors.items()]
    return [*axes, draft.together] if draft.together else axes


def _addresses(draft: Draft) -> tuple[str, ...]:
    rows = [*draft.together[:1], *draft.include]
    return tuple(dict.fromkeys([*draft.factors, *(address for row in rows for address in row)]))


def _key(resolved: Resolved) -> str:
    """Write what a case is told apart by: all that its trials' keys depend on."""
    kept = {name: value for name, value in resolved.settings.items() if name not in NOT_IN_KEY}
    return repr(sorted(kept.items()))

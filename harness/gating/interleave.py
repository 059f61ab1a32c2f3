"""Measure two environments in turns, and decide: rounds of both, fresh ones where they fire.

Both sides keep ordinary runs. In every round the order of the sides is drawn for each case.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from harness.comparing.against import Against, against
from harness.comparing.matching import matches
from harness.errors import BenchError, SettingError
from harness.gating.decide import decide, throughput_stages
from harness.gating.decision import Decision
from harness.gating.duel import Side, two_sides
from harness.gating.parley import Begin, Describe, Described
from harness.gating.stand import ROLES, Role, Stand
from harness.numbers.gate import ROUNDS, WINDOW_S
from harness.records.planned import Case, Plan, Trial
from harness.records.store import read_run
from harness.running.execute import Watcher
from harness.suites.settings import DEFINITION_ROOTS, root_of
from harness.units import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is measured of both sides.

    Args:
        suite: Its name.
        settings: `ADDRESS=VALUE`, as on the command line.
        rounds: How many; as many fresh ones where they fire.
        plan_seed: The plan's own.
        least_timed_s: The shortest window of time that a case may have.
        file: A TOML file with suites.
        plugins: As the command line names them.
        results: The folder of runs.
        data_root: Where fetched data lies.
        command: What was typed.
    """

    suite: str
    settings: tuple[str, ...] = ()
    rounds: int = ROUNDS
    plan_seed: int = 0
    least_timed_s: float = WINDOW_S
    file: Path | None = None
    plugins: tuple[str, ...] = ()
    results: Path
    data_root: Path
    command: tuple[str, ...] = ()


class Answered(NamedTuple):
    """What became of a question: both runs matched, what was decided, and where all runs lie."""

    found: Against
    decision: Decision
    folders: tuple[Path, ...]


class Turn(NamedTuple):
    """One trial of one side."""

    role: Role
    case: int
    seed: int


def interleave(question: Question, stands: Sequence[Stand], watcher: Watcher) -> Answered:
    """Measure both sides in turns, and decide.

    Raises:
        BenchError: a side cannot be measured, or they have no case in common.
    """
    with duel(question, stands, watcher) as both:
        every = range(len(both.pairs))
        first = both.rounds(every, range(question.rounds))
        found = both.matched(first)
        stages = throughput_stages(found, both.gates)
        firing = [case for case in every if case in stages and stages[case].fires]
        second: tuple[Path, ...] = ()
        if firing:
            watcher.note(_suspected(len(firing), question.rounds))
            second = both.rounds(firing, range(question.rounds, 2 * question.rounds))
        fresh = both.matched(second) if second else None
    decision = decide(found, fresh, form="interleaved", gates=both.gates)
    return Answered(found, decision, (*first, *second))


@contextmanager
def duel(question: Question, stands: Sequence[Stand], watcher: Watcher) -> Iterator[Duel]:
    """Start both sides, let them plan, and match their plans; behind the block both have ended.

    Raises:
        BenchError: a side cannot be measured, or they have no case in common.
    """
    if stands[0].interpreter == stands[1].interpreter and stands[0].path == stands[1].path:
        watcher.note("base and head are one interpreter with one import path: A against A")
    with two_sides(stands, watcher.note) as sides:
        yield Duel(question, sides, _described(question, sides, watcher), watcher)


def turns(order: Sequence[tuple[int, int]], plan_seed: int) -> Iterator[Turn]:
    """Give the turns of both sides: case by case in the order of the plan, the sides shuffled.

    Args:
        order: Case and seed of each pair of trials.
        plan_seed: The plan's own.
    """
    drawn: dict[int, random.Random] = {}
    for case, seed in order:
        # an order, not a secret
        draw = drawn.setdefault(seed, random.Random(f"{plan_seed}/{seed}/sides"))  # noqa: S311
        roles = list(ROLES)
        draw.shuffle(roles)
        for role in roles:
            yield Turn(role, case, seed)


def _described(
    question: Question, sides: Sequence[Side], watcher: Watcher
) -> dict[Role, Described]:
    """Let both sides plan at the same time."""
    for side in sides:
        side.describe(_asked(question, side.stand))
    found = {side.stand.role: side.described() for side in sides}
    for note in dict.fromkeys(note for each in found.values() for note in each.plan.notes):
        watcher.note(note)
    raised = {each.raised_from for each in found.values()} - {None}
    if raised:
        told = " and ".join(duration(each) for each in sorted(filter(None, raised))) or "0 s"
        watcher.note(
            f"timed_s is raised from {told} to {duration(question.least_timed_s)}: throughput is"
            " gated over windows that are long enough"
        )
    return found


def _asked(question: Question, stand: Stand) -> Describe:
    return Describe(
        suite=question.suite,
        settings=question.settings,
        rounds=tuple(range(2 * question.rounds)),
        plan_seed=question.plan_seed,
        least_timed_s=question.least_timed_s,
        file=None if question.file is None else str(question.file.absolute()),
        plugins=question.plugins,
        path=None if stand.path is None else str(stand.path),
        results=str(question.results.absolute()),
        data_root=str(question.data_root.absolute()),
    )


def _suspected(count: int, rounds: int) -> str:
    cases = "1 case is" if count == 1 else f"{count} cases are"
    return f"{cases} slower in {rounds} rounds: {rounds} fresh ones follow"


class Duel:
    """Both sides with their plans, matched.

    Attributes:
        pairs: The cases that both have, by their indices in the plan of the base and of the head.
    """

    def __init__(
        self,
        question: Question,
        sides: Sequence[Side],
        described: Mapping[Role, Described],
        watcher: Watcher,
    ) -> None:
        self._question, self._watcher = question, watcher
        self._sides = {side.stand.role: side for side in sides}
        self._plans = {role: each.plan for role, each in described.items()}
        self._defaults = {
            (chooser, address): default
            for each in described.values()
            for chooser, address, default in each.defaults
        }
        base, head = (self._plans[role] for role in ROLES)
        if any(each.fold is not None for each in (*base.trials, *head.trials)):
            raise BenchError("a gate measures no folds: give folds=none")
        self.pairs = matches(base, head, self._default_of, ROLES)
        self._gate = secrets.token_hex(8)

    @property
    def gates(self) -> int:
        """Count the questions of throughput: the cases that can be, on both sides."""
        return max(1, sum(not self._expected(pair) for pair in self.pairs))

    def rounds(self, cases: Sequence[int], seeds: Sequence[int]) -> tuple[Path, Path]:
        """Let the sides take turns over some matched cases and some rounds.

        Returns:
            The folders of both runs.
        """
        trials = [self._trials(cases, seeds, place) for place in (0, 1)]
        order = self._order(cases, seeds)
        folders = []
        for place, role in enumerate(ROLES):
            begin = Begin(
                cases=tuple(self.pairs[case][place] for case in cases),
                trials=tuple(trials[place][each].key for each in order),
                gate=self._gate,
                options={"gate": self._gate, "side": role},
                command=self._question.command,
            )
            folders.append(self._sides[role].begin(begin))
        for side in self._sides.values():
            side.ready()
        self._take_turns(order, trials)
        return folders[0], folders[1]

    def matched(self, folders: Sequence[Path]) -> Against:
        """Read what both sides have kept."""
        base, head = map(read_run, folders)
        return against(base, head, self._default_of)

    def _take_turns(
        self, order: Sequence[tuple[int, int]], trials: Sequence[Mapping[tuple[int, int], Trial]]
    ) -> None:
        self._watcher.begun(2 * len(order), 0)
        for turn in turns(order, self._question.plan_seed):
            place = ROLES.index(turn.role)
            trial = trials[place][turn.case, turn.seed]
            case = _of_side(self._plans[turn.role].cases[trial.case], turn.role)
            self._watcher.started(case, trial)
            record = self._sides[turn.role].go(trial.key)
            self._watcher.ended(case, trial, record)
        for side in self._sides.values():
            side.finish()

    def _trials(
        self, cases: Sequence[int], seeds: Sequence[int], place: int
    ) -> dict[tuple[int, int], Trial]:
        matched = {self.pairs[case][place]: case for case in cases}
        return {
            (matched[each.case], each.seed): each
            for each in self._plans[ROLES[place]].trials
            if each.case in matched and each.seed in seeds
        }

    def _order(self, cases: Sequence[int], seeds: Sequence[int]) -> list[tuple[int, int]]:
        """Take the base's order, which is shuffled seed by seed."""
        return list(self._trials(cases, seeds, 0))

    def _expected(self, pair: tuple[int, int]) -> bool:
        """Tell whether a case is known to have no figure: unsupported, or its device is absent."""
        plans: tuple[Plan, Plan] = (self._plans["base"], self._plans["head"])
        return any(
            plan.cases[case].expected is not None for plan, case in zip(plans, pair, strict=True)
        )

    def _default_of(self, settings: Mapping[str, Any], address: str) -> Any:
        root = root_of(address)
        is_option = address != root and root in DEFINITION_ROOTS
        key = (str(settings.get(root)) if is_option else "", address)
        if key not in self._defaults:
            raise SettingError(f"{address} has no default")
        return self._defaults[key]


def _of_side(case: Case, role: Role) -> Case:
    """Let the progress of a trial say whose it is."""
    return replace(case, levels={"side": role, **case.levels})

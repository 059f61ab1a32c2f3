"""What a round of `benchmarks.kill` is: a sweep and its kills, drawn from a number and a seed."""

from __future__ import annotations

import json
import random
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks import trouble

SUITE = "stress"
Victim = Literal["parent", "server", "trial", "loader", "server and parent"]
Moment = Literal["any", "kill", "fork", "append", "note"]

_KILL = (signal.SIGKILL,)
_ENDING = (
    _KILL,
    (signal.SIGINT,),
    (signal.SIGTERM,),
    (signal.SIGHUP,),
    (signal.SIGINT, signal.SIGINT),
    (signal.SIGTERM, signal.SIGKILL),
)
"""What a parent is sent, and how often in twelve."""
_SHARES = (6, 1, 1, 1, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Whom to kill, by which signals, and when.

    Args:
        victim: `trial` is any process that the server has forked; two of them die at one instant.
        numbers: Sent one after the other.
        moment: Any, or after the kill before this one, or when the server forks, a record is
            appended, a trial notes something.
        delay: At any moment: as a share of the time that the command has still to go; else seconds
            after that moment.
    """

    victim: Victim
    numbers: tuple[signal.Signals, ...] = _KILL
    moment: Moment = "any"
    delay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep that has been drawn: cases of `trouble.CASES`, seeds 0 to `seeds` - 1."""

    labels: tuple[str, ...]
    seeds: int
    jobs: int
    plan_seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A round as it was drawn: for each command but the last ones, whether it retries, its aims."""

    number: int
    sweep: Sweep
    commands: tuple[tuple[bool, tuple[Aim, ...]], ...]


def drawn_script(number: int, seed: int, *, together: bool = False) -> Script:
    """Draw a round; each by itself, so that one can be played again alone.

    Args:
        number: Of the round.
        seed: Of all rounds.
        together: Whether the server is killed with its parent wherever that is killed.
    """
    drawn = random.Random(f"{seed}/{number}")
    sweep = Sweep(
        labels=tuple(drawn.sample(list(trouble.CASES), drawn.randint(2, 5))),
        seeds=drawn.choice((1, 1, 2)),
        jobs=drawn.choice((1, 1, 2, 3)),
        plan_seed=drawn.randrange(1000),
    )
    last: Victim = "server and parent" if together else "parent"
    commands = tuple(
        (drawn.random() < 0.3, _drawn_aims(drawn, last)) for _ in range(drawn.choice((1, 1, 2)))
    )
    return Script(number=number, sweep=sweep, commands=commands)


def written(sweep: Sweep) -> str:
    """Write a sweep as a file with a suite."""
    cases = [
        {"procedure": "troubled", "procedure.label": each, **trouble.CASES[each]}
        for each in sweep.labels
    ]
    tables = [
        f"[[suites.{SUITE}.together]]\n"
        + "".join(f"{json.dumps(name)} = {json.dumps(level)}\n" for name, level in case.items())
        for case in cases
    ]
    plugins = json.dumps([str(Path(trouble.__file__).absolute())])
    head = f"plugins = {plugins}\n[suites.{SUITE}]\nseeds = {sweep.seeds}\nbase.epochs = 3\n"
    return head + "".join(tables)


def started_by(sweep: Sweep) -> tuple[object, ...]:
    """Give the arguments that start a sweep in the folder of its file."""
    return ("run", "--file", "sweep.toml", "--suite", SUITE, "--jobs", sweep.jobs,
            "--plan-seed", sweep.plan_seed)  # fmt: skip


def _drawn_aims(drawn: random.Random, last: Victim) -> tuple[Aim, ...]:
    """Draw the kills of one command: loaders first, as they run; the parent, if at all, last."""
    aims = [_drawn_aim(drawn, _drawn_victim(drawn)) for _ in range(drawn.choice((0, 1, 2, 3)))]
    aims.sort(key=lambda aim: aim.victim != "loader")
    if not aims or drawn.random() < 0.7:
        aims.append(_drawn_aim(drawn, last))
    return tuple(aims)


def _drawn_victim(drawn: random.Random) -> Victim:
    victims: tuple[Victim, ...] = ("server", "trial", "loader")
    return drawn.choices(victims, (2, 2, 1))[0]


def _drawn_aim(drawn: random.Random, victim: Victim) -> Aim:
    """Draw when, and how: many of the moments are any, more are just after something happens."""
    numbers = drawn.choices(_ENDING, _SHARES)[0] if victim == "parent" else _KILL
    moments: tuple[Moment, ...] = ("any", "kill", "fork", "append", "note")
    [moment] = drawn.choices(moments, (6, 2, 3, 3, 3))
    delay = drawn.random() if moment == "any" else 10 ** drawn.uniform(-4.5, -1)
    return Aim(victim=victim, numbers=numbers, moment=moment, delay=delay)

"""Kill the parent, the server, trials and loaders of random sweeps, and count what goes wrong.

    python -m benchmarks.kill --rounds 300 --seed 1

A round draws a small sweep (some of its trials hang, die, or leave processes behind), starts it
with the real command, kills at drawn moments, resumes, kills again, and resumes in peace until
nothing is left to do. Every record is held against a run that nobody disturbed. It exits with 1
where a record is lost, doubled or labelled wrongly, where a process is left 2 s after the end of
the command, or where the command ends as it should not. Only the moments' effects are not drawn
from the seed: they are the machine's. Linux only.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
import psutil
from tabulate import tabulate

from benchmarks import trouble
from benchmarks.judging import (
    KINDS,
    Fault,
    Scene,
    Truth,
    faults,
    final_faults,
    struck_down,
    truth_of,
    victim_of,
)
from benchmarks.strikes import Strike, journal, marked, notes, records, start, strike
from benchmarks.sweeps import Aim, Script, Sweep, drawn_script, started_by, written
from harness.records.store import read_run
from harness.system.processes import kill_all

NOBODY = "nobody"
_GONE_S = 2.0
_ENDS_S = 180.0


@dataclass(frozen=True, slots=True)
class Known:
    """What an undisturbed run of all that is drawn has shown."""

    truths: Mapping[str, Truth]
    start_s: float
    trial_s: float

    def expected_s(self, trials: int) -> float:
        return self.start_s + trials * self.trial_s


@dataclass(slots=True)
class Count:
    """What was done, and what was found, by who had been killed last."""

    struck: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    found: dict[str, Counter[str]] = field(default_factory=dict)
    commands: int = 0
    trials: int = 0
    crashed: int = 0

    @property
    def bad(self) -> int:
        return sum(sum(each.values()) for each in self.found.values())

    def find(self, who: str, fault: Fault) -> None:
        self.found.setdefault(who, Counter())[fault.kind] += 1

    def add(self, other: Count) -> None:
        self.struck += other.struck
        self.moments += other.moments
        for who, kinds in other.found.items():
            self.found.setdefault(who, Counter()).update(kinds)
        self.commands += other.commands
        self.trials += other.trials
        self.crashed += other.crashed

    def told(self) -> str:
        """Make the table, and a line of what there was to be hit."""
        names = sorted({*self.struck, *self.found})
        none: Counter[str] = Counter()
        counts = [
            [self.struck[name], *(self.found.get(name, none)[kind] for kind in KINDS)]
            for name in names
        ]
        rows = [[name, *each] for name, each in zip(names, counts, strict=True)]
        total = ["all", *map(sum, zip(*counts, strict=True))]
        moments = ", ".join(f"{count} at {name}" for name, count in sorted(self.moments.items()))
        return (
            f"{tabulate([*rows, total], ['killed', 'times', *KINDS])}\n\n{self.commands} commands,"
            f" {self.trials} trials, {self.crashed} records of a kill; moments: {moments or '-'}"
        )


class Round:
    """A sweep that is killed and resumed in a folder of its own until it is whole."""

    def __init__(self, script: Script, known: Known, folder: Path) -> None:
        self.script = script
        self.known = known
        self.folder = folder
        self.count = Count()
        self._last = NOBODY
        self._mark = f"{os.getpid()}{script.number:05}"

    def play(self) -> Count:
        """Do what the script says; then resume in peace until nothing is left to do.

        The folder stays where something was found.
        """
        self.folder.mkdir()
        (self.folder / "sweep.toml").write_text(written(self.script.sweep))
        try:
            for retries, aims in self.script.commands:
                self._command(aims, retries=retries)
            self._command(())
            if any(self._struck_down()):
                self._command((), retries=True)
        finally:
            kill_all(lambda: marked(self._mark))
        scene = self._scene(b"", (), None)
        self.count.trials += len(scene.planned)
        self._tell(final_faults(scene, self._run_folder() or self.folder))
        if not self.count.bad:
            shutil.rmtree(self.folder)
        return self.count

    def _command(self, aims: Sequence[Aim], *, retries: bool = False) -> None:
        """Start or resume, kill as aimed, wait for the end, and look at what is left."""
        before, run_folder = journal(self.folder), self._run_folder()
        arguments = started_by(self.script.sweep)
        if run_folder is not None:
            arguments = ("resume", run_folder, *(("--retry", "failed") if retries else ()))
        expected_s = self.known.expected_s(self._waiting())
        command = start(arguments, self.folder, self._mark, expected_s=expected_s)
        strikes: list[Strike] = []
        for aim in aims:
            found = strike(command, aim, strikes)
            if found is not None:
                strikes.append(found)
                self._last = victim_of(found, self.folder)
                self.count.struck[self._last] += 1
                self.count.moments[found.aim.moment] += 1
        code = command.end(_ENDS_S)
        self.count.commands += 1
        self._tell(left(self._mark))
        scene = self._scene(before, strikes, code)
        self.count.crashed += sum(True for _ in struck_down(scene))
        self._tell(faults(scene))

    def _scene(self, before: bytes, strikes: Sequence[Strike], code: int | None) -> Scene:
        return Scene(
            folder=self.folder,
            truths=self.known.truths,
            planned=self._planned(),
            before=before,
            after=journal(self.folder),
            strikes=strikes,
            code=code,
            jobs=self.script.sweep.jobs,
        )

    def _run_folder(self) -> Path | None:
        return next((each.parent for each in self.folder.glob("results/*/*/run.json")), None)

    def _planned(self) -> frozenset[str]:
        folder = self._run_folder()
        if folder is None:
            return frozenset()
        return frozenset(each.key for each in read_run(folder).run.plan.trials)

    def _waiting(self) -> int:
        if self._run_folder() is None:
            return len(self.script.sweep.labels) * self.script.sweep.seeds
        return len(self._planned() - {each["key"] for each in records(journal(self.folder))})

    def _struck_down(self) -> Iterator[str]:
        """Name the trials whose last record is that of a kill."""
        last = {each["key"]: each for each in records(journal(self.folder))}
        return (key for key, each in last.items() if truth_of(each) != self.known.truths.get(key))

    def _tell(self, found: Iterable[Fault]) -> None:
        for each in found:
            self.count.find(self._last, each)
            who = f"round {self.script.number}: {self._last} killed last"
            print(f"{who}: {each.kind}: {each.text}", file=sys.stderr)


def left(mark: str) -> Iterator[Fault]:
    """Find what still runs some time after the end of a command, and kill it."""
    deadline = time.monotonic() + _GONE_S
    while (living := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for each in living:
        with suppress(psutil.Error):
            yield Fault("left", f"{' '.join(each.cmdline())[-60:]} ({each.status()})")
    kill_all(lambda: marked(mark))


def undisturbed(scripts: Sequence[Script], folder: Path) -> Known:
    """Run once in peace all that the rounds have drawn."""
    labels = dict.fromkeys(label for each in scripts for label in each.sweep.labels)
    seeds = max(each.sweep.seeds for each in scripts)
    sweep = Sweep(labels=tuple(labels), seeds=seeds, jobs=2, plan_seed=0)
    folder.mkdir()
    (folder / "sweep.toml").write_text(written(sweep))
    mark = f"{os.getpid()}{0:05}"
    command = start(started_by(sweep), folder, mark)
    while command.runs and not notes(folder):
        time.sleep(0.01)
    start_s = time.monotonic() - command.began_s
    command.end(_ENDS_S)
    took_s = time.monotonic() - command.began_s - start_s
    truths = {each["key"]: truth_of(each) for each in records(journal(folder))}
    wrong = [each for each in truths.values() if each.status != trouble.ENDS.get(each.label, "ok")]
    strays = list(left(mark))
    if wrong or strays or len(truths) != len(labels) * seeds:
        raise SystemExit(f"the undisturbed run went wrong: {wrong or strays or len(truths)}")
    return Known(truths, start_s, took_s / len(truths))


@click.command()
@click.option("--rounds", default=10, show_default=True, help="How many sweeps.")
@click.option("--seed", default=0, show_default=True, help="Of all that is drawn.")
@click.option("--first", default=1, show_default=True, help="Number of the first round.")
@click.option("--jobs", default=1, show_default=True, help="Rounds side by side.")
@click.option("--together", is_flag=True, help="Kill the server at the instant of its parent.")
def main(rounds: int, seed: int, first: int, jobs: int, together: bool) -> None:
    """Kill the processes of random sweeps at random moments, and count what goes wrong."""
    if sys.platform != "linux":
        raise SystemExit("benchmarks.kill finds processes under /proc: it needs Linux")
    numbers = range(first, first + rounds)
    scripts = [drawn_script(number, seed, together=together) for number in numbers]
    place = Path(tempfile.mkdtemp(prefix="bench-kill-"))
    known = undisturbed(scripts, place / "undisturbed")
    total = Count()
    with ThreadPoolExecutor(jobs) as pool:
        plays = pool.map(lambda each: Round(each, known, place / str(each.number)).play(), scripts)
        for script, count in zip(scripts, plays, strict=True):
            total.add(count)
            if script.number % 10 == 0:
                print(f"round {script.number}: {total.bad} bad so far", file=sys.stderr)
    print(f"{rounds} rounds, seed {seed}\n\n{total.told()}")
    if total.bad:
        print(f"the rounds that went wrong are kept in {place}", file=sys.stderr)
        sys.exit(1)
    shutil.rmtree(place)


if __name__ == "__main__":
    main()

"""What a round of kills has done to a run: what is lost, doubled, labelled wrongly or left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any, Literal

from benchmarks.strikes import Strike, notes, records
from harness.errors import BenchError
from harness.records.record import BROKEN, RESULTS
from harness.records.store import read_run

Kind = Literal["lost", "doubled", "mislabelled", "left", "ended wrongly"]
KINDS: tuple[Kind, ...] = ("lost", "doubled", "mislabelled", "left", "ended wrongly")

_OF_TRIAL = "the process died with signal 9 (SIGKILL) before it had a result"
_OF_SERVER = "the process that starts trials was killed: it ended with signal 9 (SIGKILL)"
_OF_IMPORT = "the process that starts trials could not start"
_DATA = "data"
_LOADING = "loading dataset "
_LOADS = 3
"""After so many deaths of its loader a dataset is given up until the run is resumed."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that must not be."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """How a trial ends when nobody disturbs it."""

    label: str
    seed: int
    status: str
    reason: str | None
    curves: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a command found, what was done to it, and what it left.

    Args:
        folder: Of the round.
        truths: By the key of the trial.
        planned: The keys of the run's trials.
        before: The records when it started, as bytes.
        after: The records when it had ended.
        strikes: The kills, in their order.
        code: The exit code; None where it did not end.
        jobs: Trials side by side.
    """

    folder: Path
    truths: Mapping[str, Truth]
    planned: Collection[str]
    before: bytes
    after: bytes
    strikes: Sequence[Strike]
    code: int | None
    jobs: int


def truth_of(record: Mapping[str, Any]) -> Truth:
    """Take a record of an undisturbed run for what is true of its trial."""
    return Truth(
        label=record["settings"]["procedure.label"],
        seed=record["seed"],
        status=record["status"],
        reason=record["reason"],
        curves=record["curves"],
    )


def victim_of(strike: Strike, folder: Path) -> str:
    """Say who was killed, from what the process had noted until then."""
    if strike.aim.victim == "parent":
        return "parent, " + " and ".join(each.name for each in strike.aim.numbers)
    if strike.aim.victim in {"server", "server and parent"}:
        return strike.aim.victim
    told = {each["what"] for each in notes(folder) if each["pid"] == strike.pid}
    named = {"begins": "trial", "warms": "trial that is discarded", "loads": "loader"}
    return next((named[each] for each in named if each in told), "process forked a moment ago")


def faults(scene: Scene) -> Iterator[Fault]:
    """Find what a command did wrong to the records, or at its end."""
    yield from _lost(scene)
    yield from _doubled(scene)
    yield from _mislabelled(scene)
    yield from _wrong_end(scene)


def final_faults(scene: Scene, run_folder: Path) -> Iterator[Fault]:
    """Find what is wrong with a run that was resumed until nothing was left to do."""
    last = {each["key"]: each for each in records(scene.after)}
    for key in scene.planned:
        truth = scene.truths[key]
        if key not in last:
            yield Fault("lost", f"{truth.label} {truth.seed} has no record")
        elif truth_of(last[key]) != truth:
            yield Fault("mislabelled", f"in the end {_told(last[key])}, not {truth.status}")
    try:
        yield from (Fault("lost", each) for each in read_run(run_folder).notes)
    except BenchError as error:
        yield Fault("lost", str(error))
    if (run_folder / _DATA).exists():
        yield Fault("left", f"the folder {_DATA}")


def struck_down(scene: Scene) -> Iterator[Mapping[str, Any]]:
    """Find the new records that are not as in an undisturbed run."""
    for record in _new(scene):
        if truth_of(record) != scene.truths.get(record["key"]):
            yield record


def _new(scene: Scene) -> Sequence[Mapping[str, Any]]:
    return records(scene.after)[len(records(scene.before)) :]


def _lost(scene: Scene) -> Iterator[Fault]:
    """Find records that were on the disk, or told to observers as kept, and are not there now."""
    now = {_name(each): each for each in records(scene.after)}
    for each in records(scene.before):
        if now.get(_name(each)) != each:
            yield Fault("lost", f"{_told(each)} was there before")
    told = [each for each in notes(scene.folder) if each["what"] == "kept"]
    seen = {_name(each) for each in told}.union(*(each.kept for each in scene.strikes))
    for key, attempt in seen - now.keys():
        yield Fault("lost", f"attempt {attempt} of {key} had been kept")
    if not scene.after.startswith(scene.before):
        yield Fault("lost", "the file was written anew")


def _doubled(scene: Scene) -> Iterator[Fault]:
    """Find records that are there twice, that nobody planned, or whose attempts leave a gap."""
    attempts: dict[str, list[int]] = {}
    for each in records(scene.after):
        attempts.setdefault(each["key"], []).append(each["attempt"])
    for key, found in attempts.items():
        if key not in scene.planned:
            yield Fault("doubled", f"{key} is not in the plan")
        elif found != list(range(1, len(found) + 1)):
            yield Fault("doubled", f"{scene.truths[key].label} has the attempts {found}")


def _mislabelled(scene: Scene) -> Iterator[Fault]:
    """Find new records that are neither true nor the mark of a kill."""
    done = {(each["label"], each["seed"]) for each in notes(scene.folder) if each["what"] == "done"}
    for record in _new(scene):
        truth = truth_of(record)
        if truth.status == "ok" and (truth.label, truth.seed) not in done:
            yield Fault("mislabelled", f"{_told(record)}, but no process came to its end")
    spent: Counter[int] = Counter()
    for record in struck_down(scene):
        places = range(len(scene.strikes))
        fitting = (each for each in places if _explains(scene, scene.strikes[each], record))
        place = next((each for each in fitting if spent[each] < _most(scene, each)), None)
        if place is not None:
            spent[place] += 1
        elif not _given_up(scene, record):
            yield Fault("mislabelled", f"{_told(record)}, and no kill explains it")


def _explains(scene: Scene, strike: Strike, record: Mapping[str, Any]) -> bool:
    """Tell whether a kill can have made a record `crashed`: by whom it hit, and when."""
    in_time = record["started"] <= strike.at and _name(record) not in strike.kept
    if record["status"] != "crashed" or not in_time:
        return False
    reason = record["reason"]
    victim = victim_of(strike, scene.folder)
    if victim == "server":
        return reason in {_OF_SERVER, _loading(record, _OF_SERVER)}
    if victim == "trial":
        own = {
            (each["label"], each["seed"])
            for each in notes(scene.folder)
            if each["pid"] == strike.pid and each["what"] == "begins"
        }
        told = (record["settings"]["procedure.label"], record["seed"])
        return reason == _OF_TRIAL and own == {told}
    if victim == "loader":
        return reason == _loading(record, _OF_TRIAL)
    return victim == "process forked a moment ago" and reason in {
        _OF_TRIAL,
        _loading(record, _OF_TRIAL),
    }


def _loading(record: Mapping[str, Any], reason: str) -> str:
    return f"{_LOADING}{record['settings']['dataset']}: {reason}"


def _most(scene: Scene, place: int) -> int:
    """Say how many records a kill can have made `crashed`."""
    return scene.jobs if scene.strikes[place].aim.victim == "server" else 1


def _given_up(scene: Scene, record: Mapping[str, Any]) -> bool:
    kills = [each for each in scene.strikes if "parent" not in each.aim.victim]
    return len(kills) >= _LOADS and str(record["reason"]).startswith(_LOADING)


def _wrong_end(scene: Scene) -> Iterator[Fault]:
    """Find an exit code that is not promised, or a traceback."""
    said = (scene.folder / "err").read_text(errors="replace")
    if scene.code is None:
        yield Fault("ended wrongly", "it did not end")
        return
    signalled = [each for each in scene.strikes if "parent" in each.aim.victim]
    if any(not each.locked for each in signalled):
        return  # nothing was begun: the interpreter itself may have heard the signal
    allowed = set(_usual_codes(scene))
    if signalled:
        allowed |= {-SIGKILL} if SIGKILL in signalled[-1].aim.numbers else set()
        allowed |= {130} if signalled[-1].aim.numbers != (SIGKILL,) else set()
    if _OF_IMPORT in said and any(each.aim.victim == "server" for each in scene.strikes):
        allowed = {2}  # it was killed as often as it was started
    if scene.code not in allowed:
        yield Fault("ended wrongly", f"exit code {scene.code}, not {sorted(allowed)}")
    if "Traceback" in said:
        yield Fault("ended wrongly", f"a traceback: {said.splitlines()[-1]}")


def _usual_codes(scene: Scene) -> Iterator[int]:
    """Give the code of a run whose trials all have records; none where one has not."""
    last = {each["key"]: each["status"] for each in records(scene.after)}
    if last.keys() != set(scene.planned):
        return
    if not RESULTS & set(last.values()):
        yield 4
    else:
        yield 3 if BROKEN & set(last.values()) else 0


def _name(record: Mapping[str, Any]) -> tuple[str, int]:
    return record["key"], record["attempt"]


def _told(record: Mapping[str, Any]) -> str:
    name = f"{record['settings']['procedure.label']} {record['seed']}, attempt {record['attempt']}"
    return f"{name}: {record['status']} ({record['reason']})"

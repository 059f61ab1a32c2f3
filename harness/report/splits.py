"""Split memory and time of a trial into their parts: a bar a case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.errors import BenchError
from harness.judging.tables import finite
from harness.numbers.metrics import MEANINGS
from harness.numbers.statistics import mean_of
from harness.records.record import Record
from harness.report.panels import Axis, Bar, Mark, Measure, Panel, Picture, Told, measure_of
from harness.report.shown import Shown, seeds_text
from harness.report.strips import in_parts, which

MEMORY_PARTS = {
    "parameters": "parameter_bytes",
    "gradients": "gradient_bytes",
    "optimizer state": "optimizer_state_bytes",
    "activations": "activation_bytes",
}
TIME_PARTS = ("waiting for data", "stepping", "evaluating, starting and measuring")


def memory_split(shown: Shown) -> list[Picture]:
    """Draw what the bytes of a case are for.

    Raises:
        BenchError: no trial has counted them.
    """
    return _pictures(
        shown,
        "memory",
        "Memory of the parts",
        tuple(MEMORY_PARTS),
        memory_parts,
        lambda most: measure_of(MEANINGS["parameter_bytes"], [most], "bytes kept"),
        ("counted, not read off the process: activations are those kept for one batch",),
    )


def time_split(shown: Shown) -> list[Picture]:
    """Draw what the time of a trial went to.

    Raises:
        BenchError: no trial has a throughput of training.
    """
    return _pictures(
        shown,
        "time",
        "Time of a trial",
        TIME_PARTS,
        time_parts,
        lambda most: measure_of(MEANINGS["wall_s"], [most], "time"),
        (
            "waiting and stepping: all samples of all epochs (and timed_s) at the steady"
            " throughput; the rest of the trial's time is evaluating, starting and measuring",
        ),
    )


def memory_parts(record: Record) -> tuple[float, ...] | None:
    """Give the bytes of the parts of a trial; None where one was not counted."""
    found = [finite(record.metrics.get(name)) for name in MEMORY_PARTS.values()]
    known = [each for each in found if each is not None]
    return tuple(known) if len(known) == len(found) else None


def time_parts(record: Record) -> tuple[float, ...] | None:
    """Give the seconds that a trial waited, stepped, and did the rest; None without figures.

    What was stepped is all samples of all epochs at the steady throughput, and the steps that
    `timed_s` adds until the steady window is that long.
    """
    names = ("train_samples_per_s", "data_wait_share", "wall_s")
    speed, share, wall_s = (finite(record.metrics.get(name)) for name in names)
    epochs, size = record.settings.get("epochs"), record.sizes.get("train")
    if not speed or share is None or wall_s is None or not size or not isinstance(epochs, int):
        return None
    asked_s = record.settings.get("timed_s") or 0.0
    trained_s = min(max(epochs * size / speed, float(asked_s)), wall_s)
    return share * trained_s, (1 - share) * trained_s, wall_s - trained_s


def _pictures(  # noqa: PLR0917  # each of the two kinds gives them in this order
    shown: Shown,
    kind: str,
    title: str,
    parts: tuple[str, ...],
    take: Callable[[Record], tuple[float, ...] | None],
    measuring: Callable[[float], Measure],
    how: tuple[str, ...],
) -> list[Picture]:
    """Draw a bar a case of the means over its trials.

    Raises:
        BenchError: no trial has the parts.
    """
    taken = {case: list(_taken(shown, case, take)) for case in shown.trials}
    means = {
        case: tuple(mean_of(each) for each in zip(*found, strict=True))
        for case, found in taken.items()
        if found
    }
    if not means:
        raise BenchError(f"no trial has figures of {', '.join(parts)}")
    measure = measuring(max(map(sum, means.values())))
    pictures = []
    for cases in in_parts(len(shown.rows)):
        own = [len(taken[case]) for case in cases]
        trials = seeds_text(own).replace("seed", "trial")
        told = [
            f"{shown.label(case)}: {_told(parts, means[case])}" for case in cases if case in means
        ]
        pictures.append(
            Picture(
                kind=kind,
                title=title + which(cases, len(shown.rows)),
                panels=(_panel(shown, cases, means, measure),),
                said=(f"mean of {trials}; the range is not shown", *how),
                alt=f"{title}, in shares. {'; '.join(told)}.",
                parts=parts,
            )
        )
    return pictures


def _taken(
    shown: Shown, case: int, take: Callable[[Record], tuple[float, ...] | None]
) -> Iterator[tuple[float, ...]]:
    for _, record in shown.trials[case]:
        found = take(record) if record is not None and record.status == "ok" else None
        if found is not None:
            yield found


def _panel(
    shown: Shown,
    cases: Sequence[int],
    means: Mapping[int, tuple[float, ...]],
    measure: Measure,
) -> Panel:
    marks: list[Mark] = []
    for row, case in enumerate(cases):
        if case in means:
            marks.append(Bar(row=row, parts=tuple(measure.of(each) for each in means[case])))
        else:
            marks.append(Told(row=row, text=shown.failures(case) or "no figure"))
    high = 1.03 * measure.of(max(map(sum, means.values()))) or 1.0
    return Panel(
        title="",
        x=Axis(label=f"{measure.label} (from 0)", low=0.0, high=high),
        y=Axis(label=""),
        marks=tuple(marks),
        rows=tuple(shown.label(case) for case in cases),
    )


def _told(parts: Sequence[str], values: Sequence[float]) -> str:
    whole = sum(values) or 1.0
    return ", ".join(
        f"{name} {100 * value / whole:.0f} %" for name, value in zip(parts, values, strict=True)
    )

"""Say in words what was judged: of one case, or in how many of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.numbers.figures import margin_text, size_text, sizes_text
from harness.numbers.metrics import Meaning
from harness.numbers.verdicts import MORE_THAN_MOST, Word
from harness.records.naming import MOST_IN_HEADER
from harness.showing.judged import Judged, notes_of
from harness.units import one_line

_WORDS: tuple[Word, ...] = ("better", "worse", "same", "undecided")
_MOST_NOTES = 2

NOTHING_MORE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Makes a sentence of what was judged, by metric.

    Args:
        names: What each metric is called.
        meanings: Of each metric.
        seeds: How many seeds were planned.
    """

    names: Mapping[str, str]
    meanings: Mapping[str, Meaning]
    seeds: int

    def sentence(
        self, found: Mapping[str, Sequence[Judged]], more: Mapping[str, str] = NOTHING_MORE
    ) -> str | None:
        """Say what was judged of each metric; None where none got a word, nor failed.

        Args:
            found: By metric: of one case, or of several.
            more: By metric, what is said behind figures that are decided.
        """
        told: list[str] = []
        told_n = 0
        for metric, cases in found.items():
            name, meaning = one_line(self.names[metric], MOST_IN_HEADER), self.meanings[metric]
            n = cases[0].n
            if len(cases) > 1:
                phrase = phrase_of_several(name, meaning, cases)
            else:
                seeds = f", {n} of {self.seeds} seeds" if n != told_n else ""
                phrase = phrase_of_one(name, meaning, cases[0], seeds + more.get(metric, ""))
                told_n = n if phrase and seeds in phrase else told_n
            told += [phrase] if phrase else []
        return "; ".join(told) or self._nothing(found)

    def _nothing(self, found: Mapping[str, Sequence[Judged]]) -> str | None:
        notes = [(name, each.note) for name, cases in found.items() for each in cases if each.note]
        failed = [each for _, each in notes if each.startswith("failed")]
        if failed:
            return f"no word, {failed[0]}"
        gaps = {name: each for name, each in notes if each.startswith("no result in")}
        told = [
            f"{one_line(self.names[name], MOST_IN_HEADER)} has {each}"
            for name, each in gaps.items()
        ]
        return f"no word, {'; '.join(told)}" if told else None


def phrase_of_one(name: str, meaning: Meaning, found: Judged, more: str = "") -> str | None:
    """Say what one case, or one effect, got: `test_accuracy better by 79 points [72, 86]`.

    Args:
        name: What the metric is called.
        meaning: What its number means.
        found: What was judged.
        more: What is said behind figures that are decided.

    Returns:
        None where it got no word.
    """
    if found.verdict is None:
        return None
    notes = "; ".join(filter(None, [_notes([found]), _deciding([found], "a fresh run of ")]))
    if found.verdict == "undecided":
        return f"{name} undecided, {notes}" if notes else f"{name} undecided"
    told = _said(found.verdict)
    if found.verdict == "same":
        told += f" within {margin_text(found.margin, meaning)}"
    elif found.difference is not None:
        told += f" by {size_text(found.difference, found.ci95, meaning)}"
    return f"{name} {told}" + (f" ({notes})" if notes else "") + more


def phrase_of_several(name: str, meaning: Meaning, found: Sequence[Judged]) -> str | None:
    """Say in how many cases it got which word: `better in 2 of 3 cases (by 87 points)`.

    Returns:
        None where none got a word.
    """
    parts: list[str] = []
    for word in _WORDS:
        some = [each for each in found if each.verdict == word]
        if some:
            count = _count(len(some), len(found), first=not parts)
            told = _told(word, some, meaning)
            parts.append(f"{_said(word)} in {count}" + (f" ({told})" if told else ""))
    wordless = [each for each in found if each.verdict is None]
    if not parts:
        return None
    if wordless:
        parts.append(f"no word in {len(wordless)} ({_notes(wordless)})")
    return f"{name} {', '.join(parts)}"


def _said(word: Word) -> str:
    return "the same" if word == "same" else word


def _count(some: int, of: int, *, first: bool) -> str:
    if some == of:
        return "both cases" if of == 2 else f"all {of} cases"
    return f"{some} of {of} cases" if first else str(some)


def _told(word: Word, found: Sequence[Judged], meaning: Meaning) -> str:
    sizes = [each.difference for each in found if each.difference is not None]
    size = f"by {sizes_text(sizes, meaning)}" if word in {"better", "worse"} and sizes else ""
    return "; ".join(filter(None, [size, _notes(found), _deciding(found)]))


def _notes(found: Sequence[Judged]) -> str:
    """Join what must be known beside the words; where that is much, send to the table."""
    notes = dict.fromkeys(each for one in found for each in notes_of(one))
    return "; ".join(notes) if len(notes) <= _MOST_NOTES else "the table says why"


def _deciding(found: Sequence[Judged], start: str = "") -> str:
    """Say how many seeds would decide all that is undecided for want of seeds."""
    if any(MORE_THAN_MOST in (each.note or "") for each in found):
        return MORE_THAN_MOST
    needed = [each.seeds_needed for each in found if each.seeds_needed is not None]
    return f"{start}about {max(needed)} seeds would decide" if needed else ""

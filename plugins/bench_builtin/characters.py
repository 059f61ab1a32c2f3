"""Data sets of characters: "hello" to "ohlol", and names of people by country.

Characters are symbols (whole numbers) or one-hot vectors. Shapes: symbols are (n, steps), one-hot
vectors (n, steps, symbols); targets (n, steps) where each character has one, else (n,).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeAlias

from bench_builtin.tables import first_there, none_there, read_cells
from harness import BenchError, Data, Dataset, Meta, Place, Split, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

Encoding: TypeAlias = Literal["symbols", "one_hot"]
Size = Annotated[int, Meta(ge=1)]
Classes = Annotated[int, Meta(ge=2)]

ALPHABET = "ehlo"
HELLO, OHLOL = "hello", "ohlol"

TRAIN_FILES = ("names_train.csv.gz", "names_train.csv")
TEST_FILES = ("names_test.csv.gz", "names_test.csv")
COUNTRIES = 18
ROWS = (13_374, 6_700)
LONGEST = 19
ASCII = 128
"""A character of a name is the symbol of its code; 0, which no name has, fills its end."""


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    """Hand over the data sets of this module."""
    return [
        Dataset("hello", load_hello, hello_task),
        Dataset("names", load_names, names_task, absent=names_absent, files=names_files),
    ]


def hello_task(*, encoding: Encoding = "symbols") -> Task:
    """Turn each of five characters into one of four."""
    size = len(ALPHABET)
    if encoding == "one_hot":
        return Task("sequence", (len(HELLO), size), size, by_step=True)
    return Task("sequence", (len(HELLO),), size, symbols=size, by_step=True)


def load_hello(place: Place, *, encoding: Encoding = "symbols") -> Data:  # noqa: ARG001  # nothing is read
    """Give one sample: "hello" to "ohlol", as symbols (1, 5) or one-hot vectors (1, 5, 4).

    The symbols are e, h, l, o. There is no test split: accuracy 1 says that "ohlol" is spelt.
    """
    import torch

    symbols, targets = (
        torch.tensor([[ALPHABET.index(each) for each in word]]) for word in (HELLO, OHLOL)
    )  # (1, 5)
    if encoding == "one_hot":
        symbols = torch.nn.functional.one_hot(symbols, len(ALPHABET)).float()
    return Data(Split((symbols,), targets))


def names_task(*, classes: Classes = COUNTRIES, longest: Size = LONGEST) -> Task:
    """Tell from which of 18 countries a name is."""
    return Task("sequence", (longest,), classes, symbols=ASCII)


def load_names(
    place: Place,
    *,
    classes: Classes = COUNTRIES,
    longest: Size = LONGEST,
    rows: tuple[Size, Size] | None = ROWS,
    sort: bool = False,
) -> Data:
    """Load names as codes of ASCII (n, longest) with their lengths (n,), and countries (n,).

    13,374 names to train on and 6,700 to test on. 201 pairs of name and country stand in both
    files, as in the course notes: the test split has 773 rows that the training split has too. The
    countries are numbered in the order of the alphabet. A batch is cut to its longest name.

    Args:
        place: With the data root, where `names_train.csv.gz` and `names_test.csv.gz` lie, gzipped
            or plain: lines of name and country.
        classes: Countries in the files.
        longest: Characters of the longest name that is taken.
        rows: Of the two files; another number means that one is cut short. None: any, for files of
            one's own.
        sort: Whether a batch has its longest names first, as packing wants them.

    Raises:
        BenchError: a file is absent, truncated or damaged, or has what is no such name or country;
            the message names file and line.
    """
    paths = [first_there("names", place.root, each) for each in (TRAIN_FILES, TEST_FILES)]
    train, test = (_pairs(path, longest) for path in paths)
    if rows is not None:
        _check_rows(paths[0], train, rows[0])
        _check_rows(paths[1], test, rows[1])
    countries = sorted({each.country for each in train})
    if len(countries) != classes:
        raise BenchError(
            f"{paths[0]} has names of {len(countries)} countries, and not of {classes}:"
            f" dataset.classes={len(countries)} takes it"
        )
    places = {country: place for place, country in enumerate(countries)}
    _check_countries(paths[1], test, places, paths[0])
    return Data(_split(train, places, longest, sort), test=_split(test, places, longest, sort))


def names_absent(place: Place) -> str | None:
    """Say which of the two tables is not here."""
    reasons = (none_there("names", place.root, each) for each in (TRAIN_FILES, TEST_FILES))
    return next(filter(None, reasons), None)


def names_files(place: Place) -> list[Path]:
    """List where the two tables may lie."""
    return [place.root / each for each in (*TRAIN_FILES, *TEST_FILES)]


def trimmed(inputs: tuple[Tensor, ...], targets: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
    """Cut symbols (n, longest) to the longest sequence of the batch, by the lengths (n,)."""
    symbols, lengths = inputs
    return (symbols[:, : int(lengths.max())], lengths), targets


def trimmed_and_sorted(
    inputs: tuple[Tensor, ...], targets: Tensor
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Cut as `trimmed` does, and put the longest sequences first; equals keep their order."""
    order = inputs[1].argsort(descending=True, stable=True)
    return trimmed(tuple(each.index_select(0, order) for each in inputs), targets[order])


class _Pair(NamedTuple):
    """A line of a table of names."""

    line: int
    name: str
    country: str


def _pairs(path: Path, longest: int) -> list[_Pair]:
    return [_pair(path, line, cells, longest) for line, cells in read_cells(path)]


def _pair(path: Path, line: int, cells: Sequence[str], longest: int) -> _Pair:
    where = f"{path}, line {line}"
    if len(cells) != 2:
        raise BenchError(f"{where}: {len(cells)} columns, and not 2: name and country")
    name, country = cells
    if not name or not country.strip():
        raise BenchError(f"{where}: there is no {'country' if name else 'name'}")
    strange = next((each for each in name if not 0 < ord(each) < ASCII), None)
    if strange is not None:
        raise BenchError(
            f"{where}: the name {name[:40]!r} has the character {strange!r}"
            f" (U+{ord(strange):04X}), which is none of ASCII: write it in letters that are"
        )
    if len(name) > longest:
        raise BenchError(
            f"{where}: the name {name[:40]!r} has {len(name)} characters, and not at most"
            f" {longest}: dataset.longest={len(name)} takes it"
        )
    return _Pair(line, name, country.strip())


def _check_rows(path: Path, pairs: Sequence[_Pair], rows: int) -> None:
    if len(pairs) != rows:
        raise BenchError(
            f"{path} has {len(pairs)} rows, and not {rows}: it is truncated, or another table"
            " (dataset.rows=none takes any)"
        )


def _check_countries(
    path: Path, pairs: Sequence[_Pair], places: Mapping[str, int], known: Path
) -> None:
    for each in pairs:
        if each.country not in places:
            raise BenchError(
                f"{path}, line {each.line}: no name of {known} is of the country"
                f" {each.country[:40]!r}"
            )


def _split(pairs: Sequence[_Pair], places: Mapping[str, int], longest: int, sort: bool) -> Split:
    import torch

    symbols = torch.tensor(
        [[*each.name.encode("ascii").ljust(longest, b"\0")] for each in pairs]
    )  # (n, longest)
    lengths = torch.tensor([len(each.name) for each in pairs])
    targets = torch.tensor([places[each.country] for each in pairs])
    return Split((symbols, lengths), targets, trimmed_and_sorted if sort else trimmed)

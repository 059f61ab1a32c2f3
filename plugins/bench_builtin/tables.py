"""Data sets from tables of numbers: CSV, plain or gzipped; the label stands last in a row."""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from harness import BenchError, Data, Dataset, Meta, Place, Split, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

Kind: TypeAlias = Literal["regression", "binary", "classification"]
Size = Annotated[int, Meta(ge=1)]

DIABETES_FEATURES = 8
DIABETES_ROWS = 759
DIABETES_FILES = ("diabetes.csv.gz", "diabetes.csv")
HOLDOUT = 0.25

_GZIP = b"\x1f\x8b"
"""The first two bytes of every gzip file (RFC 1952, section 2.3.1)."""


@hookimpl
def bench_register_datasets() -> Sequence[Dataset]:
    """Hand over the data sets of this module."""
    return [
        Dataset(
            "diabetes",
            load_diabetes,
            diabetes_task,
            absent=diabetes_absent,
            files=diabetes_files,
        ),
        Dataset("csv", load_csv, csv_task, holdout=HOLDOUT, absent=csv_absent, files=csv_files),
    ]


def diabetes_task() -> Task:
    """Tell who has diabetes (1) by eight features."""
    return Task("binary", (DIABETES_FEATURES,), 1)


def load_diabetes(place: Place) -> Data:
    """Load 759 rows of eight features in [-1, 1] (n, 8) with labels 0.0 or 1.0 (n, 1).

    The file `diabetes.csv.gz`, or `diabetes.csv`, lies in the data root. There is no test split:
    the course notes measure on the rows that they train on.

    Raises:
        BenchError: the file is absent, truncated or damaged, or is another table.
    """
    path = first_there("diabetes", place.root, DIABETES_FILES)
    rows = read_numbers(path, DIABETES_FEATURES + 1)
    if len(rows) != DIABETES_ROWS:
        raise BenchError(
            f"{path} has {len(rows)} rows where diabetes has {DIABETES_ROWS}: it is truncated, or"
            " another table"
        )
    return _data(path, rows, DIABETES_FEATURES, "binary", 1)


def diabetes_absent(place: Place) -> str | None:
    """Say that neither file is here."""
    return none_there("diabetes", place.root, DIABETES_FILES)


def diabetes_files(place: Place) -> list[Path]:
    """List where the table may lie."""
    return [place.root / each for each in DIABETES_FILES]


def csv_task(*, file: str, features: Size, kind: Kind = "regression", outputs: Size = 1) -> Task:
    """Predict the last column of a table from the others.

    Raises:
        BenchError: the kind cannot have so many outputs.
    """
    if kind == "classification" and outputs < 2:
        raise BenchError(
            f"dataset csv: {file}: outputs={outputs} is no number of classes: give outputs=2 or"
            " more, or kind=binary"
        )
    if kind != "classification" and outputs != 1:
        raise BenchError(
            f"dataset csv: {file}: the label is one column: kind={kind} has outputs=1, not"
            f" {outputs}"
        )
    return Task(kind, (features,), outputs)


def csv_absent(place: Place, *, file: str) -> str | None:
    """Say that the file is not here."""
    return none_there("csv", place.root, (file,))


def csv_files(place: Place, *, file: str) -> list[Path]:
    """Name the file."""
    return [place.root / file]


def load_csv(
    place: Place,
    *,
    file: str,
    features: Size,
    kind: Kind = "regression",
    outputs: Size = 1,
    header: bool = False,
    standardise: bool = False,
) -> Data:
    """Load a table of numbers whose last column is the label; a quarter is held out.

    Args:
        place: With the data root, which `file` is relative to.
        file: CSV with commas in UTF-8, plain or gzipped.
        features: Columns without the label.
        kind: Of the label: a number, 0 or 1, or a class.
        outputs: Classes of a classification; 1 otherwise.
        header: Whether the first line has names.
        standardise: Whether features get mean 0 and standard deviation 1, over the whole table.

    Raises:
        BenchError: the file is absent, truncated or damaged, or is another table.
    """
    path = first_there("csv", place.root, (file,))
    rows = read_numbers(path, features + 1, header=header)
    data = _data(path, rows, features, kind, outputs)
    return _standardised(data) if standardise else data


def read_numbers(path: Path, columns: int, *, header: bool = False) -> list[list[float]]:
    """Read a table of finite numbers; blank lines are left out.

    Raises:
        BenchError: the file cannot be read, or a line of it is none of these; the message names
            file and line.
    """
    rows = read_cells(path, header=header)
    return [_row(path, place, cells, columns) for place, cells in rows]


def read_cells(path: Path, *, header: bool = False) -> list[tuple[int, list[str]]]:
    """Read a table as text: each line that is not blank with its number, counted from 1.

    Raises:
        BenchError: the file cannot be read, or has no rows.
    """
    rows = list(_cells(path, _text(path).splitlines(), header))
    if not rows:
        raise BenchError(f"{path} has no rows")
    return rows


def first_there(owner: str, root: Path, names: Sequence[str]) -> Path:
    """Find the first of some files in a folder.

    Raises:
        BenchError: none is there.
    """
    reason = none_there(owner, root, names)
    if reason is not None:
        raise BenchError(reason)
    return next(root / each for each in names if (root / each).is_file())


def none_there(owner: str, root: Path, names: Sequence[str]) -> str | None:
    """Say that none of some files is in a folder, and what to do; None: one is."""
    if any((root / each).is_file() for each in names):
        return None
    return (
        f"dataset {owner}: {' or '.join(names)} is not in {root}: put the file there, or name its"
        " folder with --data-root or BENCH_DATA"
    )


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except EOFError:
        raise BenchError(f"{path} is truncated: its end is missing") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BenchError(f"{path} is damaged: {error}") from None
    except UnicodeDecodeError:
        raise BenchError(f"{path} is no UTF-8 text") from None
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror or error}") from None


def _cells(path: Path, lines: Sequence[str], header: bool) -> Iterator[tuple[int, list[str]]]:
    """Give each line that is not blank with its number, counted from 1."""
    reader = csv.reader(lines)
    try:
        for cells in reader:
            if any(each.strip() for each in cells) and not (header and reader.line_num == 1):
                yield reader.line_num, cells
    except csv.Error as error:
        raise BenchError(f"{path}, line {reader.line_num}: {error}") from None


def _row(path: Path, place: int, cells: Sequence[str], columns: int) -> list[float]:
    if len(cells) != columns:
        raise BenchError(f"{path}, line {place}: {len(cells)} columns, and not {columns}")
    return [_number(path, place, each) for each in cells]


def _number(path: Path, place: int, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BenchError(f"{path}, line {place}: {cell.strip()[:40]!r} is no number")
    return value


def _data(
    path: Path,
    rows: Sequence[Sequence[float]],
    features: int,
    kind: Kind,
    outputs: int,
) -> Data:
    import torch

    if kind != "regression":
        _check_labels(path, [row[-1] for row in rows], 2 if kind == "binary" else outputs)
    table = torch.tensor(rows)  # (n, features + 1)
    classes = kind == "classification"
    targets = table[:, -1].long() if classes else table[:, -1:].contiguous()
    return Data(Split((table[:, :features].contiguous(),), targets))


def _check_labels(path: Path, labels: Sequence[float], classes: int) -> None:
    for place, label in enumerate(labels, start=1):
        if not label.is_integer() or not 0 <= label < classes:
            raise BenchError(
                f"{path}, row {place}: the label {label:g} is no class: they go from 0 to"
                f" {classes - 1}"
            )


def _standardised(data: Data) -> Data:
    (table,) = data.train.inputs
    return Data(Split((_scaled(table),), data.train.targets))


def _scaled(table: Tensor) -> Tensor:
    """Shift and scale columns (n, d); one that is the same everywhere becomes 0."""
    deviation = table.std(dim=0, correction=0)
    return (table - table.mean(dim=0)) / deviation.where(deviation > 0, 1.0)

"""Tables of numbers: read plain and gzipped; what is wrong with a file is told with its name."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch
from bench_builtin import tables

from harness import BenchError, Place, Task

FEATURES = tables.DIABETES_FEATURES
LINE = ",".join(["0.5"] * FEATURES) + ",1\n"


def written(root: Path, content: str | bytes, name: str = "diabetes.csv") -> Path:
    path = root / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def whole(rows: int = tables.DIABETES_ROWS) -> str:
    return "".join(f"{index % 2}," + LINE[4:-2] + f"{index % 2}\n" for index in range(rows))


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
def test_diabetes_is_read_plain_and_gzipped(tmp_path, zipped):
    content = whole().encode()
    written(
        tmp_path,
        gzip.compress(content) if zipped else content,
        "diabetes.csv.gz" if zipped else "diabetes.csv",
    )

    data = tables.load_diabetes(Place(tmp_path))

    (inputs,) = data.train.inputs
    assert tables.diabetes_task() == Task("binary", (8,), 1)
    assert (inputs.shape, data.train.targets.shape) == ((759, 8), (759, 1))
    assert inputs[1].tolist() == [1.0, *[0.5] * 7]
    assert data.train.targets.flatten()[:3].tolist() == [0.0, 1.0, 0.0]
    assert data.test is None


def test_the_gzipped_table_stands_before_the_plain_one(tmp_path):
    written(tmp_path, "broken")
    written(tmp_path, gzip.compress(whole().encode()), "diabetes.csv.gz")

    assert len(tables.load_diabetes(Place(tmp_path)).train) == 759


def test_a_table_that_is_absent_is_told_with_the_folder(tmp_path):
    with pytest.raises(BenchError) as refused:
        tables.load_diabetes(Place(tmp_path))

    assert str(refused.value) == (
        f"dataset diabetes: diabetes.csv.gz or diabetes.csv is not in {tmp_path}: put the file"
        " there, or name its folder with --data-root or BENCH_DATA"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "{path} has no rows"),
        ("\n\n", "{path} has no rows"),
        (
            whole(700),
            "{path} has 700 rows where diabetes has 759: it is truncated, or another table",
        ),
        (LINE + "1,2\n", "{path}, line 2: 2 columns, and not 9"),
        (LINE + LINE[:-5] + "\n", "{path}, line 2: 8 columns, and not 9"),
        (LINE.replace("1", "yes"), "{path}, line 1: 'yes' is no number"),
        (LINE.replace("1", "nan"), "{path}, line 1: 'nan' is no number"),
        (LINE.replace("1", "1e999"), "{path}, line 1: '1e999' is no number"),
        (LINE.replace("1", ""), "{path}, line 1: '' is no number"),
        (b"\xff\xfe\x00", "{path} is no UTF-8 text"),
        (gzip.compress(whole().encode())[:-20], "{path} is truncated: its end is missing"),
        (gzip.compress(whole().encode())[:1], "{path} has no rows"),
        (
            gzip.compress(whole().encode())[:-8] + b"00000000",
            "{path} is damaged: CRC check failed",
        ),
        (b"\x1f\x8b\x00" + b"x" * 30, "{path} is damaged: Unknown compression method"),
        (
            whole().replace("0\n", "2\n", 1),
            "{path}, row 1: the label 2 is no class: they go from 0 to 1",
        ),
        (
            whole().replace("1\n", "0.5\n", 1),
            "{path}, row 2: the label 0.5 is no class: they go from 0 to 1",
        ),
    ],
    ids=lambda each: each[:30] if isinstance(each, str) else "bytes",
)
def test_a_file_that_is_no_such_table_is_told_with_its_name(tmp_path, content, message):
    path = written(tmp_path, content)

    with pytest.raises(BenchError) as refused:
        tables.load_diabetes(Place(tmp_path))

    assert str(refused.value) == message.format(path=path)


def test_a_folder_in_place_of_the_file_is_absent(tmp_path):
    (tmp_path / "diabetes.csv").mkdir()

    with pytest.raises(BenchError, match=r"^dataset diabetes: diabetes\.csv\.gz or "):
        tables.load_diabetes(Place(tmp_path))


def test_a_file_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    path = written(tmp_path, whole())

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)

    with pytest.raises(BenchError) as refused:
        tables.load_diabetes(Place(tmp_path))

    assert str(refused.value) == f"{path} cannot be read: Permission denied"


def test_a_table_of_ones_own_predicts_its_last_column(tmp_path):
    written(tmp_path, "a,b,price\n1,2,10\n\n3,4,20\n", "houses.csv")

    data = tables.load_csv(Place(tmp_path), file="houses.csv", features=2, header=True)

    assert tables.csv_task(file="houses.csv", features=2) == Task("regression", (2,), 1)
    assert data.train.inputs[0].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert data.train.targets.tolist() == [[10.0], [20.0]]


def test_the_classes_of_a_table_are_whole_numbers(tmp_path):
    written(tmp_path, "0.5,2\n0.25,0\n", "kinds.csv")
    options = {"file": "kinds.csv", "features": 1, "kind": "classification", "outputs": 3}

    data = tables.load_csv(Place(tmp_path), **options)

    assert tables.csv_task(**options) == Task("classification", (1,), 3)
    assert (data.train.targets.tolist(), data.train.targets.dtype) == ([2, 0], torch.int64)


def test_a_class_out_of_range_is_told_with_file_and_row(tmp_path):
    path = written(tmp_path, "0.5,2\n0.25,3\n", "kinds.csv")

    with pytest.raises(BenchError) as refused:
        tables.load_csv(
            Place(tmp_path), file="kinds.csv", features=1, kind="classification", outputs=3
        )

    assert str(refused.value) == f"{path}, row 2: the label 3 is no class: they go from 0 to 2"


def test_features_are_standardised_where_they_are_to_be(tmp_path):
    written(tmp_path, "1,7,0\n3,7,1\n", "t.csv")

    data = tables.load_csv(
        Place(tmp_path), file="t.csv", features=2, kind="binary", standardise=True
    )

    assert data.train.inputs[0].tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert data.train.targets.tolist() == [[0.0], [1.0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"kind": "classification"},
            "dataset csv: t.csv: outputs=1 is no number of classes: give outputs=2 or more, or"
            " kind=binary",
        ),
        (
            {"kind": "binary", "outputs": 2},
            "dataset csv: t.csv: the label is one column: kind=binary has outputs=1, not 2",
        ),
    ],
)
def test_outputs_that_the_kind_cannot_have_are_refused_at_the_plan(options, message):
    with pytest.raises(BenchError) as refused:
        tables.csv_task(file="t.csv", features=2, **options)

    assert str(refused.value) == message

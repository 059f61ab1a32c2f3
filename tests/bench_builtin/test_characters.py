"""Data sets of characters: what is read, what is refused, how a batch is cut and sorted."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch
from bench_builtin import characters

from harness import BenchError, Place, Task

TRAIN = "Abe,Dutch\nSzczepan,Polish\nO'Neal,Irish\nLi,Dutch\n"
TEST = "Abe,Dutch\nKowal,Polish\n"
SHARED = Path(__file__).parents[3] / "shared/datasets"


def written(root: Path, train: str = TRAIN, test: str = TEST) -> Place:
    for name, content in (("names_train.csv", train), ("names_test.csv", test)):
        (root / name).write_text(content, encoding="utf-8")
    return Place(root)


def loaded(place: Place, **more):
    return characters.load_names(place, **{"classes": 3, "rows": None, "longest": 8, **more})


def test_hello_is_one_sample_with_a_target_for_each_character():
    data = characters.load_hello(Place(Path("/nonexistent")))

    (symbols,) = data.train.inputs
    assert characters.hello_task() == Task("sequence", (5,), 4, symbols=4, by_step=True)
    assert ["ehlo"[each] for each in symbols[0]] == [*"hello"]
    assert ["ehlo"[each] for each in data.train.targets[0]] == [*"ohlol"]
    assert data.test is None


def test_hello_is_one_hot_where_it_is_to_be():
    (vectors,) = characters.load_hello(Place(Path("/nonexistent")), encoding="one_hot").train.inputs

    assert characters.hello_task(encoding="one_hot") == Task("sequence", (5, 4), 4, by_step=True)
    assert (vectors.shape, vectors.dtype) == ((1, 5, 4), torch.float32)
    assert vectors.argmax(dim=2).tolist() == [[1, 0, 2, 2, 3]]
    assert vectors.sum(dim=2).tolist() == [[1.0] * 5]


def test_names_are_codes_of_ascii_with_their_lengths(tmp_path):
    data = loaded(written(tmp_path))

    symbols, lengths = data.train.inputs
    assert characters.names_task() == Task("sequence", (19,), 18, symbols=128)
    assert symbols[0].tolist() == [65, 98, 101, 0, 0, 0, 0, 0]
    assert bytes(symbols[2].tolist()) == b"O'Neal\0\0"
    assert lengths.tolist() == [3, 8, 6, 2]
    assert data.train.targets.tolist() == [0, 2, 1, 0]  # Dutch, Irish, Polish
    assert data.test is not None
    assert data.test.targets.tolist() == [0, 2]
    assert data.test.inputs[0].shape == (2, 8)


def test_gzipped_names_stand_before_plain_ones(tmp_path):
    place = written(tmp_path, train="broken")
    (tmp_path / "names_train.csv.gz").write_bytes(gzip.compress(TRAIN.encode()))

    assert len(loaded(place).train) == 4


def test_a_batch_is_cut_to_its_longest_name(tmp_path):
    split = loaded(written(tmp_path)).train
    places = torch.tensor([0, 3])

    assert split.collate is characters.trimmed
    (symbols, lengths), targets = split.collate(
        tuple(each[places] for each in split.inputs), split.targets[places]
    )

    assert symbols.tolist() == [[65, 98, 101], [76, 105, 0]]
    assert (lengths.tolist(), targets.tolist()) == ([3, 2], [0, 0])


def test_a_sorted_batch_has_its_longest_names_first(tmp_path):
    split = loaded(written(tmp_path), sort=True).train

    assert split.collate is characters.trimmed_and_sorted
    (symbols, lengths), targets = split.collate(split.inputs, split.targets)

    assert lengths.tolist() == [8, 6, 3, 2]
    assert targets.tolist() == [2, 1, 0, 0]
    assert [bytes(each).rstrip(b"\0") for each in symbols.tolist()] == [
        *(b"Szczepan", b"O'Neal", b"Abe", b"Li"),
    ]


@pytest.mark.parametrize(
    ("train", "test", "options", "message"),
    [
        (
            TRAIN + "Dvořák,Polish\n",
            TEST,
            {},
            "{train}, line 5: the name 'Dvořák' has the character 'ř' (U+0159), which is none of"
            " ASCII: write it in letters that are",
        ),
        (
            TRAIN,
            "Abe,Dutch\nLiÿ,Dutch\n",
            {},
            "{test}, line 2: the name 'Liÿ' has the character 'ÿ' (U+00FF), which is none of"
            " ASCII: write it in letters that are",
        ),
        (
            "A\0be,Dutch\n",
            TEST,
            {},
            "{train}, line 1: the name 'A\\x00be' has the character '\\x00' (U+0000), which is none"
            " of ASCII: write it in letters that are",
        ),
        (
            TRAIN,
            TEST,
            {"longest": 7},
            "{train}, line 2: the name 'Szczepan' has 8 characters, and not at most 7:"
            " dataset.longest=8 takes it",
        ),
        (
            TRAIN,
            TEST,
            {"classes": 18},
            "{train} has names of 3 countries, and not of 18: dataset.classes=3 takes it",
        ),
        (
            TRAIN,
            TEST + "Ito,Japanese\n",
            {},
            "{test}, line 3: no name of {train} is of the country 'Japanese'",
        ),
        (
            TRAIN,
            TEST,
            {"rows": (4, 3)},
            "{test} has 2 rows, and not 3: it is truncated, or another table (dataset.rows=none"
            " takes any)",
        ),
        (
            TRAIN,
            TEST,
            {"rows": (13_374, 6_700)},
            "{train} has 4 rows, and not 13374: it is truncated, or another table"
            " (dataset.rows=none takes any)",
        ),
        (TRAIN + "Abe\n", TEST, {}, "{train}, line 5: 1 columns, and not 2: name and country"),
        (
            TRAIN,
            "Abe,Dutch,1\n",
            {},
            "{test}, line 1: 3 columns, and not 2: name and country",
        ),
        (",Dutch\n", TEST, {}, "{train}, line 1: there is no name"),
        ("Abe, \n", TEST, {}, "{train}, line 1: there is no country"),
        (TRAIN, "\n", {}, "{test} has no rows"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_name(tmp_path, train, test, options, message):
    place = written(tmp_path, train, test)

    with pytest.raises(BenchError) as refused:
        loaded(place, **options)

    files = {each: tmp_path / f"names_{each}.csv" for each in ("train", "test")}
    assert str(refused.value) == message.format(**files)


def test_a_truncated_gzip_is_told_with_its_name(tmp_path):
    place = written(tmp_path)
    (tmp_path / "names_test.csv.gz").write_bytes(gzip.compress(TEST.encode())[:-3])

    with pytest.raises(BenchError) as refused:
        loaded(place)

    assert str(refused.value) == (f"{tmp_path}/names_test.csv.gz is truncated: its end is missing")


def test_the_file_that_is_absent_is_told(tmp_path):
    absent = (
        "dataset names: {0}.csv.gz or {0}.csv is not in {1}: put the file there, or name its"
        " folder with --data-root or BENCH_DATA"
    )

    assert characters.names_absent(Place(tmp_path)) == absent.format("names_train", tmp_path)
    (tmp_path / "names_train.csv").touch()
    assert characters.names_absent(Place(tmp_path)) == absent.format("names_test", tmp_path)
    (tmp_path / "names_test.csv").touch()
    assert characters.names_absent(Place(tmp_path)) is None
    assert {each.name for each in characters.names_files(Place(tmp_path))} > {"names_test.csv"}


@pytest.mark.skipif(
    not (SHARED / "names_train.csv.gz").is_file(), reason="the names are not beside the project"
)
def test_the_names_of_the_course_are_those_of_the_catalog():
    data = characters.load_names(Place(SHARED))

    assert data.test is not None
    assert (len(data.train), len(data.test)) == (13_374, 6_700)
    assert data.train.targets.unique().tolist() == data.test.targets.unique().tolist()
    assert len(data.train.targets.unique()) == 18
    assert data.train.inputs[1].max() == 19
    train, test = (
        {(*row, country) for row, country in zip(names, countries, strict=True)}
        for names, countries in (
            (each.inputs[0].tolist(), each.targets.tolist()) for each in (data.train, data.test)
        )
    )
    assert len(train & test) == 201

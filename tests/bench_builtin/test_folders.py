"""Folders of images: classes, splits and sizes as they lie on the disk, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bench_builtin import folders
from PIL import Image

from harness import BenchError, Place, Task

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with two classes of images."""
    paint(tmp_path / "photos/cat/1.png", RED)
    paint(tmp_path / "photos/cat/2.png", GREEN)
    paint(tmp_path / "photos/dog/1.jpg", BLUE)
    (tmp_path / "photos/dog/notes.txt").write_text("no image")
    return tmp_path


def refused(root: Path, **options: object) -> str:
    with pytest.raises(BenchError) as error:
        folders.load_image_folder(Place(root), **{"folder": "photos", "classes": 2, **options})  # type: ignore[arg-type]
    return str(error.value)


def test_each_folder_is_a_class_in_the_order_of_their_names(root):
    data = folders.load_image_folder(Place(root), folder="photos", classes=2, size=3)

    (pixels,) = data.train.inputs
    assert data.train.targets.tolist() == [0, 0, 1]
    assert (pixels.shape, pixels.dtype) == ((3, 3, 3, 3), torch.float32)
    assert pixels[0].mean(dim=(1, 2)).tolist() == [1.0, 0.0, 0.0]
    assert pixels[1].mean(dim=(1, 2)).tolist() == [0.0, 1.0, 0.0]
    assert data.test is None
    assert data.validation is None


def test_grey_images_have_one_channel(root):
    data = folders.load_image_folder(Place(root), folder="photos", classes=2, size=5, channels=1)

    assert data.train.inputs[0].shape == (3, 1, 5, 5)
    # ITU-R 601-2, as Pillow has it: L = (299 R + 587 G + 114 B) / 1000.
    grey = data.train.inputs[0][:, 0, 0, 0].tolist()
    assert grey == pytest.approx([0.299, 0.587, 0.114], abs=3e-3)


def test_the_task_is_known_without_the_folder():
    assert folders.image_folder_task(classes=7, size=48, channels=1) == Task(
        "classification", (1, 48, 48), 7
    )
    assert folders.image_folder_task(classes=2) == Task("classification", (3, 32, 32), 2)


def test_a_quarter_is_held_out_where_there_is_no_test_split():
    (definition,) = folders.bench_register_datasets()

    assert definition.holdout == 0.25


@pytest.mark.parametrize("validation", ["validation", "val"])
def test_splits_that_are_given_are_taken(tmp_path, validation):
    for place, name in enumerate(("train", validation, "test"), start=1):
        for number in range(place):
            paint(tmp_path / f"photos/{name}/a/{number}.png", RED)
        paint(tmp_path / f"photos/{name}/b/0.png", BLUE)

    data = folders.load_image_folder(Place(tmp_path), folder="photos", classes=2)

    assert data.validation is not None
    assert data.test is not None
    sizes = [len(each) for each in (data.train, data.validation, data.test)]
    assert sizes == [2, 3, 4]


def test_normalizing_takes_the_mean_and_deviation_of_the_training_images(tmp_path):
    for place, (split, colour) in enumerate(
        [("train/a", RED), ("train/b", (60, 120, 240)), ("test/a", RED), ("test/b", GREEN)]
    ):
        paint(tmp_path / f"photos/{split}/{place}.png", colour)

    options = {"folder": "photos", "classes": 2, "size": 4}
    plain = folders.load_image_folder(Place(tmp_path), **options)
    data = folders.load_image_folder(Place(tmp_path), normalize=True, **options)

    (train,) = data.train.inputs
    torch.testing.assert_close(train.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(train.std(dim=(0, 2, 3), correction=0), torch.ones(3))
    assert plain.test is not None
    assert data.test is not None
    shift = plain.train.inputs[0].mean(dim=(0, 2, 3), keepdim=True)
    scale = plain.train.inputs[0].std(dim=(0, 2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(data.test.inputs[0], (plain.test.inputs[0] - shift) / scale)


def test_an_absolute_path_is_taken_as_it_is(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    data = folders.load_image_folder(Place(elsewhere), folder=str(root / "photos"), classes=2)

    assert len(data.train) == 3


def test_a_folder_that_is_not_there_is_named(root):
    assert refused(root, folder="pictures") == (
        f"dataset.folder=pictures: there is no folder {root}/pictures: "
        "a path is relative to the data root (--data-root, BENCH_DATA)"
    )


def test_another_number_of_classes_is_refused(root):
    assert refused(root, classes=3) == (
        f"{root}/photos has 2 folders of classes (cat, dog), but dataset.classes=3"
    )


def test_many_classes_are_not_all_named(tmp_path):
    for number in range(9):
        paint(tmp_path / f"photos/{number}/1.png", RED)

    assert refused(tmp_path) == (
        f"{tmp_path}/photos has 9 folders of classes (0, 1, 2, 3, 4, 5, 6, 7, ...), "
        "but dataset.classes=2"
    )


def test_splits_with_other_classes_are_refused(tmp_path):
    for name in ("train/cat", "train/dog", "test/cat", "test/fish"):
        paint(tmp_path / f"photos/{name}/1.png", RED)

    assert refused(tmp_path) == (
        f"{tmp_path}/photos/test and {tmp_path}/photos/train have other folders of classes: "
        "'dog' stands in one of them alone"
    )


def test_a_class_without_images_is_named(root):
    (root / "photos/fish").mkdir()

    assert refused(root, classes=3).startswith(
        f"{root}/photos is no folder of classes: Found no valid file for the classes fish."
    )


def test_a_folder_without_classes_is_named(tmp_path):
    (tmp_path / "photos").mkdir()

    assert refused(tmp_path) == (
        f"{tmp_path}/photos is no folder of classes: "
        f"Couldn't find any class folder in {tmp_path}/photos."
    )


def test_a_file_that_is_no_image_is_named(root):
    path = root / "photos/cat/2.png"
    path.write_text("no image")

    assert refused(root) == (
        f"{path} cannot be read as an image: cannot identify image file '{path}'"
    )


def test_an_image_that_is_cut_short_is_named(root):
    path = root / "photos/dog/1.jpg"
    paint(path, BLUE, (64, 64))
    path.write_bytes(path.read_bytes()[:-200])

    assert refused(root).startswith(f"{path} cannot be read as an image: ")

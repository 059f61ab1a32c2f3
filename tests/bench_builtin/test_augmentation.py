"""Crops and mirror images: what torchvision draws, of a batch at once, and of training alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from bench_builtin.augmentation import augmentation, augmented, cropped, flipped
from bench_builtin.datasets import load_digits
from torchvision.transforms.functional import crop, hflip, pad

from harness.plugin.definitions import Place
from harness.training.prepare import map_data, write_data

BLACK = [-1.0, 2.0]


def images(count: int = 200, size: tuple[int, int] = (5, 4)) -> torch.Tensor:
    return torch.arange(1.0, count * 2 * size[0] * size[1] + 1).reshape(count, 2, *size)


def drawing(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_crop_is_the_one_that_torchvision_makes_of_the_padded_image() -> None:
    given = images()

    made = cropped(given, 2, BLACK, drawing())

    corners = torch.randint(5, (2, len(given)), generator=drawing())
    for each, top, left, found in zip(given, *corners.tolist(), made, strict=True):
        padded = torch.stack([pad(each[i : i + 1], 2, BLACK[i])[0] for i in range(2)])
        assert torch.equal(found, crop(padded, top, left, 5, 4))
    assert {tuple(each) for each in corners.T.tolist()} == {
        (top, left) for top in range(5) for left in range(5)
    }


def test_every_second_image_is_mirrored_left_to_right() -> None:
    given = images(1000)

    made = flipped(given, drawing())

    mirrored = [torch.equal(found, hflip(each)) for each, found in zip(given, made, strict=True)]
    same = [torch.equal(found, each) for each, found in zip(given, made, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 430 < sum(mirrored) < 570  # 1,000 draws: 4.4 standard deviations on each side


def test_a_transform_leaves_what_it_is_given_and_draws_from_the_generator_alone() -> None:
    given, before = images(), torch.get_rng_state()
    lengths = torch.ones(len(given))
    kept = given.clone()
    how: dict[str, Any] = {"crop": 1, "flip": True, "fill": BLACK}

    first = augmented((given, lengths), drawing(), **how)
    again = augmented((given, lengths), drawing(), **how)
    other = augmented((given, lengths), drawing(4), **how)

    assert torch.equal(given, kept)
    assert first[1] is lengths
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])
    assert first[0].shape == given.shape
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_to_do_is_no_transform() -> None:
    assert augmentation(crop=0, flip=False) is None
    assert load_digits(Place(Path())).train.transform is None


def test_digits_are_transformed_where_that_is_asked_for_after_a_file_too(tmp_path: Path) -> None:
    data = load_digits(Place(Path()), crop=1, flip=True)

    functions = write_data(data, tmp_path / "data.pt")
    found = map_data(tmp_path / "data.pt", functions)

    assert functions["train.transform"].name == "bench_builtin.augmentation:augmented"
    assert functions["train.transform"].keywords == {"crop": 1, "flip": True, "fill": [0.0]}
    assert data.train.transform is not None
    assert found.train.transform is not None
    inputs = data.train.inputs[0][:50]
    [expected] = data.train.transform((inputs,), drawing())
    [made] = found.train.transform((inputs,), drawing())
    assert torch.equal(made, expected)
    assert not torch.equal(made, inputs)

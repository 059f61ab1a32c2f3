"""MNIST, Fashion-MNIST and CIFAR-10 in small files of their formats, read by torchvision."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import pickle
import struct
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from bench_builtin import images
from bench_builtin.channels import channel_statistics
from bench_builtin.published import File, Published
from torch import Tensor
from torchvision import datasets

from harness import BenchError, Data, Place, Task

TRAIN, TEST = 12, 5
SHARED = Path(__file__).parents[3] / "shared/datasets/MNIST"
IDX = (images.MNIST, images.FASHION_MNIST)


@dataclass(frozen=True, slots=True)
class Small:
    """A small set in the format of a large one: its pixels (n, h, w[, 3]), targets and files."""

    published: Published
    contents: Mapping[str, bytes]
    pixels: tuple[Tensor, Tensor]
    targets: tuple[Tensor, Tensor]

    def write(self, root: Path) -> None:
        for name, content in self.contents.items():
            path = root / self.published.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def read(self, root: Path, **options: Any) -> Data:
        return images.read(self.published, Place(root), **options)


def drawn(*shape: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Draw the pixels and the classes of both splits."""
    generator = torch.Generator().manual_seed(0)
    pixels, targets = (
        tuple(
            torch.randint(0, high, (count, *each), generator=generator) for count in (TRAIN, TEST)
        )
        for high, each in ((256, shape), (10, ()))
    )
    return pixels, targets  # type: ignore[return-value]  # two of each


def idx(values: Tensor) -> bytes:
    """Write a tensor as http://yann.lecun.com/exdb/mnist describes it."""
    header = struct.pack(">i", 0x800 + values.ndim) + struct.pack(f">{values.ndim}i", *values.shape)
    return header + values.to(torch.uint8).numpy().tobytes()


def small_idx(published: Published) -> Small:
    pixels, targets = drawn(28, 28)
    names = list(published.files)
    values = [pixels[0], targets[0], pixels[1], targets[1]]
    contents = {name: idx(each) for name, each in zip(names, values, strict=True)}
    files = {
        name: File(digest=hashlib.sha256(each).hexdigest(), size_bytes=len(each))
        for name, each in contents.items()
    }
    return Small(replace(published, files=files), contents, pixels, targets)


def small_cifar() -> Small:
    """Write 2 or 3 images a file, channels first, as https://www.cs.toronto.edu/~kriz/cifar.html.

    torchvision checks digests of its own: its class gets those of the small files.
    """
    pixels, targets = drawn(32, 32, 3)
    parts = dict(
        zip(
            [f"data_batch_{place}" for place in range(1, 6)],
            zip(pixels[0].tensor_split(5), targets[0].tensor_split(5), strict=True),
            strict=True,
        )
    )
    parts["test_batch"] = (pixels[1], targets[1])
    contents = {name: batch(*part) for name, part in parts.items()}
    contents["batches.meta"] = pickle.dumps({"label_names": [f"class {i}" for i in range(10)]})
    digests = {name: hashlib.md5(each).hexdigest() for name, each in contents.items()}

    test = ["test_batch", digests["test_batch"]]
    own = {
        "train_list": [[name, digests[name]] for name in parts if name != "test_batch"],
        "test_list": [test],
        "meta": {**datasets.CIFAR10.meta, "md5": digests["batches.meta"]},
    }
    reader = type("SmallCIFAR10", (datasets.CIFAR10,), own)
    files = {name: File(digest=each) for name, each in digests.items()}
    published = replace(images.CIFAR10, files=files, reader=lambda: reader)
    return Small(published, contents, pixels, targets)


def batch(pixels: Tensor, targets: Tensor) -> bytes:
    rows = pixels.permute(0, 3, 1, 2).reshape(len(pixels), -1).to(torch.uint8).numpy()
    return pickle.dumps({"data": rows, "labels": targets.tolist()})


@pytest.fixture(params=[*IDX, images.CIFAR10], ids=lambda each: each.name)
def small(request: pytest.FixtureRequest) -> Small:
    return small_cifar() if request.param is images.CIFAR10 else small_idx(request.param)


def channels_first(pixels: Tensor) -> Tensor:
    return pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)


def test_both_splits_are_read_as_they_are_given(small, tmp_path):
    small.write(tmp_path)

    data = small.read(tmp_path)

    assert data.test is not None
    assert data.validation is None
    for place, split in enumerate((data.train, data.test)):
        (pixels,) = split.inputs
        assert (pixels.dtype, split.targets.dtype) == (torch.float32, torch.int64)
        assert pixels.is_contiguous()
        torch.testing.assert_close(
            pixels, channels_first(small.pixels[place]).float() / 255, rtol=0, atol=0
        )
        assert torch.equal(split.targets, small.targets[place])


def test_images_are_those_that_torchvision_makes_tensors_of(small, tmp_path):
    from torchvision.transforms import ToTensor

    small.write(tmp_path)
    theirs = small.published.reader()(tmp_path, train=False, transform=ToTensor())

    test = small.read(tmp_path).test

    assert test is not None
    for place, (image, target) in enumerate(theirs):
        torch.testing.assert_close(test.inputs[0][place], image, rtol=0, atol=0)
        assert test.targets[place] == target


def test_normalizing_shifts_and_scales_every_channel_once(small, tmp_path):
    from torchvision.transforms.functional import normalize

    small.write(tmp_path)
    mean, std = small.published.mean, small.published.std

    plain, normalized = (small.read(tmp_path, normalize=each) for each in (False, True))

    for name in ("train", "test"):
        (before,), (after,) = getattr(plain, name).inputs, getattr(normalized, name).inputs
        torch.testing.assert_close(after, normalize(before, mean, std))


@pytest.mark.parametrize("normalize", [False, True])
def test_training_images_alone_are_transformed_and_padded_with_black(small, tmp_path, normalize):
    small.write(tmp_path)
    data = small.read(tmp_path, crop=64, normalize=normalize)
    assert data.train.transform is not None
    assert data.test is not None
    (pixels,) = data.train.inputs
    many = pixels[:1].expand(64, -1, -1, -1)

    [made] = data.train.transform((many,), torch.Generator().manual_seed(0))

    black = torch.zeros(1, *pixels.shape[1:])
    if normalize:
        images.normalized(black, small.published.mean, small.published.std)
    assert data.test.transform is None
    assert sum(torch.allclose(each, black[0], atol=1e-6) for each in made) > 32


def test_the_first_images_can_be_asked_for(small, tmp_path):
    small.write(tmp_path)
    whole = small.read(tmp_path)

    few = small.read(tmp_path, n=7, n_test=2)

    assert (len(few.train), len(few.test)) == (7, 2)
    assert torch.equal(few.train.inputs[0], whole.train.inputs[0][:7])
    assert torch.equal(few.test.targets, whole.test.targets[:2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 13}, "dataset.n=13: mnist has 12 images to train on"),
        ({"n_test": 6}, "dataset.n_test=6: mnist has 5 images to test on"),
    ],
)
def test_more_images_than_there_are_cannot_be_asked_for(tmp_path, options, message):
    small = small_idx(images.MNIST)
    small.write(tmp_path)

    with pytest.raises(BenchError) as refused:
        small.read(tmp_path, **options)

    assert str(refused.value) == message


def test_a_damaged_file_is_never_read(small, tmp_path):
    """CIFAR's files are pickles, which may run anything."""
    small.write(tmp_path)
    name = next(iter(small.contents))
    path = tmp_path / small.published.folder / name
    path.write_bytes(small.contents[name][:-1] + b"?")

    with pytest.raises(BenchError) as refused:
        small.read(tmp_path)

    assert str(refused.value).startswith(f"{path} is cut short or changed: its ")


@pytest.mark.parametrize(
    ("load", "folder", "name", "file"),
    [
        (images.load_mnist, "MNIST/raw", "mnist", "train-images-idx3-ubyte"),
        (images.load_fashion_mnist, "FashionMNIST/raw", "fashion_mnist", "train-images-idx3-ubyte"),
        (images.load_cifar10, "cifar-10-batches-py", "cifar10", "data_batch_1"),
    ],
)
def test_a_set_that_is_not_here_says_how_to_get_it(tmp_path, load, folder, name, file):
    with pytest.raises(BenchError) as refused:
        load(Place(tmp_path))

    assert str(refused.value) == (
        f"{tmp_path}/{folder}/{file} is missing: `bench data fetch {name}` gets it, "
        "or give --data-root (BENCH_DATA)"
    )


@pytest.mark.parametrize("load", [images.load_mnist, images.load_fashion_mnist])
def test_files_of_another_size_are_not_taken_for_the_published_ones(tmp_path, load):
    published = images.MNIST if load is images.load_mnist else images.FASHION_MNIST
    small_idx(published).write(tmp_path)

    with pytest.raises(BenchError) as refused:
        load(Place(tmp_path))

    assert str(refused.value) == (
        f"{tmp_path}/{published.folder}/train-images-idx3-ubyte has 9,424 bytes where 47,040,016 "
        f"belong: `bench data fetch {published.name}` gets it anew"
    )


def test_the_digests_of_cifar10_are_those_that_torchvision_checks():
    theirs = dict(datasets.CIFAR10.train_list + datasets.CIFAR10.test_list)
    theirs[datasets.CIFAR10.meta["filename"]] = datasets.CIFAR10.meta["md5"]

    assert {name: each.digest for name, each in images.CIFAR10.files.items()} == theirs


@pytest.mark.parametrize("published", [*IDX, images.CIFAR10], ids=lambda each: each.name)
def test_files_lie_where_torchvision_looks_for_them(published):
    reader = published.reader()
    names = {
        "mnist": datasets.MNIST,
        "fashion_mnist": datasets.FashionMNIST,
        "cifar10": datasets.CIFAR10,
    }

    assert reader is names[published.name]
    if published in IDX:
        assert published.folder == f"{reader.__name__}/raw"
        assert [f"{name}.gz" for name in published.files] == [name for name, _ in reader.resources]
    else:
        assert published.folder == reader.base_folder


def test_the_tasks_are_those_of_the_published_sets():
    assert images.digit_task() == images.clothes_task() == Task("classification", (1, 28, 28), 10)
    assert images.cifar10_task() == Task("classification", (3, 32, 32), 10)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """A server on this machine, and the folder that it serves."""

    url: str
    folder: Path

    def serve(self, small: Small, **damaged: bytes) -> Published:
        """Put the archives of a small set into the folder, damaged or not."""
        kind = small.published.reader()
        packed = archives(small)
        for name, content in packed.items():
            (self.folder / name).write_bytes(damaged.get(name, content))
        digests = {name: hashlib.md5(each).hexdigest() for name, each in packed.items()}
        own: dict[str, Any] = {"mirrors": [self.url], "resources": list(digests.items())}
        if small.published.name == "cifar10":
            own = {"url": self.url + kind.filename, "tgz_md5": digests[kind.filename]}
        reader = type(kind.__name__, (kind,), own)  # the name is that of its folder
        return replace(small.published, reader=lambda: reader)


def archives(small: Small) -> dict[str, bytes]:
    kind = small.published.reader()
    if small.published.name != "cifar10":
        return {f"{name}.gz": gzip.compress(each) for name, each in small.contents.items()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in small.contents.items():
            info = tarfile.TarInfo(f"{kind.base_folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return {kind.filename: packed.getvalue()}


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Mirror(f"http://127.0.0.1:{server.server_port}/", folder)
        server.shutdown()


def test_a_download_brings_what_is_missing_and_replaces_what_is_wrong(small, mirror, tmp_path):
    published = mirror.serve(small)
    small.write(tmp_path / "root")
    first, second, *_ = (tmp_path / "root" / published.folder / name for name in small.contents)
    first.unlink()
    second.write_bytes(b"cut")

    data = images.read(published, Place(tmp_path / "root", download=True))

    assert len(data.train) == TRAIN
    assert second.read_bytes() == list(small.contents.values())[1]


def test_nothing_is_downloaded_unasked(small, mirror, tmp_path):
    published = mirror.serve(small)

    with pytest.raises(BenchError, match="is missing"):
        images.read(published, Place(tmp_path / "root"))

    assert not (tmp_path / "root").exists()


def test_a_download_without_a_network_is_told_in_a_line(small, mirror, tmp_path):
    nobody = replace(mirror, url="http://127.0.0.1:1/")
    published = nobody.serve(small)

    with pytest.raises(BenchError) as refused:
        images.read(published, Place(tmp_path / "root", download=True))

    told = str(refused.value)
    assert told.startswith(f"{published.name} cannot be fetched into {tmp_path}/root: ")
    assert "Connection refused" in told
    assert "\n" not in told


def test_an_archive_with_another_digest_is_refused(mirror, tmp_path):
    name = "train-images-idx3-ubyte.gz"
    published = mirror.serve(small_idx(images.FASHION_MNIST), **{name: gzip.compress(b"other")})

    with pytest.raises(BenchError) as refused:
        images.read(published, Place(tmp_path / "root", download=True))

    assert str(refused.value) == (
        f"fashion_mnist cannot be fetched into {tmp_path}/root: RuntimeError: "
        f"Error downloading {name}: Tried {mirror.url}, got: File not found or corrupted."
    )


@pytest.mark.skipif(not SHARED.is_dir(), reason="MNIST is not beside the project")
def test_mnist_is_what_was_published():
    data = images.load_mnist(Place(SHARED.parent))

    assert data.test is not None
    assert [tuple(each.inputs[0].shape) for each in (data.train, data.test)] == [
        (60_000, 1, 28, 28),
        (10_000, 1, 28, 28),
    ]
    # CATALOG I10: 0.1307 and 0.3081. I2: a net that predicts the most frequent class has 0.1135.
    mean, std = channel_statistics(data.train.inputs[0])
    assert (round(mean[0], 4), round(std[0], 4)) == (images.MNIST.mean[0], images.MNIST.std[0])
    assert data.test.targets.bincount().max().item() == 1135


LOADERS = (images.load_mnist, images.load_fashion_mnist, images.load_cifar10)


@pytest.mark.parametrize("load", LOADERS)
def test_the_options_of_a_loader_reach_the_reader(load, monkeypatch):
    seen = {}
    monkeypatch.setattr(images, "read", functools.partial(_noted, seen))

    load(Place(Path("/there")), normalize=True, n=3, n_test=2, crop=4, flip=True)

    name = load.__name__.removeprefix("load_")
    options = {"normalize": True, "n": 3, "n_test": 2, "crop": 4, "flip": True}
    assert seen == {name: options}


def _noted(seen: dict[str, Any], published: Published, _: Place, **options: Any) -> None:
    seen[published.name] = options

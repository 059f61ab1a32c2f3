"""Published data sets on the disk: whether their files are here, whole, and what was published.

Nothing is downloaded but by `fetched`, and torchvision does that. Whether the files are here is
known without torch.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import BenchError

_DIGESTS = {32: "MD5", 64: "SHA-256"}
"""Names of digests by how many hexadecimal digits they have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as it was published.

    Args:
        digest: SHA-256 or MD5, in hexadecimal digits.
        size_bytes: None where only the digest was published.
    """

    digest: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published data set of images.

    Args:
        name: What `dataset=NAME` and `bench data fetch NAME` say.
        reader: Finds the class of torchvision that reads it, and imports that when it is called.
        folder: Of the files, under the data root, as that class lays them out.
        files: By name.
        mean: Of the pixels of the training images, from 0 to 1, by channel.
        std: Their standard deviation, by channel.
    """

    name: str
    reader: Callable[[], Any]
    folder: str
    files: Mapping[str, File]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def absent(published: Published, root: Path) -> str | None:
    """Say which file of a data set is not here, and how to get it; None: all are here."""
    for name in published.files:
        path = root / published.folder / name
        if not path.is_file():
            return (
                f"{path} is missing: `bench data fetch {published.name}` gets it, "
                "or give --data-root (BENCH_DATA)"
            )
    return None


def files(published: Published, root: Path) -> list[Path]:
    """List where the files of a data set lie, or would."""
    return [root / published.folder / name for name in published.files]


def check(published: Published, root: Path) -> None:
    """Check that every file of a data set is here, whole, and what was published.

    Raises:
        BenchError: one is not; the message names it.
    """
    reason = absent(published, root)
    if reason is None:
        wrong = (_wrong(published, root, name) for name in published.files)
        reason = next(filter(None, wrong), None)
    if reason is not None:
        raise BenchError(reason)


def fetched(published: Published, root: Path) -> None:
    """Let torchvision download what is missing or wrong; it checks the digests of what it gets.

    What is here and right stays, so that a broken download is gone on with.

    Raises:
        BenchError: there is no network, what came is wrong, or it cannot be written.
    """
    try:
        for name in published.files:
            path = root / published.folder / name
            if path.is_file() and _wrong(published, root, name):
                path.unlink()  # torchvision takes a file that is there for right
        if any(_wrong(published, root, name) for name in published.files):
            published.reader()(root, download=True)
    except (OSError, RuntimeError) as error:
        said = " ".join(str(error).split())
        raise BenchError(
            f"{published.name} cannot be fetched into {root}: {type(error).__name__}: {said}"
        ) from None


def _wrong(published: Published, root: Path, name: str) -> str | None:
    """Say what is wrong with a file."""
    path, file = root / published.folder / name, published.files[name]
    again = f"`bench data fetch {published.name}` gets it anew"
    try:
        size = path.stat().st_size
        if file.size_bytes not in (None, size):
            return f"{path} has {size:,} bytes where {file.size_bytes:,} belong: {again}"
        kind, digest = _DIGESTS[len(file.digest)], _digest(path, len(file.digest))
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    if digest == file.digest:
        return None
    return (
        f"{path} is cut short or changed: its {kind} begins with {digest[:8]}, "
        f"that of the published file with {file.digest[:8]}; {again}"
    )


def _digest(path: Path, digits: int) -> str:
    kind = _DIGESTS[digits].replace("-", "").lower()
    with path.open("rb") as file:  # these digests tell damage, not an attack
        new = functools.partial(hashlib.new, kind, usedforsecurity=False)
        return hashlib.file_digest(file, new).hexdigest()

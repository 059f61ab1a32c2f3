"""Files as they were published: what is missing, cut short or changed is named."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from bench_builtin.published import File, Published, absent, check, fetched

from harness import BenchError

CONTENT = {"first": b"one and two", "second": b"three"}


def reader(root: Path, download: bool = False) -> None:
    raise AssertionError("nobody asked for a download")


def published(**contents: bytes) -> Published:
    """Describe files of these contents, the first by SHA-256 and size, the others by MD5."""
    files = {
        name: File(digest=hashlib.md5(content).hexdigest()) for name, content in contents.items()
    }
    first = next(iter(contents))
    files[first] = File(
        digest=hashlib.sha256(contents[first]).hexdigest(), size_bytes=len(contents[first])
    )
    return Published(
        name="some", reader=lambda: reader, folder="Some/raw", files=files, mean=(0.5,), std=(0.1,)
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with both files as they were published."""
    folder = tmp_path / "Some/raw"
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return tmp_path


def complaint(root: Path) -> str:
    with pytest.raises(BenchError) as refused:
        check(published(**CONTENT), root)
    return str(refused.value)


def test_files_that_are_here_and_whole_pass(root):
    check(published(**CONTENT), root)

    assert absent(published(**CONTENT), root) is None


def test_a_missing_file_is_named_with_ways_to_get_it(root):
    missing = root / "Some/raw/second"
    missing.unlink()

    assert absent(published(**CONTENT), root) == complaint(root)
    assert complaint(root) == (
        f"{missing} is missing: `bench data fetch some` gets it, or give --data-root (BENCH_DATA)"
    )


def test_a_file_cut_short_is_told_by_its_size(root):
    path = root / "Some/raw/first"
    path.write_bytes(CONTENT["first"][:4])

    assert complaint(root) == (
        f"{path} has 4 bytes where 11 belong: `bench data fetch some` gets it anew"
    )


def test_a_changed_file_of_the_right_size_is_told_by_its_digest(root):
    path = root / "Some/raw/first"
    path.write_bytes(b"one and tw0")

    assert complaint(root) == (
        f"{path} is cut short or changed: its SHA-256 begins with "
        f"{hashlib.sha256(b'one and tw0').hexdigest()[:8]}, that of the published file with "
        f"{hashlib.sha256(CONTENT['first']).hexdigest()[:8]}; "
        "`bench data fetch some` gets it anew"
    )


def test_a_file_whose_size_is_not_known_is_told_by_its_md5(root):
    path = root / "Some/raw/second"
    path.write_bytes(b"thre")

    assert complaint(root) == (
        f"{path} is cut short or changed: its MD5 begins with "
        f"{hashlib.md5(b'thre').hexdigest()[:8]}, that of the published file with "
        f"{hashlib.md5(CONTENT['second']).hexdigest()[:8]}; "
        "`bench data fetch some` gets it anew"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_named(root):
    path = root / "Some/raw/second"
    path.chmod(0)

    assert complaint(root) == f"{path} cannot be read: Permission denied"


def test_nothing_is_downloaded_where_everything_is_right(root):
    fetched(published(**CONTENT), root)


@pytest.mark.parametrize("content", [None, b"one and tw0", b"one"], ids=["missing", "wrong", "cut"])
def test_a_download_replaces_what_is_missing_or_wrong_alone(root, content):
    first, second = root / "Some/raw/first", root / "Some/raw/second"
    first.unlink()
    if content is not None:
        first.write_bytes(content)
    seen = []

    def download(at: Path, download: bool) -> None:
        seen.append((at, download, first.exists(), second.read_bytes()))
        first.write_bytes(CONTENT["first"])

    fetched(replace(published(**CONTENT), reader=lambda: download), root)

    assert seen == [(root, True, False, CONTENT["second"])]
    check(published(**CONTENT), root)


@pytest.mark.parametrize("error", [RuntimeError, OSError, ConnectionResetError])
def test_a_download_that_fails_says_so_in_a_line(tmp_path, error):
    def download(at: Path, download: bool) -> None:
        raise error("Error downloading x:\nno network")

    with pytest.raises(BenchError) as refused:
        fetched(replace(published(**CONTENT), reader=lambda: download), tmp_path)

    assert str(refused.value) == (
        f"some cannot be fetched into {tmp_path}: {error.__name__}: Error downloading x: no network"
    )

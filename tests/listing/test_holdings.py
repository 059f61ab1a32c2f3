"""Which data is here, and fetching it: asked of plugins, without torch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import hookimpl
from harness.errors import BenchError, PluginError, SettingError
from harness.listing.holdings import fetch, holdings, holdings_table, sentence
from harness.plugin.definitions import Data, Dataset, Place, Task
from harness.plugin.registry import Registry, registry_of


def file_of(place: Place, name: str) -> Path:
    return place.root / f"{name}.txt"


def task(*, name: str = "a") -> Task:
    return Task("regression", (1,), 1)


def absent(place: Place, *, name: str = "a") -> str | None:
    file = file_of(place, name)
    return None if file.exists() else f"{file} is missing: `bench data fetch filed` gets it"


def files(place: Place, *, name: str = "a") -> list[Path]:
    return [file_of(place, name)]


def downloaded(place: Place, *, name: str = "a") -> Data:
    if place.download:
        sys.stdout.write("downloading\n")
        file_of(place, name).write_text("12345")
    return None  # type: ignore[return-value]  # nobody trains on it


def refused(place: Place, *, name: str = "a") -> Data:
    raise BenchError("filed cannot be fetched: no network")


def needy(place: Place, *, file: str) -> str | None:
    return None if (place.root / file).exists() else f"no {file}"


def loaded(place: Place, *, file: str) -> Data:
    raise AssertionError("nobody loads it")


def needy_task(*, file: str) -> Task:
    return Task("regression", (1,), 1)


def registry(load: Callable[..., Data] = downloaded, **more: Any) -> Registry:
    @hookimpl
    def bench_register_datasets() -> list[Dataset]:
        return [
            Dataset("filed", load, task, absent=more.get("absent", absent), files=files),
            Dataset("needy", loaded, needy_task, absent=needy),
            Dataset("shipped", load, task),
            Dataset("made", load, task, seeded=True),
        ]

    return registry_of(p=SimpleNamespace(bench_register_datasets=bench_register_datasets))


def test_every_data_set_is_listed_with_what_is_known_of_it(tmp_path: Path) -> None:
    before = {each.name: each for each in holdings(registry(), tmp_path)}
    (tmp_path / "a.txt").write_text("123")
    after = {each.name: each for each in holdings(registry(), tmp_path)}

    assert {name: each.state for name, each in before.items()} == {
        "filed": "absent",
        "needy": "unknown",
        "shipped": "unneeded",
        "made": "unneeded",
    }
    assert (
        before["filed"].reason == f"{tmp_path}/a.txt is missing: `bench data fetch filed` gets it"
    )
    assert (before["needy"].reason, before["made"].reason, before["shipped"].reason) == (
        "it depends on its option file",
        "is made for each seed",
        "comes with its plugin",
    )
    here = after["filed"]
    assert (here.state, here.files, here.size_bytes) == ("here", (f"{tmp_path}/a.txt",), 3)


def test_the_table_says_where_and_how_large(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 2048)

    table = holdings_table(holdings(registry(), tmp_path), tmp_path, None)

    assert [line.split()[:4] for line in table.splitlines() if line.startswith("filed")] == [
        ["filed", "here", "2.00", "KiB"]
    ]
    assert table.endswith(f"data root: {tmp_path}")


def test_a_folder_is_as_large_as_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt/deep").mkdir(parents=True)
    (tmp_path / "a.txt/deep/one").write_text("123")
    (tmp_path / "a.txt/two").write_text("45")

    (found,) = (each for each in holdings(registry(), tmp_path) if each.name == "filed")

    assert found.size_bytes == 5


def test_what_is_fetched_is_loaded_with_leave_to_download_into_a_folder_that_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "new/root"

    found = fetch(registry(), "filed[name=b]", root)

    assert (root / "b.txt").read_text() == "12345"
    assert sentence(found) == f"filed is here: 5 B in {root}"
    assert capsys.readouterr() == ("", "downloading\n")


def test_what_needs_no_download_says_so_and_nothing_is_made(tmp_path: Path) -> None:
    found = [fetch(registry(refused), name, tmp_path / "new") for name in ("shipped", "made")]

    assert [sentence(each) for each in found] == [
        "shipped needs no download: it comes with its plugin",
        "made needs no download: it is made for each seed",
    ]
    assert not (tmp_path / "new").exists()


def test_a_fetch_that_fails_is_told_in_the_words_of_the_plugin(tmp_path: Path) -> None:
    with pytest.raises(BenchError) as told:
        fetch(registry(refused), "filed", tmp_path)

    assert str(told.value) == "filed cannot be fetched: no network"


def test_a_loader_that_fetches_nothing_is_told(tmp_path: Path) -> None:
    def idle(place: Place, *, name: str = "a") -> Data:
        return None  # type: ignore[return-value]  # as above

    with pytest.raises(BenchError) as told:
        fetch(registry(idle), "filed", tmp_path)

    assert str(told.value) == (
        f"dataset filed was not fetched: {tmp_path}/a.txt is missing: "
        "`bench data fetch filed` gets it"
    )


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BenchError) as told:
        fetch(registry(), "filed", tmp_path / "file/root")

    assert str(told.value) == f"{tmp_path}/file/root cannot be made: Not a directory"


def test_an_option_that_a_data_set_needs_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as told:
        fetch(registry(), "needy", tmp_path)

    assert str(told.value) == (
        "dataset needy needs its option file: bench data fetch 'needy[file=VALUE]'"
    )


def test_what_says_that_data_is_absent_may_not_break(tmp_path: Path) -> None:
    def broken(place: Place, *, name: str = "a") -> str | None:
        raise OSError("no disk")

    with pytest.raises(PluginError) as told:
        holdings(registry(absent=broken), tmp_path)

    assert str(told.value).startswith("plugin 'p': dataset 'filed': ")
    assert str(told.value).endswith("broken raised OSError: no disk")


def test_an_option_of_absent_alone_is_one_of_the_data_set() -> None:
    def elsewhere(place: Place, *, mirror: str = "x") -> str | None:
        return None

    found = registry(absent=elsewhere).find("dataset", "filed").schema.options

    assert sorted(found) == ["mirror", "name"]


def test_what_says_that_data_is_absent_must_be_a_function() -> None:
    with pytest.raises(PluginError) as told:
        registry(absent="no")

    assert str(told.value) == ("plugin 'p': dataset filed: absent is 'no', which is no function")

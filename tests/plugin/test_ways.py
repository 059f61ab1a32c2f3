"""What the setting `loading` says, and how that is written."""

from __future__ import annotations

import pytest

from harness.errors import SettingError
from harness.plugin.ways import Loader, loader_of, loading_text, why_unpinnable
from harness.suites.settings import parse_level


@pytest.mark.parametrize(
    ("given", "loader", "canonical"),
    [
        ("memory", None, "memory"),
        ("loader", Loader(), "loader"),
        ("loader[workers=0,pinned=false]", Loader(), "loader"),
        ("loader[workers=2]", Loader(workers=2), "loader[workers=2]"),
        (
            "loader[workers=1,pinned=true,persistent=true]",
            Loader(workers=1, pinned=True, persistent=True),
            "loader[persistent=true,pinned=true,workers=1]",
        ),
    ],
)
def test_a_way_of_loading_is_read_and_written_without_its_defaults(
    given: str, loader: Loader | None, canonical: str
) -> None:
    level = parse_level(given)

    assert loader_of(level) == loader
    assert loading_text(level) == canonical
    assert loading_text(parse_level(canonical)) == canonical


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "memory[workers=2]",
            "loading=memory[workers=2]: memory takes no options: workers is one of loader",
        ),
        (
            "loadr[workers=2]",
            "loading=loadr[workers=2] names no way of loading: did you mean 'loader'?"
            " (known: loader, memory)",
        ),
        ("none", "loading=none names no way of loading (known: memory, loader)"),
        ("2", "loading=2 names no way of loading (known: memory, loader)"),
        (
            "loader[worker=2]",
            "the loader has no option 'worker' (loading.worker): did you mean 'workers'?"
            " (known: persistent, pinned, workers)",
        ),
        (
            "loader[workers=-1]",
            "loading.workers=-1 does not fit the loader: expected `int` >= 0",
        ),
        (
            "loader[persistent=true]",
            "loading=loader[persistent=true]: there are no workers to keep: give workers=1 or more",
        ),
    ],
)
def test_what_names_no_way_of_loading_is_refused(given: str, said: str) -> None:
    with pytest.raises(SettingError) as caught:
        loading_text(parse_level(given))

    assert str(caught.value) == said


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_memory_is_pinned_for_cuda_devices_only(device: str) -> None:
    pinned = {"loading": "loader[pinned=true]", "device": device}

    assert why_unpinnable(pinned) is None
    assert why_unpinnable({**pinned, "device": "cpu", "loading": "loader"}) is None
    assert why_unpinnable({**pinned, "device": "mps"}) == (
        "loading=loader[pinned=true]: memory is pinned for copies to a CUDA device, and device=mps"
    )

"""State dicts on the disk: the same model comes back, and nothing but weights is read."""

from __future__ import annotations

import hashlib
import os
import pickle
import resource
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from forked import in_child
from torch import nn

from harness.errors import SettingError, StoreError
from harness.records.record import Weights
from harness.running.kept import partial
from harness.trial.weights import Unkept, read_weights, write_weights


def net(hidden: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, hidden), nn.BatchNorm1d(hidden), nn.Linear(hidden, 2))


def trained() -> nn.Sequential:
    """Make a net whose parameters, and whose running means, are no longer those of a new one."""
    torch.manual_seed(0)
    made = net()
    made(torch.randn(8, 2))
    return made.eval()


def refused(path: Path, kept: Weights | None = None, model: nn.Module | None = None) -> str:
    model = net() if model is None else model
    before = {name: each.clone() for name, each in model.state_dict().items()}
    with pytest.raises((StoreError, SettingError)) as told:
        read_weights(model, path, kept)
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    return str(told.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.pt"


def test_a_model_that_is_read_says_what_the_written_one_says(path: Path) -> None:
    model, other, inputs = trained(), net().eval(), torch.randn(5, 2)

    kept = write_weights(model, path)
    read_weights(other, path, kept)

    assert torch.equal(other(inputs), model(inputs))


def test_a_file_of_weights_is_what_torch_itself_loads_safely(path: Path) -> None:
    model = trained()

    kept = write_weights(model, path)

    state = torch.load(path, weights_only=True)
    net().load_state_dict(state)
    assert list(state) == list(model.state_dict())
    assert kept == Weights(
        size_bytes=path.stat().st_size, sha256=hashlib.sha256(path.read_bytes()).hexdigest()
    )
    assert not partial(path).exists()


def test_a_file_that_was_there_is_replaced(path: Path) -> None:
    path.write_text("older")

    kept = write_weights(trained(), path)

    read_weights(net(), path, kept)


def test_writing_draws_no_random_number_and_leaves_the_model_as_it_is(path: Path) -> None:
    model = trained().train()
    state, before = torch.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}

    write_weights(model, path)

    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


class Runs:
    """A pickle of it runs code where it is loaded."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, ("ran",)


@pytest.mark.parametrize(
    ("content", "held"),
    [
        (lambda: {"0.weight": Runs()}, "posix.mkdir, which is more than weights"),
        (net, "torch.nn.modules.container.Sequential, which is more than weights"),
    ],
    ids=["code", "a whole model"],
)
def test_a_file_that_is_more_than_weights_is_refused_and_runs_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, content: Callable[[], object], held: str
) -> None:
    monkeypatch.chdir(path.parent)
    torch.save(content(), path)

    assert refused(path) == (
        f"{path} is refused: it holds {held}; only a state dict, weights alone, is loaded, since"
        " anything else may run code"
    )
    assert not Path("ran").exists()


def test_a_plain_pickle_is_refused_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    path.write_bytes(pickle.dumps(Runs()))

    assert refused(path).startswith(f"{path} is refused: it holds ")
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (torch.zeros(3), "Tensor"),
        ({"0.weight": 1.0}, "dict"),
        ([torch.zeros(2)], "list"),
    ],
)
def test_what_is_no_state_dict_is_refused(path: Path, state: object, told: str) -> None:
    torch.save(state, path)

    assert refused(path) == f"{path} holds {told} and no state dict: names with a tensor each"


def test_weights_of_another_model_are_told_by_their_names(path: Path) -> None:
    state = OrderedDict((f"{name}s", each) for name, each in net().state_dict().items())
    torch.save(state, path)

    assert refused(path) == (
        f"{path} has the weights of another model: it lacks 0.weight, 0.bias, 1.weight, ..."
        " (9 in all) and has besides 0.weights, 0.biass, 1.weights, ... (9 in all)"
    )


def test_weights_of_another_width_are_told_by_their_shape(path: Path) -> None:
    write_weights(net(4), path)

    assert refused(path) == (
        f"{path} has the weights of another model: its 0.weight has shape (4, 2), the model's has"
        " (3, 2)"
    )


def test_a_file_that_has_changed_is_told_by_its_digest(path: Path) -> None:
    kept = write_weights(trained(), path)
    write_weights(net(), path)
    now = hashlib.sha256(path.read_bytes()).hexdigest()

    assert refused(path, kept) == (
        f"{path} is not as it was written: its SHA-256 begins with {now[:8]}, that of the record"
        f" with {kept.sha256[:8]}; --weights {path} takes it all the same"
    )


def test_a_file_that_is_cut_short_is_named(path: Path) -> None:
    write_weights(trained(), path)
    path.write_bytes(path.read_bytes()[:-200])

    assert refused(path).startswith(f"{path} is ")


@pytest.mark.parametrize("content", [b"", b"no weights at all", bytes(1000)])
def test_a_file_of_something_else_is_named(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    assert refused(path).startswith(f"{path} is ")


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    assert refused(path) == f"{path} cannot be read: No such file or directory"


def test_a_state_dict_with_more_than_tensors_is_not_written(path: Path) -> None:
    class Odd(nn.Module):
        def get_extra_state(self) -> str:
            return "more"

        def set_extra_state(self, state: str) -> None:
            pass

    with pytest.raises(SettingError) as told:
        write_weights(Odd(), path)

    assert str(told.value) == (
        "the weights cannot be kept: _extra_state of the model's state dict is str, and no tensor"
    )


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "gone/w.pt"

    with pytest.raises(Unkept) as told:
        write_weights(net(), path)

    assert str(told.value) == f"{path} cannot be written: No such file or directory"


def test_what_the_disk_refuses_in_the_middle_leaves_no_half_of_a_file(path: Path) -> None:
    def limited() -> str:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            write_weights(nn.Linear(100, 100), path)
        except Unkept as error:
            return str(error)
        return "written"

    assert in_child(limited) == f"{path} cannot be written: File too large"
    assert list(path.parent.iterdir()) == []

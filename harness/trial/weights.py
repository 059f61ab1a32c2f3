"""State dicts on the disk: written whole or not at all, read as weights and nothing else."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.errors import SettingError, StoreError
from harness.records.journal import cannot, sync_folder
from harness.records.record import Weights
from harness.running.kept import partial
from harness.training.saved import DAMAGED, save
from harness.units import one_line


class Unkept(StoreError):
    """Weights cannot be written: the run cannot go on, as where a record cannot be kept."""


def write_weights(model: nn.Module, path: Path) -> Weights:
    """Write a model's state dict; when this returns, the file is whole and on the disk.

    Raises:
        SettingError: the state dict has more than tensors, which nobody could load safely.
        Unkept: the disk refuses.
    """
    state = model.state_dict()
    for name, each in state.items():
        if not isinstance(each, Tensor):
            raise SettingError(
                f"the weights cannot be kept: {name} of the model's state dict is"
                f" {type(each).__name__}, and no tensor"
            )
    try:
        return _written(state, path)
    except OSError as error:
        with suppress(OSError):  # half a file on a full disk would leave no room for records
            partial(path).unlink()
        raise Unkept(str(cannot(path, "be written", error))) from None


def read_weights(model: nn.Module, path: Path, kept: Weights | None = None) -> None:
    """Load a state dict into a model: every name and shape must fit.

    Args:
        model: Stays as it was where they do not.
        path: Of a state dict; a file with anything else is refused, and no code of it runs.
        kept: What the file was when it was written; None: any.

    Raises:
        StoreError: the file cannot be read, has changed, is more than weights, or is none.
        SettingError: the weights are another model's.
    """
    if kept is not None:
        _check_unchanged(path, kept)
    state = _read(path)
    _check_fit(model, state, path)
    model.load_state_dict(state)


def _written(state: Mapping[str, Tensor], path: Path) -> Weights:
    unfinished = partial(path)
    with unfinished.open("w+b") as file:
        save(state, file)
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    unfinished.replace(path)
    sync_folder(path.parent)
    return Weights(size_bytes=size, sha256=digest)


def _check_unchanged(path: Path, kept: Weights) -> None:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise cannot(path, "be read", error) from None
    if digest != kept.sha256:
        raise StoreError(
            f"{path} is not as it was written: its SHA-256 begins with {digest[:8]}, that of the"
            f" record with {kept.sha256[:8]}; --weights {path} takes it all the same"
        )


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        with warnings.catch_warnings():  # of odd files, which are refused
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        told = _refused_name(str(error))
        raise StoreError(
            f"{path} is refused: it holds {told}; only a state dict, weights alone, is loaded,"
            " since anything else may run code"
        ) from None
    except OSError as error:
        raise cannot(path, "be read", error) from None
    except DAMAGED as error:
        told = one_line(f"{type(error).__name__}: {error}")
        raise StoreError(f"{path} is damaged, or no file of weights: {told}") from None
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(each, Tensor) for name, each in state.items()
    ):
        raise StoreError(
            f"{path} holds {type(state).__name__} and no state dict: names with a tensor each"
        )
    return state


def _refused_name(said: str) -> str:
    """Find in torch's message what the file holds besides weights."""
    found = re.search(r"GLOBAL (\S+)", said)
    if found is None:
        return "more than weights, or is damaged"
    return f"{one_line(found[1], 100)}, which is more than weights"


def _check_fit(model: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    own = model.state_dict()
    lacking = [name for name in own if name not in state]
    foreign = [name for name in state if name not in own]
    if lacking or foreign:
        told = [
            f"{what} {_shown(names)}"
            for what, names in (("lacks", lacking), ("has besides", foreign))
            if names
        ]
        raise SettingError(f"{path} has the weights of another model: it {' and '.join(told)}")
    for name, each in own.items():
        if each.shape != state[name].shape:
            raise SettingError(
                f"{path} has the weights of another model: its {name} has shape"
                f" {tuple(state[name].shape)}, the model's has {tuple(each.shape)}"
            )


def _shown(names: list[str]) -> str:
    return one_line(", ".join(names[:3]) + (f", ... ({len(names)} in all)" if names[3:] else ""))

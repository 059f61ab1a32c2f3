"""Where the weights of a run's trials lie: `weights/KEY-ATTEMPT.pt`; trials write them."""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import StoreError
from harness.records.journal import cannot
from harness.records.record import Record, Weights
from harness.units import one_line

FOLDER = "weights"
_KEY = re.compile("[0-9a-f]{16}")


def prepared_path(folder: Path, key: str, attempt: int) -> Path:
    """Say where a trial of a run is to write its weights; the folder for them is made.

    Raises:
        StoreError: it cannot be made.
    """
    path = weights_path(folder, key, attempt)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot(path.parent, "be made", error) from None
    return path


def weights_path(folder: Path, key: str, attempt: int) -> Path:
    """Say where the weights of a trial of a run lie.

    Raises:
        StoreError: the key is none that the harness makes, and may lead out of the folder.
    """
    if not _KEY.fullmatch(key):
        raise StoreError(f"{one_line(key)!r} is no key of a trial: {folder} was changed by hand")
    return folder / FOLDER / f"{key}-{attempt}.pt"


def discard(path: Path) -> None:
    """Remove the weights of a trial that did not end well, and what it had written of them."""
    for each in (path, partial(path)):
        try:
            each.unlink(missing_ok=True)
        except OSError as error:
            raise cannot(each, "be removed", error) from None


def partial(path: Path) -> Path:
    """Name the file that weights are written to before they are whole."""
    return path.with_suffix(".partial")


def weights_of(record: Record, folder: Path) -> tuple[Path, Weights]:
    """Find the weights of a trial.

    Raises:
        StoreError: they were not kept, or their file is gone.
    """
    if record.weights is None:
        why = "it has no model" if record.settings.get("model") is None else _why_not(record)
        raise StoreError(f"the weights of trial {record.key} of {folder} were not kept: {why}")
    path = weights_path(folder, record.key, record.attempt)
    if not path.is_file():
        raise StoreError(f"{path} is missing: it was there when its trial ended")
    return path, record.weights


def _why_not(record: Record) -> str:
    if record.status != "ok":
        reason = f": {one_line(record.reason, 300)}" if record.reason else ""
        return f"it ended as {record.status}{reason}"
    return "`bench run --keep-weights` keeps them"

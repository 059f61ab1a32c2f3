"""One small trial, by the same path as the command's, and its record."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from harness.api import run
from harness.errors import SuiteError
from harness.planning.overrides import parse_override
from harness.records.record import Record

_EPOCHS = "epochs=1"


def trial(
    *settings: str,
    plugins: Sequence[str | ModuleType] = (),
    seed: int = 0,
    in_process: bool = False,
    data_root: str | Path | None = None,
) -> Record:
    """Run one trial and give its record.

        record = trial("model=two_layers", "dataset=rings", plugins=["my_plugin.py"])
        assert record.status == "ok"

    Args:
        settings: `ADDRESS=VALUE`, as on the command line; one epoch, if they do not say otherwise.
        plugins: `MODULE`, `FILE.py` or a module, besides those that are installed.
        seed: The trial's.
        in_process: Whether this process trains itself: quick, and a debugger works, but what the
            trial changes stays. Otherwise a process of its own does, as in every run.
        data_root: Where fetched data lies; None: as the command has it.

    Raises:
        BenchError: a name is unknown, a value does not fit, or there is more than one trial.
    """
    addresses = {parse_override(each).address for each in settings}
    more = () if "epochs" in addresses else (_EPOCHS,)
    with tempfile.TemporaryDirectory() as folder:
        found = run(
            None,
            *settings,
            *more,
            seeds=[seed],
            results=folder,
            data_root=data_root,
            plugins=[_named(each) for each in plugins],
            in_process=in_process,
            quiet=True,
        ).records
    if len(found) != 1:
        raise SuiteError(
            f"trial() runs one trial, and these settings make {len(found)}: give each setting one"
            " value, or use harness.run"
        )
    return found[0]


def _named(plugin: str | ModuleType) -> str:
    """Name a plugin as other processes find it."""
    if isinstance(plugin, str):
        return plugin
    if plugin.__name__ in sys.modules and not plugin.__name__.startswith("bench_file_"):
        return plugin.__name__
    return str(plugin.__file__)

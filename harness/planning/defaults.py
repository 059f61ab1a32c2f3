"""What an address is where a run does not know it, by the plugins that the user names.

The plugins that a run names are never loaded for it: a run of somebody else must run no code.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

from harness.errors import StoreError, UnknownName
from harness.planning.resolve import default_of
from harness.plugin.registry import Registry
from harness.records.merge import DefaultOf


def defaults_of(load: Callable[[], Registry]) -> DefaultOf:
    """Give what tells defaults; plugins are loaded when the first one is asked for.

    What it gives raises StoreError where the definition that has the address is not registered.

    Args:
        load: Loads what the user names.
    """

    @functools.cache
    def registry() -> Registry:
        with contextlib.redirect_stdout(sys.stderr):  # what plugins print is no table
            return load()

    def default(settings: Mapping[str, Any], address: str) -> Any:
        try:
            return default_of(registry(), settings, address)
        except UnknownName as error:
            raise StoreError(
                f"not all runs have {address}, and its default is not known: {error}; plugins that"
                " a run names are not loaded to read it: name them with -p"
            ) from None

    return default

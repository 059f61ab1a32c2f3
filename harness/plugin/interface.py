"""The version of the interface to plugins, and what changed from each version to the next.

A plugin says which one it was written for: `bench_interface = 1` in its module; without a word it
is the first. What an older one can no longer rely on stands in `CHANGES`, and in one note for each
plugin that it concerns. The interface is `harness.__all__`, `harness.testing.__all__`, the hooks,
and what docs/plugins.md says of them; fields and parameters of hooks that are added are no change.

History:
    1  2026-11  first
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import PluginError

INTERFACE = 1
"""The version of the interface that this package has."""

CHANGES: Mapping[int, str] = {}
"""By version, what it changed that plugins of the version before must heed, in a sentence."""

ATTRIBUTE = "bench_interface"
OLDEST = 1


def interface_of(plugin: str, module: object, current: int = INTERFACE) -> int:
    """Read which interface a plugin was written for.

    Raises:
        PluginError: it is no version, or one that this package does not have yet.
    """
    version = getattr(module, ATTRIBUTE, OLDEST)
    if type(version) is not int or version < OLDEST:
        raise PluginError(
            f"plugin {plugin!r}: {ATTRIBUTE}={version!r} is no version of the interface:"
            f" {ATTRIBUTE} = {current} is this one's"
        )
    if version > current:
        raise PluginError(
            f"plugin {plugin!r} was written for interface {version}, and this bench-harness has"
            f" {current}: a newer bench-harness has it"
        )
    return version


def outdated(
    plugin: str,
    version: int,
    current: int = INTERFACE,
    changes: Mapping[int, str] = CHANGES,
) -> str | None:
    """Say what has changed since a plugin was written; None: nothing that it must heed."""
    told = [changes[each] for each in range(version + 1, current + 1) if each in changes]
    if not told:
        return None
    return (
        f"plugin {plugin!r} was written for interface {version} of plugins, which is deprecated:"
        f" {'; '.join(told)} ({ATTRIBUTE} = {current} says that it heeds this)"
    )

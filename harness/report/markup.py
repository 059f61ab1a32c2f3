"""Build HTML from values: every text is escaped, so that no name of a plugin becomes markup."""

from __future__ import annotations

import html
from typing import TypeAlias

from harness.units import one_line

MOST = 2000
"""Characters of a text on a page; a foreign text is cut there."""


_ESCAPED = 10
"""Characters that an escaped one has at most."""


class Html(str):
    """A text that is markup already."""

    __slots__ = ()


Child: TypeAlias = "str | Html | None"

_VOID = frozenset({"meta", "br"})


def tag(name: str, /, *children: Child, **attributes: str | None) -> Html:
    """Make an element.

    Args:
        name: Of the element.
        children: What stands in it: texts, which are escaped, or markup; None is nothing.
        attributes: `class_` is `class`, `aria_sort` is `aria-sort`; None leaves one out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(safe(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{together(*children)}</{name}>")


def together(*children: Child) -> Html:
    """Put texts and markup behind each other."""
    return Html("".join(_shown(each) for each in children if each is not None))


def whole(text: str) -> Html:
    """Escape a text and cut nothing: what is copied must be what was typed."""
    return Html(html.escape(one_line(text, _ESCAPED * len(text)), quote=False))


def safe(text: str) -> str:
    """Make a text printable: control characters and those that turn the direction are escaped."""
    return text if isinstance(text, Html) else one_line(text, MOST)


def _shown(child: str) -> str:
    return child if isinstance(child, Html) else html.escape(safe(child), quote=False)

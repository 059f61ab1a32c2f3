"""Make pictures part of a page: SVG that takes the page's colour of text, and shares no ids."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as Tree

from harness.report.arms import INK
from harness.report.draw import panel_figure, save
from harness.report.panels import Panel

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_LONG = re.compile(r"(\d+\.\d)\d+")
_FONT = re.compile(r"font-family:[^;]*; ?")
_UNTURNED = re.compile(r"rotate\(-?0 ")
_NUMBERS = ("d", "points", "x", "y", "transform")
_TEXT = f"{{{_SVG}}}text"
_DROPPED = {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}


def inline_svg(panel: Panel, prefix: str, told: str) -> str:
    """Draw a panel as an `svg` element of a page.

    Args:
        panel: What to draw.
        prefix: What the ids of this picture begin with: no other of the page's may.
        told: What it shows, for those who cannot see it.
    """
    drawn = io.BytesIO()
    save(panel_figure(panel), drawn, "svg")
    root = Tree.fromstring(drawn.getvalue())  # noqa: S314  # matplotlib has just written it
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in _DROPPED:
                parent.remove(child)
    used = set(_used(root))
    for each in root.iter():
        _settle(each, prefix, used)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": told}
    Tree.register_namespace("", _SVG)
    Tree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    return Tree.tostring(root, encoding="unicode")


def _used(root: Tree.Element) -> list[str]:
    """List the ids that something refers to."""
    found = []
    for each in root.iter():
        found += [value[1:] for value in (each.get(_HREF), each.get("href")) if value]
        for value in each.attrib.values():
            found += _REFERENCE.findall(value)
    return found


def _settle(each: Tree.Element, prefix: str, used: set[str]) -> None:
    """Rename the ids of an element that are used, drop the others, take the page's colour."""
    name = each.attrib.pop("id", None)
    if name in used:
        each.set("id", prefix + name)
    for key in (_HREF, "href"):
        if key in each.attrib:
            each.set(key, f"#{prefix}{each.attrib[key][1:]}")
    for key, value in each.attrib.items():
        settled = _REFERENCE.sub(rf"url(#{prefix}\1)", value).replace(INK, "currentColor")
        if key in _NUMBERS:
            settled = " ".join(_LONG.sub(r"\1", settled).split())
        each.set(key, _FONT.sub("", settled) if key == "style" else settled)
    if _UNTURNED.match(each.get("transform", "")):
        del each.attrib["transform"]
    if each.tag != _TEXT and not (each.text or "").strip():
        each.text = None
    each.tail = None

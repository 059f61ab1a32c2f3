"""How numbers and foreign texts are printed: scaled, rounded, escaped, cut.

Quantities are kept in SI base units and bytes everywhere else; scaling happens here only.
"""

from __future__ import annotations

import math

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_DECIMAL = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def quantity(value: float | None, unit: str) -> str:  # noqa: PLR0911  # a case a unit
    """Print a value with its unit: `3.42 MiB`, `12.3 k/s`, `0.9532`; `-` for None."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    if unit == "bytes":
        return byte_count(value)
    if unit == "s":
        return duration(value)
    if unit == "1":
        return plain(value)
    shown = one_line(unit, 30)
    if unit.endswith("/s"):
        return f"{scaled(value)}/s" if unit == "1/s" else f"{scaled(value)} {shown}"
    return f"{plain(value)} {shown}"


def byte_count(value: float) -> str:
    """Print bytes with a binary prefix and three figures."""
    size = float(value)
    for prefix in _BINARY[:-1]:
        if abs(size) < 1024:
            return f"{size:.0f} {prefix}" if prefix == "B" else f"{figures(size)} {prefix}"
        size /= 1024
    return f"{figures(size)} {_BINARY[-1]}"


def duration(seconds: float) -> str:
    """Print seconds: `12.3 us`, `4.56 ms`, `1.23 s`, `2 min 05 s`, `3 h 07 min`."""
    size = abs(seconds)
    if size == 0:
        return "0 s"
    if size < 1e-3:
        return f"{figures(seconds * 1e6)} us"
    if size < 1:
        return f"{figures(seconds * 1e3)} ms"
    if size < 99.5:
        return f"{figures(seconds)} s"
    if size < 3600:
        return f"{round(seconds) // 60} min {round(seconds) % 60:02d} s"
    return f"{int(seconds) // 3600} h {int(seconds) % 3600 // 60:02d} min"


def scaled(value: float) -> str:
    """Print a number with a decimal prefix and three figures: `12.3 k`."""
    for factor, prefix in _DECIMAL:
        if abs(value) >= 0.9995 * factor:
            return f"{figures(value / factor)} {prefix}"
    return figures(value)


def plain(value: float) -> str:
    """Print a number without a unit: whole numbers whole, others with four figures."""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}"


def figures(value: float) -> str:
    """Print three significant figures without an exponent where that is readable."""
    size = abs(value)
    if size >= 1e4 or 0 < size < 1e-3:
        return f"{value:.3g}"
    if 0 < size < 0.9995:
        return f"{value:.{2 - math.floor(math.log10(size))}f}"
    return f"{value:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}"


def one_line(text: str, most: int = 200) -> str:
    """Make a foreign text safe to print on a line: control characters escaped, the end cut."""
    shown = "".join(each if each.isprintable() else _escape(each) for each in text[: most + 1])
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def _escape(character: str) -> str:
    code = ord(character)
    number = f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character, number)

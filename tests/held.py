"""What the tests hold metrics against: a table, printed with `--held`, kept with `--held=PAGE`.

    OMP_NUM_THREADS=1 python -m pytest tests benchmarks/test_readings.py -m held \\
        --held=docs/metrics.md

A test that takes the fixture `holds` is marked `held`: it compares a metric with a figure that came
about in another way. Those under benchmarks/ measure times, and take minutes.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from harness.numbers.metrics import MEANINGS
from harness.system.machine import processor

BEGIN, END = "<!-- held: begin -->\n", "<!-- held: end -->\n"
HEAD = """| metric | held against | times | may be off by | was off by at most |
|---|---|---|---|---|
"""

Holds = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A metric held against a figure that came about in another way.

    Attributes:
        metric: Its name.
        against: What the other figure is.
        within: How far off it may be: relative, or in the metric's unit where `absolute`.
        off: How far off it was.
    """

    metric: str
    against: str
    within: float
    off: float
    absolute: bool


CHECKS = pytest.StashKey[list[Check]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--held`."""
    parser.addoption(
        "--held",
        nargs="?",
        const="-",
        metavar="PAGE",
        help="print what metrics were held against, or write it into a page",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin without checks."""
    config.stash[CHECKS] = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that hold a metric against something."""
    for each in items:
        if "holds" in getattr(each, "fixturenames", ()):
            each.add_marker("held")


@pytest.fixture
def holds(request: pytest.FixtureRequest) -> Holds:
    """Hold a metric against a figure that came about in another way; note how far off it was."""
    checks = request.config.stash[CHECKS]

    def hold(
        metric: str,
        against: str,
        found: float | None,
        expected: float,
        *,
        within: float = 0.0,
        absolute: bool = False,
    ) -> None:
        assert found is not None, f"{metric} is missing"
        off = abs(found - expected) / (1 if absolute or found == expected else abs(expected))
        assert off <= within, f"{metric} is {found}, and {against} {expected}: off by {off:.3g}"
        checks.append(
            Check(metric=metric, against=against, within=within, off=off, absolute=absolute)
        )

    return hold


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Print the table, or write it into its page where all went well."""
    page = config.getoption("--held")
    if page is None:
        return
    table = f"{_where()}\n\n{HEAD}" + "".join(f"{row}\n" for row in rows(config.stash[CHECKS]))
    if page == "-":
        terminalreporter.write_line(f"\n{table}")
    elif exitstatus == 0:
        text = Path(page).read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        Path(page).write_text(f"{before}{BEGIN}{table}{END}{rest.split(END)[1]}", encoding="utf-8")
        terminalreporter.write_line(f"\n{page} has {table.count('| `')} lines of checks")
    else:
        terminalreporter.write_line(f"\n{page} is as it was: not all tests passed")


def rows(checks: Iterable[Check]) -> Iterator[str]:
    """Sum the checks up: a row for each metric and figure, in the order of the metrics."""
    places = {name: place for place, name in enumerate(MEANINGS)}
    groups: dict[tuple[str, str, float, bool], list[Check]] = {}
    for each in sorted(checks, key=lambda each: places[each.metric]):
        key = (each.metric, each.against, each.within, each.absolute)
        groups.setdefault(key, []).append(each)
    for (metric, against, within, absolute), group in groups.items():
        worst = max(each.off for each in group)
        yield (
            f"| `{metric}` | {against} | {len(group)} | {_amount(within, absolute)} |"
            f" {_amount(worst, absolute)} |"
        )


def _where() -> str:
    versions = f"Python {platform.python_version()}, torch {version('torch')}"
    return f"Compared on {processor()}, {os.cpu_count()} cores, with {versions}."


def _amount(off: float, absolute: bool) -> str:
    if off == 0:
        return "0"
    if absolute:
        return f"{off:.2g}"
    return f"{off:.2g} of it" if off < 1e-4 else f"{off * 100:.2g} %"

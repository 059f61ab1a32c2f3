"""The suites that come with bench, kept in TOML as a user would write them."""

from collections.abc import Sequence
from pathlib import Path

from harness import hookimpl


@hookimpl
def bench_register_suites() -> Sequence[Path]:
    """Point at the suites of this package."""
    return [Path(__file__).with_name("suites.toml")]

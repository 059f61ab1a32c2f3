"""The suites that come with bench, kept in TOML as a user would write them."""

from collections.abc import Sequence
from pathlib import Path

from harness import hookimpl

FOLDER = Path(__file__).parent


@hookimpl
def bench_register_suites() -> Sequence[Path]:
    """Point at the suites of this package: `suites.toml`, and every file of `suites/`."""
    return [FOLDER / "suites.toml", *sorted((FOLDER / "suites").glob("*.toml"))]

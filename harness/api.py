"""`harness.run` and `harness.load`: runs from Python, by the same path as the command's.

Importing it costs nothing until it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.records.planned import Plan
    from harness.records.record import Record
    from harness.records.store import StoredRun
    from harness.session import Loaded, Places
    from harness.suites.suite import Suite


def run(
    suite: str | Suite | None = None,
    *settings: str,
    seeds: int | str | Sequence[int] | None = None,
    results: str | Path | None = None,
    data_root: str | Path | None = None,
    plugins: Sequence[str] = (),
    jobs: int = 1,
    in_process: bool = False,
    keep_weights: bool = False,
    quiet: bool = False,
) -> Run:
    """Run a suite and wait for its table.

        harness.run("init", "epochs=5", seeds=3)

    Args:
        suite: A name, a `Suite`, or None for a sweep of one's own.
        settings: `ADDRESS=VALUE` or `ADDRESS=V1,V2`, as on the command line.
        seeds: In place of the suite's.
        results: The folder of runs; None: `BENCH_RESULTS`, else `results`.
        data_root: Where fetched data lies; None: `BENCH_DATA`, else the user's cache.
        plugins: `MODULE`, `FILE.py` or `no:NAME`. Trials run in processes of their own: what they
            use must stand in a module or a file, not in the notebook.
        jobs: Trials side by side.
        in_process: Whether this process trains itself, for debugging.
        keep_weights: Whether the weights of every trial are kept, in the run's folder.
        quiet: Whether stderr hears notes only.

    Raises:
        BenchError: a name is unknown, a value does not fit, or the results cannot be written.
    """
    import sys

    from harness import session
    from harness.records.store import read_run
    from harness.watching.progress import Progress

    places, loaded, plan = planned(
        suite, settings, seeds=seeds, results=results, data_root=data_root, plugins=plugins
    )
    progress = Progress(sys.stderr, lambda: 80, quiet=quiet)
    manner = session.Manner(
        jobs=jobs,
        in_process=in_process,
        keep_weights=keep_weights,
        command=("harness.run", *settings),
    )
    try:
        folder = session.run_plan(plan, loaded, places, manner, progress)
    finally:
        progress.close()
    return Run(read_run(folder))


def planned(
    suite: str | Suite | None,
    settings: Sequence[str],
    *,
    seeds: int | str | Sequence[int] | None = None,
    results: str | Path | None = None,
    data_root: str | Path | None = None,
    plugins: Sequence[str] = (),
) -> tuple[Places, Loaded, Plan]:
    """Plan what `run` would run, and run nothing. Args and errors are those of `run`."""
    from harness import session
    from harness.planning.overrides import parse_override

    given: dict[str, Any] = {"results": results, "data_root": data_root}
    chosen = {name: Path(each) for name, each in given.items() if each is not None}
    places = session.Places(plugins=tuple(plugins), **chosen)
    loaded = session.load_all(places)
    overrides = [parse_override(each) for each in settings]
    asked = session.Asked(suite=suite, overrides=overrides, seeds=seeds)
    return places, loaded, session.plan_asked(asked, loaded)


def load(run: str | Path | None = None, *, results: str | Path | None = None) -> Run:
    """Read a run that has ended or goes on; no plugin that it names is loaded.

        harness.load("init").cases()

    What cannot be read of it is warned of.

    Args:
        run: A path, an id or the unique beginning of one, a suite (its latest run); None: the
            latest of all.
        results: The folder of runs; None: `BENCH_RESULTS`, else `results`.

    Raises:
        StoreError: there is no such run, or it cannot be read.
    """
    import warnings

    from harness.records.runs import find_run
    from harness.records.store import read_run
    from harness.session import Places

    places = Places() if results is None else Places(results=Path(results))
    stored = read_run(find_run(places.results, None if run is None else str(run)))
    for note in stored.notes:
        warnings.warn(note, stacklevel=2)
    return Run(stored)


class Run:
    """A run, as it was when it was read; printed, and in a notebook, it is its table."""

    def __init__(self, stored: StoredRun) -> None:
        self._stored = stored

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return self._stored.folder

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of its trials, in the order in which they ended."""
        return self._stored.records

    def cases(self, *metrics: str) -> DataFrame:
        """Make a row a case: levels, how many trials ended how, and figures by metric.

        `NAME` is the mean over seeds; `NAME.std`, `NAME.ci95_low`, `NAME.ci95_high` and `NAME.n`
        stand beside it, and `attrs["units"]` has the unit of each.

        Args:
            metrics: Which; none: all that the run knows.

        Raises:
            BenchError: pandas is absent, or the run has no such metric.
        """
        from harness.showing.frames import cases_frame

        return cases_frame(self._stored, metrics)

    def trials(self, *metrics: str) -> DataFrame:
        """Make a row a planned trial: levels, seed, fold, attempt, status, reason, final metrics.

        The last attempt counts; a trial that has not ended is `not run`. Args and errors are those
        of `cases`.
        """
        from harness.showing.frames import trials_frame

        return trials_frame(self._stored, metrics)

    def curves(self) -> DataFrame:
        """Make a row a value by epoch: levels, seed, fold, epoch (from 1), metric, value.

        Raises:
            BenchError: pandas is absent.
        """
        from harness.showing.frames import curves_frame

        return curves_frame(self._stored)

    def document(self) -> Mapping[str, Any]:
        """Make what `bench show --format json` prints, as plain values."""
        import msgspec

        from harness.showing.document import document

        return dict(msgspec.to_builtins(document(self._stored)))

    def table(self) -> str:
        """Make what `bench run` prints."""
        from harness.judging.tables import summaries
        from harness.showing.page import cases_page

        plan, meanings = self._stored.plan, self._stored.run.meanings
        return cases_page(self._stored, summaries(plan, self._stored.records, meanings))

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        from harness.showing.notebook import html_table

        return html_table(self._stored)

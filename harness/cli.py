"""The command line: parses, calls, prints; an error of a user ends here, in one line on stderr."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from harness.console import bear_everything, columns, lost
from harness.errors import BenchError, UnknownName, same_name, what_would_work

if TYPE_CHECKING:
    from harness.compare import Outcome
    from harness.layout import Style
    from harness.planned import Plan
    from harness.progress import Progress
    from harness.session import Places
    from harness.store import StoredRun

F = TypeVar("F", bound=Callable[..., Any])

INTERRUPTED = 130
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
_IMPATIENCE_S = 5.0
_MOST = 1000
"""Characters of a line that is told; a foreign text is cut there."""

_SEEN = {"fails": "fails", "undecided": "is undecided"}
FORMATS = ("table", "markdown", "csv", "json")


class _Commands(click.Group):
    """Commands by name; an unknown one is told with the nearest."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0].replace("_", "-")
        if name not in self.commands:
            told = what_would_work(name, self.commands)
            raise click.UsageError(f"unknown command {args[0]!r}{told}")
        return super().resolve_command(ctx, [name, *args[1:]])


def shared(command: F) -> F:
    """Add the options that stand before or after the subcommand."""
    options = (
        click.option(
            "-p", "plugins", multiple=True, metavar="PLUGIN", help="MODULE, FILE.py or no:NAME."
        ),
        click.option(
            "--results", type=click.Path(path_type=Path), help="Folder of runs (BENCH_RESULTS)."
        ),
        click.option(
            "--data-root", type=click.Path(path_type=Path), help="Folder of data (BENCH_DATA)."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    package_name="bench-harness", prog_name="bench-harness", message="%(prog)s %(version)s"
)
@shared
def bench(plugins: Sequence[str], results: Path | None, data_root: Path | None) -> None:
    """What did changing this do?

    Accuracy, throughput and memory of every combination, in one table.
    """


def asks_for_a_plan(command: F) -> F:
    """Add the arguments of `run` and `plan`."""
    options = (
        click.argument("settings", nargs=-1, metavar="[ADDRESS=VALUE,...]..."),
        click.option(
            "--suite", "suite", metavar="NAME", help="The suite; without it, a sweep of your own."
        ),
        click.option(
            "--file", "file", type=click.Path(path_type=Path), help="TOML file with suites."
        ),
        click.option(
            "--seeds", metavar="N|FIRST:END", help="5 plans seeds 0 to 4, 5:10 five more."
        ),
        click.option("--plan-seed", type=int, default=0, help="Shuffles the order of cases."),
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            default=1,
            help="Trials side by side: no verdict on speed.",
        ),
        click.option("--in-process", is_flag=True, help="Train in this process, for debugging."),
        click.option(
            "--check", is_flag=True, help="Exit 1 where an expectation of the suite does not hold."
        ),
        click.option(
            "--strict",
            is_flag=True,
            help="Count diverged, skipped and unsupported trials as failed.",
        ),
        click.option("--metrics", metavar="A,B", help="Columns of the table."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@bench.command()
@asks_for_a_plan
@click.option(
    "--format", "style", type=click.Choice(FORMATS), default="table", help="Of the table."
)
@shared
@click.pass_context
def run(ctx: click.Context, /, **given: Any) -> int:
    """Plan, run, print the table and where it is kept.

    bench run --suite init --seeds 3 dataset=breast_cancer epochs=5,20
    """
    from harness import session

    places, progress = _places(ctx, given["file"]), _progress()
    loaded, plan = _planned(places, given)
    _check_columns(plan, _columns_of(given["metrics"]))
    manner = session.Manner(
        jobs=given["jobs"],
        in_process=given["in_process"],
        strict=given["strict"],
        check=given["check"],
        command=sys.argv[1:],
    )
    for note in plan.notes:
        progress.note(note)
    try:
        folder = session.run_plan(plan, loaded, places, manner, progress)
    finally:
        progress.close()
    return _shown_after(folder, given["style"], given["metrics"])


@bench.command("plan")
@asks_for_a_plan
@click.option("--trials", is_flag=True, help="List the trials in their order.")
@click.option("--format", "style", type=click.Choice(("table", "json")), default="table")
@shared
@click.pass_context
def plan_command(ctx: click.Context, /, **given: Any) -> int:
    """Check a plan; tell its size, what is refused or skipped, the expected time; run nothing."""
    from harness import preview, session

    places = _places(ctx, given["file"])
    _, plan = _planned(places, given)
    _check_columns(plan, _columns_of(given["metrics"]))
    if given["style"] == "json":
        _print_json(plan)
        return 0
    expected_s = session.expected_s(plan, places.results)
    _print(preview.plan_text(plan, expected_s, width=_width(), trials=given["trials"]))
    return 0


@bench.command()
@click.argument("run_name", metavar="[RUN]", required=False)
@click.option("--retry", type=click.Choice(("failed",)), help="Try trials that broke again.")
@click.option("--force", is_flag=True, help="Go on though versions or sources differ.")
@click.option("--metrics", metavar="A,B", help="Columns of the table.")
@click.option(
    "--format", "style", type=click.Choice(FORMATS), default="table", help="Of the table."
)
@shared
@click.pass_context
def resume(ctx: click.Context, /, **given: Any) -> int:
    """Go on with an unfinished run; a finished one trains nothing and prints its table."""
    from harness import session, store

    folder = store.find_run(_places(ctx).results, given["run_name"])
    _check_columns(store.read_run(folder).run.plan, _columns_of(given["metrics"]))
    progress = _progress()
    try:
        session.resume_run(
            folder,
            progress,
            retry=given["retry"] == "failed",
            force=given["force"],
            command=sys.argv[1:],
        )
    finally:
        progress.close()
    return _shown_after(folder, given["style"], given["metrics"])


@bench.command()
@click.argument("run_name", metavar="[RUN]", required=False)
@click.option("--format", "style", type=click.Choice(FORMATS), default="table")
@click.option("--metrics", metavar="A,B", help="Columns of the table.")
@click.option("--trials", is_flag=True, help="A row a trial.")
@shared
@click.pass_context
def show(ctx: click.Context, /, **given: Any) -> int:
    """Print the table of a run: a path, an id, a suite's latest; without RUN, the latest of all."""
    from harness import store

    stored = store.read_run(store.find_run(_places(ctx).results, given["run_name"]))
    _print_notes(stored)
    _print_run(stored, given["style"], given["metrics"], trials=given["trials"])
    return 0


@bench.command()
@click.argument("run_names", metavar="RUN RUN...", nargs=-1, required=True)
@click.option("--metrics", metavar="A,B", help="Columns of the table.")
@click.option(
    "--format", "style", type=click.Choice(FORMATS), default="table", help="Of the table."
)
@shared
@click.pass_context
def merge(ctx: click.Context, /, **given: Any) -> int:
    """Merge runs into a new one: more seeds, more cases, or the same from another machine."""
    from harness import session, store

    places = _places(ctx)
    names = given["run_names"]
    if len(names) < 2:
        raise click.UsageError(f"merge needs two runs or more, and was given {names[0]!r} alone")
    folders = [store.find_run(places.results, each) for each in names]
    folder = session.merge_runs(folders, places, _progress().note, sys.argv[1:])
    _shown_after(folder, given["style"], given["metrics"])
    return 0


@bench.command()
@click.option("--format", "style", type=click.Choice(("table", "json")), default="table")
@shared
@click.pass_context
def plugins(ctx: click.Context, /, **given: Any) -> int:
    """List the plugins, loaded or broken, with package and version."""
    from harness import catalog, session

    registry = session.load_all(_places(ctx)).registry
    if given["style"] == "json":
        _print_json({"schema": 1, "plugins": catalog.plugin_rows(registry)})
    else:
        _print(catalog.plugin_table(registry, _width()))
    return 0


@bench.command("list")
@click.argument("kind", required=False)
@click.option("--file", "file", type=click.Path(path_type=Path), help="TOML file with suites.")
@click.option("--format", "style", type=click.Choice(("table", "json")), default="table")
@shared
@click.pass_context
def list_command(ctx: click.Context, /, kind: str | None, **given: Any) -> int:
    """List definitions (all, or of one KIND), or with `runs` what lies in the results folder."""
    from harness import catalog, session

    places = _places(ctx, given["file"])
    if kind is not None and nearest_kind(kind) == "runs":
        rows = catalog.run_rows(places.results)
        if given["style"] == "json":
            _print_json({"schema": 1, "runs": rows})
        else:
            _print(catalog.run_table(places.results, _width()))
        return 0
    registry = session.load_all(places).registry
    kinds = catalog.KINDS if kind is None else (nearest_kind(kind),)
    if given["style"] == "json":
        _print_json({"schema": 1, "definitions": catalog.rows(registry, kinds)})
    else:
        _print(catalog.table(registry, kinds, _width()))
    return 0


@bench.command()
@click.argument("name")
@click.option("--file", "file", type=click.Path(path_type=Path), help="TOML file with suites.")
@click.option("--format", "style", type=click.Choice(("table", "json")), default="table")
@shared
@click.pass_context
def describe(ctx: click.Context, /, name: str, **given: Any) -> int:
    """Tell a definition's options, types, defaults and docstring; `NAME` or `KIND:NAME`."""
    from harness import catalog, session

    registry = session.load_all(_places(ctx, given["file"])).registry
    if given["style"] == "json":
        _print_json(catalog.description(registry, name))
    else:
        _print(catalog.description_text(registry, name, _width()))
    return 0


def nearest_kind(kind: str) -> str:
    """Find the kind that a word names: `models`, `model`.

    Raises:
        UnknownName: none is named so.
    """
    from harness.catalog import kind_of

    return kind_of(kind)


def main() -> None:
    """Run the command; end with its exit code.

    0 fine; 1 a regression or a failed expectation; 2 the user's mistake; 3 some trial broke;
    4 no trial ended ok or diverged; 130 interrupted.
    """
    bear_everything()
    interrupt = _Interrupt()
    for number in _ENDING:
        place = getattr(signal, number, None)
        if place is not None and signal.getsignal(place) != signal.SIG_IGN:  # as `nohup` leaves it
            signal.signal(place, interrupt)
    try:
        code = bench.main(prog_name="bench", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.message)
        code = 0
    except click.UsageError as error:
        code = _told(_about_form(error))
    except BenchError as error:
        code = _told(str(error))
    except (KeyboardInterrupt, click.Abort) as stop:
        run_name = str(stop.__cause__ or stop)
        resume = f"; bench resume {run_name} goes on" if run_name else ""
        code = _told(f"interrupted: finished trials are kept{resume}", INTERRUPTED)
        for number in _ENDING:  # the end of the interpreter would make one more of them fatal
            if hasattr(signal, number):
                signal.signal(getattr(signal, number), signal.SIG_IGN)
    if code != INTERRUPTED and (reason := lost()):
        code = _told(f"stdout could not be written: {reason}")
    sys.exit(code if isinstance(code, int) else 0)


class _Interrupt:
    """Ends the command at a signal; those that soon follow cannot end the cleaning up."""

    def __init__(self) -> None:
        self._last_s = -math.inf

    def __call__(self, *_: object) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s >= _IMPATIENCE_S:
            self._last_s = now_s
            raise KeyboardInterrupt


def _about_form(error: click.UsageError) -> str:
    """Say which command was asked, and which of its options is nearest."""
    owner, command = "bench", cast("click.Command", bench)
    if error.ctx is not None and error.ctx.parent is not None:
        owner, command = str(error.ctx.info_name), error.ctx.command
    if isinstance(error, click.NoSuchOption):
        known = [name for each in command.params for name in each.opts if name[:1] == "-"]
        hint = what_would_work(error.option_name, known)
        return f"{owner} has no option {error.option_name!r}{hint}"
    told = error.format_message()
    return told if error.ctx is None else f"{owner}: {told[:1].lower()}{told[1:]}"


def _told(message: str, code: int = 2) -> int:
    from harness.units import one_line

    print(f"bench: {one_line(message, _MOST)}", file=sys.stderr)  # noqa: T201  # its voice
    return code


def _places(ctx: click.Context, file: Path | None = None) -> Places:
    """Join the shared options of the group and of the subcommand."""
    from harness.session import Places

    outer = ctx.parent.params if ctx.parent is not None else {}
    chosen: dict[str, Any] = {
        name: ctx.params.get(name) or outer.get(name)
        for name in ("results", "data_root")
        if ctx.params.get(name) or outer.get(name)
    }
    named = (*outer.get("plugins", ()), *ctx.params.get("plugins", ()))
    return Places(file=file, plugins=named, **chosen)


def _planned(places: Places, given: dict[str, Any]) -> tuple[Any, Plan]:
    """Parse the form of what was asked before any plugin is loaded, then plan."""
    from harness import session
    from harness.draft import seed_range
    from harness.overrides import parse_override

    overrides = [parse_override(each) for each in given["settings"]]
    seeds = None if given["seeds"] is None else seed_range(given["seeds"])
    loaded = session.load_all(places)
    asked = session.Asked(
        suite=given["suite"], overrides=overrides, seeds=seeds, seed=given["plan_seed"]
    )
    return loaded, session.plan_asked(asked, loaded)


def _check_columns(plan: Plan, wanted: Sequence[str]) -> None:
    """Refuse, before anything is trained, a column that no trial will have.

    Of the procedures only `train` is known to find nothing but what is planned.
    """
    from harness.metrics import MEANINGS, base_name
    from harness.render import MEMORY

    if any(case.settings.get("procedure") != "train" for case in plan.cases):
        return
    taken = [metric for case in plan.cases for metric in case.settings["metrics"]]
    known = [MEMORY, *MEANINGS, *(metric.partition("[")[0] for metric in taken)]
    folded = {same_name(each) for each in known}
    for each in wanted:
        if same_name(base_name(each)) not in folded:
            raise UnknownName("metric", each, known)


def _progress() -> Progress:
    from harness.progress import Progress

    return Progress(sys.stderr, _width_of_stderr)


def _shown_after(folder: Path, style: str, metrics: str | None) -> int:
    """Print the table of a run that has just ended, and give its exit code."""
    from harness import compare, store, tables
    from harness.units import one_line

    stored = store.read_run(folder)
    _print_notes(stored)
    _print_run(stored, style, metrics)
    options, plan = stored.run.options, stored.run.plan
    rows = tables.summaries(plan, stored.records, stored.run.meanings)
    outcomes = compare.expectations(plan, rows, stored.records)
    below = [*_expectation_lines(outcomes), f"kept in {one_line(str(folder), _MOST)}"]
    click.echo("\n" + "\n".join(below), err=style != "table")
    return compare.exit_code(
        plan,
        stored.records,
        strict=bool(options.get("strict")),
        check_failed=bool(options.get("check")) and not compare.all_hold(outcomes),
    )


def _expectation_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Count the expectations that hold, and tell those that do not."""
    from harness.units import one_line

    if not outcomes:
        return []
    wrong = [
        one_line(f"expected, but it {_SEEN[each.outcome]}: {each.text}", _MOST)
        for each in outcomes
        if each.outcome != "holds"
    ]
    return [
        f"{len(outcomes) - len(wrong)} of {len(outcomes)} expectations of the suite hold",
        *wrong,
    ]


def _print_run(stored: StoredRun, style: str, metrics: str | None, *, trials: bool = False) -> None:
    from harness import compare, render, tables

    plan, meanings = stored.run.plan, stored.run.meanings
    if style == "json":
        _print_json(compare.trials_document(stored) if trials else compare.document(stored))
        return
    wanted = _columns_of(metrics)
    width = _width() if style == "table" else None
    style = cast("Style", style)
    if trials:
        _print(
            render.render_trials(
                plan, stored.records, style=style, metrics=wanted, width=width, meanings=meanings
            )
        )
        return
    rows = tables.summaries(plan, stored.records, meanings)
    _print(render.render_cases(plan, rows, style=style, metrics=wanted, width=width))


def _columns_of(metrics: str | None) -> list[str]:
    return [each.strip() for each in (metrics or "").split(",") if each.strip()]


def _print_notes(stored: StoredRun) -> None:
    from harness.units import one_line

    for note in stored.notes:
        print(f"note: {one_line(note, _MOST)}", file=sys.stderr)  # noqa: T201  # its voice


def _print(text: str) -> None:
    click.echo(text.rstrip("\n"))


def _print_json(content: object) -> None:
    import msgspec

    encoded = msgspec.json.encode(content)
    shown = msgspec.json.format(encoded, indent=2) if sys.stdout.isatty() else encoded
    click.echo(shown.decode())


def _width() -> int | None:
    """Count the columns that stdout has; None where it is no terminal."""
    return columns(sys.stdout)


def _width_of_stderr() -> int:
    return columns(sys.stderr) or 80

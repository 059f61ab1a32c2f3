"""What pytest loads: fixtures that run cases under pytest-benchmark. It imports nothing heavy.

@pytest.mark.bench_suite("init", "epochs=5", seeds=3)
def test_init(bench_case):  # a test a case; all of them come from one run
    bench_case.expect("test_accuracy", min=0.9)

def test_mine(bench_run):  # one case
    case = bench_run("model=mlp", "optimizer=sgd[lr=0.1]", "epochs=2", seeds=3)
    case.expect("host_peak_bytes", max=50e6)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.benchmarked import Asked, BenchCase

_MARK = "bench_suite"
_BENCHMARK = "benchmark"  # the name of pytest-benchmark among plugins
_FIXTURE = "benchmark"
_RUNS = pytest.StashKey[dict[Any, Any]]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line(
        "markers",
        "bench_suite(suite, *settings, seeds=None, data_root=None, plugins=()): run a suite as"
        " `harness.run` does; the test takes `bench_case`, and is run once for each of its cases.",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of every case of the suite that a test is marked with."""
    if "bench_case" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker(_MARK)
    if mark is None:
        raise pytest.Collector.CollectError(
            f"{metafunc.function.__name__} takes bench_case and names no suite: mark it with"
            ' @pytest.mark.bench_suite("NAME")'
        )
    from harness.benchmarked import plan_of
    from harness.errors import BenchError

    asked = _asked(mark.args, mark.kwargs)
    try:
        names = plan_of(asked)
    except BenchError as error:
        raise pytest.Collector.CollectError(f"{metafunc.function.__name__}: {error}") from None
    places = [(asked, place) for place in range(len(names))]
    metafunc.parametrize("bench_case", places, indirect=True, ids=names)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let tests that take these fixtures be benchmarks for pytest-benchmark, on a clock of ours."""
    if not config.pluginmanager.has_plugin(_BENCHMARK):
        return
    for each in items:
        names = getattr(each, "fixturenames", [])
        if "bench_case" in names or "bench_run" in names:
            from harness.benchmarked import Clock

            each.add_marker(pytest.mark.benchmark(timer=Clock()))
            if _FIXTURE not in names:
                names.insert(0, _FIXTURE)  # first: --benchmark-skip spares the run


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Fail a test whose case has a failed trial: in its call, for its setup is no error."""
    case: Any = pyfuncitem.funcargs.get("bench_case")
    if case is not None and type(case).__module__ == "harness.benchmarked":
        _fail_if_failed(case)


@pytest.fixture
def bench_case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> BenchCase:
    """Give one case of the suite that the test is marked with; the suite is run once a session.

    A failed trial fails the test; a case that this machine cannot run is skipped.
    """
    asked, place = request.param
    runs = request.config.stash.setdefault(_RUNS, {})
    if asked not in runs:
        runs[asked] = _run(asked, tmp_path_factory)
    return _looked_at(request, runs[asked][place])


@pytest.fixture
def bench_run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., BenchCase]:
    """Run one case, given as settings: `bench_run("model=mlp", "epochs=2", seeds=3)`.

    `suite=NAME` takes a suite's base; settings must leave one case of it. A failed trial fails the
    test. It can be called once in a test, as pytest-benchmark's own fixture.
    """

    def run(*settings: str, suite: Any = None, **more: Any) -> BenchCase:
        asked = _asked((suite, *settings), more)
        _check_one(asked)
        case = _looked_at(request, _run(asked, tmp_path_factory)[0])
        _fail_if_failed(case)
        return case

    return run


def _asked(positional: tuple[Any, ...], named: Mapping[str, Any]) -> Asked:
    from harness.benchmarked import Asked

    known = {"seeds", "data_root", "plugins"}
    wrong = sorted(set(named) - known)
    if wrong:
        raise pytest.UsageError(
            f"it knows no {wrong[0]!r}: settings are texts as on the command line, and beside"
            f" them stand {', '.join(sorted(known))}"
        )
    suite, *settings = positional or (None,)
    seeds = named.get("seeds")
    return Asked(
        suite=suite,
        settings=tuple(settings),
        seeds=tuple(seeds) if isinstance(seeds, list) else seeds,
        data_root=named.get("data_root"),
        plugins=tuple(named.get("plugins", ())),
    )


def _check_one(asked: Asked) -> None:
    from harness.benchmarked import plan_of
    from harness.errors import BenchError

    wrong = ""
    try:
        count = len(plan_of(asked))
        if count != 1:
            wrong = (
                f"the fixture bench_run runs one case, and these are {count}: mark the test with"
                " @pytest.mark.bench_suite(...) and take bench_case"
            )
    except BenchError as error:
        wrong = str(error)
    if wrong:
        pytest.fail(wrong, pytrace=False)


def _run(asked: Asked, folders: pytest.TempPathFactory) -> list[BenchCase]:
    from harness.benchmarked import cases_of
    from harness.errors import BenchError

    try:
        return cases_of(asked, folders.mktemp("bench"))
    except BenchError as error:
        wrong = str(error)
    pytest.fail(wrong, pytrace=False)


def _looked_at(request: pytest.FixtureRequest, case: BenchCase) -> BenchCase:
    """Skip the test where the case was not run; else hand its times on."""
    from harness.benchmarked import replay, why_skipped

    skipped = why_skipped(case)
    if skipped is not None:
        pytest.skip(skipped)
    mark = request.node.get_closest_marker("benchmark")
    if mark is None:
        return case
    benchmark = request.getfixturevalue(_FIXTURE)
    if not case.rounds.seconds:
        benchmark.skipped = True  # as pytest-benchmark says where nothing was timed
    else:
        benchmark.group = benchmark.group or case.stored.plan.suite
        replay(case, benchmark, mark.kwargs["timer"])
    return case


def _fail_if_failed(case: BenchCase) -> None:
    from harness.benchmarked import failure

    failed = failure(case)
    if failed is not None:
        pytest.fail(failed, pytrace=False)

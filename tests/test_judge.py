"""`bench compare` and `bench gate`: what they print, and how they end."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from made import made_case, made_plan, made_run
from pairs import HERE, records_of
from reporting import side_folder, suite_file

from harness.records.planned import Plan
from harness.records.store import Journal, create_run

GOOD = [0.95, 0.94, 0.96, 0.95, 0.95]
BAD = [0.85, 0.83, 0.87, 0.86, 0.85]
FAST = [1000.0, 1010.0, 990.0, 1005.0, 995.0]
SLOW = [500.0, 505.0, 495.0, 502.0, 498.0]
PLAN = made_plan(made_case({"model": "mlp"}, metrics=[]), seeds=range(5))


def kept(folder: Path, plan: Plan = PLAN, here: Any = HERE, **metrics: Sequence[Any]) -> str:
    """Keep a run of one case on the disk; give its id."""
    stored = create_run(folder / "results", made_run(plan, environment=dict(here)))
    with Journal(stored.folder) as journal:
        for each in records_of(plan, environment=here, **metrics):
            journal.append(each)
    return stored.run.id


@pytest.fixture
def good(tmp_path: Path) -> str:
    return kept(tmp_path, test_accuracy=GOOD, train_samples_per_s=FAST)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    here = {**HERE, "torch": "2.16.0"}
    return kept(tmp_path, here=here, test_accuracy=BAD, train_samples_per_s=SLOW)


def test_two_runs_are_compared_and_what_differs_is_said(
    bench: Callable[..., Any], good: str, bad: str
) -> None:
    ended = bench("compare", good, bad)

    lines = ended.out.splitlines()
    assert (ended.code, ended.err, ended.torch) == (0, "", False)
    assert lines[0] == f"head init/{bad} against base init/{good}; paired by seed, 5 seeds in both"
    assert " worse " in lines[4]
    assert lines[5].endswith("-        not interleaved")
    assert "differs, base -> head: torch: 2.15.0 -> 2.16.0" in lines


def test_force_gives_words_and_says_so(bench: Callable[..., Any], good: str, bad: str) -> None:
    line = bench("compare", good, bad, "--force").out.splitlines()[5]

    assert line.endswith("worse    forced: not interleaved")


@pytest.mark.parametrize("style", ["markdown", "csv", "json"])
def test_comparisons_come_in_every_form(
    bench: Callable[..., Any], good: str, bad: str, style: str
) -> None:
    ended = bench("compare", good, bad, "--format", style, "--metrics", "test-accuracy")

    assert (ended.code, ended.err) == (0, "")
    if style == "json":
        assert (ended.json["schema"], ended.json["head"]["run"]) == (1, bad)
        assert [each["verdict"] for each in ended.json["comparisons"]] == ["worse", None]
    elif style == "csv":
        [row] = csv.DictReader(io.StringIO(ended.out))
        assert (row["metric"], row["verdict"]) == ("test_accuracy", "worse")
    else:
        assert ended.out.splitlines()[4].startswith("| mlp")


def told(ended: Any) -> str:
    """Give the one line on stderr of a command that a user got wrong."""
    assert (ended.code, ended.out) == (2, "")
    [line] = ended.err.splitlines()
    return str(line).removeprefix("bench: ")


def test_runs_without_a_common_case_are_refused(
    bench: Callable[..., Any], good: str, tmp_path: Path
) -> None:
    plan = made_plan(made_case({"model": "lenet"}, metrics=[]), seeds=range(5))
    other = kept(tmp_path, plan, test_accuracy=GOOD)

    assert told(bench("compare", good, other)) == (
        f"init/{good} and init/{other} have no case in common:"
        f" model is mlp in init/{good} and lenet in init/{other}"
    )


def test_a_run_is_not_compared_with_itself(bench: Callable[..., Any], good: str) -> None:
    for command in ("compare", "gate"):
        assert told(bench(command, good, good)) == (
            f"results/init/{good} is compared with itself: give two runs"
        )


def test_an_unknown_run_is_refused(bench: Callable[..., Any], good: str) -> None:
    assert told(bench("compare", good, "nowhere")).startswith("unknown run 'nowhere'")


def test_an_unknown_metric_is_refused(bench: Callable[..., Any], good: str, bad: str) -> None:
    line = told(bench("compare", good, bad, "--metrics", "test_acuracy"))

    assert line.startswith("unknown metric 'test_acuracy': did you mean 'test_accuracy'?")


@pytest.fixture
def grown(tmp_path: Path) -> str:
    """A run of after the model `two_layers` of a plugin had got an option."""
    case = made_case({"model": "two_layers"}, metrics=[], model__dropout=0.0)
    return kept(tmp_path, made_plan(case, seeds=range(5)), test_accuracy=GOOD)


@pytest.fixture
def young(tmp_path: Path) -> str:
    """A run of before it had."""
    case = made_case({"model": "two_layers"}, metrics=[])
    return kept(tmp_path, made_plan(case, seeds=range(5)), test_accuracy=GOOD)


def test_an_option_that_one_run_lacks_has_the_default_that_plugins_tell(
    bench: Callable[..., Any], young: str, grown: str, tiny: Path
) -> None:
    ended = bench("compare", "-p", tiny, young, grown)

    assert (ended.code, ended.torch) == (0, False)
    assert "identical on all 5 seeds" in ended.out


def test_a_default_that_no_plugin_tells_is_asked_for(
    bench: Callable[..., Any], young: str, grown: str
) -> None:
    line = told(bench("compare", young, grown))

    assert line.startswith(
        f"init/{young} and init/{grown} have no case in common:"
        f" model.dropout is not known in init/{young} and 0.0 in init/{grown};"
        " not all runs have model.dropout, and its default is not known:"
        " unknown model 'two_layers'"
    )
    assert line.endswith("name them with -p")


def test_a_gate_of_a_worse_head_ends_with_1_and_says_what_is_worse(
    bench: Callable[..., Any], good: str, bad: str
) -> None:
    ended = bench("gate", good, bad)

    lines = ended.out.splitlines()
    assert (ended.code, ended.err, ended.torch) == (1, "", False)
    assert lines[0] == f"gate: 1 regression; head init/{bad} against base init/{good}"
    assert lines[5].endswith("a trend, not gated: not interleaved")
    assert (
        "regression: model=mlp: test_accuracy is lower by 9.8 points [8.8, 10.8], n = 5;"
        " differs: torch"
    ) in lines


def test_a_gate_of_a_better_head_ends_with_0(
    bench: Callable[..., Any], good: str, bad: str
) -> None:
    ended = bench("gate", bad, good)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("gate: no regression;")


@pytest.mark.parametrize("style", ["markdown", "json"])
def test_a_gate_comes_in_every_form(
    bench: Callable[..., Any], good: str, bad: str, style: str
) -> None:
    ended = bench("gate", good, bad, "--format", style)

    assert (ended.code, ended.err) == (1, "")
    if style == "json":
        assert (ended.json["schema"], ended.json["passed"]) == (1, False)
    else:
        assert ended.out.startswith("### gate: 1 regression;")


def test_a_gate_that_can_see_nothing_does_not_pass(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    plan = made_plan(made_case({"model": "mlp"}, metrics=[]), seeds=range(2))
    runs = [kept(tmp_path, plan, test_accuracy=GOOD[:2]) for _ in range(2)]

    ended = bench("gate", *runs)

    assert ended.code == 2
    assert ended.err == (
        "bench: nothing could be gated: no case has figures enough on both sides (accuracy and"
        " memory need 3 seeds of both, throughput 5 rounds)\n"
    )


MISSING = (
    "there is no run 'main' to compare with: keep one by committing or caching the folder of a"
    " run, results/init/{head} say, and give its path as BASE"
)


def test_a_missing_base_is_refused(bench: Callable[..., Any], good: str) -> None:
    line = told(bench("gate", "main", good))

    assert line == MISSING.format(head=good) + "; --allow-missing-base passes without one"


def test_a_missing_base_passes_where_that_is_allowed(bench: Callable[..., Any], good: str) -> None:
    plain, markdown, found = (
        bench("gate", "main", good, "--allow-missing-base", "--format", style)
        for style in ("table", "markdown", "json")
    )

    assert [each.code for each in (plain, markdown, found)] == [0, 0, 0]
    assert plain.out == f"gate: passed without a base\n\n{MISSING.format(head=good)}\n"
    assert markdown.out.startswith("### gate: passed without a base\n")
    assert found.json["passed"] is True
    assert found.json["base"] is None
    assert found.json["notes"] == [MISSING.format(head=good)]


def test_a_missing_head_is_refused_though_a_missing_base_is_allowed(
    bench: Callable[..., Any], good: str
) -> None:
    assert told(bench("gate", good, "nowhere", "--allow-missing-base")).startswith(
        "unknown run 'nowhere'"
    )


def test_an_ambiguous_base_is_not_missing(bench: Callable[..., Any], good: str, bad: str) -> None:
    line = told(bench("gate", "20", good, "--allow-missing-base"))

    assert line.startswith("'20' begins the ids of 2 runs: ")


def test_an_empty_folder_is_a_missing_base(
    bench: Callable[..., Any], good: str, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()

    assert bench("gate", "cache", good, "--allow-missing-base").code == 0


def test_a_base_that_cannot_be_read_is_refused_whatever_is_allowed(
    bench: Callable[..., Any], good: str, bad: str, tmp_path: Path
) -> None:
    (tmp_path / "results/init" / good / "run.json").write_text("{")

    line = told(bench("gate", good, bad, "--allow-missing-base"))

    assert line.startswith(f"results/init/{good}/run.json cannot be read: ")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("a",), "gate: it needs two runs, BASE HEAD, or --suite NAME, and was given 1"),
        (("a", "b", "c"), "gate: it needs two runs, BASE HEAD, or --suite NAME, and was given 3"),
        (
            ("a", "b", "--base-env", "python"),
            "gate: --base-env is for measuring two sides: give --suite NAME",
        ),
        (
            ("a", "b", "--rounds", "7"),
            "gate: --rounds is for measuring two sides: give --suite NAME",
        ),
        (
            ("--suite", "smoke", "--allow-missing-base"),
            "gate: --allow-missing-base is about a stored BASE: leave it out",
        ),
        (
            ("--suite", "smoke", "--rounds", "4"),
            "gate: invalid value for '--rounds': 4 is not in the range x>=5.",
        ),
        (
            ("--suite", "smoke", "nonsense"),
            "'nonsense' is no setting: write ADDRESS=VALUE, for example model.dropout=0,0.5;"
            " a suite is named by --suite",
        ),
        (
            ("--suite", "smoke", "--head-env", "no/python"),
            "--head-env no/python: there is no such interpreter; give the path of a python, or the"
            " folder of a virtual environment",
        ),
        (
            ("--suite", "smoke", "--head-path", "nowhere"),
            "gate: invalid value for '--head-path': Directory 'nowhere' does not exist.",
        ),
    ],
)
def test_what_is_wrong_in_form_is_told_in_a_line(
    bench: Callable[..., Any], given: tuple[str, ...], message: str
) -> None:
    assert told(bench("gate", *given)) == message


@pytest.fixture(scope="module")
def measured(command: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A gate of two folders, a case each that is bad and steady, as Markdown."""
    folder = tmp_path_factory.mktemp("measured")
    base = side_folder(folder / "old", is_head=False)
    head = side_folder(folder / "new", is_head=True)
    ended = command(
        "gate", "-p", "reporting", "--file", suite_file(folder), "--suite", "sides",
        "--base-path", base, "--head-path", head, "--rounds", "5", "--format", "markdown",
        "procedure.kind=bad", cwd=folder,
    )  # fmt: skip
    return folder, ended


def test_a_measured_gate_prints_its_table_and_names_all_its_runs(
    measured: tuple[Path, Any],
) -> None:
    folder, ended = measured
    ids = sorted(each.name for each in (folder / "results/sides").iterdir())

    assert (ended.code, ended.torch) == (1, False)
    assert ended.out.startswith("### gate: 3 regressions; head sides/")
    kept_lines = ended.err.splitlines()[-4:]
    names = ["base", "head", "base, fresh rounds", "head, fresh rounds"]
    assert [each.partition(" kept in ")[0] for each in kept_lines] == names
    assert sorted(each.rpartition("/")[2] for each in kept_lines) == ids
    assert all(" kept in results/sides/" in each for each in kept_lines)
    assert ended.left() == []


def test_both_sides_of_a_gate_can_be_shown_and_compared_with_words_on_speed(
    measured: tuple[Path, Any], bench: Callable[..., Any]
) -> None:
    folder, ended = measured
    base, head = (each.rpartition(" ")[2] for each in ended.err.splitlines()[-4:-2])

    shown = bench("show", base, cwd=folder)
    compared = bench("compare", base, head, "--format", "json", cwd=folder)

    assert (shown.code, "ok 5" in shown.out) == (0, True)
    words = {each["metric"]: each["verdict"] for each in compared.json["comparisons"]}
    assert words["train_samples_per_s"] == "worse"
    assert compared.json["interleaved"] is True


def test_a_stored_gate_of_the_same_runs_leaves_throughput_a_trend(
    measured: tuple[Path, Any], bench: Callable[..., Any]
) -> None:
    folder, ended = measured
    base, head = (each.rpartition(" ")[2] for each in ended.err.splitlines()[-4:-2])

    found = bench("gate", base, head, "--format", "json", cwd=folder)

    assert found.code == 1
    regressed = {each["metric"] for each in found.json["gated"] if each["regression"]}
    assert regressed == {"test_accuracy", "host_peak_bytes"}

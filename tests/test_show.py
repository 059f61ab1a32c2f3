"""The command `bench show` on runs that tests have laid down: pages, formats, errors."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from made import made_case, made_plan, made_record, made_run

from harness.records.journal import Journal
from harness.records.planned import Expectation, Plan
from harness.records.record import Record
from harness.records.store import create_run
from tests.showing.test_versus import BY_FIRST, LEVELS, records

THREE = made_plan(*(made_case(each, baseline=0) for each in LEVELS[:3]), seeds=range(5))


def laid(results: Path, plan: Plan = BY_FIRST, found: Sequence[Record] = (), **more: Any) -> Path:
    """Lay a run down as it lies on the disk; give its folder."""
    folder = create_run(results, made_run(plan, **more)).folder
    with Journal(folder) as journal:
        for each in found or records(plan):
            journal.append(each)
    return folder


def test_a_run_is_shown_with_header_cases_comparisons_and_sentences(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    folder = laid(tmp_path / "results", command=["run", "--suite", "init"])

    ended = bench("show")

    assert (ended.code, ended.err, ended.torch) == (0, "", False)
    header, cases, title, versus, below, said = ended.out.split("\n\n")
    assert header.startswith(f"init {folder.name}: bench run --suite init\n")
    assert len(cases.splitlines()) == 6
    assert title == "against init=normal[std=0.01] activation=relu; paired by seed, n = 5"
    assert [each.count("better") for each in versus.splitlines()] == [0, 0, 0, 1, 1]
    assert "words after Holm over the 3 comparisons of each metric" in below
    assert said.startswith("xavier_uniform instead of normal[std=0.01] (init), on average: ")


@pytest.mark.parametrize(
    "given", [(), ("--effects",), ("--pivot", "init"), ("--trials",)], ids=" ".join
)
def test_every_page_keeps_to_a_terminal(
    bench: Callable[..., Any], tmp_path: Path, given: tuple[str, ...]
) -> None:
    laid(tmp_path / "results", command=["run", "model=" + "x" * 200])

    ended = bench("show", *given, env={"COLUMNS": "60"})

    assert (ended.code, ended.err) == (0, "")
    assert max(map(len, ended.out.splitlines())) <= 60


def test_effects_are_a_table_or_a_key_of_the_json(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    laid(tmp_path / "results")

    table = bench("show", "--effects").out
    lines = bench("show", "--effects", "--format", "csv").out
    document = bench("show", "--effects", "--format", "json").json
    plain = bench("show", "--format", "json").json

    assert "\nmain init=xavier_uniform  " in table
    assert {each["effect"] for each in csv.DictReader(io.StringIO(lines))} == {
        "main",
        "interaction",
    }
    assert document.pop("effects")[0] == {
        "kind": "main",
        "levels": {"init": "xavier_uniform"},
        "baseline": {"init": "normal[std=0.01]"},
        "at": {},
        "metric": "test_accuracy",
        "difference": pytest.approx(0.8106),
        "ci95": pytest.approx([0.80949, 0.81171], abs=1e-5),
        "p_adjusted": pytest.approx(0, abs=1e-10),
        "verdict": "better",
        "seeds_needed": None,
        "note": None,
        "n": 5,
        "margin": 0.01,
    }
    assert document == plain


def test_levels_side_by_side_are_a_table_a_metric_in_every_format_for_people(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    laid(tmp_path / "results")

    table = bench("show", "--pivot", "Activation", "--metrics", "test_accuracy").out
    latex = bench("show", "--pivot", "model.activation", "--format", "latex").out
    lines = bench("show", "--pivot", "activation", "--format", "csv").out.splitlines()

    assert "\ninit              activation=relu   activation=tanh\n" in table
    assert r"init & activation=relu & activation=tanh \\" in latex
    assert lines[0] == "metric,init,model.activation=relu,model.activation=tanh"


def test_latex_and_markdown_have_every_table(bench: Callable[..., Any], tmp_path: Path) -> None:
    laid(tmp_path / "results")

    latex = bench("show", "--format", "latex").out
    markdown = bench("show", "--format", "markdown").out

    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 2
    assert r"xavier\_uniform & relu & +81.06 [80.95, 81.17] better & " in latex
    assert markdown.count("\n|--") == 2
    assert markdown.startswith("- init ")


PRODUCT = "there are no effects: the cases form no full product"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--metrics", "nonsense"), "unknown metric 'nonsense' (known: "),
        (("--metrics", "nonsense", "--format", "json"), "unknown metric 'nonsense' (known: "),
        (
            ("--metrics", "nonsense", "--format", "json", "--trials"),
            "unknown metric 'nonsense' (known: ",
        ),
        (
            ("--metrics", "nonsense", "--format", "json", "--effects"),
            "unknown metric 'nonsense' (known: ",
        ),
        (
            ("--pivot", "int"),
            "unknown factor 'int': did you mean 'init'? (known: activation, init)",
        ),
        (
            ("--trials", "--effects"),
            "show: --trials and --effects are tables of their own: give one of them",
        ),
        (
            ("--pivot", "init", "--format", "json"),
            "show: --pivot is for tables: --format json has every figure, by case",
        ),
        (
            ("--effects",),
            f"{PRODUCT}, 1 of 4 combinations are not there"
            " (init=xavier_uniform activation=tanh for one)",
        ),
        (
            ("--effects", "--format", "json"),
            f"{PRODUCT}, 1 of 4 combinations are not there"
            " (init=xavier_uniform activation=tanh for one)",
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_what_cannot_be_shown_is_a_mistake_in_a_line(
    bench: Callable[..., Any], tmp_path: Path, given: tuple[str, ...], told: str
) -> None:
    laid(tmp_path / "results", THREE, records(BY_FIRST)[:15])

    ended = bench("show", *given)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"bench: {told}")
    assert len(ended.err.splitlines()) == 1
    assert ended.err.endswith(f"{told}\n") or "(known: " in told


def test_trials_that_shared_the_machine_are_marked_and_speed_gets_no_word(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    found = [
        made_record(BY_FIRST, case, seed, metrics={"wall_s": 1.0 + seed}, shared=True)
        for case in range(4)
        for seed in range(5)
    ]
    laid(tmp_path / "results", BY_FIRST, found, options={"jobs": 3})

    out = bench("show", "--metrics", "wall_s").out

    assert "shared: trials ran side by side (--jobs 3), speed and memory get no word\n" in out
    assert "\n(a) trials ran side by side: speed and memory were shared\n" in out


def test_a_figure_that_is_missing_has_its_reason_below(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    why = "fewer than 20 steady steps"
    found = [
        made_record(BY_FIRST, 0, seed, metrics={"test_accuracy": 0.5, "train_samples_per_s": None},
                    missing={"train_samples_per_s": why})
        for seed in range(5)
    ]  # fmt: skip
    laid(tmp_path / "results", BY_FIRST, found)

    assert f"\n\ntrain_samples_per_s: {why} (5 trials)\n" in (
        bench("show", "--metrics", "train_samples_per_s").out
    )


def test_a_command_that_fails_says_which_figure_did_and_why_it_ends_so(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    expected = Expectation(text="t is at least 0.9", cases=(0,), metric="test_accuracy", min=0.9)
    plan = made_plan(made_case(LEVELS[0]), seeds=range(2), expectations=[expected])
    checked = [
        made_record(plan, 0, seed, metrics={"test_accuracy": value})
        for seed, value in enumerate((0.95, 0.31))
    ]
    strict = [checked[0], made_record(plan, 0, 1, "diverged", reason="loss is nan")]
    laid(tmp_path / "a", plan, checked, options={"check": True})
    laid(tmp_path / "b", plan, strict, options={"strict": True})

    first = bench("resume", "--results", "a")
    second = bench("resume", "--results", "b", "--format", "csv")

    assert first.code == 1
    assert first.out.splitlines()[-4:-1] == [
        "0 of 1 expectations of the suite hold",
        "expected, but it fails: t is at least 0.9: seed 1 has 0.31",
        "exit 1, under --check: 1 of 1 expectations do not hold",
    ]
    assert second.code == 3
    assert second.err.splitlines()[-4:-1] == [
        "0 of 1 expectations of the suite hold",
        "expected, but it is undecided: t is at least 0.9: seed 1 has no figure",
        "exit 3, under --strict: of 2 trials, diverged 1",
    ]


def test_hostile_levels_are_shown_harmlessly(bench: Callable[..., Any], tmp_path: Path) -> None:
    evil = "\x1b[31m|\n\u202e\\input{x}"
    plan = made_plan(
        made_case({"a": "b"}, 0), made_case({"a": evil}, 0), seeds=range(3), suite=evil
    )
    found = [
        made_record(plan, case, seed, metrics={"test_accuracy": 0.5 + case / 4 + seed / 100})
        for case in (0, 1)
        for seed in range(3)
    ]
    laid(tmp_path / "results", plan, found, command=[evil], environment={"cpu": evil})

    pages = (
        ("--format", "table"),
        ("--effects", "--format", "latex"),
        ("--pivot", "a", "--format", "latex"),
        ("--format", "csv"),
    )
    for given in pages:
        ended = bench("show", *given)
        assert (ended.code, ended.err) == (0, "")
        assert all(each.isprintable() for each in ended.out.split("\n"))
        assert "latex" not in given or r"\input{" not in ended.out

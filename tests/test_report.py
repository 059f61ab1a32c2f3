"""Pictures and pages of runs that tests make: numbers first, then what is drawn of them."""

from __future__ import annotations

import re
import sys
import warnings
import xml.etree.ElementTree as Tree
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made import made_case, made_plan, made_record, made_run

from harness.errors import BenchError, UnknownName
from harness.numbers.metrics import MEANINGS
from harness.records.planned import Case, Expectation, Plan
from harness.records.record import Record
from harness.records.store import StoredRun
from harness.report import draw
from harness.report.arms import COLOURS, INK, arm_of, together
from harness.report.changes import differences, factor_effects
from harness.report.curves import curves
from harness.report.document import report_page
from harness.report.frontier import frontier
from harness.report.kinds import KINDS, pictures
from harness.report.layers import gradients, shapes
from harness.report.markup import Html, tag
from harness.report.panels import Dot, Line, Picture, Span, Strip, Told, measure_of, value_axis
from harness.report.shown import Shown, shortened, shown_of
from harness.report.splits import memory_parts, memory_split, time_parts, time_split
from harness.report.strips import in_parts, strips
from harness.report.svg import inline_svg

LEVELS = ({"init": "zeros"}, {"init": "xavier"}, {"init": "wild"})
SPEED = {"train_samples_per_s": 20_000.0, "data_wait_share": 0.25, "wall_s": 4.0}
PARTS = {
    "parameter_bytes": 1024,
    "gradient_bytes": 1024,
    "optimizer_state_bytes": 2048,
    "activation_bytes": 512,
}


def stored(plan: Plan, records: Sequence[Record], **more: Any) -> StoredRun:
    """Make a run as it would be read."""
    run = made_run(plan, id="20261121T101500Z-3f2a", **more)
    return StoredRun(folder=Path("results/init/run"), run=run, records=tuple(records))


def shown(plan: Plan, records: Sequence[Record]) -> Shown:
    return shown_of(stored(plan, records))


def test_a_case_is_called_by_the_levels_that_tell_it_from_the_others() -> None:
    plan = made_plan(
        made_case({"model": "mlp", "optimizer": "sgd"}),
        made_case({"model": "cnn", "optimizer": "sgd"}),
    )

    assert shown(plan, []).label(1) == "2 cnn"
    assert (
        shown(
            made_plan(
                made_case({"lr": 1, "init": "a"}),
                made_case({"lr": 1, "init": "b"}),
                made_case({"lr": 2, "init": "a"}),
            ),
            [],
        ).label(1)
        == "2 1 b"
    )


def three_cases(*settings: dict[str, Any]) -> tuple[Case, ...]:
    return tuple(made_case(each, baseline=0, epochs=3) for each in LEVELS)


def record(plan: Plan, case: int, seed: int, accuracy: float, **more: Any) -> Record:
    """Make a trial that learned up to an accuracy in three epochs."""
    curve = [accuracy - 0.2, accuracy - 0.1, accuracy]
    figures = {"test_accuracy": accuracy, "host_peak_bytes": 1_000_000 * (case + 1)}
    return made_record(
        plan,
        case,
        seed,
        metrics={**figures, **SPEED, **PARTS, **more},
        curves={"train_loss": [2.0, 1.0, 0.5], "train_accuracy": curve, "test_accuracy": curve},
        sizes={"train": 20_000},
    )


@pytest.fixture(scope="module")
def run() -> StoredRun:
    """A run of which one case learns, one does less, and one diverges, once in the second epoch."""
    plan = made_plan(
        *three_cases(),
        expectations=[
            Expectation(
                text="test_accuracy of xavier is high", cases=(1,), metric="test_accuracy", min=0.8
            )
        ],
    )
    wild = {"curves": {"train_loss": [3.0, 9.0, None]}, "reason": "loss is nan in epoch 3, step 1"}
    found = [record(plan, 0, seed, 0.5 + 0.01 * seed) for seed in plan.seeds]
    found += [record(plan, 1, seed, 0.9 + 0.01 * seed) for seed in plan.seeds]
    found += [
        made_record(plan, 2, 0, "diverged", **wild),
        made_record(plan, 2, 1, "timeout", reason="killed after 600 s"),
    ]
    return stored(plan, found, command=["run", "--suite", "init"], environment={"torch": "2.15.0"})


@pytest.fixture(scope="module")
def made(run: StoredRun) -> Shown:
    return shown_of(run)


def test_a_curve_is_the_mean_of_the_seeds_in_a_band_from_the_lowest_to_the_highest(
    made: Shown,
) -> None:
    [picture] = curves(made)

    assert [each.title for each in picture.panels] == [
        "train_loss",
        "train_accuracy",
        "test_accuracy",
    ]
    line = picture.panels[2].marks[1]
    assert isinstance(line, Line)
    assert (line.arm, line.x) == (1, (1.0, 2.0, 3.0))
    assert line.y == pytest.approx((0.71, 0.81, 0.91))
    assert line.band is not None
    assert line.band[0] == pytest.approx((0.7, 0.8, 0.9))
    assert line.band[1] == pytest.approx((0.72, 0.82, 0.92))
    assert picture.said[0] == "line: mean, band: lowest to highest of n = 3 seeds"


def test_a_curve_that_diverged_ends_where_it_ended_and_is_in_no_mean(made: Shown) -> None:
    [picture] = curves(made)

    lines = [each for each in picture.panels[0].marks if isinstance(each, Line) and each.arm == 2]
    assert lines == [Line(arm=2, x=(1.0, 2.0), y=(3.0, 9.0), ended="diverged")]
    assert picture.said[1:] == (
        "thin line with a cross: a trial that broke off there; it is in no mean",
        "3 wild: diverged 1 of 3, timeout 1 of 3, not run 1 of 3",
    )


def test_a_case_that_never_ended_an_epoch_is_said_to_have_no_curve() -> None:
    plan = made_plan(*three_cases()[:2], seeds=[0])

    [picture] = curves(shown(plan, [record(plan, 0, 0, 0.5), made_record(plan, 1, 0, "timeout")]))

    assert picture.said[-1] == "2 xavier: timeout 1 of 1; no curve"


def test_a_curve_without_any_value_is_not_drawn_but_the_next_that_there_is() -> None:
    plan = made_plan(made_case({"init": "zeros"}), seeds=[0])
    missing: list[float | None] = [None, None]
    found = {"train_loss": [2.0, 1.0], "test_loss": [2.5, 1.5]}
    nothing = {"train_accuracy": missing, "test_accuracy": missing}

    [picture] = curves(shown(plan, [made_record(plan, 0, 0, curves={**found, **nothing})]))

    assert [each.title for each in picture.panels] == ["train_loss", "test_loss"]


def test_the_curve_of_a_seed_with_folds_is_the_mean_of_its_folds() -> None:
    plan = made_plan(made_case({"init": "zeros"}), seeds=[0], folds=[0, 1])
    found = [
        made_record(plan, 0, 0, fold=fold, curves={"train_loss": [2.0 + fold, 1.0]})
        for fold in (0, 1)
    ]

    [picture] = curves(shown(plan, found))

    assert picture.panels[0].marks == (Line(arm=0, x=(1.0, 2.0), y=(2.5, 1.0)),)
    assert picture.said == (
        "line: mean, band: lowest to highest of n = 1 seed, each the mean of 2 folds",
    )


def test_the_frontier_is_of_those_that_no_other_is_as_good_as_in_all(made: Shown) -> None:
    [picture] = frontier(made)

    dots = [each for each in picture.panels[1].marks if isinstance(each, Dot)]
    assert [(each.arm, each.ringed) for each in dots] == [(0, True), (1, True)]
    assert picture.panels[0].x.label == "train_samples_per_s, k/s; higher is better (from 0)"
    assert picture.panels[0].x.low == 0.0
    assert picture.panels[1].x.label == "memory, MiB; lower is better (from 0)"
    assert picture.said[-1] == (
        "not shown, no figure: 3 wild (diverged 1 of 3, timeout 1 of 3, not run 1 of 3)"
    )


def test_a_case_that_is_worse_in_one_and_better_in_none_is_off_the_frontier() -> None:
    plan = made_plan(*three_cases()[:2], seeds=[0])

    [picture] = frontier(shown(plan, [record(plan, 0, 0, 0.9), record(plan, 1, 0, 0.9)]))

    dots = [each for each in picture.panels[0].marks if isinstance(each, Dot)]
    assert [each.ringed for each in dots] == [True, False]  # the second takes more memory


def test_a_strip_has_every_seed_and_a_row_without_a_figure_says_why(made: Shown) -> None:
    [picture] = strips(made)

    first, second, third = picture.panels[0].marks
    assert isinstance(first, Strip)
    assert first.values == (0.5, 0.51, 0.52)
    assert isinstance(second, Strip)
    assert third == Told(row=2, text="diverged 1 of 3, timeout 1 of 3, not run 1 of 3")
    assert picture.panels[0].rows == ("1 zeros", "2 xavier", "3 wild")
    assert picture.said[0] == "dot: a seed (n = 3 seeds), line: their mean"


def test_a_difference_is_that_of_the_table_with_its_word(made: Shown) -> None:
    [picture] = differences(made)

    span, told = picture.panels[0].marks
    judged = made.judged[1, "test_accuracy"]
    assert isinstance(span, Span)
    assert judged.difference is not None
    assert (span.middle, span.word) == (100 * judged.difference, "better")
    assert picture.panels[0].margin == 1.0
    assert picture.panels[0].x.label == "difference of test_accuracy, points; higher is better"
    assert told == Told(row=1, text="diverged 1 of 3, timeout 1 of 3, not run 1 of 3")
    assert picture.said[0] == "n = 3 pairs of seeds, unless the table says otherwise"


def test_an_interval_that_is_far_wider_than_the_differences_is_cut_and_marked() -> None:
    plan = made_plan(*three_cases()[:2], seeds=[0, 1])
    found = [record(plan, 0, seed, 0.5) for seed in (0, 1)]
    found += [record(plan, 1, seed, 0.5 + 0.1 * seed) for seed in (0, 1)]

    [picture] = differences(shown(plan, found))

    [span] = picture.panels[0].marks
    assert isinstance(span, Span)
    assert span.interval is not None
    assert span.goes_on == (True, True)
    assert span.interval == (picture.panels[0].x.low, picture.panels[0].x.high)
    assert picture.said[-1] == "arrow: the interval goes on beyond the axis"


def test_effects_are_drawn_of_a_full_product_and_else_it_is_said_why_not() -> None:
    levels = [{"init": i, "act": a} for i in ("zeros", "xavier") for a in ("relu", "tanh")]
    plan = made_plan(*(made_case(each, baseline=0) for each in levels))
    found = [
        record(plan, case, seed, 0.5 + 0.1 * case + 0.01 * seed)
        for case in range(4)
        for seed in plan.seeds
    ]

    [picture] = factor_effects(shown(plan, found))

    assert picture.panels[0].rows == (
        "main init=xavier",
        "main act=tanh",
        "init=xavier x act=tanh",
    )
    middles = [each.middle for each in picture.panels[0].marks if isinstance(each, Span)]
    assert middles == pytest.approx([20.0, 10.0, 0.0])
    odd = made_plan(*(made_case(each, baseline=0) for each in levels[:3]))
    with pytest.raises(BenchError, match="the cases form no full product"):
        factor_effects(shown(odd, []))


def test_memory_is_split_into_what_was_counted_and_time_into_what_the_records_have(
    made: Shown,
) -> None:
    trial = made.trials[0][0].record
    assert trial is not None

    assert memory_parts(trial) == (1024, 1024, 2048, 512)
    assert time_parts(trial) == (0.75, 2.25, 1.0)  # 3 epochs of 20,000 samples at 20,000 a second
    [memory], [time] = memory_split(made), time_split(made)
    assert memory.parts == ("parameters", "gradients", "optimizer state", "activations")
    assert memory.panels[0].x.label == "bytes kept, KiB; lower is better (from 0)"
    assert time.parts == ("waiting for data", "stepping", "evaluating, starting and measuring")
    assert time.said[0] == "mean of n = 3 trials; the range is not shown"


def test_time_that_timed_s_adds_counts_as_stepping_and_no_part_is_below_nothing() -> None:
    plan = made_plan(made_case({}, epochs=1, timed_s=3.0), seeds=[0])
    added = record(plan, 0, 0, 0.9)
    plan = made_plan(made_case({}, epochs=100), seeds=[0])
    long = record(plan, 0, 0, 0.9)

    assert time_parts(added) == (0.75, 2.25, 1.0)
    assert time_parts(long) == (1.0, 3.0, 0.0)


def test_gradients_stand_in_the_order_of_the_layers_on_a_logarithmic_axis() -> None:
    plan = made_plan(made_case({"init": "zeros"}))
    norms = {f"gradient_norm/hidden{each}": 10.0**-each for each in (1, 2, 10)}
    found = [made_record(plan, 0, seed, metrics=norms) for seed in plan.seeds]

    [picture] = gradients(shown(plan, found))

    assert picture.panels[0].ticks == ("hidden1", "hidden2", "hidden10")
    assert picture.panels[0].y.label == "norm of the gradient, no unit (logarithmic)"
    assert picture.panels[0].y.scale == "log"
    [line] = picture.panels[0].marks
    assert isinstance(line, Line)
    assert line.y == pytest.approx((0.1, 0.01, 1e-10))


def test_a_function_that_was_tabulated_is_drawn_with_its_derivative() -> None:
    plan = made_plan(made_case({"model.activation": "relu"}), seeds=[0])
    series = {"x": [1.0, -1.0], "value": [1.0, 0.0], "derivative": [1.0, 0.0]}

    [picture] = shapes(shown(plan, [made_record(plan, 0, 0, curves=series)]))

    assert [each.marks for each in picture.panels] == [
        (Line(arm=0, x=(-1.0, 1.0), y=(0.0, 1.0)),),
        (Line(arm=0, x=(-1.0, 1.0), y=(0.0, 1.0)),),
    ]


def test_an_axis_starts_at_zero_or_is_logarithmic_and_says_so() -> None:
    measure = measure_of(MEANINGS["train_samples_per_s"], [2e6], None)

    assert measure.of(2e6) == 2.0
    near, wide = value_axis(measure, [1.0, 2.0], zero=True), value_axis(measure, [1, 99], zero=True)
    assert (near.label, near.low, near.scale) == (
        "train_samples_per_s, M/s; higher is better (from 0)",
        0.0,
        "linear",
    )
    assert (wide.label, wide.low, wide.scale) == (
        "train_samples_per_s, M/s; higher is better (logarithmic)",
        None,
        "log",
    )


def test_an_arm_looks_the_same_everywhere_and_no_two_of_24_look_alike() -> None:
    arms = [arm_of(case) for case in range(24)]

    assert len({(each.colour, each.dash) for each in arms}) == 24
    assert {each.colour for each in arms[:6]} == set(COLOURS)
    assert (together(60), together(61)) == (6, 12)


def test_many_cases_are_cut_into_parts_of_about_one_length() -> None:
    assert [list(each) for each in in_parts(7, 3)] == [[0, 1], [2, 3], [4, 5, 6]]
    assert in_parts(0) == []


def test_a_long_level_is_cut_in_the_middle() -> None:
    assert shortened("short") == "short"
    assert shortened("a" * 50 + "end", 11) == "aaaaa…aaend"


def test_an_unknown_kind_is_told_with_those_there_are(made: Shown) -> None:
    with pytest.raises(UnknownName) as error:
        pictures(made, "curve")

    assert str(error.value) == (
        "unknown kind of picture 'curve': did you mean 'curves'? (known: activations, curves,"
        " differences, effects, frontier, gradients, memory, strips, time)"
    )


def test_a_run_that_lacks_what_a_kind_needs_says_so(made: Shown) -> None:
    with pytest.raises(BenchError) as error:
        pictures(made, "gradients")

    assert str(error.value) == (
        "run 20261121T101500Z-3f2a has no picture gradients: no trial has gradient_norm:"
        " metrics=gradient_norm measures it"
    )


@pytest.mark.parametrize(
    ("kind", "lacking"),
    [
        ("curves", "no trial has a curve by epoch"),
        ("frontier", "no case has a figure of learning"),
        ("differences", "no case has a figure to compare with that of a baseline"),
        ("effects", "no effect has a figure"),
        ("strips", "no case has a figure"),
        (
            "memory",
            "no trial has figures of parameters, gradients, optimizer state, activations",
        ),
        (
            "time",
            "no trial has figures of waiting for data, stepping, evaluating, starting and"
            " measuring",
        ),
        ("gradients", "no trial has gradient_norm: metrics=gradient_norm measures it"),
        ("activations", "no trial has tabulated a function: procedure=tabulate does"),
    ],
)
def test_a_run_without_a_figure_has_no_picture(kind: str, lacking: str) -> None:
    with pytest.raises(BenchError) as error:
        KINDS[kind].make(shown(made_plan(*three_cases()), []))

    assert str(error.value) == lacking


def test_every_picture_says_n_and_tells_what_it_shows(made: Shown) -> None:
    found = [picture for kind in KINDS for picture in _all(made, kind)]

    assert {each.kind for each in found} == set(KINDS) - {"gradients", "activations"}
    assert [
        each.kind
        for each in found
        if not any("n = " in line or "seed" in line for line in each.said)
    ] == []
    assert [each.kind for each in found if len(each.alt) < 40] == []


def _all(made: Shown, kind: str) -> list[Picture]:
    try:
        return KINDS[kind].make(made)
    except BenchError:
        return []


def test_an_svg_has_the_page_s_colour_of_text_and_ids_of_its_own(made: Shown) -> None:
    panel = curves(made)[0].panels[0]

    svg = inline_svg(panel, "r1-", 'train_loss "falls" <fast>')

    root = Tree.fromstring(svg)
    assert (root.get("role"), root.get("aria-label")) == ("img", 'train_loss "falls" <fast>')
    assert INK not in svg
    assert "currentColor" in svg
    ids = [each.get("id") or "" for each in root.iter() if each.get("id")]
    assert ids
    assert all(each.startswith("r1-") for each in ids)
    used = re.findall(r'(?:href="|url\()#([^")]+)', svg)
    assert set(used) <= set(ids)
    assert {COLOURS[0].lower(), COLOURS[1].lower(), COLOURS[2].lower()} <= set(
        re.findall(r"#[0-9a-f]{6}", svg)
    )


@pytest.mark.parametrize("suffix", draw.SUFFIXES)
def test_a_picture_is_written_with_legend_and_notes(
    made: Shown, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"curves.{suffix}"

    draw.save(draw.picture_figure(curves(made)[0], made.label), path, suffix)

    begins = {"svg": b"<?xml", "pdf": b"%PDF-", "png": b"\x89PNG"}
    assert path.read_bytes().startswith(begins[suffix])
    if suffix == "svg":
        texts = [each.text for each in Tree.parse(path).iter() if each.tag.endswith("}text")]
        assert "2 xavier" in texts
        assert "line: mean, band: lowest to highest of n = 3 seeds" in texts


def test_an_unknown_suffix_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownName) as error:
        draw.checked_suffix(Path("curves.jpeg"))

    assert str(error.value) == ("unknown suffix of a picture 'jpeg' (known: pdf, png, svg)")


def test_without_matplotlib_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    with pytest.raises(BenchError) as error:
        report_page([])

    assert str(error.value) == (
        "pictures need matplotlib, which is not installed: pip install 'bench-harness[plots]'"
    )


class Reader(HTMLParser):
    """Reads a page: which elements it has, their attributes, its texts, and what stays open."""

    void = frozenset({"meta", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def page(run: StoredRun) -> Reader:
    return Reader(report_page([run]))


def test_a_page_has_answer_table_expectations_pictures_and_how_to_run_it_again(
    page: Reader,
) -> None:
    text = " ".join(page.texts)

    heads = [each for each in page.texts if each in {"Answer", "Cases", "Expectations", "Learning"}]
    assert heads == ["Answer", "Cases", "Expectations", "Learning"]
    assert "xavier instead of zeros (init): test_accuracy better by 40 points" in text
    assert "test_accuracy of xavier is high: holds" in page.texts
    assert "0.910 ±0.010 (3)" in page.texts
    assert (
        "diverged 1, timeout 1, not run 1; diverged: loss is nan in epoch 3, step 1;"
        " timeout: killed after 600 s" in page.texts
    )
    assert "bench run --suite init" in page.texts
    assert "torch: 2.15.0" in page.texts
    assert page.open == []


def test_a_page_is_sorted_by_buttons_and_its_pictures_have_texts(page: Reader) -> None:
    heads = [given for name, given in page.elements if name == "th"]
    drawn = [given for name, given in page.elements if name == "svg" and given.get("role")]
    hidden = [given for name, given in page.elements if name == "svg" and not given.get("role")]

    assert [each["aria-sort"] for each in heads] == ["ascending"] + ["none"] * (len(heads) - 1)
    assert len(drawn) == 3 + 2 + 3 + 3 + 3 + 1 + 1
    assert [each for each in drawn if len(each["aria-label"] or "") < 20] == []
    assert all(each["aria-hidden"] == "true" for each in hidden)


def test_a_page_asks_the_network_for_nothing(page: Reader) -> None:
    reaching = [
        (name, key, value)
        for name, given in page.elements
        for key, value in given.items()
        if key in {"src", "href", "xlink:href", "action"} and not (value or "").startswith("#")
    ]
    meta = [given for name, given in page.elements if name == "meta"]

    assert reaching == []
    assert meta[2] == {
        "http-equiv": "Content-Security-Policy",
        "content": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
    }


def test_no_two_elements_of_a_page_of_several_runs_have_one_id(run: StoredRun) -> None:
    page = Reader(report_page([run, run]))

    ids = [given["id"] for _, given in page.elements if given.get("id")]
    assert len(set(ids)) == len(ids)
    assert {"r1-run", "r2-run"} <= set(ids)
    assert [g["href"] for name, g in page.elements if name == "a"] == ["#r1-run", "#r2-run"]


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></script><b>",
    "$x_1^{2}$ & #010203",
    "\x1b[31mred\x07",
    "\u202egnp.exe",
    "שלום עולם",
    "x" * 10_000,
)


def test_hostile_names_in_settings_and_errors_stay_text() -> None:
    cases = [made_case({"init": each, 'a"><b>': each}, baseline=0) for each in HOSTILE]
    plan = made_plan(
        *cases,
        seeds=[0, 1],
        suite=HOSTILE[0],
        expectations=[Expectation(text=HOSTILE[1], cases=(0,), metric="test_accuracy", min=0.1)],
    )
    found = [record(plan, case, seed, 0.5) for case in range(6) for seed in (0, 1)]
    found += [made_record(plan, 6, 0, "error", reason=each) for each in HOSTILE]
    run = stored(
        plan, found, command=["run", *HOSTILE], environment=dict.fromkeys(HOSTILE, HOSTILE[0])
    )

    page = report_page([run])

    read = Reader(page)
    assert read.open == []
    assert {name for name, _ in read.elements} <= KNOWN
    assert [key for _, given in read.elements for key in given if key.startswith("on")] == []
    assert [code for code in ("\x1b", "\x07", "\u202e") if code in page] == []
    assert HOSTILE[0] in read.texts
    assert "שלום עולם" in " ".join(read.texts)
    assert HOSTILE[-1] in next(each for each in read.texts if each.startswith("bench run"))


KNOWN = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "section",
        "script",
        "h1",
        "h2",
        "h3",
        "p",
        "ul",
        "li",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "button",
        "figure",
        "figcaption",
        "svg",
        "path",
        "g",
        "defs",
        "use",
        "text",
        "clippath",
        "rect",
        "pattern",
        "pre",
        "code",
        "span",
        "nav",
        "a",
        "details",
        "summary",
        "image",
    ]
)


def test_hostile_names_are_drawn_as_they_are_without_a_warning(tmp_path: Path) -> None:
    plan = made_plan(*(made_case({"init": each}, baseline=0) for each in HOSTILE), seeds=[0, 1])
    found = [record(plan, case, seed, 0.5) for case in range(len(HOSTILE)) for seed in (0, 1)]
    made = shown(plan, found)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for suffix in ("svg", "png"):
            figure = draw.picture_figure(strips(made)[0], made.label)
            draw.save(figure, tmp_path / f"hostile.{suffix}", suffix)

    assert "$x_1^{2}$" in (tmp_path / "hostile.svg").read_text()


def test_texts_are_escaped_and_markup_is_not() -> None:
    assert tag("p", "a < b & c", Html("<br>"), title='"x"', hidden=None) == (
        '<p title="&quot;x&quot;">a &lt; b &amp; c<br></p>'
    )
    assert tag("p", "x" * 5000) == f"<p>{'x' * 1997}...</p>"

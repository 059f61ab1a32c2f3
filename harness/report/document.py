"""Put a page together: one HTML file that needs nothing else, a section a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources

from harness.errors import BenchError
from harness.judging.expectations import expectations
from harness.records.store import StoredRun, no_collection
from harness.report.arms import PARTS
from harness.report.draw import check_drawing
from harness.report.kinds import KINDS
from harness.report.markup import Html, tag, together, whole
from harness.report.panels import Panel, Picture
from harness.report.shown import Shown, shown_of
from harness.report.svg import inline_svg
from harness.report.table import cases_table, swatch
from harness.showing.explained import explanations
from harness.showing.header import command_text, header_lines
from harness.showing.sentences import sentences
from harness.units import one_line

_OPEN = 4
"""Pictures of a kind that are seen at once; more are folded away, and opened by a click."""

_HEADINGS = {
    "curves": "Learning",
    "frontier": "What it costs",
    "differences": "What changed",
    "effects": "Effects of the factors",
    "strips": "Seeds",
    "memory": "Memory",
    "time": "Time",
    "gradients": "Gradients",
    "activations": "Activation functions",
}


@no_collection()
def report_page(runs: Sequence[StoredRun]) -> str:
    """Make the page of some runs.

    Raises:
        BenchError: matplotlib is not installed.
    """
    check_drawing()
    shown = [shown_of(each) for each in runs]
    title = f"{shown[0].plan.suite} {shown[0].stored.run.id}" if len(shown) == 1 else "runs"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", f"bench report: {title}"),
        tag("style", Html(_asset("page.css"))),
    )
    body = tag(
        "body",
        _contents(shown) if len(shown) > 1 else None,
        tag("main", *(_section(each, f"r{place}-") for place, each in enumerate(shown, start=1))),
        tag("script", Html(_asset("page.js"))),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""What the page may load: nothing; a name that became markup after all could not reach out."""


def _asset(name: str) -> str:
    return resources.files("harness.report").joinpath(name).read_text("utf-8")


def _contents(shown: Sequence[Shown]) -> Html:
    links = [
        tag("li", tag("a", f"{each.plan.suite} {each.stored.run.id}", href=f"#r{place}-run"))
        for place, each in enumerate(shown, start=1)
    ]
    return tag("nav", tag("h1", f"{len(shown)} runs"), tag("ul", *links), aria_label="runs")


def _section(shown: Shown, prefix: str) -> Html:
    plan = shown.plan
    return tag(
        "section",
        tag("h1", one_line(plan.suite, 200)),
        tag("p", plan.summary, class_="question") if plan.summary else None,
        *(tag("p", each, class_="about") for each in header_lines(shown.stored)),
        *(tag("p", f"note: {each}", class_="about") for each in _notes(shown)),
        *_answer(shown),
        tag("h2", "Cases"),
        cases_table(shown),
        *_expected(shown),
        *_pictures(shown, prefix),
        *_again(shown, prefix),
        id=f"{prefix}run",
    )


def _notes(shown: Shown) -> tuple[str, ...]:
    return (*shown.plan.notes, *shown.stored.notes)


def _answer(shown: Shown) -> Iterator[Html]:
    said = sentences(shown.plan, shown.rows, shown.judged, shown.names)
    why = explanations(shown.plan, shown.rows)
    if said or why:
        yield tag("h2", "Answer")
    if said:
        yield tag("ul", *(tag("li", each) for each in said), class_="answer")
    if why:
        yield tag("h3", "Why a case learned little")
        yield tag("ul", *(tag("li", each) for each in why))


def _expected(shown: Shown) -> Iterator[Html]:
    found = expectations(shown.plan, shown.rows, shown.stored.records)
    if not found:
        return
    holding = sum(each.outcome == "holds" for each in found)
    yield tag("h2", "Expectations")
    yield tag("p", f"{holding} of {len(found)} expectations of the suite hold", class_="about")
    items = [
        tag(
            "li",
            f"{each.text}: {each.outcome}" + (f" ({each.why})" if each.why else ""),
            class_=each.outcome,
        )
        for each in found
    ]
    yield tag("ul", *items)


def _pictures(shown: Shown, prefix: str) -> Iterator[Html]:
    """Draw every kind that the run has figures for; tell why not, of the others."""
    lacking = []
    for name, kind in KINDS.items():
        try:
            made = kind.make(shown)
        except BenchError as error:
            lacking.append(f"{name} ({kind.about}): {error}")
            continue
        yield tag("h2", _HEADINGS[name])
        drawn = [_figure(shown, e, f"{prefix}{name}{place}-") for place, e in enumerate(made)]
        yield together(*drawn[:_OPEN])
        if drawn[_OPEN:]:
            folded = tag("summary", f"{len(drawn) - _OPEN} more pictures of other cases")
            yield tag("details", folded, *drawn[_OPEN:])
    if lacking:
        yield tag("h2", "Not drawn")
        yield tag("ul", *(tag("li", each) for each in lacking), class_="note")


def _figure(shown: Shown, picture: Picture, prefix: str) -> Html:
    svgs = [
        Html(inline_svg(panel, f"{prefix}{place}", _told(picture, panel, place)))
        for place, panel in enumerate(picture.panels)
    ]
    names = [
        *(tag("li", swatch(case), shown.label(case)) for case in picture.arms),
        *(
            tag("li", tag("span", class_="patch", style=f"background:{PARTS[place]}"), part)
            for place, part in enumerate(picture.parts)
        ),
    ]
    return tag(
        "figure",
        tag("h3", picture.title),
        tag("div", *svgs, class_="panels"),
        tag("ul", *names, class_="legend") if names else None,
        tag("figcaption", *(tag("p", each) for each in picture.said)),
    )


def _told(picture: Picture, panel: Panel, place: int) -> str:
    """Say what a panel shows; the first of a picture tells its figures."""
    axes = ", ".join(each.label for each in (panel.y, panel.x) if each.label)
    told = f"{panel.title or picture.title}: {axes}."
    return told if place else f"{told} {picture.alt}"


def _again(shown: Shown, prefix: str) -> Iterator[Html]:
    run = shown.stored.run
    yield tag("h2", "Run it again")
    if run.command:
        yield from _copied(command_text(run.command), f"{prefix}command")
    yield tag("h3", "Environment")
    told = {**run.environment, **{f"source of {name}": said for name, said in run.sources.items()}}
    lines = [
        f"{one_line(name)}: {'-' if value is None else one_line(str(value))}"
        for name, value in told.items()
    ]
    lines += [f"plugin: {one_line(each)}" for each in run.plugins]
    yield from _copied("\n".join(lines), f"{prefix}environment")


def _copied(text: str, name: str) -> Iterator[Html]:
    """Show a text of lines that are safe to print, with a button that copies it."""
    lines = [whole(each) for each in text.split("\n")]
    yield tag("pre", tag("code", Html("\n".join(lines)), id=name), tabindex="0")
    yield tag("button", "copy", type="button", class_="copy", data_from=name)

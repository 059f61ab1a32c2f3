"""What a gate prints."""

from __future__ import annotations

import re
from typing import Any

from made import made_case, made_plan
from pairs import MIB, made_pair, made_stored, no_default, records_of

from harness.comparing.against import against
from harness.gating.decide import decide
from harness.gating.notice import regressions, render_gate

GOOD = [0.95, 0.94, 0.96, 0.95, 0.95]
BAD = [0.85, 0.83, 0.87, 0.86, 0.85]
FAST = [1000.0, 1010.0, 990.0, 1005.0, 995.0]
SLOW = [800.0, 805.0, 795.0, 802.0, 798.0]
BASE = {"test_accuracy": GOOD, "train_samples_per_s": FAST, "host_peak_bytes": [100.0 * MIB] * 5}
HEAD = {"test_accuracy": BAD, "train_samples_per_s": SLOW, "host_peak_bytes": [105.0 * MIB] * 5}
ROWS = [
    ["model", "metric", "base", "head", "difference", "n", "could see", "verdict", "note"],
    ["mlp", "test_accuracy", "0.95", "0.95", "0 points", "5", "1 point",
     "same", "identical on all 5 seeds"],
    ["mlp", "train_samples_per_s", "1.00 k/s", "1.00 k/s", "0 %", "5", "-",
     "-", "a trend, not gated: not interleaved"],
    ["mlp", "host_peak_bytes", "100 MiB", "100 MiB", "0 %", "5", "1 %",
     "same", "identical on all 5 seeds"],
]  # fmt: skip


def test_a_gate_that_passes_says_what_it_could_have_seen() -> None:
    pair = made_pair(BASE, BASE)
    lines = render_gate(pair, decide(pair, form="stored")).splitlines()

    assert lines[0] == "gate: no regression; head init/head against base init/base"
    assert [re.split(r"  +", lines[place]) for place in (2, 4, 5, 6)] == ROWS
    assert lines[7:] == ["", "could see: the loss that this noise lets four of five gates see"]


def test_regressions_name_case_metric_size_interval_and_what_differs() -> None:
    pair = made_pair(BASE, HEAD, there={"torch": "2.16.0"})

    assert list(regressions(pair, decide(pair, form="stored"))) == [
        "regression: model=mlp: test_accuracy is lower by 9.8 points [8.8, 10.8], n = 5;"
        " differs: torch",
        "regression: model=mlp: host_peak_bytes is higher by 5.0 %, n = 5 (no spread);"
        " differs: torch",
    ]


def test_a_slowdown_tells_of_both_sets_of_rounds() -> None:
    first, second = (
        made_pair({"train_samples_per_s": FAST}, {"train_samples_per_s": SLOW}, interleaved=True)
        for _ in range(2)
    )
    found = decide(first, second, form="interleaved")

    [told] = regressions(first, found)
    lines = render_gate(first, found).splitlines()

    assert told.startswith("regression: model=mlp: train_samples_per_s is lower by 20.0")
    assert told.endswith(", n = 5 (slower in 5 rounds and in 5 fresh ones)")
    assert lines[0] == "gate: 1 regression; head init/head against base init/base"
    assert " worse " in lines[4]
    assert lines[-1] == (
        "throughput is worse where two sets of rounds, the second fresh, both say so"
    )


def test_failures_are_told_whether_they_are_regressions_or_not() -> None:
    base = {"test_accuracy": ["crashed", "crashed", *GOOD[2:]]}
    worse = made_pair({"test_accuracy": GOOD}, base)
    better = made_pair(base, {"test_accuracy": GOOD})

    assert list(regressions(worse, decide(worse, form="stored")))[-1] == (
        "regression: model=mlp: 2 of 5 seeds failed in the head, 0 in the base: crashed: no luck"
    )
    assert list(regressions(better, decide(better, form="stored"))) == []
    assert (
        "\nmodel=mlp: 0 of 5 seeds failed in the head, 2 in the base: crashed: no luck\n"
        in render_gate(better, decide(better, form="stored"))
    )


def test_a_case_of_its_own_is_not_named() -> None:
    plan = made_plan(made_case({}), seeds=range(5))
    runs = [
        made_stored(plan, records_of(plan, test_accuracy=each), name)
        for name, each in (("a", GOOD), ("b", BAD))
    ]
    pair = against(*runs, default_of=no_default)

    assert list(regressions(pair, decide(pair, form="stored"))) == [
        "regression: test_accuracy is lower by 9.8 points [8.8, 10.8], n = 5"
    ]


def test_markdown_has_a_heading_for_the_page_of_a_job() -> None:
    pair = made_pair(BASE, HEAD)
    lines = render_gate(pair, decide(pair, form="stored"), style="markdown").splitlines()

    assert lines[0] == "### gate: 2 regressions; head init/head against base init/base"
    assert lines[2].startswith("| model")
    assert lines[8].startswith("- regression: model=mlp: test")


def test_foreign_texts_are_escaped() -> None:
    reason: dict[str, Any] = {"reason": "\x1b[31mred\nline"}
    plan = made_plan(made_case({"model": "mlp"}), seeds=range(5))
    good = records_of(plan, test_accuracy=GOOD)
    bad = records_of(plan, test_accuracy=["error"] * 5, fields=reason)
    pair = against(made_stored(plan, good), made_stored(plan, bad), no_default)

    text = render_gate(pair, decide(pair, form="stored"))

    assert "\x1b" not in text
    assert r"error: \u001b[31mred\nline" in text

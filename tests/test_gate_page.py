"""docs/gate.md says what the commands take, and what they print."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from pairs import made_pair

from harness.cli.group import bench
from harness.cli.judge import compare, gate  # they add themselves to the group
from harness.gating.decide import LEARNING, decide
from harness.gating.decision import document as gate_document
from harness.numbers.gate import ALPHA, FEWEST_ROUNDS, ROUNDS, WINDOW_S
from harness.numbers.metrics import SPEED_MARGIN

PAGE = (Path(__file__).parents[1] / "docs/gate.md").read_text()
COMMANDS = {"compare": compare, "gate": gate}


def lines() -> list[str]:
    """Find the commands of the page, those that are broken over lines joined."""
    joined = PAGE.replace("\\\n", " ")
    return [each.strip() for each in joined.splitlines() if re.match(r"\s*(\S+/)?bench ", each)]


def known(command: click.Command) -> set[str]:
    return {name for each in (*command.params, *bench.params) for name in each.opts}


@pytest.mark.parametrize("line", lines())
def test_every_option_of_a_command_is_one(line: str) -> None:
    words = line.split(">>", maxsplit=1)[0].split()
    name = words[1]
    command = COMMANDS.get(name) or bench.commands[name]

    assert {each for each in words[2:] if each.startswith("-")} <= known(command)


def test_the_page_has_commands_of_both_kinds() -> None:
    assert {line.split()[1] for line in lines()} >= {"compare", "gate", "run"}


def test_every_option_of_a_gate_is_told() -> None:
    own = {name for each in gate.params for name in each.opts if name.startswith("--")}

    told = own - {"--file", "--results", "--data-root", "--plan-seed"}
    assert {each for each in told if f"{each}" not in PAGE} == set()


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    flat = " ".join(PAGE.split()).replace(" %", "%")
    rounds = f"({ROUNDS} unless `--rounds` says otherwise, {FEWEST_ROUNDS} at least)"
    margin = f"slower by more than the margin ({SPEED_MARGIN:.0%}"

    for told in (rounds, margin, f"a window of {WINDOW_S:g} s at least", f"has p up to {ALPHA}"):
        assert told in flat
    assert all(f"`{each}`" in flat for each in LEARNING)


def test_the_fields_of_the_document_are_told() -> None:
    pair = made_pair({"test_accuracy": [0.5] * 5}, {"test_accuracy": [0.5] * 5})
    found = gate_document(pair, decide(pair, form="stored"))

    for name in ("passed", "regressions", "gated", "failures", "differs", "only_in_base",
                 "only_in_head", "seeds"):  # fmt: skip
        assert name in found
        assert f"`{name}`" in PAGE

"""What is there: plugins, definitions, suites, runs: `bench plugins`, `list` and `describe`."""

from __future__ import annotations

import inspect
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from harness.errors import BenchError, UnknownName, same_name
from harness.numbers.metrics import MEANINGS, Meaning
from harness.planning.claim import claim_text
from harness.planning.resolve import PROTOCOL
from harness.plugin.options import Option, function_inside
from harness.plugin.registry import KINDS as SPECS
from harness.plugin.registry import PLURALS, Entry, Registry
from harness.records.runs import list_runs
from harness.showing.layout import Column, printed
from harness.suites.draft import draft, seed_range
from harness.suites.settings import level_of, text
from harness.suites.suite import Suite
from harness.units import one_line

KINDS = tuple(PLURALS)


def kind_of(word: str) -> str:
    """Find the kind that a word names, in the singular or plural; `runs` is one too.

    Raises:
        UnknownName: none is named so.
    """
    words = {same_name(plural): kind for kind, plural in PLURALS.items()}
    words |= {same_name(kind): kind for kind in PLURALS} | {"runs": "runs", "run": "runs"}
    if same_name(word) not in words:
        raise UnknownName("kind", word, [*PLURALS.values(), "runs"])
    return words[same_name(word)]


def rows(registry: Registry, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """List the definitions of some kinds: kind, name, plugin, package, version, what it is."""
    found = []
    for kind in kinds:
        for name in registry.names(kind):
            if kind == "suite":
                suite = registry.suite(name)
                plugin = registry.suite_plugins.get(same_name(name), suite.origin)
                origin = _origin(registry, plugin)
                found.append({"kind": kind, "name": name, **origin, "about": suite.summary})
            else:
                found.append(_row(registry.find(kind, name)))
        if kind == "metric":
            found += [_always_taken(meaning) for meaning in MEANINGS.values()]
    return found


def _always_taken(meaning: Meaning) -> dict[str, Any]:
    about = f"{meaning.about} Unit {meaning.unit}, {meaning.direction} is better."
    return {"kind": "metric", "name": meaning.name, "plugin": "always taken", "about": about}


def table(registry: Registry, kinds: Sequence[str], width: int | None) -> str:
    """Print the definitions of some kinds; what kind one is stands where there are several."""
    found = rows(registry, kinds)
    if not found:
        return "there are none"
    return _printed(
        {
            **({"kind": [each["kind"] for each in found]} if len(kinds) > 1 else {}),
            "name": [each["name"] for each in found],
            "what it is": [each["about"] for each in found],
            "plugin": [_origin_text(each) for each in found],
        },
        width,
    )


def plugin_rows(registry: Registry) -> list[dict[str, Any]]:
    """List the plugins, loaded or broken."""
    return [
        {
            "name": each.name,
            "named": each.named,
            "package": each.package,
            "version": each.version,
            "interface": each.interface,
            "definitions": _definitions(registry, each.name),
            "error": each.error,
        }
        for each in registry.plugins
    ]


def plugin_table(registry: Registry, width: int | None) -> str:
    """Print the plugins, loaded or broken."""
    found = plugin_rows(registry)
    return _printed(
        {
            "plugin": [each["name"] for each in found],
            "package": [each["package"] or each["named"] for each in found],
            "version": [each["version"] or "-" for each in found],
            "state": [
                f"broken: {each['error']}" if each["error"] else each["definitions"]
                for each in found
            ],
        },
        width,
    )


def run_rows(results: Path) -> list[dict[str, Any]]:
    """List the runs of a results folder, the oldest first."""
    return [
        {
            "suite": each.suite,
            "run": each.id,
            "created": each.created,
            "command": each.command,
            "planned": each.planned,
            "statuses": each.statuses,
            "path": str(each.path),
            "error": each.reason,
        }
        for each in list_runs(results)
    ]


def run_table(results: Path, width: int | None) -> str:
    """Print the runs of a results folder."""
    found = run_rows(results)
    if not found:
        return f"there are no runs in {one_line(str(results), 1000)}"
    return _printed(
        {
            "suite": [each["suite"] for each in found],
            "run": [each["run"] for each in found],
            "trials": [_trials_text(each) for each in found],
            "command": [shlex.join(each["command"]) for each in found],
        },
        width,
    )


def description(registry: Registry, name: str) -> dict[str, Any]:
    """Describe one definition; its options as a JSON schema.

    Raises:
        BenchError: nothing is called so, or several kinds have one.
    """
    word = _word(name)
    if word is not None:
        return {"schema": 1, **word}
    entry = _sought(registry, name)
    if isinstance(entry, Suite):
        return {
            "schema": 1,
            "kind": "suite",
            "name": entry.name,
            "plugin": entry.origin,
            **_suite(entry),
        }
    return {
        "schema": 1,
        **_row(entry),
        "about": _documentation(entry),
        "source": entry.source,
        "options": entry.schema.json(),
    }


def description_text(registry: Registry, name: str, width: int | None) -> str:
    """Print what a definition is, with its options, types and defaults.

    Raises:
        BenchError: nothing is called so, or several kinds have one.
    """
    word = _word(name)
    if word is not None:
        return f"{word['kind']} {word['name']}\n\n{word['about']}"
    entry = _sought(registry, name)
    if isinstance(entry, Suite):
        return _suite_text(entry, width)
    about = "\n".join(_lines(_documentation(entry)))
    origin = one_line(entry.plugin.origin)
    head = f"{entry.kind} {one_line(entry.name)}, of plugin {origin}\n\n{about}\n"
    options = list(entry.schema.options.values())
    if not options:
        return head + "\nno options"
    return f"{head}\n" + _printed(
        {
            "option": [each.name for each in options],
            "type": [type_text(each.type) for each in options],
            "default": [_default_text(each) for each in options],
        },
        width,
    )


def type_text(type_: Any) -> str:
    """Print a type with its bounds, and what it is for: `float, from 0, below 1: share of ...`."""
    about = "; ".join(_about(type_))
    return _type(type_) + (f": {about}" if about else "")


def _type(type_: Any) -> str:
    if hasattr(type_, "__metadata__"):
        bounds = [bound for each in type_.__metadata__ for bound in _bounds(each)]
        return ", ".join([_type(get_args(type_)[0]), *bounds])
    if get_origin(type_) is Literal:
        return " or ".join(
            text(level_of(each)) if not isinstance(each, str) else each for each in get_args(type_)
        )
    if type_ is type(None):
        return "none"
    if get_origin(type_) in (Union, UnionType):
        return " or ".join(_type(each) for each in get_args(type_))
    if get_origin(type_) is tuple:
        return "list of " + " and ".join(_type(each) for each in get_args(type_) if each != ...)
    return type_.__name__ if get_origin(type_) is None else str(type_)


def _about(type_: Any) -> list[str]:
    """Find what the parts of a type are for."""
    own = [getattr(each, "description", None) for each in getattr(type_, "__metadata__", ())]
    parts = () if get_origin(type_) is Literal else get_args(type_)
    return [*filter(None, own), *(found for each in parts for found in _about(each))]


def _bounds(meta: Any) -> list[str]:
    words = {"ge": "from", "gt": "above", "le": "up to", "lt": "below"}
    found = [
        f"{word} {getattr(meta, name)}"
        for name, word in words.items()
        if getattr(meta, name, None) is not None
    ]
    named = (getattr(meta, "extra", None) or {}).get("names")
    return [*found, *([f"name of an {named}"] if named else [])]


def _default_text(option: Option) -> str:
    return (
        "(needed)"
        if option.required
        else text(
            level_of(option.default) if not isinstance(option.default, str) else option.default
        )
    )


def _word(name: str) -> dict[str, Any] | None:
    """Describe a metric that is always taken, or a setting of the protocol."""
    meaning = MEANINGS.get(name.replace("-", "_"))
    if meaning is not None:
        return _always_taken(meaning)
    option = PROTOCOL.options.get(name.replace("-", "_"))
    if option is None:
        return None
    about = f"{type_text(option.type)}; default {_default_text(option)}"
    return {"kind": "setting", "name": option.name, "about": about}


def _sought(registry: Registry, name: str) -> Entry | Suite:
    kind, sign, rest = name.partition(":")
    kinds = (kind_of(kind),) if sign else KINDS
    wanted = rest if sign else name
    found: list[Entry | Suite] = [
        registry.suite(wanted) if each == "suite" else registry.find(each, wanted)
        for each in kinds
        if same_name(wanted) in map(same_name, registry.names(each))
    ]
    if not found:
        known = [each for kind in kinds for each in registry.names(kind)]
        what = kinds[0] if sign else "definition"
        raise UnknownName(what, wanted, known, registry.broken())
    if len(found) > 1:
        ways = " or ".join(
            f"{'suite' if isinstance(each, Suite) else each.kind}:{wanted}" for each in found
        )
        raise BenchError(f"{wanted!r} names several things: ask for {ways}")
    return found[0]


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "plugin": entry.plugin.name,
        "package": entry.plugin.package,
        "version": entry.plugin.version,
        "about": _documentation(entry).partition("\n")[0],
    }


def _origin(registry: Registry, name: str) -> dict[str, Any]:
    """Name a plugin with its package and version; a file's suites have neither."""
    for each in registry.plugins:
        if each.name == name:
            return {"plugin": name, "package": each.package, "version": each.version}
    return {"plugin": name, "package": None, "version": None}


def _origin_text(row: dict[str, Any]) -> str:
    known = " ".join(each for each in (row.get("package"), row.get("version")) if each)
    return f"{row['plugin']} ({known})" if known else str(row["plugin"])


def _documentation(entry: Entry) -> str:
    function = getattr(entry.definition, SPECS[entry.kind].functions[0][0])
    return inspect.getdoc(function_inside(function)) or ""


def _lines(text: str) -> list[str]:
    """Make a foreign text of several lines safe to print."""
    return [one_line(each, 1000) for each in text.split("\n")]


def _definitions(registry: Registry, plugin: str) -> str:
    owned = [kind for (kind, _), each in registry.entries.items() if each.plugin.name == plugin]
    owned += ["suite" for owner in registry.suite_plugins.values() if owner == plugin]
    counts = Counter(owned)
    told = [
        f"{counts[kind]} {plural if counts[kind] > 1 else kind}"
        for kind, plural in PLURALS.items()
        if counts[kind]
    ]
    return ", ".join(told) or "nothing"


def _suite(suite: Suite) -> dict[str, Any]:
    written = draft(suite)
    return {
        "about": suite.summary,
        "seeds": list(seed_range(suite.seeds)),
        "design": suite.design,
        "base": {address: text(level) for address, level in written.base.items()},
        "factors": {
            address: [text(each) for each in levels] for address, levels in written.factors.items()
        },
        "together": [
            {address: text(each) for address, each in row.items()} for row in written.together
        ],
        "baseline": None
        if written.baseline is None
        else {a: text(each) for a, each in written.baseline.items()},
        "expect": [claim_text(each) for each in written.expect],
    }


def _suite_text(suite: Suite, width: int | None) -> str:
    found = _suite(suite)
    factors = {address: ", ".join(levels) for address, levels in found["factors"].items()}
    for place, row in enumerate(found["together"]):
        factors[f"together {place + 1}"] = ", ".join(
            f"{address}={each}" for address, each in row.items()
        )
    about = "\n".join(_lines(suite.summary))
    head = f"suite {one_line(suite.name)}, of {one_line(suite.origin)}\n\n{about}\n"
    seeds = f"seeds {', '.join(map(str, found['seeds']))}; design {found['design']}"
    settings = _printed(
        {
            "address": [*found["base"], *factors],
            "is": ["base"] * len(found["base"]) + ["factor"] * len(factors),
            "level": [*found["base"].values(), *factors.values()],
        },
        width,
    )
    expected = "".join(f"\nexpected: {one_line(each, 1000)}" for each in found["expect"])
    return f"{head}\n{seeds}\n\n{settings}" + (f"\n{expected}" if expected else "")


def _trials_text(row: dict[str, Any]) -> str:
    if row["error"]:
        return f"unreadable: {row['error']}"
    done = sum(row["statuses"].values())
    statuses = ", ".join(f"{status} {count}" for status, count in row["statuses"].items())
    return f"{done} of {row['planned']}" + (f": {statuses}" if statuses else "")


def _printed(columns: dict[str, list[str]], width: int | None) -> str:
    return printed(
        [
            Column(header=header, cells=[one_line(cell, 300) for cell in cells], wraps=place > 0)
            for place, (header, cells) in enumerate(columns.items())
        ],
        width=width,
    )

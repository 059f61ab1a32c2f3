"""The language of addresses and levels."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LevelError
from harness.suites.settings import (
    DEEPEST,
    Globs,
    Level,
    Named,
    address_of,
    flat_table,
    join_name,
    level_of,
    parse_level,
    parse_levels,
    plain,
    root_of,
    split_name,
    text,
)

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
OPTIONS = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
NAMES = WORDS.filter(
    lambda word: (
        word.lower().replace("-", "_") not in {"true", "false", "none", "nan", "inf", "infinity"}
    )
)
ATOMS: st.SearchStrategy[Level] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT
)
LEVELS: st.SearchStrategy[Level] = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.builds(
            join_name,
            NAMES,
            st.dictionaries(OPTIONS, inner, min_size=1, max_size=3),
        )
        | st.dictionaries(ANY_TEXT, inner, max_size=3).map(lambda rows: Globs(tuple(rows.items())))
    ),
    max_leaves=8,
)


def refusal(source: str) -> str:
    with pytest.raises(LevelError) as caught:
        parse_level(source)
    return str(caught.value)


@given(LEVELS)
def test_the_canonical_text_of_a_level_parses_back_to_it(level: Level) -> None:
    back = parse_level(text(level))

    assert back == level
    assert text(back) == text(level)


@given(LEVELS)
def test_the_type_of_a_level_survives_its_text(level: Level) -> None:
    assert type(parse_level(text(level))) is type(level)


@given(st.lists(LEVELS, min_size=1, max_size=4))
def test_levels_are_separated_by_commas_outside_of_brackets(levels: list[Level]) -> None:
    assert parse_levels(",".join(map(text, levels))) == tuple(levels)


@given(st.text(max_size=30))
def test_a_text_is_a_level_or_a_mistake_of_the_user(source: str) -> None:
    try:
        level = parse_level(source)
    except LevelError:
        return
    assert parse_level(text(level)) == level


@given(LEVELS)
def test_a_plain_value_is_what_json_keeps(level: Level) -> None:
    def kept(value: Any) -> bool:
        if isinstance(value, tuple):
            return all(map(kept, value))
        return value is None or type(value) in {bool, int, float, str}

    assert kept(plain(level))


@given(NAMES, st.dictionaries(OPTIONS, ATOMS, max_size=3))
def test_splitting_undoes_joining_a_name(name: str, options: dict[str, Level]) -> None:
    assert split_name(join_name(name, options)) == (name, options)


@pytest.mark.parametrize(
    ("source", "level"),
    [
        ("mlp", "mlp"),
        (" mlp ", "mlp"),
        ("true", True),
        ("False", False),
        ("none", None),
        ("3", 3),
        ("-3", -3),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1.0", 1.0),
        ('"3"', "3"),
        ('"a,b"', "a,b"),
        ("[128,64]", (128, 64)),
        ("[]", ()),
        ("[[1],[]]", ((1,), ())),
        ("mlp[]", "mlp"),
        ("sgd[lr=0.1, momentum=0.9]", Named("sgd", (("lr", 0.1), ("momentum", 0.9)))),
        ("sgd[weight-decay=0]", Named("sgd", (("weight_decay", 0),))),
        ('{"*.weight"=normal}', Globs((("*.weight", "normal"),))),
        (
            "{0.*=normal[std=1],*=zeros}",
            Globs((("0.*", Named("normal", (("std", 1),))), ("*", "zeros"))),
        ),
    ],
)
def test_a_text_means_a_level(source: str, level: Level) -> None:
    found = parse_level(source)

    assert found == level
    assert type(found) is type(level)


def test_options_are_sorted_in_the_canonical_text() -> None:
    assert text(parse_level("sgd[momentum=0.9,lr=0.1]")) == "sgd[lr=0.1,momentum=0.9]"


def test_what_reads_as_something_else_is_quoted() -> None:
    assert [text(each) for each in ("true", "3", "nan", "a,b", "", "relu")] == [
        '"true"',
        '"3"',
        '"nan"',
        '"a,b"',
        '""',
        "relu",
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "a level is missing: write NAME, NAME[option=value] or a value"),
        ("  ", "a level is missing: write NAME, NAME[option=value] or a value"),
        ("a,b", "'a,b' is 2 levels where one is wanted; a list is written [a,b]"),
        ("a,", "'a,' is no level: a level is wanted where the end stands"),
        ("sgd[lr", "'sgd[lr' is no level: OPTION=LEVEL is wanted where the end stands"),
        ("sgd[lr=0.1", "'sgd[lr=0.1' is no level: ',' or ']' is wanted where the end stands"),
        ("sgd[=1]", "'sgd[=1]' is no level: OPTION=LEVEL is wanted where '=1]' stands"),
        ("sgd[lr=1,lr=2]", "'sgd[lr=1,lr=2]' is no level: 'lr' is given twice"),
        ("{=1}", "'{=1}' is no level: GLOB=LEVEL is wanted where '=1}' stands"),
        ("{a=1", "'{a=1' is no level: ',' or '}' is wanted where the end stands"),
        ("[1,2", "'[1,2' is no level: ',' or ']' is wanted where the end stands"),
        ("[1 2]", "'[1 2]' is no level: ',' or ']' is wanted where '2]' stands"),
        ("a]", "'a]' is no level: a comma or the end is wanted where ']' stands"),
        ("a b", "'a b' is no level: a comma or the end is wanted where 'b' stands"),
        ('"a', "'\"a' is no level: a level is wanted where '\"a' stands"),
        ('"\\x"', '\'"\\\\x"\' is no level: "\\x" is no string'),
        ("nan", "nan is no level: numbers must be finite"),
        ("-Infinity", "-Infinity is no level: numbers must be finite"),
        ("1e999", "1e999 is no level: numbers must be finite"),
        (
            "9223372036854775808",
            "9223372036854775808 is no level: whole numbers must fit in 64 bits",
        ),
    ],
)
def test_a_text_that_is_no_level_is_refused_with_what_would_work(source: str, message: str) -> None:
    assert refusal(source) == message


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("sgd[lr=0.1]", Named("sgd", (("lr", 0.1),))),
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ([128, 64], (128, 64)),
        ((1, ["a"]), (1, ("a",))),
        ({"*.weight": "normal[std=1]"}, Globs((("*.weight", Named("normal", (("std", 1),))),))),
    ],
)
def test_what_toml_hands_over_becomes_a_level(value: object, level: Level) -> None:
    assert level_of(value) == level


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "nan is no level: numbers must be finite"),
        (2**63, f"{2**63} is no level: whole numbers must fit in 64 bits"),
        ({1}, "{1} is no level: a set has no place in settings"),
    ],
)
def test_a_value_that_has_no_level_is_refused(value: object, message: str) -> None:
    with pytest.raises(LevelError) as caught:
        level_of(value)
    assert str(caught.value) == message


def test_only_names_can_be_taken_apart() -> None:
    assert split_name(None) == (None, {})
    assert split_name(3) is None
    assert split_name(("a",)) is None


def test_an_address_is_normalised() -> None:
    assert address_of(" optimizer.weight-decay ") == "optimizer.weight_decay"


@pytest.mark.parametrize("given_text", ["", "a.b.c", "1a", "a b", "model.", "a=b"])
def test_what_is_no_address_is_refused(given_text: str) -> None:
    with pytest.raises(LevelError) as caught:
        address_of(given_text)
    assert str(caught.value) == (
        f"{given_text!r} is no address: write NAME or NAME.OPTION, for example model.dropout"
    )


def test_the_root_of_an_address_is_its_first_part() -> None:
    assert (root_of("model.hidden"), root_of("model")) == ("model", "model")


def test_a_nested_table_means_addresses_and_one_under_init_means_globs() -> None:
    table = {"model": {"dropout": 0.1}, "init": {"*.weight": "normal"}, "optimizer.lr": 1}

    assert dict(flat_table(table)) == {
        "model.dropout": 0.1,
        "init": {"*.weight": "normal"},
        "optimizer.lr": 1,
    }


@pytest.mark.parametrize("outer", ["[{}]", "a[b={}]", "{{a={}}}"])
def test_levels_stand_in_each_other_up_to_a_depth(outer: str) -> None:
    deep = "x"
    for _ in range(DEEPEST):
        deep = outer.format(deep)

    assert text(parse_level(deep)) == deep
    for deeper in (outer.format(deep), "[" * 100_000):
        with pytest.raises(LevelError) as caught:
            parse_level(deeper)
        assert str(caught.value) == "a level is nested deeper than 32"


def test_lists_and_tables_of_python_stand_in_each_other_up_to_a_depth() -> None:
    deep: object = "x"
    for place in range(DEEPEST):
        deep = [deep] if place % 2 else {"a": deep}

    assert parse_level(text(level_of(deep))) == level_of(deep)
    with pytest.raises(LevelError, match=r"^a level is nested deeper than 32$"):
        level_of([deep])

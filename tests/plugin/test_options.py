"""The signature is the schema: what a signature may be, and what its options take."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from harness.errors import PluginError, SettingError
from harness.plugin.definitions import ActivationName
from harness.plugin.options import Option, Schema, convert, schema_of
from harness.suites.settings import Named, parse_level


def mlp(
    task: object,
    *,
    hidden: tuple[int, ...] = (256,),
    activation: ActivationName = "relu",
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0,
    norm: Literal["batch", "layer"] | None = None,
) -> None:
    """Build nothing."""


def needs(*, val: float) -> None:
    """Need an option."""


SCHEMA = schema_of("model mlp", {"build": (mlp, 1)})


def refused(function: Any, positional: int | None = 0) -> str:
    with pytest.raises(PluginError) as caught:
        schema_of("plugin 'p': model m", {"build": (function, positional)})
    return str(caught.value)


def wrong(level: str, type_: Any) -> str:
    with pytest.raises(SettingError) as caught:
        convert(parse_level(level), type_, "model.size", "model m")
    return str(caught.value)


def test_the_options_are_the_keyword_only_parameters_in_their_order() -> None:
    assert list(SCHEMA.options) == ["hidden", "activation", "dropout", "norm"]
    assert SCHEMA.options["hidden"].default == (256,)
    assert not SCHEMA.options["hidden"].required


def test_an_option_without_a_default_is_required() -> None:
    schema = schema_of("initializer constant", {"apply": (needs, 0)})

    assert schema.options["val"].required
    with pytest.raises(SettingError) as caught:
        schema.resolve({}, "init")
    assert str(caught.value) == ("initializer constant needs its option 'val': give init.val=VALUE")


def test_given_options_are_checked_and_defaults_filled_in() -> None:
    values = SCHEMA.resolve({"hidden": (8, 4), "dropout": 0}, "model")

    assert values == {"hidden": (8, 4), "activation": "relu", "dropout": 0.0, "norm": None}
    assert type(values["dropout"]) is float


def test_an_unknown_option_is_told_with_its_address_and_what_would_work() -> None:
    with pytest.raises(SettingError) as caught:
        SCHEMA.resolve({"dropuot": 0.5}, "model")

    assert str(caught.value) == (
        "model mlp has no option 'dropuot' (model.dropuot): did you mean 'dropout'?"
        " (known: activation, dropout, hidden, norm)"
    )


def test_a_value_out_of_range_is_refused() -> None:
    with pytest.raises(SettingError) as caught:
        SCHEMA.resolve({"dropout": 1.5}, "model")

    assert str(caught.value) == ("model.dropout=1.5 does not fit model mlp: expected `float` < 1.0")


def test_a_value_of_another_type_is_refused() -> None:
    assert wrong("[a]", tuple[int, ...]) == (
        "model.size=[a] does not fit model m: expected `int`, got `str`"
    )
    assert wrong("true", int) == "model.size=true does not fit model m: expected `int`, got `bool`"


def test_a_choice_is_told_with_the_nearest() -> None:
    choices = Literal["batch", "layer"]

    assert wrong("bach", choices) == (
        "model.size=bach does not fit model m: invalid enum value 'bach':"
        " did you mean 'batch'? (known: batch, layer)"
    )
    assert wrong("7", choices | None).endswith(" (known: batch, layer)")


def test_a_pattern_is_told_in_its_own_words() -> None:
    device = Annotated[str, Meta(pattern="^(cpu|cuda)$", description="cpu or cuda")]

    assert wrong("gpu", device) == "model.size=gpu does not fit model m: expected cpu or cuda"


def test_a_text_option_takes_what_looks_like_a_number_or_a_truth() -> None:
    assert convert(5, str, "model.word", "model m") == "5"
    assert convert(True, Annotated[str, Meta(min_length=1)], "model.word", "model m") == "true"


def test_a_name_with_options_is_the_text_of_an_option() -> None:
    level = Named("leaky_relu", (("negative_slope", 0.1),))

    assert SCHEMA.convert("activation", level, "model.activation") == (
        "leaky_relu[negative_slope=0.1]"
    )


def test_an_option_that_names_a_definition_says_of_which_kind() -> None:
    assert SCHEMA.options["activation"].names == "activation"
    assert SCHEMA.options["dropout"].names is None
    assert Option("x", int, 1).names is None


def test_resolved_values_become_arguments_of_the_annotated_types() -> None:
    assert SCHEMA.typed({"hidden": [8, 4], "activation": "relu", "dropout": 0, "norm": None}) == {
        "hidden": (8, 4),
        "activation": "relu",
        "dropout": 0.0,
        "norm": None,
    }


def test_the_options_have_a_json_schema() -> None:
    [(name, schema)] = SCHEMA.json()["$defs"].items()

    assert name == "model_mlp"
    assert schema["additionalProperties"] is False
    assert schema["properties"]["dropout"]["exclusiveMaximum"] == 1
    [(_, needed)] = schema_of("x y", {"apply": (needs, 0)}).json()["$defs"].items()
    assert needed["required"] == ["val"]


@given(st.lists(st.integers(0, 999), max_size=5), st.floats(0, 0.99))
def test_what_is_resolved_resolves_to_itself(hidden: list[int], dropout: float) -> None:
    values = SCHEMA.resolve({"hidden": tuple(hidden), "dropout": dropout}, "model")

    assert SCHEMA.resolve(values, "model") == values


def test_the_functions_of_a_definition_share_their_options() -> None:
    def accepts(task: object, *, dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0) -> None: ...

    schema = schema_of("model mlp", {"build": (mlp, 1), "accepts": (accepts, 1)})

    assert list(schema.options) == list(SCHEMA.options)


def test_where_functions_disagree_the_first_says_type_and_default() -> None:
    def accepts(task: object, *, dropout: float = 0.5) -> None: ...

    schema = schema_of("model mlp", {"build": (mlp, 1), "accepts": (accepts, 1)})

    assert schema.options["dropout"].default == 0.0


def no_annotation(*, size=3): ...  # type: ignore[no-untyped-def]  # what is tested


def unknown_annotation(*, size: Absent = 3) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def half_known_annotation(*, size: re.Absent = 3) -> None: ...  # type: ignore[name-defined]


def hides(**options: int) -> None: ...


def takes_anything(*tasks: int) -> None: ...


def by_position(size: int = 3) -> None: ...


def wanted_twice(task: int, other: int) -> None: ...


def list_default(*, size: list[int] = [3]) -> None: ...  # noqa: B006  # what is tested


def hidden_list(*, size: tuple[list[int], ...] = ([3],)) -> None: ...


def of_another_type(*, size: int = "3") -> None: ...  # type: ignore[assignment]


def out_of_bounds(*, size: Annotated[int, Meta(ge=1)] = 0) -> None: ...


def not_finite(*, size: float = float("inf")) -> None: ...


def named_as_a_setting(*, epochs: int = 3) -> None: ...


def odd_type(*, size: int | tuple[int] | list[int] = 3) -> None: ...


@pytest.mark.parametrize(
    ("function", "positional", "told"),
    [
        (
            no_annotation,
            0,
            "parameter 'size' has no annotation: the signature is the schema",
        ),
        (
            unknown_annotation,
            0,
            "the annotation of parameter 'size' cannot be read: name 'Absent' is not defined",
        ),
        (
            half_known_annotation,
            0,
            "the annotation of parameter 'size' cannot be read:"
            " module 're' has no attribute 'Absent'",
        ),
        (hides, 0, "parameter '**options' hides the options: name each of them"),
        (takes_anything, 0, "parameter '*tasks' takes anything: options are keyword-only"),
        (by_position, 0, "parameter 'size' is not keyword-only: options stand behind a '*'"),
        (wanted_twice, 1, "parameter 'other' is not keyword-only: options stand behind a '*'"),
        (
            list_default,
            0,
            "parameter 'size': the default [3] can be changed in place: use a tuple or None",
        ),
        (
            hidden_list,
            0,
            "parameter 'size': the default ([3],) can be changed in place: use a tuple or None",
        ),
        (
            of_another_type,
            0,
            "parameter 'size': the default '3' does not satisfy its annotation:"
            " Expected `int`, got `str`",
        ),
        (
            out_of_bounds,
            0,
            "parameter 'size': the default 0 does not satisfy its annotation: Expected `int` >= 1",
        ),
        (
            not_finite,
            0,
            "parameter 'size': the default inf is no level: numbers must be finite",
        ),
        (
            named_as_a_setting,
            0,
            "parameter 'epochs' has the name of a setting: options may not be called so",
        ),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_signature_that_is_no_schema_is_refused(
    function: Callable[..., None], positional: int, told: str
) -> None:
    assert refused(function, positional) == f"plugin 'p': model m: build: {told}"


def test_a_type_that_no_text_can_become_is_refused() -> None:
    assert refused(odd_type).startswith(
        "plugin 'p': model m: build: parameter 'size': int | tuple[int] | list[int]"
        " cannot be an option's type: "
    )


def test_what_is_no_function_is_refused() -> None:
    assert refused("mlp") == "plugin 'p': model m: build is 'mlp', which is no function"
    assert refused(iter) == "plugin 'p': model m: build has no signature that can be read"


def test_a_function_that_takes_less_than_it_is_given_is_refused() -> None:
    assert refused(needs, 2) == (
        "plugin 'p': model m: build takes 0 positional parameters where it is called with 2"
    )


def test_only_options_need_annotations() -> None:
    def build(task, *, size: int = 3): ...  # type: ignore[no-untyped-def]

    assert list(schema_of("model m", {"build": (build, 1)}).options) == ["size"]


def test_any_number_of_positional_parameters_is_fine_where_none_is_asked_for() -> None:
    assert schema_of("x", {"build": (wanted_twice, None)}).options == {}


class Built:
    """A class whose constructor is the function."""

    def __init__(self, *, size: Text = "s") -> None: ...


class Called:
    """An object that can be called; its annotations are texts here."""

    def __call__(self, *, size: Text = "s") -> None: ...


Text = str


@pytest.mark.parametrize(
    "function",
    [
        Built,
        Called(),
        Called().__call__,
        functools.partial(mlp, hidden=(3,)),
        functools.wraps(Called.__call__)(lambda *, size="s": None),
    ],
    ids=["class", "object", "method", "partial", "wrapped"],
)
def test_annotations_are_read_where_the_function_stands(function: Callable[..., None]) -> None:
    positional = 1 if isinstance(function, functools.partial) else None

    schema = schema_of("x", {"build": (function, positional)})

    assert schema.options
    assert all(each.type is not None for each in schema.options.values())


def test_a_partial_has_the_defaults_that_it_binds() -> None:
    schema = schema_of("x", {"build": (functools.partial(mlp, hidden=(3,)), 1)})

    assert schema.resolve({}, "model")["hidden"] == (3,)


def test_schemas_of_nothing_resolve_to_nothing() -> None:
    empty: Mapping[str, Option] = {}

    assert Schema("loss mse", empty).resolve({}, "loss") == {}
    assert SimpleNamespace(**Schema("loss mse", empty).typed({})) == SimpleNamespace()

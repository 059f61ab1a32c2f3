"""The fields of a definition are checked as it registers."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import PluginError
from harness.plugin.checking import checked_schema
from harness.plugin.definitions import Dataset, Loss, Metric, Model


def refused(kind: str, definition: Any, *functions: tuple[str, int]) -> str:
    with pytest.raises(PluginError) as caught:
        checked_schema(f"plugin 'p': {kind} x", kind, functions, definition)
    return str(caught.value)


def metric(**fields: Any) -> Metric:
    usual = {"unit": "1", "direction": "higher", "margin": 0.1, "measure": lambda trained: 1.0}
    return Metric("x", **{**usual, **fields})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"direction": "up"}, "direction='up': invalid enum value 'up'"),
        ({"unit": None}, "unit=None: expected `str`, got `null`"),
        ({"margin": -0.1}, "margin=-0.1: expected `float` >= 0.0"),
        ({"when": "never"}, "when='never': invalid enum value 'never'"),
        ({"scale": "log"}, "scale='log': invalid enum value 'log'"),
        ({"step": 0.0}, "step=0.0: expected `float` > 0.0"),
        ({"preload": "torch.fx"}, "preload='torch.fx': expected `array`, got `str`"),
    ],
)
def test_a_field_of_a_metric_that_means_nothing_is_refused(
    fields: dict[str, Any], told: str
) -> None:
    assert refused("metric", metric(**fields), ("measure", 1)) == f"plugin 'p': metric x: {told}"


@pytest.mark.parametrize("share", [0, 1, 25])
def test_a_held_out_part_is_a_share(share: float) -> None:
    data: Any = Dataset("x", lambda place: None, lambda: None, holdout=share)  # type: ignore[arg-type, return-value]

    assert refused("dataset", data, ("load", 1), ("task", 0)).startswith(
        f"plugin 'p': dataset x: holdout={share}: expected `float` "
    )


def test_fields_that_are_sound_pass_and_the_options_are_read() -> None:
    def measure(trained: object, *, power: float = 2.0) -> float:
        return power

    definition = metric(measure=measure, step=0.5, preload=("torch.fx",), scale="ratio")

    schema = checked_schema("plugin 'p': metric x", "metric", [("measure", 1)], definition)

    assert schema.owner == "metric x"
    assert list(schema.options) == ["power"]


def test_a_model_without_accepts_needs_none() -> None:
    model = Model("x", lambda task: None)  # type: ignore[arg-type, return-value]

    assert checked_schema("o", "model", [("build", 1), ("accepts", 1)], model).options == {}


def test_a_step_and_a_prediction_are_called_without_options() -> None:
    def step(workload: object, batch: object, *, size: int) -> None: ...

    model: Any = Model("x", lambda task: None, step=step)  # type: ignore[arg-type, return-value]
    loss: Any = Loss("x", lambda: None, predict="argmax")  # type: ignore[arg-type, return-value]

    assert refused("model", model, ("build", 1)) == (
        "plugin 'p': model x: step: parameter 'size' is an option, but it is called without options"
    )
    assert refused("loss", loss, ("build", 0)) == (
        "plugin 'p': loss x: predict is 'argmax', which is no function"
    )


def test_a_prediction_may_be_a_function_in_c_or_have_defaults() -> None:
    def predict(outputs: object, *, at: float = 0.5) -> None: ...

    for function in (iter, predict):
        loss: Any = Loss("x", lambda: None, predict=function)  # type: ignore[arg-type, return-value]

        assert checked_schema("o", "loss", [("build", 0)], loss).owner == "loss x"

"""A pattern picks cases by their levels; what it does not name is free."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import bench_builtin
import pytest

from harness.errors import UnknownName
from harness.planning.patterns import Patterns
from harness.planning.resolve import Resolver
from harness.plugin.definitions import Metric
from harness.plugin.hookspecs import hookimpl
from harness.plugin.registry import registry_of
from harness.suites.settings import Level, level_of


def norm(trained: object, *, power: float = 2.0) -> float:
    return power


MADE = ModuleType("made")
MADE.metrics = hookimpl(  # type: ignore[attr-defined]
    lambda: [Metric("Norm", "1", "lower", 0.1, norm)], specname="bench_register_metrics"
)
REGISTRY = registry_of(builtin=bench_builtin, made=MADE)
BASE = {"model": "mlp", "optimizer": "sgd"}


def levels(given: dict[str, Any]) -> dict[str, Level]:
    return {address: level_of(value) for address, value in given.items()}


def matches(pattern: dict[str, Any], given: dict[str, Any]) -> bool:
    resolver = Resolver(REGISTRY)
    settings = resolver.resolve(levels(BASE), levels(given)).settings
    return Patterns(resolver).match(levels(pattern), settings)


@pytest.mark.parametrize(
    ("pattern", "given", "same"),
    [
        ({"model": "MLP"}, {}, True),
        ({"model": "mlp"}, {"model": "mlp[hidden=[8]]"}, True),
        ({"model": "mlp[hidden=[8]]"}, {"model": "mlp[hidden=[8]]"}, True),
        ({"model": "mlp[hidden=[8]]"}, {}, False),
        ({"model": "mlp[channels=[6,16]]"}, {}, False),
        ({"model": "lenet"}, {}, False),
        ({"model": "none"}, {}, False),
        ({"model": "mlp"}, {"model": "none", "procedure": "infer"}, False),
        ({"optimizer": "none"}, {"optimizer": "none", "procedure": "infer"}, True),
        ({"init": "as-built"}, {}, True),
        ({"init": "as_built"}, {"init": "normal"}, False),
        ({"init": "normal"}, {}, False),
        ({"init": {"*": "normal"}}, {"init": {"*": "normal[mean=0]"}}, True),
        ({"init": {"*": "normal"}}, {"init": "normal"}, False),
        ({"model": [1]}, {}, False),
        ({"model.dropout": 0}, {}, True),
        ({"model.dropout": 0.5}, {}, False),
        ({"model.dropout": "high"}, {}, False),
        ({"model.dropout": 0}, {"model": "lenet"}, False),
        ({"model.activation": "ReLU"}, {}, True),
        ({"model.activation": "tanh"}, {}, False),
        ({"model.activation": "none"}, {}, False),
        ({"model.activation": '"[relu]"'}, {}, False),
        (
            {"model.activation": "leaky_relu"},
            {"model.activation": "leaky_relu[negative_slope=1]"},
            True,
        ),
        (
            {"model.activation": "leaky_relu[negative_slope=2]"},
            {"model.activation": "leaky_relu[negative_slope=1]"},
            False,
        ),
        (
            {"model.activation": "leaky_relu[negative_slope=1]"},
            {"model.activation": "leaky_relu[negative_slope=1]"},
            True,
        ),
        ({"epochs": 10}, {}, True),
        ({"epochs": 11, "model": "mlp"}, {}, False),
        ({"device": "gpu"}, {}, False),
        ({"loading": "memory"}, {}, True),
        ({"loading": "loader[workers=0]"}, {"loading": "loader"}, True),
        ({"loading": "loader"}, {"loading": "loader[workers=2]"}, False),
        ({"loading": "disk"}, {}, False),
        ({"metrics": "norm"}, {"metrics": ["Norm[power=2]"]}, True),
        ({"metrics": "mse"}, {}, False),
        ({}, {}, True),
    ],
)
def test_a_pattern_matches_by_levels_and_leaves_options_free(
    pattern: dict[str, Any], given: dict[str, Any], same: bool
) -> None:
    assert matches(pattern, given) is same


def test_the_names_in_a_pattern_must_be_known() -> None:
    patterns = Patterns(Resolver(REGISTRY))

    patterns.check(levels({"model": "mlp", "init": "as-built", "loss": "none", "epochs": 3}))
    with pytest.raises(UnknownName, match="unknown model 'mpl'"):
        patterns.check({"model": "mpl"})

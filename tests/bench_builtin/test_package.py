"""The built-in plugin as a whole: every signature is a schema, and importing it is cheap."""

from __future__ import annotations

import os
import subprocess
import sys

import bench_builtin
import pytest

from harness.errors import SettingError
from harness.plugin.definitions import (
    Activation,
    Dataset,
    Definition,
    Initializer,
    Loss,
    Metric,
    Model,
    Optimizer,
    Procedure,
    Schedule,
)
from harness.plugin.options import Schema, schema_of
from harness.suites.settings import parse_level, split_name

FUNCTIONS = {
    Model: {"build": 1, "accepts": 1},
    Dataset: {"load": 1, "task": 0},
    Optimizer: {"build": 1},
    Schedule: {"factor": 1},
    Activation: {"build": 0},
    Initializer: {"apply": 2},
    Loss: {"build": 0, "accepts": 1},
    Metric: {"measure": 1},
    Procedure: {"run": 1},
}
"""The functions of a definition, and how many positional parameters each is called with."""

NAMES = {
    Model: {
        *("linear", "mlp", "lenet", "logistic", "linear_scratch", "one_weight"),
        *("tied", "nested", "centred", "own_layers", "bare_activation"),
        *("mlp_scratch", "cnn", "inception", "residual", "cifar_cnn", "vgg16"),
        *("bare_rnn", "rnn"),
    },
    Dataset: {
        *("digits", "breast_cancer", "diabetes_progression", "synthetic_linear"),
        *("many_features", "polynomial", "three_points", "three_labels", "line", "diabetes", "csv"),
        *("given_numbers", "given_probabilities", "given_logits"),
        *("mnist", "fashion_mnist", "cifar10", "image_folder", "hello", "names"),
    },
    Optimizer: {"sgd", "adam", "adamw", "sgd_scratch"},
    Schedule: {
        *("constant", "linear", "polynomial", "cosine", "exponential", "step", "warmup_cosine"),
    },
    Activation: {
        *("identity", "relu", "leaky_relu", "prelu", "elu", "celu", "selu", "gelu", "silu", "mish"),
        *("softplus", "softsign", "sigmoid", "hardsigmoid", "tanh", "hardtanh", "softmax"),
        "log_softmax",
    },
    Initializer: {
        *("zeros", "ones", "constant", "uniform", "normal", "trunc_normal", "orthogonal"),
        *("xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"),
    },
    Loss: {
        *("cross_entropy", "nll", "bce_with_logits", "bce", "mse", "l1", "smooth_l1", "huber"),
        "half_squared_error",
    },
    Metric: {
        *("gradient_norm", "gradient_ratio", "dead_relu_share", "saturated_share"),
        *("norm_of_weights", "truth_error", "prediction", "generalisation_gap", "base_rate"),
        *("sample_loss", "batch_loss", "steepest_slope", "largest_entry"),
        *("channel_mean", "channel_std"),
    },
    Procedure: {
        *("train", "infer", "channel_statistics", "measure", "tabulate", "matrix_product"),
    },
}
FAMILIES = (
    *("models", "datasets", "optimizers", "schedules", "activations", "initializers", "losses"),
    *("metrics", "procedures"),
)
DEFINITIONS: list[Definition] = [
    each for family in FAMILIES for each in getattr(bench_builtin, f"bench_register_{family}")()
]


def kind(definition: Definition) -> str:
    return type(definition).__name__.lower()


def schema(definition: Definition) -> Schema:
    functions = {
        name: (getattr(definition, name), places)
        for name, places in FUNCTIONS[type(definition)].items()
        if getattr(definition, name) is not None
    }
    return schema_of(f"{kind(definition)} {definition.name}", functions)


def named(kind_: type, name: str) -> Definition:
    return next(each for each in DEFINITIONS if type(each) is kind_ and each.name == name)


def test_the_plugin_has_the_definitions_that_it_is_known_for():
    found = {each: {one.name for one in DEFINITIONS if type(one) is each} for each in FUNCTIONS}

    assert found == NAMES
    assert len(DEFINITIONS) == sum(len(each) for each in NAMES.values())


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: f"{kind(each)}-{each.name}")
def test_every_signature_is_a_schema(definition):
    read = schema(definition)

    (described,) = read.json()["$defs"].values()
    assert described["properties"].keys() == read.options.keys()


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: f"{kind(each)}-{each.name}")
def test_every_definition_says_what_it_is(definition):
    for name in FUNCTIONS[type(definition)]:
        summary = (getattr(definition, name).__doc__ or "").partition("\n")[0]

        assert summary.endswith(".")


def test_only_what_has_no_default_needs_to_be_told_something():
    needy = [
        (definition.name, option.name)
        for definition in DEFINITIONS
        for option in schema(definition).options.values()
        if option.required
    ]

    assert sorted(needy) == [
        ("constant", "val"),
        ("csv", "features"),
        ("csv", "file"),
        ("image_folder", "classes"),
        ("image_folder", "folder"),
        ("prediction", "at"),
    ]


@pytest.mark.parametrize(
    ("kind_", "root", "level", "message"),
    [
        (
            Model,
            "model",
            "mlp[dropout=1]",
            "model.dropout=1 does not fit model mlp: expected `float` < 1.0",
        ),
        (
            Model,
            "model",
            "mlp[hidden=[0]]",
            "model.hidden=[0] does not fit model mlp: expected `int` >= 1",
        ),
        (
            Optimizer,
            "optimizer",
            "sgd[lr=-0.1]",
            "optimizer.lr=-0.1 does not fit optimizer sgd: expected `float` >= 0.0",
        ),
        (
            Optimizer,
            "optimizer",
            "adam[betas=[0.9,1]]",
            "optimizer.betas=[0.9,1] does not fit optimizer adam: expected `float` < 1.0",
        ),
        (
            Schedule,
            "schedule",
            "step[size=0]",
            "schedule.size=0 does not fit schedule step: expected `float` > 0.0",
        ),
        (
            Loss,
            "loss",
            "mse[reduction=none]",
            "loss.reduction=none does not fit loss mse: expected `str`, got `null`"
            " (known: mean, sum)",
        ),
        (
            Dataset,
            "dataset",
            "synthetic_linear[weights=[]]",
            "dataset.weights=[] does not fit dataset synthetic_linear:"
            " expected `array` of length >= 1",
        ),
    ],
)
def test_an_option_out_of_bounds_is_refused(kind_, root, level, message):
    taken = split_name(parse_level(level))
    assert taken is not None
    name, given = taken

    with pytest.raises(SettingError) as refused:
        schema(named(kind_, str(name))).resolve(given, root)

    assert str(refused.value) == message


def test_gelu_takes_tanh_or_none():
    options = schema(named(Activation, "gelu"))

    for level in ("gelu", "gelu[approximate=none]", "gelu[approximate=tanh]"):
        taken = split_name(parse_level(level))
        assert taken is not None
        values = options.typed(options.resolve(taken[1], "model.activation"))

        wanted = "tanh" if "tanh" in level else "none"
        assert named(Activation, "gelu").build(**values).approximate == wanted  # type: ignore[union-attr]


def test_importing_the_plugin_imports_neither_torch_nor_scikit_learn():
    code = (
        "import sys, bench_builtin\n"
        "for family in (each for each in bench_builtin.__all__):\n"
        "    assert getattr(bench_builtin, family)(), family\n"
        "print(sorted({each.partition('.')[0] for each in sys.modules}"
        " & {'torch', 'torchvision', 'sklearn', 'scipy', 'numpy'}))"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")

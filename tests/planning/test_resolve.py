"""From levels to the settings of a case: every address, checked, in its canonical form."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import bench_builtin
import pytest

from harness.errors import BenchError, PluginError, SettingError
from harness.planning.resolve import (
    LOSS_BY_KIND,
    Resolved,
    Resolver,
    check_metric_name,
    default_of,
    definitions_of,
    typed_options,
)
from harness.plugin.definitions import (
    ActivationName,
    Dataset,
    Findings,
    Metric,
    Model,
    Procedure,
    Schedule,
    Task,
)
from harness.plugin.hookspecs import hookimpl
from harness.plugin.registry import registry_of
from harness.suites.settings import ROOTS, Level, level_of


def build(task: Task, *, activation: ActivationName = "Leaky-ReLU", size: int) -> None: ...


def bare(task: Task) -> None: ...


def broken_task() -> Task:
    raise OSError("no disk")


def of_kind(*, kind: str = "regression") -> Task:
    return Task(kind, (4,), 1)  # type: ignore[arg-type]  # one of the four


def load(place: object, *, kind: str = "regression") -> None: ...


def norm(trained: object, *, power: float = 2.0) -> float:
    return power


MADE = ModuleType("made")
MADE.bench_register_models = hookimpl(  # type: ignore[attr-defined]
    lambda: [
        Model("acting", build),
        Model("steps", bare, step=lambda workload, batch: None),
        Model("raises", bare, accepts=lambda task: 1 / 0),
    ],
    specname="bench_register_models",
)
MADE.bench_register_datasets = hookimpl(  # type: ignore[attr-defined]
    lambda: [
        Dataset("kinds", load, of_kind),
        Dataset("unread", lambda place: None, broken_task),
        Dataset("untold", lambda place: None, lambda: "classification"),
    ],
    specname="bench_register_datasets",
)
MADE.bench_register_metrics = hookimpl(  # type: ignore[attr-defined]
    lambda: [
        Metric("Norm", "1", "lower", 0.1, norm),
        Metric("often", "1", "higher", 0.1, norm, when="epoch"),
    ],
    specname="bench_register_metrics",
)
PLAIN = ModuleType("plain")
PLAIN.bench_register_schedules = hookimpl(  # type: ignore[attr-defined]
    lambda: [Schedule("constant", lambda progress: 1.0)], specname="bench_register_schedules"
)
PLAIN.bench_register_procedures = hookimpl(  # type: ignore[attr-defined]
    lambda: [Procedure("train", lambda workload: Findings())],
    specname="bench_register_procedures",
)
BY_EPOCH = (
    "often, running_train_accuracy, running_train_loss, test_accuracy, test_loss, train_accuracy,"
    " train_loss, validation_accuracy, validation_loss"
)
REGISTRY = registry_of(builtin=bench_builtin, made=MADE)
BASE = {"model": "mlp", "optimizer": "sgd"}


def levels(given: dict[str, Any]) -> dict[str, Level]:
    return {address: level_of(value) for address, value in given.items()}


def resolved(**given: Any) -> Resolved:
    """Resolve settings over a base (`__` stands for a dot)."""
    named = {name.replace("__", "."): value for name, value in given.items()}
    return Resolver(REGISTRY).resolve(levels(BASE), levels(named))


def refused(**given: Any) -> str:
    with pytest.raises(BenchError) as caught:
        resolved(**given)
    return str(caught.value)


def test_settings_have_every_address_with_the_defaults_of_the_design() -> None:
    settings = resolved().settings

    assert set(ROOTS) <= set(settings)
    assert {name: settings[name] for name in ROOTS if name not in BASE} == {
        "dataset": "digits",
        "schedule": "constant",
        "init": "as_built",
        "bias_init": "as_built",
        "loss": "cross_entropy",
        "procedure": "train",
        "epochs": 10,
        "batch_size": 32,
        "device": "cpu",
        "threads": 1,
        "precision": "float32",
        "validation": None,
        "folds": None,
        "loading": "memory",
        "timed_s": 0.0,
        "timeout_s": 600.0,
        "memory_limit": None,
        "metrics": (),
        "target": None,
        "target_metric": None,
    }
    assert settings["model.hidden"] == (256,)


@pytest.mark.parametrize("root", ["init", "bias_init"])
@pytest.mark.parametrize("level", ["ones", "{classifier.6.*=ones}"])
def test_an_initializer_on_pretrained_weights_is_refused(root: str, level: str) -> None:
    given = {"model": "vgg16", "dataset": "cifar10", "model__pretrained": True}

    found = resolved(**given, **{root: level}).refused

    shown = resolved(**given, **{root: level}).settings[root]
    assert found == (
        f"{root}={shown} would overwrite pretrained weights: give {root}=as_built, or"
        " model.pretrained=false"
    )
    assert resolved(**given).refused is None
    assert resolved(**given | {"model__pretrained": False}, **{root: level}).refused is None


@pytest.mark.parametrize(
    ("kind", "loss", "told"),
    [
        (
            "regression",
            "cross_entropy",
            "cross_entropy compares classes, not the targets of a regression task: loss=mse does",
        ),
        (
            "classification",
            "mse",
            "mse compares numbers, not the targets of a classification task:"
            " loss=cross_entropy does",
        ),
        (
            "binary",
            "nll",
            "nll compares classes, not the targets of a binary task: loss=bce_with_logits does",
        ),
    ],
)
def test_a_loss_that_does_not_fit_the_task_is_refused_with_one_that_does(
    kind: str, loss: str, told: str
) -> None:
    assert resolved(dataset=f"kinds[kind={kind}]", loss=loss).refused == told
    assert resolved(dataset=f"kinds[kind={kind}]").refused is None


def test_a_model_that_refuses_speaks_before_a_loss_that_does() -> None:
    found = resolved(dataset="kinds[kind=sequence]", loss="bce", model="lenet")

    assert found.refused == "lenet takes images, not sequences"


@pytest.mark.parametrize(
    ("kind", "metric"), [("classification", "test_accuracy"), ("regression", "test_loss")]
)
def test_a_target_is_about_the_usual_metric_of_the_task(kind: str, metric: str) -> None:
    found = resolved(dataset=f"kinds[kind={kind}]", target=0.5)

    assert (found.settings["target"], found.settings["target_metric"]) == (0.5, metric)


def test_a_target_names_its_metric() -> None:
    found = resolved(target=1, target_metric="train_loss")
    own = resolved(target=1, target_metric="often/layer", metrics="often")

    assert (found.settings["target"], found.settings["target_metric"]) == (1.0, "train_loss")
    assert own.settings["target_metric"] == "often/layer"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"target_metric": "Norm", "metrics": "Norm"},
            f"target_metric=Norm has no figure after each epoch (known: {BY_EPOCH})",
        ),
        (
            {"target_metric": "test_acuracy"},
            "target_metric=test_acuracy has no figure after each epoch:"
            f" did you mean 'test_accuracy'? (known: {BY_EPOCH})",
        ),
        (
            {"target_metric": "often"},
            "target_metric=often is not taken: give metrics=often",
        ),
        (
            {"target_metric": "running_train_accuracy"},
            "target_metric=running_train_accuracy is not taken:"
            " give metrics=running_train_accuracy",
        ),
    ],
)
def test_a_target_s_metric_is_one_that_is_taken_after_each_epoch(
    given: dict[str, Any], told: str
) -> None:
    registry = registry_of(made=MADE, plain=PLAIN)
    base = levels({"model": "steps", "optimizer": "none", "dataset": "kinds", "loss": "none"})

    with pytest.raises(SettingError) as caught:
        Resolver(registry).resolve(base, levels({**given, "target": 0.5}))

    assert str(caught.value) == told


@pytest.mark.parametrize("kind", LOSS_BY_KIND)
def test_the_loss_is_by_the_kind_of_the_task(kind: str) -> None:
    assert resolved(dataset=f"kinds[kind={kind}]").settings["loss"] == LOSS_BY_KIND[kind]


def test_a_level_replaces_that_of_the_base() -> None:
    settings = resolved(model="lenet", epochs=3, batch_size="full").settings

    assert (settings["model"], settings["epochs"], settings["batch_size"]) == ("lenet", 3, "full")
    assert "model.dropout" not in settings


def test_brackets_and_addresses_say_the_same() -> None:
    one = resolved(init="normal[std=0.01]")
    other = resolved(init="normal", init__std=0.01)

    assert one.settings == other.settings
    assert other.applied == {"init.std"}
    assert one.applied == frozenset()


def test_names_are_canonical_whatever_their_dashes_and_capitals() -> None:
    one = resolved(init="Xavier-Uniform", model__activation="ReLU", metrics=["norm"])
    other = resolved(init="xavier_uniform", model__activation="relu", metrics=["Norm[power=2]"])

    assert one.settings == other.settings
    assert one.settings["metrics"] == ("Norm[power=2.0]",)
    assert resolved(init="As-Built").settings["init"] == "as_built"


def test_an_option_that_names_an_activation_keeps_all_of_its_options() -> None:
    plain = resolved(model="mlp[activation=leaky_relu]").settings
    full = resolved(model__activation="leaky_relu[negative_slope=0.01]").settings

    assert plain["model.activation"] == "leaky_relu[negative_slope=0.01]"
    assert plain == full


def test_a_default_that_names_an_activation_is_looked_up_too() -> None:
    settings = resolved(model="acting[size=1]").settings

    assert settings["model.activation"] == "leaky_relu[negative_slope=0.01]"


def test_globs_keep_their_order_and_all_options() -> None:
    settings = resolved(init={"hidden*": "normal[std=0.5]", "*": "As-Built"}).settings

    assert settings["init"] == "{hidden*=normal[mean=0.0,std=0.5],*=as_built}"


def test_an_option_applies_only_where_the_definition_has_it() -> None:
    case = resolved(model="linear", model__dropout=0.5)

    assert "model.dropout" not in case.settings
    assert case.applied == frozenset()


def test_brackets_stand_before_an_option_of_the_base() -> None:
    base = levels({**BASE, "model.hidden": [64]})

    case = Resolver(REGISTRY).resolve(base, levels({"model": "mlp[hidden=[8]]"}))

    assert case.settings["model.hidden"] == (8,)


def test_a_procedure_of_its_own_needs_nothing_else() -> None:
    settings = resolved(
        procedure="infer", model="none", dataset="none", optimizer="none", loss="none"
    ).settings

    assert [settings[each] for each in ("model", "dataset", "optimizer", "loss")] == [None] * 4


def test_a_model_with_a_step_of_its_own_needs_neither_optimizer_nor_loss() -> None:
    settings = resolved(model="steps", optimizer="none", loss="none").settings

    assert (settings["optimizer"], settings["loss"]) == (None, None)


def test_a_model_that_refuses_a_task_says_why() -> None:
    case = resolved(model="lenet", dataset="kinds")

    assert case.refused == (
        "lenet takes images (channels, height, width), not samples of shape (4,)"
    )
    assert resolved(model="lenet").refused is None
    assert resolved(model="steps").refused is None
    assert resolved(model="lenet", dataset="none", procedure="infer").refused is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"model": "[a]"}, "model=[a] names no model"),
        ({"model": 5}, "model=5 names no model"),
        ({"init": True}, "init=true names no initializer"),
        (
            {"model": "none"},
            "training needs a model: give model=NAME (bench list models shows them)",
        ),
        (
            {"dataset": "none"},
            "training needs data: give dataset=NAME (bench list datasets shows them)",
        ),
        (
            {"optimizer": "none"},
            "training needs optimizer=NAME (bench list optimizers shows them),"
            " since model mlp has no step of its own",
        ),
        (
            {"loss": "none"},
            "training needs loss=NAME (bench list losses shows them),"
            " since model mlp has no step of its own",
        ),
        (
            {"schedule": "none"},
            "schedule=none is not possible: only model, dataset, optimizer, loss may be none;"
            " try constant",
        ),
        (
            {"init": "none"},
            "init=none is not possible: only model, dataset, optimizer, loss may be none;"
            " try as_built",
        ),
        ({"init": "as_built[std=1]"}, "init=as_built takes no options"),
        ({"init": {}}, "init={} has no glob: write {GLOB=INITIALIZER,...}"),
        (
            {"model": "mlp[dropout=0.1]", "model.dropout": 0.2},
            "model.dropout is given twice: by itself and in model=mlp[dropout=0.1]",
        ),
        (
            {"model.activation": "none"},
            "model.activation=none does not fit model mlp: expected `str`, got `null`",
        ),
        ({"model.activation": '"[a]"'}, "model.activation=[a] names no activation"),
        (
            {"model.activation": "[a]"},
            "model.activation=[a] does not fit model mlp: expected `str`, got `array`",
        ),
        (
            {"model.activation": "relu[x=1]"},
            "activation relu has no option 'x' (model.activation.x) (there are none)",
        ),
        ({"epochs": 0}, "epochs=0 does not fit the protocol: expected `int` >= 1"),
        (
            {"device": "gpu"},
            "device=gpu does not fit the protocol: expected cpu, cuda, cuda:N or mps",
        ),
        (
            {"precision": "float16"},
            "precision=float16 does not fit the protocol: invalid enum value 'float16':"
            " did you mean 'bfloat16'? (known: float32, float64, bfloat16)",
        ),
        ({"metrics": [5]}, "metrics=[5]: 5 names no metric"),
        ({"metrics": "mse[x=1]"}, "metrics: mse takes no options"),
        (
            {"metrics": "norm[powr=1]"},
            "metric Norm has no option 'powr' (metrics.powr): did you mean 'power'? (known: power)",
        ),
        (
            {"dataset": "untold"},
            "dataset untold: its task is 'classification', which is no Task",
        ),
        ({"model": "acting"}, "model acting needs its option 'size': give model.size=VALUE"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], told: str) -> None:
    assert refused(**given) == told


def test_unknown_names_are_told_with_the_nearest() -> None:
    assert refused(model="mpl").startswith("unknown model 'mpl': did you mean 'mlp'?")
    assert refused(model__activation="rlu").startswith(
        "unknown activation 'rlu': did you mean 'relu'?"
    )
    assert refused(init={"*": "nrmal"}).startswith(
        "unknown initializer 'nrmal': did you mean 'normal'?"
    )
    assert refused(metrics="test_acuracy").startswith(
        "metrics: unknown metric 'test_acuracy': did you mean 'test_accuracy'?"
    )


def test_what_a_plugin_raises_is_told_with_its_name() -> None:
    with pytest.raises(PluginError) as caught:
        resolved(dataset="unread")
    assert str(caught.value) == (
        "plugin 'made': dataset 'unread': broken_task raised OSError: no disk"
    )
    with pytest.raises(PluginError, match=r"model 'raises': .*<lambda> raised ZeroDivisionError"):
        resolved(model="raises")


def test_what_a_case_is_made_of_is_listed_by_address() -> None:
    settings = resolved(
        init={"hidden*": "normal", "output*": "zeros"}, metrics=["norm", "mse"]
    ).settings

    found = definitions_of(REGISTRY, settings)

    assert {address: entry.name for address, entry in found.items()} == {
        "model": "mlp",
        "model.activation": "relu",
        "dataset": "digits",
        "optimizer": "sgd",
        "schedule": "constant",
        "init:normal": "normal",
        "init:zeros": "zeros",
        "loss": "cross_entropy",
        "procedure": "train",
        "metrics:Norm": "Norm",
    }


def test_options_become_arguments_again() -> None:
    settings = resolved(model__hidden=[8, 4]).settings

    assert typed_options(REGISTRY.find("model", "mlp"), settings, "model") == {
        "hidden": (8, 4),
        "activation": "relu",
        "dropout": 0.0,
    }


def test_a_metric_of_a_layer_has_the_name_of_its_metric() -> None:
    check_metric_name(REGISTRY, "Norm/hidden1.weight", "here")
    check_metric_name(REGISTRY, "test_accuracy", "here")

    with pytest.raises(SettingError) as caught:
        check_metric_name(REGISTRY, "wal_s", "margins")
    assert str(caught.value).startswith("margins: unknown metric 'wal_s': did you mean 'wall_s'?")


def test_an_unknown_metric_mentions_broken_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = type(REGISTRY)(
        (*REGISTRY.plugins, type(REGISTRY.plugins[0])(name="b", named="b", error="boom")),
        REGISTRY.entries,
    )

    with pytest.raises(SettingError, match=r"; broken plugins: b \(boom\)$"):
        check_metric_name(broken, "nrm", "here")
    with pytest.raises(SettingError, match=r"; broken plugins: b \(boom\)$"):
        Resolver(broken).resolve(levels(BASE), {"metrics": "nrm"})


def test_a_resolver_remembers_what_it_has_looked_up() -> None:
    calls = []

    def task() -> Task:
        calls.append("task")
        return Task("classification", (4,), 2)

    def accepts(task: Task) -> None:
        calls.append("accepts")

    module = ModuleType("m")
    module.models = hookimpl(  # type: ignore[attr-defined]
        lambda: [Model("m", bare, accepts=accepts)], specname="bench_register_models"
    )
    module.data = hookimpl(  # type: ignore[attr-defined]
        lambda: [Dataset("d", lambda place: None, task)], specname="bench_register_datasets"
    )
    resolver = Resolver(registry_of(builtin=bench_builtin, m=module))
    base = levels({"model": "m", "dataset": "d", "optimizer": "sgd"})

    for epochs in (1, 2, 3):
        resolver.resolve(base, {"epochs": epochs})

    assert calls == ["task", "accepts"]


def test_an_address_that_nobody_gave_is_at_its_default() -> None:
    settings = resolved(init="constant[val=1]").settings

    assert {
        address: default_of(REGISTRY, settings, address)
        for address in ("dataset", "init", "epochs", "memory_limit", "metrics", "model.hidden")
    } == {
        "dataset": "digits",
        "init": "as_built",
        "epochs": 10,
        "memory_limit": None,
        "metrics": (),
        "model.hidden": (256,),
    }


@pytest.mark.parametrize("address", ["init.val", "model.nonsense"])
def test_an_address_without_a_default_says_so(address: str) -> None:
    settings = resolved(init="constant[val=1]").settings

    with pytest.raises(SettingError) as caught:
        default_of(REGISTRY, settings, address)
    assert str(caught.value) == (
        f"{address} has no default: runs that give it cannot be matched with others"
    )


def test_the_way_of_loading_is_kept_without_its_defaults() -> None:
    found = resolved(loading="loader[workers=2,pinned=false]")

    assert found.settings["loading"] == "loader[workers=2]"
    assert resolved(loading="memory").settings == resolved().settings
    assert refused(loading="disk") == (
        "loading=disk names no way of loading (known: loader, memory)"
    )


def test_pinned_memory_is_refused_where_the_device_is_no_cuda_device() -> None:
    assert resolved(loading="loader[pinned=true]", device="cuda").refused is None
    assert resolved(loading="loader[pinned=true]").refused == (
        "loading=loader[pinned=true]: memory is pinned for copies to a CUDA device, and device=cpu"
    )


@pytest.mark.parametrize("odd", [[], {"": None}, True, 3])
def test_what_names_no_definition_in_a_stored_case_is_refused(odd: Any) -> None:
    given = {"model": "mlp", "optimizer": "sgd"}
    settings = {**Resolver(REGISTRY).resolve(given, {}).settings, "model.activation": odd}

    with pytest.raises(SettingError, match=r"names no definition$"):
        definitions_of(REGISTRY, settings)

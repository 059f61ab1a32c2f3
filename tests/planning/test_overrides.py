"""What `ADDRESS=VALUE` on a command line means, and what it does to a suite."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import bench_builtin
import pytest

from harness.errors import BenchError, LevelError, SettingError, UnknownName
from harness.planning.overrides import Override, overridden, parse_override
from harness.plugin.definitions import Dataset, Task
from harness.plugin.hookspecs import hookimpl
from harness.plugin.registry import registry_of
from harness.suites.draft import Draft, draft
from harness.suites.settings import Named
from harness.suites.suite import Suite


def needs(*, rows: int) -> Task:
    return Task("classification", (4,), rows)


def untold() -> Task:
    return "binary"  # type: ignore[return-value]  # what is tested


MADE = ModuleType("made")
MADE.data = hookimpl(  # type: ignore[attr-defined]
    lambda: [
        Dataset("needs", lambda place: None, needs),
        Dataset("untold", lambda place: None, untold),
    ],
    specname="bench_register_datasets",
)
REGISTRY = registry_of(builtin=bench_builtin, made=MADE)
INIT = Suite(
    "init",
    base={
        "model": "mlp[hidden=[128,64]]",
        "model.dropout": 0.1,
        "dataset": "digits",
        "optimizer": "sgd[lr=0.1]",
        "epochs": 10,
    },
    factors={
        "init": ["normal[std=0.01]", "xavier_uniform"],
        "model.activation": ["sigmoid", "relu"],
    },
    baseline={"init": "normal[std=0.01]"},
    exclude=[{"init": "normal[std=0.01]", "model.activation": "relu"}],
    expect=[{"where": {"init": "normal[std=0.01]"}, "metric": "test_accuracy", "min": 0.9}],
)


def changed(*given: str, suite: Suite = INIT) -> Draft:
    return overridden(draft(suite), [parse_override(each) for each in given], REGISTRY)


def swept(*given: str) -> Draft:
    return changed(*given, suite=Suite("sweep"))


def refused(*given: str, suite: Suite = INIT) -> str:
    with pytest.raises(BenchError) as caught:
        changed(*given, suite=suite)
    return str(caught.value)


def test_one_level_is_a_setting_and_several_are_a_factor() -> None:
    assert parse_override("dataset=mnist") == Override("dataset", ("mnist",))
    assert parse_override("device=cpu,cuda") == Override("device", ("cpu", "cuda"))
    assert parse_override("timeout-s = 3") == Override("timeout_s", (3,))


def test_commas_inside_of_brackets_separate_no_levels() -> None:
    override = parse_override("model=mlp[hidden=[8,4],dropout=0],lenet")

    assert override.levels == (Named("mlp", (("dropout", 0), ("hidden", (8, 4)))), "lenet")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "epochs",
            "'epochs' is no setting: write ADDRESS=VALUE, for example model.dropout=0,0.5;"
            " a suite is named by --suite",
        ),
        ("epochs=", "'epochs=' has no level: write epochs=VALUE or epochs=V1,V2"),
        (
            "a.b.c=1",
            "'a.b.c' is no address: write NAME or NAME.OPTION, for example model.dropout",
        ),
        ("epochs=1,", "epochs: '1,' is no level: a level is wanted where the end stands"),
        ("epochs=nan", "epochs: nan is no level: numbers must be finite"),
    ],
)
def test_what_is_no_setting_is_refused(given: str, told: str) -> None:
    with pytest.raises(LevelError) as caught:
        parse_override(given)
    assert str(caught.value) == told


def test_a_setting_replaces_base_and_factor() -> None:
    found = changed("init=zeros", "epochs=3")

    assert (found.base["init"], found.base["epochs"]) == ("zeros", 3)
    assert list(found.factors) == ["model.activation"]


def test_several_levels_replace_base_and_factor() -> None:
    found = changed("dataset=digits,breast_cancer", "init=zeros,ones")

    assert "dataset" not in found.base
    assert found.factors["dataset"] == ("digits", "breast_cancer")
    assert found.factors["init"] == ("zeros", "ones")


def test_another_model_drops_the_options_that_the_base_gave_to_the_old_one() -> None:
    found = changed("model=lenet")

    assert found.base["model"] == "lenet"
    assert "model.dropout" not in found.base
    assert found.base["optimizer"] == Named("sgd", (("lr", 0.1),))


def test_an_option_given_beside_another_model_is_kept() -> None:
    found = changed("model.hidden=[3]", "model=mlp")

    assert (found.base["model"], found.base["model.hidden"]) == ("mlp", (3,))


def test_an_option_replaces_the_one_in_brackets_everywhere() -> None:
    suite = Suite(
        "s",
        base={"model": "mlp[hidden=[8],dropout=0.5]", "optimizer": "sgd"},
        factors={"init": ["normal[std=1]", "normal[std=2]", "zeros"]},
        together=[{"loss": "cross_entropy"}],
        include=[{"init": "normal[std=1]"}],
        exclude=[{"init": "normal[std=1]"}],
        baseline={"init": "normal[std=1]"},
        expect=[
            {
                "where": {"init": "normal[std=1]"},
                "metric": "mse",
                "better_than": {"init": "normal[std=2]"},
                "same_as": {"init": "normal[std=1]"},
            }
        ],
    )

    found = changed("std=3", "hidden=[4]", suite=suite)

    assert found.base["model"] == Named("mlp", (("dropout", 0.5),))
    assert found.base["init.std"] == 3
    assert found.factors["init"] == ("normal", "zeros")
    assert found.include == ({"init": "normal"},)
    assert found.exclude == ({"init": "normal"},)
    assert found.baseline == {"init": "normal"}
    assert found.expect[0].where == {"init": "normal"}
    assert found.expect[0].better_than == found.expect[0].same_as == {"init": "normal"}


def test_what_is_included_takes_each_level_of_a_setting_that_is_made_a_factor() -> None:
    suite = Suite(
        "s",
        base={"model": "mlp", "optimizer": "sgd[lr=0.1]"},
        factors={"model.hidden": [[8], [16]]},
        include=[{"model.hidden": [32], "model.dropout": 0.5}],
    )

    rates = changed("lr=0.2,0.3", suite=suite)
    dropped = changed("dropout=0,0.1", suite=suite)

    row = {"model.hidden": (32,), "model.dropout": 0.5}
    assert rates.include == ({**row, "optimizer.lr": 0.2}, {**row, "optimizer.lr": 0.3})
    assert dropped.include == (
        {"model.hidden": (32,), "model.dropout": 0},
        {"model.hidden": (32,), "model.dropout": 0.1},
    )


def test_levels_that_go_together_lose_the_column_that_is_replaced() -> None:
    suite = Suite(
        "s",
        base={"model": "mlp", "optimizer": "sgd"},
        together=[
            {"epochs": 1, "batch_size": 8},
            {"epochs": 2, "batch_size": 8},
            {"epochs": 2, "batch_size": 16},
        ],
        include=[{"epochs": 5}, {"epochs": 6, "batch_size": 4}],
    )

    found = changed("epochs=3", suite=suite)

    assert found.together == ({"batch_size": 8}, {"batch_size": 16})
    assert found.include == ({"batch_size": 4},)
    assert changed("epochs=3", "batch_size=4", suite=suite).together == ()


def test_a_bare_name_stands_for_the_one_address_that_it_has() -> None:
    assert changed("dropout=0,0.5").factors["model.dropout"] == (0, 0.5)
    assert changed("lr=1").base["optimizer.lr"] == 1
    assert changed("weight-decay=0").base["optimizer.weight_decay"] == 0
    assert changed("activation=tanh").base["model.activation"] == "tanh"


def test_a_bare_name_is_sought_among_the_definitions_that_are_chosen() -> None:
    assert swept("model=lenet", "optimizer=sgd", "pooling=max").base["model.pooling"] == "max"
    assert swept("model=mlp,lenet", "optimizer=sgd", "pooling=max").base["model.pooling"] == "max"
    assert swept("init=normal", "init.std=0.01").base["init.std"] == 0.01
    assert swept("dataset=digits", "label_smoothing=0.1").base["loss.label_smoothing"] == 0.1
    assert swept("dataset=breast_cancer", "reduction=sum").base["loss.reduction"] == "sum"
    assert changed("init={hidden*=uniform,*=as-built}", "init.a=0").base["init.a"] == 0
    assert refused("pooling=max").startswith("unknown address 'pooling'")
    assert refused("pooling=max").endswith("; it is an option of model=lenet, not chosen here")


def test_the_name_of_a_setting_wins() -> None:
    assert swept("loss=mse", "model=mlp").base["loss"] == "mse"


def test_a_bare_name_of_two_addresses_is_an_error_that_names_both() -> None:
    assert refused("init=normal", "bias_init=normal", "std=1") == (
        "'std' stands for init.std and for bias_init.std: write the address in full"
    )
    assert changed("init=normal", "bias_init=normal", "init.std=1").base["init.std"] == 1


def test_one_address_given_twice_is_refused() -> None:
    assert refused("dropout=0", "model.dropout=1") == (
        "model.dropout is given twice on the command line"
    )
    assert refused("epochs=1", "epochs=2") == "epochs is given twice on the command line"


def test_an_address_that_nothing_chosen_has_is_refused_with_the_nearest() -> None:
    suite = Suite("s", base={"model": "linear", "dataset": "digits", "loss": "mse"})

    assert refused("model.dropout=0", suite=suite) == (
        "unknown address 'model.dropout' (known: model.bias)"
    )
    assert refused("epochs.x=0", suite=suite).startswith("unknown address 'epochs.x'")
    assert refused("dropot=0") == (
        "unknown address 'dropot': did you mean 'dropout'? (known: activation, batch_size,"
        " bias_init, crop, dampening, dataset, dataset.crop, dataset.flip, decay_bias, device,"
        " dropout, epochs, ... (54 in all))"
    )
    assert refused("dataset.x=0", suite=suite).startswith("unknown address 'dataset.x'")


def test_a_name_that_is_not_registered_is_told_before_its_options() -> None:
    with pytest.raises(UnknownName, match="unknown model 'mpl': did you mean 'mlp'"):
        changed("model=mpl", "dropout=0")


def test_a_data_set_whose_task_cannot_be_known_gives_no_loss_by_default() -> None:
    for name in ("needs", "untold"):
        with pytest.raises(UnknownName, match="unknown address 'label_smoothing'"):
            swept(f"dataset={name}", "model=mlp", "label_smoothing=0.1")


def test_no_data_set_gives_no_loss_either() -> None:
    with pytest.raises(UnknownName, match="unknown address 'reduction'"):
        swept("dataset=none", "model=mlp", "reduction=sum")


def test_without_overrides_a_draft_is_itself() -> None:
    assert changed() == draft(INIT)


def test_errors_of_overrides_are_mistakes_of_the_user() -> None:
    assert issubclass(SettingError, BenchError)


def fields(found: Draft) -> dict[str, Any]:
    return {"base": dict(found.base), "factors": dict(found.factors)}


def test_the_order_of_overrides_does_not_matter() -> None:
    given = ("dropout=0,0.5", "model=mlp", "epochs=3", "init=zeros")

    assert fields(changed(*given)) == fields(changed(*given[::-1]))


def test_a_word_that_is_a_flag_is_told_so() -> None:
    assert refused("seeds=3") == "seeds is no setting: give --seeds, before or after the settings"

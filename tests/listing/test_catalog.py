"""What `bench plugins`, `list` and `describe` tell."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, Union

import bench_builtin
import pytest
from made import made_case, made_plan, made_record, made_run
from msgspec import Meta

from harness.errors import BenchError, UnknownName
from harness.listing import catalog
from harness.plugin.definitions import ActivationName, Initializer, Model, Task
from harness.plugin.hookspecs import hookimpl
from harness.plugin.registry import Plugin, Registry, registry_of
from harness.records.store import Journal, create_run
from harness.suites.suite import Expect, Suite

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def net(
    task: Task,
    *,
    hidden: tuple[int, ...] = (8, 4),
    activation: ActivationName = "relu",
    dropout: Annotated[float, Meta(ge=0, lt=1, description="share that is zeroed")] = 0.0,
    norm: Literal["batch", "layer"] | None = None,
    size: int,
) -> Any:
    """Build a net.

    It has layers.
    """


def undocumented(task: Task) -> Any: ...


MADE = ModuleType("made")
MADE.models = hookimpl(  # type: ignore[attr-defined]
    lambda: [
        Model("net", net),
        Model("same", undocumented),
        Model("partly", functools.partial(net, size=3)),
    ],
    specname="bench_register_models",
)
MADE.initializers = hookimpl(  # type: ignore[attr-defined]
    lambda: [Initializer("same", lambda parameter, generator: None)],
    specname="bench_register_initializers",
)
MADE.suites = hookimpl(  # type: ignore[attr-defined]
    lambda: [
        Suite(
            "sizes",
            "How large?",
            base={"model": "net", "epochs": 3},
            factors={"model.size": [1, 2]},
            together=[{"epochs": 1, "batch_size": 8}, {"epochs": 2, "batch_size": 16}],
            seeds=2,
            baseline={"model.size": 1},
            expect=[
                Expect(metric="test_accuracy", where={"model.size": 2}, min=0.5, of="median"),
                Expect(metric="train_loss", max=0.1, epoch=1),
            ],
        )
    ],
    specname="bench_register_suites",
)
REGISTRY = registry_of(made=MADE)
BROKEN = Registry(
    (
        *REGISTRY.plugins,
        Plugin(name="bad", named="bad_module", package="bad-package", version="1.0", error="boom"),
    ),
    REGISTRY.entries,
    REGISTRY.suites,
    REGISTRY.suite_plugins,
)


@pytest.mark.parametrize("word", ["model", "models", "Models"])
def test_a_kind_is_named_in_the_singular_or_plural(word: str) -> None:
    assert catalog.kind_of(word) == "model"


def test_runs_are_a_kind_too() -> None:
    assert catalog.kind_of("runs") == catalog.kind_of("run") == "runs"


def test_an_unknown_kind_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        catalog.kind_of("modles")
    assert str(caught.value) == (
        "unknown kind 'modles': did you mean 'models'? (known: activations, datasets,"
        " initializers, losses, metrics, models, optimizers, procedures, runs, schedules, suites)"
    )


def test_definitions_are_listed_with_plugin_and_what_they_are() -> None:
    found = catalog.rows(REGISTRY, ["model", "suite"])

    assert [(each["name"], each["about"], each["plugin"]) for each in found] == [
        ("net", "Build a net.", "made"),
        ("partly", "Build a net.", "made"),
        ("same", "", "made"),
        ("sizes", "How large?", "made"),
    ]


def test_a_table_of_definitions_has_a_row_for_each() -> None:
    assert catalog.table(REGISTRY, ["suite"], None) == (
        "name   what it is  plugin\n-----  ----------  ------\nsizes  How large?  made"
    )
    assert catalog.table(REGISTRY, ["loss"], None) == "there are none"


def test_a_suite_of_a_file_is_listed_by_its_file() -> None:
    registry = REGISTRY.with_suites([Suite("mine", origin="bench.toml")])

    assert [each["plugin"] for each in catalog.rows(registry, ["suite"])] == ["bench.toml", "made"]


def test_every_definition_is_listed_with_the_package_and_version_that_it_came_from() -> None:
    plugin = Plugin(name="made", named="made", package="bench-made", version="1.2")
    registry = registry_of().with_plugin(plugin, MADE)

    listed = catalog.table(registry, ["model", "suite"], None).splitlines()[2:]

    assert [each.split()[:2] for each in listed] == [
        ["model", "net"],
        ["model", "partly"],
        ["model", "same"],
        ["suite", "sizes"],
    ]
    assert all(each.endswith("  made (bench-made 1.2)") for each in listed)
    assert [(each["package"], each["version"]) for each in catalog.rows(registry, ["suite"])] == [
        ("bench-made", "1.2")
    ]


def test_plugins_are_listed_with_what_they_hold_or_their_error() -> None:
    assert catalog.plugin_rows(BROKEN) == [
        {
            "name": "made",
            "named": "made",
            "package": None,
            "version": None,
            "interface": 1,
            "definitions": "3 models, 1 initializer, 1 suite",
            "error": None,
        },
        {
            "name": "bad",
            "named": "bad_module",
            "package": "bad-package",
            "version": "1.0",
            "interface": 1,
            "definitions": "nothing",
            "error": "boom",
        },
    ]
    assert catalog.plugin_table(BROKEN, None) == (
        "plugin  package      version  state\n"
        "------  -----------  -------  --------------------------------\n"
        "made    made         -        3 models, 1 initializer, 1 suite\n"
        "bad     bad-package  1.0      broken: boom"
    )


def test_a_definition_is_described_with_its_options() -> None:
    assert catalog.description_text(REGISTRY, "net", None) == (
        "model net, of plugin made\n"
        "\n"
        "Build a net.\n"
        "\n"
        "It has layers.\n"
        "\n"
        "option      type                                          default\n"
        "----------  --------------------------------------------  --------\n"
        "hidden      list of int                                   [8,4]\n"
        "activation  str, name of an activation                    relu\n"
        "dropout     float, from 0, below 1: share that is zeroed  0.0\n"
        "norm        batch or layer or none                        none\n"
        "size        int                                           (needed)"
    )


def test_a_description_has_the_options_as_a_json_schema() -> None:
    found = catalog.description(REGISTRY, "model:net")

    assert (found["schema"], found["kind"], found["name"]) == (1, "model", "net")
    assert found["about"] == "Build a net.\n\nIt has layers."
    assert found["source"].startswith("made ")
    assert found["options"]["$defs"]["model_net"]["required"] == ["size"]


def test_a_definition_without_options_says_so() -> None:
    assert catalog.description_text(REGISTRY, "model:same", None) == (
        "model same, of plugin made\n\n\n\nno options"
    )


def test_a_suite_is_described_by_its_settings() -> None:
    found = catalog.description(REGISTRY, "sizes")

    assert found == {
        "schema": 1,
        "kind": "suite",
        "name": "sizes",
        "plugin": "plugin made",
        "about": "How large?",
        "seeds": [0, 1],
        "design": "product",
        "base": {"model": "net", "epochs": "3"},
        "factors": {"model.size": ["1", "2"]},
        "together": [
            {"epochs": "1", "batch_size": "8"},
            {"epochs": "2", "batch_size": "16"},
        ],
        "baseline": {"model.size": "1"},
        "expect": [
            "median test_accuracy of model.size=2 is at least 0.5",
            "train_loss of every case is at most 0.1 after epoch 1",
        ],
    }
    assert catalog.description_text(REGISTRY, "suite:sizes", None) == (
        "suite sizes, of plugin made\n"
        "\n"
        "How large?\n"
        "\n"
        "seeds 0, 1; design product\n"
        "\n"
        "address     is      level\n"
        "----------  ------  -----------------------\n"
        "model       base    net\n"
        "epochs      base    3\n"
        "model.size  factor  1, 2\n"
        "together 1  factor  epochs=1, batch_size=8\n"
        "together 2  factor  epochs=2, batch_size=16\n"
        "\n"
        "expected: median test_accuracy of model.size=2 is at least 0.5\n"
        "expected: train_loss of every case is at most 0.1 after epoch 1"
    )


def test_a_name_of_several_kinds_is_asked_for_with_its_kind() -> None:
    with pytest.raises(BenchError) as caught:
        catalog.description(REGISTRY, "same")
    assert str(caught.value) == (
        "'same' names several things: ask for model:same or initializer:same"
    )
    assert catalog.description(REGISTRY, "initializers:same")["kind"] == "initializer"


def test_an_unknown_definition_is_told_with_the_nearest_and_the_broken_plugins() -> None:
    with pytest.raises(UnknownName) as caught:
        catalog.description(BROKEN, "nett")
    assert str(caught.value) == (
        "unknown definition 'nett': did you mean 'net'? (known: net, partly, same, sizes);"
        " broken plugins: bad (boom)"
    )
    with pytest.raises(UnknownName) as caught:
        catalog.description(REGISTRY, "loss:mse")
    assert str(caught.value) == "unknown loss 'mse' (there are none)"


@pytest.mark.parametrize(
    ("type_", "told"),
    [
        (int, "int"),
        (type(None), "none"),
        (tuple[int, ...], "list of int"),
        (Annotated[float, Meta(gt=0, le=1)], "float, above 0, up to 1"),
        (Annotated[int, Meta(ge=1)] | None, "int, from 1 or none"),
        (Union[Literal["tanh"], None], "tanh or none"),  # noqa: UP007  # as plugins write it
        (Annotated[int, Meta(ge=1)] | Literal["full"], "int, from 1 or full"),
        (Literal[1, "a", None], "1 or a or none"),
        (Annotated[int, Meta(ge=1, description="how wide")], "int, from 1: how wide"),
        (
            Annotated[float, Meta(gt=0, description="a share")] | None,
            "float, above 0 or none: a share",
        ),
        (ActivationName, "str, name of an activation"),
    ],
)
def test_a_type_is_told_in_words(type_: Any, told: str) -> None:
    assert catalog.type_text(type_) == told


def test_everything_built_in_can_be_described() -> None:
    registry = registry_of(builtin=bench_builtin)

    for kind in catalog.KINDS:
        for name in registry.names(kind):
            assert catalog.description_text(registry, f"{kind}:{name}", 80)
            assert catalog.description(registry, f"{kind}:{name}")["about"]


def test_an_empty_results_folder_has_no_runs(tmp_path: Path) -> None:
    assert catalog.run_rows(tmp_path) == []
    assert catalog.run_table(tmp_path, None) == f"there are no runs in {tmp_path}"


def test_runs_are_listed_with_what_became_of_their_trials(tmp_path: Path) -> None:
    plan = made_plan(made_case({"init": "zeros"}), seeds=(0, 1, 2), suite="sizes")
    run = create_run(tmp_path, made_run(plan), now=lambda: NOON, token=lambda: "3f2a")
    with Journal(run.folder) as journal:
        journal.append(made_record(plan, 0, 0))
        journal.append(made_record(plan, 0, 1, "diverged"))
    empty = create_run(tmp_path, made_run(plan), now=lambda: NOON, token=lambda: "4f2a")
    broken = create_run(tmp_path, made_run(plan), now=lambda: NOON, token=lambda: "5f2a")
    (broken.folder / "run.json").write_text("{")

    found = catalog.run_rows(tmp_path)

    assert [(each["suite"], each["planned"], each["statuses"]) for each in found[:2]] == [
        ("sizes", 3, {"ok": 1, "diverged": 1}),
        ("sizes", 3, {}),
    ]
    assert [each["run"] for each in found] == [
        run.folder.name,
        empty.folder.name,
        broken.folder.name,
    ]
    rows = catalog.run_table(tmp_path, None).split("\n")
    assert [each.split(maxsplit=2)[2] for each in rows[2:4]] == [
        "2 of 3: ok 1, diverged 1",
        "0 of 3",
    ]
    assert rows[4].split(maxsplit=2)[2].startswith("unreadable: ")

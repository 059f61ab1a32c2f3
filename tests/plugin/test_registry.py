"""Plugins are loaded and asked one by one, checked as they register, and looked up by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import bench_builtin
import pytest

from harness.errors import BenchError, PluginError, UnknownName
from harness.plugin.definitions import (
    Activation,
    Dataset,
    Initializer,
    Loss,
    Metric,
    Model,
    Optimizer,
    Procedure,
    Schedule,
    Task,
)
from harness.plugin.hookspecs import hookimpl
from harness.plugin.registry import KINDS, Registry, load, registry_of
from harness.records.record import Record
from harness.suites.settings import ROOTS
from harness.suites.suite import Suite


def plugin(**hooks: Callable[..., Any]) -> ModuleType:
    """Make a module of hook implementations, named without their prefix `bench_`."""
    module = ModuleType("made")
    for name, function in hooks.items():
        setattr(module, f"bench_{name}", hookimpl(function, specname=f"bench_{name}"))
    return module


def models(*definitions: object) -> ModuleType:
    return plugin(register_models=lambda: list(definitions))


def suites(*given: object) -> ModuleType:
    return plugin(register_suites=lambda: list(given))


def net(task: Task, *, hidden: tuple[int, ...] = (8,), dropout: float = 0.0) -> Any:
    """Build a net.

    It has layers.
    """


def refused(**modules: ModuleType | object) -> str:
    with pytest.raises(PluginError) as caught:
        registry_of(**modules)
    return str(caught.value)


@pytest.fixture(autouse=True)
def same_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put `sys.path` back: the folder of a plugin's file is added to it."""
    monkeypatch.setattr(sys, "path", list(sys.path))


RECORD = Record(key="0", settings={}, levels={}, seed=0, status="ok")
ONE_OF_EACH = plugin(
    register_models=lambda: [Model("one", net)],
    register_datasets=lambda: [Dataset("one", lambda place: None, lambda: None)],  # type: ignore[arg-type, return-value]
    register_optimizers=lambda: [Optimizer("one", lambda model: None)],  # type: ignore[arg-type, return-value]
    register_schedules=lambda: [Schedule("one", lambda progress: 1.0)],
    register_activations=lambda: [Activation("one", lambda: None)],  # type: ignore[arg-type, return-value]
    register_initializers=lambda: [Initializer("one", lambda parameter, generator: None)],
    register_losses=lambda: [Loss("one", lambda: None)],  # type: ignore[arg-type, return-value]
    register_metrics=lambda: [Metric("one", "1", "higher", 0.1, lambda trained: 1.0)],
    register_procedures=lambda: [Procedure("one", lambda workload: None)],  # type: ignore[arg-type, return-value]
    register_suites=lambda: [Suite("one")],
)


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what the entry points are: a value by name, each a module."""

    def say(**modules: object) -> None:
        found = []
        for name, module in modules.items():
            value = module if isinstance(module, str) else f"made_{name}"
            if not isinstance(module, str):
                monkeypatch.setitem(sys.modules, value, module)
            found.append(EntryPoint(name, value, "bench"))
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found[::-1])

    return say


def test_what_every_hook_returns_is_registered() -> None:
    registry = registry_of(mine=ONE_OF_EACH)

    assert {kind: registry.find(kind, "one").kind for kind in KINDS} == {k: k for k in KINDS}
    assert all(registry.names(kind) == ("one",) for kind in (*KINDS, "suite"))
    assert registry.suite("one").origin == "plugin mine"


def test_the_built_in_plugin_registers_as_any_other() -> None:
    registry = registry_of(renamed=bench_builtin)

    assert registry.find("model", "mlp").plugin.name == "renamed"
    assert "smoke" in registry.names("suite")


def test_names_are_found_whatever_their_dashes_and_capitals() -> None:
    registry = registry_of(mine=models(Model("wide-Net", net)), other=suites(Suite("a_b")))

    assert registry.find("model", "Wide_net").name == "wide-Net"
    assert registry.suite("A-B").name == "a_b"


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    registry = registry_of(mine=models(Model("mlp", net), Model("lenet", net)))

    with pytest.raises(UnknownName) as caught:
        registry.find("model", "lennet")
    assert str(caught.value) == (
        "unknown model 'lennet': did you mean 'lenet'? (known: lenet, mlp)"
    )
    with pytest.raises(UnknownName) as caught:
        registry.suite("smoke")
    assert str(caught.value) == "unknown suite 'smoke' (there are none)"


def test_a_suite_is_a_suite_or_the_path_of_a_file_in_the_package(tmp_path: Path) -> None:
    (tmp_path / "extra.toml").write_text("[suites.a]\n[suites.b]\n")
    module = suites("extra.toml", Path("extra.toml"))
    module.__file__ = str(tmp_path / "__init__.py")
    alone = suites(Suite("c", origin="a page"), tmp_path / "extra.toml")

    assert refused(mine=module) == (
        f"two suites are called 'a': of {tmp_path}/extra.toml and of {tmp_path}/extra.toml"
    )
    registry = registry_of(mine=alone)
    assert registry.names("suite") == ("a", "b", "c")
    assert registry.suite("a").origin == str(tmp_path / "extra.toml")
    assert registry.suite("c").origin == "a page"


def test_a_suite_of_a_plugin_that_means_nothing_is_refused(tmp_path: Path) -> None:
    assert refused(mine=suites(Suite("s", seeds=0))) == (
        "plugin 'mine': suite 's' (plugin mine): seeds=0 plans no seed: give a number from 1,"
        " FIRST:END, or a list"
    )
    assert refused(mine=suites(tmp_path / "absent.toml")) == (
        f"plugin 'mine': {tmp_path}/absent.toml cannot be read: No such file or directory"
    )


def test_suites_of_a_file_stand_before_those_of_plugins() -> None:
    registry = registry_of(mine=suites(Suite("a-b"), Suite("c")))

    added = registry.with_suites([Suite("a_b", "of the file")])

    assert added.suite("a-b").summary == "of the file"
    assert added.suite_plugins == {"c": "mine"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "returned None, which is no list"),
        ("mlp", "returned 'mlp', which is no list"),
        (b"mlp", "returned b'mlp', which is no list"),
        ({"mlp": net}, "which is no list"),
        (5, "returned 5, which is no list"),
        ([net], "which is no Model"),
        ([Schedule("s", net)], "which is no Model"),
        ([None], "returned None, which is no Model"),
    ],
)
def test_a_hook_that_returns_junk_is_refused(answer: object, told: str) -> None:
    message = refused(mine=plugin(register_models=lambda: answer))

    assert message.startswith("plugin 'mine': bench_register_models returned ")
    assert message.endswith(told)


def test_a_suite_hook_tells_what_it_may_return() -> None:
    assert refused(mine=suites(5)) == (
        "plugin 'mine': bench_register_suites returned 5, which is no Suite or str or Path"
    )


def test_a_hook_may_return_any_iterable() -> None:
    def generated() -> Iterator[Model]:
        yield Model("a", net)
        yield Model("b", net)

    assert registry_of(mine=plugin(register_models=generated)).names("model") == ("a", "b")


@pytest.mark.parametrize("error", [ValueError("no disk"), SystemExit("no disk")])
def test_a_hook_that_raises_is_told_with_its_error(error: BaseException) -> None:
    def raises() -> list[Model]:
        raise error

    assert refused(mine=plugin(register_models=raises)) == (
        f"plugin 'mine': bench_register_models raised {type(error).__name__}: no disk"
    )


def test_an_unknown_hook_is_refused() -> None:
    assert refused(mine=plugin(register_modles=models)).startswith(
        "plugin 'mine': unknown hook 'bench_register_modles': did you mean 'bench_register_models'?"
        " (known: bench_register_activations, bench_register_datasets, "
    )


def test_a_registration_hook_that_takes_something_is_refused() -> None:
    def bench_register_models(task: Task) -> list[Model]:
        return []

    message = refused(mine=plugin(register_models=bench_register_models))

    assert message.startswith("plugin 'mine': Plugin 'mine' for hook 'bench_register_models' ")
    assert message.endswith(
        "Argument(s) {'task'} are declared in the hookimpl but can not be found in the hookspec"
    )


def test_a_plugin_without_hooks_is_refused() -> None:
    assert refused(mine=ModuleType("empty")) == (
        "plugin 'mine' implements no hook: mark functions with @harness.hookimpl"
    )


def test_two_definitions_of_one_name_are_refused_naming_both_plugins() -> None:
    assert refused(a=models(Model("wide_net", net)), b=models(Model("Wide-Net", net))) == (
        "two models are called 'Wide-Net': of plugin 'a' and of plugin 'b'"
    )
    assert refused(a=models(Model("net", net), Model("net", net))) == (
        "two models are called 'net': of plugin 'a' and of plugin 'a'"
    )
    assert refused(a=suites(Suite("s")), b=suites(Suite("S"))) == (
        "two suites are called 'S': of plugin a and of plugin b"
    )


def test_definitions_of_several_kinds_may_share_a_name() -> None:
    registry = registry_of(mine=ONE_OF_EACH, other=models(Model("constant", net)))

    assert registry.find("model", "one") is not registry.find("loss", "one")


@pytest.mark.parametrize("name", ["", "1st", "a b", "a,b", "a[b", "a=b", "a/b", None, 5])
def test_a_name_that_could_not_be_written_is_refused(name: Any) -> None:
    assert refused(mine=models(Model(name, net))) == (
        f"plugin 'mine': a model is called {name!r}: a name has letters, digits, '_', '-' and '.',"
        " and starts with a letter"
    )


@pytest.mark.parametrize("name", ["none", "True", "nan", "Infinity"])
def test_a_name_that_is_a_value_is_refused(name: str) -> None:
    assert refused(mine=models(Model(name, net))) == (
        f"plugin 'mine': a model is called {name!r}: that is a value of its setting, and no name"
    )


def test_no_initializer_may_be_called_as_built() -> None:
    def initializers() -> list[Initializer]:
        return [Initializer("as-built", lambda parameter, generator: None)]

    assert refused(mine=plugin(register_initializers=initializers)) == (
        "plugin 'mine': an initializer is called 'as-built':"
        " that is a value of its setting, and no name"
    )


def test_options_are_refused_at_registration_naming_plugin_definition_and_parameter() -> None:
    def build(task: Task, *, size=3) -> None: ...  # type: ignore[no-untyped-def]  # what is tested

    assert refused(mine=models(Model("net", build))) == (
        "plugin 'mine': model net: build: parameter 'size' has no annotation:"
        " the signature is the schema"
    )


def test_the_options_of_accepts_and_task_are_checked_too() -> None:
    def accepts(task: Task, **options: object) -> None: ...

    def task(*, rows: int = "many") -> None: ...  # type: ignore[assignment]  # what is tested

    assert refused(mine=models(Model("net", net, accepts=accepts))) == (
        "plugin 'mine': model net: accepts: parameter '**options' hides the options:"
        " name each of them"
    )
    data = Dataset("few", lambda place: None, task)  # type: ignore[arg-type, return-value]
    assert refused(mine=plugin(register_datasets=lambda: [data])).startswith(
        "plugin 'mine': dataset few: task: parameter 'rows': the default 'many' does not satisfy"
    )


@pytest.mark.parametrize("name", sorted(set(ROOTS) - {"model"}))
def test_no_option_may_have_the_name_of_a_setting(name: str) -> None:
    space: dict[str, Any] = {}
    exec(f"def build(task, *, {name}: int = 1): ...", space)

    assert refused(mine=models(Model("net", space["build"]))) == (
        f"plugin 'mine': model net: build: parameter {name!r} has the name of a setting:"
        " options may not be called so"
    )


def test_a_plugin_that_is_refused_leaves_nothing_behind(points: Callable[..., None]) -> None:
    points(
        a=plugin(
            register_models=lambda: [Model("net", net)],
            register_suites=lambda: [Suite("s", seeds=0)],
        ),
        b=models(Model("net", net)),
    )

    registry = load()

    assert registry.find("model", "net").plugin.name == "b"


def test_entry_points_are_loaded_in_order_of_their_names(points: Callable[..., None]) -> None:
    points(b=models(Model("y", net)), c=models(Model("z", net)), a=models(Model("x", net)))

    assert [each.name for each in load().plugins] == ["a", "b", "c"]


def broken_by_raising() -> list[Model]:
    raise RuntimeError("boom")


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (
            "absent_module",
            "cannot be imported: ModuleNotFoundError: No module named 'absent_module'",
        ),
        (
            plugin(register_models=broken_by_raising),
            "plugin 'broken': bench_register_models raised RuntimeError: boom",
        ),
        (
            models(Model("mlp", 5)),  # type: ignore[arg-type]  # what is tested
            "plugin 'broken': model mlp: build is 5, which is no function",
        ),
        (
            suites(Suite("s", base=5)),  # type: ignore[arg-type]  # what is tested
            "plugin 'broken': suite 's' (plugin broken): base must be a table, not 5",
        ),
        (
            suites(Suite(5)),  # type: ignore[arg-type]  # what is tested
            "plugin 'broken': suite 5 (plugin broken): a suite needs a name",
        ),
        (
            models(Model("kept", net)),
            "two models are called 'kept': of plugin 'alpha' and of plugin 'broken'",
        ),
        (
            ModuleType("empty"),
            "plugin 'broken' implements no hook: mark functions with @harness.hookimpl",
        ),
    ],
    ids=["absent", "raises", "definition", "suite", "suite name", "taken", "no hooks"],
)
def test_one_broken_entry_point_stops_no_other(
    points: Callable[..., None], module: object, told: str
) -> None:
    points(alpha=models(Model("kept", net)), broken=module, omega=models(Model("also_kept", net)))

    registry = load()

    assert registry.names("model") == ("also_kept", "kept")
    assert [(each.name, each.error) for each in registry.plugins] == [
        ("alpha", None),
        ("broken", told),
        ("omega", None),
    ]
    with pytest.raises(UnknownName) as caught:
        registry.find("model", "mlp")
    assert str(caught.value) == (
        f"unknown model 'mlp' (known: also_kept, kept); broken plugins: broken ({told})"
    )
    with pytest.raises(UnknownName, match="; broken plugins: broken"):
        registry.suite("s")


def test_an_entry_point_that_exits_stops_no_other(
    points: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made_to_exit.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    points(exits="made_to_exit", fine=models(Model("kept", net)))

    registry = load()

    assert registry.plugins[0].error == "cannot be imported: SystemExit: 3"
    assert registry.names("model") == ("kept",)


def test_two_entry_points_of_one_name_are_told_of(
    points: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "one_made", models(Model("x", net)))
    monkeypatch.setitem(sys.modules, "two_made", models(Model("y", net)))
    found = [EntryPoint("mine", each, "bench") for each in ("two_made", "one_made", "one_made")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found)

    registry = load()

    assert [(each.named, each.error) for each in registry.plugins] == [
        ("one_made", None),
        (
            "two_made",
            "two plugins are called 'mine': one_made and two_made;"
            " leave one out with -p no:NAME, or rename it",
        ),
    ]


def test_an_installed_package_is_found_with_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "bench_made-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-made\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[bench]\nmade = bench_made_package\n")
    (tmp_path / "bench_made_package.py").write_text(
        "from harness.plugin.definitions import Model\n"
        "from harness.plugin.hookspecs import hookimpl\n"
        "def net(task): ...\n"
        "@hookimpl\n"
        "def bench_register_models(): return [Model('made_net', net)]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    registry = load()

    made = registry.find("model", "made_net")
    assert (made.plugin.package, made.plugin.version) == ("bench-made", "1.2")
    assert made.plugin.origin == "made (bench-made 1.2)"
    assert made.source.startswith("made (bench-made 1.2) ")
    assert registry.find("model", "mlp").plugin.name == "builtin"


PLUGIN_FILE = """
from harness.plugin.definitions import Model
from harness.plugin.hookspecs import hookimpl

__version__ = "0.3"

def net(task): ...

@hookimpl
def bench_register_models():
    return [Model("of_a_file", net)]
"""


def test_a_plugin_is_named_by_module_or_by_file(
    points: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points()
    (tmp_path / "my_model.py").write_text(PLUGIN_FILE)
    monkeypatch.setitem(sys.modules, "made.module", models(Model("of_a_module", net)))

    registry = load(["my_model.py", "made.module"], tmp_path)

    assert registry.names("model") == ("of_a_file", "of_a_module")
    assert [(each.name, each.named, each.version) for each in registry.plugins] == [
        ("my_model", "my_model.py", "0.3"),
        ("made.module", "made.module", None),
    ]
    assert registry.plugins[0].origin == "my_model (0.3)"
    assert registry.plugins[1].origin == "made.module"


def test_a_plugin_that_is_named_twice_is_loaded_once(
    points: Callable[..., None], tmp_path: Path
) -> None:
    points(alpha=models(Model("kept", net)))
    (tmp_path / "twice.py").write_text(PLUGIN_FILE)

    registry = load(["twice.py", "./twice.py", str(tmp_path / "twice.py"), "made_alpha"], tmp_path)

    assert [each.name for each in registry.plugins] == ["alpha", "twice"]


def test_files_of_one_name_in_two_folders_are_refused_naming_both(
    points: Callable[..., None], tmp_path: Path
) -> None:
    points()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text(PLUGIN_FILE)

    with pytest.raises(PluginError) as caught:
        load(["a/same.py", "b/same.py"], tmp_path)
    assert str(caught.value) == (
        "two plugins are called 'same': a/same.py and b/same.py;"
        " leave one out with -p no:NAME, or rename it"
    )


def test_a_named_plugin_that_is_absent_or_fails_is_an_error(
    points: Callable[..., None], tmp_path: Path
) -> None:
    points()
    (tmp_path / "raises_made.py").write_text("1 / 0")
    (tmp_path / "file_made.py").write_text("")
    folders = list(sys.path)
    (tmp_path / "my_model.py").write_text(PLUGIN_FILE)

    told = {}
    for named in ("absent_module", "my_modle.py", "raises_made.py", "file_made"):
        with pytest.raises(PluginError) as caught:
            load([named], tmp_path)
        told[named] = str(caught.value)
    assert sys.path == folders

    assert told == {
        "absent_module": "plugin absent_module: cannot be imported: ModuleNotFoundError:"
        " No module named 'absent_module'",
        "my_modle.py": f"plugin my_modle.py: there is no such file ({tmp_path}/my_modle.py):"
        " did you mean 'my_model.py'?",
        "raises_made.py": "plugin raises_made.py: cannot be imported: ZeroDivisionError:"
        " division by zero",
        "file_made": "plugin file_made: cannot be imported: ModuleNotFoundError: No module"
        " named 'file_made'; a file is named with its ending: -p file_made.py",
    }


def test_a_folder_that_was_on_the_path_stays_there(
    points: Callable[..., None], tmp_path: Path
) -> None:
    points()
    (tmp_path / "raises.py").write_text("raise OSError('no disk')")
    (tmp_path / "beside.py").write_text(PLUGIN_FILE)
    sys.path.append(str(tmp_path))

    load(["beside.py"], tmp_path)
    with pytest.raises(PluginError, match=r"OSError: no disk$"):
        load(["raises.py"], tmp_path)

    assert sys.path.count(str(tmp_path)) == 1


def test_a_named_plugin_that_breaks_the_interface_is_an_error(
    points: Callable[..., None], tmp_path: Path
) -> None:
    points()
    (tmp_path / "hookless.py").write_text("")

    with pytest.raises(PluginError) as caught:
        load(["hookless.py"], tmp_path)
    assert str(caught.value) == (
        "plugin 'hookless' implements no hook: mark functions with @harness.hookimpl"
    )


def test_no_leaves_a_plugin_out_however_it_was_named(
    points: Callable[..., None], tmp_path: Path
) -> None:
    points(alpha=models(Model("x", net)), be_ta="absent_module")
    (tmp_path / "my_model.py").write_text(PLUGIN_FILE)

    registry = load(["my_model.py", "no:Alpha", "no:be-ta", "no:my_model"], tmp_path)

    assert registry.plugins == ()


def test_a_plugin_of_a_taken_name_can_be_used_by_leaving_the_other_out(
    points: Callable[..., None], tmp_path: Path
) -> None:
    points(one=models(Model("net", net)), two=models(Model("net", net)))

    assert load(["no:one"]).find("model", "net").plugin.name == "two"


def test_leaving_out_what_is_not_there_is_an_error(points: Callable[..., None]) -> None:
    points(builtin=models(Model("x", net)))

    with pytest.raises(PluginError) as caught:
        load(["no:bulitin"])
    assert str(caught.value) == (
        "-p no:bulitin: unknown plugin 'bulitin': did you mean 'builtin'? (known: builtin)"
    )


def test_observers_see_a_record_and_what_they_raise_is_told() -> None:
    seen = []

    def raises(record: Record) -> None:
        raise ValueError("no space")

    def leaves(record: Record) -> None:
        raise SystemExit(1)

    registry = registry_of(
        a=plugin(trial_finished=raises),
        b=plugin(trial_finished=lambda record: seen.append(record.key)),
        c=plugin(trial_finished=leaves),
    )

    told = registry.finished(RECORD, Path())

    assert seen == [RECORD.key]
    assert told == [
        "plugin 'a': bench_trial_finished: ValueError: no space",
        "plugin 'c': bench_trial_finished: SystemExit: 1",
    ]


def test_broken_plugins_observe_nothing(points: Callable[..., None]) -> None:
    points(broken="absent_module")

    assert load().finished(RECORD, Path()) == []


def test_a_function_of_a_definition_gets_the_options_that_it_names() -> None:
    def accepts(task: Task, *, dropout: float = 0.0) -> str:
        return f"{task} {dropout}"

    entry = registry_of(mine=models(Model("net", net, accepts))).find("model", "net")

    assert entry.call(accepts, "t", hidden=(3,), dropout=0.5) == "t 0.5"


def test_an_error_of_a_definition_is_told_with_its_plugin() -> None:
    def accepts(task: Task) -> None:
        raise KeyError("shape")

    def refuses(task: Task) -> None:
        raise BenchError("not here")

    entry = registry_of(mine=models(Model("net", net, accepts))).find("model", "net")

    with pytest.raises(PluginError) as caught:
        entry.call(accepts, None)
    assert str(caught.value) == (
        "plugin 'mine': model 'net': test_an_error_of_a_definition_is_told_with_its_plugin.<locals>"
        ".accepts raised KeyError: 'shape'"
    )
    with pytest.raises(BenchError, match=r"^not here$"):
        entry.call(refuses, None)


def test_the_source_of_a_definition_is_a_digest_of_its_file() -> None:
    here = registry_of(mine=models(Model("net", net))).find("model", "net")
    elsewhere = registry_of(renamed=bench_builtin).find("model", "mlp")
    space: dict[str, Any] = {}
    exec("def build(task): ...", space)
    nowhere = registry_of(mine=models(Model("net", space["build"]))).find("model", "net")

    assert here.source.split()[0] == "mine"
    assert len(here.source.split()[1]) == 12
    assert here.source.split()[1] != elsewhere.source.split()[1]
    in_c = plugin(register_schedules=lambda: [Schedule("magnitude", abs)])
    assert nowhere.source == "mine -"
    assert registry_of(mine=in_c).find("schedule", "magnitude").source == "mine -"


def test_loading_the_plugins_imports_no_torch() -> None:
    code = (
        "import sys; from harness.plugin.registry import load; load();"
        " print('torch' in sys.modules)"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert answer.stdout == "False\n"


def test_an_empty_registry_knows_nothing() -> None:
    assert Registry(()).names("model") == ()
    assert Registry(()).broken() == ""

"""What a user sees after a mistake: exit 2, one line on stderr, nothing on stdout, and no torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import bench as group
from harness.numbers.metrics import MEANINGS
from harness.plugin.registry import load

REGISTRY = load(())


def known(names: Iterable[str]) -> str:
    """List what is known as messages do: twelve names of the catalog, which grows, and a count."""
    found = sorted(set(names))
    most = f", ... ({len(found)} in all)" if len(found) > 12 else ""
    return f"(known: {', '.join(found[:12])}{most})"


MODELS = known(REGISTRY.names("model"))
SUITES = known(REGISTRY.names("suite"))
METRICS = (*MEANINGS, *REGISTRY.names("metric"))
INITIALIZERS = known(REGISTRY.names("initializer"))
KINDS = (
    "(known: activations, datasets, initializers, losses, metrics, models, optimizers, procedures,"
    " runs, schedules, suites)"
)
HOOKS = (
    "(known: bench_register_activations, bench_register_datasets, bench_register_initializers,"
    " bench_register_losses, bench_register_metrics, bench_register_models,"
    " bench_register_optimizers, bench_register_procedures, bench_register_schedules,"
    " bench_register_suites, bench_trial_finished)"
)
RUN_OPTIONS = (
    "(known: --adaptive, --check, --data-root, --file, --format, --in-process, --jobs,"
    " --keep-weights, --metrics, --plan-seed, --report, --results, ... (16 in all))"
)


def run(settings: str) -> tuple[str, ...]:
    return ("run", *settings.split())


def on_smoke(settings: str) -> tuple[str, ...]:
    return ("run", "--suite", "smoke", *settings.split())


UNKNOWN_NAMES = {
    ("run", "--suite", "intt"): f"unknown suite 'intt': did you mean 'init'? {SUITES}",
    ("plan", "--suite", "nope"): f"unknown suite 'nope' {SUITES}",
    run("model=mpl"): f"unknown model 'mpl': did you mean 'mlp'? {MODELS}",
    run("model=mlp[hiden=[8]] optimizer=sgd"): (
        "model mlp has no option 'hiden' (model.hiden): did you mean 'hidden'?"
        " (known: activation, dropout, hidden)"
    ),
    run("model=mlp optimizer=sgd model.hiden=8"): (
        "unknown address 'model.hiden': did you mean 'model.hidden'?"
        " (known: model.activation, model.dropout, model.hidden)"
    ),
    run("model=mlp optimizer=sgd hiden=8"): (
        "unknown address 'hiden': did you mean 'hidden'? (known: activation, batch_size, bias_init,"
        " crop, dampening, dataset, dataset.crop, dataset.flip, decay_bias, device, dropout,"
        " epochs, ... (48 in all))"
    ),
    run("model=linear epoch=3"): (
        "unknown address 'epoch': did you mean 'epochs'? (known: batch_size, bias, bias_init,"
        " crop, dataset, dataset.crop, dataset.flip, device, epochs, flip, folds, init,"
        " ... (32 in all))"
    ),
    run("modle=mlp"): (
        "unknown address 'modle': did you mean 'model'? (known: batch_size, bias_init, crop,"
        " dataset, dataset.crop, dataset.flip, device, epochs, flip, folds, init,"
        " label_smoothing, ... (30 in all))"
    ),
    on_smoke("metrics=test_acuracy"): (
        f"metrics: unknown metric 'test_acuracy': did you mean 'test_accuracy'? {known(METRICS)}"
    ),
    on_smoke("--metrics test_acuracy"): (
        "unknown metric 'test_acuracy': did you mean 'test_accuracy'?"
        f" {known((*MEANINGS, 'memory'))}"
    ),
    on_smoke("dataset=digts"): (
        f"unknown dataset 'digts': did you mean 'digits'? {known(REGISTRY.names('dataset'))}"
    ),
    on_smoke("optimizer=sdg"): (
        f"unknown optimizer 'sdg': did you mean 'sgd'? {known(REGISTRY.names('optimizer'))}"
    ),
    on_smoke("schedule=cosin"): (
        "unknown schedule 'cosin': did you mean 'cosine'? (known: constant, cosine, exponential,"
        " linear, polynomial, step, warmup_cosine)"
    ),
    on_smoke("procedure=trian"): (
        f"unknown procedure 'trian': did you mean 'train'? {known(REGISTRY.names('procedure'))}"
    ),
    on_smoke("loss=cross_entropi"): (
        "unknown loss 'cross_entropi': did you mean 'cross_entropy'?"
        f" {known(REGISTRY.names('loss'))}"
    ),
    on_smoke("init=xavier"): (
        f"unknown initializer 'xavier': did you mean 'xavier_normal'? {INITIALIZERS}"
    ),
    on_smoke("init={*=xavier}"): (
        f"unknown initializer 'xavier': did you mean 'xavier_normal'? {INITIALIZERS}"
    ),
    run("model=mlp optimizer=sgd activation=rellu"): (
        f"unknown activation 'rellu': did you mean 'relu'? {known(REGISTRY.names('activation'))}"
    ),
    run("model=mlp optimizer=sgd activation=leaky_relu[slope=1]"): (
        "activation leaky_relu has no option 'slope' (model.activation.slope):"
        " did you mean 'negative_slope'? (known: negative_slope)"
    ),
    ("list", "modles"): f"unknown kind 'modles': did you mean 'models'? {KINDS}",
    ("describe", "modl:mlp"): f"unknown kind 'modl': did you mean 'models'? {KINDS}",
    ("describe", "model:mpl"): f"unknown model 'mpl': did you mean 'mlp'? {MODELS}",
    ("plugins", "-p", "no:biultin"): (
        "-p no:biultin: unknown plugin 'biultin': did you mean 'builtin'? (known: builtin)"
    ),
    ("data", "fetch", "mnits"): (
        f"unknown dataset 'mnits': did you mean 'mnist'? {known(REGISTRY.names('dataset'))}"
    ),
    ("predict", "nope"): "there are no runs in results: `bench run --suite smoke` makes one",
    ("show", "nope"): "there are no runs in results: `bench run --suite smoke` makes one",
    ("resume", "nope"): "there are no runs in results: `bench run --suite smoke` makes one",
}

VALUES = {
    on_smoke("epochs=many"): "epochs=many does not fit the protocol: expected `int`, got `str`",
    on_smoke("epochs=0"): "epochs=0 does not fit the protocol: expected `int` >= 1",
    on_smoke("epochs=1.5"): "epochs=1.5 does not fit the protocol: expected `int`, got `float`",
    on_smoke("timeout_s=0"): "timeout_s=0 does not fit the protocol: expected `float` > 0.0",
    on_smoke(
        "device=gpu"
    ): "device=gpu does not fit the protocol: expected cpu, cuda, cuda:N or mps",
    on_smoke("precision=half"): (
        "precision=half does not fit the protocol: invalid enum value 'half'"
        " (known: float32, float64, bfloat16)"
    ),
    on_smoke("optimizer.lr=fast"): (
        "optimizer.lr=fast does not fit optimizer sgd: expected `float`, got `str`"
    ),
    on_smoke("lr=-1"): "optimizer.lr=-1 does not fit optimizer sgd: expected `float` >= 0.0",
    run("model=mlp optimizer=sgd dropout=1.5"): (
        "model.dropout=1.5 does not fit model mlp: expected `float` < 1.0"
    ),
    run("model=mlp optimizer=sgd hidden=wide"): (
        "model.hidden=wide does not fit model mlp: expected `array`, got `str`:"
        " a list is written [wide]"
    ),
    on_smoke("init=none"): (
        "init=none is not possible: only model, dataset, optimizer, loss may be none; try as_built"
    ),
    on_smoke("epochs=1 epochs=2"): "epochs is given twice on the command line",
    run("model=mlp"): (
        "training needs optimizer=NAME (bench list optimizers shows them),"
        " since model mlp has no step of its own"
    ),
    run("optimizer=sgd"): (
        "training needs a model: give model=NAME (bench list models shows them)"
    ),
    on_smoke("dataset=none"): (
        "training needs data: give dataset=NAME (bench list datasets shows them)"
    ),
    on_smoke("--seeds 0"): "seeds='0' plans no seed: give a number from 1, FIRST:END, or a list",
    on_smoke(
        "--seeds 5:5"
    ): "seeds='5:5' plans no seed: give a number from 1, FIRST:END, or a list",
    on_smoke("--seeds x"): "seeds='x' is neither a number, FIRST:END nor a list of numbers",
    on_smoke("--seeds=-1"): "seeds='-1' is neither a number, FIRST:END nor a list of numbers",
    on_smoke("--seeds 1,1"): (
        "seeds='1,1' has a negative seed, or one twice: seeds are different from 0 on"
    ),
    ("run",): f"nothing to run: give --suite NAME {SUITES} or settings, ADDRESS=VALUE",
}

FORMS = {
    ("runn",): (f"unknown command 'runn': did you mean 'run'? {known(group.commands)}"),
    ("data", "lst"): "unknown command 'lst': did you mean 'list'? (known: fetch, list)",
    ("data", "fetch"): "fetch: missing argument 'NAME'.",
    ("predict",): "predict: missing argument 'RUN'.",
    ("predict", "x", "init"): ("'init' is no level of a case: write ADDRESS=LEVEL,ADDRESS=LEVEL"),
    ("-x",): ("bench has no option '-x' (known: --data-root, --results, --version, -p)"),
    ("run", "--sute", "x"): f"run has no option '--sute': did you mean '--suite'? {RUN_OPTIONS}",
    ("run", "--suite"): "Option '--suite' requires an argument.",
    on_smoke("--jobs 0"): "run: invalid value for '--jobs': 0 is not in the range x>=1.",
    ("show", "--format", "xml"): (
        "show: invalid value for '--format': 'xml' is not one of 'table', 'markdown', 'latex',"
        " 'csv', 'json'."
    ),
    ("describe",): "describe: missing argument 'NAME'.",
    ("show", "one", "two"): "show: got unexpected extra argument (two)",
    run("model=mlp[hidden=[8"): (
        "model: 'mlp[hidden=[8' is no level: ',' or ']' is wanted where the end stands"
    ),
    on_smoke("epochs=1,"): "epochs: '1,' is no level: a level is wanted where the end stands",
    on_smoke("epochs="): "'epochs=' has no level: write epochs=VALUE or epochs=V1,V2",
    on_smoke("epochs"): (
        "'epochs' is no setting: write ADDRESS=VALUE, for example model.dropout=0,0.5;"
        " a suite is named by --suite"
    ),
    on_smoke("=3"): "'' is no address: write NAME or NAME.OPTION, for example model.dropout",
}

FILES = {
    "[suites.a": (
        "{folder}/bench.toml is no TOML:"
        " Expected ']' at the end of a table declaration (at end of document)"
    ),
    "[suites.a]\nseed = 3": (
        "suite 'a' ({folder}/bench.toml): unknown key 'seed': did you mean 'seeds'? (known: base,"
        " baseline, columns, design, exclude, expect, factors, include, margins, seeds, summary,"
        " together)"
    ),
    "[suite.a]\nseeds = 3": (
        "{folder}/bench.toml: unknown key 'suite': did you mean 'suites'? (known: plugins, suites)"
    ),
    "[suites.a]\nseeds = 0": (
        "suite 'a' ({folder}/bench.toml):"
        " seeds=0 plans no seed: give a number from 1, FIRST:END, or a list"
    ),
    "[suites.a]\nfactors = { init = [] }": (
        "suite 'a' ({folder}/bench.toml): the factor init has no levels: give at least one"
    ),
    "[suites.a]\nbase = { modl = 'mlp' }": (
        "suite 'a' ({folder}/bench.toml): unknown address 'modl': did you mean 'model'?"
        " (known: batch_size, bias_init, dataset, device, epochs, folds, init, loading, loss,"
        " memory_limit, metrics, model, ... (22 in all))"
    ),
    "[suites.a]\nbase = { 'model.hidden' = '[8' }": (
        "suite 'a' ({folder}/bench.toml): base: model.hidden:"
        " '[8' is no level: ',' or ']' is wanted where the end stands"
    ),
    "[suites.a]\nbase = { model = 'mlp', optimizer = 'sgd' }\n"
    "factors = { init = ['xavier_uniform', 'zeros'] }\n"
    "expect = [{ metric = 'accuracy', min = 1 }]": (
        "suite 'a': expect: unknown metric 'accuracy': did you mean 'test_accuracy'?"
        f" {known(METRICS)}"
    ),
    "plugins = ['gone.py']": "plugin {folder}/gone.py: there is no such file ({folder}/gone.py)",
}

MODEL = """
from harness import Model, hookimpl

def net(task{options}):
    pass

@hookimpl
def bench_register_models():
    return {answer}
"""


def model_file(options: str = "", answer: str = '[Model("net", net)]') -> str:
    return MODEL.format(options=options, answer=answer)


PLUGINS = {
    "raise RuntimeError('broken\\nin two lines')": (
        r"plugin {file}: cannot be imported: RuntimeError: broken\nin two lines"
    ),
    "import sys\nsys.exit('no')": "plugin {file}: cannot be imported: SystemExit: no",
    "def (": "plugin {file}: cannot be imported: SyntaxError: invalid syntax (mine.py, line 1)",
    "x = 1": "plugin 'mine' implements no hook: mark functions with @harness.hookimpl",
    model_file().replace("models", "modles"): (
        "plugin 'mine': unknown hook 'bench_register_modles':"
        f" did you mean 'bench_register_models'? {HOOKS}"
    ),
    model_file(answer="{'net': 3}"): (
        "plugin 'mine': bench_register_models returned {'net': 3}, which is no list"
    ),
    model_file(answer="42"): "plugin 'mine': bench_register_models returned 42, which is no list",
    model_file(answer="[42]"): (
        "plugin 'mine': bench_register_models returned 42, which is no Model"
    ),
    model_file(answer="1 / 0"): (
        "plugin 'mine': bench_register_models raised ZeroDivisionError: division by zero"
    ),
    model_file(answer='[Model("mlp", net)]'): (
        "two models are called 'mlp': of plugin 'builtin' and of plugin 'mine'"
    ),
    model_file(answer='[Model("net", net), Model("net", net)]'): (
        "two models are called 'net': of plugin 'mine' and of plugin 'mine'"
    ),
    model_file(answer='[Model("a net", net)]'): (
        "plugin 'mine': a model is called 'a net': a name has letters, digits, '_', '-' and '.',"
        " and starts with a letter"
    ),
    model_file(answer='[Model("net", 3)]'): (
        "plugin 'mine': model net: build is 3, which is no function"
    ),
    model_file(", *, width=8"): (
        "plugin 'mine': model net: build: parameter 'width' has no annotation:"
        " the signature is the schema"
    ),
    model_file(", *, width: 'Wide' = 8"): (
        "plugin 'mine': model net: build: the annotation of parameter 'width' cannot be read:"
        " name 'Wide' is not defined"
    ),
    model_file(", *, width: int = 'wide'"): (
        "plugin 'mine': model net: build: parameter 'width': the default 'wide' does not satisfy"
        " its annotation: Expected `int`, got `str`"
    ),
    model_file(", *, width: list[int] = [8]"): (
        "plugin 'mine': model net: build: parameter 'width': the default [8] can be changed in"
        " place: use a tuple or None"
    ),
    model_file(", *, epochs: int = 8"): (
        "plugin 'mine': model net: build: parameter 'epochs' has the name of a setting:"
        " options may not be called so"
    ),
    model_file(", **options"): (
        "plugin 'mine': model net: build: parameter '**options' hides the options: name each of"
        " them"
    ),
    model_file(", width: int = 8"): (
        "plugin 'mine': model net: build: parameter 'width' is not keyword-only: options stand"
        " behind a '*'"
    ),
}


def assert_told(ended: Any, message: str) -> None:
    assert ended.err == f"bench: {message}\n"
    assert ended.out == ""
    assert ended.code == 2
    assert ended.torch is False


def words(arguments: object) -> str:
    return (
        " ".join(arguments) if isinstance(arguments, tuple) else re.sub(r"\s+", " ", str(arguments))
    )


def table(messages: dict[Any, str]) -> Callable[..., Any]:
    return pytest.mark.parametrize(
        ("given", "message"),
        messages.items(),
        ids=[words(each)[-60:] for each in messages],
    )


@table(UNKNOWN_NAMES)
def test_an_unknown_name_is_told_with_the_nearest(
    bench: Callable[..., Any], given: tuple[str, ...], message: str
) -> None:
    assert_told(bench(*given), message)


@table(VALUES)
def test_a_value_that_does_not_fit_is_told_with_who_refuses_it(
    bench: Callable[..., Any], given: tuple[str, ...], message: str
) -> None:
    assert_told(bench(*given), message)


@table(FORMS)
def test_an_error_of_form_is_told_before_any_plugin_is_loaded(
    bench: Callable[..., Any], tmp_path: Path, given: tuple[str, ...], message: str
) -> None:
    (tmp_path / "bench.toml").write_text("plugins = ['spy.py']")
    (tmp_path / "spy.py").write_text("open('loaded', 'w').close()")

    ended = bench(*given)

    assert_told(ended, message)
    assert not (tmp_path / "loaded").exists()


@table(FILES)
def test_a_mistake_in_a_file_is_told_with_the_file(
    bench: Callable[..., Any], tmp_path: Path, given: str, message: str
) -> None:
    (tmp_path / "bench.toml").write_text(given)

    assert_told(bench("run", "--suite", "a"), message.replace("{folder}", str(tmp_path)))


@table(PLUGINS)
def test_a_plugin_that_breaks_the_interface_is_told_by_name(
    bench: Callable[..., Any], tmp_path: Path, given: str, message: str
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(given)

    assert_told(bench(*on_smoke("-p mine.py")), message.replace("{file}", str(file)))


def test_a_baseline_that_is_in_no_case_is_refused(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "bench.toml").write_text(
        "[suites.a]\nbase = { model = 'mlp', optimizer = 'sgd' }\n"
        "factors = { init = ['xavier_uniform', 'zeros'] }\nbaseline = { init = 'normal' }"
    )

    ended = bench("run", "--suite", "a")

    assert ended.err.startswith("bench: suite 'a': baseline init=normal is in no case")
    assert (ended.code, ended.out, ended.torch, ended.err.count("\n")) == (2, "", False, 1)


def test_an_unknown_key_of_an_expectation_is_refused(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "bench.toml").write_text("[suites.a]\nexpect = [{ metrc = 'test_loss', min = 1 }]")

    ended = bench("run", "--suite", "a")

    assert ended.err.startswith(f"bench: suite 'a' ({tmp_path}/bench.toml): expect: ")
    assert "metrc" in ended.err
    assert (ended.code, ended.out, ended.torch, ended.err.count("\n")) == (2, "", False, 1)


def test_an_option_of_a_misspelt_root_is_an_unknown_address(bench: Callable[..., Any]) -> None:
    ended = bench("run", "modle.hidden=3")

    assert ended.err.startswith("bench: unknown address 'modle.hidden'")
    assert (ended.code, ended.out, ended.torch, ended.err.count("\n")) == (2, "", False, 1)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_a_number_that_is_not_finite_is_no_level(bench: Callable[..., Any], value: str) -> None:
    ended = bench(*on_smoke(f"lr={value}"))

    assert ended.err.startswith("bench: ")
    assert f"{value} is no level: numbers must be finite" in ended.err
    assert (ended.code, ended.out, ended.torch, ended.err.count("\n")) == (2, "", False, 1)


def test_an_absent_file_is_told_with_its_path(bench: Callable[..., Any], tmp_path: Path) -> None:
    ended = bench("run", "--file", "gone.toml", "--suite", "a")

    assert_told(ended, f"{tmp_path}/gone.toml cannot be read: No such file or directory")


def test_an_absent_plugin_file_is_told_with_the_nearest_one_beside_it(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "my_model.py").touch()

    path = tmp_path / "my_modle.py"
    assert_told(
        bench(*on_smoke("-p my_modle.py")),
        f"plugin {path}: there is no such file ({path}): did you mean 'my_model.py'?",
    )


def test_an_absent_plugin_module_is_told(bench: Callable[..., Any]) -> None:
    assert_told(
        bench(*on_smoke("-p bench_nowhere")),
        "plugin bench_nowhere: cannot be imported:"
        " ModuleNotFoundError: No module named 'bench_nowhere'",
    )


def test_a_file_that_is_named_without_its_ending_is_told_how(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "bench_mine.py").touch()

    assert_told(
        bench(*on_smoke("-p bench_mine")),
        "plugin bench_mine: cannot be imported: ModuleNotFoundError: No module named 'bench_mine';"
        " a file is named with its ending: -p bench_mine.py",
    )


def test_two_plugins_with_one_name_are_refused_naming_both(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "builtin.py"
    file.write_text(model_file())

    assert_told(
        bench(*on_smoke("-p builtin.py")),
        f"two plugins are called 'builtin': bench_builtin and {file};"
        " leave one out with -p no:NAME, or rename it",
    )


def test_an_unknown_run_is_told_with_those_that_are_there(
    bench: Callable[..., Any], smoke: Any
) -> None:
    known = f"(known: {smoke.folder.name}, smoke)"

    assert_told(
        bench("show", "smok", cwd=smoke.cwd),
        f"unknown run 'smok': did you mean 'smoke'? {known}",
    )
    assert_told(bench("resume", "x", cwd=smoke.cwd), f"unknown run 'x' {known}")


def test_a_column_that_no_trial_has_is_refused(bench: Callable[..., Any], smoke: Any) -> None:
    for command in ("show", "resume"):
        ended = bench(command, "--metrics", "nope", cwd=smoke.cwd)

        assert_told(ended, f"unknown metric 'nope' {known((*MEANINGS, 'memory'))}")


def test_results_that_cannot_be_written_are_told_before_anything_is_trained(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "taken").touch()

    assert_told(
        bench(*on_smoke("--results taken")), "taken/smoke cannot hold a run: Not a directory"
    )


def test_a_mistake_leaves_no_run_behind(bench: Callable[..., Any], tmp_path: Path) -> None:
    bench(*on_smoke("model=mpl"))

    assert list(tmp_path.iterdir()) == []


BROKEN = """
Name: bench-broken
Version: 1.2
Metadata-Version: 2.1
"""


def test_a_broken_plugin_of_an_entry_point_stops_no_other_and_is_shown(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    info = tmp_path / "site" / "bench_broken-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(BROKEN.lstrip())
    (info / "entry_points.txt").write_text("[bench]\nbroken = bench_broken\n")
    (tmp_path / "site" / "bench_broken.py").write_text("raise OSError('no disk')")
    env = {"PYTHONPATH": str(tmp_path / "site")}

    plan = bench("plan", "--suite", "smoke", env=env)
    shown = bench("plugins", env=env)
    unknown = bench("run", "model=mpl", env=env)

    assert plan.code == shown.code == 0
    assert re.search(
        r"broken +bench-broken +1\.2 +broken: cannot be imported: OSError: no disk", shown.out
    )
    assert_told(
        unknown,
        f"unknown model 'mpl': did you mean 'mlp'? {MODELS};"
        " broken plugins: broken (cannot be imported: OSError: no disk)",
    )

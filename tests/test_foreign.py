"""A plugin's metric, loss, data and suite do all that built-in ones do: table, JSON, gate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness

PLUGIN = '''
from pathlib import Path

from harness import Data, Dataset, Loss, Metric, Model, Split, Suite, Task, hookimpl

HERE = Path(__file__).parent


def points_task():
    return Task("classification", (2,), 2)


def load_points(place):
    """Read points of two classes from the data root."""
    import torch

    rows = [line.split(",") for line in (place.root / "points.csv").read_text().splitlines()]
    inputs = torch.tensor([[float(x), float(y)] for x, y, _ in rows])
    return Data(Split((inputs,), torch.tensor([int(label) for *_, label in rows])))


def line(task, *, blurred: bool = False):
    """Build a linear model; blurred, its outputs are nearly alike."""
    import torch
    from torch import nn

    class Blur(nn.Module):
        def forward(self, inputs):
            return inputs * 0.01

    layers = [nn.Linear(task.features, task.outputs), *([Blur()] if blurred else [])]
    return nn.Sequential(*layers)


def tempered(*, heat: float = 1.0):
    """Take the cross-entropy of cooled outputs."""
    from torch import nn

    class Tempered(nn.CrossEntropyLoss):
        def forward(self, outputs, targets):
            return super().forward(outputs / heat, targets)

    return Tempered()


def confidence(trained):
    """Measure the mean probability of the class that is predicted, on the test split."""
    import torch

    with torch.no_grad():
        return float(trained.model(*trained.data.test.inputs).softmax(1).amax(1).mean())


@hookimpl
def bench_register_models():
    return [Model("line", line)]


@hookimpl
def bench_register_datasets():
    return [Dataset("points", load_points, points_task, holdout=0.25)]


@hookimpl
def bench_register_losses():
    return [Loss("tempered", tempered, lambda outputs: outputs.argmax(1))]


@hookimpl
def bench_register_metrics():
    return [Metric("confidence", "1", "higher", 0.02, confidence, step=0.001)]


@hookimpl
def bench_register_suites():
    base = {"dataset": "points", "model": "line", "optimizer": "sgd[lr=0.5]", "epochs": 3}
    return [
        Suite(
            "sure",
            "How sure is a line of what it says?",
            base={**base, "loss": "tempered", "metrics": ["confidence"]},
            factors={"loss.heat": [1, 2]},
            seeds=3,
            columns=["confidence", "test_accuracy"],
            margins={"confidence": 0.05},
            expect=[{"metric": "confidence", "min": 0.6}],
        )
    ]
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("foreign")
    (place / "foreign.py").write_text(PLUGIN)
    points = [(k % 2 * 2 - 1 + k / 400, k % 7 / 7, k % 2) for k in range(120)]
    (place / "points.csv").write_text("".join(f"{x},{y},{label}\n" for x, y, label in points))
    return place


def run(folder: Path, *settings: str) -> harness.Run:
    return harness.run(
        "sure",
        *settings,
        plugins=[str(folder / "foreign.py")],
        data_root=folder,
        results=folder / "results",
        quiet=True,
    )


@pytest.fixture(scope="module")
def sharp(folder: Path) -> harness.Run:
    return run(folder)


@pytest.fixture(scope="module")
def blurred(folder: Path) -> harness.Run:
    return run(folder, "blurred=true")


def test_the_table_has_the_metric_and_judges_it_by_the_suite_s_margin(sharp: harness.Run) -> None:
    header, *_ = sharp.table().splitlines()

    assert header.split() == ["heat", "confidence", "test_accuracy", "status"]
    assert "margins: confidence 0.05, test_accuracy 1 point" in sharp.table()


def test_the_json_has_its_unit_direction_and_values(sharp: harness.Run) -> None:
    document = sharp.document()
    figures = document["cases"][0]["metrics"]["confidence"]

    assert (figures["unit"], figures["direction"], figures["n"]) == ("1", "higher", 3)
    assert all(0.6 < each <= 1 for each in figures["values"].values())
    [compared] = [each for each in document["comparisons"] if each["metric"] == "confidence"]
    assert compared["verdict"] in {"better", "worse", "same", "undecided"}


def test_an_expectation_on_it_holds_or_fails_as_its_figures_say(
    sharp: harness.Run, blurred: harness.Run
) -> None:
    assert [each["outcome"] for each in sharp.document()["expectations"]] == ["holds"]
    assert [each["outcome"] for each in blurred.document()["expectations"]] == ["fails"]


def test_a_gate_of_stored_runs_ends_with_1_where_it_is_worse(
    bench: Callable[..., Any], folder: Path, sharp: harness.Run, blurred: harness.Run
) -> None:
    for stored in (sharp, blurred):  # one code in two versions: the same settings
        for name in ("run.json", "trials.jsonl"):
            path = stored.folder / name
            path.write_text(
                path.read_text().replace('"model.blurred":true', '"model.blurred":false')
            )

    ended = bench("gate", sharp.folder, blurred.folder, "--format", "json", cwd=folder)

    worse = {each["metric"] for each in ended.json["gated"] if each["regression"]}
    assert (ended.code, "confidence" in worse) == (1, True), ended.err

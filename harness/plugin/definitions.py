"""What plugins hand over, and what their functions are given.

Options are the keyword-only parameters of a definition's function: the signature is the schema.
Nothing here imports torch; the names of its types stand in annotations only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from harness.errors import SettingError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

ActivationName: TypeAlias = Annotated[str, Meta(extra={"names": "activation"})]
"""The type of an option that names an activation: `relu`, `leaky_relu[negative_slope=0.1]`."""

Kind: TypeAlias = Literal["classification", "binary", "regression", "sequence"]
Direction: TypeAlias = Literal["higher", "lower"]
Scale: TypeAlias = Literal["difference", "ratio"]


class Model(Struct, frozen=True):
    """A network.

    Args:
        name: What `model=NAME` says.
        build: `build(task, *, ...) -> nn.Module`. Called after the generators are seeded.
        accepts: `accepts(task, *, ...) -> str | None`, free of torch: why this model cannot have
            that task.
        step: `step(workload, batch) -> StepResult`, where the lesson is the step; optimizer and
            loss may then be none.
        preload: Modules to import once a sweep, before any trial.
    """

    name: str
    build: Callable[..., nn.Module]
    accepts: Callable[..., str | None] | None = None
    step: Callable[[Workload, Batch], StepResult] | None = None
    preload: tuple[str, ...] = ()


class Dataset(Struct, frozen=True):
    """Data for a task.

    Args:
        name: What `dataset=NAME` says.
        load: `load(place, *, ...) -> Data`.
        task: `task(*, ...) -> Task`, free of torch.
        seeded: Made data: loaded for each seed. Otherwise loaded once a sweep and shared by all
            trials.
        holdout: Share of `train` to test on, split by the trial's seed, where `load` gives no test
            split. None: there are no test metrics then.
        preload: Modules to import once a sweep, before any trial.
        absent: `absent(place, *, ...) -> str | None`, free of torch: why the data is not here, and
            how to get it; a trial is then skipped. None: it needs no download.
        files: `files(place, *, ...) -> Sequence[Path]`, free of torch: what `load` reads, for
            `bench data list`.
    """

    name: str
    load: Callable[..., Data]
    task: Callable[..., Task]
    seeded: bool = False
    holdout: float | None = None
    preload: tuple[str, ...] = ()
    absent: Callable[..., str | None] | None = None
    files: Callable[..., Sequence[Path]] | None = None


class Optimizer(Struct, frozen=True):
    """A rule to step by: `build(model, *, ...) -> torch.optim.Optimizer`.

    It gets the model, not its parameters, so that it can spare some of them from decay. An
    optimizer with an attribute `batch_size` finds the size of the current batch there before each
    step.
    """

    name: str
    build: Callable[..., torch.optim.Optimizer]
    preload: tuple[str, ...] = ()


class Schedule(Struct, frozen=True):
    """A course of the learning rate: `factor(progress, *, ...) -> float`, progress from 0 to 1."""

    name: str
    factor: Callable[..., float]


class Activation(Struct, frozen=True):
    """A function between layers: `build(*, ...) -> nn.Module`."""

    name: str
    build: Callable[..., nn.Module]


class Initializer(Struct, frozen=True):
    """Start values: `apply(parameter, generator, *, ...)` fills in place, by the generator."""

    name: str
    apply: Callable[..., object]


class Loss(Struct, frozen=True):
    """What training lowers: `build(*, ...) -> nn.Module`, called with outputs and targets.

    Args:
        name: What `loss=NAME` says.
        build: Its `reduction` (`mean` where it has none) says how to get the loss per sample, which
            tables show: the mean over the sample's targets, whatever the reduction.
        predict: `predict(outputs)` gives classes, shaped like the targets; None: there is no
            accuracy.
        accepts: `accepts(task, *, ...) -> str | None`, free of torch: why this loss cannot have
            that task. Of a sequence it is asked twice: as what its targets turn out to be, too.
    """

    name: str
    build: Callable[..., nn.Module]
    predict: Callable[[Tensor], Tensor] | None = None
    accepts: Callable[..., str | None] | None = None
    preload: tuple[str, ...] = ()


class Metric(Struct, frozen=True):
    """A figure to take of a trained model besides those that are always taken.

    Args:
        name: What `metrics=NAME` says, and the name in tables.
        unit: `1`, `s`, `bytes`, `1/s`, ...
        direction: Which way is better.
        margin: The smallest difference that matters: in units (scale difference) or as a share
            (scale ratio).
        measure: `measure(trained, *, ...) -> float | dict[str, float] | None`; a dict gives a value
            a layer.
        when: After the last epoch, or after each.
        scale: Whether two values are compared by difference or by ratio.
        step: The smallest change that the metric can show.
    """

    name: str
    unit: str
    direction: Direction
    margin: float
    measure: Callable[..., float | Mapping[str, float] | None]
    when: Literal["end", "epoch"] = "end"
    scale: Scale = "difference"
    step: float | None = None
    preload: tuple[str, ...] = ()


class Procedure(Struct, frozen=True):
    """What a trial does: `run(workload, *, ...) -> Findings`; model and data may be none."""

    name: str
    run: Callable[..., Findings]
    preload: tuple[str, ...] = ()


Definition: TypeAlias = (
    Model | Dataset | Optimizer | Schedule | Activation | Initializer | Loss | Metric | Procedure
)


class Task(Struct, frozen=True):
    """What is to be learned.

    Args:
        kind: classification (targets: classes), binary (targets: 0 or 1), regression, sequence.
        input_shape: Of one sample, without the batch: `(1, 8, 8)`, `(30,)`.
        outputs: Classes, or numbers to predict.
        activations: What builds an activation by name and options; the harness binds the registered
            ones.
        symbols: How many there are where inputs are symbols (characters, words): whole numbers from
            0, in the first tensor. None: inputs are numbers.
        by_step: Whether each step of a sequence has a target of its own; else a sequence has one.
    """

    kind: Kind
    input_shape: tuple[int, ...]
    outputs: int
    activations: Callable[[str], nn.Module] | None = None
    symbols: int | None = None
    by_step: bool = False

    @property
    def features(self) -> int:
        """Numbers in one sample."""
        product = 1
        for size in self.input_shape:
            product *= size
        return product

    def activation(self, name: str) -> nn.Module:
        """Build the activation of that name: `relu`, `leaky_relu[negative_slope=0.1]`.

        Raises:
            UnknownName: no plugin registers it.
            SettingError: the task was made by hand, so that it knows no activations.
        """
        if self.activations is None:
            raise SettingError(
                f"this task knows no activation {name!r}: "
                "only tasks of a trial know those of plugins"
            )
        return self.activations(name)


class Place(Struct, frozen=True):
    """Where and how a dataset is loaded.

    Args:
        root: The data root (`--data-root`, `BENCH_DATA`): where files that were fetched lie.
        download: Whether the data may be fetched; only `bench data fetch` says so.
        seed: The trial's seed where the dataset is seeded, else 0.
    """

    root: Path
    download: bool = False
    seed: int = 0


class Split(Struct, frozen=True):
    """Samples: `inputs` is a tuple of tensors, each with n as its first size.

    The second input, if there is one, is the lengths of sequences.

    Args:
        inputs: What the model is called with, one argument a tensor.
        targets: (n,) of whole numbers for classes, (n, outputs) of floats for regression and
            binary, (n, steps) of classes where each step of a sequence has one.
        collate: A module-level function `(inputs, targets) -> (inputs, targets)` over the tensors
            of a batch.
        transform: `(inputs, generator) -> inputs` over the tensors of a training batch, before
            `collate`; evaluation does not call it. A module-level function, or `functools.partial`
            of one with keywords that JSON can hold. The generator is the batch's own, and the
            CPU's, whatever the device.
    """

    inputs: tuple[Tensor, ...]
    targets: Tensor
    collate: Callable[[tuple[Tensor, ...], Tensor], tuple[tuple[Tensor, ...], Tensor]] | None = None
    transform: Callable[[tuple[Tensor, ...], torch.Generator], tuple[Tensor, ...]] | None = None

    def __len__(self) -> int:
        return len(self.targets)


class Data(Struct, frozen=True):
    """What a dataset loads; `truth` holds the weights that made synthetic data."""

    train: Split
    validation: Split | None = None
    test: Split | None = None
    truth: Mapping[str, Tensor] = {}


class Batch(Struct, frozen=True):
    """What one step sees: a tuple of input tensors, the targets, the number of samples."""

    inputs: tuple[Tensor, ...]
    targets: Tensor
    size: int


class StepResult(Struct, frozen=True):
    """What a model's own step did: its loss (per sample, no dimension), and samples taken."""

    loss: Tensor
    samples: int


class Findings(Struct, frozen=True):
    """What a procedure found.

    Args:
        metrics: Values by name; None where it could not be measured.
        series: Curves by name, a value an epoch (or a point).
        missing: For a metric that is None, the reason.
    """

    metrics: Mapping[str, float | None] = {}
    series: Mapping[str, Sequence[float | None]] = {}
    missing: Mapping[str, str] = {}


class Protocol(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to train and measure. Times in seconds, memory in bytes."""

    epochs: Annotated[int, Meta(ge=1, description="passes over the training data")] = 10
    batch_size: (
        Annotated[int, Meta(ge=1, description="samples a step; full takes all in one")]
        | Literal["full"]
    ) = 32
    device: Annotated[
        str, Meta(pattern=r"^(cpu|cuda(:[0-9]+)?|mps)$", description="cpu, cuda, cuda:N or mps")
    ] = "cpu"
    threads: Annotated[int, Meta(ge=1, le=1024, description="threads of torch's operators")] = 1
    precision: Literal["float32", "float64", "bfloat16"] = "float32"
    validation: (
        Annotated[float, Meta(gt=0, lt=1, description="share of the training split to validate on")]
        | None
    ) = None
    folds: (
        Annotated[
            int,
            Meta(ge=2, le=1000, description="parts of the training split, each validated on once"),
        ]
        | None
    ) = None
    loading: Annotated[
        str,
        Meta(
            pattern=r"^(memory|loader(\[.*\])?)$",
            description="memory, or loader[workers=0,pinned=false,persistent=false]",
        ),
    ] = "memory"
    timed_s: Annotated[
        float, Meta(ge=0, le=3600, description="shortest window that throughput is taken over")
    ] = 0.0
    timeout_s: Annotated[float, Meta(gt=0, description="after this the trial is killed")] = 600.0
    memory_limit: Annotated[int, Meta(ge=1, description="bytes that a trial may take")] | None = (
        None
    )
    metrics: tuple[str, ...] = ()
    target: Annotated[float, Meta(description="figure that time_to_target_s waits for")] | None = (
        None
    )
    target_metric: (
        Annotated[str, Meta(description="metric of the target, taken after each epoch")] | None
    ) = None


def _nothing() -> None:
    """Do nothing: nobody watches."""


class Workload(Struct, eq=False):
    """A built model, its data, optimizer and loss, ready to step.

    Args:
        model: On the device, in training mode; None for `model=none`.
        optimizer: None for `optimizer=none`.
        loss: None for `loss=none`.
        data: On the device; None for `dataset=none`.
        device: Where the model and the data are.
        task: What is to be learned; None for `dataset=none`.
        protocol: Epochs, batch size and the rest.
        seed: The trial's.
        predict: The loss's `predict`.
        step: The model's own step, if it has one.
        factor: The schedule, with its options: progress to factor; None where the rate is constant.
        measures: Plugin metrics with their options bound.
        mark: To be called between phases (after each epoch's training and evaluation): the peak of
            memory is watched phase by phase.
        closely: `with workload.closely():` is what a first step is taken in: the peak of memory is
            watched each millisecond. Nothing that is timed belongs there.
        keep: To be called when the model is as it was asked for: after the last epoch, before
            steps that only measure. Its weights may be kept then; the first call counts.
    """

    model: nn.Module | None
    optimizer: torch.optim.Optimizer | None
    loss: nn.Module | None
    data: Data | None
    device: torch.device
    task: Task | None
    protocol: Protocol = Protocol()
    seed: int = 0
    predict: Callable[[Tensor], Tensor] | None = None
    step: Callable[[Workload, Batch], StepResult] | None = None
    factor: Callable[[float], float] | None = None
    measures: tuple[Measure, ...] = ()
    mark: Callable[[], None] = _nothing
    closely: Callable[[], AbstractContextManager[object]] = nullcontext
    keep: Callable[[], None] = _nothing


class Measure(Struct, frozen=True):
    """A plugin's metric with its options bound."""

    metric: Metric
    take: Callable[[Trained], Any]


class Trained(Workload):
    """A workload after an epoch, with the curves so far (by epoch) and the epochs done."""

    curves: Mapping[str, Sequence[float | None]] = {}
    epoch: int = 0


__all__ = [
    "Activation",
    "ActivationName",
    "Batch",
    "Data",
    "Dataset",
    "Definition",
    "Findings",
    "Initializer",
    "Loss",
    "Measure",
    "Meta",
    "Metric",
    "Model",
    "Optimizer",
    "Place",
    "Procedure",
    "Protocol",
    "Schedule",
    "Split",
    "StepResult",
    "Task",
    "Trained",
    "Workload",
]

"""Metrics that explain a result: gradients, dead and saturated units, weights, errors, the gap.

They are taken where the setting `metrics` names them, after an epoch or at the end, and in no time
that is measured. What looks into the net uses the first `samples` training samples, in evaluation
mode and in the precision of the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from harness import BenchError, Meta, Metric, Trained, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

Size = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Numbers = Annotated[tuple[float, ...], Meta(min_length=1)]

SAMPLES = 1024


@hookimpl
def bench_register_metrics() -> Sequence[Metric]:
    """Hand over the metrics of this module."""
    return [
        Metric("gradient_norm", "1", "higher", 0.05, gradient_norm, when="epoch", scale="ratio"),
        Metric("gradient_ratio", "1", "higher", 0.05, gradient_ratio, when="epoch", scale="ratio"),
        Metric("dead_relu_share", "1", "lower", 0.01, dead_relu_share, when="epoch"),
        Metric("saturated_share", "1", "lower", 0.01, saturated_share, when="epoch"),
        Metric("norm_of_weights", "1", "lower", 0.05, norm_of_weights, when="epoch", scale="ratio"),
        Metric("truth_error", "1", "lower", 0.05, truth_error, when="epoch", scale="ratio"),
        Metric("prediction", "1", "higher", 0.01, prediction, when="epoch"),
        Metric("generalisation_gap", "1", "lower", 0.01, generalisation_gap),
        Metric("base_rate", "1", "higher", 0.01, base_rate),
    ]


def gradient_norm(trained: Trained, *, samples: Size = SAMPLES) -> dict[str, float] | None:
    """Measure the norm of the loss's gradient by layer, at the weights after the epoch.

    The layers stand in the order of the model and are named as its modules; weight and bias of a
    layer count together, parameters of the model itself as `model`.
    """
    squares: dict[str, float] = {}
    for name, gradient in _gradients(trained, samples).items():
        layer = name.rpartition(".")[0] or "model"
        squares[layer] = squares.get(layer, 0.0) + float(gradient.double().square().sum())
    return {layer: square**0.5 for layer, square in squares.items()} or None


def gradient_ratio(trained: Trained, *, samples: Size = SAMPLES) -> float | None:
    """Divide the gradient's norm in the first layer by that in the last: small where it vanishes.

    None where the model has one layer, or the last has no gradient at all.
    """
    norms = list((gradient_norm(trained, samples=samples) or {}).values())
    return norms[0] / norms[-1] if len(norms) > 1 and norms[-1] > 0 else None


def dead_relu_share(
    trained: Trained, *, samples: Size = SAMPLES, by_layer: bool = False
) -> float | dict[str, float] | None:
    """Measure the share of ReLU units that are 0 for every sample: no gradient passes them.

    A unit is a channel of an image, and else a place in the last dimension. Only modules of the
    type `nn.ReLU` are seen; None where there are none.
    """
    from torch import nn

    def dead(_: nn.Module, outputs: Tensor) -> Tensor:
        channels = outputs.movedim(1, -1) if outputs.ndim == 4 else outputs
        return (channels <= 0).flatten(0, -2).all(dim=0)  # (units,)

    return _shares(_look(trained, (nn.ReLU,), dead, samples), by_layer)


def saturated_share(
    trained: Trained, *, below: Share = 0.1, samples: Size = SAMPLES, by_layer: bool = False
) -> float | dict[str, float] | None:
    """Measure the share of sigmoid and tanh values whose slope is below a tenth of the steepest.

    Taken over units and samples; `below` is another share than a tenth. Only modules of the types
    `nn.Sigmoid` and `nn.Tanh` are seen; None where there are none.
    """
    from torch import nn

    def saturated(module: nn.Module, outputs: Tensor) -> Tensor:
        if isinstance(module, nn.Tanh):
            return 1 - outputs.square() < below  # the derivative; 1 at most
        return 4 * outputs * (1 - outputs) < below  # four times it; 1/4 at most

    return _shares(_look(trained, (nn.Sigmoid, nn.Tanh), saturated, samples), by_layer)


def norm_of_weights(trained: Trained) -> float | None:
    """Measure the Euclidean norm of all weights together; biases are left out."""
    if trained.model is None:
        return None
    squares = [
        float(each.detach().double().square().sum())
        for name, each in trained.model.named_parameters()
        if not name.rpartition(".")[2].startswith("bias")
    ]
    return sum(squares) ** 0.5 if squares else None


def truth_error(trained: Trained) -> dict[str, float] | None:
    """Measure how far parameters are from those that made the data: the largest difference of each.

    A parameter belongs to the truth of its own name (`weight` to `weight` and `output.weight`) if
    it is the only one and of the same size; None where there is no such pair.
    """
    if trained.model is None or trained.data is None:
        return None
    found = {}
    for name, truth in trained.data.truth.items():
        alike = [
            each.detach()
            for path, each in trained.model.named_parameters()
            if path.rpartition(".")[2] == name and each.numel() == truth.numel()
        ]
        if len(alike) == 1:
            found[name] = float((alike[0].cpu().flatten() - truth.flatten()).abs().max())
    return found or None


def prediction(trained: Trained, *, at: Numbers) -> float | None:
    """Give the model's one output for one sample, whose numbers are `at`.

    Raises:
        BenchError: a sample has another number of numbers, or there are several outputs.
    """
    import torch

    if trained.model is None or trained.task is None:
        return None
    task = trained.task
    if task.features != len(at) or task.outputs != 1:
        raise BenchError(
            f"metric prediction: at={list(at)} has {len(at)} numbers, for 1 output; the task has"
            f" {task.features} in a sample and {task.outputs} outputs"
        )
    kind = next((each.dtype for each in trained.model.parameters()), torch.float32)
    sample = torch.tensor(at, dtype=kind, device=trained.device).reshape(1, *task.input_shape)
    trained.model.eval()
    with torch.no_grad():
        return float(trained.model(sample))


def generalisation_gap(trained: Trained) -> dict[str, float] | None:
    """Measure how much worse the test split is than the training split: accuracy and loss.

    Train less test accuracy, and test less train loss, after the last epoch: both are positive
    where the model knows what it has seen better than the rest.
    """
    found = {}
    for name, sign in (("accuracy", 1.0), ("loss", -1.0)):
        train, test = (_last(trained.curves, f"{split}_{name}") for split in ("train", "test"))
        if train is not None and test is not None:
            found[name] = sign * (train - test)
    return found or None


def base_rate(trained: Trained) -> float | None:
    """Measure the share of the commonest class in the test split: what naming it alone would give.

    Of the training split where there is no other; None where the task has no classes.
    """
    if trained.data is None or trained.task is None:
        return None
    if trained.task.kind not in ("classification", "binary"):
        return None
    import torch

    targets = (trained.data.test or trained.data.train).targets
    _, counts = torch.unique(targets, return_counts=True)
    return float(counts.max()) / targets.numel()


def _gradients(trained: Trained, samples: int) -> dict[str, Tensor]:
    """Take the gradient of the mean loss by every parameter that is trained; `grad` stays."""
    import torch

    if trained.model is None or trained.loss is None or trained.data is None:
        return {}
    named = {name: each for name, each in trained.model.named_parameters() if each.requires_grad}
    if not named:
        return {}
    inputs, targets = _first(trained, samples)
    _evaluation_mode(trained.model)
    loss = trained.loss(trained.model(*inputs), targets)
    summed = getattr(trained.loss, "reduction", "mean") == "sum"
    loss = loss / len(targets) if summed else loss.mean()
    gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {
        name: torch.zeros_like(each) if gradient is None else gradient
        for (name, each), gradient in zip(named.items(), gradients, strict=True)
    }


def _look(
    trained: Trained,
    types: tuple[type[nn.Module], ...],
    judge: Callable[[nn.Module, Tensor], Tensor],
    samples: int,
) -> dict[str, Tensor]:
    """Judge what the modules of some types give for the first samples, by the module's name.

    A module that is called several times is judged each time: `relu`, `relu#2`.
    """
    import torch

    if trained.model is None or trained.data is None:
        return {}
    found: dict[str, Tensor] = {}

    def hook(name: str) -> Callable[..., None]:
        def note(module: nn.Module, _: Any, outputs: Tensor) -> None:
            calls = sum(each.partition("#")[0] == name for each in found)
            found[f"{name}#{calls + 1}" if calls else name] = judge(module, outputs)

        return note

    seen = [
        each.register_forward_hook(hook(name or "model"))
        for name, each in trained.model.named_modules()
        if isinstance(each, types)
    ]
    try:
        _evaluation_mode(trained.model)
        with torch.no_grad():
            trained.model(*_first(trained, samples)[0])
    finally:
        for each in seen:
            each.remove()
    return found


def _first(trained: Trained, samples: int) -> tuple[tuple[Tensor, ...], Tensor]:
    assert trained.data is not None
    split = trained.data.train
    inputs, targets = tuple(each[:samples] for each in split.inputs), split.targets[:samples]
    return split.collate(inputs, targets) if split.collate is not None else (inputs, targets)


def _evaluation_mode(model: nn.Module) -> None:
    """Switch dropout off; recurrent layers stay in training mode, or cuDNN gives no gradient.

    The harness puts every module back in its mode.
    """
    from torch import nn

    for each in model.modules():
        each.training = isinstance(each, nn.RNNBase)


def _shares(judged: Mapping[str, Tensor], by_layer: bool) -> float | dict[str, float] | None:
    """Give the share of what is true: of all together, or by layer."""
    if not judged:
        return None
    if by_layer:
        return {name: float(each.double().mean()) for name, each in judged.items()}
    return sum(int(each.sum()) for each in judged.values()) / sum(
        each.numel() for each in judged.values()
    )


def _last(curves: Mapping[str, Sequence[float | None]], name: str) -> float | None:
    curve = curves.get(name)
    return curve[-1] if curve else None

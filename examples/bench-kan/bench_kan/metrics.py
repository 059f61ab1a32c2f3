"""Metrics: what accuracy does not say of a trained model."""

from __future__ import annotations

from typing import Annotated

from harness import Meta, Trained

Bins = Annotated[int, Meta(ge=1, description="bins of confidence")]


def calibration_error(trained: Trained, *, bins: Bins = 10) -> float | None:
    """Measure by how much confidence and accuracy differ, on the test split; None without classes.

    Samples are sorted into bins of equal width by the probability of the class that is predicted;
    of each bin the difference of its mean probability and its accuracy counts, by its samples.

    Source: Guo et al. 2017, "On calibration of modern neural networks", equation 3.
    """
    import torch

    task, data, model = trained.task, trained.data, trained.model
    if task is None or data is None or model is None or task.kind != "classification":
        return None
    split = data.test or data.train
    model.eval()
    with torch.no_grad():
        outputs = model(*split.inputs).softmax(1)  # (n, classes)
    confidence, predicted = outputs.max(1)
    right = (predicted == split.targets).float()
    places = (confidence * bins).long().clamp(max=bins - 1)  # (n,)
    gaps = torch.zeros(bins, device=outputs.device).index_add(0, places, confidence - right)
    return float(gaps.abs().sum() / len(split))

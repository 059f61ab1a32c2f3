"""Channel statistics against torch's own mean and deviation."""

from __future__ import annotations

import pytest
import torch
from bench_builtin import channels

from harness import BenchError, Data, Split, Trained, Workload


def workload(*inputs: torch.Tensor, kind: type[Workload] = Workload) -> Workload:
    data = Data(Split(inputs, torch.zeros(len(inputs[0])))) if inputs else None
    return kind(None, None, None, data, torch.device("cpu"), None)


@pytest.fixture
def images() -> torch.Tensor:
    """More images than are taken at a time, of three channels that differ."""
    drawn = torch.rand(5_000, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    return drawn * torch.tensor([1.0, 0.5, 0.1]).reshape(3, 1, 1) + 0.25


def test_mean_and_deviation_are_those_of_every_pixel_of_a_channel(images):
    mean, std = channels.channel_statistics(images)

    wide = images.double()
    torch.testing.assert_close(torch.tensor(mean), wide.mean(dim=(0, 2, 3)).float())
    torch.testing.assert_close(torch.tensor(std), wide.std(dim=(0, 2, 3), correction=0).float())


def test_images_of_one_value_deviate_by_nothing():
    mean, std = channels.channel_statistics(torch.full((10, 1, 2, 2), 0.1))

    assert mean == [pytest.approx(0.1)]
    assert std == [pytest.approx(0, abs=1e-9)]


def test_the_procedure_finds_them_without_a_model(images):
    found = channels.find_statistics(workload(images))

    mean, std = channels.channel_statistics(images)
    assert found.metrics == {
        **{f"channel_mean/{place}": value for place, value in enumerate(mean)},
        **{f"channel_std/{place}": value for place, value in enumerate(std)},
    }


def test_the_metrics_measure_what_the_procedure_finds(images):
    trained = workload(images, kind=Trained)
    assert isinstance(trained, Trained)
    mean, std = channels.channel_statistics(images)

    assert list(channels.measure_mean(trained).items()) == [
        (str(place), value) for place, value in enumerate(mean)
    ]
    assert list(channels.measure_std(trained).values()) == std


@pytest.mark.parametrize(
    ("seen", "told"),
    [(workload(), "none"), (workload(torch.zeros(4, 30)), "samples of shape (30,)")],
)
def test_what_has_no_channels_is_refused(seen, told):
    with pytest.raises(BenchError) as refused:
        channels.find_statistics(seen)

    assert str(refused.value) == (
        "channel statistics are those of images (channels, height, width), "
        f"and the dataset has {told}: try dataset=digits"
    )

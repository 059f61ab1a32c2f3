"""VGG-16: the network of torchvision with three heads, at its size and at a reduced one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from bench_builtin import vgg
from torch import nn
from torchvision import models

from harness import BenchError, Task

HEADS = ("last", "added", "whole")


def images(channels: int, height: int, width: int) -> Task:
    return Task("classification", (channels, height, width), 10)


CIFAR10 = images(3, 32, 32)
DIGITS = images(1, 8, 8)


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(each.shape) for name, each in model.named_parameters()}


@pytest.fixture(scope="module")
def theirs() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return shapes(models.vgg16())


@pytest.mark.parametrize(
    ("head", "parameters"), [("last", 134_301_514), ("added", 138_367_554), ("whole", 14_965_578)]
)
def test_a_head_changes_torchvisions_network_as_the_notes_do(head, parameters, theirs):
    model = vgg.vgg16(CIFAR10, head=head)

    found = shapes(model)
    assert type(model) is models.VGG
    assert sum(each.numel() for each in model.parameters()) == parameters
    changed = {name: shape for name, shape in found.items() if theirs.get(name) != shape}
    assert (
        changed
        == {
            "last": {"classifier.6.weight": (10, 4096), "classifier.6.bias": (10,)},
            "added": {"classifier.added.weight": (10, 1000), "classifier.added.bias": (10,)},
            "whole": {"classifier.0.weight": (10, 25088), "classifier.0.bias": (10,)},
        }[head]
    )
    left_out = {name for name in theirs if name not in found}
    assert left_out == (
        {f"classifier.{place}.{each}" for place in (3, 6) for each in ("weight", "bias")}
        if head == "whole"
        else set()
    )
    with torch.no_grad():
        assert model.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("head", HEADS)
def test_a_reduced_network_has_the_same_layers_with_fewer_channels(head):
    model = vgg.vgg16(CIFAR10, head=head, width=0.125)
    with torch.device("meta"):
        whole = vgg._published(1.0)
        vgg._put_head(whole, head, 10)

    assert [type(each) for each in model.modules()] == [type(each) for each in whole.modules()]
    assert shapes(model).keys() == shapes(whole).keys()
    convolutions = [each for each in model.modules() if isinstance(each, nn.Conv2d)]
    assert [each.out_channels for each in convolutions] == [8, 8, 16, 16, *[32] * 3, *[64] * 6]
    assert (
        sum(each.numel() for each in model.parameters())
        == {
            "last": 2_104_498,
            "added": 2_622_378,
            "whole": 261_938,
        }[head]
    )


def test_layers_start_as_torchvision_and_torch_start_them():
    torch.manual_seed(0)
    model = vgg.vgg16(CIFAR10, width=0.25)

    convolution, hidden = model.get_submodule("features.10"), model.get_submodule("classifier.3")
    last = model.get_submodule("classifier.6")
    # Kaiming, fan out: sqrt(2 / (out_channels * 3 * 3)).
    assert convolution.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    assert hidden.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert not convolution.bias.any()
    assert not hidden.bias.any()
    # torch's own: uniform within 1 / sqrt(inputs).
    bound = 1024**-0.5
    assert bound * 0.99 < last.weight.abs().max().item() <= bound
    assert last.bias.any()


def test_the_start_is_that_of_the_seed():
    starts = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        starts.append(vgg.vgg16(CIFAR10, width=0.125).get_parameter("features.0.weight"))

    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])


@pytest.mark.parametrize("task", [DIGITS, images(3, 64, 40), images(1, 33, 33)], ids=str)
def test_images_are_resized_and_grey_ones_coloured_before_the_first_convolution(task):
    torch.manual_seed(0)
    model = vgg.vgg16(task, width=0.125, resize=32).eval()
    seen = torch.rand(2, *task.input_shape)
    prepared = nn.functional.interpolate(seen, size=(32, 32), mode="bilinear")

    torch.manual_seed(0)
    plain = vgg.vgg16(CIFAR10, width=0.125).eval()

    assert shapes(model) == shapes(plain)
    torch.testing.assert_close(model(seen), plain(prepared.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize(
    ("task", "options", "reason"),
    [
        (Task("sequence", (20,), 18), {}, "vgg16 takes images, not sequences"),
        (
            Task("binary", (30,), 1),
            {},
            "vgg16 takes images (channels, height, width), not samples of shape (30,)",
        ),
        (images(2, 32, 32), {}, "vgg16 takes images of 1 or 3 channels, not of 2"),
        (
            DIGITS,
            {},
            "vgg16 needs images of at least 32 x 32 pixels, not 8 x 8: model.resize=32 scales them",
        ),
        (
            DIGITS,
            {"resize": 16},
            "model.resize=16 is too small: vgg16 needs 32 x 32 pixels",
        ),
        (
            CIFAR10,
            {"pretrained": True, "width": 0.5},
            "there are no pretrained weights for model.width=0.5: they are those of 1",
        ),
        (CIFAR10, {"pretrained": True}, None),
        (DIGITS, {"resize": 32}, None),
    ],
)
def test_it_says_why_it_refuses(task, options, reason):
    assert vgg.vgg16_takes(task, **options) == reason


def test_pretrained_weights_that_are_not_in_torchs_cache_are_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    with pytest.raises(BenchError) as refused:
        vgg.vgg16(CIFAR10, pretrained=True, head="whole")

    path = tmp_path / "checkpoints/vgg16-397923af.pth"
    assert str(refused.value) == (
        f"the pretrained weights are not in torch's cache: {path} is missing; python -c "
        "\"import torchvision; torchvision.models.vgg16(weights='IMAGENET1K_V1')\" "
        "fetches them (528 MB), model.pretrained=false does without"
    )


def test_damaged_pretrained_weights_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    path = tmp_path / "checkpoints/vgg16-397923af.pth"
    path.parent.mkdir()
    path.write_bytes(b"half of it")

    with pytest.raises(BenchError) as refused:
        vgg.vgg16(CIFAR10, pretrained=True, head="whole")

    begins = hashlib.sha256(b"half of it").hexdigest()[:8]
    assert str(refused.value) == (
        f"{path} is cut short or changed: its SHA-256 begins with {begins}, not with 397923af; "
        "delete it and fetch it again"
    )


@pytest.mark.parametrize("head", HEADS)
def test_pretrained_weights_are_loaded_but_for_those_of_the_head(tmp_path, head):
    """At a reduced size: the file of the whole one has 528 MB."""
    published = vgg._published(0.125)
    path = tmp_path / "weights.pth"
    torch.save(published.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    model = vgg.vgg16(CIFAR10, head=head, width=0.125)
    before = {name: each.clone() for name, each in model.state_dict().items()}

    vgg.load_weights(model, path, digest, vgg._REPLACED[head])

    kept = {"last": "classifier.6.", "added": "classifier.added.", "whole": "classifier."}[head]
    for name, value in model.state_dict().items():
        wanted = before[name] if name.startswith(kept) else published.state_dict()[name]
        assert torch.equal(value, wanted), name


def test_a_file_that_is_more_than_weights_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"features.0.weight": Path}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]

    with pytest.raises(Exception, match="Weights only load failed"):
        vgg.load_weights(vgg.vgg16(CIFAR10, width=0.125), path, digest, "classifier.6.")

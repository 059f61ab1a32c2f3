"""Cells from scratch equal torch's given the same weights, and stepped ones torch's layers."""

from __future__ import annotations

import pytest
import torch
from bench_builtin import cells
from torch import Tensor, nn

FEATURES, HIDDEN, STEPS = 3, 5, 7


def seeded(build, *sizes):
    torch.manual_seed(0)
    return build(*sizes)


def size(model: nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())


def stepped(cell: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
    state = torch.ones(len(inputs), HIDDEN), -torch.ones(len(inputs), HIDDEN)
    for each in inputs.unbind(dim=1):
        state = cell(each, state)
    return state


def test_the_lstm_cell_from_scratch_equals_torch_s_given_the_same_weights():
    own, built = cells.lstm_cell(FEATURES, HIDDEN), nn.LSTMCell(FEATURES, HIDDEN)
    own.take(built)
    inputs = torch.randn(20, STEPS, FEATURES)

    for found, wanted in zip(stepped(own, inputs), stepped(built, inputs), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_the_gradients_of_the_lstm_cell_from_scratch_are_torch_s():
    own, built = cells.lstm_cell(FEATURES, HIDDEN), nn.LSTMCell(FEATURES, HIDDEN)
    own.take(built)
    inputs = torch.randn(20, STEPS, FEATURES)

    for cell in (own, built):
        stepped(cell, inputs)[0].square().sum().backward()

    assert own.gates.weight.grad.abs().max() > 1e-3
    beside = torch.cat([built.weight_ih.grad, built.weight_hh.grad], dim=1)
    torch.testing.assert_close(own.gates.weight.grad, beside, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(own.gates.bias.grad, built.bias_ih.grad, atol=1e-5, rtol=1e-5)


def test_the_four_gates_are_one_linear_layer():
    own = cells.lstm_cell(FEATURES, HIDDEN)

    assert [type(each) for each in own.children()] == [nn.Linear]
    assert size(own) == 4 * HIDDEN * (FEATURES + HIDDEN + 1)


@pytest.mark.parametrize("layers", [1, 3])
def test_layers_from_scratch_start_as_torch_s_do_and_give_the_same(layers):
    own = seeded(cells.lstm, FEATURES, HIDDEN, layers)
    drawn_after = torch.rand(1)
    built = seeded(lambda *sizes: nn.LSTM(*sizes, batch_first=True), FEATURES, HIDDEN, layers)
    inputs = torch.randn(4, STEPS, FEATURES)

    torch.testing.assert_close(own(inputs), built(inputs)[0], atol=1e-5, rtol=0)
    torch.manual_seed(0)
    nn.LSTM(FEATURES, HIDDEN, layers)
    assert torch.rand(1) == drawn_after


def test_a_cell_stepped_by_hand_gives_what_the_whole_layer_gives():
    by_hand, whole = (
        seeded(each, FEATURES, HIDDEN) for each in (cells.rnn_by_hand, cells.rnn_whole)
    )
    inputs = torch.randn(4, STEPS, FEATURES)

    assert size(by_hand) == size(whole) == HIDDEN * (FEATURES + HIDDEN + 2)
    torch.testing.assert_close(by_hand(inputs), whole(inputs), atol=1e-6, rtol=0)

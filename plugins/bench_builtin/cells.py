"""Recurrent layers from scratch: an LSTM cell of one linear layer, and what steps cells by hand.

Shapes: inputs of a cell are (n, features), its states (n, hidden); a layer's inputs are
(n, steps, features), its outputs (n, steps, hidden).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def lstm_cell(features: int, hidden: int) -> nn.Module:
    """Build an LSTM cell whose four gates are one linear layer: (x, (h, c)) to the new (h, c).

    `gates.weight` (4 hidden, features + hidden) acts on inputs and state side by side; its rows are
    input gate, forget gate, candidate, output gate, in the order of `nn.LSTMCell`. There is one
    bias where `nn.LSTMCell` has two, which add. It starts as `nn.LSTMCell` does from the same
    generator.

    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory", with the forget gate of Gers
    et al. 2000; the formulas stand at https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html
    """
    import torch
    from torch import nn

    class LSTMCell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            empty = nn.Linear(features + hidden, 4 * hidden, device="meta")  # draws nothing
            self.gates = empty.to_empty(device="cpu")
            self.take(nn.LSTMCell(features, hidden))

        @torch.no_grad()
        def take(self, other: nn.LSTMCell) -> None:
            """Take the weights of a built-in cell: side by side; its biases added."""
            self.gates.weight.copy_(torch.cat([other.weight_ih, other.weight_hh], dim=1))
            self.gates.bias.copy_(other.bias_ih + other.bias_hh)

        def forward(self, inputs: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            before, memory = state
            gates = self.gates(torch.cat([inputs, before], dim=1))  # (n, 4 hidden)
            enter, forget, candidate, leave = gates.chunk(4, dim=1)
            memory = forget.sigmoid() * memory + enter.sigmoid() * candidate.tanh()
            return leave.sigmoid() * memory.tanh(), memory

    return LSTMCell()


def lstm(features: int, hidden: int, layers: int) -> nn.Module:
    """Build layers of `lstm_cell`, stepped by hand: (n, steps, features) to (n, steps, hidden)."""
    import torch
    from torch import nn

    class LSTM(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [features, *[hidden] * (layers - 1)]
            self.cells = nn.ModuleList([lstm_cell(size, hidden) for size in sizes])

        def forward(self, inputs: Tensor) -> Tensor:
            for cell in self.cells:
                inputs = self.stepped(cell, inputs)
            return inputs

        def stepped(self, cell: nn.Module, inputs: Tensor) -> Tensor:
            zeros = inputs.new_zeros(len(inputs), hidden)
            state, outputs = (zeros, zeros), []
            for each in inputs.unbind(dim=1):  # (n, features)
                state = cell(each, state)
                outputs.append(state[0])
            return torch.stack(outputs, dim=1)

    return LSTM()


def rnn_by_hand(features: int, hidden: int) -> nn.Module:
    """Build `nn.RNNCell`, stepped by hand: (n, steps, features) to (n, steps, hidden)."""
    import torch
    from torch import nn

    class Stepped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.RNNCell(features, hidden)

        def forward(self, inputs: Tensor) -> Tensor:
            state = inputs.new_zeros(len(inputs), hidden)
            outputs = []
            for each in inputs.unbind(dim=1):  # (n, features)
                state = self.cell(each, state)
                outputs.append(state)
            return torch.stack(outputs, dim=1)

    return Stepped()


def rnn_whole(features: int, hidden: int) -> nn.Module:
    """Build `nn.RNN`, which steps itself; it starts as `rnn_by_hand` does from one generator."""
    from torch import nn

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.RNN(features, hidden, batch_first=True)

        def forward(self, inputs: Tensor) -> Tensor:
            outputs: Any = self.layer(inputs)[0]
            return outputs  # type: ignore[no-any-return]  # torch does not say

    return Whole()

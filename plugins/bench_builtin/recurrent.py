"""Recurrent models: a bare RNN whose states are the outputs, and RNN, LSTM or GRU over symbols.

Shapes: symbols (n, steps), lengths (n,); outputs are (n, outputs, steps) where each step has a
target, as cross-entropy wants them, else (n, outputs).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from bench_builtin import cells
from harness import Meta, Model, Task, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

Size = Annotated[int, Meta(ge=1)]
Cell: TypeAlias = Literal["rnn", "lstm", "gru", "lstm_scratch"]


@hookimpl
def bench_register_models() -> Sequence[Model]:
    """Hand over the models of this module."""
    return [
        Model("bare_rnn", bare_rnn, accepts=bare_rnn_takes),
        Model("rnn", rnn, accepts=rnn_takes),
    ]


def bare_rnn(task: Task, *, by_hand: bool = False) -> nn.Module:
    """Build one recurrent layer (tanh) whose states are the outputs: as many units as outputs.

    With `by_hand=true` an `nn.RNNCell` is stepped in a loop of one's own, else `nn.RNN` steps
    itself; both start alike, and are the same mathematics: they learn the same. The loss is the
    mean over the steps, so the loop over time lies within the model, and needs no training step of
    its own.
    """
    from torch import nn

    class BareRNN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            build = cells.rnn_by_hand if by_hand else cells.rnn_whole
            self.rnn = build(task.input_shape[1], task.outputs)

        def forward(self, inputs: Tensor) -> Tensor:
            states: Tensor = self.rnn(inputs)  # (n, steps, outputs)
            return states.transpose(1, 2)

    return BareRNN()


def rnn(
    task: Task,
    *,
    cell: Cell = "rnn",
    embedding: Size = 10,
    hidden: Size = 8,
    layers: Size = 2,
    bidirectional: bool = False,
    packed: bool = True,
) -> nn.Module:
    """Build an embedding of the symbols, recurrent layers, and one linear layer.

    Where each step has a target, the linear layer sees the state at each step. Else it sees the
    last state of the last layer: with two directions, the last of each.

    Args:
        task: What the symbols and the outputs are.
        cell: Built-in, or `lstm_scratch`: cells with one linear layer for the four gates.
        embedding: Numbers for a symbol.
        hidden: Units of a layer, in each direction.
        layers: One on top of the other.
        bidirectional: Whether a second layer beside each reads from the end.
        packed: Whether what follows a sequence's end is left out. Else the padding is read too, and
            the last state is that after it, so that an output depends on the longest of the batch.
            It matters only where there are lengths, and one target a sequence.
    """
    from torch import nn

    assert task.symbols is not None
    sizes = embedding, hidden, layers

    class Recurrent(nn.Module):
        def __init__(self, symbols: int) -> None:
            super().__init__()
            self.embedding = nn.Embedding(symbols, embedding)
            self.rnn = _layers(cell, *sizes, bidirectional)
            self.output = nn.Linear(hidden * (2 if bidirectional else 1), task.outputs)

        def forward(self, symbols: Tensor, lengths: Tensor | None = None) -> Tensor:
            vectors = self.embedding(symbols)  # (n, steps, embedding)
            outputs: Tensor
            if task.by_step:
                outputs = self.output(_states(self.rnn, vectors)).transpose(1, 2)
            else:
                ends = _ends(self.rnn, vectors, lengths if packed else None)
                outputs = self.output(ends)
            return outputs

    return Recurrent(task.symbols)


def bare_rnn_takes(task: Task) -> str | None:
    """Refuse what is no sequence of vectors with a target at each step."""
    if task.kind != "sequence":
        return f"bare_rnn takes sequences, not the samples of a {task.kind} task"
    if task.symbols is not None or len(task.input_shape) != 2:
        return (
            "bare_rnn takes sequences of vectors (steps, numbers), not of symbols: model=rnn embeds"
            " those"
        )
    if not task.by_step:
        return "bare_rnn gives outputs at each step, and the task has one target a sequence"
    return None


def rnn_takes(task: Task, *, cell: Cell = "rnn", bidirectional: bool = False) -> str | None:
    """Refuse what is no sequence of symbols, and two directions of the cells from scratch."""
    if task.kind != "sequence":
        return f"rnn takes sequences, not the samples of a {task.kind} task"
    if task.symbols is None:
        return (
            "rnn embeds symbols, and the task has sequences of numbers of shape"
            f" {task.input_shape}: model=bare_rnn takes vectors"
        )
    if cell == "lstm_scratch" and bidirectional:
        return "lstm_scratch reads in one direction: model.cell=lstm reads in two"
    return None


def _layers(cell: Cell, embedding: int, hidden: int, layers: int, bidirectional: bool) -> nn.Module:
    from torch import nn

    if cell == "lstm_scratch":
        return cells.lstm(embedding, hidden, layers)
    built_in: dict[str, Callable[..., nn.Module]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
    return built_in[cell](embedding, hidden, layers, batch_first=True, bidirectional=bidirectional)


def _states(layer: nn.Module, vectors: Tensor) -> Tensor:
    """Give the last layer's state at each step: (n, steps, hidden)."""
    outputs: Any = layer(vectors)
    states: Tensor = outputs[0] if isinstance(outputs, tuple) else outputs
    return states


def _ends(layer: nn.Module, vectors: Tensor, lengths: Tensor | None) -> Tensor:
    """Give the last layer's last state, of each direction side by side: (n, directions x hidden).

    Args:
        layer: Built-in or from scratch.
        vectors: (n, steps, embedding).
        lengths: Of the sequences (n,); None: all are as long as the steps. To pack them they are
            copied to the CPU: an accelerator is waited for.
    """
    import torch
    from torch import nn

    if not isinstance(layer, nn.RNNBase):
        states = _states(layer, vectors)
        return states[:, -1] if lengths is None else states[torch.arange(len(states)), lengths - 1]
    entered: Any = vectors if lengths is None else _packed(vectors, lengths)
    _, last = layer(entered)
    hidden: Tensor = (
        last[0] if isinstance(last, tuple) else last
    )  # (layers x directions, n, hidden)
    directions = 2 if layer.bidirectional else 1
    return torch.cat(list(hidden[-directions:]), dim=1)


def _packed(vectors: Tensor, lengths: Tensor) -> Any:
    """Leave the padding out; a batch whose longest come first is not sorted again."""
    from torch.nn.utils.rnn import pack_padded_sequence

    counts = lengths.cpu()
    falling = bool((counts[1:] <= counts[:-1]).all())
    return pack_padded_sequence(vectors, counts, batch_first=True, enforce_sorted=falling)

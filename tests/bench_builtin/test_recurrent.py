"""Recurrent models: their sizes, packed against padded, and training as a plain loop does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from bench_builtin import characters, losses, optimizers, recurrent
from torch import Tensor, nn

from harness import Place, Protocol, Split, Task, Workload
from harness.measuring.memory import activation_bytes
from harness.training import train

NOWHERE = Place(Path("/nonexistent"))
ONE_HOT = characters.hello_task(encoding="one_hot")
HELLO = characters.hello_task()
NAMES = characters.names_task()
IMAGES = Task("classification", (1, 8, 8), 10)
CELLS = ("rnn", "lstm", "gru", "lstm_scratch")
LENGTHS = torch.tensor([3, 6, 1, 4])
every_cell = pytest.mark.parametrize("cell", CELLS)


def size(model: nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())


def symbols() -> Tensor:
    """Draw sequences of `LENGTHS`, padded with 0."""
    drawn = torch.randint(1, 128, (4, 6), generator=torch.Generator().manual_seed(0))
    return drawn * (torch.arange(6) < LENGTHS[:, None])


def losses_of_a_plain_loop(model: nn.Module, epochs: int) -> Iterator[float]:
    """Train on hello as the course notes do: character by character, their losses' mean."""
    data = characters.load_hello(NOWHERE, encoding="one_hot").train
    (inputs,), targets = data.inputs, data.targets
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(epochs):
        state, loss = torch.zeros(1, 4), torch.zeros(())
        for each, target in zip(inputs.unbind(1), targets.unbind(1), strict=True):
            state = model.rnn.cell(each, state)
            loss = loss + nn.functional.cross_entropy(state, target) / 5
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            yield nn.functional.cross_entropy(model(inputs), targets).item()


def workload(model: nn.Module, task: Task, encoding: characters.Encoding, epochs: int) -> Workload:
    return Workload(
        model,
        optimizers.adam(model, lr=0.1),
        losses.cross_entropy(),
        characters.load_hello(NOWHERE, encoding=encoding),
        torch.device("cpu"),
        task,
        protocol=Protocol(epochs=epochs, batch_size="full"),
        predict=losses.likeliest,
    )


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_bare_rnn_trains_as_a_loop_over_characters_does(by_hand):
    torch.manual_seed(1)
    model = recurrent.bare_rnn(ONE_HOT, by_hand=by_hand)
    torch.manual_seed(1)
    wanted = list(losses_of_a_plain_loop(recurrent.bare_rnn(ONE_HOT, by_hand=True), 20))

    found = train(workload(model, ONE_HOT, "one_hot", 20))

    assert size(model) == 40
    assert found.series["train_loss"] == pytest.approx(wanted, rel=1e-5)
    assert found.metrics["train_loss"] < wanted[0] / 2


@pytest.mark.parametrize(
    ("cell", "parameters"), [("rnn", 380), ("lstm", 1292), ("gru", 988), ("lstm_scratch", 1228)]
)
def test_the_nets_of_hello_have_the_parameters_of_the_catalog(cell, parameters):
    model = recurrent.rnn(HELLO, cell=cell)

    assert size(model) == parameters
    assert model(*characters.load_hello(NOWHERE).train.inputs).shape == (1, 4, 5)


@pytest.mark.parametrize(
    ("cell", "parameters"), [("rnn", 117_218), ("gru", 318_818), ("lstm", 419_618)]
)
def test_the_nets_of_names_have_the_parameters_of_the_catalog(cell, parameters):
    model = recurrent.rnn(NAMES, cell=cell, embedding=100, hidden=100, bidirectional=True)

    assert size(model) == parameters
    assert model(symbols(), LENGTHS).shape == (4, 18)


@every_cell
def test_a_net_spells_ohlol_where_accuracy_is_1_and_its_memory_is_counted(cell):
    torch.manual_seed(0)
    taken = workload(recurrent.rnn(HELLO, cell=cell), HELLO, "symbols", 30)

    found = train(taken)

    best = recurrent.rnn(HELLO, cell=cell)
    best.load_state_dict(taken.model.state_dict())
    likeliest = best(*taken.data.train.inputs).argmax(dim=1)[0]
    assert "".join(characters.ALPHABET[each] for each in likeliest) == "ohlol"
    assert found.metrics["train_accuracy"] == 1
    assert found.metrics["cross_entropy"] == pytest.approx(found.metrics["train_loss"])
    assert activation_bytes(taken).value > 5 * 8 * 4


def test_an_lstm_from_scratch_starts_as_the_built_in_one():
    models = []
    for cell in ("lstm", "lstm_scratch"):
        torch.manual_seed(3)
        models.append(recurrent.rnn(NAMES, cell=cell))

    for packed in ((), (LENGTHS,)):
        built, own = (each(symbols(), *packed) for each in models)
        torch.testing.assert_close(own, built, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("cell", "both"), [*itertools.product(CELLS[:3], [True, False])])
def test_packed_sequences_give_what_each_gives_alone(cell, both):
    model = recurrent.rnn(NAMES, cell=cell, bidirectional=both)
    inputs = symbols()

    alone = [model(each[None, :length]) for each, length in zip(inputs, LENGTHS, strict=True)]

    torch.testing.assert_close(model(inputs, LENGTHS), torch.cat(alone), atol=1e-5, rtol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_is_read_where_nothing_is_packed(cell):
    torch.manual_seed(0)
    packed, padded = recurrent.rnn(NAMES, cell=cell), recurrent.rnn(NAMES, cell=cell, packed=False)
    padded.load_state_dict(packed.state_dict())
    inputs = symbols()
    longest = int(LENGTHS.argmax())

    differences = (packed(inputs, LENGTHS) - padded(inputs, LENGTHS)).abs().amax(dim=1)

    assert differences[longest] < 1e-5
    assert min(each for place, each in enumerate(differences) if place != longest) > 1e-4
    torch.testing.assert_close(padded(inputs, LENGTHS), packed(inputs), atol=1e-5, rtol=0)


def test_the_order_of_a_batch_changes_no_output():
    model = recurrent.rnn(NAMES, cell="gru", bidirectional=True)
    split = Split((symbols(), LENGTHS), torch.arange(4))

    (inputs, lengths), places = characters.trimmed_and_sorted(split.inputs, split.targets)

    assert lengths.tolist() == [6, 4, 3, 1]
    torch.testing.assert_close(
        model(inputs, lengths), model(*split.inputs)[places], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    ("accepts", "task", "options", "reason"),
    [
        (recurrent.bare_rnn_takes, ONE_HOT, {}, None),
        (recurrent.rnn_takes, HELLO, {}, None),
        (recurrent.rnn_takes, HELLO, {"cell": "lstm_scratch"}, None),
        (recurrent.rnn_takes, NAMES, {"cell": "gru", "bidirectional": True}, None),
        (
            recurrent.rnn_takes,
            IMAGES,
            {},
            "rnn takes sequences, not the samples of a classification task",
        ),
        (
            recurrent.rnn_takes,
            ONE_HOT,
            {},
            "rnn embeds symbols, and the task has sequences of numbers of shape (5, 4):"
            " model=bare_rnn takes vectors",
        ),
        (
            recurrent.rnn_takes,
            NAMES,
            {"cell": "lstm_scratch", "bidirectional": True},
            "lstm_scratch reads in one direction: model.cell=lstm reads in two",
        ),
        (
            recurrent.bare_rnn_takes,
            IMAGES,
            {},
            "bare_rnn takes sequences, not the samples of a classification task",
        ),
        (
            recurrent.bare_rnn_takes,
            NAMES,
            {},
            "bare_rnn takes sequences of vectors (steps, numbers), not of symbols: model=rnn"
            " embeds those",
        ),
        (
            recurrent.bare_rnn_takes,
            Task("sequence", (5, 4), 18),
            {},
            "bare_rnn gives outputs at each step, and the task has one target a sequence",
        ),
    ],
)
def test_a_task_that_does_not_fit_is_refused_in_a_sentence(accepts, task, options, reason):
    assert accepts(task, **options) == reason

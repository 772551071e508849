"""One step of each cell, against an independent account of what App. B, App. C and figure 8 say."""

from functools import partial

import torch
from torch import Tensor, nn

from simcore.memory import CoreState, RecurrentCore
from simcore.memory.cell import WiredSlots, lstm_step
from small_cores import HIDDEN, INPUT, KANERVA, SLOTS, make_core, random

B = 3


def lstm_cell(core: RecurrentCore) -> nn.LSTMCell:
    """PyTorch's own cell, with the weights of a core's LSTM."""
    cell = nn.LSTMCell(core.lstm.input_size, HIDDEN).double()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in core.lstm.state_dict().items()})
    return cell


def step(core: RecurrentCore, inputs: Tensor, state: CoreState) -> tuple[Tensor, CoreState]:
    return core.memory.step(inputs, state, partial(lstm_step, core.lstm))


def test_the_lstm_is_pytorchs() -> None:
    core = make_core(None)
    inputs, state = random(B, INPUT), (random(B, HIDDEN, seed=2), random(B, HIDDEN, seed=3))
    for mine, other in zip(lstm_step(core.lstm, inputs, *state), lstm_cell(core)(inputs, state), strict=True):
        torch.testing.assert_close(mine, other)


def test_slots_are_read_by_the_lstms_output_and_written_after_that() -> None:
    """One world at a time, with the words in a list, and a softmax over the best of them written out."""
    core = make_core(SLOTS)
    wired, cell = core.memory, lstm_cell(core)
    state = core.memory.initial_state(B)
    state = CoreState(random(B, HIDDEN, seed=2), random(B, HIDDEN, seed=3), state._replace(reads=random(B, 10, seed=4)))
    words: list[list[Tensor]] = [[] for _ in range(B)]
    for t in range(6):
        inputs = random(B, INPUT, seed=20 + t)
        output, after = step(core, inputs, state)
        hidden, new_cell = cell(torch.cat([inputs, state.memory.reads], -1), (state.hidden, state.cell))
        torch.testing.assert_close((output[:, :HIDDEN], after.hidden, after.cell), (hidden, hidden, new_cell))
        for b in range(B):
            asked = wired.query(hidden[b])
            reads = [read(words[b], asked[5 * i : 5 * i + 5], asked[10 + i]) for i in range(2)]
            torch.testing.assert_close(output[b, HIDDEN:], torch.cat(reads))
            words[b].append(wired.write_word(torch.cat([hidden[b], inputs[b]])))
        state = after
        assert isinstance(state.memory, WiredSlots)


def read(words: list[Tensor], key: Tensor, strength: Tensor) -> Tensor:
    """The mean of the three words that are most like a key, by softmax of strength times cosine."""
    if not words:
        return torch.zeros_like(key)
    scores = [nn.functional.softplus(strength) * torch.cosine_similarity(key, word, dim=0) for word in words]
    best = sorted(range(len(words)), key=lambda i: -scores[i].item())[:3]
    weights = torch.stack([scores[i] for i in best]).softmax(0)
    return (weights[:, None] * torch.stack([words[i] for i in best])).sum(0)


def test_a_kanerva_memory_is_read_before_the_lstm_and_written_after_it() -> None:
    core = make_core(KANERVA)
    wired, cell, memory = core.memory, lstm_cell(core), core.memory.memory
    state = CoreState(random(B, HIDDEN, seed=2), random(B, HIDDEN, seed=3), core.memory.initial_state(B))
    for t in range(3):
        inputs = random(B, INPUT, seed=20 + t)
        output, after = step(core, inputs, state)
        read_out = memory.read(state.memory, wired.read_word(torch.cat([state.hidden, inputs], -1)))
        hidden, new_cell = cell(torch.cat([inputs, read_out], -1), (state.hidden, state.cell))
        written = memory.write(state.memory, wired.write_word(torch.cat([hidden, inputs], -1)))
        torch.testing.assert_close((output, after), (hidden, CoreState(hidden, new_cell, written)))
        state = after


def test_the_noise_of_a_memory_that_writes_is_that_of_its_weights_and_not_of_the_state() -> None:
    """A state of older weights comes with a trajectory; a simulation, which has none of its own, takes the state's."""
    core, simulation = make_core(KANERVA), make_core(KANERVA, writes=False)
    state = CoreState(random(B, HIDDEN, seed=2), random(B, HIDDEN, seed=3), core.memory.initial_state(B))
    older = state._replace(memory=state.memory._replace(noise=3 * state.memory.noise))
    torch.testing.assert_close(step(core, random(B, INPUT), older), step(core, random(B, INPUT), state))
    outputs = [step(simulation, random(B, INPUT), one)[0] for one in (older, state)]
    assert not torch.allclose(*outputs)

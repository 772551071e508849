"""States that travel: copies that last, and batches of different times put together."""

import pickle
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import small_cores
from simcore.common.tree import tree_map
from simcore.memory import CoreState, RecurrentCore
from small_cores import INPUT, KANERVA, SLOTS, random

T = 7
WORDS, SPARE = 4, 5
BATCHES, STEPS = (2, 1, 3), (25, 0, 3)
"""Worlds of each batch, and the steps that each has made."""
MEMORIES = ["lstm", "slots", "kanerva", "plain lstm", "plain slots", "plain kanerva"]


def make_core(name: str, writes: bool = True, slots: int = WORDS, spare: int = SPARE) -> RecurrentCore:
    config = {"lstm": None, "slots": replace(SLOTS, memory_size=slots), "kanerva": KANERVA}[name.removeprefix("plain ")]
    return small_cores.make_core(config, writes, name.startswith("plain "), spare)


def resets(length: int, batch: int, seed: int) -> Tensor:
    return torch.rand(length, batch, generator=torch.Generator().manual_seed(seed)) < 0.15


@torch.no_grad()
def stepped(core: RecurrentCore, state: CoreState, steps: int, seed: int = 3) -> CoreState:
    """The state some single steps, with resets, later."""
    batch = len(state.hidden)
    for x, first in zip(random(steps, 1, batch, INPUT, seed=seed), resets(steps, batch, seed), strict=True):
        state = core(x, state, first[None]).final
    return state


def states_of_different_times(core: RecurrentCore) -> list[CoreState]:
    pairs = zip(BATCHES, STEPS, strict=True)
    return [stepped(core, core.initial_state(batch), steps, seed=i) for i, (batch, steps) in enumerate(pairs)]


def index(state: CoreState, which: slice) -> CoreState:
    return tree_map(lambda leaf: leaf[which], state)


@pytest.mark.parametrize("slots", [WORDS, 40])
@pytest.mark.parametrize("portable", [True, False])
@pytest.mark.parametrize("name", MEMORIES)
def test_to_unroll_a_joined_state_is_to_unroll_each_alone(name: str, portable: bool, slots: int) -> None:
    core = make_core(name, slots=slots)
    inputs, is_first = random(T, sum(BATCHES), INPUT).requires_grad_(), resets(T, sum(BATCHES), seed=5)
    assert is_first.any(dim=1).sum() > 2, "the test wants several resets"

    def starts() -> tuple[list[CoreState], list[Tensor]]:
        states = states_of_different_times(core)
        if portable:
            states = [core.portable(state) for state in states]
        states = [state._replace(hidden=state.hidden.clone(), cell=state.cell.clone()) for state in states]
        wanted = [leaf.requires_grad_() for state in states for leaf in (state.hidden, state.cell)]
        return states, wanted

    def results(outputs: Tensor, cell: Tensor, wanted: list[Tensor]) -> list[Tensor]:
        total = (outputs * random(*outputs.shape, seed=7)).sum() + cell.square().sum()
        return [outputs, cell, *torch.autograd.grad(total, [inputs, *core.parameters(), *wanted])]

    states, wanted = starts()
    together = core(inputs, core.join(states), is_first)
    joined = results(together.outputs, together.final.cell, wanted)
    states, wanted = starts()
    pieces = zip(inputs.split(BATCHES, 1), states, is_first.split(BATCHES, 1), strict=True)
    apart = [core(*piece) for piece in pieces]
    alone = results(torch.cat([one.outputs for one in apart], 1), torch.cat([one.final.cell for one in apart]), wanted)
    for one, other in zip(joined, alone, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", MEMORIES)
def test_a_joined_state_goes_on_as_each_alone(name: str) -> None:
    core = make_core(name)
    states = states_of_different_times(core)
    joined = stepped(core, core.join([core.portable(state) for state in states]), 0)
    inputs = random(3 * WORDS, 1, sum(BATCHES), INPUT, seed=8)
    with torch.no_grad():
        for x in inputs:
            outputs, joined, _ = core(x, joined)
            unrolled = [core(part, state) for part, state in zip(x.split(BATCHES, 1), states, strict=True)]
            states = [one.final for one in unrolled]
            torch.testing.assert_close(outputs, torch.cat([one.outputs for one in unrolled], 1))


@pytest.mark.parametrize("name", MEMORIES)
def test_a_portable_state_lasts_however_far_the_actor_has_gone(name: str) -> None:
    core, inputs = make_core(name), random(T, 2, INPUT)
    state = stepped(core, core.initial_state(2), 9)
    travels = core.portable(state)
    expected = core(inputs, core.portable(state)).outputs
    before = tree_map(torch.clone, travels)
    stepped(core, state, 30)
    for _ in range(2):
        assert torch.equal(core(inputs, travels).outputs, expected)
        tree_map(lambda a, b: torch.testing.assert_close(a, b, rtol=0, atol=0) or a, travels, before)
    if name == "slots":
        with pytest.raises(RuntimeError, match=r"too old.*RecurrentCore\.portable"):
            core(inputs, state)


@pytest.mark.parametrize("name", MEMORIES)
def test_a_portable_state_carries_no_gradient_and_little_else(name: str) -> None:
    core = make_core(name, slots=1000)
    state = core.portable(core(random(T, 2, INPUT), core.initial_state(2)).final)
    leaves: list[Tensor] = []
    tree_map(lambda leaf: leaves.append(leaf) or leaf, state)
    assert not any(leaf.requires_grad for leaf in leaves)
    for leaf in leaves:
        assert leaf.untyped_storage().nbytes() == leaf.numel() * leaf.element_size()
    if name == "slots":
        assert state.memory.words.shape == (2, T, SLOTS.word_size)


@pytest.mark.parametrize("name", MEMORIES)
def test_a_portable_state_can_be_pickled_and_indexed_along_the_batch(name: str) -> None:
    core, inputs = make_core(name), random(T, 3, INPUT)
    state = stepped(core, core.initial_state(3), 9)
    travelled = pickle.loads(pickle.dumps(core.portable(state)))
    assert isinstance(travelled.memory, type(state.memory))
    expected = core(inputs, core.portable(state)).outputs
    torch.testing.assert_close(core(inputs, travelled).outputs, expected)
    for which in (slice(1, 2), [2, 0]):
        torch.testing.assert_close(core(inputs[:, which], index(travelled, which)).outputs, expected[:, which])
    again = core.join([index(travelled, slice(1, 3)), index(travelled, slice(1))])
    torch.testing.assert_close(core(inputs[:, [1, 2, 0]], again).outputs, expected[:, [1, 2, 0]])


@pytest.mark.parametrize("name", MEMORIES)
def test_simulations_start_from_joined_states(name: str) -> None:
    core, simulation = make_core(name), make_core(name, writes=False)
    states, inputs = states_of_different_times(core), random(T, sum(BATCHES), INPUT)
    together = simulation(inputs, core.join(states)).outputs
    for part, output, state in zip(inputs.split(BATCHES, 1), together.split(BATCHES, 1), states, strict=True):
        torch.testing.assert_close(simulation(part, state).outputs, output)
        torch.testing.assert_close(simulation(part, core.portable(state)).outputs, output)


def test_a_joined_state_is_unrolled_without_another_copy_of_the_ring() -> None:
    core = make_core("slots")
    joined = core.join([core.portable(state) for state in states_of_different_times(core)])
    final = core(random(SPARE, sum(BATCHES), INPUT), joined).final
    assert final.memory.words.data_ptr() == joined.memory.words.data_ptr()


def test_one_of_several_snapshots_can_travel_and_all_at_once_cannot() -> None:
    core, inputs = make_core("slots"), random(T, 2, INPUT)
    snapshots = core(inputs, core.initial_state(2), None, [3, 1]).snapshots
    later = core(inputs[2:], core.portable(index(snapshots, 1))).outputs
    torch.testing.assert_close(later, core(inputs, core.initial_state(2)).outputs[2:])
    with pytest.raises(ValueError, match="index the snapshots"):
        core.portable(snapshots)


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="no state"):
        make_core("lstm").join([])

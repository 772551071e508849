"""The slot memory, and its unroll with a backward pass by hand against a plain one that copies the memory."""

import doctest

import pytest
import torch
from torch import Tensor, nn

from simcore.common.tree import tree_map
from simcore.memory import CoreState, RecurrentCore
from simcore.memory.slots import SlotMemory, Slots

T, B, INPUT, HIDDEN, WORD, READS = 11, 3, 4, 6, 5, 2
SIMULATED = 4


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def make_core(slots: int = 20, top_k: int = 3, spare: int = 16, writes: bool = True) -> RecurrentCore:
    torch.manual_seed(int(writes))
    memory = Slots(INPUT, HIDDEN, slots, WORD, READS, top_k, spare, writes)
    return RecurrentCore(INPUT, HIDDEN, memory).double()


def random_resets() -> Tensor:
    is_first = torch.rand(T, B, generator=torch.Generator().manual_seed(2)) < 0.2
    assert is_first.any(dim=1).sum() > 2, "the test wants several resets"
    return is_first


def detached(state: CoreState) -> CoreState:
    return tree_map(lambda leaf: leaf.detach(), state)


class World:
    """One world of the plain unroll: an LSTM's state, the reads, and the words seen, as a list."""

    def __init__(self, hidden: Tensor, cell: Tensor, reads: Tensor, words: list[Tensor]) -> None:
        self.hidden, self.cell, self.reads, self.words = hidden, cell, reads, words


def slow_step(core: RecurrentCore, x: Tensor, world: World) -> World:
    slots: Slots = core.memory
    plain = SlotMemory(slots.slots, WORD, slots.top_k)
    weights = {name.removesuffix("_l0"): value for name, value in core.lstm.named_parameters()}
    cell = nn.LSTMCell(INPUT + READS * WORD, HIDDEN)
    joined = torch.cat([x, world.reads])[None]
    hidden, new_cell = torch.func.functional_call(cell, weights, (joined, (world.hidden[None], world.cell[None])))
    query = slots.query(hidden[0])
    keys, strengths = query[: READS * WORD].view(1, READS, WORD), nn.functional.softplus(query[READS * WORD :])[None]
    state = torch.stack(world.words)[None] if world.words else x.new_zeros(1, 0, WORD)
    reads = plain.read(state, keys, strengths).flatten()
    words = list(world.words)
    if slots.write_word is not None:
        words = [*words, slots.write_word(torch.cat([hidden[0], x]))][-slots.slots :]
    return World(hidden[0], new_cell[0], reads, words)


def fresh_world() -> World:
    return World(*(torch.zeros(size, dtype=torch.float64) for size in (HIDDEN, HIDDEN, READS * WORD)), [])


def slow(core: RecurrentCore, inputs: Tensor, worlds: list[World], is_first: Tensor | None) -> list[list[World]]:
    """The worlds after each step."""
    after = []
    for t, x in enumerate(inputs):
        if is_first is not None:
            worlds = [fresh_world() if is_first[t, b] else world for b, world in enumerate(worlds)]
        worlds = [slow_step(core, x[b], world) for b, world in enumerate(worlds)]
        after.append(worlds)
    return after


def beliefs(worlds: list[World]) -> Tensor:
    return torch.stack([torch.cat([world.hidden, world.reads]) for world in worlds])


def weigh(*tensors: Tensor) -> Tensor:
    """A number that depends on every entry in its own way."""
    return sum((tensor * random(*tensor.shape, seed=10 + i)).sum() for i, tensor in enumerate(tensors))


@pytest.mark.parametrize("resets", [True, False])
@pytest.mark.parametrize(
    ("slots", "top_k", "spare", "before"),
    [(20, 3, 16, 0), (20, 50, 0, 4), (4, 3, 0, 9), (4, 2, 30, 25), (1, 1, 5, 3), (7, 7, 13, 14)],
)
def test_values_and_gradients_equal_a_memory_that_is_copied(
    slots: int, top_k: int, spare: int, before: int, resets: bool
) -> None:
    """`before` steps come first, without a gradient, so that the memory is not empty and the ring goes round."""
    core, simulation = make_core(slots, top_k, spare), make_core(slots, top_k, spare, writes=False)
    is_first = random_resets() if resets else None
    times = [6, 0, T - 1]
    inputs, simulated = random(T, B, INPUT).requires_grad_(), random(SIMULATED, 3, B, INPUT, seed=8).requires_grad_()
    earlier = random(before, B, INPUT, seed=9)

    def run(fast: bool) -> tuple[list[Tensor], tuple[Tensor, ...]]:
        if fast:
            state = core.initial_state(B)
            for x in earlier:
                state = detached(core(x[None], state).final)
            hidden, cell, reads = (
                leaf.clone().requires_grad_() for leaf in (state.hidden, state.cell, state.memory.reads)
            )
            state = CoreState(hidden, cell, state.memory._replace(reads=reads))
            outputs, final, snapshots = core(inputs, state, is_first, snapshots_at=times)
            ahead = simulation(simulated, snapshots)
            results = [outputs, final.cell, snapshots.cell, ahead.outputs, ahead.final.cell]
            starts = [hidden, cell, reads]
        else:
            worlds = [fresh_world() for _ in range(B)]
            with torch.no_grad():
                for states in slow(core, earlier, worlds, None)[-1:]:
                    worlds = states
            starts = [
                torch.stack([getattr(world, name) for world in worlds]).requires_grad_()
                for name in ("hidden", "cell", "reads")
            ]
            worlds = [World(*(leaf[b] for leaf in starts), world.words) for b, world in enumerate(worlds)]
            states = slow(core, inputs, worlds, is_first)
            aheads = [slow(simulation, simulated[:, s], states[t], None) for s, t in enumerate(times)]
            results = [
                torch.stack([beliefs(worlds) for worlds in states]),
                torch.stack([world.cell for world in states[-1]]),
                torch.stack([torch.stack([world.cell for world in states[t]]) for t in times]),
                torch.stack([torch.stack([beliefs(worlds) for worlds in ahead]) for ahead in aheads], dim=1),
                torch.stack([torch.stack([world.cell for world in ahead[-1]]) for ahead in aheads]),
            ]
        wanted = [*core.parameters(), *simulation.parameters(), inputs, simulated, *starts]
        return results, torch.autograd.grad(weigh(*results), wanted)

    names = [*dict(core.named_parameters()), *dict(simulation.named_parameters())]
    names += ["inputs", "simulated", "hidden", "cell", "reads"]
    (fast_values, fast_gradients), (slow_values, slow_gradients) = run(True), run(False)
    for fast_value, slow_value in zip(fast_values, slow_values, strict=True):
        torch.testing.assert_close(fast_value, slow_value)
    for name, fast_gradient, slow_gradient in zip(names, fast_gradients, slow_gradients, strict=True):
        torch.testing.assert_close(fast_gradient, slow_gradient, msg=lambda text, name=name: f"{name}: {text}")


def test_two_halves_and_single_steps_equal_one_unroll() -> None:
    core, inputs, is_first = make_core(slots=4), random(T, B, INPUT), random_resets()
    whole = core(inputs, core.initial_state(B), is_first)
    first = core(inputs[:5], core.initial_state(B), is_first[:5])
    second = core(inputs[5:], detached(first.final), is_first[5:])
    torch.testing.assert_close(torch.cat([first.outputs, second.outputs]), whole.outputs)
    state, steps = core.initial_state(B), []
    for x, first_now in zip(inputs, is_first, strict=True):
        unrolled = core(x[None], state, first_now[None])
        state = detached(unrolled.final)
        steps.append(unrolled.outputs)
    torch.testing.assert_close(torch.cat(steps), whole.outputs)


def test_steps_in_a_chain_never_copy_the_ring() -> None:
    core = make_core()
    state = core.initial_state(B)
    ring = state.memory.words.data_ptr()
    for x in random(60, 1, B, INPUT):
        state = detached(core(x, state).final)
        assert state.memory.words.data_ptr() == ring


def test_a_fork_copies_the_ring_and_leaves_the_other_branch_alone() -> None:
    core, inputs = make_core(), random(T, B, INPUT)
    start = detached(core(random(5, B, INPUT, seed=4), core.initial_state(B)).final)
    one = core(inputs, start)
    other = core(2 * inputs, start)
    again = core(inputs, start)
    torch.testing.assert_close(again.outputs, one.outputs)
    assert not torch.allclose(other.outputs, one.outputs)
    fresh = core(inputs[:3], core(inputs, detached(start)).final)
    torch.testing.assert_close(core(inputs[:3], detached(one.final)).outputs, fresh.outputs)


def test_a_state_whose_words_are_gone_is_refused() -> None:
    core = make_core(slots=4, spare=6)
    old = state = detached(core(random(5, B, INPUT), core.initial_state(B)).final)
    for x in random(9, 1, B, INPUT):
        state = detached(core(x, state).final)
    with pytest.raises(RuntimeError, match="too old"):
        core(random(2, B, INPUT), old)


def test_a_state_that_sees_nothing_never_grows_too_old() -> None:
    core, inputs = make_core(slots=4, spare=6), random(2, B, INPUT)
    start = state = core.initial_state(B)
    expected = core(inputs, core.initial_state(B)).outputs
    for x in random(12, 1, B, INPUT):
        state = detached(core(x, state).final)
    torch.testing.assert_close(core(inputs, start).outputs, expected)


def test_a_world_that_went_on_alone_keeps_its_words() -> None:
    core, inputs = make_core(), random(3, B, INPUT)
    state = detached(core(random(5, B, INPUT, seed=4), core.initial_state(B)).final)
    alone = detached(core(random(3, 1, INPUT, seed=5), tree_map(lambda leaf: leaf[1:2], state)).final)
    expected = core(inputs[:, :1], tree_map(torch.clone, alone)).outputs
    core(inputs, state)
    torch.testing.assert_close(core(inputs[:, :1], alone).outputs, expected)


def test_worlds_of_different_times_are_refused() -> None:
    core = make_core()
    states = [detached(core(random(t, B, INPUT), core.initial_state(B)).final) for t in (3, 5)]
    with pytest.raises(ValueError, match="of the same time"):
        core(random(2, 2 * B, INPUT), tree_map(lambda a, b: torch.cat([a, b]), *states))


def test_a_simulation_trains_the_same_words_after_the_belief_has_gone_on() -> None:
    core, simulation = make_core(), make_core(writes=False)

    def gradients(goes_on: bool) -> tuple[Tensor, ...]:
        unrolled = core(random(T, B, INPUT), core.initial_state(B), None, [6, 3])
        if goes_on:
            core(random(4, B, INPUT, seed=4), detached(unrolled.final))
        ahead = simulation(random(SIMULATED, 2, B, INPUT, seed=8), unrolled.snapshots)
        return torch.autograd.grad(weigh(ahead.outputs), list(core.parameters()))

    for after, before in zip(gradients(True), gradients(False), strict=True):
        torch.testing.assert_close(after, before)


def test_a_backward_pass_whose_words_are_gone_is_refused() -> None:
    core = make_core(slots=4, spare=6)
    unrolled = core(random(5, B, INPUT), core.initial_state(B))
    state = detached(unrolled.final)
    for x in random(9, 1, B, INPUT):
        state = detached(core(x, state).final)
    with pytest.raises(RuntimeError, match="overwritten since"):
        unrolled.outputs.sum().backward()


def test_a_simulation_leaves_the_memory_bitwise_as_it_is() -> None:
    core, simulation = make_core(), make_core(writes=False)
    state = detached(core(random(T, B, INPUT), core.initial_state(B)).final)
    before = tree_map(lambda leaf: leaf.clone(), state.memory)
    after = simulation(random(4, B, INPUT), state).final.memory
    for name in ("words", "tip", "written", "first"):
        assert torch.equal(getattr(state.memory, name), getattr(before, name))
        assert torch.equal(getattr(after, name), getattr(before, name))


def test_a_world_does_not_depend_on_its_neighbours() -> None:
    core, inputs, is_first = make_core(), random(T, B, INPUT), random_resets()
    together = core(inputs, core.initial_state(B), is_first).outputs
    for b in range(B):
        alone = core(inputs[:, b : b + 1], core.initial_state(1), is_first[:, b : b + 1]).outputs
        torch.testing.assert_close(alone[:, 0], together[:, b])


def test_a_reset_equals_a_fresh_start() -> None:
    core, inputs, is_first = make_core(), random(T, B, INPUT), torch.zeros(T, B, dtype=torch.bool)
    is_first[5] = True
    unrolled = core(inputs, core.initial_state(B), is_first)
    torch.testing.assert_close(unrolled.outputs[5:], core(inputs[5:], core.initial_state(B)).outputs)


def test_a_second_backward_pass_is_refused() -> None:
    core = make_core()
    total = core(random(T, B, INPUT), core.initial_state(B)).outputs.sum()
    total.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="used up by an earlier backward pass"):
        total.backward()


def test_misuse_is_refused() -> None:
    core, reader = make_core(), make_core(writes=False)
    with pytest.raises(ValueError, match="neither resets nor snapshots"):
        reader(random(T, B, INPUT), reader.initial_state(B), torch.zeros(T, B, dtype=torch.bool))
    snapshots = core(random(T, B, INPUT), core.initial_state(B), None, [1, 2]).snapshots
    with pytest.raises(ValueError, match="one state of each world"):
        core(random(T, 2, B, INPUT), snapshots)


def test_autocast_leaves_the_unroll_in_float32() -> None:
    core = make_core().float()
    inputs = random(T, B, INPUT).float()
    plain = core(inputs, core.initial_state(B)).outputs
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(core(inputs, core.initial_state(B)).outputs, plain)


# Alone


def test_the_example_of_the_documentation_runs() -> None:
    torch.manual_seed(0)
    names = {"SlotMemory": SlotMemory, "torch": torch}
    for example in doctest.DocTestFinder(recurse=False).find(SlotMemory, "SlotMemory", globs=names):
        assert doctest.DocTestRunner().run(example).failed == 0


def test_an_empty_memory_reads_zeros() -> None:
    memory = SlotMemory(4, WORD, 2)
    read = memory.read(memory.initial_state(B), torch.randn(B, READS, WORD), torch.ones(B, READS))
    assert torch.equal(read, torch.zeros(B, READS, WORD))


def test_the_oldest_word_is_overwritten_and_only_the_best_are_read() -> None:
    memory, words = SlotMemory(3, 4, 1), torch.eye(4)
    state = memory.initial_state(1)
    for word in words:
        state = memory.write(state, word[None])
    assert torch.equal(state[0], words[1:])
    read = memory.read(state, words[None, 2:] + 0.1, torch.full((1, 2), 0.01))
    torch.testing.assert_close(read[0], words[2:])

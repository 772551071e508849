"""The slot memory's unroll, its ring of words, and the memory alone."""

import doctest
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import small_cores
from simcore.common.tree import tree_map
from simcore.memory import RecurrentCore, SlotMemory
from small_cores import INPUT, SLOTS, detached, random, weigh

T, B = 11, 3
WORD, READS = SLOTS.word_size, SLOTS.reads
SIMULATED = 4


def make_core(slots: int = 20, spare: int = 16, writes: bool = True) -> RecurrentCore:
    return small_cores.make_core(replace(SLOTS, memory_size=slots), writes, spare=spare)


def random_resets() -> Tensor:
    return small_cores.random_resets(T, B)


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
    for name in ("words", "write_count", "written", "first"):
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
    assert torch.equal(state.words[0], words[[3, 1, 2]])
    assert state.written.tolist() == [4]
    read = memory.read(state, words[None, 2:] + 0.1, torch.full((1, 2), 0.01))
    torch.testing.assert_close(read[0], words[2:])

"""What a memory holds, as probes of the whole state read it."""

from dataclasses import replace

import pytest
import torch

import small_cores
from simcore.common.tree import tree_map
from simcore.memory import CoreState, RecurrentCore
from small_cores import INPUT, KANERVA, SLOTS, random, random_resets

T, B = 11, 3
TIMES = [10, 0, 4]


def slots(count: int, plain: bool = False) -> RecurrentCore:
    return small_cores.make_core(replace(SLOTS, memory_size=count), plain=plain)


def sees(words: list[torch.Tensor], count: int) -> torch.Tensor:
    """The newest `count` of one world's words, the newest first, then zeros."""
    newest = torch.stack([*words[::-1], *torch.zeros(count, SLOTS.word_size, dtype=torch.float64)])
    return newest[:count]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("count", [4, 40])
def test_slots_hold_the_words_of_the_episode_the_newest_first(count: int, plain: bool) -> None:
    """After each step, also once the oldest are overwritten and where an episode has begun."""
    core, inputs, is_first = slots(count, plain), random(T, B, INPUT), random_resets(T, B)
    unrolled = core(inputs, core.initial_state(B), is_first, range(T))
    write = core.memory.write_word  # type: ignore[union-attr]
    written = write(torch.cat([unrolled.outputs[..., : core.hidden_size], inputs], -1))  # type: ignore[operator]
    assert unrolled.snapshots is not None
    held = core.contents(unrolled.snapshots)
    assert held is not None
    assert held.shape == (T, B, count, SLOTS.word_size)
    for world in range(B):
        words: list[torch.Tensor] = []
        for t in range(T):
            words = [] if is_first[t, world] else words
            words.append(written[t, world])
            torch.testing.assert_close(held[t, world], sees(words, count))


@pytest.mark.parametrize("count", [4, 40])
def test_the_rings_states_of_any_kind_hold_what_plain_ones_do(count: int) -> None:
    core, plain = slots(count), slots(count, plain=True)
    inputs, is_first = random(T, B, INPUT), random_resets(T, B)
    ring, reference = (each(inputs, each.initial_state(B), is_first, TIMES) for each in (core, plain))
    assert ring.snapshots is not None
    assert reference.snapshots is not None
    expected = plain.contents(reference.final)
    for state in (ring.final, core.portable(ring.final), core.join([one_world(ring.final, b) for b in range(B)])):
        torch.testing.assert_close(core.contents(state), expected)
    torch.testing.assert_close(core.contents(ring.snapshots), plain.contents(reference.snapshots))
    empty = core.contents(core.initial_state(B))
    assert empty is not None
    assert not empty.any()


def one_world(state: CoreState, world: int) -> CoreState:
    return tree_map(lambda leaf: leaf[world : world + 1], state)


@pytest.mark.parametrize("plain", [False, True])
def test_a_kanerva_memory_holds_its_mean(plain: bool) -> None:
    core = small_cores.make_core(KANERVA, plain=plain)
    unrolled = core(random(T, B, INPUT), core.initial_state(B), None, TIMES)
    assert unrolled.snapshots is not None
    held = core.contents(unrolled.snapshots)
    assert held is not None
    assert held.shape == (len(TIMES), B, KANERVA.memory_size, KANERVA.word_size)
    assert torch.equal(held, unrolled.snapshots.memory.mean)  # type: ignore[attr-defined]


def test_a_bare_lstm_holds_nothing_beside_its_cell() -> None:
    core = small_cores.make_core(None)
    assert core.contents(core.initial_state(B)) is None

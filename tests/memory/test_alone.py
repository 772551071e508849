"""The memories by themselves, which are used in the same way."""

import pytest
import torch
from torch import nn

from simcore.common.tree import leaves
from simcore.memory import KanervaMemory, SlotMemory

B, WORD = 2, 32


@pytest.mark.parametrize("kind", [SlotMemory, KanervaMemory])
def test_what_was_written_is_read_by_a_part_of_it(kind: type[SlotMemory] | type[KanervaMemory]) -> None:
    torch.manual_seed(0)
    memory = SlotMemory(16, WORD, top_k=1) if kind is SlotMemory else KanervaMemory(16, WORD, noise_variance=0.01)
    assert isinstance(memory, nn.Module)
    words = torch.randn(6, B, WORD)
    state = memory.initial_state(B)
    assert all(len(leaf) == B for leaf in leaves(state))
    for word in words:
        state = memory.write(state, word)
    for word in words:
        cue = word + 0.3 * torch.randn(B, WORD)
        recalled = memory.read(state, cue)
        assert recalled.shape == (B, WORD)
        assert ((recalled - word).norm(dim=-1) < 0.9 * (cue - word).norm(dim=-1)).all()


def test_one_key_or_several_are_read_alike() -> None:
    memory = SlotMemory(4, WORD, top_k=2)
    state = memory.initial_state(B)
    for word in torch.randn(3, B, WORD):
        state = memory.write(state, word)
    keys, strengths = torch.randn(B, 2, WORD), torch.rand(B, 2)
    several = memory.read(state, keys, strengths)
    for i in range(2):
        torch.testing.assert_close(memory.read(state, keys[:, i], strengths[:, i]), several[:, i])
    torch.testing.assert_close(memory.read(state, keys), memory.read(state, keys, torch.ones(B, 2)))

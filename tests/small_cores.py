"""Cores with small memories in float64, and what the tests of memories share."""

import torch
from torch import Tensor

from simcore.common.tree import tree_map
from simcore.memory import CoreState, KanervaConfig, KanervaWiring, Memory, RecurrentCore, SlotsConfig, SlotWiring
from simcore.memory.fast.slots_unroller import FastSlots

INPUT, HIDDEN = 4, 6
SLOTS = SlotsConfig(memory_size=20, word_size=5, reads=2, top_k=3)
KANERVA = KanervaConfig(memory_size=6, word_size=5, write_hidden=7)


def make_core(
    config: SlotsConfig | KanervaConfig | None, writes: bool = True, plain: bool = False, spare: int = 16
) -> RecurrentCore:
    """Return a core whose weights depend on `writes` alone; without options it is a bare LSTM."""
    torch.manual_seed(int(writes))
    memory: Memory | None = None
    if isinstance(config, SlotsConfig):
        memory = SlotWiring(config, input_size=INPUT, hidden_size=HIDDEN, writes=writes)
    if isinstance(config, KanervaConfig):
        memory = KanervaWiring(config, input_size=INPUT, hidden_size=HIDDEN, writes=writes)
    core = RecurrentCore(INPUT, HIDDEN, memory, plain).double()
    if isinstance(core.unroller, FastSlots):
        core.unroller.spare = spare
    return core


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def random_resets(length: int, batch: int) -> Tensor:
    is_first = torch.rand(length, batch, generator=torch.Generator().manual_seed(2)) < 0.25
    assert is_first.any(dim=1).sum() > 2, "the test wants several resets"
    return is_first


def detached(state: CoreState) -> CoreState:
    return tree_map(lambda leaf: leaf.detach(), state)


def weigh(*tensors: Tensor) -> Tensor:
    """A number that depends on every entry in its own way."""
    return sum((tensor * random(*tensor.shape, seed=10 + i)).sum() for i, tensor in enumerate(tensors))

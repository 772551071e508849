"""Probes that read a memory: they find what is planted in any of its places, and nothing in those not written."""

import torch
from torch import Tensor

from simcore.probes import Probes, ProbesConfig
from simcore.probes.fresh import Examples, train_fresh_probes
from simcore.probes.memory_reader import READ_SIZE, MemoryInputs, MemoryReader, MemoryShape
from simcore.worlds.api import ProbeTarget

BELIEF, SHAPE, CLASSES = 8, MemoryShape(6, 10), 5
TARGETS = (ProbeTarget("answer", "class", (CLASSES,)),)
CONFIG = ProbesConfig(hidden_size=64, layers=1, epochs=12, batch=64, learning_rate=3e-3)


def recall(count: int, seed: int) -> Examples:
    """Memories of a few key-value words in any order; the belief holds a key, whose value is the answer."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(count, SHAPE.slots, generator=generator).argsort(1)
    written = torch.randint(3, SHAPE.slots + 1, (count, 1), generator=generator)
    values = torch.randint(0, CLASSES, (count, SHAPE.slots), generator=generator)
    keys = torch.randn(SHAPE.slots, 5, generator=torch.Generator().manual_seed(9))
    words = torch.cat([keys[order], torch.eye(CLASSES)[values]], -1) * 7.0 + 3.0
    words[torch.arange(SHAPE.slots) >= written] = 0.0
    asked = (torch.rand(count, generator=generator) * written[:, 0]).long()
    row = torch.arange(count)
    belief = torch.cat([keys[order[row, asked]], torch.randn(count, 3, generator=generator)], -1)
    return Examples(torch.cat([belief, words.flatten(1)], 1), {"answer": values[row, asked]})


def accuracy(probes: Probes, examples: Examples) -> float:
    read = probes(examples.beliefs)["answer"].argmax(-1)
    return float((read == examples.targets["answer"]).float().mean())


def trained(sets: tuple[Examples, Examples], memory: MemoryShape | None) -> Probes:
    torch.manual_seed(0)
    probes = Probes(
        CONFIG, belief_size=sets[0].beliefs.shape[1] - (memory.size if memory else 0), targets=TARGETS, memory=memory
    )
    return train_fresh_probes(probes, *sets, CONFIG, torch.Generator().manual_seed(0))


def without_memory(examples: Examples) -> Examples:
    return examples._replace(beliefs=examples.beliefs[:, :BELIEF])


def test_a_probe_recalls_by_a_key_what_only_the_memory_holds() -> None:
    sets, test = (recall(4096, 1), recall(512, 2)), recall(1024, 3)
    assert accuracy(trained(sets, SHAPE), test) > 0.95
    alone = trained((without_memory(sets[0]), without_memory(sets[1])), None)
    assert accuracy(alone, without_memory(test)) < 1 / CLASSES + 0.1


def random_inputs(count: int = 7) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(count, BELIEF), torch.randn(count, *SHAPE)


def test_what_is_not_written_is_not_read() -> None:
    belief, words = random_inputs()
    reader, is_written = MemoryReader(BELIEF, SHAPE), torch.arange(SHAPE.slots).expand(7, -1) < 4
    other = torch.where(is_written[..., None], words, 100.0)
    assert torch.equal(reader(belief, words, is_written), reader(belief, other, is_written))
    nothing = reader(belief, words, torch.zeros_like(is_written))
    assert nothing.shape == (7, READ_SIZE)
    assert not nothing.any()


def test_a_memory_is_standardised_by_what_is_written_in_it() -> None:
    _, words = random_inputs(4000)
    words[:, 4:] = 0.0
    words[:, :4] = 3 * words[:, :4] + 5
    inputs = MemoryInputs(SHAPE)
    inputs.fit(words.flatten(1))
    standardised, is_written = inputs(words.flatten(1)).split([SHAPE.size, SHAPE.slots], -1)
    assert is_written.tolist() == [[1.0] * 4 + [0.0] * 2] * 4000
    kept = standardised.view(-1, *SHAPE)[:, :4]
    torch.testing.assert_close(kept.mean((0, 1)), torch.zeros(SHAPE.word_size), atol=0.05, rtol=0)
    torch.testing.assert_close(kept.std((0, 1)), torch.ones(SHAPE.word_size), atol=0.05, rtol=0)


def test_a_memory_in_which_nothing_is_written_is_no_fault() -> None:
    inputs = MemoryInputs(SHAPE)
    inputs.fit(torch.zeros(9, SHAPE.size))
    assert not inputs(torch.zeros(9, SHAPE.size)).any()


def test_many_beliefs_are_read_in_parts_as_one_by_one() -> None:
    probes = Probes(CONFIG, belief_size=BELIEF, targets=TARGETS, memory=SHAPE)
    beliefs = recall(5000, 4).beliefs.view(50, 100, -1)
    whole = probes(beliefs)["answer"].detach()
    with torch.no_grad():
        parts = probes(beliefs)["answer"]
    assert whole.shape == (50, 100, CLASSES)
    torch.testing.assert_close(parts, whole)

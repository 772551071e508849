"""The check of a memory of one's own: SimCore's memories pass, and each way to break the contract is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from simcore.memory import CoreState, KanervaWiring, LSTMStep, Memory, SlotWiring
from simcore.memory.plain import PlainUnroller
from simcore.testing import check_memory
from small_cores import KANERVA, SLOTS


def test_simcores_own_memories_pass() -> None:
    check_memory(SlotWiring, SLOTS)
    check_memory(KanervaWiring, KANERVA)


class Trace(NamedTuple):
    words: Tensor


class Good(Memory):
    """A decaying sum of words, read as it is."""

    @dataclass(frozen=True)
    class Config:
        size: int = 3

    def __init__(self, config: Config, *, input_size: int, hidden_size: int, writes: bool = True) -> None:
        super().__init__()
        self.writes, self.read_size, self.output_size = writes, config.size, 0
        self.scale = nn.Parameter(torch.ones(config.size))
        self.word = nn.Linear(hidden_size + input_size, config.size) if writes else None

    def initial_state(self, batch_size: int) -> Any:
        return Trace(self.scale.new_zeros(batch_size, self.read_size))

    def write(self, state: CoreState, word: Tensor) -> Tensor:
        return 0.5 * state.memory.words + word

    def step(self, inputs: Tensor, state: CoreState, lstm: LSTMStep) -> Any:
        hidden, cell = lstm(torch.cat([inputs, self.scale * state.memory.words], -1), state.hidden, state.cell)
        words = state.memory.words
        if self.word is not None:
            words = self.write(state, self.word(torch.cat([hidden, inputs], -1)))
        return hidden, CoreState(hidden, cell, Trace(words))


def test_a_memory_that_keeps_the_contract_passes_with_and_without_options() -> None:
    check_memory(Good)
    check_memory(Tells)
    check_memory(Good, Good.Config(size=5), input_size=2, hidden_size=3, seed=1)


class NoWrites(Good):
    def __init__(self, config: Good.Config, *, input_size: int, hidden_size: int) -> None:
        super().__init__(config, input_size=input_size, hidden_size=hidden_size)


class WantsTheColour(Good):
    def __init__(self, config: Good.Config, colour: str, input_size: int, hidden_size: int) -> None:
        super().__init__(config, input_size=input_size, hidden_size=hidden_size)


class NoSizes(Good):
    def __init__(self, *args: Any, **sizes: Any) -> None:
        super().__init__(*args, **sizes)
        self.read_size = None


class PlainTuple(Good):
    def initial_state(self, batch_size: int) -> Any:
        return tuple(super().initial_state(batch_size))


class FewRows(Good):
    def initial_state(self, batch_size: int) -> Any:
        return Trace(self.scale.new_zeros(1, self.read_size))


class Single(Good):
    def initial_state(self, batch_size: int) -> Any:
        return Trace(torch.zeros(batch_size, self.read_size))


class Fails(Good):
    def step(self, inputs: Tensor, state: CoreState, lstm: LSTMStep) -> Any:
        return lstm(inputs, state.hidden, state.cell)


class OneThing(Good):
    def step(self, *given: Any) -> Any:
        return super().step(*given)[0]


def changed_step(change: Callable[[Good, Tensor, CoreState], Any]) -> type[Memory]:
    """Return a memory whose step returns what a function makes of the right thing."""

    class Changed(Good):
        def step(self, *given: Any) -> Any:
            return change(self, *super().step(*given))

    return Changed


def changed_write(change: Callable[[Good, CoreState, Tensor], Tensor]) -> type[Memory]:
    """Return a memory that writes as a function does."""

    class Changed(Good):
        write = change

    return Changed


class Sticky(Good):
    steps = 0

    def initial_state(self, batch_size: int) -> Any:
        self.steps += 1
        return Trace(self.scale.new_full((batch_size, self.read_size), float(self.steps)))


class OddCopy(Good):
    def portable(self, memory: tuple[Any, ...]) -> Any:
        return Trace(memory[0].detach() + 1)


class KeepsGradient(Good):
    def portable(self, memory: tuple[Any, ...]) -> Any:
        return Trace(memory[0].clone())


class JoinsBackward(Good):
    def join(self, memories: Any) -> Any:
        return Trace(torch.cat([memory[0] for memory in reversed(memories)]))


class ReaderWrites(Good):
    def step(self, *given: Any) -> Any:
        output, state = super().step(*given)
        return output, state if self.writes else state._replace(memory=Trace(state.memory.words + 1))


class Tells(Good):
    """Its sum is one vector."""

    def contents(self, memory: tuple[Any, ...]) -> Any:
        return memory[0][..., None, :]


class TellsFlat(Good):
    def contents(self, memory: tuple[Any, ...]) -> Any:
        return memory[0]


class TellsOfOneWorld(Tells):
    def contents(self, memory: tuple[Any, ...]) -> Any:
        return super().contents(memory)[..., :1, :, :]


class TellsByTheTime(Tells):
    calls = 0

    def contents(self, memory: tuple[Any, ...]) -> Any:
        self.calls += 1
        return super().contents(memory) + self.calls


class Detached(Good):
    def write(self, state: CoreState, word: Tensor) -> Tensor:
        return super().write(state, word.detach())


BROKEN = {
    "must be a class derived from": nn.Linear,
    "must take the keyword `writes`": NoWrites,
    "WantsTheColour wants the argument 'colour'": WantsTheColour,
    "read_size must be a whole number": NoSizes,
    "must return a named tuple of tensors, or an empty tuple, not a tuple": PlainTuple,
    "must have 3 rows, one a world": FewRows,
    "must make tensors of its weights' type": Single,
    r"step failed: RuntimeError": Fails,
    "must return two things": OneThing,
    r"must return b_t of the shape \(3, 6\)": changed_step(lambda _, b, state: (b[:, 1:], state)),
    "must return a CoreState like the one": changed_step(lambda _, b, state: (b, state._replace(memory=(b,)))),
    "must begin with the LSTM's output": changed_step(lambda _, b, state: (b + 1, state)),
    "not finite": changed_step(lambda _, b, state: (b, state._replace(cell=state.cell / 0))),
    "changed in place the state that it was given": changed_write(lambda _, state, word: state.memory.words.add_(word)),
    "must be deterministic": changed_write(lambda _, state, word: word + torch.randn_like(word)),
    "must always be K vectors": TellsFlat,
    "must have the same K and D at all times": TellsOfOneWorld,
    "must not depend on how it is unrolled": TellsByTheTime,
    "worlds of a batch must be independent": changed_write(lambda _, state, word: word - word.mean(0)),
    "must return the same state each time": Sticky,
    "must return the same state": OddCopy,
    "must return a state without gradient": KeepsGradient,
    "join must put states together": JoinsBackward,
    "must leave the memory as it is, and 'words' has changed": ReaderWrites,
    "no gradient reaches 'word.weight'": Detached,
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_what_breaks_the_contract_is_told_in_a_sentence(sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_memory(BROKEN[sentence])


def test_a_reset_that_leaves_something_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlainUnroller, "_reset", lambda self, state, first: state)
    with pytest.raises(AssertionError, match="must go on as from initial_state"):
        check_memory(Good)

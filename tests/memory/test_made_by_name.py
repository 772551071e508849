"""Memories by name: SimCore's own, with the weights that older checkpoints have, and those of a user's module."""

import copy
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from torch import Tensor

from simcore.build import make_memory, make_system
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.memory import CoreState, KanervaWiring, LSTMStep, RecurrentCore, SlotWiring, memories
from simcore.memory.cell import NoMemory
from simcore.memory.plain import PlainUnroller
from simcore.training.training import Training
from tinier import changed, tinier

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_memory.py"
LSTM = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
PRIOR = ["memory.prior_mean", "memory.log_prior_variance", "memory.log_noise"]
READ = ["read_word.first.weight", "read_word.first.bias"]
WRITE = ["write_word.first.weight", "write_word.first.bias", "write_word.second.weight", "write_word.second.bias"]
QUERY = ["query.weight", "query.bias"]
NAMES = {
    "lstm": ([], []),
    "slots": ([*QUERY, "write_word.weight", "write_word.bias"], QUERY),
    "kanerva": ([*PRIOR, *READ, *WRITE], READ),
}
"""Of the memories of belief and simulation core, in the order by which the optimiser's state knows them."""
FIRST_WEIGHTS = {"lstm": "eafe8fb00b914364", "slots": "856e564e269e9389", "kanerva": "64925963f3f1aa60"}
"""Digests of all first weights, from seed 0."""


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("core", NAMES)
def test_names_order_and_first_weights_are_those_of_older_checkpoints(core: str, plain: bool) -> None:
    torch.manual_seed(0)
    system = make_system(tinier(core=core, memory__plain=plain))
    for part, memory in zip((system.agent.core, system.simulation.core), NAMES[core], strict=True):
        expected = [f"memory.{name}" for name in memory] + [f"lstm.{name}" for name in LSTM]
        assert sorted(part.state_dict()) == sorted(expected)
        assert [name for name, _ in part.named_parameters()] == expected
    weights = b"".join(parameter.detach().numpy().tobytes() for parameter in system.parameters())
    assert sha256(weights).hexdigest().startswith(FIRST_WEIGHTS[core])


def test_simcores_memories_are_registered_and_made_of_their_sections() -> None:
    assert list(memories)[:2] == ["kanerva", "slots"]
    slots = make_memory(tinier(core="slots", slots__top_k=2), 3, writes=False)
    assert isinstance(slots, SlotWiring)
    assert (slots.memory.top_k, slots.writes) == (2, False)
    kanerva = make_memory(tinier(core="kanerva", kanerva__memory_size=9), 3)
    assert isinstance(kanerva, KanervaWiring)
    assert kanerva.memory.slots == 9
    assert make_memory(tinier(core="lstm"), 3) is None
    with pytest.raises(UserError, match="no memory 'slot'; there are: kanerva, slots"):
        memories.find("slot")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A configuration with the example's memory, in the current folder."""
    shutil.copy(EXAMPLE, tmp_path / "some_memory.py")
    monkeypatch.syspath_prepend(tmp_path)
    return changed(tinier(), core="some_memory:OuterProductMemory")


def test_a_memory_of_ones_own_trains_in_belief_and_simulation(own: Config) -> None:
    training = Training(own, torch.device("cpu"))
    core, simulation = training.system.agent.core, training.system.simulation.core
    assert isinstance(core.unroller, PlainUnroller)
    assert not simulation.memory.writes
    parameters = [*core.memory.parameters(), *simulation.memory.parameters()]
    before = [parameter.detach().clone() for parameter in parameters]
    training.update()
    training.check()
    assert all(not torch.equal(one, other) for one, other in zip(before, parameters, strict=True))
    again = Training(own, torch.device("cpu"))
    again.load_state_dict(copy.deepcopy(training.state_dict()))  # as from a file
    for one in (training, again):
        one.update()
    for one, other in zip(training.system.parameters(), again.system.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_step_that_returns_the_wrong_shapes_is_refused_by_name() -> None:
    class Narrow(NoMemory):
        def step(self, inputs: Tensor, state: CoreState, lstm: LSTMStep) -> tuple[Tensor, CoreState]:
            hidden, cell = lstm(inputs, state.hidden, state.cell)
            return hidden[:, :5], CoreState(hidden, cell)

    class Grown(NoMemory):
        def step(self, inputs: Tensor, state: CoreState, lstm: LSTMStep) -> tuple[Tensor, CoreState]:
            hidden, cell = lstm(inputs, state.hidden, state.cell)
            return hidden, CoreState(hidden, torch.cat([cell, cell]))

    wrong = {r"Narrow.step returned b_t .*\(2, 5\); .*\(2, 8\)": Narrow(), "Grown.step returned a state": Grown()}
    for complaint, memory in wrong.items():
        core = RecurrentCore(3, 8, memory)
        with pytest.raises(UserError, match=complaint):
            core(torch.zeros(4, 2, 3), core.initial_state(2))


def test_the_example_runs_and_learns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLE.parent)
    import own_memory

    own_memory.main(updates=100)
    before, after = (float(text.split(":")[-1]) for text in capsys.readouterr().out.split(", after"))
    assert after < 0.9 * before

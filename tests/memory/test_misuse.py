"""Cores and memories that are used in another way than they are meant say so, instead of computing something else."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.memory import KanervaMemory, RecurrentCore, SlotMemory
from simcore.memory.cell import KanervaWiring, SlotWiring
from simcore.memory.kanerva import KanervaConfig
from simcore.memory.slots import SlotsConfig

STEPS, WORLDS, INPUTS, UNITS = 5, 3, 4, 6


def make_core(kind: str, plain: bool = False) -> RecurrentCore:
    torch.manual_seed(0)
    sizes = {"input_size": INPUTS, "hidden_size": UNITS}
    memory: Any = None
    if kind == "slots":
        memory = SlotWiring(SlotsConfig(memory_size=7, word_size=4, reads=2, top_k=3), **sizes)
    if kind == "kanerva":
        memory = KanervaWiring(KanervaConfig(memory_size=4, word_size=8, write_hidden=8), **sizes)
    return RecurrentCore(INPUTS, UNITS, memory, plain)


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(STEPS, WORLDS, INPUTS, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", ["slots", "kanerva"])
def test_outputs_that_were_changed_in_place_have_no_backward_pass(kind: str, inputs: Tensor) -> None:
    core = make_core(kind)
    outputs = core(inputs, core.initial_state(WORLDS)).outputs
    with pytest.raises(RuntimeError, match="changed in place before its backward pass; clone them"):
        F.relu(outputs, inplace=True).sum().backward()
    outputs = core(inputs, core.initial_state(WORLDS)).outputs
    F.relu(outputs.clone(), inplace=True).sum().backward()
    with torch.inference_mode():
        core(inputs, core.initial_state(WORLDS))


@pytest.mark.parametrize("kind", ["slots", "kanerva"])
def test_a_record_that_is_used_up_names_the_unroll_that_keeps_its_graph(kind: str, inputs: Tensor) -> None:
    core = make_core(kind)
    loss = core(inputs, core.initial_state(WORLDS)).outputs.sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match=r"unroll again, or by RecurrentCore\(..., plain=True\)"):
        loss.backward()


@pytest.mark.parametrize("kind", ["lstm", "slots", "kanerva"])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(
    ("is_first", "told"),
    [
        (torch.zeros(STEPS, WORLDS, dtype=torch.uint8), r"is torch.uint8 \[5, 3\]; it must be bool \[5, 3\]"),
        (torch.zeros(STEPS, 1, dtype=torch.bool), r"bool \[5, 1\]; it must be"),
        (torch.zeros(2, WORLDS, dtype=torch.bool), r"bool \[2, 3\]; it must be"),
    ],
)
def test_resets_of_another_type_or_shape_are_refused(
    is_first: Tensor, told: str, plain: bool, kind: str, inputs: Tensor
) -> None:
    core = make_core(kind, plain)
    with pytest.raises(ValueError, match=told):
        core(inputs, core.initial_state(WORLDS), is_first)


def test_a_core_keeps_its_memory_and_a_state_is_of_its_kind(inputs: Tensor) -> None:
    core, bare = make_core("slots"), make_core("lstm")
    with pytest.raises(AttributeError, match="a core's memory cannot be replaced"):
        core.memory = None
    with pytest.raises(ValueError, match="the state is of a core with a memory, and this one has none"):
        bare(inputs, core.initial_state(WORLDS))


@pytest.mark.parametrize("kind", ["lstm", "slots", "kanerva"])
def test_a_core_computes_with_weights_that_are_given(kind: str, inputs: Tensor) -> None:
    core = make_core(kind)
    weights = {name: 0.5 * weight.detach() for name, weight in core.named_parameters()}
    given = torch.func.functional_call(core, weights, (inputs, core.portable(core.initial_state(WORLDS)))).outputs
    state = core.portable(core.initial_state(WORLDS))  # before, as there
    core.load_state_dict(core.state_dict() | weights)
    torch.testing.assert_close(given, core(inputs, state).outputs)


@pytest.mark.parametrize("kind", ["slots", "kanerva"])
def test_a_core_computes_with_normalised_weights(kind: str, inputs: Tensor) -> None:
    core = make_core(kind)
    expected = core(inputs, core.initial_state(WORLDS)).outputs
    nn.utils.parametrizations.weight_norm(core.lstm, "weight_hh_l0")
    torch.testing.assert_close(core(inputs, core.initial_state(WORLDS)).outputs, expected)


@pytest.mark.parametrize("shape", [(2, 1), (1, 4), (4,), (3, 4), (2, 1, 4)])
def test_words_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    slots, kanerva = SlotMemory(slots=5, word_size=4, top_k=2), KanervaMemory(slots=5, word_size=4)
    word = torch.randn(shape)
    with pytest.raises(ValueError, match=r"words are .* takes one a world"):
        slots.write(slots.initial_state(2), word)
    for call in (kanerva.write, kanerva.read, kanerva.address):
        with pytest.raises(ValueError, match=r"words are .* takes one a world"):
            call(kanerva.initial_state(2), word)


@pytest.mark.parametrize(("keys", "strengths"), [((2, 3), None), ((4,), None), ((2, 4), (2, 1)), ((2, 3, 4), (2,))])
def test_keys_of_another_shape_are_refused(keys: tuple[int, ...], strengths: tuple[int, ...] | None) -> None:
    memory = SlotMemory(slots=5, word_size=4, top_k=2)
    with pytest.raises(ValueError, match=r"keys .* wants \[B, 4\] and \[B\], or \[B, n, 4\] and \[B, n\]"):
        memory.read(memory.initial_state(2), torch.randn(keys), None if strengths is None else torch.ones(strengths))


@pytest.mark.parametrize("sizes", [{"slots": 0}, {"word_size": 0}, {"noise_variance": 0.0}, {"prior_variance": -1.0}])
def test_a_kanerva_memory_has_positive_sizes(sizes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        KanervaMemory(**sizes)


def test_a_slot_memory_has_positive_sizes() -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        SlotMemory(top_k=0)

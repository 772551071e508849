"""The unroll with its backward pass by hand, against the memory's plain equations under autograd."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from simcore.common.tree import stack, tree_map
from simcore.memory import CoreState, RecurrentCore
from simcore.memory.fast import kanerva as kanerva_unroll
from simcore.memory.kanerva import Kanerva, KanervaState

T, B, INPUT, HIDDEN, SLOTS, WORD = 9, 3, 4, 6, 5, 7
SIMULATED = 4


class Shape(NamedTuple):
    """The nets that make the words: 0 for a linear one."""

    read_hidden: int
    write_hidden: int


FIGURE_8, TABLE_4 = Shape(0, 8), Shape(8, 0)


@pytest.fixture(autouse=True)
def frequent_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let some writes lie between copies of the memory and some copies between writes."""
    monkeypatch.setattr(kanerva_unroll, "COPY_EVERY", 4)


def make_core(shape: Shape, writes: bool = True) -> RecurrentCore:
    torch.manual_seed(int(writes))
    memory = Kanerva(INPUT, HIDDEN, SLOTS, WORD, 0.5, *shape, writes=writes)
    return RecurrentCore(INPUT, HIDDEN, memory).double()


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def random_state(core: RecurrentCore) -> CoreState:
    """A state in the middle of an episode, with leaves that take gradients."""
    root = random(B, SLOTS, SLOTS, seed=3) / SLOTS
    memory = KanervaState(
        random(B, SLOTS, WORD, seed=4),
        root @ root.mT + 0.1 * torch.eye(SLOTS, dtype=torch.float64),
        core.initial_state(B).memory[2].detach().clone(),
    )
    state = CoreState(random(B, HIDDEN, seed=5), random(B, HIDDEN, seed=6), memory)
    return tree_map(lambda leaf: leaf.requires_grad_(), state)


def random_resets() -> Tensor:
    is_first = torch.rand(T, B, generator=torch.Generator().manual_seed(2)) < 0.25
    assert is_first.any(dim=1).sum() > 2, "the test wants several resets"
    return is_first


def slow(core: RecurrentCore, inputs: Tensor, state: CoreState, is_first: Tensor | None) -> list[CoreState]:
    """The states after each step, by the plain equations."""
    kanerva = core.memory
    cell = nn.LSTMCell(INPUT + WORD, HIDDEN)
    weights = {name.removesuffix("_l0"): value for name, value in core.lstm.named_parameters()}
    states = []
    plain = kanerva.memory if kanerva.memory is not None else PLAIN
    for t, x in enumerate(inputs):
        if is_first is not None:
            state = tree_map(
                lambda new, old, first=is_first[t]: torch.where(first.view(-1, *[1] * (new.dim() - 1)), new, old),
                core.initial_state(len(x)),
                state,
            )
        memory = state.memory
        if kanerva.memory is not None:
            memory = memory._replace(noise=plain.log_noise.exp().expand(len(x)))
        read_out = plain.read(memory, kanerva.read_word(torch.cat([state.hidden, x], -1)))
        hidden, new_cell = torch.func.functional_call(
            cell, weights, (torch.cat([x, read_out], -1), (state.hidden, state.cell))
        )
        if kanerva.write_word is not None:
            memory = plain.write(memory, kanerva.write_word(torch.cat([hidden, x], -1)))
        state = CoreState(hidden, new_cell, memory)
        states.append(state)
    return states


PLAIN = Kanerva(INPUT, HIDDEN, SLOTS, WORD).memory


def leaves(tree: object) -> list[Tensor]:
    return [tree] if isinstance(tree, Tensor) else [leaf for child in tree for leaf in leaves(child)]


def weigh(*tensors: Tensor) -> Tensor:
    """A number that depends on every entry in its own way."""
    return sum((tensor * random(*tensor.shape, seed=10 + i)).sum() for i, tensor in enumerate(tensors))


@pytest.mark.parametrize("shape", [FIGURE_8, TABLE_4, Shape(0, 0), Shape(8, 8)])
@pytest.mark.parametrize("resets", [True, False])
def test_values_and_gradients_equal_the_plain_equations(shape: Shape, resets: bool) -> None:
    core, simulation = make_core(shape), make_core(shape, writes=False)
    is_first = random_resets() if resets else None
    times = [6, 0, T - 1]
    parameters = [*core.parameters(), *simulation.parameters()]
    inputs, simulated = random(T, B, INPUT).requires_grad_(), random(SIMULATED, 3, B, INPUT, seed=8).requires_grad_()

    def run(fast: bool) -> tuple[list[Tensor], list[Tensor]]:
        state = random_state(core)
        if fast:
            unrolled = core(inputs, state, is_first, snapshots_at=times)
            outputs, final, snapshots = unrolled
            later = simulation(simulated, snapshots)
            results = [outputs, *leaves(final), *leaves(snapshots), later.outputs, later.final.cell]
        else:
            states = slow(core, inputs, state, is_first)
            snapshots = stack([states[t] for t in times])
            merged = tree_map(lambda leaf: leaf.flatten(0, 1), snapshots)
            later_states = slow(simulation, simulated.flatten(1, 2), merged, None)
            outputs = torch.stack([state.hidden for state in states])
            later_outputs = torch.stack([state.hidden for state in later_states]).unflatten(1, (3, B))
            last_cell = later_states[-1].cell.unflatten(0, (3, B))
            results = [outputs, *leaves(states[-1]), *leaves(snapshots), later_outputs, last_cell]
        wanted = [*parameters, inputs, simulated, *leaves(state)[:4]]
        return results, torch.autograd.grad(weigh(*results), wanted, materialize_grads=True)

    names = [*dict(core.named_parameters()), *dict(simulation.named_parameters())]
    names += ["inputs", "simulated", "hidden", "cell", "mean", "covariance"]
    (fast_values, fast_gradients), (slow_values, slow_gradients) = run(True), run(False)
    for fast_value, slow_value in zip(fast_values, slow_values, strict=True):
        torch.testing.assert_close(fast_value, slow_value)
    for name, fast_gradient, slow_gradient in zip(names, fast_gradients, slow_gradients, strict=True):
        torch.testing.assert_close(fast_gradient, slow_gradient, msg=lambda text, name=name: f"{name}: {text}")

"""The unrolls with a backward pass by hand against the cells that define them: values, and all gradients."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from simcore.memory import CoreState, KanervaConfig, RecurrentCore, SlotsConfig
from simcore.memory.fast import find_fast
from simcore.memory.plain import PlainUnroller
from small_cores import HIDDEN, INPUT, KANERVA, SLOTS, detached, make_core, random, random_resets, weigh

T, B, SIMULATED = 11, 3, 4
TIMES = [6, 0, T - 1]
FORKED = {"slots": ("reads",), "kanerva": ("mean", "factor")}
"""Parts of a memory's state that take a gradient, or of which every one is compared."""


def run(
    config: SlotsConfig | KanervaConfig, plain: bool, is_first: Tensor | None, before: int, spare: int
) -> dict[str, Tensor]:
    """Return what belief and simulation give after `before` steps without gradient, and all gradients, by name."""
    parts = FORKED["slots" if isinstance(config, SlotsConfig) else "kanerva"]
    core, simulation = (make_core(config, writes, plain, spare) for writes in (True, False))
    state = core.initial_state(B)
    for x in random(before, B, INPUT, seed=9):
        state = detached(core(x[None], state).final)
    starts = {name: getattr(state.memory, name) for name in parts} | {"hidden": state.hidden, "cell": state.cell}
    starts = {name: leaf.detach().clone().requires_grad_() for name, leaf in starts.items()}
    memory = state.memory._replace(**{name: starts[name] for name in parts})
    state = CoreState(starts["hidden"], starts["cell"], memory)
    inputs, simulated = random(T, B, INPUT).requires_grad_(), random(SIMULATED, 3, B, INPUT, seed=8).requires_grad_()

    outputs, final, snapshots = core(inputs, state, is_first, snapshots_at=TIMES)
    ahead = simulation(simulated, snapshots)
    results = {"outputs": outputs, "ahead": ahead.outputs, "ahead's cell": ahead.final.cell}
    for name, seen in (("final", final), ("snapshots", snapshots)):
        results |= {f"{name}'s hidden": seen.hidden, f"{name}'s cell": seen.cell}
        results |= {f"{name}'s {part}": getattr(seen.memory, part) for part in parts}
    wanted = {"inputs": inputs, "simulated": simulated, **starts}
    wanted |= {f"core.{name}": parameter for name, parameter in core.named_parameters()}
    wanted |= {f"simulation.{name}": parameter for name, parameter in simulation.named_parameters()}
    gradients = torch.autograd.grad(weigh(*results.values()), [*wanted.values()], materialize_grads=True)
    return results | {f"gradient of {name}": value for name, value in zip(wanted, gradients, strict=True)}


def assert_equal(config: SlotsConfig | KanervaConfig, resets: bool, before: int, spare: int = 16) -> None:
    is_first = random_resets(T, B) if resets else None
    fast, plain = (run(config, plain, is_first, before, spare) for plain in (False, True))
    assert fast.keys() == plain.keys()
    for name, value in fast.items():
        torch.testing.assert_close(value, plain[name], msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("resets", [True, False])
@pytest.mark.parametrize("before", [0, 5])
@pytest.mark.parametrize(("read_hidden", "write_hidden"), [(0, 8), (8, 0), (0, 0), (8, 8)])
def test_a_kanerva_memory(read_hidden: int, write_hidden: int, before: int, resets: bool) -> None:
    nets = {"read_hidden": read_hidden, "write_hidden": write_hidden}
    assert_equal(replace(KANERVA, noise_variance=0.5, **nets), resets, before)


@pytest.mark.parametrize("resets", [True, False])
@pytest.mark.parametrize(
    ("slots", "top_k", "spare", "before"),
    [(20, 3, 16, 0), (20, 50, 0, 4), (4, 3, 0, 9), (4, 2, 30, 25), (1, 1, 5, 3), (7, 7, 13, 14)],
)
def test_a_slot_memory(slots: int, top_k: int, spare: int, before: int, resets: bool) -> None:
    """Some begin with words, and in some the ring goes round."""
    assert_equal(replace(SLOTS, memory_size=slots, top_k=top_k), resets, before, spare)


def twice(core: RecurrentCore) -> Tensor:
    """Return the gradient, at the inputs, of the size of a gradient there."""
    inputs = random(3, B, INPUT).requires_grad_()
    outputs = core(inputs, core.initial_state(B)).outputs
    (first,) = torch.autograd.grad(weigh(outputs), inputs, create_graph=True)
    return torch.autograd.grad(first.square().sum(), inputs)[0]


@pytest.mark.parametrize("config", [SLOTS, KANERVA])
def test_a_second_derivative_is_refused_with_the_way_out(config: SlotsConfig | KanervaConfig) -> None:
    with pytest.raises(RuntimeError, match=r"--memory\.plain, or RecurrentCore\(\.\.\., plain=True\)"):
        twice(make_core(config))
    assert bool(twice(make_core(config, plain=True)).isfinite().all())


def test_the_fast_way_is_taken_where_there_is_one_and_not_for_a_step_of_ones_own() -> None:
    memory = make_core(SLOTS).memory
    assert find_fast(memory) is not None
    other = type("Other", (type(memory),), {})(SLOTS, input_size=INPUT, hidden_size=HIDDEN)
    assert find_fast(other) is None
    assert isinstance(RecurrentCore(INPUT, HIDDEN, other).unroller, PlainUnroller)

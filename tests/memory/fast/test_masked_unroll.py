"""The LSTM with a mask at every step, against the fused one that is cut where something happens."""

import pytest
import torch
from torch import Tensor

from simcore.memory import CoreState, RecurrentCore, Resets, Times
from small_cores import INPUT, SLOTS, make_core

T, B, INPUTS, N = 7, 3, 5, 4


def unrolled(core: RecurrentCore, is_first: Tensor | None, at: list[int], masked: bool) -> list[Tensor]:
    """Return what an unroll gives, and all gradients of a sum in which each of it has a weight of its own."""
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    inputs, state = random(T, B, INPUTS), CoreState(random(B, N), random(B, N))
    times = Times(None, torch.tensor(at)) if masked else Times.of(at, inputs.device)
    out = core(inputs, state, is_first, times)
    parts = [out.outputs, out.final.hidden, out.final.cell]
    parts += [out.snapshots.hidden, out.snapshots.cell] if out.snapshots is not None else []
    loss = sum(((part * random(*part.shape).detach()).sum() for part in parts), torch.zeros(()))
    weights = [inputs, *state[:2], *core.parameters()]
    return [*parts, *torch.autograd.grad(loss, weights)]


@pytest.mark.parametrize("at", [[0], [6, 2], [1, 3, 5]])
@pytest.mark.parametrize("resets", [None, [], [(0, 0), (0, 1), (0, 2)], [(3, 1), (4, 1), (6, 0)]])
def test_values_and_gradients_are_those_of_the_fused_lstm(at: list[int], resets: list[tuple[int, int]] | None) -> None:
    torch.manual_seed(0)
    core = RecurrentCore(INPUTS, N).double()
    is_first = None
    if resets is not None:
        is_first = torch.zeros(T, B, dtype=torch.bool)
        for time, world in resets:
            is_first[time, world] = True
    for mine, fused in zip(*(unrolled(core, is_first, at, masked) for masked in (True, False)), strict=True):
        torch.testing.assert_close(mine, fused, rtol=1e-10, atol=1e-12)


def test_a_second_way_back_is_refused() -> None:
    core = RecurrentCore(INPUTS, N)
    total = core(torch.randn(T, B, INPUTS), core.initial_state(B), None, Times(None, torch.tensor([1]))).outputs.sum()
    total.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="used up"):
        total.backward()


def test_a_second_derivative_is_refused_with_the_way_out() -> None:
    core = RecurrentCore(INPUTS, N)
    outputs = core(torch.randn(T, B, INPUTS), core.initial_state(B), None, Times(None, torch.tensor([1]))).outputs
    with pytest.raises(RuntimeError, match=r"no second derivative.*plain=True"):
        torch.autograd.grad(outputs.sum(), [*core.parameters()], create_graph=True)


def test_what_cannot_be_unrolled_without_the_host_is_refused() -> None:
    hidden = Times(None, torch.tensor([1]))
    for core in (make_core(SLOTS), make_core(SLOTS, plain=True), make_core(None, plain=True)):
        with pytest.raises(ValueError, match="known on the device alone"):
            core(torch.randn(T, B, INPUT).double(), core.initial_state(B), None, hidden)
    core = RecurrentCore(INPUTS, N)
    resets = Resets.of(torch.zeros(T, B, dtype=torch.bool), torch.device("cpu"))
    with pytest.raises(ValueError, match="no Resets"):
        core(torch.randn(T, B, INPUTS), core.initial_state(B), resets, hidden)

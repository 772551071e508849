"""The core against a slow loop of `nn.LSTMCell`."""

import pytest
import torch
from torch import Tensor, nn

from simcore.common.tree import tree_map
from simcore.memory import CoreState, RecurrentCore, Unrolled

T, B, INPUT, HIDDEN = 11, 4, 5, 7


def make_core(plain: bool) -> RecurrentCore:
    torch.manual_seed(0)
    return RecurrentCore(INPUT, HIDDEN, plain=plain).double()


@pytest.fixture(params=[False, True], ids=["fused", "plain"])
def core(request: pytest.FixtureRequest) -> RecurrentCore:
    return make_core(request.param)


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(T, B, INPUT, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def is_first() -> Tensor:
    return torch.rand(T, B, generator=torch.Generator().manual_seed(2)) < 0.25


def random_state() -> CoreState:
    generator = torch.Generator().manual_seed(3)
    return CoreState(*(torch.randn(B, HIDDEN, dtype=torch.float64, generator=generator) for _ in range(2)))


def slow(core: RecurrentCore, inputs: Tensor, state: CoreState, is_first: Tensor) -> tuple[Tensor, list[CoreState]]:
    cell = nn.LSTMCell(INPUT, HIDDEN).double()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in core.lstm.state_dict().items()})
    states = []
    for x, first in zip(inputs, is_first, strict=True):
        keep = (~first)[:, None].double()
        state = CoreState(*cell(x, (state.hidden * keep, state.cell * keep)))
        states.append(state)
    return torch.stack([state.hidden for state in states]), states


def test_resets_and_snapshots_equal_the_slow_loop(core: RecurrentCore, inputs: Tensor, is_first: Tensor) -> None:
    assert is_first.any(dim=1).sum() > 2, "the test wants several resets"
    outputs, states = slow(core, inputs, random_state(), is_first)
    unrolled = core(inputs, random_state(), is_first, snapshots_at=[6, 0, T - 1])
    torch.testing.assert_close(unrolled.outputs, outputs)
    torch.testing.assert_close(unrolled.final, states[-1])
    for position, t in enumerate([6, 0, T - 1]):
        snapshot = tree_map(lambda leaf, position=position: leaf[position], unrolled.snapshots)
        torch.testing.assert_close(snapshot, states[t])


def test_gradients_equal_the_slow_loop(core: RecurrentCore, inputs: Tensor, is_first: Tensor) -> None:
    def gradient(outputs: Tensor, states: CoreState) -> Tensor:
        loss = outputs.square().sum() + states.cell.sum()
        return torch.autograd.grad(loss, inputs)[0]

    inputs.requires_grad_()
    outputs, states = slow(core, inputs, random_state(), is_first)
    unrolled = core(inputs, random_state(), is_first, snapshots_at=[6])
    snapshot = tree_map(lambda leaf: leaf[0], unrolled.snapshots)
    torch.testing.assert_close(gradient(unrolled.outputs, snapshot), gradient(outputs, states[6]))


def test_a_new_core_keeps_most_of_its_cell(core: RecurrentCore) -> None:
    """What is left of a cell after a step is linear in it, with the forget gate as the slope."""
    nothing, hidden = torch.zeros(1, B, INPUT).double(), torch.zeros(B, HIDDEN).double()
    empty, full = (core(nothing, CoreState(hidden, torch.full_like(hidden, cell))).final.cell for cell in (0.0, 1.0))
    forget = full - empty
    assert forget.min() > 0.6


@pytest.mark.parametrize("cut", [1, 5, T - 1])
def test_two_halves_equal_one(core: RecurrentCore, inputs: Tensor, is_first: Tensor, cut: int) -> None:
    whole = core(inputs, random_state(), is_first)
    first = core(inputs[:cut], random_state(), is_first[:cut])
    second = core(inputs[cut:], first.final, is_first[cut:])
    torch.testing.assert_close(torch.cat([first.outputs, second.outputs]), whole.outputs)
    torch.testing.assert_close(second.final, whole.final)


def test_a_reset_equals_a_fresh_start(core: RecurrentCore, inputs: Tensor) -> None:
    is_first = torch.zeros(T, B, dtype=torch.bool)
    is_first[4] = True
    unrolled = core(inputs, random_state(), is_first)
    fresh = core(inputs[4:], core.initial_state(B))
    torch.testing.assert_close(unrolled.outputs[4:], fresh.outputs)


def test_a_world_does_not_depend_on_its_neighbours(core: RecurrentCore, inputs: Tensor, is_first: Tensor) -> None:
    together = core(inputs, random_state(), is_first).outputs
    for b in range(B):
        alone = core(
            inputs[:, b : b + 1],
            tree_map(lambda leaf, b=b: leaf[b : b + 1], random_state()),
            is_first[:, b : b + 1],
        )
        torch.testing.assert_close(alone.outputs[:, 0], together[:, b])


def test_the_lstm_is_called_once_for_each_piece_between_cuts(inputs: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    core = make_core(plain=False)
    lengths: list[int] = []
    original = core.lstm.forward

    def counted(piece: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        lengths.append(len(piece))
        return original(piece, state)

    monkeypatch.setattr(core.lstm, "forward", counted)
    is_first = torch.zeros(T, B, dtype=torch.bool)
    is_first[0] = True
    is_first[5, 2] = True
    core(inputs, random_state(), is_first, snapshots_at=[7])
    assert lengths == [5, 3, 3]


@pytest.mark.parametrize("time", [-1, T])
def test_a_snapshot_outside_the_unroll_is_refused(core: RecurrentCore, inputs: Tensor, time: int) -> None:
    with pytest.raises(ValueError, match="snapshot times"):
        core(inputs, random_state(), snapshots_at=[time])


def test_without_snapshots_there_are_none(core: RecurrentCore, inputs: Tensor) -> None:
    unrolled: Unrolled = core(inputs, random_state())
    assert unrolled.snapshots is None

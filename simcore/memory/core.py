"""The recurrent core: an LSTM with or without a memory, whose state is explicit (App. B)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from simcore.common.checks import require_fields
from simcore.common.tree import with_structure
from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times
from simcore.memory.base import Memory
from simcore.memory.cell import NoMemory
from simcore.memory.fast import find_fast
from simcore.memory.fast.fused_lstm import FusedLSTM
from simcore.memory.plain import PlainUnroller
from simcore.memory.unroller import Unroller


@dataclass(frozen=True)
class MemoryConfig:
    """How the cores are unrolled."""

    plain: bool = False
    """Unroll belief and simulation core step by step with autograd, instead of by the faster unrolls with a
    hand-written backward pass: to inspect a step, or for second derivatives."""

    def __post_init__(self) -> None:
        require_fields("memory.", self)


class RecurrentCore(nn.Module):
    """f in b_t = f(b_{t-1}, input_t): the belief core and the simulation core are one instance each.

    The LSTM and its memory are unrolled together: by a fast unroll if there is one, as for a bare LSTM, or else by the
    memory's own steps.

    Args:
        input_size: the width of a step's input.
        hidden_size: N_h.
        memory: what the LSTM reads, and writes except in a simulation; None: the bare LSTM.
        plain: unroll by single steps with autograd, even if there is a fast unroll.
    """

    __call__: Callable[..., Unrolled]  # for type checkers

    unroller: Unroller[Any]
    """What unrolls the LSTM with its memory."""

    def __init__(self, input_size: int, hidden_size: int, memory: Memory | None = None, plain: bool = False) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.memory = memory
        wired = NoMemory() if memory is None else memory
        self.unroller = PlainUnroller(wired) if plain else find_fast(wired) or PlainUnroller(wired)
        self.lstm = nn.LSTM(input_size + wired.read_size, hidden_size)
        # PyTorch's initial cell forgets half at every step, and is slow to learn to remember.
        forget_bias = self.lstm.get_parameter("bias_ih_l0")[hidden_size : 2 * hidden_size]
        nn.init.ones_(forget_bias)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "memory" and "unroller" in vars(self):
            raise AttributeError("a core's memory cannot be replaced; make a RecurrentCore with another one")
        super().__setattr__(name, value)

    @property
    def output_size(self) -> int:
        """The size of b_t."""
        return self.hidden_size + self.unroller.memory.output_size

    def initial_state(self, batch_size: int) -> CoreState:
        """Return the state at the start of an episode, `[batch_size, ...]`."""
        zeros = cast(Tensor, self.lstm.weight_hh_l0).new_zeros(batch_size, self.hidden_size)
        return CoreState(zeros, zeros, self.unroller.initial_state(batch_size))

    def contents(self, state: CoreState) -> Tensor | None:
        """Return what the memory of a state `[*, ...]` holds, K vectors `[*, K, D]`, zeros where none is written yet.

        It is None without a memory, or if a user's memory does not expose it.

        Raises:
            RuntimeError: a slot memory's state is too old: words that it sees have been overwritten since.
        """
        return self.unroller.contents(state.memory)

    def portable(self, state: CoreState) -> CoreState:
        """Return a copy of the state `[B, ...]`, without gradient and sharing no storage with other states.

        Later unrolls leave it valid, whereas a slot memory's other states can become too old. It can be pickled, moved
        to a device (`tree_map(lambda leaf: leaf.to(device), state)`), indexed along the batch in the same way, and
        joined with others; and it has the smallest possible size.

        Raises:
            ValueError: a slot memory's state is of several times, as snapshots are.
            RuntimeError: a slot memory's state is too old already.
        """
        hidden, cell = (leaf.detach().clone() for leaf in (state.hidden, state.cell))
        return CoreState(hidden, cell, self.unroller.portable(state.memory))

    def join(self, states: Sequence[CoreState]) -> CoreState:
        """Return the states of several batches, each `[B_i, ...]`, concatenated along the batch.

        They may be of different times. Unrolling the result equals unrolling each alone, gradients included, except
        that no gradient flows into the words of a slot memory.

        Raises:
            ValueError: there is no state, or a slot memory's state is of several times, as snapshots are.
            RuntimeError: a slot memory's state is too old.
        """
        if not states:
            raise ValueError("there is no state to join")
        hidden, cell = (torch.cat([getattr(state, name) for state in states]) for name in ("hidden", "cell"))
        return CoreState(hidden, cell, self.unroller.join([state.memory for state in states]))

    def restored(self, saved: tuple[Any, ...]) -> CoreState:
        """Return a state `[B, ...]` from the plain tuples of a checkpoint, perhaps of an earlier version.

        Raises:
            ValueError: it is not a state of this core.
            TypeError: it is not a state.
        """
        state = CoreState(*saved)
        return with_structure(self.initial_state(1), state._replace(memory=self.unroller.restored(state.memory)))

    def forward(
        self,
        inputs: Tensor,
        state: CoreState,
        is_first: Tensor | Resets | None = None,
        snapshots_at: Sequence[int] | Times = (),
    ) -> Unrolled:
        """Unroll over time.

        Args:
            inputs: `[T, B, input_size]`; or `[T, S, B, input_size]`, to continue from S snapshots of each of B worlds.
            state: the state before the first step, `[B, ...]` or `[S, B, ...]`.
            is_first: bool `[T, B]`; where true the state is reset BEFORE that step. None: nowhere. The host waits for a
                tensor on a device, but not for `Resets`, which are made in advance.
            snapshots_at: distinct times in [0, T) whose states (after the step) are returned, in the order given.

        Raises:
            ValueError: `is_first` of another type or shape; the state of a core with a memory in one without; a
                snapshot time outside the unroll; resets or snapshots in an unroll that starts from snapshots,
                or whose memory only reads; times known only on the device, with a memory, in a plain unroll, or with
                `Resets`.
        """
        at = Times.of(snapshots_at, inputs.device)
        if at.host is not None and any(not 0 <= t < len(inputs) for t in at.host):
            raise ValueError(f"snapshot times {list(at.host)} are not all in [0, {len(inputs)})")
        if isinstance(is_first, Tensor) and (is_first.dtype != torch.bool or is_first.shape != inputs.shape[:2]):
            raise ValueError(
                f"is_first is {is_first.dtype} {list(is_first.shape)}; it must be bool {list(inputs.shape[:2])}"
            )
        if self.memory is None and state.memory != ():
            raise ValueError("the state is of a core with a memory, and this one has none")
        if inputs.dim() > 3 and (is_first is not None or at.number):
            raise ValueError("an unroll that starts from snapshots has neither resets nor snapshots of its own")
        if self.memory is not None and not self.memory.writes and (is_first is not None or at.number):
            raise ValueError("a core whose memory only reads has neither resets nor snapshots")
        if at.host is None and isinstance(self.unroller, FusedLSTM):
            if isinstance(is_first, Resets):
                raise ValueError("a masked unroll takes is_first as it is, bool [T, B], and no Resets")
            return self.unroller.unroll_masked(self.lstm, inputs, state, is_first, at)
        return self.unroller.unroll(self.lstm, inputs, state, Resets.of(is_first, inputs.device), at)

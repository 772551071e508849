"""Weights, plan and record of an unroll with a Kanerva memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from torch import Tensor

from simcore.memory.fast.kanerva_posterior import Posterior, Write


class Weights(NamedTuple):
    """The parameters of an unroll; a word's second layer is None if it has one layer."""

    recurrent: Tensor
    """From h to the LSTM's preactivations, the read word's first layer and the write word's first layer `[P, N_h]`."""
    from_read: Tensor
    """From the read-out to the LSTM's preactivations `[4 N_h, D]`."""
    read: tuple[Tensor, Tensor] | None
    """Weight and bias of the read word's second layer, if it has two."""
    write: tuple[Tensor, Tensor] | None
    """The same of the write word."""

    @classmethod
    def of(cls, flat: Sequence[Tensor | None]) -> "Weights":
        """Make weights from the tensors that `flat` returned."""
        recurrent, from_read, *layers = flat
        pairs = [None if layers[i] is None else (layers[i], layers[i + 1]) for i in (0, 2)]
        return cls(cast(Tensor, recurrent), cast(Tensor, from_read), *cast(Any, pairs))

    def flat(self) -> tuple[Tensor | None, ...]:
        """Return the tensors as a flat tuple, as autograd requires."""
        return (self.recurrent, self.from_read, *(self.read or (None, None)), *(self.write or (None, None)))


class Reset(NamedTuple):
    """The worlds in which an episode begins at some time."""

    keep: Tensor
    """Float `[B, 1]`: 0 for these worlds, else 1."""
    worlds: Tensor
    """Their numbers, int64 `[n]`."""


class Plan(NamedTuple):
    """The structure of an unroll: sizes, resets and snapshots."""

    read_width: int
    """The width of the read word's first layer."""
    writes: bool
    """Whether the memory is written."""
    resets: "dict[int, Reset]"
    """By time, where an episode begins in some world."""
    snapshots_at: list[int]
    """The times whose states are kept."""


@dataclass
class Record:
    """What the backward pass needs of the forward pass; K slots of width D, B worlds."""

    preactivations: Tensor
    """`[T, B, P]`: preactivations, replaced by gates and words, then by the preactivations' gradients."""
    outputs: Tensor
    """h, `[T, B, N_h]`."""
    cells: Tensor
    """`[T + 1, B, N_h]`, the one before the first step included."""
    read_outs: Tensor
    """`[T, B, D]`."""
    read_addresses: Tensor
    """`[T, B, K]`."""
    read_hidden: Tensor | None
    """The input of the read word's second layer `[T, B, *]`."""
    write_hidden: Tensor | None
    """The same of the write word's."""
    writes: Write
    """Of all steps; of none if the memory is not written. In the backward pass δ becomes the words' gradients."""
    reset_cells: dict[int, Tensor] = field(default_factory=dict)
    """The cells after a reset."""
    ended: dict[int, Posterior] = field(default_factory=dict)
    """The memories that a reset ended, `[n, ...]`."""
    last: Posterior | None = None
    """The memory after the last step."""


def make_record(preactivations: Tensor, hidden: Tensor, mean: Tensor, w: Weights, plan: Plan) -> Record:
    """Allocate the record of an unroll of the `preactivations` `[T, B, P]`."""
    (length, batch, width), units, (slots, word_size) = preactivations.shape, hidden.shape[-1], mean.shape[-2:]
    write_width = width - 4 * units - plan.read_width

    def room(*shape: int, times: int = length) -> Tensor:
        return preactivations.new_empty(times, batch, *shape)

    return Record(
        preactivations,
        room(units),
        room(units, times=length + 1),
        room(word_size),
        mean.new_empty(length, batch, slots),
        room(plan.read_width) if w.read is not None else None,
        room(write_width) if plan.writes and w.write is not None else None,
        Write.room(length if plan.writes else 0, mean),
    )

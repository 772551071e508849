"""Weights, plan and record of an unroll with a Kanerva memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from simcore.memory.ridge import raised, regularised


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


class Plan(NamedTuple):
    """The structure of an unroll: sizes, resets and snapshots."""

    read_width: int
    """The width of the read word's first layer."""
    writes: bool
    """Whether the memory is written."""
    resets: dict[int, Tensor]
    """For each time at which an episode begins in some world: float `[B, 1]`, 0 for these worlds, else 1."""
    snapshots_at: list[int]
    """The times whose states are kept."""


class Writes(NamedTuple):
    """What the backward pass needs of the writes."""

    hidden: Tensor | None
    """The input of the write word's second layer `[T, B, *]`."""
    addresses: Tensor
    """w, `[T, B, K]`."""
    gains: Tensor
    """c, `[T, B, K]`."""
    surprises: Tensor
    """δ, `[T, B, D]`; in the backward pass the write words' gradients."""
    variances: Tensor
    """v, `[T, B, 1]`."""


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
    writes: "Writes | None" = None
    """The record of the writes; None if the memory is not written."""
    reset_cells: dict[int, Tensor] = field(default_factory=dict)
    """The cells after a reset."""
    copies: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """M and U before some of the writes."""
    solvers: "list[Solver]" = field(default_factory=list)
    """One per step, or a single one if the memory is not written."""


class Solver:
    """Solve linear systems with M Mᵀ + ρ I `[B, K, K]`."""

    def __init__(self, gram: Tensor, ridge: Tensor) -> None:
        self.ridge = raised(gram, ridge)[:, None]
        self.lower, _ = torch.linalg.cholesky_ex(regularised(gram, ridge))

    def __call__(self, vector: Tensor) -> Tensor:
        """Return the solution `[B, K]` for a right side `[B, K]`."""
        return torch.cholesky_solve(vector[:, :, None], self.lower)[:, :, 0]


def make_record(preactivations: Tensor, hidden: Tensor, mean: Tensor, w: Weights, plan: Plan) -> Record:
    """Allocate the record of an unroll of the `preactivations` `[T, B, P]`."""
    (length, batch, width), units, (slots, word_size) = preactivations.shape, hidden.shape[-1], mean.shape[-2:]
    write_width = width - 4 * units - plan.read_width

    def room(*shape: int, times: int = length) -> Tensor:
        return preactivations.new_empty(times, batch, *shape)

    writes = None
    if plan.writes:
        write_hidden = room(write_width) if w.write is not None else None
        writes = Writes(write_hidden, room(slots), room(slots), room(word_size), room(1))
    return Record(
        preactivations,
        room(units),
        room(units, times=length + 1),
        room(word_size),
        room(slots),
        room(plan.read_width) if w.read is not None else None,
        writes,
    )

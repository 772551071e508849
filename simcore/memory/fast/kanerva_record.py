"""What an unroll with a Kanerva memory is given, is to do, and keeps for its way back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from simcore.memory.ridge import raised, regularised


class Weights(NamedTuple):
    """What an unroll needs besides state and input; the last layers of a word are None where it has but one."""

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
        """Put together what `flat` took apart."""
        recurrent, from_read, *layers = flat
        pairs = [None if layers[i] is None else (layers[i], layers[i + 1]) for i in (0, 2)]
        return cls(cast(Tensor, recurrent), cast(Tensor, from_read), *cast(Any, pairs))

    def flat(self) -> tuple[Tensor | None, ...]:
        """Return the tensors alone, as autograd wants them."""
        return (self.recurrent, self.from_read, *(self.read or (None, None)), *(self.write or (None, None)))


class Plan(NamedTuple):
    """What an unroll is to do."""

    read_width: int
    """The width of the read word's first layer."""
    writes: bool
    """Whether the memory is written."""
    resets: dict[int, Tensor]
    """At each time when an episode begins somewhere: float `[B, 1]`, 0 for the worlds where one does, else 1."""
    snapshots_at: list[int]
    """The times whose states are kept."""


class Writes(NamedTuple):
    """What the way back needs of the writes."""

    hidden: Tensor | None
    """What enters the write word's second layer `[T, B, *]`."""
    addresses: Tensor
    """w, `[T, B, K]`."""
    gains: Tensor
    """c, `[T, B, K]`."""
    surprises: Tensor
    """δ, `[T, B, D]`; on the way back the write words' gradients."""
    variances: Tensor
    """v, `[T, B, 1]`."""


@dataclass
class Record:
    """What the way back needs of the way forth; K slots of D, B worlds."""

    preactivations: Tensor
    """`[T, B, P]`: preactivations, then gates and words, then the preactivations' gradients."""
    outputs: Tensor
    """h, `[T, B, N_h]`."""
    cells: Tensor
    """`[T + 1, B, N_h]`, the one before the first step included."""
    read_outs: Tensor
    """`[T, B, D]`."""
    read_addresses: Tensor
    """`[T, B, K]`."""
    read_hidden: Tensor | None
    """What enters the read word's second layer `[T, B, *]`."""
    writes: "Writes | None" = None
    """Of the writes; None where the memory is not written."""
    reset_cells: dict[int, Tensor] = field(default_factory=dict)
    """The cells after a reset."""
    copies: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """M and U before some of the writes."""
    solvers: "list[Solver]" = field(default_factory=list)
    """One a step, or a single one where the memory is not written."""


class Solver:
    """Solves with M Mᵀ + ρ I `[B, K, K]`."""

    def __init__(self, gram: Tensor, ridge: Tensor) -> None:
        self.ridge = raised(gram, ridge)[:, None]
        self.lower, _ = torch.linalg.cholesky_ex(regularised(gram, ridge))

    def __call__(self, vector: Tensor) -> Tensor:
        """Solve for `[B, K]`."""
        return torch.cholesky_solve(vector[:, :, None], self.lower)[:, :, 0]


def make_record(preactivations: Tensor, hidden: Tensor, mean: Tensor, w: Weights, plan: Plan) -> Record:
    """Return room for what an unroll of the `preactivations` `[T, B, P]` has to keep."""
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

"""An LSTM and a slot memory unrolled together, forward and backward (App. B).

The slots are a ring that an unroll appends to in place. A mask says which columns of the ring a world sees; the way
back needs only which slots were chosen, and with what weights.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from simcore.memory.lstm_step import lstm_backward, lstm_forward
from simcore.memory.products import times_transposed, weight_gradient
from simcore.memory.slot_state import LEAST_LENGTH


class Plan(NamedTuple):
    """What an unroll is to do; S simulations share the memory of each of B worlds, one where it is written."""

    ring: Tensor
    """`[B, C, D]`; appended to in place where the memory is written."""
    inverse: Tensor
    """One over the words' lengths `[B, C]`, in place too."""
    tip: Tensor
    """How many words the ring has been given, int64 `[B]`, in place too."""
    oldest: int
    """The absolute index of the oldest word that some world sees."""
    newest: int
    """The absolute index of the first word that carries a gradient."""
    mask: Tensor
    """`[B, S, C]`: 0 where a slot is seen, minus infinity elsewhere."""
    slots: int
    """K."""
    reads: int
    """n_r."""
    top_k: int
    """n_k."""
    writes: bool
    """Whether the memory is written."""
    resets: dict[int, Tensor]
    """At each time when an episode begins somewhere: bool `[B]`."""
    snapshots_at: list[int]
    """The times whose cells are kept."""
    trains: bool
    """Whether there will be a way back."""


class Window(NamedTuple):
    """The columns of a ring that need be looked at."""

    begin: int
    """The first."""
    end: int
    """One past the last."""

    @classmethod
    def of(cls, oldest: int, newest: int, capacity: int) -> "Window":
        """Return the columns of the words `oldest` to `newest`; all where they go round the ring's end."""
        begin = oldest % capacity
        return cls(begin, begin + newest - oldest) if begin + newest - oldest <= capacity else cls(0, capacity)


class SlotsUnroll(torch.autograd.Function):
    """`apply(plan, sums, hidden, cell, reads, recent, from belief, from hidden, bias)`, with M = S B.

    `sums` `[T, M, 4 N_h + D]` are the inputs' parts of the LSTM's sums and, where the memory is written, the words;
    they become the record, so nobody else may hold them. `recent` `[B, R, D]` are the ring's newest words, where a
    simulation is to pass gradients to them. `from belief` leads from b = (h, reads) to the LSTM's sums, `from hidden`
    and `bias` from h to keys, strengths and words. Returns b `[T, M, N_h + n_r D]`, the final cell, the snapshots'
    cells and the words that were written `[B, T, D]`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        plan: Plan,
        sums: Tensor,
        hidden: Tensor,
        cell: Tensor,
        reads: Tensor,
        recent: Tensor,
        from_belief: Tensor,
        from_hidden: Tensor,
        bias: Tensor,
    ) -> tuple[Tensor, ...]:
        """Unroll."""
        record, (length, batch, _), units = sums.detach(), sums.shape, hidden.shape[-1]
        ring, inverse, (worlds, capacity, word_size) = plan.ring, plan.inverse, plan.ring.shape
        gate_width, query_width = 4 * units, plan.reads * (word_size + 1)
        outputs = sums.new_empty(length, batch, units + plan.reads * word_size)
        cells = sums.new_empty(length + 1, batch, units)
        words = sums.new_empty(worlds, length if plan.writes else 0, word_size)
        cells[0] = cell
        belief = torch.cat([hidden, reads], -1)
        mask = plan.mask.clone() if plan.writes else plan.mask
        window = Window.of(plan.oldest, plan.newest + (length if plan.writes else recent.shape[1]), capacity)
        reset_cells: dict[int, Tensor] = {}
        chosen: list[tuple[Tensor, Tensor]] = []

        for t in range(length):
            cell = cells[t]
            if t in plan.resets:
                keep = (~plan.resets[t])[:, None]
                belief, cell = belief * keep, cell * keep
                reset_cells[t] = cell
                mask[plan.resets[t]] = -torch.inf
            gates = record[t, :, :gate_width].add_(times_transposed(belief, from_belief))
            now = outputs[t, :, :units]
            lstm_forward(gates, cell, cells[t + 1], now)
            asked = times_transposed(now, from_hidden).add_(bias)
            # Columns that this unroll has yet to write need no look, where the ring does not go round.
            end = window.end - (length - t) if plan.writes and window.end - window.begin < capacity else window.end
            keys, strengths, _ = _query(asked[:, :query_width], plan, worlds)
            read, rows, weights = _read(keys, strengths, ring, inverse, mask, Window(window.begin, end), plan.top_k)
            outputs[t, :, units:] = _by_simulation(read, batch, plan.reads)
            chosen.append((rows.to(torch.int32), weights))
            if plan.writes:
                record[t, :, gate_width:] += asked[:, query_width:]
                column, expired = (plan.newest + t) % capacity, plan.newest + t - plan.slots
                words[:, t] = ring[:, column] = record[t, :, gate_width:]
                inverse[:, column] = _inverse_lengths(words[:, t])
                mask[:, :, column] = 0.0
                if expired >= 0:
                    mask[:, :, expired % capacity] = -torch.inf
            belief = outputs[t]

        if plan.writes:
            plan.tip.add_(length)
        # An output that its own graph holds would never be freed: hence the aliases.
        ctx.plan, ctx.record = plan, (record, outputs.detach(), cells, words.detach(), reset_cells, chosen)
        ctx.save_for_backward(hidden, reads, recent, from_hidden, bias)
        # Turned, and in place of the weight itself, which is as large as half the memory.
        ctx.to_belief = from_belief.T.contiguous() if plan.trains else None
        ctx.set_materialize_grads(False)
        return outputs, cells[-1].clone(), cells[[t + 1 for t in plan.snapshots_at]], words

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Go back from the last step to the first."""
        if ctx.record is None:
            raise RuntimeError("this unroll's record was used up by an earlier backward pass; unroll again")
        plan: Plan = ctx.plan
        record, outputs, cells, words, reset_cells, chosen = ctx.record
        ctx.record = None
        hidden, reads, recent, from_hidden, bias = ctx.saved_tensors
        (length, batch, _), units = outputs.shape, hidden.shape[-1]
        ring, inverse, (worlds, capacity, word_size) = plan.ring, plan.inverse, plan.ring.shape
        if int(plan.tip.max()) - capacity > plan.oldest:
            raise RuntimeError("slots that this unroll has read were overwritten since; go back before unrolling on")
        gate_width, query_width = 4 * units, plan.reads * (word_size + 1)
        d_outputs, d_cell, d_cells, d_words = gradients
        d_cell = torch.zeros_like(hidden) if d_cell is None else d_cell.clone()
        new = words if plan.writes else recent
        d_new = d_words.clone() if plan.writes and d_words is not None else torch.zeros_like(new)
        flat_ring = ring.view(-1, word_size)
        to_belief, to_hidden = ctx.to_belief, from_hidden.T.contiguous()
        ctx.to_belief = None
        # Keys are made again, all at once; their gradients take their place.
        asked = times_transposed(outputs[..., :units].flatten(0, 1), from_hidden[:query_width]).add_(bias[:query_width])
        asked = asked.view(length, batch, query_width)
        from_later: Tensor | None = None

        for t in reversed(range(length)):
            if t in plan.snapshots_at and d_cells is not None:
                d_cell += d_cells[plan.snapshots_at.index(t)]
            d_belief = torch.zeros_like(outputs[t]) if d_outputs is None else d_outputs[t].clone()
            if from_later is not None:
                d_belief += times_transposed(from_later, to_belief)
            d_hidden = d_belief[:, :units].contiguous()
            if plan.writes:
                record[t, :, gate_width:] = d_new[:, t]
                d_hidden += times_transposed(d_new[:, t], to_hidden[:, query_width:])

            keys, strengths, lengths = _query(asked[t], plan, worlds)
            d_read = _by_world(d_belief[:, units:], worlds, plan.reads)
            chosen_rows, weights = chosen[t]
            rows = chosen_rows.long()
            picked = F.embedding(rows, flat_ring)  # [B, S n_r, k, D]; faster than indexing
            inverses = inverse.view(-1)[rows]
            # Rows first: on a CPU a matrix times a column is ten times as slow.
            products = torch.stack([keys, d_read], 2) @ picked.mT
            cosines, d_weights = products[:, :, 0] * inverses, products[:, :, 1]
            d_scores = weights * (d_weights - (weights * d_weights).sum(-1, keepdim=True))
            along = strengths[..., None] * d_scores * inverses
            d_keys = (along[..., None, :] @ picked)[..., 0, :]
            d_keys = (d_keys - (d_keys * keys).sum(-1, keepdim=True) * keys) / lengths
            d_strengths = (d_scores * cosines).sum(-1) * (1 - torch.exp(-strengths))  # softplus' = sigmoid
            asked[t] = _join_query(d_keys, d_strengths, batch, plan.reads)
            d_hidden += times_transposed(asked[t], to_hidden[:, :query_width])
            seen = t if plan.writes else new.shape[1]
            if seen > 0:
                column = rows - capacity * torch.arange(worlds, device=rows.device)[:, None, None]
                place = (column - plan.newest) % capacity
                place = torch.where(place < seen, place, seen)  # the last gathers what takes no gradient

                def spread(values: Tensor, place: Tensor = place, seen: int = seen) -> Tensor:
                    dense = values.new_zeros(*values.shape[:2], seen + 1).scatter_(2, place, values)
                    return dense[:, :, :seen].mT

                d_new[:, :seen].baddbmm_(spread(weights), d_read)
                d_new[:, :seen].baddbmm_(spread(along), keys)
                d_new[:, :seen] -= spread(along * cosines * inverses).sum(-1, keepdim=True) * new[:, :seen]

            gates, cell = record[t, :, :gate_width], reset_cells.get(t, cells[t])
            lstm_backward(gates, cell, cells[t + 1], d_hidden, d_cell)
            from_later = gates
            if t in plan.resets:
                keep = (~plan.resets[t])[:, None]
                from_later = gates * keep
                d_cell *= keep

        assert from_later is not None
        d_first = times_transposed(from_later, to_belief)
        # What is no longer needed goes before the products that want room of their own.
        chosen.clear()
        reset_cells.clear()
        del to_belief, to_hidden, cells, words, cell, gates, from_later, picked, d_belief, d_hidden
        flat = record.flatten(0, 1)
        before = torch.empty(outputs.shape[-1], length, batch, dtype=outputs.dtype, device=outputs.device)
        before[:, 0] = torch.cat([hidden, reads], -1).T
        before[:, 1:] = outputs[:-1].permute(2, 0, 1)
        for t, first in plan.resets.items():
            before[:, t] *= ~first
        d_from_belief = weight_gradient(flat[:, :gate_width], before.flatten(1))
        del before
        turned = outputs[..., :units].flatten(0, 1).T.contiguous()
        d_from_hidden = weight_gradient(asked.flatten(0, 1), turned)
        if plan.writes:
            d_from_hidden = torch.cat([d_from_hidden, weight_gradient(flat[:, gate_width:], turned)])
        return (
            *(None, record, d_first[:, :units], d_cell, d_first[:, units:], None if plan.writes else d_new),
            *(d_from_belief, d_from_hidden),
            torch.cat([asked.sum((0, 1)), bias.new_zeros(len(bias) - query_width)]),
        )


def _query(asked: Tensor, plan: Plan, worlds: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return keys of length one `[B, S n_r, D]`, strengths `[B, S n_r]` and the keys' true lengths `[B, S n_r, 1]`."""
    keys, strengths = asked[:, : -plan.reads], F.softplus(asked[:, -plan.reads :])
    by_world = _by_world(keys, worlds, plan.reads)
    lengths = by_world.norm(dim=-1, keepdim=True).clamp(min=LEAST_LENGTH)
    return by_world / lengths, _by_world(strengths, worlds, plan.reads)[..., 0], lengths


def _read(
    keys: Tensor, strengths: Tensor, ring: Tensor, inverse: Tensor, mask: Tensor, window: Window, top_k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what is read `[B, S n_r, D]`, the rows `[B, S n_r, k]` of the ring `[B * C, D]`, and their weights."""
    worlds, capacity, word_size = ring.shape
    k = min(top_k, window.end - window.begin)
    if k == 0:
        nothing = keys.new_zeros(*keys.shape[:2], 0)
        return torch.zeros_like(keys), nothing.long(), nothing
    looked_at = slice(window.begin, window.end)
    scores = torch.bmm(keys, ring[:, looked_at].mT).mul_(inverse[:, None, looked_at]).mul_(strengths[..., None])
    seen = mask[:, :, None, looked_at]
    scores = (scores.view(worlds, seen.shape[1], -1, scores.shape[-1]) + seen).flatten(1, 2)
    best, columns = scores.topk(k, dim=-1)
    highest = best.amax(-1, keepdim=True).clamp(min=-1e30)
    weights = (best - highest).exp()
    weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)  # an empty memory reads zeros
    rows = columns + (window.begin + capacity * torch.arange(worlds, device=ring.device)[:, None, None])
    read = F.embedding_bag(
        rows.flatten(0, 1), ring.view(-1, word_size), mode="sum", per_sample_weights=weights.flatten(0, 1)
    )
    return read.view_as(keys), rows, weights


def _by_world(values: Tensor, worlds: int, reads: int) -> Tensor:
    """Turn `[S B, n_r X]` into `[B, S n_r, X]`."""
    return values.reshape(-1, worlds, reads, values.shape[-1] // reads).transpose(0, 1).flatten(1, 2)


def _by_simulation(values: Tensor, batch: int, reads: int) -> Tensor:
    """Turn `[B, S n_r, X]` into `[S B, n_r X]`."""
    return values.view(len(values), -1, reads, values.shape[-1]).transpose(0, 1).reshape(batch, -1)


def _join_query(keys: Tensor, strengths: Tensor, batch: int, reads: int) -> Tensor:
    """Put gradients of keys and strengths in the order in which they were asked for."""
    return torch.cat([_by_simulation(keys, batch, reads), _by_simulation(strengths[..., None], batch, reads)], -1)


def _inverse_lengths(words: Tensor) -> Tensor:
    return words.norm(dim=-1).clamp(min=LEAST_LENGTH).reciprocal()

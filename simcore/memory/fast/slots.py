"""The unroll of an LSTM with a slot memory, forward and backward (App. B).

The slots are a ring to which an unroll appends in place. A mask says which columns of the ring a world sees; the
backward pass needs only the slots that were chosen and their weights.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from simcore.memory.fast.lstm_step import lstm_backward, lstm_forward
from simcore.memory.fast.once import USED_UP, first_order, require_unchanged, versions
from simcore.memory.fast.products import product, weight_gradient
from simcore.memory.fast.slots_plan import Plan, Window
from simcore.memory.fast.slots_read import by_simulation, make_query, read_backward, read_slots
from simcore.memory.slots import LEAST_LENGTH


class Weights(NamedTuple):
    """The parameters of an unroll, not copied: the widest are half as large as the memory."""

    from_input: Tensor
    """From an input and the last reads to the LSTM's preactivations `[4 N_h, I + n_r D]`."""
    from_hidden: Tensor
    """From h to the LSTM's preactivations `[4 N_h, N_h]`."""
    bias: Tensor
    """Of these preactivations `[4 N_h]`."""
    query: Tensor
    """From h to keys and strengths `[n_r (D + 1), N_h]`."""
    query_bias: Tensor
    """`[n_r (D + 1)]`."""
    write: Tensor | None = None
    """From h and the input to the word `[D, N_h + I]`; None if the memory is not written."""
    write_bias: Tensor | None = None
    """`[D]`."""


class Record(NamedTuple):
    """What the backward pass needs of the forward pass."""

    gates: Tensor
    """`[T, M, 4 N_h]`; in the backward pass the preactivations' gradients."""
    outputs: Tensor
    """b, `[T, M, N_h + n_r D]`."""
    cells: Tensor
    """`[T + 1, M, N_h]`, the one before the first step included."""
    words: Tensor
    """`[B, T, D]`; T = 0 if none is written."""
    reset_cells: dict[int, Tensor]
    """The cells after a reset."""
    chosen: list[tuple[Tensor, Tensor]]
    """The rows that each step read, and their weights `[B, S n_r, k]`."""


class SlotsUnroll(torch.autograd.Function):
    """`apply(plan, inputs, hidden, cell, reads, recent, *weights)`, with M = S B.

    `inputs` are `[T, M, I]`, and `recent` `[B, R, D]` the ring's newest words, to which a simulation passes gradients.
    Returns b `[T, M, N_h + n_r D]`, the final cell, the snapshots' cells and the written words `[B, T, D]`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        plan: Plan,
        inputs: Tensor,
        hidden: Tensor,
        cell: Tensor,
        reads: Tensor,
        recent: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, ...]:
        """Unroll from the first step to the last, and keep what the backward pass needs."""
        w, (length, batch, _), units = Weights(*weights), inputs.shape, hidden.shape[-1]
        ring, inverse, (worlds, capacity, word_size) = plan.ring, plan.inverse, plan.ring.shape
        ctx.save_for_backward(inputs, hidden, reads, recent, *weights)
        record = Record(
            inputs.new_empty(length, batch, 4 * units),
            inputs.new_empty(length, batch, units + reads.shape[-1]),
            inputs.new_empty(length + 1, batch, units),
            inputs.new_empty(worlds, length if plan.writes else 0, word_size),
            {},
            [],
        )
        gates, outputs, cells, words, reset_cells, chosen = record
        cells[0] = cell
        mask = plan.mask.clone() if plan.writes else plan.mask
        window = Window.of(plan.oldest, plan.grad_from + (length if plan.writes else recent.shape[1]), capacity)

        for t in range(length):
            cell = cells[t]
            if t in plan.resets:
                keep = (~plan.resets[t])[:, None]
                hidden, reads, cell = hidden * keep, reads * keep, cell * keep
                reset_cells[t] = cell
                mask.masked_fill_(plan.resets[t][:, None, None], -torch.inf)
            joined = torch.cat([inputs[t], reads], -1)
            torch.add(product(joined, w.from_input.T), product(hidden, w.from_hidden.T), out=gates[t]).add_(w.bias)
            hidden, reads = outputs[t, :, :units], outputs[t, :, units:]
            lstm_forward(gates[t], cell, cells[t + 1], hidden)
            queries = product(hidden, w.query.T).add_(w.query_bias)
            # Columns that this unroll has yet to write are left out, unless the ring wraps around.
            end = window.end - (length - t) if plan.writes and window.end - window.begin < capacity else window.end
            keys, strengths, _ = make_query(queries, plan, worlds)
            read, rows, shares = read_slots(keys, strengths, ring, inverse, mask, Window(window.begin, end), plan.top_k)
            reads.copy_(by_simulation(read, batch, plan.reads))
            chosen.append((rows.to(torch.int32), shares))
            if w.write is not None and w.write_bias is not None:
                column, expired = (plan.grad_from + t) % capacity, plan.grad_from + t - plan.slots
                word = product(torch.cat([hidden, inputs[t]], -1), w.write.T).add_(w.write_bias)
                words[:, t] = ring[:, column] = word
                inverse[:, column] = word.norm(dim=-1).clamp(min=LEAST_LENGTH).reciprocal()
                mask[:, :, column] = 0.0
                if expired >= 0:
                    mask[:, :, expired % capacity] = -torch.inf

        if plan.writes:
            plan.write_count.add_(length)
        # Aliases: an output held by its own graph would never be freed.
        ctx.plan, ctx.record = plan, record._replace(outputs=outputs.detach(), words=words.detach())
        ctx.versions = versions(outputs, words)
        ctx.set_materialize_grads(False)
        return outputs, cells[-1].clone(), torch.stack([cells[t + 1] for t in plan.snapshots_at] or [cells[0]]), words

    @staticmethod
    @first_order
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Compute the gradients, from the last step back to the first."""
        if ctx.record is None:
            raise RuntimeError(USED_UP)
        plan: Plan = ctx.plan
        gates, outputs, cells, words, reset_cells, chosen = record = ctx.record
        ctx.record = None
        require_unchanged(ctx.versions, outputs, words)
        inputs, hidden, reads, recent, *weights = ctx.saved_tensors
        w, (length, batch, input_size), units = Weights(*weights), inputs.shape, hidden.shape[-1]
        if int(plan.write_count.max()) - plan.ring.shape[1] > plan.oldest:
            raise RuntimeError("slots that this unroll has read were overwritten since; go back before unrolling on")
        d_outputs, d_cell, d_cells, d_words = gradients
        d_cell = torch.zeros_like(hidden) if d_cell is None else d_cell.clone()
        new = words if plan.writes else recent
        d_new = torch.zeros_like(new) if not plan.writes or d_words is None else d_words.clone()
        d_inputs = torch.zeros_like(inputs)
        d_hidden, d_reads = torch.zeros_like(hidden), torch.zeros_like(reads)
        # Queries are recomputed, all at once; their gradients replace them.
        queries = product(outputs[..., :units].flatten(0, 1), w.query.T).add_(w.query_bias).view(length, batch, -1)

        for t in reversed(range(length)):
            if t in plan.snapshots_at and d_cells is not None:
                d_cell += d_cells[plan.snapshots_at.index(t)]
            if d_outputs is not None:
                d_hidden += d_outputs[t, :, :units]
                d_reads += d_outputs[t, :, units:]
            if w.write is not None:
                d_joined = product(d_new[:, t], w.write)
                d_hidden += d_joined[:, :units]
                d_inputs[t] += d_joined[:, units:]
            seen = t if plan.writes else new.shape[1]
            queries[t] = read_backward(queries[t], d_reads, chosen[t], plan, new[:, :seen], d_new[:, :seen])
            d_hidden += product(queries[t], w.query)

            lstm_backward(gates[t], reset_cells.get(t, cells[t]), cells[t + 1], d_hidden, d_cell)
            d_joined, d_hidden = product(gates[t], w.from_input), product(gates[t], w.from_hidden)
            d_inputs[t] += d_joined[:, :input_size]
            d_reads = d_joined[:, input_size:]
            if t in plan.resets:
                keep = (~plan.resets[t])[:, None]
                d_hidden, d_reads, d_cell = d_hidden * keep, d_reads * keep, d_cell * keep

        # Freed before the products, which need memory of their own.
        del cells, reset_cells, chosen, words, new, record
        d_words = d_new.transpose(0, 1) if plan.writes else None
        d_weights = _weight_gradients(w, plan, inputs, hidden, reads, outputs, gates, queries, d_words)
        return None, d_inputs, d_hidden, d_cell, d_reads, None if plan.writes else d_new, *d_weights


def _weight_gradients(
    w: Weights,
    plan: Plan,
    inputs: Tensor,
    hidden: Tensor,
    reads: Tensor,
    outputs: Tensor,
    d_preactivations: Tensor,
    d_queries: Tensor,
    d_words: Tensor | None,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of `Weights` from those of the preactivations `[T, M, *]`; overwrites `d_preactivations`."""
    input_size, units, batch = inputs.shape[-1], hidden.shape[-1], len(hidden)
    all_inputs, all_hidden, all_reads, all_preactivations, all_queries = (
        leaf.flatten(0, 1) for leaf in (inputs, outputs[..., :units], outputs[..., units:], d_preactivations, d_queries)
    )
    d_query, d_query_bias = torch.empty_like(w.query), all_queries.sum(0)
    weight_gradient(all_queries, all_hidden, d_query)
    d_write = d_write_bias = None
    if w.write is not None and d_words is not None:
        d_write, all_words = torch.empty_like(w.write), d_words.flatten(0, 1)
        weight_gradient(all_words, all_hidden, d_write[:, :units])
        weight_gradient(all_words, all_inputs, d_write[:, units:])
        d_write_bias = all_words.sum(0)

    d_bias = all_preactivations.sum(0)
    d_from_input, d_from_hidden = torch.empty_like(w.from_input), torch.empty_like(w.from_hidden)
    weight_gradient(all_preactivations, all_inputs, d_from_input[:, :input_size])
    for t, first in plan.resets.items():
        d_preactivations[t] *= (~first)[:, None]  # a reset cuts the connection to the step before
    for into, start, steps in (
        (d_from_hidden, hidden, all_hidden),
        (d_from_input[:, input_size:], reads, all_reads),
    ):
        weight_gradient(all_preactivations[batch:], steps[:-batch], into)
        into.addmm_(all_preactivations[:batch].T, start)
    return d_from_input, d_from_hidden, d_bias, d_query, d_query_bias, d_write, d_write_bias

"""The unroll of an LSTM with a Kanerva memory, forward and backward (App. C, figure 8).

Here are the LSTM and the nets that make words; the memory's side is `kanerva_posterior`.
"""

from typing import Any

import torch
from torch import Tensor

from simcore.common.precision import exact_products
from simcore.memory.fast.kanerva_posterior import Posterior, PosteriorGradient
from simcore.memory.fast.kanerva_record import Plan, Record, Weights, make_record
from simcore.memory.fast.lstm_step import lstm_backward, lstm_forward
from simcore.memory.fast.once import USED_UP, first_order, require_unchanged, versions
from simcore.memory.fast.products import product, weight_gradient


class KanervaUnroll(torch.autograd.Function):
    """`apply(plan, preactivations, hidden, cell, mean, factor, noise, prior mean, prior factor, *weights)`.

    `preactivations` `[T, B, P]` are the inputs' part of what `Weights.recurrent` adds to. They become the record and
    are overwritten. Returns outputs `[T, B, N_h]` and the final cell, and if the memory is written also the final mean
    and factor, and the snapshots' cells, means and factors.
    """

    @staticmethod
    @exact_products()  # of the words too, whose small parts decide where a memory that knows the rest is written
    def forward(
        ctx: Any,
        plan: Plan,
        preactivations: Tensor,
        hidden: Tensor,
        cell: Tensor,
        mean: Tensor,
        factor: Tensor,
        noise: Tensor,
        prior_mean: Tensor,
        prior_factor: Tensor,
        *weights: Tensor | None,
    ) -> tuple[Tensor, ...]:
        """Unroll from the first step to the last, and keep what the backward pass needs."""
        w = Weights.of(weights)
        gates_end, read_end = 4 * hidden.shape[-1], 4 * hidden.shape[-1] + plan.read_width
        record = make_record(preactivations.detach(), hidden, mean, w, plan)
        record.cells[0] = cell
        if plan.writes:
            mean, factor = (part.clone(memory_format=torch.contiguous_format) for part in (mean, factor))
        memory = Posterior(mean, factor, noise)
        prior = Posterior(prior_mean[None], prior_factor[None], noise) if plan.resets else None
        places = {t: place for place, t in enumerate(plan.snapshots_at)}
        means, factors = (part.new_empty(len(places), *part.shape) for part in (mean, factor))
        before = hidden

        for t, now in enumerate(record.preactivations):
            cell = record.cells[t]
            if prior is not None and t in plan.resets:
                keep, worlds = plan.resets[t]
                before, cell = before * keep, cell * keep
                record.reset_cells[t], record.ended[t] = cell, memory.pick(worlds)
                memory.put(worlds, prior)

            now[:, :read_end] += product(before, w.recurrent[:read_end].T)
            query = _word(now[:, gates_end:read_end], w.read, record.read_hidden, t)
            address = record.read_addresses[t] = memory.address(query.to(mean.dtype))
            record.read_outs[t] = memory.read(address)
            gates = now[:, :gates_end].add_(product(record.read_outs[t], w.from_read.T))
            lstm_forward(gates, cell, record.cells[t + 1], record.outputs[t])
            before = record.outputs[t]
            if plan.writes:
                now[:, read_end:] += product(before, w.recurrent[read_end:].T)
                word = _word(now[:, read_end:], w.write, record.write_hidden, t)
                memory.write(word.to(mean.dtype), record.writes.at(t))
            if t in places:
                means[places[t]], factors[places[t]] = memory.mean, memory.factor

        ctx.plan, ctx.weights, ctx.record, ctx.versions = plan, w, record, versions(record.outputs)
        ctx.save_for_backward(hidden, noise, prior_mean)
        ctx.set_materialize_grads(False)
        outputs, last_cell = record.outputs, record.cells[-1].clone()
        # Aliases: an output held by its own graph would never be freed.
        record.outputs = outputs.detach()
        record.last = Posterior(mean.detach(), factor.detach(), noise, memory.gram)
        if not plan.writes:
            return outputs, last_cell
        cells = torch.stack([record.cells[t + 1] for t in places] or [record.cells[0]])
        return outputs, last_cell, mean, factor, cells, means, factors

    @staticmethod
    @first_order
    @exact_products()
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Compute the gradients, from the last step back to the first."""
        if ctx.record is None:
            raise RuntimeError(USED_UP)
        plan: Plan = ctx.plan
        w: Weights = ctx.weights
        record: Record = ctx.record
        ctx.record = None
        require_unchanged(ctx.versions, record.outputs)
        hidden, noise, prior_mean = ctx.saved_tensors
        gates_end, read_end = 4 * hidden.shape[-1], 4 * hidden.shape[-1] + plan.read_width
        to_gates_and_read, to_write = w.recurrent[:read_end], w.recurrent[read_end:]
        d_outputs, d_cell, d_mean, d_factor, d_cells, d_means, d_factors = (*gradients, *[None] * 5)[:7]
        assert record.last is not None
        memory = record.last.clone() if plan.writes else record.last
        gradient = PosteriorGradient(memory, d_mean, d_factor)
        d_cell = torch.zeros_like(hidden) if d_cell is None else d_cell.clone()
        d_read_words = torch.empty_like(record.read_outs) if w.read is not None else None
        places, write = {t: place for place, t in enumerate(plan.snapshots_at)}, None
        from_later: Tensor | None = None  # the gradients of the next step's preactivations that came from this step's h

        for t in reversed(range(len(record.outputs))):
            now = record.preactivations[t]
            d_hidden = torch.zeros_like(hidden) if d_outputs is None else d_outputs[t].clone()
            if t in places:
                totals = (d_cell, d_cells), (gradient.mean, d_means), (gradient.factor, d_factors)
                for total, snapshots in totals:
                    if snapshots is not None:
                        total += snapshots[places[t]]
            if plan.writes:
                write = record.writes.at(t)
                memory.undo(write)
                d_word = write.surprise.copy_(gradient.write(write)).to(hidden.dtype)
                now[:, read_end:] = _word_backward(d_word, w.write, record.write_hidden, t)
                d_hidden += product(now[:, read_end:], to_write)
            if from_later is not None:
                d_hidden += product(from_later, to_gates_and_read)
            query = _word_again(now[:, gates_end:read_end], w.read, record.read_hidden, t)
            gates = now[:, :gates_end]
            lstm_backward(gates, record.reset_cells.get(t, record.cells[t]), record.cells[t + 1], d_hidden, d_cell)
            d_read_out = product(gates, w.from_read).to(noise.dtype)
            # A copy, since the query may be a part of the record, which is overwritten.
            d_query = gradient.read(record.read_addresses[t], query.to(noise.dtype, copy=True), d_read_out)
            d_query = d_query.to(hidden.dtype)
            if d_read_words is not None:
                d_read_words[t] = d_query
            now[:, gates_end:read_end] = _word_backward(d_query, w.read, record.read_hidden, t)
            from_later = now[:, :read_end]
            if plan.writes:
                gradient.collect()
            if t in plan.resets:
                keep, worlds = plan.resets[t]
                from_later = from_later * keep
                d_cell *= keep
                gradient.reset(worlds, prior_mean)
                memory.put(worlds, record.ended[t])

        assert from_later is not None
        gradient.finish()
        d_first_hidden = product(from_later, to_gates_and_read)
        d_write_words = record.writes.surprise.to(hidden.dtype) if w.write is not None else None
        # Freed before the products, which need memory of their own.
        del memory, gradient.of, record.last, record.ended, record.writes, write
        return (
            *(None, record.preactivations, d_first_hidden, d_cell, gradient.mean, gradient.factor, gradient.noise),
            *(gradient.prior_mean, gradient.prior_factor),
            *_weight_gradients(w, plan, record, hidden, d_read_words, d_write_words),
        )


def _weight_gradients(
    w: Weights,
    plan: Plan,
    record: Record,
    hidden: Tensor,
    d_read_words: Tensor | None,
    d_write_words: Tensor | None,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of `Weights.flat()`, each as one product over all steps."""
    read_end = 4 * hidden.shape[-1] + plan.read_width
    before = torch.cat([hidden[None], record.outputs[:-1]])
    for t, (keep, _) in plan.resets.items():
        before[t] *= keep
    flat = record.preactivations.flatten(0, 1)
    d_recurrent = torch.empty_like(w.recurrent)
    weight_gradient(flat, before.flatten(0, 1), d_recurrent[:read_end])
    if plan.writes:
        weight_gradient(flat[:, read_end:].contiguous(), record.outputs.flatten(0, 1), d_recurrent[read_end:])
    del before
    d_from_read = torch.empty_like(w.from_read)
    weight_gradient(flat, record.read_outs.flatten(0, 1), d_from_read)
    return (
        *(d_recurrent, d_from_read),
        *_second_layer_gradients(d_read_words, record.read_hidden),
        *_second_layer_gradients(d_write_words, record.write_hidden),
    )


def _word(first: Tensor, layer: tuple[Tensor, Tensor] | None, hidden: Tensor | None, t: int) -> Tensor:
    """Return a word `[B, D]` from the preactivations of its first layer, and record the second layer's input."""
    if hidden is not None:
        hidden[t] = first.relu()
    return _word_again(first, layer, hidden, t)


def _word_again(first: Tensor, layer: tuple[Tensor, Tensor] | None, hidden: Tensor | None, t: int) -> Tensor:
    """Return the same word in the backward pass, from the record."""
    if layer is None:
        return first
    assert hidden is not None
    return product(hidden[t], layer[0].T).add_(layer[1])


def _word_backward(d_word: Tensor, layer: tuple[Tensor, Tensor] | None, hidden: Tensor | None, t: int) -> Tensor:
    """Return the gradient of the preactivations of a word's first layer."""
    if layer is None:
        return d_word
    assert hidden is not None
    return product(d_word, layer[0]).mul_(hidden[t] > 0)


def _second_layer_gradients(d_words: Tensor | None, hidden: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of the second layer's weight and bias."""
    if d_words is None or hidden is None:
        return None, None
    flat, inputs = d_words.flatten(0, 1), hidden.flatten(0, 1)
    d_weight = flat.new_empty(flat.shape[1], inputs.shape[1])
    weight_gradient(flat, inputs, d_weight)
    return d_weight, flat.sum(0)

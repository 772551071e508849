"""The unroll of an LSTM with a Kanerva memory, forward and backward (App. C, figure 8).

A step's record is its change of the memory, c and δ, not the memory M + c δᵀ: the backward pass rebuilds that from a
few whole copies. M Mᵀ is never computed inside the unroll, since M δ = ρ w makes its change one of low rank.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from simcore.common.precision import exact_products
from simcore.memory.fast.kanerva_record import Plan, Record, Solver, Weights, Writes, make_record
from simcore.memory.fast.lstm_step import lstm_backward, lstm_forward
from simcore.memory.fast.once import first_order
from simcore.memory.fast.products import product, weight_gradient
from simcore.memory.ridge import ADDRESS_VARIANCE, RELATIVE_RIDGE

COPY_EVERY = 20
"""Steps between two whole copies of the memory. More: less room, and more work to rebuild the memories between."""


class KanervaUnroll(torch.autograd.Function):
    """`apply(plan, preactivations, hidden, cell, mean, covariance, noise, prior mean, prior covariance, *weights)`.

    `preactivations` `[T, B, P]` are the inputs' part of what `Weights.recurrent` adds to. They become the record and
    are overwritten. Returns outputs `[T, B, N_h]` and the final cell, and if the memory is written also the final mean
    and covariance, and the snapshots' cells, means and covariances.
    """

    @staticmethod
    @exact_products()  # M Mᵀ may have a condition number of 1e5, and TF32 three digits
    def forward(
        ctx: Any,
        plan: Plan,
        preactivations: Tensor,
        hidden: Tensor,
        cell: Tensor,
        mean: Tensor,
        covariance: Tensor,
        noise: Tensor,
        prior_mean: Tensor,
        prior_covariance: Tensor,
        *weights: Tensor | None,
    ) -> tuple[Tensor, ...]:
        """Unroll from the first step to the last, and keep what the backward pass needs."""
        w = Weights.of(weights)
        gates_end, read_end = 4 * hidden.shape[-1], 4 * hidden.shape[-1] + plan.read_width
        record = make_record(preactivations.detach(), hidden, mean, w, plan)
        writes = record.writes
        record.cells[0] = cell
        ridge = noise / ADDRESS_VARIANCE
        if plan.writes:
            mean = mean.clone(memory_format=torch.contiguous_format)
        gram = mean @ mean.mT
        solver = Solver(gram, ridge)
        snapshots: dict[int, tuple[Tensor, Tensor]] = {}
        from_hidden = product(hidden, w.recurrent.T)

        for t, now in enumerate(record.preactivations):
            cell = record.cells[t]
            if t in plan.resets:
                keep = plan.resets[t]
                begins = keep[:, :, None] == 0
                cell = record.reset_cells[t] = cell * keep
                from_hidden = from_hidden * keep
                mean = torch.where(begins, prior_mean, mean)
                covariance = torch.where(begins, prior_covariance, covariance)
                gram = torch.where(begins, prior_mean @ prior_mean.T, gram)
                solver = Solver(gram, ridge)

            now[:, :read_end] += from_hidden[:, :read_end]
            query = _word(now[:, gates_end:read_end], w.read, record.read_hidden, t)
            record.read_addresses[t] = solver(_times(mean, query))
            record.read_outs[t] = _times_transposed(mean, record.read_addresses[t])
            gates = now[:, :gates_end].add_(product(record.read_outs[t], w.from_read.T))
            lstm_forward(gates, cell, record.cells[t + 1], record.outputs[t])
            from_hidden = product(record.outputs[t], w.recurrent.T)
            if writes is None:
                continue

            if t - max(record.copies, default=-COPY_EVERY) >= COPY_EVERY or t in plan.resets:
                record.copies[t] = mean.clone(), covariance
            record.solvers.append(solver)
            now[:, read_end:] += from_hidden[:, read_end:]
            word = _word(now[:, read_end:], w.write, writes.hidden, t)
            address = solver(_times(mean, word))
            surprise = torch.sub(word, _times_transposed(mean, address), out=writes.surprises[t])
            spread = _times(covariance, address)
            variance = (address * spread).sum(-1, keepdim=True) + noise[:, None]
            gain = torch.div(spread, variance, out=writes.gains[t])
            writes.addresses[t], writes.variances[t] = address, variance
            root = spread / variance.sqrt()
            covariance = covariance - root[:, :, None] * root[:, None]
            mean.addcmul_(gain[:, :, None], surprise[:, None])
            # M Mᵀ changes by c (M δ)ᵀ + (M δ) cᵀ + |δ|² c cᵀ, and M δ = ρ w.
            other = solver.ridge * address + gain * (0.5 * surprise.square().sum(-1, keepdim=True))
            gram = gram + _symmetric(gain, other)
            solver = Solver(gram, ridge)
            if t in plan.snapshots_at:
                snapshots[t] = mean.clone(), covariance

        ctx.plan, ctx.weights, ctx.record = plan, w, record
        if not plan.writes:
            record.copies[0], record.solvers = (mean, covariance), [solver]
        ctx.save_for_backward(hidden, noise, prior_mean)
        ctx.set_materialize_grads(False)
        ends = record.outputs, record.cells[-1].clone()
        record.outputs = record.outputs.detach()  # an output held by its own graph would never be freed
        if not plan.writes:
            return ends
        kept = [snapshots[t] for t in plan.snapshots_at] or [(mean[:0], covariance[:0])]
        cells = torch.stack([record.cells[t + 1] for t in plan.snapshots_at] or [record.cells[0]])
        return *ends, mean, covariance, cells, *(torch.stack(part) for part in zip(*kept, strict=True))

    @staticmethod
    @first_order
    @exact_products()
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Compute the gradients, from the last step back to the first."""
        if ctx.record is None:
            raise RuntimeError("this unroll's record was used up by an earlier backward pass; unroll again")
        plan: Plan = ctx.plan
        w: Weights = ctx.weights
        record: Record = ctx.record
        ctx.record = None
        hidden, noise, prior_mean = ctx.saved_tensors
        writes, (length, _, units) = record.writes, record.outputs.shape
        gates_end, read_end = 4 * units, 4 * units + plan.read_width
        to_gates_and_read, to_write = w.recurrent[:read_end], w.recurrent[read_end:]
        d_outputs, d_cell, d_mean, d_covariance, d_cells, d_means, d_covariances = (*gradients, *[None] * 5)[:7]

        mean, covariance = record.copies[0]
        room = torch.empty_like(mean)
        d_cell = torch.zeros_like(hidden) if d_cell is None else d_cell.clone()
        d_mean = torch.zeros_like(mean) if d_mean is None else d_mean.clone()
        d_covariance = torch.zeros_like(covariance) if d_covariance is None else d_covariance.clone()
        d_gram = torch.zeros_like(covariance)  # of the Gram matrix; twice its symmetric part
        d_noise, d_ridge_sum = torch.zeros_like(noise), torch.zeros_like(noise)
        d_prior_mean, d_prior_covariance = torch.zeros_like(prior_mean), torch.zeros_like(covariance[0])
        all_changes: list[tuple[Tensor, Tensor]] = []  # of the gradient of a memory that is only read
        d_read_words = torch.empty_like(record.read_outs) if w.read is not None else None
        from_later: Tensor | None = None  # the gradients of the next step's preactivations that came from this step's h

        for t in reversed(range(length)):
            now = record.preactivations[t]
            solver = record.solvers[t] if plan.writes else record.solvers[0]
            d_hidden = torch.zeros_like(hidden) if d_outputs is None else d_outputs[t].clone()
            d_ridge = torch.zeros_like(noise)
            changes: list[tuple[Tensor, Tensor]] = []  # of the gradient of M: outer products

            if writes is not None:
                if t in plan.snapshots_at:
                    position = plan.snapshots_at.index(t)
                    for total, snapshots in ((d_cell, d_cells), (d_mean, d_means), (d_covariance, d_covariances)):
                        if snapshots is not None:
                            total += snapshots[position]
                mean, covariance = _memory_before(record.copies, writes, t, room)
                surprise, gain = writes.surprises[t], writes.gains[t]
                address, variance = writes.addresses[t], writes.variances[t]
                spread = gain * variance
                # From M' = M + c δᵀ, and from the Gram matrix's change.
                gram_gain, gram_address = _times(d_gram, gain), _times(d_gram, address)
                d_surprise = _times_transposed(d_mean, gain) + (gain * gram_gain).sum(-1, keepdim=True) * surprise
                d_gain = _times(d_mean, surprise) + solver.ridge * gram_address
                d_gain += surprise.square().sum(-1, keepdim=True) * gram_gain
                d_address = solver.ridge * gram_gain
                d_ridge += (gain * gram_address).sum(-1)
                # From U' = U - s sᵀ / v with s = U w, c = s / v, and v = wᵀ s + σ².
                both = _times(d_covariance, gain) + _times_transposed(d_covariance, gain)
                d_spread = d_gain / variance - both
                d_variance = (
                    0.5 * (gain * both).sum(-1, keepdim=True) - (d_gain * gain).sum(-1, keepdim=True) / variance
                )
                d_noise += d_variance[:, 0]
                d_spread += d_variance * address
                d_address += d_variance * spread + _times_transposed(covariance, d_spread)
                d_covariance = d_covariance + d_spread[:, :, None] * address[:, None]
                # From δ = z - Mᵀ w and w = (M Mᵀ + ρ I)⁻¹ M z.
                read_back = _times_transposed(mean, address)
                d_address -= _times(mean, d_surprise)
                d_product = solver(d_address)
                d_word = d_surprise + _times_transposed(mean, d_product)
                changes += [(address, -d_surprise), (d_product, surprise + read_back)]
                d_gram -= _symmetric(d_product, address)
                d_ridge -= (d_product * address).sum(-1)
                surprise.copy_(d_word)
                now[:, read_end:] = _word_backward(d_word, w.write, writes.hidden, t)
                d_hidden += product(now[:, read_end:], to_write)

            if from_later is not None:
                d_hidden += product(from_later, to_gates_and_read)
            query = _word_again(now[:, gates_end:read_end], w.read, record.read_hidden, t)
            gates = now[:, :gates_end]
            cell = record.reset_cells.get(t, record.cells[t])
            lstm_backward(gates, cell, record.cells[t + 1], d_hidden, d_cell)
            d_read_out = product(gates, w.from_read)

            # From ẑ = Mᵀ w and w = (M Mᵀ + ρ I)⁻¹ M z.
            address = record.read_addresses[t]
            d_product = solver(_times(mean, d_read_out))
            d_query = _times_transposed(mean, d_product)
            d_gram -= _symmetric(d_product, address)
            d_ridge -= (d_product * address).sum(-1)
            d_gram.diagonal(dim1=-2, dim2=-1).add_(2 * RELATIVE_RIDGE * d_ridge[:, None])
            d_ridge_sum += d_ridge
            changes += [(address, d_read_out), (d_product, query.clone())]
            if plan.writes:
                d_mean.baddbmm_(*_outer_products(changes))
            else:
                all_changes += changes
            if d_read_words is not None:
                d_read_words[t] = d_query
            now[:, gates_end:read_end] = _word_backward(d_query, w.read, record.read_hidden, t)

            from_later = now[:, :read_end]
            if t in plan.resets:
                keep = plan.resets[t]
                from_later = from_later * keep
                d_cell *= keep
                begins = (1 - keep)[:, :, None]
                d_prior_mean += (begins * d_mean).sum(0) + (begins * d_gram).sum(0) @ prior_mean
                d_prior_covariance += (begins * d_covariance).sum(0)
                kept = keep[:, :, None]
                d_mean, d_covariance, d_gram = d_mean * kept, d_covariance * kept, d_gram * kept

        assert from_later is not None
        if not plan.writes:
            d_mean.baddbmm_(*_outer_products(all_changes))
        d_mean.baddbmm_(d_gram, mean)
        d_noise += d_ridge_sum / ADDRESS_VARIANCE
        d_first_hidden = product(from_later, to_gates_and_read)
        # Freed before the products, which need memory of their own.
        record.solvers.clear()
        record.copies.clear()
        del mean, covariance, room, solver, cell

        before = torch.cat([hidden[None], record.outputs[:-1]])
        for t, keep in plan.resets.items():
            before[t] *= keep
        flat = record.preactivations.flatten(0, 1)
        d_recurrent = torch.empty_like(w.recurrent)
        weight_gradient(flat, before.flatten(0, 1), d_recurrent[:read_end])
        if plan.writes:
            weight_gradient(flat[:, read_end:].contiguous(), record.outputs.flatten(0, 1), d_recurrent[read_end:])
        del before
        d_from_read = torch.empty_like(w.from_read)
        weight_gradient(flat, record.read_outs.flatten(0, 1), d_from_read)
        d_weights = (
            d_recurrent,
            d_from_read,
            *_second_layer_gradients(d_read_words, record.read_hidden),
            *(_second_layer_gradients(writes.surprises, writes.hidden) if writes is not None else (None, None)),
        )
        return (
            *(None, record.preactivations, d_first_hidden, d_cell, d_mean, d_covariance, d_noise),
            *(d_prior_mean, d_prior_covariance),
            *d_weights,
        )


def _memory_before(
    copies: dict[int, tuple[Tensor, Tensor]], writes: Writes, t: int, room: Tensor
) -> tuple[Tensor, Tensor]:
    """Return M, in `room`, and U before the write of step t, from the last copy and the writes since."""
    start = max(time for time in copies if time <= t)
    mean, covariance = copies[start]
    if start == t:
        return mean, covariance
    gains = writes.gains[start:t].permute(1, 2, 0)
    mean = torch.baddbmm(mean, gains, writes.surprises[start:t].transpose(0, 1), out=room)
    spreads = (writes.gains[start:t] * writes.variances[start:t]).transpose(0, 1)
    return mean, torch.baddbmm(covariance, gains, spreads, alpha=-1)


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
    flat = d_words.flatten(0, 1)
    return flat.T @ hidden.flatten(0, 1), flat.sum(0)


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    # Ten times as fast on a CPU as a product of matrix and column.
    return torch.bmm(vector[:, None], matrix.mT)[:, 0]


def _times_transposed(matrix: Tensor, vector: Tensor) -> Tensor:
    return torch.bmm(vector[:, None], matrix)[:, 0]


def _symmetric(a: Tensor, b: Tensor) -> Tensor:
    """Return a bᵀ + b aᵀ, exactly symmetric."""
    product = a[:, :, None] * b[:, None]
    return product + product.mT


def _outer_products(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return matrices `[B, K, n]` and `[B, n, D]` whose product is the sum of the pairs' outer products."""
    return torch.stack([a for a, _ in pairs], -1), torch.stack([b for _, b in pairs], -2)

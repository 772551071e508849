"""Reads of a slot memory inside an unroll, forward and backward (App. B).

The reads of all simulations of a world are batched, since they share its words: keys are `[B, S n_r, D]`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from simcore.memory.fast.slots_plan import Plan, Window
from simcore.memory.slots import LEAST_LENGTH


def read_slots(
    keys: Tensor, strengths: Tensor, ring: Tensor, inverse: Tensor, mask: Tensor, window: Window, top_k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the reads `[B, S n_r, D]`, the rows `[B, S n_r, k]` of the ring `[B * C, D]`, and their weights."""
    worlds, capacity, word_size = ring.shape
    k = min(top_k, window.end - window.begin)
    if k == 0:
        nothing = keys.new_zeros(*keys.shape[:2], 0)
        return torch.zeros_like(keys), nothing.long(), nothing
    looked_at = slice(window.begin, window.end)
    words = ring[:, looked_at]
    # On a CPU one order of the product is faster for few keys, the other for many.
    products = torch.bmm(words, keys.mT).mT.contiguous() if keys.shape[1] < 6 else torch.bmm(keys, words.mT)
    scores = products.mul_(inverse[:, None, looked_at]).mul_(strengths[..., None])
    seen = mask[:, :, None, looked_at]
    scores = (scores.view(worlds, seen.shape[1], -1, scores.shape[-1]) + seen).flatten(1, 2)
    best, columns = scores.topk(k, dim=-1)
    highest = best.amax(-1, keepdim=True).clamp(min=-1e30)
    shares = (best - highest).exp()
    shares = shares / shares.sum(-1, keepdim=True).clamp(min=1e-30)  # an empty memory reads zeros
    rows = columns + (window.begin + capacity * torch.arange(worlds, device=ring.device)[:, None, None])
    read = F.embedding_bag(
        rows.flatten(0, 1), ring.view(-1, word_size), mode="sum", per_sample_weights=shares.flatten(0, 1)
    )
    return read.view_as(keys), rows, shares


def read_backward(
    queries: Tensor, d_reads: Tensor, chosen: tuple[Tensor, Tensor], plan: Plan, new: Tensor, d_new: Tensor
) -> Tensor:
    """Return the gradient of the queries `[M, n_r (D + 1)]`, and add that of the words to `d_new`.

    Args:
        queries: keys and strengths `[M, n_r (D + 1)]`.
        d_reads: the gradient of the reads `[M, n_r D]`.
        chosen: the rows of the ring `[B * C, D]` that were read, and their weights `[B, S n_r, k]`.
        plan: the unroll's.
        new: the words `[B, n, D]` that take a gradient and could be seen.
        d_new: their gradient `[B, n, D]`.
    """
    worlds, capacity, word_size = plan.ring.shape
    keys, strengths, lengths = make_query(queries, plan, worlds)
    d_read = by_world(d_reads, worlds, plan.reads)
    rows, shares = chosen[0].long(), chosen[1]
    picked = F.embedding(rows, plan.ring.view(-1, word_size))  # [B, S n_r, k, D]; faster than indexing
    inverses = plan.inverse.view(-1)[rows]
    # Row times matrix: on a CPU matrix times column is ten times as slow.
    products = torch.stack([keys, d_read], 2) @ picked.mT
    cosines, d_shares = products[:, :, 0] * inverses, products[:, :, 1]
    d_scores = shares * (d_shares - (shares * d_shares).sum(-1, keepdim=True))
    along = strengths[..., None] * d_scores * inverses
    d_keys = (along[..., None, :] @ picked)[..., 0, :]
    d_keys = (d_keys - (d_keys * keys).sum(-1, keepdim=True) * keys) / lengths
    d_strengths = (d_scores * cosines).sum(-1) * (1 - torch.exp(-strengths))  # softplus' = sigmoid
    if (seen := new.shape[1]) > 0:
        column = rows - capacity * torch.arange(worlds, device=rows.device)[:, None, None]
        place = (column - plan.grad_from) % capacity
        place = torch.where(place < seen, place, seen)  # the last collects words without gradient

        def spread(values: Tensor) -> Tensor:
            dense = values.new_zeros(*values.shape[:2], seen + 1).scatter_(2, place, values)
            return dense[:, :, :seen].mT

        d_new.baddbmm_(spread(shares), d_read)
        d_new.baddbmm_(spread(along), keys)
        d_new -= spread(along * cosines * inverses).sum(-1, keepdim=True) * new
    return torch.cat(
        [by_simulation(part, len(queries), plan.reads) for part in (d_keys, d_strengths[..., None])], dim=-1
    )


def make_query(queries: Tensor, plan: Plan, worlds: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return normalised keys `[B, S n_r, D]`, strengths `[B, S n_r]` and the keys' lengths before `[B, S n_r, 1]`."""
    keys, strengths = queries[:, : -plan.reads], F.softplus(queries[:, -plan.reads :])
    directed = by_world(keys, worlds, plan.reads)
    lengths = directed.norm(dim=-1, keepdim=True).clamp(min=LEAST_LENGTH)
    return directed / lengths, by_world(strengths, worlds, plan.reads)[..., 0], lengths


def by_world(values: Tensor, worlds: int, reads: int) -> Tensor:
    """Reshape `[S B, n_r X]` to `[B, S n_r, X]`."""
    return values.reshape(-1, worlds, reads, values.shape[-1] // reads).transpose(0, 1).flatten(1, 2)


def by_simulation(values: Tensor, batch: int, reads: int) -> Tensor:
    """Reshape `[B, S n_r, X]` to `[S B, n_r X]`."""
    return values.view(len(values), -1, reads, values.shape[-1]).transpose(0, 1).reshape(batch, -1)

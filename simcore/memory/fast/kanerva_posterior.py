"""The memory's side of an unroll: a posterior that is written and unwritten in place, and the gradients of that.

Nothing of a size K x D is kept of a step but its change of the memory, c and δ: the backward pass undoes write after
write. M Mᵀ is computed once, since M δ = ρ w makes its change one of low rank. All is in float64.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from simcore.memory.ridge import ADDRESS_VARIANCE, RELATIVE_RIDGE, raised


class Write(NamedTuple):
    """What undoing a write and its gradient need, `[B, *]`; of all steps `[T, B, *]`. Letters as in `write_at`."""

    address: Tensor
    """w, K wide."""
    seen: Tensor
    """f, K wide."""
    gain: Tensor
    """c, K wide."""
    turn: Tensor
    """c / (1 + r), K wide, so that S changes by minus its product with f."""
    gram: Tensor
    """ρ w + c |δ|² / 2, K wide: twice the symmetric part of its product with c is the change of M Mᵀ."""
    surprise: Tensor
    """δ, D wide."""
    variance: Tensor
    """v, one number."""
    ratio: Tensor
    """r = √(σ² / v), one number."""
    ridge: Tensor
    """ρ, one number."""

    @classmethod
    def room(cls, length: int, mean: Tensor) -> "Write":
        """Allocate the record of a number of steps for memories M `[B, K, D]`."""
        batch, slots, word_size = mean.shape
        widths = (*[slots] * 5, word_size, 1, 1, 1)
        return cls(*(mean.new_empty(length, batch, width) for width in widths))

    def at(self, t: int) -> "Write":
        """Return one step's part of the record of all."""
        return Write(*(part[t] for part in self))


class Solver:
    """Solve linear systems with M Mᵀ + ρ I `[B, K, K]`."""

    def __init__(self, gram: Tensor, noise: Tensor) -> None:
        self.ridge = raised(gram, noise / ADDRESS_VARIANCE)[:, None]
        matrix = gram.clone()
        matrix.diagonal(dim1=-2, dim2=-1).add_(self.ridge)
        self.lower, _ = torch.linalg.cholesky_ex(matrix)

    def __call__(self, vector: Tensor) -> Tensor:
        """Return the solution `[B, K]` for a right side `[B, K]`."""
        return torch.cholesky_solve(vector[:, :, None], self.lower)[:, :, 0]


class Posterior:
    """Distributions over memories, `mean` M `[B, K, D]` and `factor` S `[B, K, K]`, which are changed in place."""

    def __init__(self, mean: Tensor, factor: Tensor, noise: Tensor, gram: Tensor | None = None) -> None:
        self.mean, self.factor, self.noise = mean, factor, noise
        self.gram = _gram(mean) if gram is None else gram
        self._solver: Solver | None = None

    @property
    def solver(self) -> Solver:
        """The solver of the present addresses."""
        if self._solver is None:
            self._solver = Solver(self.gram, self.noise)
        return self._solver

    def clone(self) -> "Posterior":
        """Return a copy."""
        return Posterior(self.mean.clone(), self.factor.clone(), self.noise, self.gram.clone())

    def address(self, word: Tensor) -> Tensor:
        """Return w `[B, K]` of words z `[B, D]`."""
        return self.solver(times(self.mean, word))

    def read(self, address: Tensor) -> Tensor:
        """Return ẑ `[B, D]` at w `[B, K]`."""
        return times_transposed(self.mean, address)

    def write(self, word: Tensor, record: Write) -> None:
        """Write words z `[B, D]`, and record how."""
        noise, address = self.noise[:, None], record.address.copy_(self.address(word))
        torch.sub(word, self.read(address), out=record.surprise)
        seen = record.seen.copy_(times_transposed(self.factor, address))
        variance = torch.add(_dot(seen, seen), noise, out=record.variance)
        gain = torch.div(times(self.factor, seen), variance, out=record.gain)
        torch.sqrt(noise / variance, out=record.ratio)
        torch.div(gain, 1 + record.ratio, out=record.turn)
        # M Mᵀ changes by c (M δ)ᵀ + (M δ) cᵀ + |δ|² c cᵀ, and M δ = ρ w.
        ridge = record.ridge.copy_(self.solver.ridge)
        torch.mul(gain, 0.5 * _dot(record.surprise, record.surprise), out=record.gram).addcmul_(ridge, address)
        self._move(record, 1)

    def undo(self, write: Write) -> None:
        """Undo the last write."""
        self._move(write, -1)

    def _move(self, write: Write, sign: int) -> None:
        self.mean.addcmul_(write.gain[:, :, None], write.surprise[:, None], value=sign)
        self.factor.addcmul_(write.turn[:, :, None], write.seen[:, None], value=-sign)
        self.gram.add_(symmetric(write.gain, write.gram), alpha=sign)
        self._solver = None

    def pick(self, worlds: Tensor) -> "Posterior":
        """Return a copy for some worlds, int64 `[n]`."""
        return Posterior(self.mean[worlds], self.factor[worlds], self.noise[worlds], self.gram[worlds])

    def put(self, worlds: Tensor, other: "Posterior") -> None:
        """Give some worlds, int64 `[n]`, another distribution, of a batch of n or of one."""
        self.mean[worlds], self.factor[worlds], self.gram[worlds] = other.mean, other.factor, other.gram
        self._solver = None


class PosteriorGradient:
    """The gradient of a posterior and of its prior, from the last step back to the first.

    Args:
        of: the posterior, from which the steps' writes are undone by the caller.
        d_mean: the gradient of the last M `[B, K, D]`, or None for zero.
        d_factor: that of S `[B, K, K]`, or None for zero.
    """

    def __init__(self, of: Posterior, d_mean: Tensor | None, d_factor: Tensor | None) -> None:
        self.of = of
        self.mean = torch.zeros_like(of.mean) if d_mean is None else d_mean.clone()
        self.factor = torch.zeros_like(of.factor) if d_factor is None else d_factor.clone()
        self.noise = torch.zeros_like(of.noise)
        self.prior_mean, self.prior_factor = torch.zeros_like(of.mean[0]), torch.zeros_like(of.factor[0])
        self._gram = torch.zeros_like(of.gram)  # twice the symmetric part
        self._changes: list[tuple[Tensor, Tensor]] = []  # of the gradient of M: outer products

    def write(self, write: Write) -> Tensor:
        """Return the gradient of the words z `[B, D]` of a write that was undone."""
        address, seen, gain, turn, _, surprise, variance, ratio, ridge = write
        mean, factor, noise = self.of.mean, self.of.factor, self.of.noise[:, None]
        # From M' = M + c δᵀ, and from the change of M Mᵀ.
        gram_gain, gram_address = times(self._gram, gain), times(self._gram, address)
        d_surprise = times_transposed(self.mean, gain).addcmul_(_dot(gain, gram_gain), surprise)
        d_gain = times(self.mean, surprise).addcmul_(ridge, gram_address).addcmul_(_dot(surprise, surprise), gram_gain)
        # From S' = S - c fᵀ / (1 + r).
        d_turn, d_seen = times(self.factor, seen), times_transposed(self.factor, turn)  # both with the other sign
        d_gain -= d_turn / (1 + ratio)
        d_ratio = _dot(d_turn, turn) / (1 + ratio)
        # From c = S f / v, r = √(σ² / v), v = |f|² + σ² and f = Sᵀ w.
        d_product = d_gain / variance
        d_variance = -_dot(d_product, gain) - d_ratio * ratio / (2 * variance)
        self.noise += (d_variance + d_ratio * ratio / (2 * noise))[:, 0]
        d_seen = times_transposed(factor, d_product).addcmul_(2 * d_variance, seen).sub_(d_seen)
        self.factor.baddbmm_(*outer_products([(d_product, seen), (address, d_seen)]))
        # From δ = z - Mᵀ w.
        word = surprise + times_transposed(mean, address)
        self._changes.append((address, -d_surprise))
        d_address = times(factor, d_seen).addcmul_(ridge, gram_gain).sub_(times(mean, d_surprise))
        return d_surprise + self._solve(address, word, d_address, _dot(gain, gram_address))

    def read(self, address: Tensor, word: Tensor, d_read: Tensor) -> Tensor:
        """Return the gradient of the words z `[B, D]` that were read at w, from that of ẑ = Mᵀ w."""
        self._changes.append((address, d_read))
        return self._solve(address, word, times(self.of.mean, d_read), torch.zeros_like(address[:, :1]))

    def _solve(self, address: Tensor, word: Tensor, d_address: Tensor, d_ridge: Tensor) -> Tensor:
        """Return the gradient of z by w = (M Mᵀ + ρ I)⁻¹ M z, beside another one of ρ `[B, 1]`."""
        d_product = self.of.solver(d_address)
        self._changes.append((d_product, word))
        d_ridge = d_ridge - _dot(d_product, address)
        self.noise += d_ridge[:, 0] / ADDRESS_VARIANCE
        self._gram -= symmetric(d_product, address)
        self._gram.diagonal(dim1=-2, dim2=-1).add_(2 * RELATIVE_RIDGE * d_ridge)
        return times_transposed(self.of.mean, d_product)

    def collect(self) -> None:
        """Add the changes of M's gradient, before a write is undone or at the end; all at once is the fastest."""
        if self._changes:
            self.mean.baddbmm_(*outer_products(self._changes))
            self._changes.clear()

    def reset(self, worlds: Tensor, prior_mean: Tensor) -> None:
        """Move the gradient of some worlds, int64 `[n]`, to their prior, from which they began."""
        self.prior_mean += self.mean[worlds].sum(0) + self._gram[worlds].sum(0) @ prior_mean
        self.prior_factor += self.factor[worlds].sum(0)
        for part in (self.mean, self.factor, self._gram):
            part.index_fill_(0, worlds, 0.0)

    def finish(self) -> None:
        """Add what came through M Mᵀ to the gradient of the first M."""
        self.collect()
        self.mean.baddbmm_(self._gram, self.of.mean)


def times(matrix: Tensor, vector: Tensor) -> Tensor:
    """Return the products of matrices `[B, M, N]` and vectors `[B, N]`."""
    # Ten times as fast on a CPU as a product of matrix and column.
    return torch.bmm(vector[:, None], matrix.mT)[:, 0]


def times_transposed(matrix: Tensor, vector: Tensor) -> Tensor:
    """Return the products of the transposes of matrices `[B, M, N]` and vectors `[B, M]`."""
    return torch.bmm(vector[:, None], matrix)[:, 0]


def symmetric(a: Tensor, b: Tensor) -> Tensor:
    """Return a bᵀ + b aᵀ, exactly symmetric, for vectors `[B, K]`."""
    product = a[:, :, None] * b[:, None]
    return product + product.mT


def outer_products(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return matrices `[B, K, n]` and `[B, n, D]` whose product is the sum of the pairs' outer products."""
    return torch.stack([a for a, _ in pairs], -1), torch.stack([b for _, b in pairs], -2)


def _gram(mean: Tensor) -> Tensor:
    """Return M Mᵀ `[B, K, K]`; since it is symmetric, three quarters of the work are enough."""
    half = mean.shape[1] // 2
    upper, lower = mean[:, :half], mean[:, half:]
    first, last = upper @ mean.mT, lower @ lower.mT
    return torch.cat([first, torch.cat([first[:, :, half:].mT, last], 2)], 1)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1, keepdim=True)

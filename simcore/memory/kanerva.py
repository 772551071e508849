"""The dynamic Kanerva machine: a Gaussian distribution over memories, written by exact inference (App. B, App. C).

Wu et al., "The Kanerva Machine", 2018, arXiv 1804.01756; "Learning Attractor Dynamics for Generative Memory", 2018,
arXiv 1811.09556.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.checks import Positive, Width, WidthOrZero, require_fields
from simcore.memory.ridge import ADDRESS_VARIANCE, regularised


@dataclass(frozen=True)
class KanervaConfig:
    """The Kanerva memory, used if --core is kanerva (App. C, table 4)."""

    memory_size: Width = 32
    """K, rows of the memory."""
    word_size: Width = 512
    """D, width of a row."""
    noise_variance: Positive = 1.0
    """σ², initial variance of a word given memory and address; it is learned."""
    read_hidden: WidthOrZero = 0
    """Hidden units of the net that makes the read word; 0: linear, as in figure 8. Table 4: 400."""
    write_hidden: WidthOrZero = 400
    """Hidden units of the net that makes the write word, as in figure 8; 0: linear, as in table 4."""

    def __post_init__(self) -> None:
        require_fields("kanerva.", self)


PRECISE = torch.float64
"""The type of a memory's distribution, whatever that of the nets. Repeated words reveal other directions only through
small rotations of their addresses; if words are a thousand times the noise or more, float32 for M or w loses them."""


class KanervaState(NamedTuple):
    """A distribution over K x D memories: rows with a joint covariance, the same for each column; float64."""

    mean: Tensor
    """M `[..., K, D]`."""
    factor: Tensor
    """S `[..., K, K]`, a square root of the rows' covariance U = S Sᵀ, which so never has a negative eigenvalue."""
    noise: Tensor
    """σ² `[...]`, the variance of a word given memory and address; part of the state since reads need it."""

    @classmethod
    def of(cls, mean: Tensor, covariance: Tensor, noise: Tensor) -> "KanervaState":
        """Make a state from the covariance U `[..., K, K]`; eigenvalues that its own type cannot resolve are raised."""
        values, vectors = torch.linalg.eigh(covariance.to(PRECISE))
        values = values.maximum(torch.finfo(covariance.dtype).eps * values[..., -1:])
        return cls(mean.to(PRECISE), vectors * values.sqrt()[..., None, :], noise.to(PRECISE))

    @property
    def covariance(self) -> Tensor:
        """U `[..., K, K]`, symmetric, and raised by the rounding of its entries, so that it is positive definite."""
        product = self.factor @ self.factor.mT
        slots = product.shape[-1]
        rounding = slots * torch.finfo(product.dtype).eps * product.diagonal(dim1=-2, dim2=-1).sum(-1)
        return 0.5 * (product + product.mT) + torch.diag_embed(rounding[..., None].expand(product.shape[:-1]))


def find_address(state: KanervaState, word: Tensor) -> Tensor:
    """Return w `[B, K]`, the regularised least-squares solution of Mᵀ w = z for words z `[B, D]` (App. C)."""
    mean = state.mean
    lower, _ = torch.linalg.cholesky_ex(regularised(mean @ mean.mT, state.noise / ADDRESS_VARIANCE))
    return torch.cholesky_solve(_times(mean, word.to(PRECISE))[..., None], lower)[..., 0]


def read_at(state: KanervaState, address: Tensor) -> Tensor:
    """Return ẑ = Mᵀ w `[B, D]` for addresses w `[B, K]`."""
    return _times(state.mean.mT, address)


def write_at(state: KanervaState, word: Tensor, address: Tensor) -> KanervaState:
    """Return the exact posterior after words z `[B, D]` at addresses w `[B, K]`.

    With c = U w / v, the mean becomes M + c δᵀ and the covariance U - v c cᵀ. Nothing is subtracted from U itself: S is
    changed so that S Sᵀ is the new U, since v = |f|² + σ² (Potter's square-root form of the Kalman filter).
    """
    mean, factor, noise = state
    surprise = word.to(PRECISE) - _times(mean.mT, address)  # δ
    seen = _times(factor.mT, address)  # f = Sᵀ w
    variance = seen.square().sum(-1) + noise  # v = wᵀ U w + σ²
    gain = _times(factor, seen) / variance[..., None]  # c
    change = gain / (1 + (noise / variance).sqrt())[..., None]
    return KanervaState(
        mean + gain[..., :, None] * surprise[..., None, :],
        factor - change[..., :, None] * seen[..., None, :],
        noise,
    )


def upgrade_kanerva_state(state: KanervaState) -> KanervaState:
    """Return a state as it is, or convert one of an earlier version: float32, with U where S is now."""
    return state if state.mean.dtype == PRECISE else KanervaState.of(*state)


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    # Ten times as fast on a CPU as a product of matrix and column.
    return (vector[..., None, :] @ matrix.mT)[..., 0, :]


class KanervaMemory(nn.Module):
    """A linear Gaussian model z = Mᵀ w + noise, whose posterior over M is the memory.

    Differentiable in everything, memory included. `KanervaWiring` connects it to an LSTM.

    The state is in float64 and holds a square root of the covariance, whatever the type of weights and words: for
    finite words it stays a distribution, without a negative eigenvalue or a NaN, at any ratio of words to noise, and a
    module in float32 keeps the same state as one in float64 that is given the same words. Reads have the weights' type.

        >>> memory = KanervaMemory(slots=16, word_size=64, noise_variance=0.01)
        >>> words = torch.randn(8, 64)
        >>> state = memory.initial_state(batch_size=1)
        >>> for word in words:
        ...     state = memory.write(state, word[None])
        >>> cues = words + 0.5 * torch.randn(8, 64)
        >>> recalled = torch.cat([memory.read(state, cue[None]) for cue in cues])
        >>> bool((recalled - words).norm() < (cues - words).norm())
        True

    Args:
        slots: K (table 4: 32).
        word_size: D (table 4: 512).
        noise_variance: the initial σ² (table 4: 1.0); it is learned.
        prior_variance: the initial variance of the prior's rows; it is learned, and so is the prior's mean.
    """

    def __init__(
        self, slots: int = 32, word_size: int = 512, noise_variance: float = 1.0, prior_variance: float = 1.0
    ) -> None:
        super().__init__()
        if min(slots, word_size) < 1 or min(noise_variance, prior_variance) <= 0.0:
            raise ValueError(
                f"slots and word_size are {slots} and {word_size}, the variances {noise_variance} and "
                f"{prior_variance}; they must be positive"
            )
        self.slots = slots
        self.word_size = word_size
        # Rows of length one: with a zero mean all addresses would be zero, and nothing would ever be written.
        self.prior_mean = nn.Parameter(torch.randn(slots, word_size) / word_size**0.5)
        self.log_prior_variance = nn.Parameter(torch.tensor(math.log(prior_variance)))
        self.log_noise = nn.Parameter(torch.tensor(math.log(noise_variance)))

    def initial_state(self, batch_size: int) -> KanervaState:
        """Return the prior, `[batch_size, ...]`."""
        eye = torch.eye(self.slots, dtype=PRECISE, device=self.prior_mean.device)
        factor = (0.5 * self.log_prior_variance.to(PRECISE)).exp() * eye
        return KanervaState(
            self.prior_mean.to(PRECISE).expand(batch_size, -1, -1),
            factor.expand(batch_size, -1, -1),
            self.noise(batch_size),
        )

    def noise(self, batch_size: int) -> Tensor:
        """Return the current σ² `[batch_size]`, float64."""
        return self.log_noise.to(PRECISE).exp().expand(batch_size)

    def address(self, state: KanervaState, word: Tensor) -> Tensor:
        """Return w `[B, K]`, float64, the regularised least-squares solution of Mᵀ w = z for words z `[B, D]`.

        Raises:
            ValueError: the words have another shape.
        """
        if word.shape != (*state.mean.shape[:-2], self.word_size):
            raise ValueError(f"words are {list(word.shape)}; a memory of {list(state.mean.shape)} takes one a world")
        return find_address(upgrade_kanerva_state(state), word)

    def read(self, state: KanervaState, word: Tensor) -> Tensor:
        """Return ẑ = Mᵀ w `[B, D]`, the memory's reconstruction of words z `[B, D]`."""
        state = upgrade_kanerva_state(state)
        return read_at(state, self.address(state, word)).to(self.prior_mean.dtype)

    def write(self, state: KanervaState, word: Tensor) -> KanervaState:
        """Return the posterior after words z `[B, D]`, each at its own address."""
        state = upgrade_kanerva_state(state)
        return write_at(state, word, self.address(state, word))

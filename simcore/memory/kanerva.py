"""The dynamic Kanerva machine: a Gaussian distribution over memories, written by exact inference (App. B, App. C)."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.checks import Positive, Width, WidthOrNone, require_fields
from simcore.common.precision import exact_products
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
    read_hidden: WidthOrNone = 0
    """Hidden units of the net that makes the read word; 0: linear, as in figure 8. Table 4: 400."""
    write_hidden: WidthOrNone = 400
    """Hidden units of the net that makes the write word, as in figure 8; 0: linear, as in table 4."""

    def __post_init__(self) -> None:
        require_fields("kanerva.", self)


class KanervaState(NamedTuple):
    """A distribution over K x D memories: rows with a joint covariance, the same for each column."""

    mean: Tensor
    """M `[..., K, D]`."""
    covariance: Tensor
    """U `[..., K, K]`, symmetric and positive definite."""
    noise: Tensor
    """σ² `[...]`, the variance of a word given memory and address; part of the state since reads need it."""


@exact_products()
def find_address(state: KanervaState, word: Tensor, address_variance: float = ADDRESS_VARIANCE) -> Tensor:
    """Return w `[B, K]`, the regularised least-squares solution of Mᵀ w = z for words z `[B, D]` (App. C)."""
    with torch.autocast(word.device.type, enabled=False):
        mean = state.mean
        gram = mean @ mean.mT
        lower, _ = torch.linalg.cholesky_ex(regularised(gram, state.noise / address_variance))
        return torch.cholesky_solve(mean @ word.to(mean.dtype)[..., None], lower)[..., 0]


@exact_products()
def read_at(state: KanervaState, address: Tensor) -> Tensor:
    """Return ẑ = Mᵀ w `[B, D]` for addresses w `[B, K]`."""
    with torch.autocast(address.device.type, enabled=False):
        return _times(state.mean.mT, address)


@exact_products()
def write_at(state: KanervaState, word: Tensor, address: Tensor) -> KanervaState:
    """Return the exact posterior after words z `[B, D]` at addresses w `[B, K]`."""
    with torch.autocast(word.device.type, enabled=False):
        mean, covariance, noise = state
        surprise = word.to(mean.dtype) - _times(mean.mT, address)  # δ
        spread = _times(covariance, address)  # U w
        variance = (address * spread).sum(-1) + noise  # v
        gain = spread / variance[..., None]  # c
        # The square root twice instead of c (U w)ᵀ, so that U stays exactly symmetric.
        root = spread / variance.sqrt()[..., None]
        return KanervaState(
            mean + gain[..., :, None] * surprise[..., None, :],
            covariance - root[..., :, None] * root[..., None, :],
            noise,
        )


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector[..., None])[..., 0]


class KanervaMemory(nn.Module):
    """A linear Gaussian model z = Mᵀ w + noise, whose posterior over M is the memory.

    Differentiable in everything, memory included. `KanervaWiring` connects it to an LSTM.

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
        address_variance: the variance of an address's prior.
    """

    def __init__(
        self,
        slots: int = 32,
        word_size: int = 512,
        noise_variance: float = 1.0,
        prior_variance: float = 1.0,
        address_variance: float = ADDRESS_VARIANCE,
    ) -> None:
        super().__init__()
        self.slots = slots
        self.word_size = word_size
        self.address_variance = address_variance
        # Rows of length one: with a zero mean all addresses would be zero, and nothing would ever be written.
        self.prior_mean = nn.Parameter(torch.randn(slots, word_size) / word_size**0.5)
        self.log_prior_variance = nn.Parameter(torch.tensor(prior_variance).log())
        self.log_noise = nn.Parameter(torch.tensor(noise_variance).log())

    def initial_state(self, batch_size: int) -> KanervaState:
        """Return the prior, `[batch_size, ...]`."""
        eye = torch.eye(self.slots, dtype=self.prior_mean.dtype, device=self.prior_mean.device)
        covariance = self.log_prior_variance.exp() * eye
        return KanervaState(
            self.prior_mean.expand(batch_size, -1, -1),
            covariance.expand(batch_size, -1, -1),
            self.noise(batch_size),
        )

    def noise(self, batch_size: int) -> Tensor:
        """Return the current σ² `[batch_size]`."""
        return self.log_noise.exp().expand(batch_size)

    def address(self, state: KanervaState, word: Tensor) -> Tensor:
        """Return w `[B, K]`, the regularised least-squares solution of Mᵀ w = z for words z `[B, D]` (App. C)."""
        return find_address(state, word, self.address_variance)

    def read(self, state: KanervaState, word: Tensor) -> Tensor:
        """Return ẑ = Mᵀ w `[B, D]`, the memory's reconstruction of words z `[B, D]`."""
        return read_at(state, self.address(state, word))

    def write(self, state: KanervaState, word: Tensor) -> KanervaState:
        """Return the posterior after words z `[B, D]`, each at its own address."""
        return write_at(state, word, self.address(state, word))

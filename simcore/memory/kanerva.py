"""The dynamic Kanerva machine: a memory that is a distribution, written by exact inference (App. B, App. C)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.common.precision import exact_products
from simcore.common.tree import tree_map
from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times, masks_of
from simcore.memory.base import Memory
from simcore.memory.fast.kanerva import KanervaUnroll, Plan, Weights
from simcore.memory.fast.lstm_step import lstm_weights
from simcore.memory.ridge import ADDRESS_VARIANCE, regularised


class KanervaState(NamedTuple):
    """A distribution over K x D memories: rows with a joint covariance, the same for each column."""

    mean: Tensor
    """M `[..., K, D]`."""
    covariance: Tensor
    """U `[..., K, K]`, symmetric and positive definite."""
    noise: Tensor
    """σ² `[...]`, the variance of a word given memory and address; here, so that whoever reads knows it."""


class KanervaMemory(nn.Module):
    """A linear Gaussian model z = Mᵀ w + noise, whose posterior over M is the memory.

    Plain and differentiable through everything, memory included; `Kanerva` unrolls the same equations faster.

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
        noise_variance: σ² at first (table 4: 1.0); it is learned.
        prior_variance: the variance of the prior's rows at first; it is learned, and so is the prior's mean.
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
        # Rows of length one: at zero every address would be zero, and nothing would ever be written.
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
            self.log_noise.exp().expand(batch_size),
        )

    @exact_products()
    def address(self, state: KanervaState, word: Tensor) -> Tensor:
        """Return w `[B, K]`, the regularised least-squares solution of Mᵀ w = z for words z `[B, D]` (App. C)."""
        with torch.autocast(word.device.type, enabled=False):
            mean = state.mean
            gram = mean @ mean.mT
            lower, _ = torch.linalg.cholesky_ex(regularised(gram, state.noise / self.address_variance))
            return torch.cholesky_solve(mean @ word.to(mean.dtype)[..., None], lower)[..., 0]

    def read(self, state: KanervaState, word: Tensor) -> Tensor:
        """Return ẑ = Mᵀ w `[B, D]`: what the memory makes of words z `[B, D]`."""
        return _times(state.mean.mT, self.address(state, word))

    def write(self, state: KanervaState, word: Tensor) -> KanervaState:
        """Return the posterior after words z `[B, D]`, each at its own address."""
        return self.update(state, word, self.address(state, word))

    @exact_products()
    def update(self, state: KanervaState, word: Tensor, address: Tensor) -> KanervaState:
        """Return the exact posterior after words z `[B, D]` seen at addresses w `[B, K]`."""
        with torch.autocast(word.device.type, enabled=False):
            mean, covariance, noise = state
            surprise = word.to(mean.dtype) - _times(mean.mT, address)  # δ
            spread = _times(covariance, address)  # U w
            variance = (address * spread).sum(-1) + noise  # v
            gain = spread / variance[..., None]  # c
            # Its square root twice, and not c (U w)ᵀ: then U stays symmetric to the last bit.
            root = spread / variance.sqrt()[..., None]
            return KanervaState(
                mean + gain[..., :, None] * surprise[..., None, :],
                covariance - root[..., :, None] * root[..., None, :],
                noise,
            )


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector[..., None])[..., 0]


class WordNet(nn.Module):
    """What turns (b, input) into a word: one linear layer, or two with rectified units between."""

    def __init__(self, input_size: int, hidden_size: int, word_size: int) -> None:
        super().__init__()
        self.first = nn.Linear(input_size, hidden_size or word_size)
        self.second = nn.Linear(hidden_size, word_size) if hidden_size else None

    @property
    def last(self) -> tuple[Tensor, Tensor] | None:
        """Weight and bias of the second layer, if there is one."""
        return None if self.second is None else (self.second.weight, self.second.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return words `[..., D]`."""
        first = self.first(inputs)
        return first if self.second is None else self.second(first.relu())


class Kanerva(Memory):
    """A Kanerva memory wired to an LSTM (App. C, figure 8).

    The read word is made from (b_{t-1}, input_t), and what is read enters the LSTM with the input; the write word is
    made from (b_t, input_t). The LSTM's output alone is b_t.

    Args:
        input_size: the width of a step's input.
        hidden_size: N_h.
        slots: K (table 4).
        word_size: D (table 4).
        noise_variance: σ² at first (table 4).
        read_hidden: hidden units of the read word's net; 0: linear, as in figure 8. Table 4: 400.
        write_hidden: hidden units of the write word's net (figure 8); 0: linear, as in table 4.
        writes: whether it writes; one that does not only reads what another has written, and has no prior.
    """

    output_size = 0

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        slots: int = 32,
        word_size: int = 512,
        noise_variance: float = 1.0,
        read_hidden: int = 0,
        write_hidden: int = 400,
        writes: bool = True,
    ) -> None:
        super().__init__()
        self.read_size = word_size
        self.memory = KanervaMemory(slots, word_size, noise_variance) if writes else None
        self.read_word = WordNet(hidden_size + input_size, read_hidden, word_size)
        self.write_word = WordNet(hidden_size + input_size, write_hidden, word_size) if writes else None

    def initial_state(self, batch_size: int) -> KanervaState:
        """Return the prior, `[batch_size, ...]`.

        Raises:
            RuntimeError: this one only reads, so it has no memory of its own to begin with.
        """
        if self.memory is None:
            raise RuntimeError("a Kanerva memory that only reads has no state of its own; start from another's")
        return self.memory.initial_state(batch_size)

    def unroll(
        self,
        lstm: nn.LSTM,
        inputs: Tensor,
        state: CoreState,
        resets: Resets | None,
        snapshots_at: Times,
    ) -> Unrolled:
        """Unroll LSTM and memory over time, in float32 also under autocast.

        Raises:
            ValueError: resets or snapshots are asked of a memory that only reads.
        """
        if self.memory is None and (resets is not None or snapshots_at.number):
            raise ValueError("a Kanerva memory that only reads has neither resets nor snapshots")
        lead = inputs.shape[1:-1]
        if len(lead) > 1:
            flat = tree_map(lambda leaf: leaf.flatten(0, 1), state)
            unrolled = self.unroll(lstm, inputs.flatten(1, 2), flat, None, snapshots_at)
            final = tree_map(lambda leaf: leaf.reshape(*lead, *leaf.shape[1:]), unrolled.final)
            return Unrolled(unrolled.outputs.view(len(inputs), *lead, -1), final, None)
        with torch.autocast(inputs.device.type, enabled=False):
            return self._unroll(lstm, inputs.to(lstm.get_parameter("weight_hh_l0").dtype), state, resets, snapshots_at)

    def _unroll(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, resets: Resets | None, snapshots_at: Times
    ) -> Unrolled:
        units, input_size = lstm.hidden_size, inputs.shape[-1]
        weight_ih, weight_hh, lstm_bias = lstm_weights(lstm)
        from_input, from_read = weight_ih[:, :input_size], weight_ih[:, input_size:].contiguous()
        firsts = [net.first for net in (self.read_word, self.write_word) if net is not None]
        split = [(first.weight[:, :units], first.weight[:, units:]) for first in firsts]
        sums = F.linear(
            inputs,
            torch.cat([from_input, *(part for _, part in split)]),
            torch.cat([lstm_bias, *(first.bias for first in firsts)]),
        )
        recurrent = torch.cat([weight_hh, *(part for part, _ in split)])
        weights = Weights(recurrent, from_read, self.read_word.last, self.write_word.last if self.write_word else None)
        hidden, cell, memory = state.hidden, state.cell, KanervaState(*state.memory)
        prior = memory if self.memory is None else self.memory.initial_state(inputs.shape[1])
        keep = {t: (~first)[:, None].to(inputs.dtype) for t, first in masks_of(resets).items()}
        plan = Plan(firsts[0].out_features, self.memory is not None, keep, list(snapshots_at.known))
        outputs, last_cell, *written = KanervaUnroll.apply(  # type: ignore[no-untyped-call]
            *(plan, sums, hidden, cell, memory.mean, memory.covariance, prior.noise),
            *(prior.mean[0], prior.covariance[0], *weights.flat()),
        )
        if not written:
            return Unrolled(outputs, CoreState(outputs[-1], last_cell, memory), None)
        mean, covariance, cells, means, covariances = written
        final = CoreState(outputs[-1], last_cell, KanervaState(mean, covariance, prior.noise))
        if not snapshots_at.number:
            return Unrolled(outputs, final, None)
        states = KanervaState(means, covariances, prior.noise.expand(len(means), -1))
        return Unrolled(outputs, final, CoreState(outputs.index_select(0, snapshots_at.rows), cells, states))

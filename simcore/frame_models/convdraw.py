"""Modified ConvDRAW: a conditional deep VAE with recurrent encoder, prior and decoder (App. A, figure 7).

The original: Gregor et al., "Towards Conceptual Compression", 2016, arXiv 1604.08772.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal

from simcore.common.checks import Range, Width, require, require_fields
from simcore.frame_models.base import FrameLoss, FrameModel, frame_models, require_frames
from simcore.frame_models.geco import GECO, GECOConfig
from simcore.networks import frames_to_float, frames_to_uint8, gated

FIRST_CONDITIONINGS = 4
"""The first conditioning operation is applied four times before the first prior on z, no weights shared (App. A)."""


@dataclass(frozen=True)
class ConvDRAWConfig:
    """The generative model of frames (App. A)."""

    steps: Annotated[int, Range(1, 1024)] = 8
    """Ns, ConvDRAW steps (table 2)."""
    latent_channels: Width = 16
    """Channels of each step's latent z."""
    state_channels: Width = 64
    """Channels of encoder, prior and decoder states."""
    encoder_channels: tuple[Width, ...] = (16, 16)
    """Channels of the layers between frame and encoder state."""
    decoder_channels: tuple[Width, ...] = (32, 32)
    """Channels of the layers between decoder state and canvas."""
    kernel_size: Annotated[int, Range(1, 63)] = 5
    """Width of the size-preserving kernels (App. A: 5)."""

    def __post_init__(self) -> None:
        require_fields("convdraw.", self)
        require(self.kernel_size % 2 == 1, f"convdraw.kernel_size must be odd, not {self.kernel_size}")
        require(
            len(self.encoder_channels) == len(self.decoder_channels),
            f"convdraw.encoder_channels and decoder_channels must be as many, not {len(self.encoder_channels)} "
            f"and {len(self.decoder_channels)}",
        )

    @property
    def frame_multiple(self) -> int:
        """The frame's size must be a multiple of this number."""
        return 2 ** (len(self.encoder_channels) + 1)


def same(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """Make a size-preserving convolution: 5 x 5 in App. A."""
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


def halve(inputs: int, outputs: int) -> nn.Conv2d:
    """Make a convolution that halves height and width: 4 x 4, stride 2."""
    return nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)


def double(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """Make a transposed convolution that doubles height and width: 4 x 4, stride 2."""
    return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)


class ConvDRAWStep(nn.Module):
    """One step of figure 7, with its own weights; it advances the prior state `conditionings` times.

    Blue in the figure are `features`, `encode_features` and `encode_states`, red is `condition`, orange is `decode`;
    the arrows between are `posterior`, `prior` and `paint`.
    """

    def __init__(self, config: ConvDRAWConfig, conditionings: int = 1) -> None:
        super().__init__()
        state, latent, kernel = config.state_channels, config.latent_channels, config.kernel_size

        layers: list[nn.Module] = []
        channels = 6  # frame and error
        for outputs in config.encoder_channels:
            layers += [halve(channels, outputs), nn.ReLU()]
            channels = outputs
        self.features = nn.Sequential(*layers)
        # One convolution of features, encoder and decoder state in two parts, since the features are twice as wide.
        self.encode_features = halve(channels, 2 * state)
        self.encode_states = same(2 * state, 2 * state, kernel)
        self.posterior = same(state, 2 * latent, kernel)

        self.condition = nn.ModuleList(same(latent + 2 * state, 2 * state, kernel) for _ in range(conditionings))
        self.prior = same(state, 2 * latent, kernel)

        self.decode = same(latent + state, 2 * state, kernel)
        layers, channels = [], state
        for outputs in config.decoder_channels:
            layers += [double(channels, outputs), nn.ReLU()]
            channels = outputs
        self.paint = nn.Sequential(*layers, double(channels, 3))

    def next_prior_state(self, state: Tensor, z: Tensor, condition: Tensor) -> Tensor:
        """Advance the prior state (red circles) by the last latent and the condition, which enters only here."""
        for layer in self.condition:
            state = gated(layer(torch.cat([z, condition, state], dim=1)))
        return state

    def next_encoder_state(self, state: Tensor, decoder_state: Tensor, frames: Tensor, canvas: Tensor) -> Tensor:
        """Advance the encoder state (blue circles) by the frame, the error E and the decoder state."""
        features = self.features(torch.cat([frames, frames - canvas], dim=1))
        return gated(self.encode_features(features) + self.encode_states(torch.cat([state, decoder_state], dim=1)))

    def next_decoder_state(self, state: Tensor, z: Tensor) -> Tensor:
        """Advance the decoder state (orange circles) by the latent."""
        return gated(self.decode(torch.cat([z, state], dim=1)))


def diagonal_gaussian(parameters: Tensor) -> Normal:
    """Return the Gaussian of `[N, 2 Z, h, w]` = (mean, deviation before softplus) stacked over channels.

    It is float32 at least, whatever the parameters' type, for the precision of logarithms and squares.
    """
    mean, raw = parameters.to(torch.promote_types(parameters.dtype, torch.float32)).chunk(2, dim=1)
    # softplus, not exp: a deviation that grows linearly cannot overflow early in training. 0.54 = softplus^-1(1).
    return Normal(mean, F.softplus(raw + 0.54) + 1e-3, validate_args=False)


def kl_divergence(posterior: Normal, prior: Normal) -> Tensor:
    """Return KL(posterior || prior) in nats, elementwise."""
    ratio = (posterior.scale / prior.scale).square()
    distance = ((posterior.loc - prior.loc) / prior.scale).square()
    return 0.5 * (ratio + distance - 1.0 - ratio.log())


def standard_normal(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Sample standard normal noise of a shape, on the device of `like`."""
    return torch.randn(*shape, generator=generator, device=like.device)


def sample_gaussian(gaussian: Normal, noise: Tensor) -> Tensor:
    """Sample a Gaussian from standard normal noise, with a gradient to its parameters."""
    return gaussian.loc + gaussian.scale * noise


@frame_models.register("convdraw")
class ConvDRAW(FrameModel):
    """ConvDRAW: p(x | c) of square RGB frames, a deep VAE with recurrent encoder, prior and decoder.

    The states have the frame's size, halved once per entry of encoder_channels and once more: 64 -> 32 -> 16 -> 8.

    Args:
        config: its sizes; the defaults are the paper's.
        condition_size: the length of the condition vector c.
        frame_size: height and width of the frames, in pixels.
        geco: the constraint on the reconstruction error.

    Raises:
        ValueError: the frame's size cannot be halved so often.
    """

    Config = ConvDRAWConfig

    def __init__(
        self,
        config: ConvDRAWConfig = ConvDRAWConfig(),
        *,
        condition_size: int,
        frame_size: int,
        geco: GECOConfig = GECOConfig(),  # noqa: B008
    ) -> None:
        super().__init__()
        multiple = config.frame_multiple
        if frame_size < 1 or frame_size % multiple:
            raise ValueError(
                f"a frame of {frame_size} pixels cannot be halved {multiple.bit_length() - 1} times: "
                f"use a multiple of {multiple}"
            )
        self.config = config
        self.frame_size, self.state_size = frame_size, frame_size // multiple
        self.geco = GECO(geco)
        self._compiled: Callable[[ConvDRAW, Tensor, Tensor, Sequence[Tensor]], FrameLoss] | None = None
        self.embed_condition = nn.Linear(condition_size, config.state_channels * self.state_size**2)
        conditionings = [FIRST_CONDITIONINGS] + [1] * (config.steps - 1)
        self.steps = nn.ModuleList(ConvDRAWStep(config, count) for count in conditionings)
        self.register_load_state_dict_pre_hook(_upgrade_conditionings)  # type: ignore[no-untyped-call]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the frames' own layout, and the faster one

    def loss(
        self,
        frames: Tensor,
        condition: Tensor,
        generator: torch.Generator | None = None,
        identity: Tensor | None = None,
    ) -> FrameLoss:
        """Return GECO's Lagrangian, KL and squared error of uint8 frames `[N, H, W, 3]` given `[N, condition_size]`.

        All three are `[N]`. KL and error are per image dimension, the scale that κ = 1e-3 and λ <= 1000 are meant for.
        The Lagrangian is then multiplied by the dimensions: KL + λ (Σ error - H W 3 κ), in nats per frame. λ and the
        optimal nets are the same either way, but the belief learns from the KL alone, which per dimension would be too
        weak by that factor relative to policy and value.

        Raises:
            ValueError: frames or conditions have another shape.
            TypeError: the frames are not uint8.
        """
        require_frames(frames, condition, self.frame_size, self.embed_condition.in_features)
        # Sampled here, so that the rest can be compiled: torch.compile does not support generators.
        lagrangian = self._compiled or type(self).lagrangian
        return lagrangian(self, frames, condition, self._noise(condition, generator))

    def lagrangian(self, frames: Tensor, condition: Tensor, noise: Sequence[Tensor]) -> FrameLoss:
        """Like `loss`, but with the latents' noise given: a standard normal `[N, Z, h, w]` for each step."""
        x = frames_to_float(frames)
        condition, prior_state, decoder_state, z, canvas = self._begin(condition)
        encoder_state = decoder_state
        kl = x.new_zeros(len(x))
        for step, epsilon in zip(self._steps(), noise, strict=True):
            prior_state = step.next_prior_state(prior_state, z, condition)
            encoder_state = step.next_encoder_state(encoder_state, decoder_state, x, canvas)
            posterior = diagonal_gaussian(step.posterior(encoder_state))
            prior = diagonal_gaussian(step.prior(prior_state))
            z = sample_gaussian(posterior, epsilon).to(condition.dtype)
            kl = kl + kl_divergence(posterior, prior).flatten(1).sum(1)
            decoder_state = step.next_decoder_state(decoder_state, z)
            canvas = canvas + step.paint(decoder_state)
        dimensions = x.shape[1:].numel()
        kl = kl / dimensions
        error = (x - canvas).square().flatten(1).mean(1)
        return FrameLoss(dimensions * self.geco(kl, error), kl, error)

    @torch.no_grad()
    def sample(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Sample uint8 frames `[N, H, W, 3]` given `[N, condition_size]`, with every latent from its prior."""
        condition, prior_state, decoder_state, z, canvas = self._begin(condition)
        for step, epsilon in zip(self._steps(), self._noise(condition, generator), strict=True):
            prior_state = step.next_prior_state(prior_state, z, condition)
            z = sample_gaussian(diagonal_gaussian(step.prior(prior_state)), epsilon).to(condition.dtype)
            decoder_state = step.next_decoder_state(decoder_state, z)
            canvas = canvas + step.paint(decoder_state)
        return frames_to_uint8(canvas)

    def compile(self, **options: Any) -> None:
        """Compile all of `lagrangian` by torch.compile: its small operations lie between the layers."""
        # Of no instance, so that a copy computes with its own weights.
        self._compiled = torch.compile(type(self).lagrangian, **options)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_compiled": None}  # which cannot be pickled

    def update(self, error: Tensor) -> None:
        """Update GECO's λ by a training batch's mean error, a scalar."""
        self.geco.update(error)

    @property
    def multiplier(self) -> Tensor:
        """GECO's λ."""
        return self.geco.multiplier

    def _begin(self, condition: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the embedded condition, and prior state, decoder state, latent and canvas, all zero.

        All but the canvas have the type that autocast chooses, since they enter convolutions.
        """
        batch, side = len(condition), self.state_size
        embedded = self.embed_condition(condition).view(batch, self.config.state_channels, side, side)
        state = torch.zeros_like(embedded)
        latent = embedded.new_zeros(batch, self.config.latent_channels, side, side)
        canvas = condition.new_zeros(batch, 3, self.frame_size, self.frame_size)  # a sum, so never in bfloat16
        return embedded, state, state, latent, canvas

    def _noise(self, condition: Tensor, generator: torch.Generator | None) -> list[Tensor]:
        """Sample the noise of each step's latent, a standard normal `[N, Z, h, w]`."""
        shape = (len(condition), self.config.latent_channels, self.state_size, self.state_size)
        return [standard_normal(shape, condition, generator) for _ in self.steps]

    def _steps(self) -> list[ConvDRAWStep]:
        return cast(list[ConvDRAWStep], list(self.steps))


def _upgrade_conditionings(model: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Convert an older state dict, in which all conditionings of a step shared their weights."""
    assert isinstance(model, ConvDRAW)
    for number, step in enumerate(model.steps):
        assert isinstance(step, ConvDRAWStep)
        for kind in ("weight", "bias"):
            shared = state.pop(f"{prefix}steps.{number}.condition.{kind}", None)
            if shared is not None:
                state |= {f"{prefix}steps.{number}.condition.{i}.{kind}": shared for i in range(len(step.condition))}

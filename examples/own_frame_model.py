"""A frame model of your own: a VAE with a single latent vector, where ConvDRAW has several latent maps.

    python examples/own_frame_model.py

or, from this folder, on the command line, with one of its options, which a resumed run keeps:

    simcore train RandomCity --frame-model own_frame_model:SmallVAE --options frame_model.latents=16
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
from torch import Tensor

from simcore.frame_models import GECO, FrameLoss, FrameModel, GECOConfig, frame_models
from simcore.networks import DeconvDecoder, ResidualEncoder, frames_to_float, frames_to_uint8, mlp


@dataclass(frozen=True)
class SmallVAEConfig:
    """Sizes of the VAE."""

    latents: int = 8
    """Length of the latent vector."""
    hidden_size: int = 64
    """Hidden units of prior and posterior."""


@frame_models.register("small-vae")
class SmallVAE(FrameModel):
    """p(x | c) with one latent vector z: prior p(z | c), decoder p(x | z, c), and posterior q(z | x, c)."""

    Config = SmallVAEConfig

    def __init__(
        self,
        config: SmallVAEConfig,
        *,
        condition_size: int,
        frame_size: int,
        geco: GECOConfig,
        encoder_channels: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.latents = config.latents
        self.geco = GECO(geco)
        self.encoder = ResidualEncoder(frame_size, config.hidden_size, encoder_channels)
        self.prior = mlp(condition_size, config.hidden_size, 2 * config.latents)
        self.posterior = mlp(condition_size + config.hidden_size, config.hidden_size, 2 * config.latents)
        self.decoder = DeconvDecoder(condition_size + config.latents, frame_size, channels=16)

    def loss(
        self,
        frames: Tensor,
        condition: Tensor,
        generator: torch.Generator | None = None,
        identity: Tensor | None = None,
    ) -> FrameLoss:
        """Return GECO's Lagrangian, in nats per frame, of frames `[N, H, W, 3]` given conditions `[N, C]`."""
        mean, deviation = gaussian(self.posterior(torch.cat([condition, self.encoder(frames)], dim=-1)))
        prior_mean, prior_deviation = gaussian(self.prior(condition))
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        picture = self.decoder(torch.cat([condition, mean + deviation * noise], dim=-1))
        ratio, distance = deviation / prior_deviation, (mean - prior_mean) / prior_deviation
        kl = 0.5 * (ratio.square() + distance.square() - 1 - 2 * ratio.log()).sum(1)
        dimensions = frames[0].numel()
        error = (frames_to_float(frames) - picture).square().flatten(1).mean(1)
        return FrameLoss(dimensions * self.geco(kl / dimensions, error), kl / dimensions, error)

    @torch.no_grad()
    def sample(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Sample frames `[N, H, W, 3]` given conditions `[N, C]`."""
        mean, deviation = gaussian(self.prior(condition))
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        return frames_to_uint8(self.decoder(torch.cat([condition, mean + deviation * noise], dim=-1)))

    def update(self, error: Tensor) -> None:
        """Update GECO's λ by a training batch's mean error."""
        self.geco.update(error)

    @property
    def multiplier(self) -> Tensor:
        """GECO's λ."""
        return self.geco.multiplier


def gaussian(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation, `[N, Z]` each, from parameters `[N, 2 Z]`."""
    mean, raw = parameters.chunk(2, dim=-1)
    return mean, F.softplus(raw) + 1e-3


def main() -> None:
    """Check the model, train it briefly, and print its error at the start and at the end."""
    import simcore
    from simcore.runs import read_metrics
    from simcore.testing import check_frame_model

    check_frame_model(SmallVAE)
    updates = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        config = simcore.preset("tiny").changed(
            frame_model="small-vae", options=("frame_model.latents=16",), threads=1, learning={"updates": updates}
        )
        simcore.train(config, path)
        lines = read_metrics(path / "metrics.jsonl")
        print(f"Squared error: {lines[0]['frame_model/error']:.4f}, then {lines[-1]['frame_model/error']:.4f}")


if __name__ == "__main__":
    main()

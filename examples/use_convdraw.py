"""Train ConvDRAW on its own, to generate a square of a given colour at a random place.

    python examples/use_convdraw.py [UPDATES]

The condition is the colour, but not the place: samples of one condition have one colour and many places. GECO holds the
squared error down to κ by the multiplier λ of the reconstruction term.
"""

import sys

import torch
from torch import Tensor

from simcore.frame_models import ConvDRAW, ConvDRAWConfig, GECOConfig

SIZE, SIDE = 8, 4
BATCH, UPDATES = 32, 500
KAPPA = 2e-3


def squares(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sample frames uint8 `[count, 8, 8, 3]` of a square on black, and its colours, float `[count, 3]`."""
    colours = torch.rand(count, 3, generator=generator)
    corners = torch.randint(SIZE - SIDE + 1, (2, count, 1), generator=generator)
    within = (torch.arange(SIZE) >= corners) & (torch.arange(SIZE) < corners + SIDE)
    inside = within[0, :, :, None] & within[1, :, None, :]
    return (255 * inside[..., None] * colours[:, None, None]).to(torch.uint8), colours


def main(updates: int = UPDATES) -> None:
    """Train the model, and print KL, error, λ, and the colour of samples."""
    torch.set_num_threads(1)  # nets as small as these gain nothing from more
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    config = ConvDRAWConfig(
        steps=3, latent_channels=2, state_channels=16, encoder_channels=(16,), decoder_channels=(16,), kernel_size=3
    )
    model = ConvDRAW(config, condition_size=3, frame_size=SIZE, geco=GECOConfig(kappa=KAPPA, initial=10.0))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for update in range(1, updates + 1):
        frames, colours = squares(BATCH, generator)
        terms = model.loss(frames, colours, generator)
        optimizer.zero_grad()
        torch.autograd.backward(terms.loss.mean())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1000.0)
        optimizer.step()
        model.update(terms.error.mean().detach())
        if update % max(1, updates // 5) == 0:
            print(
                f"update {update}: KL {terms.kl.mean():.4f} nats and squared error {terms.error.mean():.4f} "
                f"a dimension, λ = {model.multiplier:.1f}"
            )

    colour = torch.tensor([0.9, 0.2, 0.1])
    samples = model.sample(colour.expand(8, 3), generator) / 255.0
    brightest = samples.flatten(1, 2).topk(SIDE, dim=1).values.mean((0, 1))
    print(f"Asked for the colour {[round(value, 2) for value in colour.tolist()]}")
    print(f"the samples' squares have {[round(value, 2) for value in brightest.tolist()]}")
    lit = samples[..., 0] > colour[0] / 2
    corners = {(int(square.any(1).int().argmax()), int(square.any(0).int().argmax())) for square in lit}
    print(f"and their corners are at {sorted(corners)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

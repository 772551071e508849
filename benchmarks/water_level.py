"""Where GECO's λ settles, by reverse water-filling, for a run's frames and for its true maps.

    python -m benchmarks.water_level RandomCity --preset tiny

Takes frames and maps of the preset's own worlds (by its walker, or by an untrained agent where the agent acts) as
Gaussian, and prints κ's share of their variance, the water level θ at which the mean error is κ, λ* = 1 / (2 θ), and
the λ that training begins with (docs/geco.md); the same for half and twice κ. With fewer samples, or fewer worlds, than
a picture has dimensions, λ* comes out too low.
"""

import argparse
from dataclasses import replace

import torch
from rich.table import Table
from torch import Tensor

from benchmarks.gpu.common import make_trajectory
from simcore.build import make_system
from simcore.commands.console import show_tables
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.frame_models.geco import GECO
from simcore.probes.map_model import MapModel
from simcore.worlds.api import MAP

BATCH = 256
"""Worlds that are stepped together."""


def collect(config: Config, worlds: int, samples: int) -> dict[str, Tensor]:
    """Return frames and true maps, uint8 `[worlds * samples, ...]`, of random times of episodes."""
    frames, maps = [], []
    generator = torch.Generator().manual_seed(0)
    for seed in range(worlds // BATCH):
        trajectory = make_trajectory(replace(config, seed=seed))
        times = torch.randint(0, len(trajectory.frames), (samples, BATCH), generator=generator)
        frames.append(trajectory.frames[times, torch.arange(BATCH)].flatten(0, 1))
        maps.append(trajectory.targets[MAP][times, torch.arange(BATCH)].flatten(0, 1))
    return {"frames": torch.cat(frames), "maps": torch.cat(maps)}


def variances(samples: Tensor) -> Tensor:
    """Return the variance of each principal component of uint8 samples `[N, ...]`, with colours in [0, 1]."""
    rows = samples.flatten(1).float() / 255.0
    rows -= rows.mean(0)
    count, dimensions = rows.shape
    product = rows @ rows.T if count < dimensions else rows.T @ rows  # both have the same eigenvalues but for zeros
    return torch.linalg.eigvalsh(product.double() / count).clamp(min=0.0)


def water_level(components: Tensor, dimensions: int, kappa: float) -> float:
    """Return θ, for which the mean over all dimensions of min(variance, θ) is κ; infinite if no θ leaves so much."""
    if float(components.sum()) / dimensions <= kappa:
        return float("inf")
    low, high = 0.0, float(components.max())
    for _ in range(60):
        middle = (low + high) / 2
        error = float(components.clamp(max=middle).sum()) / dimensions
        low, high = (middle, high) if error < kappa else (low, middle)
    return high


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("level", nargs="?", default="RandomCity")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--worlds", type=int, default=4096, help=f"episodes of Lu steps; a multiple of {BATCH}")
    parser.add_argument("--samples", type=int, default=4, help="frames and maps from each of them")
    options = parser.parse_args()
    config = preset(options.preset, options.level)
    config = replace(config, learning=replace(config.learning, worlds=BATCH))
    pictures = collect(config, options.worlds, options.samples)
    system = make_system(replace(config, probes=replace(config.probes, map_convdraw=True)))
    assert isinstance(system.map_model, MapModel)
    begins = {"frames": GECO(config.geco).multiplier, "maps": system.map_model.multiplier}
    kappas = {"frames": config.geco.kappa, "maps": config.probes.map_kappa}
    table = Table(
        title=f"{options.level}, {options.preset}: {options.samples} samples of each of {options.worlds} worlds"
    )
    for name in ("", "κ", "of the variance", "water level θ", "λ*", "1 / (2 κ)", "λ at first"):
        table.add_column(name, justify="right")
    for name, samples in pictures.items():
        components, dimensions = variances(samples), samples[0].numel()
        for kappa in (kappas[name] / 2, kappas[name], 2 * kappas[name]):
            level, variance = water_level(components, dimensions, kappa), float(components.sum()) / dimensions
            begin = f"{float(begins[name]):.1f}" if kappa == kappas[name] else ""
            table.add_row(
                *(name, f"{kappa:g}", f"{kappa / variance:.1%}", f"{level:.4f}"),
                *(f"{0.5 / level:.1f}", f"{0.5 / kappa:.0f}", begin),
            )
    show_tables(table)


if __name__ == "__main__":
    main()

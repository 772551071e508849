"""True and decoded maps along held-out episodes, and samples of the map model."""

from dataclasses import dataclass

import torch
from torch import Tensor

from simcore.analysis.collecting import episode_frames, worlds_per_batch
from simcore.analysis.first_episode import episode_lengths
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.map_view import MapView, believed_view, true_view
from simcore.analysis.measuring import constant_guess
from simcore.analysis.scores import SampleVariance, sample_variance
from simcore.analysis.worlds import map_frame
from simcore.common.errors import UserError
from simcore.common.seeding import derive_seed
from simcore.config.run import Config
from simcore.data.targets import TargetValues
from simcore.probes.readout import Readout
from simcore.worlds.api import MAP, SINCE_SEEN
from simcore.worlds.voxel.levels.base import LevelConfig

SHOWN = 32
"""The most worlds whose maps are decoded by default."""
OTHERS = 64
"""Other worlds, whose mean map they are compared with: for this number it is off by a 64th of their variance."""


@dataclass(frozen=True)
class Maps:
    """True and decoded maps along held-out episodes; all on the CPU, time first."""

    frames: Tensor
    """Observed frames, uint8 `[T, W, H, W, 3]`."""
    lengths: list[int]
    """Frames of each world's first episode, at most T; W of them. Later frames belong to other episodes."""
    true: MapView
    """True maps and places `[T, W]`."""
    believed: MapView
    """Decoded maps and the most likely places, `[T, W]`."""
    times: list[int]
    """The P times that are shown, and at which maps are sampled."""
    samples: Tensor | None
    """Samples of the map model at those times, uint8 `[S, P, W, N, N, 3]`; None without a map model."""
    mean: Tensor | None = None
    """The mean map of other worlds, float `[N, N, 3]` in [0, 1]; None without a map model."""

    def sample_variance(self) -> SampleVariance | None:
        """Return how much the samples differ on cells seen and not yet seen; None without a map model."""
        if self.samples is None or self.mean is None:
            return None
        within = torch.tensor(self.times)[:, None] < torch.tensor(self.lengths)
        true = self.true.at(self.times)
        return sample_variance(self.samples, true.pictures, self.mean, true.since_seen, within)


@torch.no_grad()
def decode_maps(run: LoadedRun, worlds: int | None = None, times: int = 8, samples: int = 8) -> Maps:
    """Decode maps along held-out episodes, and sample them from the belief.

    Args:
        run: the run.
        worlds: W, the number of worlds; None: as many as fit into one batch, at most 32.
        times: P, the number of evenly spaced times at which maps are sampled; at most T.
        samples: S, the number of samples at each time.

    Raises:
        UserError: the run has no probes, or its world has no map as SimCore's levels do.
    """
    require_maps(run.config)
    length = episode_frames(run.config)
    trajectory = run.collect("held-out/maps", worlds or min(SHOWN, worlds_per_batch(run.config, length)), length)
    shown = torch.linspace(0, length - 1, min(times, length)).round().long().tolist()
    sampled = mean = None
    if run.system.map_model is not None:
        generator = torch.Generator(run.device).manual_seed(derive_seed(run.config.seed, "map samples"))
        # One at a time: all samples of a large map together would not fit into memory.
        beliefs = run.observe(trajectory)
        at = beliefs.index_select(0, torch.tensor(shown).to(beliefs.device))
        sampled = torch.stack([run.system.map_model.sample(at, generator).cpu() for _ in range(samples)])
        mean = constant_guess(run, OTHERS, length, "maps/").answers[MAP].cpu()
    true, believed = map_views(run, trajectory.targets, run.read(trajectory))
    return Maps(trajectory.frames.cpu(), episode_lengths(trajectory.is_first), true, believed, shown, sampled, mean)


def map_views(run: LoadedRun, truth: TargetValues, read: Readout) -> tuple[MapView, MapView]:
    """Return true and decoded maps `[...]` with the agent's places, from targets and the probes' answers."""
    frame = map_frame(run.config)
    return true_view(truth, read["heading"].shape[-1], frame), believed_view(read, truth[SINCE_SEEN], frame)


def has_maps(config: Config) -> bool:
    """Whether a run's world has map, `since_seen`, cell and heading as targets, as SimCore's levels do."""
    return isinstance(config.world, LevelConfig)


def require_maps(config: Config) -> None:
    """Raise `UserError` unless `has_maps`."""
    if not has_maps(config):
        raise UserError(f"there are no maps to draw: {config.level} does not tell its own as SimCore's levels do")

"""What figures 10 and 12 show: maps decoded from a belief at a step, and the map's error along an episode."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simcore.analysis.collecting import episode_frames
from simcore.analysis.first_episode import episode_lengths
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.map_view import MapView
from simcore.analysis.maps import OTHERS, map_views, require_maps
from simcore.analysis.measuring import constant_guess
from simcore.analysis.scores import score
from simcore.common.tree import tree_map


class DecodedMaps(NamedTuple):
    """True and decoded maps of the same held-out worlds at the same step."""

    true: MapView
    """`[W]`."""
    decoded: MapView
    """`[W]`, from the belief."""


class TrajectoryError(NamedTuple):
    """The map's error along one held-out trajectory."""

    frames: Tensor
    """Observed frames, uint8 `[T, H, W, 3]`."""
    true: MapView
    """True maps and places, `[T]`."""
    believed: MapView
    """Maps and places decoded from the belief, `[T]`."""
    errors: NDArray[np.float64]
    """Map MSE at each step, `[T]`."""
    constant: NDArray[np.float64]
    """That of the best constant guess, `[T]`."""


def shared_worlds(run: LoadedRun, seed: int) -> LoadedRun:
    """Return the run with another seed for its held-out worlds, so that all runs of a figure have the same ones."""
    return replace(run, config=replace(run.config, seed=seed))


@torch.no_grad()
def decoded_maps(run: LoadedRun, step: int, seed: int, worlds: int) -> DecodedMaps:
    """Decode maps at a step of held-out episodes, or at the end of those that are shorter.

    Args:
        run: the run.
        step: of the episodes, from 0.
        seed: of the held-out worlds.
        worlds: W.

    Raises:
        UserError: the run has no probes, or its world does not tell maps as our levels do.
    """
    require_maps(run.config)
    trajectory = shared_worlds(run, seed).collect("figure/maps", worlds, step + 1)
    last = torch.tensor(episode_lengths(trajectory.is_first)) - 1  # at `step`, or the last before it
    at = last.to(run.device), torch.arange(worlds, device=run.device)
    truth = tree_map(lambda part: part[at], trajectory.targets)
    return DecodedMaps(*map_views(run, truth, run.probes(run.observe(trajectory)[at])))


@torch.no_grad()
def trajectory_error(run: LoadedRun, seed: int) -> TrajectoryError:
    """Follow the map's error along one held-out episode.

    Raises:
        UserError: the run has no probes, or its world does not tell maps as our levels do.
    """
    require_maps(run.config)
    shared, length = shared_worlds(run, seed), episode_frames(run.config)
    trajectory = shared.collect("figure/trajectory", 1, length)
    truth, targets = trajectory.targets, run.require_targets()
    read = run.read(trajectory)
    constant = constant_guess(shared, OTHERS, length, "figure/").read(read)
    episode = slice(episode_lengths(trajectory.is_first)[0])  # it may have ended before `length`
    true, believed = map_views(run, truth, read)
    return TrajectoryError(
        trajectory.frames[episode, 0].cpu(),
        true.at(episode, 0),
        believed.at(episode, 0),
        score(read, truth, targets).errors["map_mse"].mse_by_step_and_world()[episode, 0],
        score(constant, truth, targets).errors["map_mse"].mse_by_step_and_world()[episode, 0],
    )

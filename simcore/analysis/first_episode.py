"""The first episode of each world of a trajectory, which alone is measured: others begin in the middle of it."""

from torch import Tensor

from simcore.common.tree import tree_map
from simcore.data.targets import TargetValues
from simcore.data.trajectory import Trajectory


def in_first_episode(is_first: Tensor) -> Tensor:
    """Return which steps are of each world's first episode, given where episodes begin; both bool `[T, W]`."""
    later = is_first.clone()
    later[0] = False
    return later.cumsum(dim=0) == 0


def episode_lengths(is_first: Tensor) -> list[int]:
    """Return the number of frames of each world's first episode, given `is_first`, bool `[T, W]`."""
    return in_first_episode(is_first.cpu()).sum(dim=0).tolist()


def first_episodes(trajectory: Trajectory) -> TargetValues:
    """Return the targets of each world's first episode, `[T, W, ...]`; `[K, 1, ...]` if one ends early."""
    within = in_first_episode(trajectory.is_first)
    ends_early = bool((~within).any())
    return tree_map(lambda part: part[within][:, None], trajectory.targets) if ends_early else trajectory.targets

"""A batch of the shapes that a run has, with nothing in it."""

import torch

from simcore.config.run import Config
from simcore.data.targets import ProbeTargets
from simcore.data.trajectory import Trajectory
from simcore.system import WorldSizes
from simcore.worlds import LevelConfig
from simcore.worlds.api import MAP, SINCE_SEEN


def empty_batch(config: Config, sizes: WorldSizes) -> Trajectory:
    """Return a batch `[T, B, ...]` without an initial state, on the CPU; frames and maps are not even written.

    Episodes begin as often, and as spread over the worlds, as they would if all of them came to their time limit.
    """
    worlds = config.learning.worlds
    # Where the agent acts, the last frame is that of the next batch's first step, and tells what the action led to.
    length = config.learning.unroll_length + (config.policy == "agent")
    shape = (length, worlds)
    return Trajectory(
        torch.empty(*shape, sizes.frame_size, sizes.frame_size, 3, dtype=torch.uint8),
        torch.zeros(shape, dtype=torch.int64),
        torch.zeros(shape),
        first_frames(config, length),
        torch.zeros(shape, dtype=torch.bool),
        torch.zeros(shape),
        None,
        empty_targets(config, sizes, shape),
    )


def empty_targets(config: Config, sizes: WorldSizes, shape: tuple[int, int]) -> ProbeTargets:
    """Return the probes' targets of a batch `[T, B]`, and when cells were seen where the learner tells by it."""
    targets: ProbeTargets = {}
    for target in sizes.targets:
        if target.kind == "class":
            targets[target.name] = torch.zeros(shape, dtype=torch.int64)
        else:
            dtype = torch.uint8 if target.kind == "picture" else torch.float32
            targets[target.name] = torch.empty(*shape, *target.shape, dtype=dtype)
    if isinstance(config.world, LevelConfig) and config.policy == "walker" and config.has_frame_model:
        targets[SINCE_SEEN] = torch.empty(targets[MAP].shape[:-1], dtype=torch.int32)
    return targets


def first_frames(config: Config, length: int) -> torch.Tensor:
    """Return where episodes begin, bool `[length, B]`: together, or evenly apart where the run staggers them."""
    worlds, frames = config.learning.worlds, config.world.episode_length + 1
    if frames == 1:  # no limit is known
        frames = length
    apart = config.policy == "agent" and config.acting.stagger
    elapsed = torch.arange(length)[:, None] + (torch.arange(worlds) * frames // worlds if apart else torch.zeros(1))
    return (elapsed % frames == 0).expand(length, worlds)


def size_of(batch: Trajectory) -> int:
    """Return the bytes of a batch, without the belief's state."""
    return sum(part.numel() * part.element_size() for part in (*batch[:6], *batch.targets.values()))


def waiting(config: Config) -> int:
    """Return the most trajectories that are on the host at one time: made, waiting, and taken for a batch."""
    taken, acting = config.trajectories_per_update, config.acting
    if config.executor == "serial":
        return taken
    if config.executor in ("threads", "processes"):
        return taken + acting.actors + acting.queue  # each actor has one in hand
    return taken + acting.actors * acting.queue

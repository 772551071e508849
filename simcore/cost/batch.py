"""A batch with a run's shapes but no content, to measure costs without worlds; and its size."""

import torch

from simcore.config.run import Config
from simcore.data.targets import TargetValues
from simcore.data.trajectory import Trajectory
from simcore.system import WorldSizes
from simcore.worlds.api import MAP, SINCE_SEEN


def empty_batch(config: Config, sizes: WorldSizes) -> Trajectory:
    """Make a batch `[T, B, ...]` without an initial state, on the CPU; frames and maps are left uninitialised.

    Episodes begin as they would if all of them reached their time limit.
    """
    worlds = config.learning.worlds
    # If the agent acts, the last row is also the first of the next batch: the frame that the last action led to.
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


def empty_targets(config: Config, sizes: WorldSizes, shape: tuple[int, int]) -> TargetValues:
    """Make the probes' targets of a batch of shape `[T, B]`, and `since_seen` if the learner needs it."""
    targets: TargetValues = {}
    for target in sizes.targets:
        if target.kind == "class":
            targets[target.name] = torch.zeros(shape, dtype=torch.int64)
        else:
            dtype = torch.uint8 if target.kind == "picture" else torch.float32
            targets[target.name] = torch.empty(*shape, *target.shape, dtype=dtype)
    if config.measures_memory:
        targets[SINCE_SEEN] = torch.empty(targets[MAP].shape[:-1], dtype=torch.int32)
    return targets


def first_frames(config: Config, length: int) -> torch.Tensor:
    """Return where episodes begin, bool `[length, B]`: together, or evenly spread if the run staggers them."""
    worlds, frames = config.learning.worlds, config.world.episode_length + 1
    if frames == 1:  # there is no time limit
        frames = length
    apart = config.policy == "agent" and config.acting.stagger
    elapsed = torch.arange(length)[:, None] + (torch.arange(worlds) * frames // worlds if apart else torch.zeros(1))
    return (elapsed % frames == 0).expand(length, worlds)


def size_of(batch: Trajectory) -> int:
    """Return the size of a batch in bytes, without the initial state."""
    return sum(part.numel() * part.element_size() for part in (*batch[:6], *batch.targets.values()))


def waiting(config: Config) -> int:
    """Return the most trajectories on the host at one time: being collected, queued, and taken for a batch."""
    taken, acting = config.trajectories_per_update, config.acting
    if config.executor == "serial":
        return taken
    if config.executor in ("threads", "processes"):
        return taken + acting.actors + acting.queue  # each actor is collecting one
    return taken + acting.actors * acting.queue

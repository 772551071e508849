"""What one update learns from: a trajectory on the learner's device, and what was drawn for it on the host."""

from typing import NamedTuple

import torch

from simcore.config import Config
from simcore.learning.trajectory import Trajectory
from simcore.memory import Resets, Times
from simcore.nested import to_device, tree_map
from simcore.simulation import draw_offsets, draw_starts


class Batch(NamedTuple):
    """A trajectory, and the times at which it is looked at; nothing of it has to be asked of the device."""

    trajectory: Trajectory
    """`[T, B, ...]`, on the learner's device."""
    resets: Resets | None
    """Where episodes begin."""
    starts: Times
    """The Nt starts of the simulation's roll-outs."""
    offsets: Times
    """The Ng offsets of the frames that are modelled of each."""
    probed: Times | None
    """The times at which the probes look into the belief; None: all."""


def draw_batch(
    trajectory: Trajectory,
    config: Config,
    device: torch.device,
    generator: torch.Generator,
    probe_generator: torch.Generator,
) -> Batch:
    """Draw the times of an update, and send them and the trajectory to the device.

    Args:
        trajectory: from the actors, on the CPU; on the device already, the host waits for it.
        config: of the run.
        device: the learner's.
        generator: draws starts and offsets (on the CPU).
        probe_generator: draws the probes' times (on the CPU).
    """
    length, options, wanted = len(trajectory.frames), config.simulation, config.learning.probe_times
    starts = draw_starts(length, options.overshoot, options.starts, generator, options.earliest_start)
    offsets = draw_offsets(options.overshoot, options.frames, generator) if config.has_frame_model else [0]
    probed = None
    if config.has_probes and wanted is not None and wanted < length:
        probed = Times.of(torch.randperm(length, generator=probe_generator)[:wanted].sort().values.tolist(), device)
    resets = Resets.of(trajectory.is_first, device)
    if device.type == "cuda":  # from pinned memory a copy goes on beside what the device has yet to do
        trajectory = tree_map(lambda part: part.pin_memory() if part.device.type == "cpu" else part, trajectory)
    return Batch(to_device(trajectory, device), resets, Times.of(starts, device), Times.of(offsets, device), probed)

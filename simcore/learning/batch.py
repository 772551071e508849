"""What one update learns from: a trajectory on the learner's device, and what was drawn for it on the host."""

from typing import NamedTuple

import torch
from torch import Tensor

from simcore.common.tree import to_device, tree_map
from simcore.config.run import Config
from simcore.data.trajectory import Trajectory
from simcore.memory import CoreState, Resets, Times
from simcore.simulation import draw_offsets, draw_starts


class UpdateResult(NamedTuple):
    """What one update gives."""

    metrics: dict[str, Tensor]
    """Scalars on the learner's device, by name; the same names at every update, and NaN where one has no value."""
    final_state: CoreState
    """The belief core's state after the trajectory, without gradient, `[B, ...]`."""


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
    mapped: Times | None
    """The times at which the map's ConvDRAW is trained; None: there is none."""

    def blind(self) -> "Batch":
        """Return the same for an update that must be done alike whatever the times are, as one that is replayed."""

        def hidden(times: Times) -> Times:
            return Times(None, times.rows)

        return Batch(
            self.trajectory,
            None,
            hidden(self.starts),
            hidden(self.offsets),
            self.probed and hidden(self.probed),
            self.mapped and hidden(self.mapped),
        )

    @property
    def begins(self) -> Resets | Tensor | None:
        """Where episodes begin, as a core wants it."""
        return self.trajectory.is_first if self.starts.host is None else self.resets


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
        probe_generator: draws the times of the probes and of the map's ConvDRAW (on the CPU).
    """
    length, options, wanted = len(trajectory.frames), config.simulation, config.learning.probe_times
    starts = draw_starts(length, options.overshoot, options.starts, generator, options.earliest_start)
    offsets = draw_offsets(options.overshoot, options.frames, generator) if config.has_frame_model else [0]

    def some(count: int) -> Times:
        return Times.of(torch.randperm(length, generator=probe_generator)[:count].sort().values.tolist(), device)

    probed = some(wanted) if config.has_probes and wanted is not None and wanted < length else None
    mapped = some(config.probes.map_times) if config.probes.map_convdraw else None
    resets = Resets.of(trajectory.is_first, device)
    if device.type == "cuda":  # from pinned memory a copy goes on beside what the device has yet to do
        seen = trajectory._replace(initial_state=None)  # a state shares its counts with others, so it is not copied
        seen = tree_map(lambda part: part.pin_memory() if part.device.type == "cpu" else part, seen)
        trajectory = seen._replace(initial_state=trajectory.initial_state)
    moved = to_device(trajectory, device)
    return Batch(moved, resets, Times.of(starts, device), Times.of(offsets, device), probed, mapped)

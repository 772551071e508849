"""The batch of one update: a trajectory on the learner's device, and the times sampled for it on the host."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from simcore.common.seeding import Generators
from simcore.common.tree import to_device, tree_map
from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times
from simcore.data.trajectory import Trajectory
from simcore.objectives.base import Beliefs, Objective


class UpdateResult(NamedTuple):
    """The results of one update."""

    metrics: dict[str, Tensor]
    """Scalars on the learner's device, by name; the same names at every update, NaN if one has no value."""
    weights: dict[str, Tensor]
    """The weights of those metrics that are means over a number of terms that differs; see `Weighted`."""
    final_state: CoreState
    """The belief core's state after the trajectory, without gradient, `[B, ...]`."""


class Batch(NamedTuple):
    """A trajectory and the times that the objectives use; none has to be read back from the device."""

    trajectory: Trajectory
    """`[T, B, ...]`, on the learner's device."""
    resets: Resets | None
    """Where episodes begin."""
    snapshots: Times
    """The steps after which the core's full states are kept."""
    times: tuple[Any, ...]
    """What each objective's `sample_times` returned, in the learner's order."""
    rows: tuple[Tensor | None, ...]
    """The indices of each objective's snapshots, int64 `[S]`; None: all of them, or none."""

    def blind(self) -> "Batch":
        """Return the batch without times on the host, for an update that must do the same work whatever they are."""
        hidden: tuple[Times, tuple[Any, ...]] = _hidden((self.snapshots, self.times))
        return Batch(self.trajectory, None, *hidden, self.rows)

    @property
    def begins(self) -> Resets | Tensor | None:
        """Where episodes begin, in the form that the core takes."""
        return self.trajectory.is_first if self.snapshots.host is None else self.resets

    def shown(self, unrolled: Unrolled, objectives: Sequence[Objective]) -> list[Beliefs]:
        """Return each objective's beliefs, with its own snapshots."""
        shown = []
        for objective, times, rows in zip(objectives, self.times, self.rows, strict=True):
            own = unrolled.snapshots if objective.snapshots_at(times) is not None else None
            if own is not None and rows is not None:
                own = tree_map(lambda leaf: leaf.index_select(0, rows.to(leaf.device)), own)  # noqa: B023
            shown.append(Beliefs(unrolled.outputs, own, times))
        return shown


def make_batch(
    trajectory: Trajectory,
    objectives: Sequence[Objective],
    generators: Mapping[str, Generators],
    device: torch.device,
) -> Batch:
    """Sample the times of an update, and send them and the trajectory to the device.

    Args:
        trajectory: from the actors, on the CPU; if it is on the device, the host waits for it.
        objectives: the learner's.
        generators: the objectives', by name.
        device: the learner's.
    """
    length = len(trajectory.frames)
    times = tuple(o.sample_times(length, generators[o.name], device) for o in objectives)
    snapshot_times = [objective.snapshots_at(own) for objective, own in zip(objectives, times, strict=True)]
    snapshots, rows = gather_times(snapshot_times, device)
    resets = Resets.of(trajectory.is_first, device)
    if device.type == "cuda":  # from pinned memory the copy overlaps with the device's other work
        seen = trajectory._replace(initial_state=None)  # a state shares its counts with others and may not be copied
        seen = tree_map(lambda part: part.pin_memory() if part.device.type == "cpu" else part, seen)
        trajectory = seen._replace(initial_state=trajectory.initial_state)
    return Batch(to_device(trajectory, device), resets, snapshots, times, rows)


def gather_times(asked: Sequence[Times | None], device: torch.device) -> tuple[Times, tuple[Tensor | None, ...]]:
    """Return the union of the objectives' snapshot times, and each objective's indices, as in `Batch.rows`."""
    present = [times for times in asked if times is not None]
    if len(present) < 2:
        return present[0] if present else Times.of((), device), (None,) * len(asked)
    union = sorted({time for times in present for time in times.known})
    rows = [None if times is None else torch.tensor([union.index(time) for time in times.known]) for times in asked]
    return Times.of(union, device), tuple(None if own is None else own.to(device, non_blocking=True) for own in rows)


def _hidden(tree: Any) -> Any:
    """Return nested tuples of times that are known only on the device."""
    if isinstance(tree, Times):
        return Times(None, tree.rows)
    if isinstance(tree, tuple):
        return getattr(type(tree), "_make", tuple)(_hidden(part) for part in tree)
    return tree

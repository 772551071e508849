"""The times that an unroll must know of: known to the host, which decides by them, and to the device."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Times(NamedTuple):
    """Some times of an unroll: for the host, which decides by them what to do, and for the device, as indices of rows.

    With both at hand neither waits for the other.
    """

    host: tuple[int, ...] | None
    """None: what is done must be the same whatever they are, as in a CUDA graph that is replayed."""
    rows: Tensor
    """Int64 `[n]`, on the device."""

    @classmethod
    def of(cls, times: "Sequence[int] | Times", device: torch.device) -> "Times":
        """Return times that are known on the host, sent to a device if they are not there."""
        if isinstance(times, Times):
            return times
        if not times:  # as in every step of an agent that acts: nothing need be sent
            return cls((), torch.empty(0, dtype=torch.int64, device=device))
        return cls(tuple(times), torch.tensor(list(times), dtype=torch.int64).to(device, non_blocking=True))

    @property
    def known(self) -> tuple[int, ...]:
        """The times, where the host knows them.

        Raises:
            ValueError: it does not.
        """
        if self.host is None:
            raise ValueError("these times are known on the device alone; a bare LSTM can be unrolled with such, masked")
        return self.host

    def none(self) -> "Times":
        """Return no times at all, known where these are."""
        return Times(None if self.host is None else (), self.rows[:0])

    @property
    def number(self) -> int:  # and not len(), by which a tuple is made anew
        """How many there are."""
        return self.rows.shape[0]


class Resets(NamedTuple):
    """When episodes begin in an unroll; with this at hand, the host need not ask the device."""

    times: tuple[int, ...]
    """R times at which some world's episode begins."""
    host: Tensor
    """In which worlds, bool `[R, B]`, on the CPU."""
    device: Tensor
    """The same on the device."""

    @classmethod
    def of(cls, is_first: "Tensor | Resets | None", device: torch.device) -> "Resets | None":
        """Look at where frames are the first of an episode, bool `[T, B]`; the host waits if that is on a device."""
        if is_first is None or isinstance(is_first, Resets):
            return is_first
        host = is_first.cpu()
        times = host.any(dim=1).nonzero()[:, 0]
        host = host[times]
        return cls(tuple(times.tolist()), host, host.to(device, non_blocking=True))


def masks_of(resets: Resets | None) -> dict[int, Tensor]:
    """Return by time in which worlds an episode begins, bool `[B]`, on the device; nothing for None."""
    return {} if resets is None else dict(zip(resets.times, resets.device.unbind(), strict=True))

"""Times of an unroll, kept on the host, which branches on them, and on the device, which indexes by them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Times(NamedTuple):
    """Some times of an unroll: on the host, to branch on, and on the device, as row indices; so neither waits."""

    host: tuple[int, ...] | None
    """The times; None: unknown to the host, which must then do the same for all times, as in a replayed CUDA graph."""
    rows: Tensor
    """The times, int64 `[n]`, on the device."""

    @classmethod
    def of(cls, times: "Sequence[int] | Times", device: torch.device) -> "Times":
        """Return times that are known on the host, and copy them to a device unless they are `Times` already."""
        if isinstance(times, Times):
            return times
        if len(times) == 0:  # as in every step of acting: nothing to copy
            return cls((), torch.empty(0, dtype=torch.int64, device=device))
        return cls(tuple(times), torch.tensor(list(times), dtype=torch.int64).to(device, non_blocking=True))

    @property
    def known(self) -> tuple[int, ...]:
        """The times on the host.

        Raises:
            ValueError: they are known on the device only.
        """
        if self.host is None:
            raise ValueError("these times are known on the device alone; a bare LSTM can be unrolled with such, masked")
        return self.host

    @property
    def number(self) -> int:  # not len(), which a named tuple uses in `_make` and `_replace`
        """The number of times, n."""
        return self.rows.shape[0]


class Resets(NamedTuple):
    """Where episodes begin in an unroll, on host and device, so that the host need not wait for the device."""

    times: tuple[int, ...]
    """The R times at which an episode begins in any world."""
    host: Tensor
    """The worlds in which one begins at each of them, bool `[R, B]`, on the CPU."""
    device: Tensor
    """The same as `host`, on the device."""

    @classmethod
    def of(cls, is_first: "Tensor | Resets | None", device: torch.device) -> "Resets | None":
        """Make the resets from `is_first`, bool `[T, B]`; if that is on a device, the host waits for it."""
        if is_first is None or isinstance(is_first, Resets):
            return is_first
        host = is_first.cpu()
        times = host.any(dim=1).nonzero()[:, 0]
        host = host[times]
        return cls(tuple(times.tolist()), host, host.to(device, non_blocking=True))


def masks_of(resets: Resets | None) -> dict[int, Tensor]:
    """Return the worlds in which an episode begins, bool `[B]` on the device, by time; empty for None."""
    return {} if resets is None else dict(zip(resets.times, resets.device.unbind(), strict=True))

"""Losses that are not finite are noticed where they are computed: the host is told later, and nothing has changed."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor


class NonFiniteLossError(ArithmeticError):
    """A loss is NaN or infinite. The weights are those of before the update.

    Args:
        message: which loss, and what it is.
        before: the updates that were done before it.
    """

    def __init__(self, message: str, before: int) -> None:
        super().__init__(message)
        self.before = before


class Fault:
    """Notices, on the device, the first update with a term that is not finite; from then on nothing may change.

    Who would ask at every update whether it went well would make the host wait for the device at every update.
    """

    def __init__(self, device: torch.device) -> None:
        self.found = torch.zeros((), dtype=torch.bool, device=device)
        """Whether some update so far had a term that is not finite."""
        self.found_inf = torch.zeros((), device=device)
        """The same as a float, as the optimiser wants it."""
        self._names: tuple[str, ...] = ()
        self._state: Tensor | None = None
        """The updates before the one that failed, and its terms; of the last update where none has failed."""

    def look(self, terms: Mapping[str, Tensor], updates: Tensor) -> None:
        """Look at the terms of an update, scalars, alike on all ranks.

        Args:
            terms: by name; the same names every time.
            updates: how many were done before, a scalar on the device.
        """
        values = torch.stack([updates.double(), *(term.detach().double() for term in terms.values())])
        if self._state is None:
            self._names, self._state = tuple(terms), values.clone()
        else:
            self._state.copy_(torch.where(self.found, self._state, values))
        self.found.logical_or_(~values.isfinite().all())
        self.found_inf.copy_(self.found)

    def report(self) -> Tensor:
        """Return what `complain` reads, float64 `[2 + terms]`, on the device."""
        if self._state is None:
            return self.found.double()[None]
        return torch.cat([self.found.double()[None], self._state])

    def complain(self, report: list[float]) -> None:
        """Raise for the first term that was not finite, as `report` tells.

        Raises:
            NonFiniteLossError: there was one.
        """
        if not report[0]:
            return
        for name, value in zip(self._names, report[2:], strict=True):
            if not math.isfinite(value):
                raise NonFiniteLossError(f"the {name} is {value}", int(report[1]))

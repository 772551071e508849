"""Detection of non-finite losses on the device: nothing changes from then on, and the host checks later."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor


class NonFiniteLossError(ArithmeticError):
    """A loss is NaN or infinite, and the weights are those before the update; or a weight is, after it.

    Args:
        message: what is not finite.
        before: the updates that were done before it.
        part: the name of the loss, or of the weight in the system's state dict.
    """

    def __init__(self, message: str, before: int, part: str) -> None:
        super().__init__(message)
        self.before = before
        self.part = part


class Fault:
    """Detect on the device the first update with a term that is not finite; from then on nothing may change.

    A check on the host would make it wait for the device at every update.
    """

    def __init__(self, device: torch.device) -> None:
        self.found_inf = torch.zeros((), device=device)
        """1 if any update so far had a term that is not finite, else 0; read by the optimiser."""
        self._names: tuple[str, ...] = ()
        self._state: Tensor | None = None
        """The number of updates before the failed one, and its terms; of the last update if none has failed."""

    @property
    def found(self) -> Tensor:
        """Whether any update so far had such a term, a bool scalar on the device."""
        return self.found_inf > 0

    def check(self, names: Iterable[str], values: Tensor, updates: Tensor) -> None:
        """Check the terms of an update.

        Args:
            names: of the terms; the same every time.
            values: the terms' values, `[terms]`, the same on all ranks.
            updates: the number of updates before, a scalar on the device.
        """
        state = torch.cat([updates[None].double(), values.double()])
        if self._state is None:
            self._names, self._state = tuple(names), state
        else:
            self._state.copy_(torch.where(self.found, self._state, state))
        self.found_inf.copy_(self.found | ~values.isfinite().all())

    def report(self) -> Tensor:
        """Return the argument of `complain`, float64 `[2 + terms]`, on the device."""
        found = self.found_inf.double()[None]
        return found if self._state is None else torch.cat([found, self._state])

    def complain(self, report: list[float]) -> None:
        """Raise an error for the first term that was not finite according to `report`.

        Raises:
            NonFiniteLossError: there was one.
        """
        if not report[0]:
            return
        for name, value in zip(self._names, report[2:], strict=True):
            if not math.isfinite(value):
                raise NonFiniteLossError(f"the {name} is {value}", int(report[1]), name.removeprefix("loss of "))

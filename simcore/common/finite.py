"""Finding numbers that are not finite."""

from collections.abc import Iterable

from torch import Tensor


def first_not_finite(named: Iterable[tuple[str, Tensor]]) -> str | None:
    """Return the name of the first tensor that holds a NaN or an infinity, or None; the host waits for a GPU."""
    return next((name for name, tensor in named if not bool(tensor.isfinite().all())), None)

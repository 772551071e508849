"""Devices by name."""

import torch

from simcore.common.errors import UserError


def choose_device(name: str) -> torch.device:
    """Return the device that a name stands for.

    Raises:
        UserError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"there is no device {name!r} here; try auto or cpu") from error
    return device

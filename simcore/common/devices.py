"""Choosing a device by its name."""

import torch

from simcore.common.errors import UserError


def choose_device(name: str) -> torch.device:
    """Return the device of a name; auto is a GPU where there is one, else the CPU.

    Raises:
        UserError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"there is no device {name!r} here; name another, as --device auto or --device cpu") from error
    return device

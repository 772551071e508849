"""Choosing a device by its name."""

import warnings

import torch

from simcore.common.checks import shown
from simcore.common.errors import UserError


def choose_device(name: str) -> torch.device:
    """Return the device of a name; auto is a GPU where there is one, else the CPU.

    Raises:
        UserError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        with warnings.catch_warnings(action="ignore"):  # of names that PyTorch no longer uses
            device = torch.device(name)
            is_usable = bool(torch.ones((), device=device).item()) and (device.type != "cpu" or not device.index)
    except (RuntimeError, AssertionError, ImportError) as error:
        raise _missing(name) from error
    if not is_usable:
        raise _missing(name)
    return torch.device("cpu") if device.type == "cpu" else device


def _missing(name: str) -> UserError:
    return UserError(f"there is no device {shown(name)} here; name another, as --device auto or --device cpu")

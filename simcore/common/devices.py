"""Choosing a device by its name."""

import warnings

import torch

from simcore.common.checks import require, shown
from simcore.common.distributed import Launch
from simcore.common.errors import UserError


def choose_device(name: str) -> torch.device:
    """Return the device of a name; auto is a GPU where there is one, else the CPU.

    Of several processes that `torchrun` has started on this machine, each gets a GPU of its own by auto and cuda: that
    of its local rank.

    Raises:
        UserError: there is no such device here, or not one for each process.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of names that PyTorch no longer uses
            device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
            if device.type == "cuda":
                device = own_gpu(device, Launch.read())
            is_usable = bool(torch.ones((), device=device).item()) and (device.type != "cpu" or not device.index)
    except (RuntimeError, AssertionError, ImportError) as error:
        raise _missing(name) from error
    if not is_usable:
        raise _missing(name)
    return torch.device("cpu") if device.type == "cpu" else device


def own_gpu(device: torch.device, launch: Launch) -> torch.device:
    """Return the GPU of this process, which no other one on this machine has.

    Raises:
        UserError: one GPU is named for several processes, or there are fewer GPUs than processes.
    """
    count = torch.cuda.device_count()
    if launch.local_size == 1 or count == 0:
        return device
    processes = f"torchrun has started {launch.local_size} processes on this machine"
    require(device.index is None, f"{processes}, and --device {device} is one GPU; --device cuda gives each its own")
    # Not by their number: with --virtual-local-rank each sees one GPU, and is told that its rank is 0.
    require(
        launch.local_rank < count,
        f"{processes}, which has {count} GPU{'s' * (count > 1)}; let it be --nproc-per-node {count}, or --device cpu",
    )
    return torch.device("cuda", launch.local_rank)


def _missing(name: str) -> UserError:
    return UserError(f"there is no device {shown(name)} here; name another, as --device auto or --device cpu")

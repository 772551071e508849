"""Seeding: an independent random stream for each purpose, derived from the seed of a run."""

import hashlib
from typing import Any, NamedTuple

import torch
from torch import Tensor


def derive_seed(seed: int, purpose: str) -> int:
    """Derive a 48-bit seed for one purpose of a run, independent of those of other purposes and runs."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:6], "little")


def restore(generator: torch.Generator, state: Tensor) -> bool:
    """Restore the state of a generator; where it is of another kind of device, seed the generator from it instead.

    A CPU's state has 5,056 bytes and a GPU's 16; neither can be converted to the other.

    Returns:
        Whether the generator continues as the saved one would have.
    """
    state = state.cpu()
    is_same_kind = state.numel() == generator.get_state().numel()
    if is_same_kind:
        generator.set_state(state)
    else:
        digest = hashlib.sha256(state.numpy().tobytes()).digest()
        generator.manual_seed(int.from_bytes(digest[:6], "little"))
    return is_same_kind


class Generators(NamedTuple):
    """The random generators of one purpose."""

    host: torch.Generator
    """On the CPU, the same in all processes of a distributed run, for decisions that they must share."""
    device: torch.Generator
    """On the learner's device, different in each process."""

    @classmethod
    def seeded(cls, seed: int, purpose: str, device: torch.device, rank: int = 0) -> "Generators":
        """Make the generators of a purpose, from the streams `<purpose>/host` and `<purpose>/rank<rank>`."""
        host = torch.Generator().manual_seed(derive_seed(seed, f"{purpose}/host"))
        return cls(host, torch.Generator(device).manual_seed(derive_seed(seed, f"{purpose}/rank{rank}")))

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both generators."""
        return {"host": self.host.get_state(), "device": self.device.get_state()}

    def load_state_dict(self, state: dict[str, Any], is_own: bool = True) -> bool:
        """Restore what `state_dict` returned; the device's generator only if `is_own`: this rank saved the state.

        Returns:
            Whether they continue as the saved ones would have; False if the saved one was on another kind of device.
        """
        self.host.set_state(state["host"].cpu())
        return restore(self.device, state["device"]) if is_own else True

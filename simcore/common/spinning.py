"""How long OpenMP's threads spin while they wait for each other."""

import os
from collections.abc import MutableMapping

CHOICES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
"""The environment variables by which a user chooses it."""
SPINS = 10_000
"""A few tens of microseconds. PyTorch's OpenMP would spin thirty times as long, which on idle cores is a little faster.
Where another program has one of the cores, threads then spin for each other most of the time, and training is 13 times
as slow as with this (`python -m benchmarks.busy_core`)."""


def spin_briefly(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let threads soon sleep when they wait, here and in processes started from here, unless the user has chosen.

    OpenMP reads it when PyTorch is imported; later it changes nothing.
    """
    if not any(name in environment for name in CHOICES):
        environment["GOMP_SPINCOUNT"] = str(SPINS)

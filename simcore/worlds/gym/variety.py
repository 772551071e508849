"""A check of an environment's first frames: if they hardly vary, there is nothing to learn from."""

import logging

import numpy as np

from simcore.worlds.gym.vector import GymVectorEnv

STEPS = 32
"""The number of random actions."""
LEAST = 16
"""Grey levels of 255 by which at least one pixel must vary; a picture of small numbers, taken for grey, does not."""

logger = logging.getLogger(__name__)


def warn_of_dull_frames(worlds: GymVectorEnv, name: str) -> None:
    """Take a few random actions in worlds that were reset, and log a warning if the frames hardly vary meanwhile.

    Args:
        worlds: the worlds, which are somewhere else in their episodes afterwards.
        name: of the environment, for the message.
    """
    rng = np.random.default_rng(0)
    darkest, brightest = worlds.observe()[0].min(0), worlds.observe()[0].max(0)
    for _ in range(STEPS):
        frames = worlds.step(rng.integers(len(worlds.action_names), size=worlds.num_envs))[0]
        darkest, brightest = np.minimum(darkest, frames.min(0)), np.maximum(brightest, frames.max(0))
    spread = int((brightest.astype(np.int64) - darkest).max())
    if spread < LEAST:
        logger.warning(
            "%s: its first %d frames hardly vary, no pixel by more than %d of 255 (%s); look at which image it is "
            "(--world.observation), at its wrappers (--world.wrappers), and whether the bounds of its space are those "
            "of its values",
            name,
            STEPS + 1,
            spread,
            "all are black"
            if brightest.max() < LEAST
            else f"they have values from {darkest.min()} to {brightest.max()}",
        )

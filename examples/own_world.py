"""A world of your own with probes: what its `info` reports is read from the belief.

    python examples/own_world.py
    cd examples && simcore train own_world:Rooms-v0 --world.targets room=class:4 position=vector:2

SimCore can learn in any Gymnasium environment with an image and discrete actions. `--world.targets` names the entries
of `info` that probes are to read: here the room, one of four classes, and the place in it, a vector of two numbers.
"""

import argparse
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from simcore.cli import main as simcore

SIDE = 8
"""Cells along a side of the world."""
SEEN = 2
"""How many cells the agent sees in each direction."""
COLOURS = np.array([[200, 60, 60], [60, 160, 60], [60, 80, 200], [200, 180, 60]], np.uint8)
"""Of the floors of the four rooms."""
STEPS = ((0, -1), (1, 0), (0, 1), (-1, 0))
"""The moves of the actions: up, right, down, left."""


class Rooms(gymnasium.Env[NDArray[np.uint8], np.int64]):
    """Four rooms, each of one colour; the agent sees the cells around it, and is rewarded in the lower right corner."""

    observation_space = Box(0, 255, (2 * SEEN + 1, 2 * SEEN + 1, 3), np.uint8)
    action_space = Discrete(len(STEPS))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin somewhere; the rooms' colours change places."""
        super().reset(seed=seed)
        self.place = self.np_random.integers(0, SIDE - 1, 2)
        colours = self.np_random.permutation(COLOURS)
        floor = colours.reshape(2, 2, 3).repeat(SIDE // 2, 0).repeat(SIDE // 2, 1)
        self.picture = np.pad(floor, ((SEEN, SEEN), (SEEN, SEEN), (0, 0)))
        return self.look(), self.tell()

    def step(self, action: np.int64) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Move by one cell."""
        self.place = (self.place + STEPS[action]).clip(0, SIDE - 1)
        arrived = bool((self.place == SIDE - 1).all())
        return self.look(), float(arrived), arrived, False, self.tell()

    def look(self) -> NDArray[np.uint8]:
        """Return the observation: the cells around the agent."""
        column, row = self.place
        return self.picture[row : row + 2 * SEEN + 1, column : column + 2 * SEEN + 1]

    def tell(self) -> dict[str, Any]:
        """Return what is known but not shown."""
        column, row = self.place // (SIDE // 2)
        return {"room": int(2 * row + column), "position": self.place / SIDE}


gymnasium.register("Rooms-v0", entry_point=f"{__name__}:Rooms", max_episode_steps=30)


def main() -> None:
    """Train for a moment, then probe the belief."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/own-world"))
    parser.add_argument("--updates", type=int, default=200)
    arguments = parser.parse_args()
    run = str(arguments.run)
    world = ["--world.targets", "room=class:4", "position=vector:2", "--world.frame-size", "16"]
    learning = ["--learning.updates", str(arguments.updates), "--learning.worlds", "8", "--threads", "1"]
    probing = ["--probes.worlds", "64", "--probes.validation-worlds", "16"]
    simcore(["train", "Rooms-v0", "--run", run, *world, *learning, *probing])
    simcore(["probe", run, "--worlds", "32"])


if __name__ == "__main__":
    main()

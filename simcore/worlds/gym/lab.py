"""DeepMind Lab through Shimmy, with images and discrete actions. Importing this registers `DeepMindLab-v0`.

This module fixes three things in Shimmy: its actions are seven numbers each, it asks for an observation after the
episode's end, where Lab raises an error, and it renders every frame, even those over which an action is repeated.
"""

from typing import Any

import deepmind_lab
import gymnasium
import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray
from shimmy.dm_lab_compatibility import DmLabCompatibilityV0

LOOK, STRAFE, MOVE, FIRE = "LOOK_LEFT_RIGHT_PIXELS_PER_FRAME", "STRAFE_LEFT_RIGHT", "MOVE_BACK_FORWARD", "FIRE"

ACTIONS: dict[str, dict[str, int]] = {
    "forward": {MOVE: 1},
    "backward": {MOVE: -1},
    "strafe_left": {STRAFE: -1},
    "strafe_right": {STRAFE: 1},
    "look_left": {LOOK: -20},
    "look_right": {LOOK: 20},
    "forward_look_left": {MOVE: 1, LOOK: -20},
    "forward_look_right": {MOVE: 1, LOOK: 20},
    "fire": {FIRE: 1},
}
"""The nine actions of IMPALA (Espeholt et al., 2018): the nonzero parts of each in Lab's action."""


class PatientLab:
    """A `deepmind_lab.Lab` that repeats each action over several frames, and keeps an episode's last observation."""

    def __init__(self, lab: Any, frames: int) -> None:
        self.lab = lab
        self.frames = frames
        self.last: dict[str, Any] = {}

    def step(self, action: NDArray[np.intc]) -> float:
        """Take the action; return the sum of the rewards of its frames."""
        return self.lab.step(action, num_steps=self.frames)

    def observations(self) -> dict[str, Any]:
        """Return the current observation, or the last one if the episode is over."""
        if self.lab.is_running():
            self.last = self.lab.observations()
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lab, name)


class ChosenActions(gymnasium.ActionWrapper[Any, np.int64, Any]):
    """A wrapper with the discrete actions of `ACTIONS`."""

    action_names = tuple(ACTIONS)

    def __init__(self, env: gymnasium.Env[Any, Any], parts: list[str]) -> None:
        super().__init__(env)
        self.parts = parts
        self.action_space = Discrete(len(ACTIONS))

    def action(self, action: np.int64) -> dict[str, list[int]]:
        """Return Lab's action, with its parts in Lab's order."""
        chosen = ACTIONS[self.action_names[action]]
        return {part: [chosen.get(part, 0)] for part in self.parts}


def make_lab(
    level: str, frame_skip: int = 4, width: int = 96, height: int = 72, renderer: str = "software", **config: Any
) -> gymnasium.Env[Any, Any]:
    """Make an environment of a DeepMind Lab level.

    Args:
        level: Lab's name of the level, such as `rooms_collect_good_objects_train` or `contributed/dmlab30/...`.
        frame_skip: frames that an action lasts, at 60 frames per second.
        width: image width in pixels.
        height: image height in pixels.
        renderer: "software" or "hardware".
        **config: further settings of the level.
    """
    settings = {name: str(value) for name, value in {"width": width, "height": height, **config}.items()}
    lab = deepmind_lab.Lab(level, ["RGB_INTERLEAVED"], config=settings, renderer=renderer)
    parts = [part["name"] for part in lab.action_spec()]
    return ChosenActions(DmLabCompatibilityV0(env=PatientLab(lab, frame_skip)), parts)


gymnasium.register("DeepMindLab-v0", entry_point="simcore.worlds.gym.lab:make_lab")

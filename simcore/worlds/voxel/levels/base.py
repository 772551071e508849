"""The base of levels: named actions, arguments with their limits, and a function from a seed to a World."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcore.common.registry import Registry
from simcore.worlds.api import LONGEST_EPISODE, MAP, ProbeTarget, WorldConfig
from simcore.worlds.checks import require_valid, require_valid_fields
from simcore.worlds.voxel.grid import World
from simcore.worlds.voxel.rules import NOTHING
from simcore.worlds.voxel.topdown import MAP_FRAMES


class Action(NamedTuple):
    """A named action: all its parts happen in one step, in the order turn, look, hand, jump, walk.

    `turn` +1 is one turn angle to the right, `look` +1 one pitch step up, `walk` +1 one step ahead, `jump` 1
    a jump, `hand` one of `rules.NOTHING`, `REMOVE`, `PLACE`.
    """

    name: str
    turn: int = 0
    look: int = 0
    walk: int = 0
    jump: int = 0
    hand: int = NOTHING


@dataclass(frozen=True, kw_only=True)
class LevelConfig(WorldConfig):
    """The arguments that all levels share.

    Raises:
        ValueError: an argument is out of its limits; the message says which, and what is allowed.
    """

    size: int = 24
    """Side of the square grid in cells, walls included."""
    episode_length: int = 100
    """Steps after which an episode is truncated."""
    speed: float = 0.5
    """Cells walked in a step."""
    turn_angle: float = 22.5
    """Degrees of one turn."""
    field_of_view: float = 80.0
    """Horizontal angle of the view, in degrees."""
    map_frame: str = "start"
    """Frame of the map: "start" (the start pose is in the middle, heading up), "world" or "ego"."""

    def __post_init__(self) -> None:
        require_valid_fields(self)
        require_valid(5 <= self.size <= 255, f"size is {self.size}; allowed are 5 to 255 cells")
        require_valid(4 <= self.frame_size <= 512, f"frame_size is {self.frame_size}; allowed are 4 to 512 pixels")
        require_valid(
            1 <= self.episode_length <= LONGEST_EPISODE,
            f"episode_length is {self.episode_length}; allowed are 1 to {LONGEST_EPISODE} steps",
        )
        require_valid(0 < self.speed <= 1, f"speed is {self.speed}; allowed is more than 0 and up to 1 cell a step")
        turns = 360 / self.turn_angle if self.turn_angle > 0 else 0.0
        require_valid(
            turns >= 4 and abs(turns - round(turns)) < 1e-9,
            f"turn_angle is {self.turn_angle}; it must divide 360 degrees and be at most 90",
        )
        require_valid(
            10 <= self.field_of_view <= 150,
            f"field_of_view is {self.field_of_view}; allowed are 10 to 150 degrees",
        )
        require_valid(
            self.map_frame in MAP_FRAMES,
            f"map_frame is {self.map_frame!r}; allowed are {', '.join(MAP_FRAMES)}",
        )

    @property
    def turns(self) -> int:
        """The number of headings."""
        return round(360 / self.turn_angle)

    @property
    def probe_targets(self) -> tuple[ProbeTarget, ...]:
        """The true map, the cell where the body stands, and its heading in turns, all in the frame of the start."""
        return (
            ProbeTarget(MAP, "picture", (self.size, self.size, 3)),
            ProbeTarget("cell", "class", (self.size**2,)),
            ProbeTarget("heading", "class", (self.turns,), key="heading_index"),
        )

    @property
    def height(self) -> int:
        """Height of the grid in cells, the same for all episodes; each level defines it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Level:
    """A level: its name, its arguments, its actions, and `generate(config, episode_seed) -> World`.

    `generate` must be a pure function, and its worlds' grids `uint8 [size, size, height]` of the config. An
    episode that began with food terminates when the last of it is collected, and any when the body dies.
    """

    name: str
    config: type[LevelConfig]
    actions: tuple[Action, ...]
    generate: Callable[[Any, int], World]

    @property
    def action_names(self) -> tuple[str, ...]:
        """The names of the actions, in the order of their numbers."""
        return tuple(action.name for action in self.actions)

    def action_table(self) -> NDArray[np.int64]:
        """Return the parts of the actions, `int64 [A, 5]`, for `Rules`."""
        return np.array([action[1:] for action in self.actions], np.int64)


levels: Registry[Level] = Registry("level", Level, home="simcore.worlds.voxel.levels")
"""Levels by name."""


def register_level(level: Level) -> Level:
    """Register a level under its own name, and return it."""
    return levels.register(level.name)(level)

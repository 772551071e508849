"""The world of a live view: one episode at a time, which can be left, restored, tried out ahead, and seen sharply."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from simcore.analysis.loaded_run import LoadedRun
from simcore.common.seeding import derive_seed
from simcore.viewer.moment import Frame
from simcore.worlds import Walker
from simcore.worlds.api import Arrays
from simcore.worlds.voxel.env import WorldVectorEnv
from simcore.worlds.voxel.walker import MOVES

SHARP = 256
"""Side of the sharp picture, in pixels."""
MOST_SEEDS = 2**31
"""Seeds of worlds are below this."""


class Returned(NamedTuple):
    """What the world returned: of a reset, or of a step."""

    frame: Frame
    """uint8 `[H, W, 3]`."""
    reward: float
    is_over: bool
    info: dict[str, Any]
    """As a batch of one world gives it."""


class WorldState(NamedTuple):
    """A snapshot of a world."""

    world: Arrays
    walker: Arrays | None
    is_over: bool


class LiveWorld:
    """One world of a run, stepped by its driver.

    SimCore's levels can also be restored, tried out ahead in a twin, and drawn more sharply than the agent sees them;
    Gymnasium's environments can only be stepped.

    Args:
        run: whose worlds they are.

    Raises:
        UserError: the environment cannot be made on this machine.
    """

    def __init__(self, run: LoadedRun) -> None:
        self.worlds = run.make_worlds(1)
        self.action_names = self.worlds.action_names
        self.is_over = False
        self._twin: WorldVectorEnv | None = None
        self._walker: Walker | None = None
        self._sharp: WorldVectorEnv | None = None
        if isinstance(self.worlds, WorldVectorEnv):
            level, config = self.worlds.level.name, self.worlds.config
            self._twin = WorldVectorEnv(run.config.level, 1, **vars(config))
            sharp = replace(config, frame_size=max(SHARP, config.frame_size))
            self._sharp = WorldVectorEnv(run.config.level, 1, **vars(sharp))
            self._twin.reset(seed=0)
            self._sharp.reset(seed=0)
            if set(MOVES) <= set(self.action_names):
                self._walker = Walker(self.worlds, seed=derive_seed(run.config.seed, f"live/{level}"))

    @property
    def can_return(self) -> bool:
        """Whether the world can be restored, and tried out ahead."""
        return self._twin is not None

    @property
    def has_walker(self) -> bool:
        """Whether there is a hand-made walker for it."""
        return self._walker is not None

    def reset(self, seed: int) -> Returned:
        """Begin an episode."""
        frames, info = self.worlds.reset(seed=seed)
        self.is_over = False
        return Returned(frames[0].copy(), 0.0, False, info)

    def step(self, action: int) -> Returned:
        """Take an action; the episode must not be over."""
        frames, rewards, terminated, truncated, info = self.worlds.step(np.array([action]))
        self.is_over = bool(terminated[0] or truncated[0])
        return Returned(frames[0].copy(), float(rewards[0]), self.is_over, info)

    def walk(self) -> int:
        """Return the walker's next action."""
        assert self._walker is not None, "asked for where there is one"
        return int(self._walker.act()[0])

    def state(self) -> WorldState | None:
        """Return a snapshot; None where the world cannot be restored."""
        if not self.can_return:
            return None
        walker = None if self._walker is None else self._walker.get_state()
        return WorldState(self.worlds.get_state(), walker, self.is_over)

    def restore(self, state: WorldState) -> None:
        """Return to a snapshot of this world."""
        self.worlds.set_state(state.world)
        self.is_over = state.is_over
        if self._walker is not None and state.walker is not None:
            self._walker.set_state(state.walker)

    def draw(self, state: WorldState | None) -> Frame | None:
        """Return what the agent would see with sharp eyes at a snapshot, `[S, S, 3]`; None where it cannot be drawn."""
        if self._sharp is None or state is None:
            return None
        self._sharp.set_state(state.world)
        return self._sharp.observe()[0][0]

    def trial(self, state: WorldState) -> "Trial":
        """Return a trial of what actions would lead to from a snapshot; there can be one at a time."""
        assert self._twin is not None, "asked for where the world can be tried out"
        return Trial(self._twin, state)

    def close(self) -> None:
        """Release the world."""
        self.worlds.close()


class Trial:
    """A world tried out ahead from a snapshot, in a twin of the live one."""

    def __init__(self, twin: WorldVectorEnv, state: WorldState) -> None:
        twin.set_state(state.world)
        self._twin = twin
        self._walker: Walker | None = None
        if state.walker is not None:
            self._walker = Walker(twin)
            self._walker.set_state(state.walker)
        self.is_over = state.is_over
        self.frames: list[Frame] = []
        """The frames so far."""

    def walk(self) -> int:
        """Return the walker's next action."""
        assert self._walker is not None, "asked for where there is one"
        return int(self._walker.act()[0])

    def step(self, action: int) -> Returned:
        """Take an action; the episode must not be over."""
        frames, rewards, terminated, truncated, info = self._twin.step(np.array([action]))
        self.is_over = bool(terminated[0] or truncated[0])
        self.frames.append(frames[0])
        return Returned(frames[0], float(rewards[0]), self.is_over, info)

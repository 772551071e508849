"""The check that a user's level keeps the contract of `simcore.worlds.Level`."""

import numpy as np

from simcore.testing.comparing import demand
from simcore.worlds import KINDS, Level, LevelConfig, World, make_vector
from simcore.worlds.voxel.grid import AIR
from simcore.worlds.voxel.levels import levels, register_level

STEPS = 100
WORLDS = 4
SEEDS = (0, 1, 2**63 + 5)
"""Seeds of episodes, of up to 64 bits."""


def check_level(level: Level, config: LevelConfig | None = None, seed: int = 0) -> None:
    """Check that a level makes worlds that can be stepped and rendered, the same from the same seed.

    Args:
        level: the level.
        config: its arguments; None: the defaults.
        seed: of the actions.

    Raises:
        AssertionError: it breaks its contract; the message says how.
    """
    demand(isinstance(level, Level), f"{level!r} must be a simcore.worlds.Level")
    name = level.name
    demand(name.isidentifier(), f"the level's name {name!r} must be a plain word, as RandomCity")
    demand(
        isinstance(level.config, type) and issubclass(level.config, LevelConfig),
        f"{name}: config must be a dataclass derived from LevelConfig",
    )
    names = level.action_names
    demand(len(names) > 0 and len(set(names)) == len(names), f"{name}: actions must have names of their own")
    config = config or level.config()
    for episode_seed in SEEDS:
        _check_world(level, config, level.generate(config, episode_seed), level.generate(config, episode_seed))
    first, other = (level.generate(config, episode_seed).blocks for episode_seed in SEEDS[:2])
    demand(not np.array_equal(first, other), f"{name}: generate must make other worlds of other seeds")
    _check_steps(level, config, seed)


def _check_world(level: Level, config: LevelConfig, world: World, again: World) -> None:
    name, blocks = level.name, world.blocks
    shape = (config.size, config.size, config.height)
    demand(
        blocks.dtype == np.uint8 and blocks.shape == shape,
        f"{name}: generate must make blocks uint8 {list(shape)}, [size, size, height] of its config, "
        f"not {blocks.dtype} {list(blocks.shape)}",
    )
    demand(blocks.max() < len(KINDS), f"{name}: there are kinds of blocks 0 to {len(KINDS) - 1}, not {blocks.max()}")
    demand(
        np.array_equal(blocks, again.blocks) and (world.spawn, world.heading) == (again.spawn, again.heading),
        f"{name}: generate must be a pure function: the same seed made another world",
    )
    x, y, z = world.spawn
    inside = all(0 <= part < size for part, size in zip(world.spawn, shape, strict=True))
    demand(inside, f"{name}: the spawn {world.spawn} must lie in the grid, {list(shape)}")
    solid = np.array([kind.solid for kind in KINDS])
    demand(not solid[blocks[int(x), int(y), int(z)]], f"{name}: the spawn {world.spawn} must not lie within a block")
    demand(0 <= world.heading < config.turns, f"{name}: heading must be 0 to {config.turns - 1}, not {world.heading}")
    edge = np.ones(shape[:2], np.bool_)
    edge[1:-1, 1:-1] = False
    demand(
        bool((blocks[edge] != AIR).any(axis=1).all()),
        f"{name}: every column at the grid's edge must hold a wall, or bodies walk out of the world",
    )


def _check_steps(level: Level, config: LevelConfig, seed: int) -> None:
    """Step worlds with random actions, and check frames, maps, rewards and positions."""
    name = level.name
    if name not in levels:
        register_level(level)
    demand(levels.find(name) is level, f"there is another level named {name}")
    worlds = make_vector(name, WORLDS, **vars(config))
    frames, info = worlds.reset(seed=seed)
    demand(bool((frames != frames[:, :1, :1]).any()), f"{name}: the first frames show a single colour")
    demand(bool((info["map"] != info["map"][:, :1, :1]).any()), f"{name}: the map is of a single colour")
    actions = np.random.default_rng(seed)
    for _ in range(STEPS):
        chosen = actions.integers(len(level.actions), size=WORLDS)
        _, rewards, _, _, info = worlds.step(chosen)
        demand(bool(np.isfinite(rewards).all()), f"{name}: rewards must be finite, not {rewards}")
        position = worlds.episodes.motion[:, :2]
        demand(
            bool(((position >= 0) & (position < config.size)).all()),
            f"{name}: a body has left the grid: its edge must be walls too high to climb",
        )
